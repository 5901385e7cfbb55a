//! The interpreter: the reference for what a policy means.

use std::{num::NonZeroU32, time::Duration};

use regorus::{
    LimitError,
    utils::limits::{ExecutionTimerConfig, PolicyLengthConfig},
};

use super::{
    super::{Gate, Options, nesting, source::Module},
    EngineError, Value, calls,
    faults::{place, problem},
    paths,
};
use crate::yaml::{Problem, Problems};

/// A prepared engine, cloned for each evaluation: nothing that one hop leaves behind can reach the next.
pub(super) struct Interpreter {
    template: regorus::Engine,
    rule: String,
    check_interval: NonZeroU32,
}

/// An engine with `modules`, `data` and every builtin that they can name, and without a time limit.
///
/// # Errors
/// Every reason why it cannot be made.
pub(in crate::policy) fn template(modules: &[Module], data: &Value, gate: Gate) -> Result<regorus::Engine, Problems> {
    let mut template = regorus::Engine::new();
    // A builtin's error is an error, never undefined: `not f(broken)` must not become true.
    template.set_strict_builtin_errors(gate == Gate::Strict);
    // What a policy prints may be a caller's secret: it goes with the evaluation, never to the log by itself.
    template.set_gather_prints(true);
    // Keys and certificates stand in one line.
    let max_col = NonZeroU32::MIN.saturating_add(nesting::MAX_COLUMN);
    template.set_policy_length_config(PolicyLengthConfig { max_col, ..PolicyLengthConfig::default() });
    let mut problems: Vec<Problem> = Vec::new();
    for module in modules {
        if let Some(problem) = nesting::judge(&module.file, &module.source) {
            problems.push(problem);
        } else if let Err(error) = template.add_policy(module.file.clone(), module.source.clone()) {
            problems.push(problem(&module.file, &format!("{error:#}")));
        }
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    template.add_data(data.clone()).map_err(|error| refuse(&format!("{error:#}")))?;
    refuse_two_meanings(&mut template, data)?;
    for call in calls::named_in(modules) {
        let (name, arity) = (call.name.to_owned(), call.arity);
        let extension = move |arguments: Vec<Value>| call.run(&arguments, gate).map_err(anyhow::Error::from);
        template.add_extension(name, arity, Box::new(extension)).map_err(|error| refuse(&format!("{error:#}")))?;
    }
    Ok(template)
}

impl Interpreter {
    /// Prepares `template`, whose modules multiply or do not, to be asked for the entry point.
    pub(super) fn prepare(
        mut template: regorus::Engine,
        options: &Options,
        multiplies: bool,
    ) -> Result<Self, Problems> {
        // No clock ends a multiplication, and each can take three times as long as the one before it.
        let check_interval = NonZeroU32::MIN.saturating_add(if multiplies { 0 } else { 15 });
        let mut rule = options.entrypoint.to_string();
        set_limit(&mut template, options.timeout, check_interval);
        // Analysis happens on the first evaluation: it is paid here rather than on a hop.
        template.set_input(Value::new_object());
        calls::begin();
        if let Err(error) = template.eval_rule(rule.clone())
            && error.to_string().contains("not a valid rule path")
        {
            rule = wrap(&mut template, options)?;
            // Whatever an empty input makes of it.
            let _ = template.eval_rule(rule.clone());
        }
        // What analysis has against a policy hides in that evaluation, among errors that only an empty input makes.
        if let Err(error) = template.clone().compile_with_entrypoint(&rule.as_str().into()) {
            return Err(refuse(&format!("{error:#}")));
        }
        Ok(Self { template, rule, check_interval })
    }

    /// The engine that is cloned, and the rule that it is asked for.
    pub(super) const fn prepared(&self) -> (&regorus::Engine, &String) {
        (&self.template, &self.rule)
    }

    /// Evaluates within `limit`.
    pub(super) fn run(&self, input: Value, limit: Duration) -> Result<Value, EngineError> {
        let mut engine = self.template.clone();
        set_limit(&mut engine, limit, self.check_interval);
        engine.set_input(input);
        calls::begin();
        let evaluated = engine.eval_rule(self.rule.clone());
        let failed = calls::failed();
        match (evaluated, failed) {
            (Ok(value), None) => Ok(value),
            // Between definitions of a function the engine forgets errors where it is lenient.
            (Ok(_), Some(failed)) => Err(EngineError::Fault(failed)),
            (Err(error), failed) => {
                let text = error.to_string();
                // Out of a function only the words of an error come.
                if error.is::<LimitError>() || text.contains(TOO_LONG) {
                    Err(EngineError::Timeout(limit))
                } else {
                    Err(EngineError::Fault(place(&text, failed.as_deref())))
                }
            }
        }
    }
}

fn set_limit(engine: &mut regorus::Engine, limit: Duration, check_interval: NonZeroU32) {
    engine.set_execution_timer_config(ExecutionTimerConfig { limit, check_interval });
}

/// Of a rule and a data document at one place the engine reads the rule, and a reader might read the other.
fn refuse_two_meanings(template: &mut regorus::Engine, data: &Value) -> Result<(), Problems> {
    let mut problems = Vec::new();
    for place in paths::places(template.get_modules()) {
        let is_below = |length| place.path.get(..length).and_then(|above| paths::at(data, above));
        let hidden = (1..place.path.len()).filter_map(is_below).any(|above| !matches!(above, Value::Object(_)));
        if hidden || paths::at(data, &place.path).is_some() {
            let span = paths::head(place.rule).span();
            let number = |number: u32| usize::try_from(number).unwrap_or(1);
            let path = place.path.join(".");
            let message = format!("policy.data_conflict: `data.{path}` is in the data too: name the rule otherwise");
            problems.push(Problem::at(span.source.file(), number(span.line), number(span.col), &message));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

/// The engine evaluates rules, not documents. One that is no rule as a whole is what a rule of ours refers to.
fn wrap(template: &mut regorus::Engine, options: &Options) -> Result<String, Problems> {
    let entrypoint = &options.entrypoint;
    let data = template.get_data();
    let places = paths::places(template.get_modules());
    let names = entrypoint.names();
    let is_there = paths::at(&data, names).is_some()
        || places.iter().any(|place| place.path.starts_with(names) || names.starts_with(&place.path));
    // What OPA is asked for and does not have is undefined, and undefined is a denial.
    if !is_there && options.gate == Gate::Strict {
        let file = places.first().map_or("policy", |place| paths::head(place.rule).span().source.file());
        let message = format!(
            "policy.entrypoint: no rule defines the entry point `{entrypoint}`: write `decision := ...` or `decision := {{...}} if ...`"
        );
        return Err(Problems(vec![problem(file, &message)]));
    }
    if places.iter().any(|place| place.path.first().is_some_and(|name| name == WRAPPER)) {
        return Err(refuse(&format!("policy.shadow: `data.{WRAPPER}` is ours: name the package otherwise")));
    }
    let module = format!("package {WRAPPER}\nanswer := {entrypoint}\n");
    template.add_policy(WRAPPER.to_owned(), module).map_err(|error| refuse(&format!("{error:#}")))?;
    Ok(format!("data.{WRAPPER}.answer"))
}

fn refuse(text: &str) -> Problems {
    Problems(vec![problem("policy", text)])
}

/// Where the rule that wraps an entry point stands.
const WRAPPER: &str = "__hopguard_entrypoint";

/// What the engine says of an evaluation that takes too long.
pub(super) const TOO_LONG: &str = "execution exceeded time limit";
