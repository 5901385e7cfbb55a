//! What rules must be by their heads alone: names that mean one thing, definitions that can stand together, decisions that deny by default.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Inspection, RULES,
    names::Place,
    schema::{Shape, Step},
    tree::{Expr, Module, Name, Node, Position, Rule, RuleKind, dotted},
};
use crate::policy::{Options, builtins, engine::Value};

/// Judges the heads of all rules.
pub(super) fn judge(gate: &mut Inspection<'_>, modules: &[Module], options: &Options) {
    let mut heads = Heads { gate };
    for module in modules {
        heads.package(module);
        heads.imports(module);
        for rule in &module.rules {
            heads.name(module, rule);
            heads.default(module, rule, options);
        }
    }
    let places: Vec<Place> = heads.gate.names.places().collect();
    for place in places {
        heads.conflicts(place);
    }
    heads.overlaps();
}

/// Rules that are only another name for a part of the input whose fields are known: `http := input.attributes.request.http`.
pub(super) fn aliases(gate: &Inspection<'_>) -> BTreeMap<Place, Vec<Name>> {
    let alias = |place: Place| {
        let [(module, rule)] = gate.names.rules(place) else { return None };
        let [body] = rule.bodies.as_slice() else { return None };
        if rule.kind != RuleKind::Value || !rule.tail.is_empty() || rule.is_default || !body.query.stmts.is_empty() {
            return None;
        }
        let (path, rest) = body.value.as_ref()?.path()?;
        let path = gate.resolve(module, &path).unwrap_or(path);
        let (root, path) = path.split_first()?;
        let shape = path.iter().try_fold(Shape::input(), |shape, name| shape.below(Step::Field(name)).ok())?;
        let is_known = &**root == "input" && rest.is_empty() && matches!(shape, Shape::Object(_));
        is_known.then(|| (place, path.to_vec()))
    };
    gate.names.places().filter_map(alias).collect()
}

struct Heads<'g, 'a> {
    gate: &'g mut Inspection<'a>,
}

impl Heads<'_, '_> {
    fn package(&mut self, module: &Module) {
        if module.package.first().is_some_and(|root| &**root == "system") {
            self.tell(
                module,
                module.at,
                "policy.system",
                "a package below `system` is not heard here: drop it, or name it otherwise",
            );
        }
        // A rule above a package would have to hold what the package does.
        let mut place = Some(Place::ROOT);
        for name in &module.package {
            place = place.and_then(|place| self.gate.names.below(place, name));
            let Some((_, rule)) = place.and_then(|place| self.gate.names.rules(place).first()) else { continue };
            let message = format!(
                "the package `{}` stands inside of the rule `{}`: name one otherwise",
                dotted(&module.package),
                rule.name()
            );
            self.tell(module, module.at, "policy.conflict", &message);
        }
    }

    /// An import that goes by a name of the engine's would be read in one way here and in another there.
    fn imports(&mut self, module: &Module) {
        let mut seen = BTreeSet::new();
        for import in &module.imports {
            let names: Vec<&str> = import.path.iter().map(|name| &**name).collect();
            match names.as_slice() {
                ["rego", "v1"]
                | ["future", "keywords"]
                | ["future", "keywords", "contains" | "every" | "if" | "in"] => continue,
                ["rego" | "future", ..] => {
                    let message = format!("there is no `{}` to import: drop it", dotted(&import.path));
                    self.tell(module, import.at, "policy.import", &message);
                    continue;
                }
                _ => {}
            }
            let alias = &import.alias;
            // Whichever file or package below this one it comes from: the engine looks for it here before it follows the import.
            let local = [module.package.as_slice(), std::slice::from_ref(alias)].concat();
            if self.gate.names.at(&local).is_some() || builtins::is_reserved(alias) || !seen.insert(alias) {
                let message = format!("`{alias}` means something else already: import it `as` another name");
                self.tell(module, import.at, "policy.shadow", &message);
            }
        }
    }

    fn name(&mut self, module: &Module, rule: &Rule) {
        if let Some(name) = rule.head(module).filter(|name| builtins::is_reserved(name)) {
            let message = format!("`{name}` means something else already: name the rule otherwise");
            self.tell(module, rule.at, "policy.shadow", &message);
        }
        // The shipped policy asks these, and would not hear a refusal that stands elsewhere or is no set.
        let is_refusal =
            rule.path.starts_with(&RULES.map(Name::from)) && rule.path.last().is_some_and(|name| &**name == "deny");
        let is_heard = rule.kind == RuleKind::Set && rule.path.len() == RULES.len().saturating_add(2);
        if is_refusal && !is_heard {
            let message = "write `deny contains \"...\" if ...` in a `package hopguard.rules.<name>`";
            self.tell(module, rule.at, "policy.deny", message);
        }
    }

    /// A default that allows turns every undefined condition into a permit.
    fn default(&mut self, module: &Module, rule: &Rule, options: &Options) {
        let Some(value) = rule.bodies.first().and_then(|body| body.value.as_ref()).filter(|_| rule.is_default) else {
            return;
        };
        let is_entry = rule.path.iter().map(|name| &**name).eq(options.entrypoint.names().iter().map(String::as_str));
        if !is_constant(value) {
            self.tell(module, rule.at, "policy.default", "a default is a constant: give it without reading anything");
        }
        let decides = is_entry || rule.path.last().is_some_and(|name| &**name == "allow");
        if decides && may_allow(value) {
            let message = "the default of a decision must be `false`, or an object with `\"allowed\": false`";
            self.tell(module, rule.at, "policy.default_allow", message);
        }
    }

    /// Definitions of one name that cannot stand together, as OPA's compiler sees it.
    fn conflicts(&mut self, place: Place) {
        let Some((module, first)) = self.gate.names.rules(place).first().copied() else { return };
        let rules: Vec<&Rule> = self.gate.names.rules(place).iter().map(|(_, rule)| *rule).collect();
        let name = first.name();
        let any = |wanted: &dyn Fn(&Rule) -> bool| rules.iter().any(|rule| wanted(rule));
        let kinds: BTreeSet<(RuleKind, usize)> = rules.iter().map(|rule| (rule.kind, rule.args.len())).collect();
        let is_partial = |rule: &Rule| rule.kind == RuleKind::Value && !rule.tail.is_empty();
        let mixes = any(&|rule| rule.kind == RuleKind::Value && rule.is_complete()) && any(&is_partial);
        let sets = any(&|rule| rule.kind == RuleKind::Set && rule.tail.is_empty())
            && any(&|rule| rule.kind == RuleKind::Set && !rule.tail.is_empty());
        if kinds.len() > 1 || mixes || sets {
            let message =
                format!("`{name}` is defined as more than one kind of rule, or with different numbers of arguments");
            self.tell(module, first.at, "policy.conflict", &message);
        }
        if let Some(second) = rules.iter().filter(|rule| rule.is_default).nth(1) {
            self.tell(module, second.at, "policy.conflict", &format!("`{name}` has more than one default"));
        }
        let below = if any(&|rule| rule.tail.is_empty()) {
            self.gate.names.find_below(place, &|_| true)
        } else {
            self.gate.names.find_below(place, &Rule::is_function)
        };
        if let Some(below) = below {
            let message = format!("`{name}` has a value of its own, and `{}` stands inside of it", below.name());
            self.tell(module, first.at, "policy.conflict", &message);
        }
        self.contradictions(place);
    }

    /// Constants of one name that hold at once.
    fn contradictions(&mut self, place: Place) {
        let always = |rule: &Rule| match rule.bodies.first() {
            Some(body)
                if rule.kind == RuleKind::Value
                    && rule.is_complete()
                    && !rule.is_default
                    && body.query.stmts.is_empty() =>
            {
                body.value.as_ref().map_or_else(|| Some(Value::from(true)), Expr::constant)
            }
            _ => None,
        };
        let values: Vec<_> = self.gate.names.rules(place).iter().filter_map(|it| Some((*it, always(it.1)?))).collect();
        let Some((_, first)) = values.first() else { return };
        if let Some(((module, rule), _)) = values.iter().find(|(_, value)| value != first) {
            let message = format!("`{}` always has another value too: add a condition, or drop one", rule.name());
            self.tell(module, rule.at, "policy.contradiction", &message);
        }
    }

    /// Data documents that say what a rule says.
    fn overlaps(&mut self) {
        let mut ahead = vec![(Place::ROOT, self.gate.data)];
        while let Some((place, data)) = ahead.pop() {
            if let Some((module, rule)) = self.gate.names.rules(place).first() {
                let message = format!("a data document has a value at `data.{}` too: drop one of them", rule.name());
                self.gate.findings.tell(module, rule.at, "policy.overlap", &message);
                continue;
            }
            for (name, child) in self.gate.names.children(place) {
                match data {
                    Value::Object(fields) => {
                        ahead.extend(fields.get(&Value::from(&**name)).map(|below| (child, below)))
                    }
                    // What is no object has no room for a rule.
                    _ => ahead.push((child, data)),
                }
            }
        }
    }

    fn tell(&mut self, module: &Module, at: Position, id: &str, message: &str) {
        self.gate.findings.tell(module, at, id, message);
    }
}

/// Whether a value reads nothing; what a comprehension reads is its own.
fn is_constant(value: &Expr) -> bool {
    match &value.node {
        Node::Constant(_) | Node::Comprehension { .. } => true,
        Node::Array(items) | Node::Set(items) => items.iter().all(is_constant),
        Node::Object(fields) => fields.iter().all(|(key, value)| is_constant(key) && is_constant(value)),
        Node::Minus(inner) => is_constant(inner),
        _ => false,
    }
}

/// Whether a constant could be an allow. What cannot be told could.
fn may_allow(value: &Expr) -> bool {
    let is_false = |value: &Expr| matches!(&value.node, Node::Constant(Value::Bool(false)));
    let Node::Object(fields) = &value.node else { return !is_false(value) };
    // A key that is not plainly another one could be the one, and of two the last counts.
    let Some(names) = fields.iter().map(|(key, _)| key.text()).collect::<Option<Vec<_>>>() else { return true };
    let mut allowed = fields.iter().zip(names).filter(|(_, name)| &***name == "allowed").map(|((_, value), _)| value);
    match (allowed.next(), allowed.next()) {
        (Some(value), None) => !is_false(value),
        _ => true,
    }
}
