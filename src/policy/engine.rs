//! The one door to regorus: a strict interpreter whose clock is the decision's `now`.

use std::{
    fmt,
    num::NonZeroU32,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
    time::Duration,
};

pub use regorus::Value;
use regorus::{LimitError, utils::limits::ExecutionTimerConfig};

use super::{
    Gate, Options, Reads,
    builtins::{self, native},
    directory::Module,
    gate, nesting,
};
use crate::{
    clock::Timestamp,
    yaml::{Problem, Problems},
};

/// A prepared interpreter, cloned for each evaluation: nothing that one hop leaves behind can reach the next.
pub(super) struct Engine {
    template: regorus::Engine,
    entrypoint: String,
    timeout: Duration,
}

/// Why an evaluation gave no value.
#[derive(Debug)]
pub(super) enum EngineError {
    Timeout(Duration),
    Fault(String),
}

impl Engine {
    /// Compiles in a thread of its own: an engine that hangs or panics over a policy ends neither the loading of others nor the process.
    pub(super) fn compile_within(
        patience: Duration,
        modules: Vec<Module>,
        options: Options,
    ) -> Result<(Self, Reads), Problems> {
        let refuse = |message: &str| Err(Problems(vec![Problem::of_file("policy", message)]));
        let (sender, compiled) = mpsc::channel();
        let thread = std::thread::Builder::new().name("compile".to_owned()).stack_size(STACK).spawn(move || {
            // Nobody waits any more if this took too long.
            let _ = sender.send(Self::compile(&modules, &options));
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

    fn compile(modules: &[Module], options: &Options) -> Result<(Self, Reads), Problems> {
        let (entrypoint, timeout) = (&options.entrypoint.to_string(), options.timeout);
        let mut template = regorus::Engine::new();
        // A builtin's error is an error, never undefined: `not f(broken)` must not become true.
        template.set_strict_builtin_errors(options.gate == Gate::Strict);
        let mut problems: Vec<Problem> = Vec::new();
        for module in modules {
            if let Some(line) = nesting::too_deep(&module.source) {
                let message = format!("policy.nesting: brackets stand more than {} deep", nesting::MOST);
                problems.push(Problem::at(&module.file, line, 1, &message));
            } else if let Err(error) = template.add_policy(module.file.clone(), module.source.clone()) {
                problems.push(problem(&module.file, &format!("{error:#}")));
            }
        }
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let reads = gate::admit(template.get_modules(), &Value::new_object(), options)?.reads;
        let lenient = options.gate == Gate::Compatible;
        for native in builtins::natives() {
            let extension = move |arguments: Vec<Value>| native.run(&arguments, lenient).map_err(anyhow::Error::from);
            template
                .add_extension(native.name.to_owned(), native.arity, Box::new(extension))
                .map_err(|error| Problems(vec![problem("", &format!("{error:#}"))]))?;
        }
        let check_interval = NonZeroU32::MIN.saturating_add(15);
        template.set_execution_timer_config(ExecutionTimerConfig { limit: timeout, check_interval });
        let file = modules.first().map_or("", |module| &module.file);
        // Analysis happens on the first evaluation: it is paid here rather than on a hop.
        template.set_input(Value::new_object());
        if let Err(error) = template.eval_rule(entrypoint.clone())
            && error.to_string().contains("not a valid rule path")
        {
            let message = format!(
                "no rule defines the entry point `{entrypoint}` as a whole: write `decision := ...` or `decision := {{...}} if ...`"
            );
            return Err(Problems(vec![problem(file, &message)]));
        }
        // What analysis has against a policy hides in that evaluation, among errors that only an empty input makes.
        if let Err(error) = template.clone().compile_with_entrypoint(&entrypoint.as_str().into()) {
            return Err(Problems(vec![problem(file, &format!("{error:#}"))]));
        }
        Ok((Self { template, entrypoint: entrypoint.clone(), timeout }, reads))
    }

    pub(super) fn evaluate(&self, input: Value, now: Timestamp) -> Result<Value, EngineError> {
        let mut engine = self.template.clone();
        engine.set_input(input);
        native::set_now(now);
        // The engine is a clone and goes with its panic: what was proved before stays in the decision.
        let evaluated = catch_unwind(AssertUnwindSafe(|| engine.eval_rule(self.entrypoint.clone())));
        let evaluated = evaluated.map_err(|_| EngineError::Fault("the engine panicked".to_owned()))?;
        evaluated.map_err(|error| match error.downcast_ref::<LimitError>() {
            Some(LimitError::TimeLimitExceeded { .. }) => EngineError::Timeout(self.timeout),
            _ => EngineError::Fault(place(&error.to_string())),
        })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("entrypoint", &self.entrypoint)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// regorus writes `--> file:line:column`, the line with a caret, and `error: message`.
fn problem(file: &str, text: &str) -> Problem {
    let place = text.split("--> ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or(file);
    let mut parts = place.rsplitn(3, ':');
    let (column, line) = (parts.next(), parts.next());
    let number = |part: Option<&str>| part.and_then(|part| part.trim().parse().ok()).unwrap_or(1);
    Problem::at(parts.next().unwrap_or(file), number(line), number(column), &message(text))
}

/// What went wrong, in the engine's words.
fn message(text: &str) -> String {
    text.rsplit_once("error: ").map_or(text, |(_, message)| message).lines().next().unwrap_or_default().to_owned()
}

/// Where an evaluation failed, and how if that can be said without a value: the engine's messages quote what policies work on, which may
/// be a caller's secret.
fn place(text: &str) -> String {
    let place = text.split("--> ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or("the policy").trim();
    match KNOWN.iter().find(|known| text.contains(*known)) {
        Some(known) => format!("{place}: {known}"),
        None => place.to_owned(),
    }
}

/// Analysis and the first evaluation are recursive.
const STACK: usize = 16 * 1024 * 1024;

/// Messages of the engine that hold no value.
const KNOWN: [&str; 4] = [
    "divide by zero",
    "complete rules should not produce multiple outputs",
    "functions must not produce multiple outputs",
    "rules must not be recursive",
];
