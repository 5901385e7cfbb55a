//! What a policy must be before it may become active, judged on its syntax tree: every reason against it, all at once.
//!
//! The interpreter finds an unknown function only when it is called, ends a runaway builtin never, and aborts the process on deep
//! recursion. None of that may wait for a hop.

mod tree;

use std::collections::{BTreeMap, BTreeSet};

use self::tree::{Module, Rule, Visitor};
use super::{Reads, builtins};
use crate::yaml::{self, Problem, Problems};

/// Admits a policy by its syntax tree, as the engine writes it.
///
/// # Errors
/// Every reason against it.
pub(super) fn admit(ast: &str, entrypoint: &str) -> Result<Reads, Problems> {
    let modules = tree::modules(ast)?;
    let rules: Vec<(&Module, &Rule)> =
        modules.iter().flat_map(|module| module.rules.iter().map(move |rule| (module, rule))).collect();
    if rules.len() > MAX_RULES {
        let message = format!("policy.size: {} rules are more than {MAX_RULES}", rules.len());
        return Err(Problems(vec![Problem::of_file("policy", message)]));
    }
    let names: BTreeSet<&[String]> = rules.iter().map(|(_, rule)| rule.path.as_slice()).collect();
    let functions = rules.iter().filter(|(_, rule)| rule.is_function).map(|(_, rule)| rule.path.as_slice()).collect();
    let mut gate =
        Inspection { names, functions, calls: BTreeMap::new(), reads: Reads::default(), problems: Vec::new() };
    modules.iter().for_each(|module| gate.imports(module));
    for (module, rule) in &rules {
        gate.name(module, rule);
        gate.refuse_allowing_default(module, rule, entrypoint);
        gate.body(module, rule);
    }
    gate.recursion(&rules);
    if gate.problems.is_empty() { Ok(gate.reads) } else { Err(Problems(gate.problems)) }
}

struct Inspection<'a> {
    /// Full paths of all rules and functions, without `data`.
    names: BTreeSet<&'a [String]>,
    /// Full paths of those that can be called.
    functions: BTreeSet<&'a [String]>,
    /// Which of them each one may evaluate.
    calls: Calls<'a>,
    reads: Reads,
    problems: Vec<Problem>,
}

impl<'a> Inspection<'a> {
    /// An import that goes by a name of the engine's would be read in one way here and in another there.
    fn imports(&mut self, module: &Module) {
        for (alias, import) in &module.imports {
            // Whichever file or package below this one it comes from: the engine looks for it here before it follows the import.
            let local = [module.package.as_slice(), std::slice::from_ref(alias)].concat();
            let own = self.names.iter().any(|name| name.starts_with(&local));
            if own || builtins::is_reserved(alias) {
                self.refuse(
                    module,
                    import.at,
                    &format!("policy.shadow: `{alias}` means something else already: import it `as` another name"),
                );
            }
        }
    }

    fn name(&mut self, module: &Module, rule: &Rule) {
        if let Some(name) = rule.head(module).filter(|name| builtins::is_reserved(name)) {
            self.refuse(
                module,
                rule.at,
                &format!("policy.shadow: `{name}` means something else already: name the rule otherwise"),
            );
        }
        // The shipped policy asks these, and would not hear a refusal that stands elsewhere or is no set.
        let is_refusal =
            rule.path.starts_with(&RULES.map(str::to_owned)) && rule.path.last().is_some_and(|name| name == "deny");
        if is_refusal && !(rule.is_set && rule.path.len() == RULES.len().saturating_add(2)) {
            self.refuse(
                module,
                rule.at,
                "policy.deny: write `deny contains \"...\" if ...` in a `package hopguard.rules.<name>`",
            );
        }
    }

    /// A default that allows turns every undefined condition into a permit.
    fn refuse_allowing_default(&mut self, module: &Module, rule: &Rule, entrypoint: &str) {
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
            // The engine reads a name as one of the package where it finds no import that fits, so both readings count.
            for path in BTreeSet::from([module.resolve(reference), reference.clone()]) {
                if path.first().is_some_and(|root| root == "input") {
                    self.input(module, rule, path.get(1..).unwrap_or_default());
                }
                let targets = self.targets(module, &path);
                self.calls.entry(&rule.path).or_default().extend(targets);
            }
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

    /// The rules that a path may evaluate: in its own package by name, elsewhere by a path under `data`.
    fn targets(&self, module: &Module, path: &[String]) -> Vec<&'a [String]> {
        let path = match path.split_first() {
            Some((root, rest)) if root == "data" => rest.to_vec(),
            Some((root, _)) if root == "input" => return Vec::new(),
            Some(_) => [module.package.as_slice(), path].concat(),
            None => return Vec::new(),
        };
        self.names.iter().copied().filter(|name| name.starts_with(&path) || path.starts_with(name)).collect()
    }

    fn input(&mut self, module: &Module, rule: &Rule, path: &[String]) {
        if let Some(field) = path.first().filter(|field| !FIELDS.contains(&field.as_str())) {
            let hint = yaml::nearest(field, FIELDS).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
            self.refuse(module, rule.at, &format!("policy.unknown_input: there is no `input.{field}`{hint}"));
        }
        self.reads.add(path);
    }

    fn recursion(&mut self, rules: &[(&'a Module, &'a Rule)]) {
        let mut told = BTreeSet::new();
        for (module, rule) in rules {
            if self.reaches(&rule.path, &rule.path) && told.insert(&rule.path) {
                let name = rule.path.join(".");
                self.refuse(module, rule.at, &format!("policy.recursion: `{name}` may evaluate itself"));
            }
        }
        if !told.is_empty() {
            return;
        }
        // The engine's error text grows with each call that it fails through, and its stack with each that it makes.
        let mut known = BTreeMap::new();
        for (module, rule) in rules {
            if depth(&self.calls, &rule.path, &mut known) > MAX_DEPTH && told.insert(&rule.path) {
                let name = rule.path.join(".");
                self.refuse(
                    module,
                    rule.at,
                    &format!("policy.depth: `{name}` leads through more than {MAX_DEPTH} other rules"),
                );
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

/// The longest chain of rules from `name`. There is no cycle.
fn depth<'a>(calls: &Calls<'a>, name: &'a [String], known: &mut BTreeMap<&'a [String], usize>) -> usize {
    if let Some(depth) = known.get(name) {
        return *depth;
    }
    let below = calls.get(name).into_iter().flatten().map(|next| depth(calls, next, known)).max();
    let depth = below.unwrap_or(0).saturating_add(1);
    known.insert(name, depth);
    depth
}

/// Which rules each one may evaluate.
type Calls<'a> = BTreeMap<&'a [String], BTreeSet<&'a [String]>>;

/// Where the shipped policy looks for refusals.
const RULES: [&str; 2] = ["hopguard", "rules"];

/// The input's fields.
const FIELDS: [&str; 16] = [
    "actor",
    "attributes",
    "grant",
    "grants",
    "hop",
    "now",
    "parsed_body",
    "parsed_path",
    "parsed_query",
    "peer",
    "purpose",
    "self",
    "source_principal",
    "tokens",
    "truncated_body",
    "version",
];

const MAX_RULES: usize = 2_000;
const MAX_DEPTH: usize = 64;
