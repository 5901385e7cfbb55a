//! One expression, put to OPA and to Hopguard with many arguments.

use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use hopguard::{
    clock::{Clock, Timestamp},
    policy::{Entrypoint, Evaluator, Gate, Options, Policy, PolicyError, Source},
};
use serde_json::{Value, json};

use crate::opa::{Opa, Outcome};

/// An expression of `input.parsed_body`, loaded everywhere.
pub(crate) struct Question {
    expression: String,
    package: String,
    opa: Opa,
    strict: Policy,
    compatible: Policy,
    /// What was asked, and where the answers differ.
    asked: usize,
    differences: Vec<String>,
}

/// What each says that an expression is.
#[derive(Debug, PartialEq)]
pub(crate) struct Answers {
    /// An error of a builtin is one.
    pub(crate) strict: Outcome,
    /// An error of a builtin is undefined.
    pub(crate) lenient: Outcome,
}

impl Question {
    /// A call of `function` with the elements of the body, an array, as its `arity` arguments.
    pub(crate) fn call(function: &str, arity: usize) -> Self {
        let arguments: Vec<String> = (0..arity).map(|index| format!("input.parsed_body[{index}]")).collect();
        Self::new(&format!("{function}({})", arguments.join(", ")))
    }

    /// Any expression of `input.parsed_body`.
    pub(crate) fn new(expression: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let package = format!("oracle{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let module = format!("package {package}\n\nresult := {expression}\n");
        let mut opa = Opa::connect();
        opa.load(&package, &module);
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("policy.rego"), module).unwrap();
        let source = Source::read(directory.path(), 1 << 20).unwrap();
        let compile = |gate| {
            let entrypoint = Entrypoint::parse(&format!("data.{package}.result")).unwrap();
            let options = Options { gate, evaluator: Evaluator::Interpreter, ..Options::new(entrypoint, TIMEOUT) };
            Policy::compile(&source, &options).unwrap_or_else(|problems| panic!("{expression}: {problems}"))
        };
        let (strict, compatible) = (compile(Gate::Strict), compile(Gate::Compatible));
        Self { expression: expression.to_owned(), package, opa, strict, compatible, asked: 0, differences: Vec::new() }
    }

    /// OPA's answers.
    pub(crate) fn opa(&mut self, body: &Value) -> Answers {
        let (path, input) = (format!("{}/result", self.package), json!({"parsed_body": body}));
        Answers { strict: self.opa.ask(&path, &input, true), lenient: self.opa.ask(&path, &input, false) }
    }

    /// Hopguard's answers.
    pub(crate) fn hopguard(&self, body: &Value) -> Answers {
        let input = json!({"parsed_body": body}).to_string();
        let ask = |policy: &Policy| {
            let input = hopguard::policy::Value::from_json_str(&input).unwrap();
            match policy.ask(input, now()) {
                Ok(hopguard::policy::Value::Undefined) => Outcome::Undefined,
                Ok(value) => Outcome::value(json(&value)),
                Err(PolicyError::Fault(_)) => Outcome::Error,
                Err(other) => panic!("{other} for {body}"),
            }
        };
        Answers { strict: ask(&self.strict), lenient: ask(&self.compatible) }
    }

    /// Asks both, and remembers a difference.
    pub(crate) fn ask(&mut self, body: &Value) {
        let (opa, hopguard) = (self.opa(body), self.hopguard(body));
        self.asked += 1;
        if opa != hopguard {
            let strict = difference(&opa.strict, &hopguard.strict);
            let lenient = difference(&opa.lenient, &hopguard.lenient);
            self.differences.push(format!("for {body}\n  strict:  {strict}\n  lenient: {lenient}"));
        }
    }

    /// Asks both; where Hopguard stops at a bound, it gives no answer.
    pub(crate) fn ask_or_bound(&mut self, body: &Value) {
        let (opa, hopguard) = (self.opa(body), self.hopguard(body));
        self.asked += 1;
        let refused = hopguard == (Answers { strict: Outcome::Error, lenient: Outcome::Error });
        if refused && std::env::var_os("SHOW_BOUNDS").is_some() && opa.strict != Outcome::Error {
            println!("bound: {} for {body}: {opa:?}", self.expression);
        }
        if !refused
            && (level(&opa.strict) != level(&hopguard.strict) || level(&opa.lenient) != level(&hopguard.lenient))
        {
            self.differences.push(format!("for {body}\n  OPA      {opa:?}\n  Hopguard {hopguard:?}"));
        }
    }

    /// Asks both; Hopguard may refuse what OPA answers so.
    pub(crate) fn ask_or_refuse(&mut self, body: &Value, may_refuse: fn(&Value) -> bool) {
        let refused = Answers { strict: Outcome::Error, lenient: Outcome::Undefined };
        let Outcome::Value(answer) = self.opa(body).lenient else { return self.ask(body) };
        if may_refuse(&answer) && self.hopguard(body) == refused {
            return;
        }
        self.ask(body);
    }

    /// Asks both where Hopguard stops at a bound that OPA does not have: it must not answer.
    pub(crate) fn bounded(&mut self, body: &Value) {
        let answers = self.hopguard(body);
        self.asked += 1;
        if answers != (Answers { strict: Outcome::Error, lenient: Outcome::Error }) {
            self.differences.push(format!("for {body}\n  beyond the bound, but {answers:?}"));
        }
    }

    /// Ends with how many questions were asked, or with what differed.
    pub(crate) fn done(self) -> usize {
        let Self { expression, asked, differences, .. } = self;
        let shown: String = differences.iter().take(SHOWN).map(|text| format!("\n{text:.3000}")).collect();
        assert!(differences.is_empty(), "{expression}: {} of {asked} answers differ{shown}", differences.len());
        asked
    }
}

/// An outcome whose numbers are what they are worth, however they are written.
fn level(outcome: &Outcome) -> String {
    fn worth(value: &Value) -> Value {
        match value {
            Value::Number(number) => match number.as_f64() {
                Some(float) if number.as_i64().is_none() && number.as_u64().is_none() && float.fract() == 0.0 => {
                    json!(format!("{float:.0}"))
                }
                _ => json!(number.to_string()),
            },
            Value::Array(items) => items.iter().map(worth).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(key, value)| (key.clone(), worth(value))).collect::<serde_json::Map<_, _>>().into()
            }
            other => other.clone(),
        }
    }
    match outcome {
        Outcome::Value(value) => worth(value).to_string(),
        other => format!("{other:?}"),
    }
}

/// Where what OPA says is other than what Hopguard says.
fn difference(opa: &Outcome, hopguard: &Outcome) -> String {
    match (opa, hopguard) {
        (Outcome::Value(opa), Outcome::Value(hopguard)) => {
            let mut found = Vec::new();
            compare("", opa, hopguard, &mut found);
            found.join(", ")
        }
        (opa, hopguard) if opa == hopguard => String::new(),
        (opa, hopguard) => format!("OPA {:.200}, Hopguard {:.200}", format!("{opa:?}"), format!("{hopguard:?}")),
    }
}

fn compare(path: &str, opa: &Value, hopguard: &Value, found: &mut Vec<String>) {
    match (opa, hopguard) {
        (Value::Array(opa), Value::Array(hopguard)) if opa.len() == hopguard.len() => {
            opa.iter().zip(hopguard).enumerate().for_each(|(index, (opa, hopguard))| {
                compare(&format!("{path}[{index}]"), opa, hopguard, found);
            });
        }
        (Value::Object(opa), Value::Object(hopguard)) if opa.keys().eq(hopguard.keys()) => {
            opa.iter().zip(hopguard.values()).for_each(|((name, opa), hopguard)| {
                compare(&format!("{path}.{name}"), opa, hopguard, found);
            });
        }
        _ if opa == hopguard => {}
        _ => found.push(format!("{path}: OPA {opa}, Hopguard {hopguard}")),
    }
}

/// The value as JSON, in which a long number is a text.
fn json(value: &hopguard::policy::Value) -> Value {
    use hopguard::policy::Value as Rego;
    match value {
        Rego::Array(items) => items.iter().map(json).collect(),
        Rego::Set(items) => items.iter().map(json).collect(),
        Rego::Object(fields) => {
            fields.iter().map(|(name, value)| (name.as_string().unwrap().to_string(), json(value))).collect()
        }
        Rego::Number(number) if number.as_big().is_some_and(|big| big.bits() > 63) => number.format_decimal().into(),
        other => serde_json::from_str(&other.to_json_str().unwrap()).unwrap(),
    }
}

/// OPA goes by the wall clock wherever it is not told a time.
fn now() -> Timestamp {
    Clock::default().now()
}

const TIMEOUT: Duration = Duration::from_secs(5);
const SHOWN: usize = 5;
