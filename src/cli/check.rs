//! `hopguard check`: says everything that is wrong with a configuration, with what it names and with the Envoy before it, and serves nothing.

mod ask;
mod envoy;
mod governance;
mod policy;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{ArgGroup, Args};
use serde_json::{Value, json};
use spiffe::SpiffeId;

use self::{
    ask::AskArgs,
    envoy::Linted,
    governance::{GovernanceArgs, Governed},
};
use super::{
    argument::Output,
    exit::Exit,
    test::{ENTRYPOINT, GateArg},
};
use crate::{
    config::Config,
    envoy::{Expect, Severity},
    peer::id,
    policy::Entrypoint,
    yaml::{Problem, Problems},
};

/// Say whether a configuration, and everything it names, or a policy would load, and what in an Envoy configuration undoes Hopguard
///
/// Exits with 3 if something does not load, and with 1 if an Envoy configuration undoes Hopguard, or if something in the documents weighs
/// as much as `--fail-on` says. With `--ask`, exits with 1 if the Hopguard that is asked does not decide, or lets the stranger in, and with 5 if
/// it cannot be reached.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("what").required(true).multiple(true))]
pub struct CheckArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE", group = "what")]
    config: Option<PathBuf>,
    /// Who the workload is that it is for, as `serve` is told
    #[arg(long = "self", value_name = "SPIFFE_ID", value_parser = id::parse_workload, requires = "config")]
    this: Option<SpiffeId>,
    /// An Envoy configuration (bootstrap, resources or config dump) to hold against the configuration, or its defaults; repeatable
    #[arg(long, value_name = "FILE", group = "what")]
    envoy: Vec<PathBuf>,
    /// A policy without a configuration: Rego files, a directory or a bundle; repeatable
    #[arg(long, value_name = "PATH", group = "what")]
    policy: Vec<PathBuf>,
    /// What the policy is asked for
    #[arg(long, value_name = "RULE", default_value = ENTRYPOINT, value_parser = Entrypoint::parse, requires = "policy")]
    entrypoint: Entrypoint,
    /// What the policy must be to load
    #[arg(long, value_enum, default_value_t = GateArg::Strict, requires = "policy")]
    gate: GateArg,
    #[command(flatten)]
    governance: GovernanceArgs,
    #[command(flatten)]
    ask: AskArgs,
    /// Say what a problem's id means, such as policy.recursion; `all` is all of them
    #[arg(long, value_name = "ID", group = "what")]
    explain: Option<String>,
    /// How to answer
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Something that the configuration names, such as the policy, and how to load it.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// Loads it and says in a few words what was found.
    pub load: fn(&Config) -> Result<String, Problems>,
}

impl CheckArgs {
    /// The configuration, and the workload that it is for.
    fn config(&self) -> Option<(&Path, Option<&SpiffeId>)> {
        self.config.as_deref().map(|config| (config, self.this.as_ref()))
    }

    /// Loads the configuration and each part it names, lints the Envoy configurations, and writes every problem and finding.
    ///
    /// # Errors
    /// If `out` cannot be written, or asking cannot begin.
    pub fn run(&self, parts: &[Part], out: &mut impl Write) -> io::Result<Exit> {
        if let Some(asked) = self.ask.run(self.output == Output::Json, out) {
            return asked;
        }
        if let Some(id) = &self.explain {
            return policy::explain(id, self.output, out);
        }
        let mut report = Report::of(self.config(), &self.envoy, parts);
        if !self.policy.is_empty() {
            match policy::check(&self.policy, &self.entrypoint, self.gate.into()) {
                Ok(Found { said, warnings }) => {
                    report.found.extend(said);
                    report.warnings.extend(warnings);
                }
                Err(Problems(problems)) => report.problems.extend(problems),
            }
        }
        if let Some(directory) = self.governance.directory(self.config(), &mut report.problems) {
            let (found, governed) = self.governance.review(&directory, &mut report.problems);
            report.found.extend(found.map(|found| ("documents", found)));
            report.governed = governed;
        }
        match self.output {
            Output::Text => report.write_text(out)?,
            Output::Json => writeln!(out, "{:#}", report.to_json())?,
        }
        Ok(report.exit())
    }
}

/// What was found, and what is wrong.
#[derive(Default)]
struct Report {
    found: Vec<(&'static str, String)>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
    linted: Linted,
    governed: Governed,
}

/// What a policy is, and what could surprise its author.
struct Found {
    said: Vec<(&'static str, String)>,
    warnings: Vec<Problem>,
}

impl Report {
    fn of(config: Option<(&Path, Option<&SpiffeId>)>, envoys: &[PathBuf], parts: &[Part]) -> Self {
        let mut report = Self::default();
        // Held against the defaults where there is no configuration, and never where there is one that does not load.
        let expect = match config {
            None => Some(Expect::default()),
            Some((path, this)) => report.config(path, this, parts),
        };
        if let Some(expect) = expect {
            report.linted = Linted::of(envoys, &expect, &mut report.problems);
        }
        report
    }

    /// Loads the configuration and its parts, and gives what it expects of Envoy.
    fn config(&mut self, path: &Path, this: Option<&SpiffeId>, parts: &[Part]) -> Option<Expect> {
        let config = match Config::load_as(path, this) {
            Ok(config) => config,
            Err(Problems(problems)) => {
                self.problems = problems;
                return None;
            }
        };
        self.found.push(("config", format!("revision {}", config.revision)));
        for part in parts {
            match (part.load)(&config) {
                Ok(found) => self.found.push((part.name, found)),
                Err(Problems(problems)) => self.problems.extend(problems),
            }
        }
        Some(Expect::from(&config))
    }

    fn exit(&self) -> Exit {
        if !self.problems.is_empty() {
            Exit::DoesNotLoad
        } else if self.linted.count(Severity::Error) > 0 || self.governed.fails() {
            Exit::Failed
        } else {
            Exit::Yes
        }
    }

    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        for problem in &self.problems {
            writeln!(out, "{problem:#}")?;
        }
        for warning in &self.warnings {
            writeln!(out, "warning: {warning:#}")?;
        }
        if self.problems.is_empty() {
            self.found.iter().try_for_each(|(name, found)| writeln!(out, "{name:10} {found}"))?;
        }
        self.linted.write_text(out)?;
        self.governed.write_text(out)?;
        let counts = [
            (self.problems.len(), "problem"),
            (self.linted.count(Severity::Error), "error"),
            (self.linted.count(Severity::Warning).saturating_add(self.warnings.len()), "warning"),
        ];
        let said = counts.iter().filter(|(count, _)| *count > 0);
        let said: Vec<_> =
            said.map(|(count, what)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" })).collect();
        if said.is_empty() { Ok(()) } else { writeln!(out, "{}", said.join(", ")) }
    }

    fn to_json(&self) -> Value {
        json!({
            "ok": self.exit() == Exit::Yes,
            "found": self.found.iter().map(|(name, found)| json!({"name": name, "found": found})).collect::<Vec<_>>(),
            "problems": self.problems.iter().map(problem_to_json).collect::<Vec<_>>(),
            "warnings": self.warnings.iter().map(problem_to_json).collect::<Vec<_>>(),
            "findings": self.linted.to_json(),
            "governance": self.governed.to_json(),
        })
    }
}

/// A problem for programs.
pub(super) fn problem_to_json(problem: &Problem) -> Value {
    json!({
        "file": *problem.file,
        "line": problem.line,
        "column": problem.column,
        "field": problem.field,
        "message": problem.message,
        "excerpt": problem.excerpt.as_deref(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::example;

    const GOOD: Part = Part { name: "documents", load: |_| Ok("3 grants".to_owned()) };
    const BAD: Part = Part { name: "policy", load: |_| Err(Problem::of_file("policy", "no module").into()) };

    fn args(output: Output) -> CheckArgs {
        CheckArgs {
            config: None,
            this: None,
            envoy: Vec::new(),
            policy: Vec::new(),
            entrypoint: Entrypoint::parse(ENTRYPOINT).unwrap(),
            gate: GateArg::Strict,
            governance: GovernanceArgs::default(),
            ask: AskArgs::default(),
            explain: None,
            output,
        }
    }

    fn check(source: &str, parts: &[Part], output: Output) -> (Exit, String) {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("hopguard.yaml");
        std::fs::write(&config, source).unwrap();
        let name = config.display().to_string();
        let mut out = Vec::new();
        let exit = CheckArgs { config: Some(config), ..args(output) }.run(parts, &mut out).unwrap();
        (exit, String::from_utf8(out).unwrap().replace(&name, "hopguard.yaml"))
    }

    #[test]
    fn says_what_was_found_if_all_is_well() {
        let (exit, text) = check(&example(), &[GOOD], Output::Text);
        assert_eq!(exit, Exit::Yes);
        assert!(text.starts_with("config     revision "), "{text}");
        assert!(text.ends_with("documents  3 grants\n"), "{text}");
    }

    #[test]
    fn says_everything_that_is_wrong() {
        let (exit, text) = check("self: x\nmode: {proof: skip}\n", &[GOOD], Output::Text);
        assert_eq!(exit, Exit::DoesNotLoad);
        assert!(text.contains("hopguard.yaml:1:7: self: "), "{text}");
        assert!(text.contains("hopguard.yaml:2:15: mode.proof: grants are for callers that are proved"), "{text}");
        assert!(text.ends_with("4 problems\n"), "{text}");
    }

    #[test]
    fn a_part_that_does_not_load_is_a_problem() {
        assert_eq!(
            check(&example(), &[GOOD, BAD], Output::Text),
            (Exit::DoesNotLoad, "policy: no module\n1 problem\n".into())
        );
    }

    #[test]
    fn answers_programs_in_json() {
        let (exit, text) = check(&example(), &[GOOD, BAD], Output::Json);
        assert_eq!(exit, Exit::DoesNotLoad);
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["ok"], false);
        assert_eq!(report["found"][1]["found"], "3 grants");
        assert_eq!(report["problems"][0]["message"], "no module");
    }

    const PLAIN: &str = include_str!("../../deploy/envoy/plain.yaml");

    fn check_envoy(source: &str, output: Output) -> (Exit, String) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("envoy.yaml");
        std::fs::write(&file, source).unwrap();
        let name = file.display().to_string();
        let mut out = Vec::new();
        let exit = CheckArgs { envoy: vec![file], ..args(output) }.run(&[], &mut out).unwrap();
        (exit, String::from_utf8(out).unwrap().replace(&name, "envoy.yaml"))
    }

    #[test]
    fn something_has_to_be_named() {
        #[derive(clap::Parser)]
        struct Cli {
            #[command(flatten)]
            args: CheckArgs,
        }
        let parse = |arguments: &str| <Cli as clap::Parser>::try_parse_from(arguments.split(' '));
        assert!(parse("check").is_err());
        assert!(parse("check --config a --config b").is_err());
        let cli = parse("check --config a --envoy b --envoy c").unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(cli.args.envoy, [PathBuf::from("b"), PathBuf::from("c")]);
        assert!(parse("check --envoy b").is_ok_and(|cli| cli.args.config.is_none()));
    }

    #[test]
    fn an_envoy_that_undoes_nothing_passes() {
        let said = "envoy      envoy.yaml: nothing undoes Hopguard\n";
        assert_eq!(check_envoy(PLAIN, Output::Text), (Exit::Yes, said.to_owned()));
    }

    #[test]
    fn an_envoy_that_undoes_hopguard_fails_and_one_that_deserves_a_look_does_not() {
        let open = PLAIN.replace("failure_mode_allow: false", "failure_mode_allow: true");
        let line = PLAIN.lines().position(|line| line.contains("failure_mode_allow")).unwrap() + 1;
        let said = format!(
            "envoy.yaml:{line}: ext_authz.failure_mode_allow: when Hopguard gives no answer, the request is let through; leave it out \
             or set it to false\n1 error\n"
        );
        assert_eq!(check_envoy(&open, Output::Text), (Exit::Failed, said));
        let joined = PLAIN.replace("encode_raw_headers: true", "encode_raw_headers: false");
        let (exit, text) = check_envoy(&joined, Output::Text);
        assert_eq!(exit, Exit::Yes);
        assert!(
            text.contains(": ext_authz.encode_raw_headers: warning: ") && text.ends_with("\n1 warning\n"),
            "{text}"
        );
    }

    #[test]
    fn an_envoy_that_does_not_load_is_a_problem() {
        let (exit, text) = check_envoy("a: 1\na: 2\n", Output::Text);
        assert_eq!((exit, &*text), (Exit::DoesNotLoad, "envoy.yaml:2:1: the field `a` is there twice\n1 problem\n"));
        let mut out = Vec::new();
        let nowhere = CheckArgs { envoy: vec!["/nowhere".into()], ..args(Output::Text) };
        assert_eq!(nowhere.run(&[], &mut out).unwrap(), Exit::DoesNotLoad);
    }

    #[test]
    fn findings_are_told_to_programs() {
        let open = PLAIN.replace("failure_mode_allow: false", "failure_mode_allow: true");
        let (exit, text) = check_envoy(&open, Output::Json);
        assert_eq!(exit, Exit::Failed);
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["ok"], false);
        let finding = &report["findings"][0];
        assert_eq!((&finding["code"], &finding["severity"]), (&"ext_authz.failure_mode_allow".into(), &"error".into()));
        assert!(finding["path"].as_str().unwrap().ends_with(".failure_mode_allow"), "{finding}");
    }

    #[test]
    fn an_envoy_is_held_against_the_configuration() {
        let directory = tempfile::tempdir().unwrap();
        let [config, envoy] = ["hopguard.yaml", "envoy.yaml"].map(|name| directory.path().join(name));
        std::fs::write(&config, example().replace("deadline: 100ms", "deadline: 300ms")).unwrap();
        std::fs::write(&envoy, PLAIN).unwrap();
        let mut out = Vec::new();
        let args = CheckArgs { config: Some(config), envoy: vec![envoy], ..args(Output::Text) };
        assert_eq!(args.run(&[], &mut out).unwrap(), Exit::Failed);
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("ext_authz.timeout: Envoy gives up after 0.25s"), "{text}");
    }
}
