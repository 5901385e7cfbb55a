//! Explains an answer: each rule of the policy that was evaluated for it, with its place, its value, and where it stopped.

use std::collections::BTreeSet;

use super::{
    Policy, PolicyError, Value,
    engine::{Covered, EngineError, Observed, Question, observe},
    gate::{
        self,
        tree::{Body, Literal, Name, Rule, RuleKind},
    },
};
use crate::clock::Timestamp;

/// One rule that was evaluated.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its path: `data.hopguard.authz.deny`.
    pub name: String,
    /// Its file.
    pub file: String,
    /// The line it begins in.
    pub line: usize,
    /// What came of it.
    pub came: Came,
    /// The line of the last statement that was evaluated, where not all were.
    pub stopped: Option<usize>,
}

/// What came of a rule.
#[derive(Clone, Debug)]
pub enum Came {
    /// A value, which all rules of one path make together; [`Value::Undefined`] is none.
    Value(Value),
    /// A function: it has a value for each call.
    Called,
    /// It failed, and where.
    Failed(String),
}

/// What a policy was asked and went through.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The rules that were evaluated, in the order of files and lines.
    pub steps: Vec<Step>,
    /// What was printed, with file and line.
    pub printed: Vec<String>,
}

impl Policy {
    /// What the policy goes through for `input`: the interpreter's way, which every evaluator comes to. It is evaluated again, once for each rule:
    /// for people who wait, never for a hop.
    pub fn explain(&self, input: &Value, now: Timestamp) -> Trace {
        let (template, entrypoint) = self.engine.prepared();
        let options = self.engine.options();
        let question = Question {
            rule: entrypoint,
            input: Some(input),
            now,
            limit: options.timeout,
            gate: options.gate,
            lines: false,
        };
        let Observed { printed, covered, .. } = observe(template, &Question { lines: true, ..question });
        let mut steps = Vec::new();
        for module in gate::read(template.clone().get_modules()) {
            let Some(covered) = covered.get(&*module.file) else { continue };
            for rule in &module.rules {
                if !lines(rule).any(|line| covered.contains(&line)) || module.file.starts_with("__") {
                    continue;
                }
                let name = dotted(&rule.path);
                let came = if rule.kind == RuleKind::Function {
                    Came::Called
                } else {
                    match observe(template, &Question { rule: &name, ..question }).value {
                        Ok(value) => Came::Value(value),
                        Err(error) => Came::Failed(PolicyError::from(error).to_string()),
                    }
                };
                let stopped = stop([rule], covered);
                steps.push(Step { name, file: module.file.to_string(), line: rule.at.line, came, stopped });
            }
        }
        Trace { steps, printed }
    }

    /// The lines that it goes through for `input`.
    pub(super) fn lines(&self, input: &Value, now: Timestamp) -> Covered {
        let (template, rule) = self.engine.prepared();
        let options = self.engine.options();
        let (limit, gate) = (options.timeout, options.gate);
        observe(template, &Question { rule, input: Some(input), now, limit, gate, lines: true }).covered
    }
}

impl From<EngineError> for PolicyError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Timeout(limit) => Self::Timeout(limit),
            EngineError::Fault(message) => Self::Fault(message),
        }
    }
}

/// The lines of a rule that are evaluated when it is: its statements, its key and its values.
pub(super) fn lines(rule: &Rule) -> impl Iterator<Item = usize> {
    let values = rule.bodies.iter().filter_map(|body| Some(body.value.as_ref()?.at.line));
    let key = rule.key.as_ref().map(|key| key.at.line);
    rule.bodies.iter().flat_map(statements).chain(values).chain(key)
}

fn statements(body: &Body) -> impl Iterator<Item = usize> {
    body.query.stmts.iter().filter_map(|stmt| match &stmt.literal {
        Literal::Expr(said) | Literal::Not(said) => Some(said.at.line),
        Literal::Every { domain, .. } => Some(domain.at.line),
        Literal::SomeIn { collection, .. } => Some(collection.at.line),
        // Names are declared, and nothing is evaluated.
        Literal::Some(_) => None,
    })
}

/// The line of the last statement that was evaluated, of the last body that was begun; nothing where all were, or there are none.
pub(super) fn stop<'r>(rules: impl IntoIterator<Item = &'r Rule>, covered: &BTreeSet<usize>) -> Option<usize> {
    let bodies = rules.into_iter().flat_map(|rule| &rule.bodies);
    let begun = bodies.filter(|body| statements(body).any(|line| covered.contains(&line)));
    let body = begun.last()?;
    // The value is read where every statement holds.
    let value = body.value.as_ref().map(|value| value.at.line);
    let is_whole = value.is_some_and(|line| covered.contains(&line) && statements(body).all(|other| other != line));
    if is_whole { None } else { statements(body).filter(|line| covered.contains(line)).last() }
}

/// The path of a rule as it is asked for.
pub(super) fn dotted(path: &[Name]) -> String {
    let mut shown = "data".to_owned();
    for name in path {
        let is_word = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_word {
            shown.push('.');
            shown.push_str(name);
        } else {
            shown.push_str(&format!("[{}]", serde_json::Value::from(&**name)));
        }
    }
    shown
}
