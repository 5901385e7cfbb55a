//! `hopguard report`: reads audit logs, and says which documents hops would have needed, and which of those there are, are used.

mod grants;

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{ArgGroup, Args, ValueEnum};

use super::{argument::time, exit::Exit};
use crate::{
    clock::{Clock, Timestamp},
    config::Config,
    governance::{Form, Suggestions, Usage, Written},
    purpose::Purpose,
};

/// Read audit logs, and say which documents hops would have needed, or how much each grant is used
///
/// Suggestions are for review: what a person has to decide is left empty, and does not load.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("about").required(true))]
pub struct ReportArgs {
    /// Print the Workload, Purpose and Grant documents that observed hops would have needed
    #[arg(long, group = "about")]
    suggest: bool,
    /// Say of each grant when it was last used, and what about the documents is due
    #[arg(long, group = "about")]
    grants: bool,
    /// The audit logs; `-` is standard input
    #[arg(long, value_name = "FILE", value_delimiter = ',', required = true)]
    from: Vec<PathBuf>,
    /// The directory of documents
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    dir: Option<PathBuf>,
    /// The configuration that names the directory of documents
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What hops are for that do not say so
    #[arg(long, value_name = "PURPOSE", conflicts_with = "grants", value_parser = purpose)]
    purpose: Option<String>,
    /// Who answers for what is suggested
    #[arg(long, value_name = "TEAM", conflicts_with = "grants")]
    owner: Option<String>,
    /// Who is to approve it
    #[arg(long, value_name = "PERSON", conflicts_with = "grants")]
    approver: Option<String>,
    /// Who asks for it
    #[arg(long, value_name = "PERSON", conflicts_with = "grants")]
    requested_by: Option<String>,
    /// When the report is made
    #[arg(long, value_name = "TIME", value_parser = time)]
    now: Option<Timestamp>,
    /// How to answer: suggestions are `yaml` (unless said otherwise) or `text`, grants are `text` (unless said otherwise) or `json`
    #[arg(short, long, value_enum)]
    output: Option<Output>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// As documents.
    Yaml,
    /// For programs.
    Json,
}

impl ReportArgs {
    /// Reads the logs and writes the report.
    ///
    /// # Errors
    /// If a log cannot be read or `out` cannot be written.
    pub fn run(&self, out: &mut impl Write) -> anyhow::Result<Exit> {
        let now = self.now.unwrap_or_else(|| Clock::default().now());
        let written = match self.documents() {
            Ok(written) => written,
            Err(Missing::Usage(message)) => {
                writeln!(out, "{message}")?;
                return Ok(Exit::Usage);
            }
            Err(Missing::DoesNotLoad(problems)) => {
                writeln!(out, "{problems}")?;
                return Ok(Exit::DoesNotLoad);
            }
        };
        match (self.suggest, self.output) {
            (true, None | Some(Output::Yaml)) => {
                let documents = self.suggestions()?.documents(&written, &self.form(), now);
                out.write_all(documents.as_bytes())?;
            }
            (true, Some(Output::Text)) => {
                let suggestions = self.suggestions()?;
                for line in suggestions.summary().into_iter().chain(suggestions.covers()) {
                    writeln!(out, "{line}")?;
                }
            }
            (false, None | Some(Output::Text)) => grants::write_text(&self.usage(&written)?, now, out)?,
            (false, Some(Output::Json)) => writeln!(out, "{:#}", grants::to_json(&self.usage(&written)?, now))?,
            (true, Some(Output::Json)) => {
                writeln!(out, "suggestions are documents: say `-o yaml`, or `-o text` for what they rest on")?;
                return Ok(Exit::Usage);
            }
            (false, Some(Output::Yaml)) => {
                writeln!(out, "how much grants are used is no document: say `-o text` or `-o json`")?;
                return Ok(Exit::Usage);
            }
        }
        Ok(Exit::Yes)
    }

    fn form(&self) -> Form {
        Form { owner: self.owner.clone(), approver: self.approver.clone(), requested_by: self.requested_by.clone() }
    }

    fn suggestions(&self) -> anyhow::Result<Suggestions> {
        let mut suggestions = Suggestions::new(self.purpose.clone());
        self.logs(|name, log| suggestions.read(name, log))?;
        Ok(suggestions)
    }

    fn usage<'a>(&self, written: &'a Written) -> anyhow::Result<Usage<'a>> {
        let mut usage = Usage::of(written);
        self.logs(|name, log| usage.read(name, log))?;
        Ok(usage)
    }

    fn logs(&self, mut read: impl FnMut(&str, &mut dyn BufRead) -> io::Result<()>) -> anyhow::Result<()> {
        for path in &self.from {
            let name = path.display().to_string();
            let ended = if path == Path::new("-") {
                read("standard input", &mut io::stdin().lock())
            } else {
                fs::File::open(path).and_then(|file| read(&name, &mut BufReader::new(file)))
            };
            ended.with_context(|| format!("{name}: cannot be read"))?;
        }
        Ok(())
    }

    /// The documents that are there; suggestions can do without.
    fn documents(&self) -> Result<Written, Missing> {
        let refused = |problems: crate::yaml::Problems| Missing::DoesNotLoad(problems.to_string());
        let directory = match (&self.dir, &self.config) {
            (Some(directory), _) => Some(directory.clone()),
            (None, Some(config)) => Config::load(config).map_err(refused)?.documents,
            (None, None) => None,
        };
        match directory {
            Some(directory) => Written::read(&directory).map_err(refused),
            None if self.suggest => Ok(Written::default()),
            None => Err(Missing::Usage(
                "name the documents with `--dir`, or with a configuration that has `store.directory`",
            )),
        }
    }
}

/// Why there are no documents to report on.
enum Missing {
    Usage(&'static str),
    DoesNotLoad(String),
}

/// Reads a purpose on the command line.
fn purpose(text: &str) -> Result<String, String> {
    let purpose =
        Purpose::parse(text).ok_or("a purpose is lower-case words joined by dots, as in `billing.invoice`")?;
    Ok(purpose.to_string())
}

#[cfg(test)]
mod tests;
