//! A builtin of our own: one that the engine lacks, or whose cost it does not bound.

use std::cell::Cell;

use super::super::engine::Value;
use crate::clock::Timestamp;

/// One function that policies may call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Native {
    /// Its name in Rego.
    pub(crate) name: &'static str,
    /// How many arguments it takes.
    pub(crate) arity: u8,
    /// What it does. The arguments are as many as it takes.
    pub(crate) call: fn(&[Value]) -> Result<Value, Failure>,
}

/// Why a builtin gives no value. Messages hold no value that a policy works on, which may be a caller's secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// An argument is not what it should be: an error, or undefined where policies are run as OPA runs them.
    #[error("{0}")]
    Error(String),
    /// It would cost more than a builtin may: an error wherever policies are run.
    #[error("{0}")]
    Bound(String),
}

/// The decision's clock, which stands still while a policy is evaluated.
pub(crate) const CLOCK: &[Native] = &[Native { name: "time.now_ns", arity: 0, call: |_| Ok(Value::from(now_ns())) }];

impl Native {
    /// Calls it as an engine would: what fails by an argument is undefined if `lenient`.
    pub(crate) fn run(&self, arguments: &[Value], lenient: bool) -> Result<Value, Failure> {
        match (self.call)(arguments) {
            Err(Failure::Error(_)) if lenient => Ok(Value::Undefined),
            result => result,
        }
    }
}

thread_local! {
    static NOW: Cell<i64> = const { Cell::new(0) };
}

/// The instant of the decision that this thread evaluates for, in nanoseconds. Extensions of the engine cannot be given an argument of the
/// host's.
pub(crate) fn now_ns() -> i64 {
    NOW.get()
}

/// Sets the instant of the evaluation that this thread is about to do.
pub(crate) fn set_now(now: Timestamp) {
    NOW.set(now.nanos());
}
