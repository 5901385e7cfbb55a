//! `hopguard check`: says everything that is wrong with a configuration and with what it names, and serves nothing.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::exit::Exit;
use crate::{
    config::Config,
    yaml::{Problem, Problems},
};

/// Say whether a configuration, and everything it names, would load
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How to answer
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// How a verb answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
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
    /// Loads the configuration and each part it names, and writes every problem.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn run(&self, parts: &[Part], out: &mut impl Write) -> io::Result<Exit> {
        let report = Report::of(&self.config, parts);
        match self.output {
            Output::Text => report.write_text(out)?,
            Output::Json => writeln!(out, "{:#}", report.to_json())?,
        }
        Ok(if report.problems.is_empty() { Exit::Yes } else { Exit::DoesNotLoad })
    }
}

/// What was found, and what is wrong.
struct Report {
    found: Vec<(&'static str, String)>,
    problems: Vec<Problem>,
}

impl Report {
    fn of(path: &std::path::Path, parts: &[Part]) -> Self {
        let config = match Config::load(path) {
            Ok(config) => config,
            Err(Problems(problems)) => {
                return Self { found: Vec::new(), problems };
            }
        };
        let mut report =
            Self { found: vec![("config", format!("revision {}", config.revision))], problems: Vec::new() };
        for part in parts {
            match (part.load)(&config) {
                Ok(found) => report.found.push((part.name, found)),
                Err(Problems(problems)) => report.problems.extend(problems),
            }
        }
        report
    }

    fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        for problem in &self.problems {
            writeln!(out, "{problem}")?;
        }
        match self.problems.len() {
            0 => self.found.iter().try_for_each(|(name, found)| writeln!(out, "{name:10} {found}")),
            1 => writeln!(out, "1 problem"),
            count => writeln!(out, "{count} problems"),
        }
    }

    fn to_json(&self) -> Value {
        let problem = |problem: &Problem| {
            json!({
                "file": *problem.file,
                "line": problem.line,
                "column": problem.column,
                "field": problem.field,
                "message": problem.message,
            })
        };
        json!({
            "ok": self.problems.is_empty(),
            "found": self.found.iter().map(|(name, found)| json!({"name": name, "found": found})).collect::<Vec<_>>(),
            "problems": self.problems.iter().map(problem).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::example;

    const GOOD: Part = Part { name: "documents", load: |_| Ok("3 grants".to_owned()) };
    const BAD: Part = Part { name: "policy", load: |_| Err(Problem::of_file("policy", "no module").into()) };

    fn check(source: &str, parts: &[Part], output: Output) -> (Exit, String) {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("hopguard.yaml");
        std::fs::write(&config, source).unwrap();
        let name = config.display().to_string();
        let mut out = Vec::new();
        let exit = CheckArgs { config, output }.run(parts, &mut out).unwrap();
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
}
