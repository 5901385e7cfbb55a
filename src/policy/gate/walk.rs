//! Goes through every expression of a rule once, with the variables that are in scope there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Inspection,
    names::Place,
    never,
    scope::{self, Declared, Known, Local, Scope, is_unconditional},
    tree::{Body, Expr, Literal, Module, Name, Node, Position, Query, Rule, Stmt},
    types,
};
use crate::{policy::builtins, yaml::quote};

/// One rule on its way through the gate.
pub(super) struct Walk<'w, 'a> {
    pub(super) gate: &'w mut Inspection<'a>,
    pub(super) module: &'a Module,
    /// The rule's vertex.
    pub(super) rule: usize,
    pub(super) scopes: Vec<Scope>,
    /// Which imports are used.
    pub(super) imports: &'w mut BTreeSet<Name>,
    /// Names that the rule gives a value without declaring them, and those that it uses.
    pub(super) bound: BTreeSet<Name>,
    pub(super) free: BTreeMap<Name, Position>,
    /// Whether the statement sees another input than the hop's.
    pub(super) is_mocked: bool,
}

impl<'a> Walk<'_, 'a> {
    pub(super) fn rule(&mut self, place: Place, rule: &'a Rule) {
        self.scopes.push(Scope::of_args(&rule.args));
        rule.args.iter().for_each(|arg| self.pattern(arg));
        let mut before: Option<&Body> = None;
        for body in &rule.bodies {
            if body.is_else && before.is_some_and(is_unconditional) {
                self.tell(body.at, "policy.never", "what stands before this `else` always holds: drop one of them");
            }
            before = Some(body);
            let head: Vec<&Expr> = rule.tail.iter().chain(&rule.key).chain(&body.value).collect();
            // What is only another name for a part of the input is read where the name is.
            let head = if self.gate.aliases.contains_key(&place) { &[] } else { head.as_slice() };
            self.query(&body.query, head);
        }
        self.leave();
        for (name, at) in std::mem::take(&mut self.free) {
            if !self.bound.contains(&name) {
                self.tell(at, "policy.unsafe", &format!("nothing gives {} a value", quote(&name)));
            }
        }
    }

    /// A query, and the expressions that its variables are made for.
    fn query(&mut self, query: &'a Query, heads: &[&'a Expr]) {
        self.scopes.push(Scope::of_query(query));
        query.stmts.iter().for_each(|stmt| self.learn(stmt));
        query.stmts.iter().for_each(|stmt| self.stmt(stmt));
        heads.iter().for_each(|head| self.expr(head));
        self.leave();
    }

    /// Leaves a scope, and names what nothing in it uses.
    fn leave(&mut self) {
        let Some(scope) = self.scopes.pop() else { return };
        for (name, local) in scope.unused() {
            // Nobody looks at what stands there, but whether something does decides.
            if let Some(Known { path: Some(path), .. }) = &local.known {
                self.gate.reads.add(path);
            }
            let what = match local.by {
                Declared::Argument => "argument",
                Declared::Assignment | Declared::Every | Declared::Some | Declared::SomeIn => "variable",
            };
            self.tell(
                local.at,
                "policy.unused",
                &format!("the {what} {} is not used: drop it, or write `_`", quote(name)),
            );
        }
        for (name, local) in &scope.locals {
            if local.by == Declared::Some && local.is_used && !self.bound.contains(name) {
                self.tell(local.at, "policy.unsafe", &format!("nothing gives {} a value", quote(name)));
            }
            if matches!(&**name, "input" | "data") {
                self.tell(
                    local.at,
                    "policy.shadow",
                    &format!("`{name}` means something else already: use another name"),
                );
            }
        }
    }

    /// What is known of the variables that a statement declares.
    fn learn(&mut self, stmt: &'a Stmt) {
        if let Literal::Expr(Expr { node: Node::Assign { declares: true, sides }, .. }) = &stmt.literal {
            let kinds = types::kinds(self, &sides.1);
            if let Some(local) = sides.0.var().and_then(|name| self.scopes.last_mut()?.locals.get_mut(name)) {
                local.kinds = kinds;
            }
        }
        let (pattern, known) = match &stmt.literal {
            _ if !stmt.with.is_empty() => return,
            Literal::Expr(Expr { node: Node::Assign { declares: true, sides }, .. }) => {
                (&sides.0, self.known(&sides.1))
            }
            Literal::SomeIn { value, collection, .. } => (value, self.item(collection)),
            _ => return,
        };
        if let Some(name) = pattern.var()
            && let Some(local) = self.scopes.last_mut().and_then(|scope| scope.locals.get_mut(name))
            && !local.is_repeated
        {
            local.known = known;
        }
    }

    fn item(&self, collection: &Expr) -> Option<Known> {
        Some(Known { shape: self.known(collection)?.shape.item()?, path: None })
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        let outer = self.is_mocked;
        self.is_mocked |= stmt.with.iter().any(|with| {
            with.target.path().is_some_and(|(path, _)| path.first().is_some_and(|root| &**root == "input"))
        });
        match &stmt.literal {
            Literal::Expr(expr) => {
                if expr.constant() == Some(false.into()) {
                    self.tell(expr.at, "policy.never", "`false` never holds");
                }
                self.expr(expr);
            }
            Literal::Not(expr) => {
                if expr.constant().is_some_and(|value| value != false.into()) {
                    self.tell(expr.at, "policy.never", "`not` of what always holds never does");
                }
                self.negation(expr);
            }
            Literal::Some(_) => {}
            Literal::SomeIn { key, value, collection } => {
                key.iter().chain([value]).for_each(|pattern| self.pattern(pattern));
                self.expr(collection);
            }
            Literal::Every { key, value, domain, query } => {
                self.expr(domain);
                let mut scope = Scope::default();
                key.iter().chain([value]).for_each(|(name, at)| scope.declare(name, *at, Declared::Every));
                if let Some(local) = scope.locals.get_mut(&value.0) {
                    local.known = self.item(domain);
                }
                self.scopes.push(scope);
                self.query(query, &[]);
                self.leave();
            }
        }
        self.is_mocked = outer;
        stmt.with.iter().for_each(|with| self.with(with.at, &with.target, &with.value));
    }

    /// What stands on the left: a declared variable in it is no use of it.
    fn pattern(&mut self, pattern: &'a Expr) {
        match &pattern.node {
            Node::Var(_) => {}
            Node::Array(items) => items.iter().for_each(|item| self.pattern(item)),
            Node::Object(fields) => fields.iter().for_each(|(key, value)| {
                self.expr(key);
                self.pattern(value);
            }),
            _ => self.expr(pattern),
        }
    }

    pub(super) fn expr(&mut self, expr: &'a Expr) {
        match &expr.node {
            Node::Constant(_) => {}
            Node::Var(_) | Node::Ref { .. } => self.reference(expr),
            Node::Array(items) | Node::Set(items) => items.iter().for_each(|item| self.expr(item)),
            Node::Object(fields) => fields.iter().for_each(|(key, value)| {
                self.expr(key);
                self.expr(value);
            }),
            Node::Comprehension { terms, query, .. } => self.query(query, &terms.iter().collect::<Vec<_>>()),
            Node::Call { function, params } => self.call(expr.at, function, params),
            Node::Minus(inner) => {
                types::operands(self, expr);
                self.expr(inner);
            }
            Node::Arith(sides) | Node::Sets(sides) => {
                types::operands(self, expr);
                self.expr(&sides.0);
                self.expr(&sides.1);
            }
            Node::Compare { op, sides } => {
                never::compare(self, expr.at, *op, &sides.0, &sides.1);
                self.expr(&sides.0);
                self.expr(&sides.1);
            }
            Node::Assign { declares, sides } => {
                if *declares {
                    self.pattern(&sides.0);
                    // What is only another name for a part of the input is read where the name is.
                    if self
                        .local_of(&sides.0)
                        .is_some_and(|local| matches!(&local.known, Some(Known { path: Some(_), .. })))
                    {
                        self.indices(&sides.1);
                        return;
                    }
                } else {
                    never::equal(self, expr.at, &sides.0, &sides.1);
                    self.bind(&sides.0);
                    self.bind(&sides.1);
                    self.expr(&sides.0);
                }
                self.expr(&sides.1);
            }
            Node::Member { key, value, collection } => {
                never::member(self, value, collection);
                if let Some(key) = key {
                    self.expr(key);
                }
                self.expr(value);
                self.expr(collection);
            }
        }
    }

    /// Marks what an alias is made of as used, without reading it.
    fn indices(&mut self, alias: &'a Expr) {
        let Node::Var(root) = &alias.reference().0.node else { return };
        if let Some(local) = self.local(root) {
            local.is_used = true;
        } else {
            self.imports.insert(root.clone());
        }
    }

    fn call(&mut self, at: Position, function: &'a Expr, params: &'a [Expr]) {
        let (name, rest) = function.path().unwrap_or_default();
        if let Some(root) = name.first() {
            self.imports.insert(root.clone());
        }
        let own = self.functions(&name);
        if name.is_empty() || !rest.is_empty() {
            self.tell(at, "policy.unknown_function", "functions are called by their names");
            self.expr(function);
        } else if own.is_empty() {
            self.builtin(at, &super::tree::dotted(&name), params);
            return;
        }
        for place in own {
            self.gate.graph.connect(self.rule, self.gate.graph.rule(place));
            let arity = self.gate.names.function(place).map_or(0, |rule| rule.args.len());
            params.get(arity..).unwrap_or_default().iter().for_each(|param| self.bind(param));
            // A further argument receives the result.
            if params.len() != arity && params.len() != arity.saturating_add(1) {
                let message =
                    format!("{} takes {arity} arguments, not {}", quote(&super::tree::dotted(&name)), params.len());
                self.tell(at, "policy.arity", &message);
            }
        }
        params.iter().for_each(|param| self.expr(param));
    }

    fn builtin(&mut self, at: Position, name: &str, params: &'a [Expr]) {
        // What the policy does not define itself, the engine looks up as it is spelled, whatever import has the same name.
        if let Err(message) = builtins::admit(name, &params.iter().map(Expr::outline).collect::<Vec<_>>()) {
            self.gate.findings.say(self.module, at, &message);
        }
        types::arguments(self, name, params);
        if let Some(last) = params.last().filter(|_| super::arity(name).is_some_and(|arity| params.len() > arity)) {
            self.bind(last);
        }
        let vertex = self.gate.builtin(name);
        self.gate.graph.connect(self.rule, vertex);
        if let ("object.get", [object, key, default]) = (name, params)
            && self.get(object, key)
        {
            self.expr(default);
            return;
        }
        params.iter().for_each(|param| self.expr(param));
    }

    /// The places of the functions of the policy's own that a name may mean.
    pub(super) fn functions(&self, name: &[Name]) -> BTreeSet<Place> {
        let readings = [self.gate.resolve(self.module, name), Some(name.to_vec())];
        let places = readings.iter().flatten().filter_map(|name| match name.split_first() {
            Some((root, rest)) if &**root == "data" => self.gate.names.at(rest),
            _ => self.gate.names.at(&[self.module.package.as_slice(), name.as_slice()].concat()),
        });
        places.filter(|place| self.gate.names.function(*place).is_some()).collect()
    }

    fn with(&mut self, at: Position, target: &'a Expr, value: &'a Expr) {
        let (name, _) = target.path().unwrap_or_default();
        if let Some(root) = name.first() {
            self.imports.insert(root.clone());
        }
        if !self.gate.is_test {
            self.tell(at, "policy.with", "`with` belongs in tests, where it replaces what a policy sees");
        }
        let own: Vec<usize> = self.functions(&name).into_iter().map(|place| self.gate.graph.rule(place)).collect();
        let spelled = super::tree::dotted(&name);
        let targets =
            if own.is_empty() && super::is_builtin(&spelled) { vec![self.gate.builtin(&spelled)] } else { own };
        if targets.is_empty() {
            // The rest of what is replaced is seen as it is.
            if name.len() > 1 || name.first().is_none_or(|root| &**root != "input") {
                self.reference(target);
            }
            self.expr(value);
            return;
        }
        if !self.gate.is_test {
            self.tell(
                at,
                "policy.mock",
                &format!("{} is replaced: functions are replaced in tests only", quote(&spelled)),
            );
        }
        let (by, _) = value.path().unwrap_or_default();
        let by_spelled = super::tree::dotted(&by);
        let replacements = self.functions(&by);
        if replacements.is_empty() && super::is_builtin(&by_spelled) {
            self.tell(
                at,
                "policy.mock",
                &format!("{} stands in for a function: write one that calls it", quote(&by_spelled)),
            );
            return;
        }
        for target in &targets {
            for place in &replacements {
                self.gate.graph.connect(*target, self.gate.graph.rule(*place));
            }
        }
        if replacements.is_empty() {
            self.expr(value);
        } else {
            self.imports.extend(by.first().cloned());
        }
    }

    /// A negated condition gives no variable a value; what is called for it is called before.
    fn negation(&mut self, expr: &'a Expr) {
        let mut indices = Vec::new();
        scope::negated(expr, &mut indices);
        indices.retain(|(name, _)| &***name == "_" || !self.bound.contains(*name));
        self.expr(expr);
        for (name, at) in indices {
            self.bound.remove(name);
            if &**name == "_" {
                let message = "a negated condition chooses no item: choose it before with `some ... in`, or use `in`";
                self.tell(at, "policy.unsafe", message);
            }
        }
    }

    /// The variables of a pattern get a value where they have none.
    pub(super) fn bind(&mut self, pattern: &Expr) {
        match &pattern.node {
            Node::Var(name) => {
                self.bound.insert(name.clone());
            }
            Node::Array(items) => items.iter().for_each(|item| self.bind(item)),
            Node::Object(fields) => fields.iter().for_each(|(_, value)| self.bind(value)),
            _ => {}
        }
    }

    /// The variable of this name, if a scope declares one.
    pub(super) fn local(&mut self, name: &str) -> Option<&mut Local> {
        self.scopes.iter_mut().rev().find_map(|scope| scope.locals.get_mut(name))
    }

    fn local_of(&self, pattern: &Expr) -> Option<&Local> {
        self.scopes.last()?.locals.get(pattern.var()?)
    }

    pub(super) fn tell(&mut self, at: Position, id: &str, message: &str) {
        self.gate.findings.tell(self.module, at, id, message);
    }
}

/// The imports of one file, by the names that they go by.
pub(super) fn imports(module: &Module) -> BTreeMap<Name, Arc<[Name]>> {
    module.imports.iter().map(|import| (import.alias.clone(), Arc::from(import.path.as_slice()))).collect()
}
