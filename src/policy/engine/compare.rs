//! The virtual machine against the interpreter: on generated inputs before it decides anything, and on a sample of hops ever after.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use super::{
    super::Reads,
    EngineError, Value,
    interpreter::Interpreter,
    subset::COLLECTIONS,
    unwinding,
    vm::Machine,
    watch::{self, Watch},
};
use crate::pause::pause;

/// The machine, for as long as it agrees.
pub(super) struct Trial {
    pub(super) machine: Machine,
    differed: AtomicBool,
    asked: AtomicU64,
}

/// How often a machine has been given up since the process started.
pub(super) fn fallbacks() -> u64 {
    FALLBACKS.load(Ordering::Relaxed)
}

impl Trial {
    pub(super) const fn new(machine: Machine) -> Self {
        Self { machine, differed: AtomicBool::new(false), asked: AtomicU64::new(0) }
    }

    /// Whether the machine may still be asked.
    pub(super) fn holds(&self) -> bool {
        !self.differed.load(Ordering::Relaxed)
    }

    /// Whether the interpreter is asked about this hop too.
    pub(super) fn is_sampled(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVERY)
    }

    /// Gives the machine up for the life of this policy.
    pub(super) fn give_up(&self, entrypoint: &str) {
        if !self.differed.swap(true, Ordering::Relaxed) {
            FALLBACKS.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                policy.entrypoint = entrypoint,
                "The policy's evaluators differ: only the interpreter is asked from now on"
            );
        }
    }
}

/// Whether the machine's answer is the interpreter's. What it does not answer it cannot have wrong, and what took too long says nothing.
pub(super) fn agree(machine: &Result<Value, EngineError>, reference: &Result<Value, EngineError>) -> Option<bool> {
    match (machine, reference) {
        (Err(_), _) | (_, Err(EngineError::Timeout(_))) => None,
        (Ok(machine), Ok(reference)) => Some(machine == reference),
        (Ok(_), Err(EngineError::Fault(_))) => Some(false),
    }
}

/// Asks both about what a caller might send.
///
/// # Errors
/// Why the machine must not be asked.
pub(super) fn rehearse(
    machine: &Machine,
    interpreter: &Interpreter,
    reads: &Reads,
    ast: &str,
    timeout: Duration,
) -> Result<(), &'static str> {
    let mut inputs = Inputs::of(reads, ast);
    let begun = watch::cpu();
    let mut undecided = 0_usize;
    for _ in 0..INPUTS {
        if watch::cpu().saturating_sub(begun) > PATIENCE {
            return Err("the evaluators take too long to be compared");
        }
        pause();
        let input = inputs.next();
        let fast = unwinding(|| machine.run(input.clone(), &Watch::start(timeout)));
        let slow = interpreter.run(input, timeout);
        if agree(&fast, &slow) == Some(false) {
            return Err("the evaluators differ on a generated input");
        }
        let late = |result: &Result<Value, EngineError>| matches!(result, Err(EngineError::Timeout(_)));
        undecided = undecided.saturating_add(usize::from(late(&fast) || late(&slow)));
    }
    if undecided > INPUTS / 2 { Err("the evaluators take too long to be compared") } else { Ok(()) }
}

/// Inputs of what a policy reads and of what it compares that with: the same ones for the same policy.
pub(super) struct Inputs {
    paths: Vec<Vec<String>>,
    values: Vec<Value>,
    names: Vec<Value>,
    state: u64,
}

impl Inputs {
    pub(super) fn of(reads: &Reads, ast: &str) -> Self {
        let mut paths = Vec::new();
        leaves(reads, &mut Vec::new(), &mut paths);
        let mut literals = BTreeSet::new();
        if let Ok(tree) = serde_json::from_str(ast) {
            collect(&tree, &mut literals);
        }
        let names: Vec<Value> = literals.iter().filter(|value| value.as_string().is_ok()).cloned().collect();
        let near = |value: &Value| value.as_i64().ok().map(|number| Value::from(number.saturating_add(1)));
        let mut values: Vec<Value> = literals.iter().filter_map(near).collect();
        values.extend(literals);
        values.extend([Value::Null, Value::from(true), Value::from(false), Value::from(0), Value::from("")]);
        values.extend([Value::new_array(), Value::new_object(), Value::from(-1), Value::from("a b/c")]);
        Self { paths, values, names, state: SEED }
    }

    pub(super) fn next(&mut self) -> Value {
        let mut input = Value::new_object();
        for path in self.paths.clone() {
            if self.draw(5) > 0 {
                let value = if COLLECTIONS.iter().any(|known| *known == path.as_slice()) {
                    self.collection()
                } else {
                    self.value(2)
                };
                put(&mut input, &path, value);
            }
        }
        input
    }

    /// Texts, as the input has them where it always has a collection.
    fn collection(&mut self) -> Value {
        let length = self.draw(4);
        let texts: Vec<Value> = (0..length).map(|_| self.name()).collect();
        if self.draw(2) == 0 {
            return Value::from(texts);
        }
        let mut object = Value::new_object();
        for text in texts {
            put(&mut object, &[text.as_string().map(|text| text.to_string()).unwrap_or_default()], Value::from("a"));
        }
        object
    }

    fn name(&mut self) -> Value {
        let index = self.draw(self.names.len());
        self.names.get(index).cloned().unwrap_or_else(|| Value::from("a"))
    }

    fn value(&mut self, depth: usize) -> Value {
        let kind = if depth == 0 { 9 } else { self.draw(10) };
        match kind {
            0 | 1 => {
                let mut object = Value::new_object();
                for _ in 0..self.draw(4) {
                    let name = self.name();
                    let value = self.value(depth.saturating_sub(1));
                    if let Ok(fields) = object.as_object_mut() {
                        fields.insert(name, value);
                    }
                }
                object
            }
            2 => {
                let length = self.draw(4);
                Value::from((0..length).map(|_| self.value(depth.saturating_sub(1))).collect::<Vec<_>>())
            }
            _ => {
                let index = self.draw(self.values.len());
                self.values.get(index).cloned().unwrap_or(Value::Null)
            }
        }
    }

    /// Below `bound`, by xorshift: no more chance than a seed gives.
    fn draw(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from((self.state >> 16).checked_rem(bound).unwrap_or(0)).unwrap_or(0)
    }
}

fn leaves(reads: &Reads, path: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    if reads.is_whole() {
        paths.push(path.clone());
    }
    for (name, below) in reads.fields() {
        path.push(name.to_owned());
        leaves(below, path, paths);
        path.pop();
    }
}

fn put(place: &mut Value, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *place = value;
        return;
    };
    if !matches!(place, Value::Object(_)) {
        return;
    }
    let Ok(fields) = place.as_object_mut() else { return };
    let name = Value::from(first.as_str());
    let mut below = fields.get(&name).cloned().unwrap_or_else(Value::new_object);
    put(&mut below, rest, value);
    fields.insert(name, below);
}

/// The constants of a syntax tree.
fn collect(tree: &serde_json::Value, literals: &mut BTreeSet<Value>) {
    match tree {
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, literals)),
        serde_json::Value::Object(fields) => {
            for (kind, below) in fields {
                match (kind.as_str(), below.get("value")) {
                    ("String" | "RawString" | "Number", Some(value)) if literals.len() < LITERALS => {
                        literals.insert(Value::from(value.clone()));
                    }
                    _ => collect(below, literals),
                }
            }
        }
        _ => {}
    }
}

static FALLBACKS: AtomicU64 = AtomicU64::new(0);

/// One hop of so many is looked at twice.
const EVERY: u64 = 1_024;

const INPUTS: usize = 192;
const LITERALS: usize = 1_000;
/// Of work, not of waiting: how busy the machine is must not choose the evaluator.
const PATIENCE: Duration = Duration::from_secs(1);
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
