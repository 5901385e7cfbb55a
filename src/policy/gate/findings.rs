//! Everything that the gate may have against a policy: stable ids, what each means, and what it weighs where OPA's policies are loaded.

use super::tree::Position;
use crate::{
    policy::Gate,
    yaml::{Problem, Problems},
};

/// One kind of finding.
#[derive(Clone, Copy, Debug)]
pub struct Finding {
    /// The head of every message of this kind; never renamed.
    pub id: &'static str,
    /// What it means, in one sentence.
    pub means: &'static str,
    /// What it weighs under [`Gate::Compatible`]. Under [`Gate::Strict`] every finding is an error.
    pub compatible: Weight,
}

/// What a finding does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// The policy does not become active.
    Error,
    /// It is said.
    Warning,
    /// It is not said.
    Nothing,
}

/// All kinds, by id.
///
/// What OPA's own checker accepts and [`Gate::Compatible`] refuses:
///
/// | id | why |
/// |---|---|
/// | `policy.builtin`, `policy.unknown_function` | builtins that reach outside, answer differently each time, or cost more than their input |
/// | `policy.depth`, `policy.nesting`, `policy.size` | the engine would not end in time, or ends the process |
/// | `policy.deny` | only in `hopguard.rules`: the shipped policy would not hear the refusal |
/// | `policy.mock` | a function that stands in for another can call itself, which ends the process |
/// | `policy.recursion` | a rule that reads its own package by a name chosen while it runs: the engine evaluates all that could be meant |
/// | `policy.shadow` | a name of the policy's own that the engine reads as a builtin's |
pub const FINDINGS: &[Finding] = &[
    finding("policy.arity", Weight::Error, "A function is called with too few or too many arguments."),
    finding("policy.builtin", Weight::Error, "A builtin is called whose cost or answer is not bounded by its input."),
    finding("policy.conflict", Weight::Error, "A name is defined in two ways that cannot stand together."),
    finding("policy.contradiction", Weight::Warning, "Rules that always hold give one name different values."),
    finding("policy.default", Weight::Error, "A default is not a constant."),
    finding("policy.default_allow", Weight::Warning, "A decision is an allow where no rule holds."),
    finding(
        "policy.deny",
        Weight::Error,
        "A rule that the shipped policy would not hear is named as if it were heard.",
    ),
    finding("policy.depth", Weight::Error, "A rule leads through too many other rules."),
    finding("policy.import", Weight::Error, "A part of the language is imported that is not there."),
    finding(
        "policy.missing_data",
        Weight::Warning,
        "The policy reads data that is neither a rule nor in its data documents.",
    ),
    finding("policy.mock", Weight::Error, "A function is replaced outside of a test."),
    finding("policy.nesting", Weight::Error, "An expression is nested too deeply, or is too long."),
    finding("policy.never", Weight::Warning, "An expression can never be true, or a branch never reached."),
    finding("policy.overlap", Weight::Error, "A data document has a value where a rule has one."),
    finding("policy.recursion", Weight::Error, "A rule or function may evaluate itself."),
    finding("policy.shadow", Weight::Error, "A name means something else already."),
    finding("policy.size", Weight::Error, "The policy is too large."),
    finding("policy.system", Weight::Warning, "A package below `system` speaks to OPA itself and is not heard here."),
    finding("policy.type", Weight::Error, "An operator or a builtin is given a type of value that it never takes."),
    finding("policy.unknown_function", Weight::Error, "A function is called that is not there."),
    finding("policy.unknown_input", Weight::Warning, "A field of the input is read that no hop ever has."),
    finding("policy.unsafe", Weight::Error, "A variable is used that nothing gives a value."),
    finding("policy.unused", Weight::Nothing, "An import, a variable or an argument is not used."),
    finding("policy.with", Weight::Nothing, "A rule replaces what a policy sees, which belongs in tests."),
];

const fn finding(id: &'static str, compatible: Weight, means: &'static str) -> Finding {
    Finding { id, means, compatible }
}

/// What was found so far.
#[derive(Debug)]
pub(super) struct Findings {
    gate: Gate,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Findings {
    pub(super) const fn new(gate: Gate) -> Self {
        Self { gate, errors: Vec::new(), warnings: Vec::new() }
    }

    /// Adds what was found in `module`. What the table does not name is an error.
    pub(super) fn tell(&mut self, module: &super::tree::Module, at: Position, id: &str, message: &str) {
        self.say(module, at, &format!("{id}: {message}"));
    }

    /// As [`tell`](Self::tell), for a message that begins with its id.
    pub(super) fn say(&mut self, module: &super::tree::Module, at: Position, message: &str) {
        let id = message.split(':').next().unwrap_or_default();
        let known = FINDINGS.iter().find(|finding| finding.id == id);
        let weight = match self.gate {
            Gate::Strict => Weight::Error,
            Gate::Compatible => known.map_or(Weight::Error, |finding| finding.compatible),
        };
        let into = match weight {
            Weight::Error => &mut self.errors,
            Weight::Warning => &mut self.warnings,
            Weight::Nothing => return,
        };
        if into.len() < MOST {
            into.push(Problem::at(&module.file, at.line, at.column, message).within(&module.source));
        } else if into.len() == MOST {
            into.push(Problem::of_file(&module.file, "there is more: repair what is named first"));
        }
    }

    /// The warnings, if there is nothing worse.
    pub(super) fn close(mut self) -> Result<Vec<Problem>, Problems> {
        for list in [&mut self.errors, &mut self.warnings] {
            list.sort_by(|a, b| {
                (a.line == 0, &a.file, a.line, a.column).cmp(&(b.line == 0, &b.file, b.line, b.column))
            });
            list.dedup();
        }
        if self.errors.is_empty() { Ok(self.warnings) } else { Err(Problems(self.errors)) }
    }
}

/// The most findings of one weight that are kept.
const MOST: usize = 100;
