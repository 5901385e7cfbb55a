//! `hopguard test`: runs a policy's own tests and its decision tables; nothing tested is a failure.

mod case;
mod report;
mod table;
mod watch;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{ArgGroup, Args, ValueEnum};
use regex::Regex;

use self::{report::Report, table::Row};
use super::{
    argument::time,
    asking::{self, Asking},
    exit::Exit,
    loading,
};
use crate::{
    clock::Timestamp,
    config::Config,
    policy::{Entrypoint, Gate, Policy, trial},
    reload::hop_rules,
    response,
    yaml::{Problem, Problems},
};

/// Run a policy's tests: rules whose names begin with `test_`, and decision tables in files `*_cases.yaml`
///
/// Exits with 4 if a test fails or there is none, and with 3 if something does not load.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("what").required(true).multiple(true))]
pub struct TestArgs {
    /// Rego files, directories, bundles or decision tables; with --config, decision tables and directories of them
    #[arg(value_name = "PATH", group = "what")]
    paths: Vec<PathBuf>,
    /// Test the policy of this configuration, under its settings
    #[arg(long, value_name = "FILE", group = "what")]
    config: Option<PathBuf>,
    /// A decision table of any name; repeatable
    #[arg(long, value_name = "FILE")]
    table: Vec<PathBuf>,
    /// Run only the tests whose path or name this matches
    #[arg(long, value_name = "REGEX")]
    run: Option<Regex>,
    /// Say what passed, too
    #[arg(short, long)]
    verbose: bool,
    /// Say nothing of what passed
    #[arg(long, conflicts_with = "verbose")]
    only_failures: bool,
    /// How to answer
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Say which lines of the policy no test goes through
    #[arg(long)]
    coverage: bool,
    /// Fail if less than this percentage of lines is covered
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    threshold: Option<f64>,
    /// Run again whenever a file changes
    #[arg(long)]
    watch: bool,
    /// What decision tables ask for
    #[arg(long, value_name = "RULE", default_value = ENTRYPOINT, value_parser = Entrypoint::parse, conflicts_with = "config")]
    entrypoint: Entrypoint,
    /// What a policy must be to load
    #[arg(long, value_enum, default_value_t = GateArg::Strict, conflicts_with = "config")]
    gate: GateArg,
    /// What `time.now_ns()` is where a Rego test does not say
    #[arg(long, value_name = "TIME", value_parser = time)]
    now: Option<Timestamp>,
    /// The longest that one Rego test may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

/// How tests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For build servers.
    Junit,
}

/// What a policy must be to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GateArg {
    /// Whatever could surprise its author is refused.
    Strict,
    /// What OPA loads is loaded, as far as it is safe.
    Compatible,
}

impl From<GateArg> for Gate {
    fn from(gate: GateArg) -> Self {
        match gate {
            GateArg::Strict => Self::Strict,
            GateArg::Compatible => Self::Compatible,
        }
    }
}

impl TestArgs {
    /// Runs the tests, once or for as long as they are watched, and writes what came of them.
    ///
    /// # Errors
    /// If `out` cannot be written, or files cannot be watched.
    pub fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        if self.watch {
            let paths = self.watched();
            return watch::watch(&paths, || self.once(out));
        }
        self.once(out)
    }

    fn once(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let report = match self.tested()? {
            Ok(report) => report,
            Err(problems) => problems.into(),
        };
        match report.write(self, out).and_then(|()| out.flush()) {
            // Whoever reads may stop to.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(report.exit(self)),
        }
    }

    /// Runs everything; the problems are of what does not load.
    fn tested(&self) -> anyhow::Result<Result<Report, Problems>> {
        let (tables, problems) = self.tables();
        if !problems.is_empty() {
            return Ok(Err(Problems(problems)));
        }
        let (source, asking) = match self.load(!tables.is_empty()) {
            Ok(loaded) => loaded,
            Err(problems) => return Ok(Err(problems)),
        };
        let plan = trial::Plan {
            each: Duration::from_secs(self.timeout),
            all: LONGEST,
            coverage: self.coverage || self.threshold.is_some(),
            only: self.run.clone(),
            now: self.now.unwrap_or_else(|| trial::Plan::default().now),
        };
        let trial::Results { mut tests, mut coverage } = match trial::run(&source, &asking.options, &plan) {
            Ok(results) => results,
            Err(problems) => return Ok(Err(problems)),
        };
        if let Some(policy) = asking.policy {
            let asking = Asking { policy, options: asking.options, rules: asking.rules, answers: asking.answers };
            for (file, row) in &tables {
                if self.run.as_ref().is_some_and(|only| !only.is_match(&row.name)) {
                    continue;
                }
                let (test, document) = case::run(&asking, file, row)?;
                if let (Some(coverage), Some(document)) = (&mut coverage, document) {
                    coverage.add(&asking.policy, &document, row.now);
                }
                tests.push(test);
            }
        }
        Ok(Ok(Report { tests, coverage, problems: Vec::new() }))
    }

    fn load(&self, is_asked: bool) -> Result<(crate::policy::Source, Loaded), Problems> {
        let Some(file) = &self.config else {
            let policy: Vec<PathBuf> = self.paths.iter().filter(|path| !is_table_path(path)).cloned().collect();
            let source = loading::source(&policy)?;
            let options = asking::options(&self.entrypoint, self.gate.into());
            let policy = is_asked.then(|| Policy::untested(&source, &options)).transpose()?;
            return Ok((
                source,
                Loaded { policy, options, rules: asking::rules(), answers: response::Rules::default() },
            ));
        };
        let config = Config::load(file)?;
        let source = loading::configured(&config)?;
        let (Some(source), Some(wanted)) = (source, &config.policy) else {
            return Err(Problem::of_file(&file.display().to_string(), "policy: there is none to test").into());
        };
        let policy = Policy::untested(&source, &wanted.options)?;
        let (options, rules) = (wanted.options.clone(), hop_rules(&config));
        Ok((source, Loaded { policy: Some(policy), options, rules, answers: config.response }))
    }

    /// The cases of all tables, with the file of each.
    fn tables(&self) -> (Vec<(String, Row)>, Vec<Problem>) {
        let (mut files, mut problems) = (self.table.clone(), Vec::new());
        for path in &self.paths {
            if path.is_dir() {
                find(path, MAX_DEPTH, &mut files, &mut problems);
            } else if is_table_path(path) {
                files.push(path.clone());
            } else if self.config.is_some() {
                let message = "with `--config`, a path is a decision table `*_cases.yaml`, or a directory of them";
                problems.push(Problem::of_file(&path.display().to_string(), message));
            }
        }
        let mut rows = Vec::new();
        for file in files {
            match table::read(&file) {
                Ok(read) => rows.extend(read.into_iter().map(|row| (file.display().to_string(), row))),
                Err(Problems(found)) => problems.extend(found),
            }
        }
        (rows, problems)
    }

    fn watched(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self.paths.iter().chain(&self.table).chain(&self.config).cloned().collect();
        let config = self.config.as_deref().and_then(|file| Config::load(file).ok());
        paths
            .extend(config.into_iter().filter_map(|config| config.policy).flat_map(|policy| policy.watched().to_vec()));
        paths
    }
}

/// What tables are asked of, if there are any.
struct Loaded {
    policy: Option<Policy>,
    options: crate::policy::Options,
    rules: crate::hop::Rules,
    answers: response::Rules,
}

fn is_table_path(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(table::is_table)
}

/// The tables below a directory, in one order. What begins with a dot is passed over.
fn find(directory: &Path, depth: usize, files: &mut Vec<PathBuf>, problems: &mut Vec<Problem>) {
    let entries = std::fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = match entries {
        Ok(entries) => entries,
        Err(error) => {
            let place = directory.display().to_string();
            return problems.push(Problem::of_file(&place, format!("cannot read the directory: {error}")));
        }
    };
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        // A link to a directory could lead back.
        let is_directory = path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir());
        match depth.checked_sub(1) {
            Some(depth) if is_directory => find(&path, depth, files, problems),
            None if is_directory => {
                let place = path.display().to_string();
                problems.push(Problem::of_file(&place, format!("directories stand more than {MAX_DEPTH} deep")));
            }
            _ if table::is_table(name) => files.push(path),
            _ => {}
        }
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if (0.0..=100.0).contains(&percent) { Ok(percent) } else { Err("must be between 0 and 100".to_owned()) }
}

/// What is asked for where nothing else is said.
pub(super) const ENTRYPOINT: &str = "data.hopguard.authz.decision";

/// How long all Rego tests may take together.
const LONGEST: Duration = Duration::from_secs(600);

const MAX_DEPTH: usize = 32;
