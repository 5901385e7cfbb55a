//! The one door to regorus: a policy means what the interpreter says, at the decision's `now`, and nothing of one evaluation reaches the next.

mod calls;
mod faults;
mod interpreter;
mod paths;
mod watch;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    time::Duration,
};

pub use regorus::Value;

pub(super) use self::interpreter::template;
use self::{interpreter::Interpreter, watch::Watch};
use super::{
    Gate, Options,
    builtins::native,
    gate::{self, Admitted},
    source::Module,
};
use crate::{
    clock::Timestamp,
    yaml::{Problem, Problems},
};

/// A policy, ready to be evaluated.
pub(super) struct Engine {
    interpreter: Interpreter,
    options: Options,
}

/// Why an evaluation gave no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EngineError {
    Timeout(Duration),
    Fault(String),
}

impl Engine {
    /// Compiles in a thread of its own: an engine that hangs or panics over a policy ends neither the loading of others nor the process.
    pub(super) fn compile_within(
        patience: Duration,
        modules: Vec<Module>,
        data: Value,
        options: Options,
    ) -> Result<(Self, Admitted), Problems> {
        let refuse = |message: &str| Err(Problems(vec![Problem::of_file("policy", message)]));
        let (sender, compiled) = mpsc::channel();
        let thread = std::thread::Builder::new().name("compile".to_owned()).stack_size(STACK).spawn(move || {
            // Nobody waits any more if this took too long.
            let _ = sender.send(Self::compile(&modules, &data, &options));
        });
        if thread.is_err() {
            return refuse("policy.load: there is no thread to compile it in");
        }
        match compiled.recv_timeout(patience) {
            Ok(compiled) => compiled,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                refuse(&format!("policy.load: it takes longer than {} s to load", patience.as_secs()))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => refuse("policy.load: the engine panicked over it"),
        }
    }

    fn compile(modules: &[Module], data: &Value, options: &Options) -> Result<(Self, Admitted), Problems> {
        let mut template = template(modules, data, options.gate)?;
        let admitted = gate::admit(template.get_modules(), data, options)?;
        let interpreter = Interpreter::prepare(template, options)?;
        Ok((Self { interpreter, options: options.clone() }, admitted))
    }

    /// What the entry point is for `input`. A thread that was kept from working gets one more try.
    pub(super) fn evaluate(&self, input: Value, now: Timestamp) -> Result<Value, EngineError> {
        let watch = Watch::start(self.options.timeout);
        match self.attempt(input.clone(), now, &watch) {
            Err(EngineError::Timeout(_)) if watch.was_preempted() => {
                self.attempt(input, now, &Watch::start(self.options.timeout))
            }
            result => result,
        }
    }

    fn attempt(&self, input: Value, now: Timestamp, watch: &Watch) -> Result<Value, EngineError> {
        let limit = self.options.timeout;
        native::set_now(now);
        // The engine is a clone and goes with its panic: what was proved before stays in the decision.
        let evaluated = catch_unwind(AssertUnwindSafe(|| self.interpreter.run(input, limit)));
        let value = evaluated.unwrap_or_else(|_| Err(EngineError::Fault("the engine panicked".to_owned())))?;
        // Where it is lenient the engine can lose the end of its time like any error.
        if self.options.gate == Gate::Compatible && watch.left().is_zero() {
            return Err(EngineError::Timeout(limit));
        }
        Ok(value)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Analysis and the first evaluation are recursive.
const STACK: usize = 16 * 1024 * 1024;
