//! What was compared, and what differed, by class.

use std::{collections::BTreeMap, fmt};

use crate::{
    judges::{Said, Way, allows},
    opa::Outcome,
};

/// What a run came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) policies: usize,
    /// Policies that OPA refuses.
    pub(crate) opa_refused: usize,
    /// Policies that are loaded, by way.
    pub(crate) admitted: BTreeMap<Way, usize>,
    /// Policies that are in the register machine, by way.
    pub(crate) machine: BTreeMap<Way, usize>,
    /// Why policies are not loaded that OPA loads, by finding.
    pub(crate) refusals: BTreeMap<String, usize>,
    /// Inputs that were decided, by way.
    pub(crate) decisions: BTreeMap<Way, usize>,
    pub(crate) opa_allows: usize,
    /// Inputs that no request can have, for a number that no value is.
    pub(crate) unread: usize,
    /// Differences by way and class, with where the first one is.
    pub(crate) differences: BTreeMap<(Way, String), (usize, String)>,
}

/// What one answer is beside OPA's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Same,
    /// OPA denies and Hopguard allows.
    Danger,
    /// Something else, in words.
    Other(String),
}

/// Compares an answer with OPA's, where an error of a builtin is undefined.
pub(crate) fn classify(opa: &Outcome, said: &Said, way: Way) -> Class {
    let class = |text: String| Class::Other(text);
    if said.allows && !allows(opa) {
        return Class::Danger;
    }
    match (opa, &said.outcome) {
        (Outcome::Value(theirs), Outcome::Value(ours)) if level(theirs) == level(ours) => Class::Same,
        (Outcome::Undefined, Outcome::Undefined) | (Outcome::Error, Outcome::Error) => Class::Same,
        // What is undefined to OPA is an error here, and an error denies.
        (_, Outcome::Error) if way.is_strict() => Class::Same,
        (theirs, Outcome::Error) => {
            let fault = said.fault.as_deref().unwrap_or_default();
            class(format!("OPA {}, here a fault: {}", kind(theirs), gist(fault)))
        }
        (theirs, ours) => class(format!("OPA {}, here {}", kind(theirs), kind(ours))),
    }
}

fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Value(_) if allows(outcome) => "allows",
        Outcome::Value(_) => "has another value",
        Outcome::Undefined => "undefined",
        Outcome::Error => "fails",
    }
}

/// A value without what JSON does not tell: the order of a set, and how a number is written.
fn level(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| format!("{number:e}")),
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(level).collect();
            items.sort();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name:?}:{}", level(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        // A long number was read as a text.
        Value::String(text)
            if text.len() > 15 && text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            text.parse::<f64>().map_or_else(|_| text.clone(), |number| format!("{number:e}"))
        }
        other => other.to_string(),
    }
}

/// A fault without what is of this policy only.
fn gist(fault: &str) -> String {
    let text = fault.lines().next().unwrap_or_default();
    let text = text.split_once(".rego:").map_or(text, |(_, place)| place);
    let text: String = text.chars().map(|each| if each.is_ascii_digit() { '0' } else { each }).take(100).collect();
    let mut words: Vec<&str> = text.split_whitespace().collect();
    words.retain(|word| !word.starts_with('"') && !word.starts_with("00:") && !word.starts_with("0:"));
    let gist = words.join(" ");
    if gist.is_empty() || gist == "the policy" { "without a word".to_owned() } else { gist }
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.policies += other.policies;
        self.opa_refused += other.opa_refused;
        self.opa_allows += other.opa_allows;
        self.unread += other.unread;
        for (ours, theirs) in [
            (&mut self.admitted, other.admitted),
            (&mut self.machine, other.machine),
            (&mut self.decisions, other.decisions),
        ] {
            theirs.into_iter().for_each(|(way, count)| *ours.entry(way).or_default() += count);
        }
        other.refusals.into_iter().for_each(|(id, count)| *self.refusals.entry(id).or_default() += count);
        for (key, (count, first)) in other.differences {
            self.differences.entry(key).or_insert((0, first)).0 += count;
        }
    }

    pub(crate) fn difference(&mut self, way: Way, class: &str, at: impl FnOnce() -> String) {
        self.differences.entry((way, class.to_owned())).or_insert_with(|| (0, at())).0 += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loaded = self.policies - self.opa_refused;
        writeln!(
            f,
            "{} policies, of which OPA refuses {}; OPA allows {}; {} inputs have a number that is refused",
            self.policies, self.opa_refused, self.opa_allows, self.unread
        )?;
        for way in Way::ALL {
            let of = |counts: &BTreeMap<Way, usize>| counts.get(&way).copied().unwrap_or_default();
            let (admitted, machine) = (of(&self.admitted), of(&self.machine));
            writeln!(
                f,
                "{way:?}: {admitted} of {loaded} policies admitted, {machine} of them in the machine; {} decisions",
                of(&self.decisions)
            )?;
        }
        for (id, count) in &self.refusals {
            writeln!(f, "  refused {count}: {id}")?;
        }
        for ((way, class), (count, first)) in &self.differences {
            writeln!(f, "  {way:?} differs {count} times: {class} (first: {first})")?;
        }
        Ok(())
    }
}
