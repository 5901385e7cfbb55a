//! Writes policies: of what the policies of Envoy's users are made of, put together in ways that nobody would.

mod bodies;
mod collections;
mod decisions;
mod scalars;

use crate::{
    draw::Draw,
    policy::{Policy, Rule},
};

/// What an expression is, as far as its author knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Any,
    Text,
    Number,
    Truth,
    Set,
    List,
    Object,
}

/// An author at work on one policy.
#[derive(Debug)]
pub(crate) struct Author {
    draw: Draw,
    /// Whether only fields are named that a hop can have, and types are minded.
    is_careful: bool,
    /// Whether only conditions are written that need no variables, comprehensions or arithmetic.
    is_terse: bool,
    rules: Vec<Rule>,
    library: Vec<Rule>,
    /// Names of finished rules: a rule uses only those before it, so that none evaluates itself.
    values: Vec<(String, Kind)>,
    /// Functions of one argument, and of two.
    functions: Vec<(String, usize)>,
    /// Variables that the rule at hand may use.
    scope: Vec<(String, Kind)>,
    count: usize,
}

/// The policy of a draw.
pub(crate) fn write(mut draw: Draw) -> Policy {
    let is_terse = draw.chance(30);
    let is_careful = is_terse || draw.chance(65);
    let mut author = Author {
        draw,
        is_careful,
        is_terse,
        rules: Vec::new(),
        library: Vec::new(),
        values: Vec::new(),
        functions: Vec::new(),
        scope: Vec::new(),
        count: 0,
    };
    if !is_terse && author.draw.chance(30) {
        author.library();
    }
    for _ in 0..author.draw.between(1, 5) {
        author.helper();
    }
    author.decision();
    Policy { library: author.library, rules: author.rules }
}

impl Author {
    fn library(&mut self) {
        for _ in 0..self.draw.between(1, 2) {
            let name = self.name("shared");
            let before = std::mem::take(&mut self.rules);
            let functions = std::mem::take(&mut self.functions);
            self.function(&name);
            self.library.append(&mut self.rules);
            self.rules = before;
            let (name, arity) = self.functions.pop().unwrap();
            self.functions = functions;
            self.functions.push((format!("tools.{name}"), arity));
        }
    }

    /// A rule that later rules may use.
    fn helper(&mut self) {
        self.scope.clear();
        let name = self.name("helper");
        match self.draw.below(if self.is_terse { 2 } else { 10 }) {
            0 | 1 => self.truth_rule(&name),
            2..=4 => self.value_rule(&name),
            5 | 6 => self.set_rule(&name),
            7 => self.object_rule(&name),
            _ => self.function(&name),
        }
        self.scope.clear();
    }

    /// `name if ...`, maybe with several bodies and with a default.
    fn truth_rule(&mut self, name: &str) {
        if self.draw.chance(50) {
            let value = if self.draw.chance(90) { "false" } else { "true" };
            self.rule(format!("default {name} := {value}"), Vec::new());
        }
        for _ in 0..self.draw.between(1, 2) {
            let body = self.body(1, 3);
            self.rule(name, body);
            self.scope.clear();
        }
        self.values.push((name.to_owned(), Kind::Truth));
    }

    /// `name := ... if ...`, maybe with a default, with `else`, or with two bodies that may not agree.
    fn value_rule(&mut self, name: &str) {
        let kind = self.kind();
        if self.draw.chance(30) {
            let value = self.constant(kind);
            self.rule(format!("default {name} := {value}"), Vec::new());
        }
        for _ in 0..if self.draw.chance(15) { 2 } else { 1 } {
            let body = if self.draw.chance(80) { self.body(1, 3) } else { Vec::new() };
            let value = self.value(kind, 2, &body);
            let is_bare = body.is_empty();
            self.rule(format!("{name} := {value}"), body);
            self.scope.clear();
            if !is_bare && self.draw.chance(30) {
                let body = self.body(1, 2);
                let value = self.value(kind, 1, &body);
                let rule = self.rules.last_mut().unwrap();
                rule.otherwise.push((value, body));
                self.scope.clear();
            }
        }
        self.values.push((name.to_owned(), kind));
    }

    fn set_rule(&mut self, name: &str) {
        for _ in 0..self.draw.between(1, 2) {
            let body = self.body(1, 3);
            let kind = self.kind();
            let value = self.value(kind, 1, &body);
            self.rule(format!("{name} contains {value}"), body);
            self.scope.clear();
        }
        self.values.push((name.to_owned(), Kind::Set));
    }

    fn object_rule(&mut self, name: &str) {
        for _ in 0..self.draw.between(1, 2) {
            let body = self.body(1, 3);
            let key = self.value(Kind::Text, 1, &body);
            let kind = self.kind();
            let value = self.value(kind, 1, &body);
            self.rule(format!("{name}[{key}] := {value}"), body);
            self.scope.clear();
        }
        self.values.push((name.to_owned(), Kind::Object));
    }

    fn function(&mut self, name: &str) {
        let arity = self.draw.between(1, 2);
        let kind = self.kind();
        for _ in 0..if self.draw.chance(20) { 2 } else { 1 } {
            let names = &["one", "two"][..arity];
            self.scope = names.iter().map(|name| ((*name).to_owned(), Kind::Any)).collect();
            let body = if self.draw.chance(70) { self.body(1, 3) } else { Vec::new() };
            let value = self.value(kind, 2, &body);
            let text = format!("{value} {}", body.join(" "));
            let names: Vec<&str> = names.iter().map(|name| if text.contains(name) { name } else { "_" }).collect();
            self.rule(format!("{name}({}) := {value}", names.join(", ")), body);
            self.scope.clear();
        }
        self.functions.push((name.to_owned(), arity));
    }

    fn rule(&mut self, head: impl Into<String>, body: Vec<String>) {
        self.rules.push(Rule::new(head, body));
    }

    /// A value of the head, which uses what the body found where that can be.
    fn value(&mut self, kind: Kind, depth: usize, body: &[String]) -> String {
        if !self.is_terse && self.draw.chance(8) {
            return self.draw.of(ITEMS).to_owned();
        }
        if !body.is_empty()
            && self.draw.chance(50)
            && let Some(name) = self.variable(kind)
        {
            return name;
        }
        self.expression(kind, depth)
    }

    /// Any expression of this kind.
    fn expression(&mut self, kind: Kind, depth: usize) -> String {
        let depth = match kind {
            Kind::Text => depth,
            _ if self.is_terse => 0,
            _ => depth,
        };
        if self.draw.chance(20)
            && let Some(name) = self.variable(kind)
        {
            return name;
        }
        if depth > 0
            && self.draw.chance(15)
            && let Some(name) = self.named(kind)
        {
            return name;
        }
        match kind {
            Kind::Any => self.any(depth),
            Kind::Text => self.text(depth),
            Kind::Number => self.number(depth),
            Kind::Truth => self.truth(depth),
            Kind::Set => self.set(depth),
            Kind::List => self.list(depth),
            Kind::Object => self.object(depth),
        }
    }

    fn kind(&mut self) -> Kind {
        const ALL: [Kind; 9] = [
            Kind::Any,
            Kind::Text,
            Kind::Text,
            Kind::Text,
            Kind::Number,
            Kind::Truth,
            Kind::Set,
            Kind::List,
            Kind::Object,
        ];
        if self.is_terse { Kind::Text } else { ALL[self.draw.below(ALL.len())] }
    }

    fn variable(&mut self, kind: Kind) -> Option<String> {
        let fits = |known: &&(String, Kind)| known.1 == kind || known.1 == Kind::Any;
        let all: Vec<&str> = self.scope.iter().filter(fits).map(|(name, _)| name.as_str()).collect();
        (!all.is_empty()).then(|| self.draw.of(&all).to_owned())
    }

    /// A rule or a call that is of this kind.
    fn named(&mut self, kind: Kind) -> Option<String> {
        if self.draw.chance(30) && !self.functions.is_empty() {
            let (name, arity) = self.functions[self.draw.below(self.functions.len())].clone();
            let arguments: Vec<String> = (0..arity).map(|_| self.expression(Kind::Any, 0)).collect();
            return Some(format!("{name}({})", arguments.join(", ")));
        }
        let all: Vec<&str> =
            self.values.iter().filter(|known| known.1 == kind).map(|(name, _)| name.as_str()).collect();
        (!all.is_empty()).then(|| self.draw.of(&all).to_owned())
    }

    fn name(&mut self, stem: &str) -> String {
        self.count += 1;
        format!("{stem}_{}", self.count)
    }

    /// A new variable. Its name is as long as any other's, so that none is the beginning of another.
    fn fresh(&mut self, kind: Kind) -> String {
        self.count += 1;
        let name = format!("v{:03}", self.count);
        self.scope.push((name.clone(), kind));
        name
    }
}

/// What a head finds in one item after another.
const ITEMS: &[&str] = &[
    "input.parsed_body.items[_].bad",
    "input.parsed_body.items[_].path",
    "[input.parsed_body.items[_].price]",
    "data.roles[input.parsed_body.items[_].role]",
    "{\"a\": lower(input.parsed_body.items[_].path)}",
    "data.roles[_][1]",
];
