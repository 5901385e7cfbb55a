//! The one door to regorus: a policy means what the interpreter says, at the decision's `now`, and nothing of one evaluation reaches the next.

mod calls;
mod compare;
mod faults;
mod interpreter;
mod observe;
mod paths;
mod subset;
mod undefined;
mod vm;
mod watch;

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    time::Duration,
};

pub use regorus::Value;

use self::{
    compare::Trial,
    interpreter::{Interpreter, TOO_LONG},
    subset::Outside,
    vm::Machine,
    watch::Watch,
};
pub(super) use self::{
    faults::problem,
    interpreter::template,
    observe::{Covered, Observed, Question, observe, warm},
    undefined::settle,
};
use super::{
    Evaluator, Gate, Options, Reads,
    builtins::native,
    gate::{self, Admitted},
    nesting,
    source::Module,
};
use crate::{
    clock::Timestamp,
    pause,
    yaml::{Problem, Problems},
};

/// A policy, ready to be evaluated.
pub(super) struct Engine {
    interpreter: Interpreter,
    machine: Option<Trial>,
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
        let pauses = pause::has_begun();
        let thread = std::thread::Builder::new().name("compile".to_owned()).stack_size(STACK).spawn(move || {
            if pauses {
                pause::begin();
            }
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
        let multiplies = modules.iter().any(|module| nesting::multiplies(&module.source));
        let template = settle(template, data, options.gate)?;
        let interpreter = Interpreter::prepare(template, options, multiplies)?;
        let machine = match options.evaluator {
            Evaluator::Interpreter => None,
            Evaluator::Auto => machine(&interpreter, modules, data, &admitted.reads, options).ok(),
            Evaluator::Vm => {
                let machine = machine(&interpreter, modules, data, &admitted.reads, options);
                Some(machine.map_err(|outside| Problems(vec![refusal(&outside)]))?)
            }
        };
        let machine = machine.map(Trial::new);
        Ok((Self { interpreter, machine, options: options.clone() }, admitted))
    }

    /// What evaluates it now.
    pub(super) fn evaluator(&self) -> Evaluator {
        match &self.machine {
            Some(trial) if trial.holds() => Evaluator::Vm,
            _ => Evaluator::Interpreter,
        }
    }

    /// What the entry point is for `input`. A thread that was kept from working gets one more try.
    pub(super) fn evaluate(&self, input: Value, now: Timestamp) -> Result<Value, EngineError> {
        let limit = self.options.timeout;
        let watch = Watch::start(limit);
        let answer = match self.attempt(input.clone(), now, &watch) {
            Err(EngineError::Timeout(_)) if watch.was_preempted() => self.attempt(input, now, &Watch::start(limit)),
            answer => answer,
        };
        // What was left of it for one evaluator says nothing.
        answer.map_err(|error| match error {
            EngineError::Timeout(_) => EngineError::Timeout(limit),
            EngineError::Fault(message) => EngineError::Fault(message),
        })
    }

    /// The engine that is cloned for each evaluation, and the rule that it is asked for.
    pub(super) const fn prepared(&self) -> (&regorus::Engine, &String) {
        self.interpreter.prepared()
    }

    /// How it is run.
    pub(super) const fn options(&self) -> &Options {
        &self.options
    }

    fn attempt(&self, input: Value, now: Timestamp, watch: &Watch) -> Result<Value, EngineError> {
        native::set_now(now);
        let Some(trial) = self.machine.as_ref().filter(|trial| trial.holds()) else {
            return self.interpret(input, watch);
        };
        let answer = unwinding(|| trial.machine.run(input.clone(), watch));
        let is_sampled = trial.is_sampled() && watch.left() > self.options.timeout / 2;
        match answer {
            Ok(_) if is_sampled => self.doubt(trial, answer, input, watch),
            // The interpreter knows where and how it fails, and stops earlier in some lists.
            Err(EngineError::Fault(_)) => self.interpret(input, watch),
            _ => answer,
        }
    }

    /// Asks the interpreter too.
    fn doubt(
        &self,
        trial: &Trial,
        answer: Result<Value, EngineError>,
        input: Value,
        watch: &Watch,
    ) -> Result<Value, EngineError> {
        let reference = self.interpret(input, watch);
        match compare::agree(&answer, &reference) {
            Some(true) | None => answer,
            Some(false) => {
                trial.give_up(&self.options.entrypoint.to_string());
                // One of the two is wrong, and hops before this one were given it.
                Err(EngineError::Fault("the evaluators differ".to_owned()))
            }
        }
    }

    fn interpret(&self, input: Value, watch: &Watch) -> Result<Value, EngineError> {
        let limit = self.options.timeout;
        let value = unwinding(|| self.interpreter.run(input, watch.left()))?;
        // Where it is lenient the engine can lose the end of its time like any error.
        if self.options.gate == Gate::Compatible && watch.left().is_zero() {
            return Err(EngineError::Timeout(limit));
        }
        Ok(value)
    }
}

/// How often a policy's evaluators differed, so that only the interpreter was asked from then on.
pub(super) fn fallbacks() -> u64 {
    compare::fallbacks()
}

/// The machine for what `interpreter` evaluates.
///
/// # Errors
/// Where and why it must not be asked.
fn machine(
    interpreter: &Interpreter,
    modules: &[Module],
    data: &Value,
    reads: &Reads,
    options: &Options,
) -> Result<Machine, Outside> {
    let unplaced = |why| Outside { file: "policy".to_owned(), line: 1, column: 1, why };
    // Undefined is an answer there that the machine treats otherwise than the interpreter.
    if options.gate == Gate::Compatible {
        return Err(unplaced("a builtin that fails is undefined where `gate` is `compatible`"));
    }
    let (template, rule) = interpreter.prepared();
    let calls = calls::named_in(modules);
    let mut engine = template.clone();
    subset::prove(engine.get_modules(), data, &calls, options.entrypoint.names())?;
    let machine = Machine::compile(template, rule, data.clone(), calls, options.gate)
        .map_err(|_| unplaced("the virtual machine cannot compile it"))?;
    let ast = template.get_ast_as_json().map_err(|_| unplaced("its syntax tree cannot be read"))?;
    native::set_now(Timestamp::from_seconds(REHEARSAL));
    compare::rehearse(&machine, interpreter, reads, &ast, options.timeout).map_err(unplaced)?;
    Ok(machine)
}

fn refusal(outside: &Outside) -> Problem {
    let message = format!("policy.evaluator: {}: leave `evaluator` at `auto`", outside.why);
    Problem::at(&outside.file, outside.line, outside.column, &message)
}

/// The engine is a clone and goes with its panic: what was proved before stays in the decision.
fn unwinding(evaluate: impl FnOnce() -> Result<Value, EngineError>) -> Result<Value, EngineError> {
    catch_unwind(AssertUnwindSafe(evaluate))
        .unwrap_or_else(|_| Err(EngineError::Fault("the engine panicked".to_owned())))
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("options", &self.options)
            .field("evaluator", &self.evaluator())
            .finish_non_exhaustive()
    }
}

/// The instant at which evaluators are compared at load.
const REHEARSAL: i64 = 1_700_000_000;

/// Analysis and the first evaluation are recursive.
const STACK: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests;
