//! One evaluation that is looked at: what it came to, what it printed, and which lines it went through.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use regorus::{LimitError, utils::limits::ExecutionTimerConfig};

use super::{EngineError, TOO_LONG, Value, calls, faults::place};
use crate::{
    clock::Timestamp,
    policy::{Gate, builtins::native},
};

/// The lines that were evaluated, by file.
pub(in crate::policy) type Covered = BTreeMap<String, BTreeSet<usize>>;

/// What is asked of an engine.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Question<'a> {
    /// The path of a rule, with its `data`.
    pub(in crate::policy) rule: &'a str,
    /// Absent where tests say for themselves what the input is.
    pub(in crate::policy) input: Option<&'a Value>,
    pub(in crate::policy) now: Timestamp,
    pub(in crate::policy) limit: Duration,
    pub(in crate::policy) gate: Gate,
    /// Whether lines are remembered; that takes time.
    pub(in crate::policy) lines: bool,
}

/// What became of it.
#[derive(Debug)]
pub(in crate::policy) struct Observed {
    pub(in crate::policy) value: Result<Value, EngineError>,
    pub(in crate::policy) printed: Vec<String>,
    pub(in crate::policy) covered: Covered,
}

/// Asks a clone of `template`, of which nothing reaches the next one.
pub(in crate::policy) fn observe(template: &regorus::Engine, question: &Question<'_>) -> Observed {
    let mut engine = template.clone();
    if let Some(input) = question.input {
        engine.set_input(input.clone());
    }
    engine.set_enable_coverage(question.lines);
    engine.set_execution_timer_config(ExecutionTimerConfig { limit: question.limit, check_interval: NonZeroU32::MIN });
    native::set_now(question.now);
    calls::begin();
    let begun = Instant::now();
    let evaluated = catch_unwind(AssertUnwindSafe(|| ask(&mut engine, question.rule)));
    let failed = calls::failed();
    let value = match (evaluated, failed) {
        // Where it is lenient the engine can lose the end of its time like any error.
        (Ok(Ok(_)), _) if question.gate == Gate::Compatible && begun.elapsed() >= question.limit => {
            Err(EngineError::Timeout(question.limit))
        }
        (Ok(Ok(value)), None) => Ok(value),
        (Ok(Ok(_)), Some(failed)) => Err(EngineError::Fault(failed)),
        (Ok(Err(error)), failed) => {
            let text = error.to_string();
            if error.is::<LimitError>() || text.contains(TOO_LONG) {
                Err(EngineError::Timeout(question.limit))
            } else {
                Err(EngineError::Fault(place(&text, failed.as_deref())))
            }
        }
        (Err(_), _) => Err(EngineError::Fault("the engine panicked".to_owned())),
    };
    let covered = if question.lines { lines(&engine) } else { Covered::new() };
    Observed { value, printed: engine.take_prints().unwrap_or_default(), covered }
}

/// Has `template` analysed, which happens on the first evaluation and is kept in its clones.
pub(in crate::policy) fn warm(template: &mut regorus::Engine, rule: &str, now: Timestamp, limit: Duration) {
    template.set_execution_timer_config(ExecutionTimerConfig { limit, check_interval: NonZeroU32::MIN });
    native::set_now(now);
    calls::begin();
    // Whatever it comes to: it is asked again.
    let _ = catch_unwind(AssertUnwindSafe(|| ask(template, rule)));
    let _ = template.take_prints();
}

/// The engine evaluates rules; what stands above or between them is a query.
fn ask(engine: &mut regorus::Engine, rule: &str) -> anyhow::Result<Value> {
    match engine.eval_rule(rule.to_owned()) {
        Err(error) if error.to_string().contains("not a valid rule path") => {
            let mut results = engine.eval_query(rule.to_owned(), false)?.result.into_iter();
            let value = results.next().and_then(|result| result.expressions.into_iter().next());
            Ok(value.map_or(Value::Undefined, |expression| expression.value))
        }
        evaluated => evaluated,
    }
}

fn lines(engine: &regorus::Engine) -> Covered {
    let files = engine.get_coverage_report().map(|report| report.files).unwrap_or_default();
    let number = |line: u32| usize::try_from(line).unwrap_or(usize::MAX);
    files.into_iter().map(|file| (file.path, file.covered.into_iter().map(number).collect())).collect()
}
