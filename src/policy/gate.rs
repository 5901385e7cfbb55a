//! What a policy must be before it may become active, judged on its syntax tree: every reason against it, all at once.
//!
//! The interpreter finds an unknown function only when it is called, ends a runaway builtin never, and aborts the process on deep
//! recursion. None of that may wait for a hop.

mod findings;
mod graph;
mod names;
mod never;
mod reference;
mod rules;
mod schema;
mod scope;
mod sets;
pub(super) mod tree;
mod types;
mod walk;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use regorus::unstable::{BUILTINS, Module as Parsed, Ref};

pub use self::findings::{FINDINGS, Finding, Weight};
use self::{
    findings::Findings,
    graph::Graph,
    names::{Names, Place},
    tree::{Module, Name},
    walk::Walk,
};
use super::{Options, Reads, builtins, engine::Value};
use crate::yaml::{Problem, Problems};

/// What is known of a policy that passed.
#[derive(Debug)]
pub(super) struct Admitted {
    /// What it reads of its input: never less, and hardly more.
    pub(super) reads: Reads,
    /// What could surprise its author.
    pub(super) warnings: Vec<Problem>,
    /// The builtins that it calls, by the names that it calls them by.
    pub(super) calls: BTreeSet<String>,
}

/// Admits a policy as the engine parsed it, with the data documents that it is given.
///
/// # Errors
/// Every reason against it.
pub(super) fn admit(modules: &[Ref<Parsed>], data: &Value, options: &Options) -> Result<Admitted, Problems> {
    admit_tests(modules, data, options, |_| false)
}

/// Admits a policy together with its tests. In `tests`, and only there, `with` may replace what a policy sees, and functions too.
///
/// # Errors
/// Every reason against it.
pub(super) fn admit_tests(
    modules: &[Ref<Parsed>],
    data: &Value,
    options: &Options,
    tests: impl Fn(&str) -> bool,
) -> Result<Admitted, Problems> {
    judge(&tree::modules(modules), data, options, tests)
}

/// The rules of parsed modules, with their places.
pub(super) fn read(modules: &[Ref<Parsed>]) -> Vec<Module> {
    tree::modules(modules)
}

fn judge(
    modules: &[Module],
    data: &Value,
    options: &Options,
    is_test: impl Fn(&str) -> bool,
) -> Result<Admitted, Problems> {
    let count: usize = modules.iter().map(|module| module.rules.len()).sum();
    if count > MAX_RULES {
        let message = format!(
            "policy.size: {count} rules are more than {MAX_RULES}: split the policy, or move what is data to data documents"
        );
        return Err(Problems(vec![Problem::of_file("policy", message)]));
    }
    let names = Names::of(modules);
    let graph = Graph::of(&names);
    let imports = modules.iter().map(|module| (&*module.file, walk::imports(module))).collect();
    let mut gate = Inspection {
        names,
        graph,
        imports,
        aliases: BTreeMap::new(),
        builtins: BTreeMap::new(),
        touched: BTreeSet::new(),
        reads: Reads::default(),
        findings: Findings::new(options.gate),
        data,
        is_test: false,
    };
    gate.aliases = rules::aliases(&gate);
    rules::judge(&mut gate, modules, options);
    for module in modules {
        gate.is_test = is_test(&module.file);
        gate.module(module);
    }
    gate.touched.extend(
        gate.names.at(&options.entrypoint.names().iter().map(|name| Name::from(name.as_str())).collect::<Vec<_>>()),
    );
    gate.read_aliases();
    gate.recursion();
    let Inspection { reads, findings, builtins, .. } = gate;
    Ok(Admitted { reads, warnings: findings.close()?, calls: builtins.into_keys().collect() })
}

/// A policy under judgement.
struct Inspection<'a> {
    names: Names<'a>,
    /// Which rule may evaluate which.
    graph: Graph,
    imports: BTreeMap<&'a str, BTreeMap<Name, Arc<[Name]>>>,
    /// Rules that are only another name for a part of the input, and that part.
    aliases: BTreeMap<Place, Vec<Name>>,
    /// The builtins that are called, and their vertices.
    builtins: BTreeMap<String, usize>,
    /// What is read with all that is below it.
    touched: BTreeSet<Place>,
    reads: Reads,
    findings: Findings,
    data: &'a Value,
    is_test: bool,
}

impl<'a> Inspection<'a> {
    fn module(&mut self, module: &'a Module) {
        let mut used = BTreeSet::new();
        for rule in &module.rules {
            let Some(place) = self.names.at(&rule.path) else { continue };
            let vertex = self.graph.rule(place);
            let mut walk = Walk {
                module,
                rule: vertex,
                scopes: Vec::new(),
                imports: &mut used,
                bound: BTreeSet::new(),
                free: BTreeMap::new(),
                is_mocked: false,
                gate: self,
            };
            walk.rule(place, rule);
        }
        for import in &module.imports {
            let is_language = import.path.first().is_some_and(|root| matches!(&**root, "rego" | "future"));
            if !is_language && !used.contains(&import.alias) {
                let message = format!("the import of `{}` is not used: drop it", import.alias);
                self.findings.tell(module, import.at, "policy.unused", &message);
            }
        }
    }

    /// What a name of one file stands for, by its imports.
    fn import(&self, module: &Module, name: &Name) -> Option<Arc<[Name]>> {
        self.imports.get(&*module.file)?.get(name).cloned()
    }

    /// A path with its import, if its root is one, written out.
    fn resolve(&self, module: &Module, path: &[Name]) -> Option<Vec<Name>> {
        let (root, rest) = path.split_first()?;
        Some([&*self.import(module, root)?, rest].concat())
    }

    /// The vertex of a builtin.
    fn builtin(&mut self, name: &str) -> usize {
        if let Some(vertex) = self.builtins.get(name) {
            return *vertex;
        }
        let vertex = self.graph.vertex();
        self.builtins.insert(name.to_owned(), vertex);
        vertex
    }

    /// Where all below a place is read, so is what the rules there are names for.
    fn read_aliases(&mut self) {
        let mut seen = BTreeSet::new();
        let mut ahead: Vec<Place> = self.touched.iter().copied().collect();
        while let Some(place) = ahead.pop() {
            if !self.aliases.is_empty() && seen.insert(place) {
                if let Some(path) = self.aliases.get(&place) {
                    self.reads.add(path);
                }
                ahead.extend(self.names.children(place).map(|(_, child)| child));
            }
        }
    }

    fn recursion(&mut self) {
        let verdicts = self.graph.judge();
        let is_recursive = verdicts.iter().any(|verdict| verdict.is_recursive);
        for (place, verdict) in self.names.places().zip(verdicts) {
            let Some((module, rule)) = self.names.rules(place).first() else { continue };
            let name = rule.name();
            if verdict.is_recursive {
                self.findings.tell(module, rule.at, "policy.recursion", &format!("`{name}` may evaluate itself"));
            } else if !is_recursive && verdict.depth > MAX_DEPTH {
                // The engine's error text grows with each call that it fails through, and its stack with each that it makes.
                let message = format!("`{name}` leads through more than {MAX_DEPTH} other rules");
                self.findings.tell(module, rule.at, "policy.depth", &message);
            }
        }
    }
}

/// Whether the engine has a function of this name, or we give it one.
fn is_builtin(name: &str) -> bool {
    arity(name).is_some()
}

/// How many arguments a builtin takes.
fn arity(name: &str) -> Option<usize> {
    let native = builtins::natives().find(|native| native.name == name).map(|native| usize::from(native.arity));
    native.or_else(|| BUILTINS.get(name).map(|(_, arity)| usize::from(*arity)))
}

/// Where the shipped policy looks for refusals.
const RULES: [&str; 2] = ["hopguard", "rules"];

const MAX_RULES: usize = 20_000;
const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests;
