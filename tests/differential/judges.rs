//! OPA and Hopguard, asked the same of the same policy.

use std::{fs, time::Duration};

use hopguard::{
    clock::Timestamp,
    policy::{self, Entrypoint, Evaluator, Gate, Options, PolicyError, Source, Value, answer},
};
use http::{Method, StatusCode};
use tempfile::TempDir;

use crate::{
    opa::{self, Opa, Outcome, Server},
    policy::Policy,
    words::DATA,
};

/// An OPA of its own, with one policy at a time.
pub(crate) struct Oracle {
    opa: Opa,
    /// Ends with it.
    _server: Server,
}

impl Oracle {
    pub(crate) fn start() -> Self {
        let server = Server::start();
        let mut opa = Opa::to(&server);
        let data: serde_json::Value = serde_json::from_str(DATA).unwrap();
        for (name, document) in data.as_object().unwrap() {
            let (status, answer) = opa.send(Method::PUT, &format!("/v1/data/{name}"), document.to_string());
            assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
        }
        Self { opa, _server: server }
    }

    /// Takes a policy, or says what is against it.
    pub(crate) fn load(&mut self, policy: &Policy) -> Result<(), String> {
        // Each alone compiles with what is there: nothing of the last policy may be.
        self.opa.load("batch", "package batch");
        self.opa.load("case", "package case");
        self.opa.offer("library", &policy.library())?;
        self.opa.offer("case", &policy.module())?;
        self.opa.load("batch", BATCH);
        Ok(())
    }

    /// The decision for each input.
    pub(crate) fn ask(&mut self, inputs: &[String], is_strict: bool) -> Vec<Outcome> {
        let cases = format!("{{\"cases\": [{}]}}", inputs.join(","));
        match self.opa.ask_text("batch/results", &cases, is_strict) {
            Outcome::Value(serde_json::Value::Array(results)) if results.len() == inputs.len() => {
                let one = |result: &serde_json::Value| match result.as_array().map(Vec::as_slice) {
                    Some([]) => Outcome::Undefined,
                    Some([value]) => Outcome::Value(value.clone()),
                    _ => panic!("OPA gives a decision as {result}"),
                };
                results.iter().map(one).collect()
            }
            Outcome::Error if inputs.len() == 1 => vec![Outcome::Error],
            // One error is the error of all.
            Outcome::Error => {
                let (left, right) = inputs.split_at(inputs.len() / 2);
                [self.ask(left, is_strict), self.ask(right, is_strict)].concat()
            }
            other => panic!("OPA answers {} inputs with {other:?}", inputs.len()),
        }
    }

    /// The decision for one input, asked for as the plugin asks.
    pub(crate) fn ask_plainly(&mut self, input: &str) -> Outcome {
        self.opa.ask_text("case/decision", input, false)
    }
}

/// The four ways in which Hopguard may run one policy.
pub(crate) struct Guard {
    directory: TempDir,
}

/// A way in which Hopguard runs policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    StrictInterpreter,
    StrictAuto,
    CompatibleInterpreter,
    CompatibleAuto,
}

impl Way {
    pub(crate) const ALL: [Self; 4] =
        [Self::StrictInterpreter, Self::StrictAuto, Self::CompatibleInterpreter, Self::CompatibleAuto];

    pub(crate) const fn is_strict(self) -> bool {
        matches!(self, Self::StrictInterpreter | Self::StrictAuto)
    }

    fn options(self) -> Options {
        let entrypoint = Entrypoint::parse("data.case.decision").unwrap();
        let gate = if self.is_strict() { Gate::Strict } else { Gate::Compatible };
        let evaluator = match self {
            Self::StrictInterpreter | Self::CompatibleInterpreter => Evaluator::Interpreter,
            Self::StrictAuto | Self::CompatibleAuto => Evaluator::Auto,
        };
        Options { gate, evaluator, ..Options::new(entrypoint, TIMEOUT) }
    }
}

impl Guard {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("data.json"), DATA).unwrap();
        Self { directory }
    }

    /// Compiles a policy in this way, or says what is against it.
    pub(crate) fn load(&self, policy: &Policy, way: Way) -> Result<policy::Policy, String> {
        let write = |name: &str, text: &str| fs::write(self.directory.path().join(name), text).unwrap();
        write("case.rego", &policy.module());
        write("library.rego", &policy.library());
        let source = Source::read(self.directory.path(), 1 << 20).map_err(|problems| problems.to_string())?;
        policy::Policy::compile(&source, &way.options()).map_err(|problems| problems.to_string())
    }
}

/// What Hopguard says of an input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) outcome: Outcome,
    /// Whether a hop is let through for it.
    pub(crate) allows: bool,
    /// What failed.
    pub(crate) fault: Option<String>,
}

/// Asks a policy.
pub(crate) fn ask(policy: &policy::Policy, input: &Value) -> Said {
    let error = |fault: String| Said { outcome: Outcome::Error, allows: false, fault: Some(fault) };
    match policy.ask(input.clone(), Timestamp::from_seconds(NOW)) {
        Ok(Value::Undefined) => Said { outcome: Outcome::Undefined, allows: false, fault: None },
        Ok(value) => {
            let styles = [answer::Style::Hopguard, answer::Style::Opa { dry_run: false }];
            let reads = |style| answer::read(&value, &answer::Rules::new(style, [], [], [])).is_ok();
            let allows = styles.into_iter().any(reads);
            match value.to_json_str().map(|text| opa::read(&text)) {
                Ok(Ok(json)) => Said { outcome: Outcome::Value(json), allows, fault: None },
                _ => Said { allows, ..error("its decision is no JSON".to_owned()) },
            }
        }
        Err(PolicyError::Fault(message)) => error(message),
        Err(PolicyError::Timeout(_)) => error("timeout".to_owned()),
        Err(other) => panic!("{other}"),
    }
}

/// Whether OPA, or its plugin with this decision, lets a hop through.
pub(crate) fn allows(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Value(serde_json::Value::Bool(allowed)) => *allowed,
        Outcome::Value(decision) => decision.get("allowed") == Some(&serde_json::Value::Bool(true)),
        Outcome::Undefined | Outcome::Error => false,
    }
}

/// Decides each case as if it came alone.
const BATCH: &str = "package batch

results := [[decision |
\tdecision := data.case.decision with input as one with time.now_ns as 1767322800000000000
] | some one in input.cases]
";

/// When all of it happens, in seconds.
pub(crate) const NOW: i64 = 1_767_322_800;

const TIMEOUT: Duration = Duration::from_secs(5);
