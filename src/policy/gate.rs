//! What a policy must be before it may become active, judged on its syntax tree: every reason against it, all at once.
//!
//! The interpreter finds an unknown function only when it is called, ends a runaway builtin never, and aborts the process on deep
//! recursion. None of that may wait for a hop.

mod tree;

use std::collections::{BTreeMap, BTreeSet};

use self::tree::{Module, Rule, Visitor};
use super::builtins;
use crate::yaml::{Problem, Problems};

/// What a policy reads of the parts of its input that can be missing or broken on a hop that is otherwise fine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reads {
    /// The request's body, parsed or not.
    pub(super) body: bool,
    /// Whether Envoy cut the body.
    pub(super) truncated: bool,
    /// The parsed query.
    pub(super) query: bool,
}

/// Admits a policy by its syntax tree, as the engine writes it.
///
/// # Errors
/// Every reason against it.
pub(super) fn admit(ast: &str, entrypoint: &str) -> Result<Reads, Problems> {
    let modules = tree::modules(ast)?;
    let rules: Vec<(&Module, &Rule)> =
        modules.iter().flat_map(|module| module.rules.iter().map(move |rule| (module, rule))).collect();
    let names: BTreeSet<&[String]> = rules.iter().map(|(_, rule)| rule.path.as_slice()).collect();
    let functions = rules.iter().filter(|(_, rule)| rule.is_function).map(|(_, rule)| rule.path.as_slice()).collect();
    let mut gate = Gate { names, functions, calls: BTreeMap::new(), reads: Reads::default(), problems: Vec::new() };
    for (module, rule) in &rules {
        gate.default(module, rule, entrypoint);
        gate.body(module, rule);
    }
    gate.recursion(&rules);
    if gate.problems.is_empty() { Ok(gate.reads) } else { Err(Problems(gate.problems)) }
}

struct Gate<'a> {
    /// Full paths of all rules and functions, without `data`.
    names: BTreeSet<&'a [String]>,
    /// Full paths of those that can be called.
    functions: BTreeSet<&'a [String]>,
    /// Which of them each one may evaluate.
    calls: BTreeMap<&'a [String], BTreeSet<&'a [String]>>,
    reads: Reads,
    problems: Vec<Problem>,
}

impl<'a> Gate<'a> {
    /// A default that allows turns every undefined condition into a permit.
    fn default(&mut self, module: &Module, rule: &Rule, entrypoint: &str) {
        let Some(value) = &rule.default else { return };
        let decides = format!("data.{}", rule.path.join(".")) == entrypoint
            || rule.path.last().is_some_and(|name| name == "allow");
        if decides && tree::may_allow(value) {
            self.refuse(module, rule.at, "policy.default_allow: the default of a decision must be `false`, or an object with `\"allowed\": false`");
        }
    }

    fn body(&mut self, module: &'a Module, rule: &'a Rule) {
        let mut visitor = Visitor::default();
        visitor.visit(&rule.tree);
        for at in &visitor.overrides {
            self.refuse(module, *at, "policy.with: `with` belongs in tests, where it replaces what a policy sees");
        }
        for call in &visitor.calls {
            // What the policy does not define itself, the engine looks up as it is spelled, whatever import has the same name.
            if !self.defines(module, &call.name)
                && let Err(message) = builtins::admit(&call.name.join("."), &call.params)
            {
                self.refuse(module, call.at, &message);
            }
        }
        for reference in &visitor.references {
            let path = module.resolve(reference);
            if path.first().is_some_and(|root| root == "input") {
                self.input(path.get(1..).unwrap_or_default());
            }
            let targets = self.targets(module, reference);
            self.calls.entry(&rule.path).or_default().extend(targets);
        }
    }

    /// Whether a call is of a function of the policy itself: nothing else of that name, nor of a part of it, keeps a builtin from being called.
    fn defines(&self, module: &Module, name: &[String]) -> bool {
        let path = |name: &[String]| match name.split_first() {
            Some((root, rest)) if root == "data" => rest.to_vec(),
            _ => [module.package.as_slice(), name].concat(),
        };
        [path(&module.resolve(name)), path(name)].iter().any(|path| self.functions.contains(path.as_slice()))
    }

    /// The rules that a reference may evaluate: in its own package by name, elsewhere by a path under `data`.
    fn targets(&self, module: &Module, reference: &[String]) -> Vec<&'a [String]> {
        let resolved = module.resolve(reference);
        let path = match resolved.split_first() {
            Some((root, rest)) if root == "data" => rest.to_vec(),
            Some((root, _)) if root == "input" => return Vec::new(),
            Some(_) => [module.package.as_slice(), &resolved].concat(),
            None => return Vec::new(),
        };
        self.names.iter().copied().filter(|name| name.starts_with(&path) || path.starts_with(name)).collect()
    }

    fn input(&mut self, path: &[String]) {
        let overlaps = |field: &[&str]| path.iter().zip(field).all(|(a, b)| a == b);
        self.reads.body |= BODIES.iter().any(|body| overlaps(body));
        self.reads.query |= overlaps(&["parsed_query"]);
        self.reads.truncated |= path.first().is_some_and(|first| first == "truncated_body");
    }

    fn recursion(&mut self, rules: &[(&'a Module, &'a Rule)]) {
        for (module, rule) in rules {
            if rule.default.is_none() && self.reaches(&rule.path, &rule.path) {
                let name = rule.path.join(".");
                self.refuse(module, rule.at, &format!("policy.recursion: `{name}` may evaluate itself"));
            }
        }
    }

    fn reaches(&self, from: &[String], to: &[String]) -> bool {
        let mut seen = BTreeSet::new();
        let mut ahead: Vec<&[String]> = vec![from];
        while let Some(name) = ahead.pop() {
            for next in self.calls.get(name).into_iter().flatten().copied() {
                if next == to {
                    return true;
                }
                if seen.insert(next) {
                    ahead.push(next);
                }
            }
        }
        false
    }

    fn refuse(&mut self, module: &Module, (line, column): (usize, usize), message: &str) {
        self.problems.push(Problem::at(&module.file, line, column, message));
    }
}

const BODIES: [&[&str]; 3] =
    [&["parsed_body"], &["attributes", "request", "http", "body"], &["attributes", "request", "http", "rawBody"]];
