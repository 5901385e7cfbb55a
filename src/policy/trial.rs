//! Runs a policy's own tests: each by itself and in bounded time. A policy that fails one of them never becomes active.

mod coverage;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::mpsc,
    time::{Duration, Instant},
};

use regex::Regex;

pub use self::coverage::{Coverage, FileCoverage};
use super::{
    Options, Source, Value,
    engine::{Covered, EngineError, Question, observe, settle, template},
    gate::{self, tree},
    trace::{dotted, stop},
};
use crate::{
    clock::Timestamp,
    yaml::{Problem, Problems, show_duration},
};

/// How tests are run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The longest that one test may take.
    pub each: Duration,
    /// The longest that all may take together.
    pub all: Duration,
    /// What `time.now_ns()` is where a test does not say.
    pub now: Timestamp,
    /// Whether the lines that they go through are remembered.
    pub coverage: bool,
    /// Which tests are run, by their paths; absent is all.
    pub only: Option<Regex>,
}

impl Default for Plan {
    /// As before a policy becomes active. The instant is always the same one: what passes once, passes again.
    fn default() -> Self {
        Self {
            each: Duration::from_secs(1),
            all: Duration::from_secs(2),
            now: Timestamp::from_seconds(NOW),
            coverage: false,
            only: None,
        }
    }
}

/// What came of all tests.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// One for each test, in the order of files and lines.
    pub tests: Vec<Test>,
    /// The lines of the policy that they went through, if that was asked.
    pub coverage: Option<Coverage>,
}

/// One test, and what came of it.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its path: `data.hopguard.authz_test.test_a_rule_refuses`.
    pub name: String,
    /// Its file.
    pub file: String,
    /// The line it begins in.
    pub line: usize,
    /// And the column.
    pub column: usize,
    /// What came of it.
    pub outcome: Outcome,
    /// What it printed, with file and line.
    pub printed: Vec<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is true.
    Passed,
    /// It is not, and why.
    Failed(String),
    /// Its name says that it is yet to be done.
    Skipped,
}

impl Results {
    /// Those that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Test> {
        self.tests.iter().filter(|test| matches!(test.outcome, Outcome::Failed(_)))
    }
}

impl Test {
    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Failed(why) => Some(why),
            Outcome::Passed | Outcome::Skipped => None,
        }
    }
}

/// Runs the tests of `source`: every rule whose name begins with `test_`, in any of its modules. A test passes if it is `true`, or an object
/// of cases that all are.
///
/// # Errors
/// If the modules and their tests do not load together, or one name stands for two tests.
pub fn run(source: &Source, options: &Options, plan: &Plan) -> Result<Results, Problems> {
    let (sender, results) = mpsc::channel();
    let (source, options, bounds) = (source.clone(), options.clone(), plan.clone());
    let thread = std::thread::Builder::new().name("trial".to_owned()).stack_size(STACK).spawn(move || {
        // Nobody waits any more if this took too long.
        let _ = sender.send(run_here(&source, &options, &bounds));
    });
    if thread.is_err() {
        return Err(refuse("there is no thread to run them in"));
    }
    match results.recv_timeout(plan.all.saturating_add(PATIENCE)) {
        Ok(results) => results,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(refuse("they do not end")),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(refuse("the engine panicked over them")),
    }
}

/// Holds a policy against its own tests before it becomes active.
///
/// # Errors
/// Each test that fails.
pub(super) fn hold(source: &Source, options: &Options) -> Result<(), Problems> {
    let has_tests = !source.tests.is_empty() || source.modules.iter().any(|module| module.source.contains("test_"));
    if !has_tests {
        return Ok(());
    }
    let results = run(source, options, &Plan::default())?;
    let problem = |test: &Test| {
        let message = format!("policy.test: `{}` {}", test.name, test.failure().unwrap_or("failed"));
        Problem::at(&test.file, test.line, test.column, &message)
    };
    let problems: Vec<Problem> = results.failed().map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
}

fn run_here(source: &Source, options: &Options, plan: &Plan) -> Result<Results, Problems> {
    let files: BTreeSet<&str> = source.tests.iter().map(|module| module.file.as_str()).collect();
    let together = [source.modules.as_slice(), &source.tests].concat();
    let mut written = template(&together, &source.data, options.gate)?;
    gate::admit_tests(written.get_modules(), &source.data, options, |file| files.contains(file))?;
    let modules = gate::read(written.get_modules());
    let found = found(&modules)?;
    let mut template = settle(written, &source.data, options.gate)?;
    prepare(&mut template, &found, plan)?;
    let end = Instant::now() + plan.all;
    let mut covered = Covered::new();
    let mut tests = Vec::new();
    for Found { name, module, rules } in found {
        if plan.only.as_ref().is_some_and(|only| !only.is_match(&name)) {
            continue;
        }
        let at = rules.first().map_or(module.at, |rule| rule.at);
        let begun = Instant::now();
        let left = end.saturating_duration_since(begun);
        let is_todo = name.rsplit('.').next().is_some_and(|name| name.starts_with("todo_"));
        let (mut outcome, mut printed) = (Outcome::Skipped, Vec::new());
        if left.is_zero() && !is_todo {
            let all = show_duration(plan.all);
            outcome = Outcome::Failed(format!("was not run: the tests take longer than {all} in all"));
        } else if !is_todo {
            let limit = plan.each.min(left);
            let question =
                Question { rule: &name, input: None, now: plan.now, limit, gate: options.gate, lines: plan.coverage };
            let observed = observe(&template, &question);
            outcome = match failure(observed.value) {
                None => Outcome::Passed,
                Some(Failure { why, is_silent }) => {
                    // Where a test stops is worth evaluating it again.
                    let again = is_silent.then(|| observe(&template, &Question { lines: true, ..question }).covered);
                    let line = again.and_then(|covered| stop(rules.iter().copied(), covered.get(&*module.file)?));
                    let stopped = line.map(|line| format!(": it stops at line {line}")).unwrap_or_default();
                    Outcome::Failed(format!("{why}{stopped}"))
                }
            };
            printed = observed.printed;
            for (file, lines) in observed.covered {
                covered.entry(file).or_default().extend(lines);
            }
        }
        let (line, column) = (at.line, at.column);
        tests.push(Test {
            name,
            file: module.file.to_string(),
            line,
            column,
            outcome,
            printed,
            elapsed: begun.elapsed(),
        });
    }
    let policy = modules.iter().filter(|module| !files.contains(&*module.file));
    let coverage = plan.coverage.then(|| Coverage::of(policy, &covered));
    Ok(Results { tests, coverage })
}

/// A test, and the rules that make it: more than one only where each is a case of its own.
struct Found<'a> {
    name: String,
    module: &'a tree::Module,
    rules: Vec<&'a tree::Rule>,
}

fn found(modules: &[tree::Module]) -> Result<Vec<Found<'_>>, Problems> {
    let mut found: Vec<Found<'_>> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for module in modules {
        for rule in &module.rules {
            let name = rule.path.get(module.package.len()).filter(|name| is_test(name));
            let Some(name) = name.filter(|_| rule.kind != tree::RuleKind::Function && !rule.is_default) else {
                continue;
            };
            let is_case = !rule.tail.is_empty() || rule.path.len() > module.package.len().saturating_add(1);
            let path = [module.package.as_slice(), std::slice::from_ref(name)].concat();
            let path = dotted(&path);
            match places.get(&path).and_then(|place| found.get_mut(*place)) {
                None => {
                    places.insert(path.clone(), found.len());
                    found.push(Found { name: path, module, rules: vec![rule] });
                }
                // If either of two held, nobody would see that the other does not.
                Some(_) if !is_case => {
                    let message =
                        format!("policy.test: there is another test `{name}` in this package: name one otherwise");
                    problems
                        .push(Problem::at(&module.file, rule.at.line, rule.at.column, &message).within(&module.source));
                }
                Some(test) => test.rules.push(rule),
            }
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(Problems(problems)) }
}

fn is_test(name: &str) -> bool {
    name.starts_with("test_") || name.starts_with("todo_test_")
}

/// Analysis happens on the first evaluation; what it has against the tests hides there, among errors that tests make.
fn prepare(template: &mut regorus::Engine, found: &[Found<'_>], plan: &Plan) -> Result<(), Problems> {
    let Some(Found { name, module, .. }) = found.first() else { return Ok(()) };
    let first = template.clone().compile_with_entrypoint(&name.as_str().into());
    if let Err(error) = first
        && !error.to_string().contains("not a valid rule path")
    {
        return Err(Problems(vec![super::engine::problem(&module.file, &format!("{error:#}"))]));
    }
    super::engine::warm(template, name, plan.now, plan.each);
    Ok(())
}

/// Why a test did not pass.
struct Failure {
    why: String,
    /// Whether nothing else says where.
    is_silent: bool,
}

fn failure(value: Result<Value, EngineError>) -> Option<Failure> {
    let silent = |why: String| Some(Failure { why, is_silent: true });
    let told = |why: String| Some(Failure { why, is_silent: false });
    match value {
        Ok(Value::Bool(true)) => None,
        Ok(Value::Bool(false)) => silent("is false".to_owned()),
        Ok(Value::Undefined) => silent("is undefined".to_owned()),
        Ok(Value::Object(cases)) if cases.is_empty() => silent("has no case that is reached".to_owned()),
        Ok(value @ Value::Object(_)) => {
            let mut failed = Vec::new();
            cases(&value, "", &mut failed);
            if failed.is_empty() { None } else { told(format!("does not hold for {}", failed.join(", "))) }
        }
        Ok(_) => told("is neither true nor false".to_owned()),
        Err(EngineError::Fault(why)) => told(format!("failed: {why}")),
        Err(EngineError::Timeout(limit)) => told(format!("takes longer than {}", show_duration(limit))),
    }
}

/// The cases below a value that are not true.
fn cases(value: &Value, path: &str, failed: &mut Vec<String>) {
    match value {
        Value::Bool(true) => {}
        Value::Object(fields) => {
            for (key, value) in fields.iter() {
                let key = match key {
                    Value::String(name) => name.to_string(),
                    key => key.to_json_str().unwrap_or_default(),
                };
                let path = if path.is_empty() { key } else { format!("{path}/{key}") };
                cases(value, &path, failed);
            }
        }
        _ => failed.push(crate::yaml::quote(path)),
    }
}

fn refuse(why: &str) -> Problems {
    Problem::of_file("policy", format!("policy.test: {why}")).into()
}

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600;

/// How long tests may take to load, and to end after their time.
const PATIENCE: Duration = Duration::from_secs(5);

/// Analysis and the first evaluation are recursive.
const STACK: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests;
