//! The builtins of a policy, which every evaluator calls through here: a failure is never lost, and what they make is bounded in all.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use regorus::{
    LimitError,
    unstable::{BUILTINS, Expr, Ref, Source, Span},
};

use super::{
    super::{
        Gate,
        builtins::{
            self,
            native::{Failure, Native},
        },
        source::Module,
    },
    Value,
};

/// A builtin that a policy may call: one of our own, or the engine's.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) arity: u8,
    body: Body,
}

#[derive(Clone)]
enum Body {
    Native(&'static Native),
    Engine(EngineFn),
}

/// The builtins that `modules` can name. What is not among them costs an evaluation nothing.
pub(super) fn named_in(modules: &[Module]) -> Vec<Call> {
    let engine = BUILTINS
        .iter()
        .filter(|(name, _)| !name.starts_with("__") && **name != "trace")
        .map(|(name, (call, arity))| Call { name, arity: *arity, body: Body::Engine(*call) });
    let own =
        builtins::natives().map(|native| Call { name: native.name, arity: native.arity, body: Body::Native(native) });
    let calls: BTreeMap<&str, Call> = engine.chain(own).map(|call| (call.name, call)).collect();
    // A call spells its last part out, whatever stands before it.
    let is_named = |call: &Call| {
        let last = call.name.rsplit('.').next().unwrap_or(call.name);
        modules.iter().any(|module| module.source.contains(last))
    };
    calls.into_values().filter(is_named).collect()
}

impl Call {
    /// Calls it. What fails by an argument is undefined where policies run as in OPA.
    pub(super) fn run(&self, arguments: &[Value], gate: Gate) -> Result<Value, Failure> {
        let lenient = gate == Gate::Compatible;
        let result = match &self.body {
            Body::Native(native) => native.run(arguments, lenient),
            Body::Engine(call) => self.engine(*call, arguments, lenient),
        };
        let result = result.and_then(|value| self.charge(value));
        if let Err(failure) = &result {
            // Evaluators lose errors here and there; this one is looked for when they are done.
            let said = match (&self.body, failure) {
                (Body::Engine(_), Failure::Error(_)) => format!("`{}` failed", self.name),
                _ => format!("`{}` failed: {failure}", self.name),
            };
            FAILED.with_borrow_mut(|failed| failed.get_or_insert(said).len());
        }
        result
    }

    fn engine(&self, call: EngineFn, arguments: &[Value], lenient: bool) -> Result<Value, Failure> {
        let (span, params) = NOWHERE.with(Clone::clone).ok_or_else(|| Failure::Bound("it has no place".to_owned()))?;
        let params = params.get(..arguments.len()).ok_or_else(|| Failure::Bound("too many arguments".to_owned()))?;
        match call(&span, params, arguments, !lenient) {
            // The engine shrugs at some arguments that OPA refuses; only of nothing at all there is no greatest.
            Ok(Value::Undefined) if !lenient && !matches!(self.name, "max" | "min") => {
                Err(Failure::Error("an argument is not what it takes".to_owned()))
            }
            Ok(value) => Ok(value),
            Err(error) if error.is::<LimitError>() => Err(Failure::Bound("it is larger than it may be".to_owned())),
            Err(_) if lenient => Ok(Value::Undefined),
            Err(error) => Err(Failure::Error(error.to_string())),
        }
    }

    fn charge(&self, value: Value) -> Result<Value, Failure> {
        let size = match &value {
            Value::String(text) => text.len(),
            _ if VIEWS.contains(&self.name) => 0,
            Value::Array(items) => items.len().saturating_mul(ITEM),
            Value::Set(items) => items.len().saturating_mul(ITEM),
            Value::Object(fields) => fields.len().saturating_mul(ITEM * 2),
            _ => 0,
        };
        let spent = SPENT.get().saturating_add(size);
        SPENT.set(spent);
        if spent > MOST {
            let most = MOST / (1024 * 1024);
            return Err(Failure::Bound(format!(
                "an evaluation makes no more than {most} MiB: make fewer or smaller texts"
            )));
        }
        Ok(value)
    }
}

/// Begins an evaluation of this thread: nothing has failed, and nothing is spent.
pub(super) fn begin() {
    SPENT.set(0);
    FAILED.take();
}

/// What failed first since [`begin`], in words that quote no value.
pub(super) fn failed() -> Option<String> {
    FAILED.take()
}

type EngineFn = fn(&Span, &[Ref<Expr>], &[Value], bool) -> anyhow::Result<Value>;

thread_local! {
    static SPENT: Cell<usize> = const { Cell::new(0) };
    static FAILED: RefCell<Option<String>> = const { RefCell::new(None) };
    /// The engine's builtins say where they failed; the evaluators know that better.
    static NOWHERE: Option<(Span, Vec<Ref<Expr>>)> = nowhere();
}

fn nowhere() -> Option<(Span, Vec<Ref<Expr>>)> {
    let source = Source::from_contents("builtin".to_owned(), String::new()).ok()?;
    let span = Span { source, line: 1, col: 1, start: 0, end: 0 };
    let param = |_| Ref::new(Expr::Null { span: span.clone(), value: Value::Null, eidx: 0 });
    let params = (0..=u8::MAX).map(param).collect();
    Some((span, params))
}

/// Builtins whose value is a part of what they are given.
const VIEWS: [&str; 3] = ["max", "min", "object.get"];

/// The size of a value in a collection.
const ITEM: usize = size_of::<Value>();

/// The most bytes that builtins make in one evaluation. A policy that doubles a text until its time is up must not take the process with it.
const MOST: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(source: &str) -> Vec<Call> {
        named_in(&[Module { file: "a.rego".to_owned(), source: source.to_owned() }])
    }

    #[test]
    fn only_builtins_that_are_named_are_there() {
        let names: Vec<&str> =
            calls("package a\nb := time.now_ns()\nc := base64.decode(d)").iter().map(|c| c.name).collect();
        assert!(names.contains(&"time.now_ns") && names.contains(&"base64.decode"), "{names:?}");
        assert!(!names.contains(&"concat"), "{names:?}");
    }

    #[test]
    fn a_failure_is_remembered_without_the_value() {
        let calls = calls("endswith");
        begin();
        let secret = [Value::from(vec![Value::from("secret")]), Value::from("secret")];
        assert!(calls[0].run(&secret, Gate::Strict).is_err());
        assert_eq!(failed(), Some("`endswith` failed".to_owned()));
        assert_eq!(calls[0].run(&secret, Gate::Compatible), Ok(Value::Undefined));
        assert_eq!(failed(), None);
    }

    #[test]
    fn what_builtins_make_in_one_evaluation_is_bounded() {
        let calls = calls("upper");
        begin();
        let text = [Value::from("a".repeat(1024 * 1024))];
        let made = (0..100).take_while(|_| calls[0].run(&text, Gate::Compatible).is_ok()).count();
        assert_eq!(made, 64);
        assert!(failed().is_some_and(|failure| failure.contains("64 MiB")));
    }
}
