//! Says which settings of an Envoy configuration undo what Hopguard promises, each with its place and what to write instead.
//!
//! It reads a bootstrap in YAML or JSON, the files of a dynamic one (`resources`) and the admin interface's `/config_dump`, and looks at
//! what is written, not at names: a filter is what its `@type` says. It does not replace `envoy --mode validate`: that says whether Envoy
//! takes a file, this whether Hopguard still decides behind it.

mod around;
mod ask;
mod at;
mod cluster;
mod edge;
mod filters;
mod headers;
mod http;
mod listener;
mod pattern;
mod route;
mod source;
mod tcp;
mod tls;
mod tree;

use std::{error, fmt, time::Duration};

use self::{at::At, source::Source};
use crate::config::Config;

/// What an Envoy configuration is held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The longest that a stream or connection may outlive its answer (`hop.max_stream`).
    pub max_stream: Duration,
    /// The longest that Hopguard takes for an answer (`limits.deadline`): Envoy waits longer.
    pub deadline: Duration,
    /// The header that declares a purpose.
    pub purpose_header: String,
    /// The headers that carry tokens.
    pub token_headers: Vec<String>,
}

impl Default for Expect {
    /// The defaults of a configuration.
    fn default() -> Self {
        Self {
            max_stream: Duration::from_secs(15 * 60),
            deadline: Duration::from_millis(100),
            purpose_header: "x-hop-purpose".to_owned(),
            token_headers: vec!["authorization".to_owned(), "txn-token".to_owned()],
        }
    }
}

impl From<&Config> for Expect {
    fn from(config: &Config) -> Self {
        Self {
            max_stream: config.hop.max_stream,
            deadline: config.limits.deadline,
            purpose_header: config.purpose_header.clone(),
            token_headers: config.tokens.headers().into_iter().collect(),
        }
    }
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A promise does not hold.
    Error,
    /// A second line of defence is missing, or what is there deserves a look.
    Warning,
}

impl Severity {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A setting that undoes, or weakens, what Hopguard promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is, for programs: stable.
    pub code: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// The field, as a path from the top of the file.
    pub path: String,
    /// The line of the field, or of what it is missing from.
    pub line: Option<usize>,
    /// What it does.
    pub message: String,
    /// What to write instead.
    pub fix: String,
}

/// Why a file is no Envoy configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where, if it is somewhere.
    pub line: Option<usize>,
    /// Why.
    pub message: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl error::Error for Refused {}

/// Reads an Envoy configuration and says what in it undoes Hopguard, in the order of the file; at most 500 findings of a severity.
///
/// # Errors
/// If the file is too large, nested too deep, not YAML or JSON, has a field twice, or holds nothing that listens.
pub fn lint(source: &str, expect: &Expect) -> Result<Vec<Finding>, Refused> {
    let tree = tree::read(source)?;
    let source = Source::of(&At::root(&tree))?;
    let mut lint = Lint { expect, source: &source, errors: Vec::new(), warnings: Vec::new() };
    lint.everything();
    let mut findings = [lint.errors, lint.warnings].concat();
    findings.sort_by(|a, b| (a.line, &a.path, a.code).cmp(&(b.line, &b.path, b.code)));
    // What an alias stands for is found wherever it is used, and said once for each place.
    findings.dedup();
    Ok(findings)
}

/// A linting under way.
#[derive(Debug)]
struct Lint<'a, 't> {
    expect: &'a Expect,
    source: &'a Source<'t>,
    errors: Vec<Finding>,
    warnings: Vec<Finding>,
}

impl Lint<'_, '_> {
    /// Reports a field that is there and undoes something, or one that is missing from `at`.
    fn error(
        &mut self,
        code: &'static str,
        at: &At<'_>,
        field: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.report(Severity::Error, code, at, field, message.into(), fix.into());
    }

    /// Reports a field that deserves a look.
    fn warning(
        &mut self,
        code: &'static str,
        at: &At<'_>,
        field: &str,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.report(Severity::Warning, code, at, field, message.into(), fix.into());
    }

    fn report(
        &mut self,
        severity: Severity,
        code: &'static str,
        at: &At<'_>,
        field: &str,
        message: String,
        fix: String,
    ) {
        let (path, line) = match at.get(field) {
            Some(there) => (there.path.clone(), there.line()),
            None if field.is_empty() => (at.path.clone(), at.line()),
            None => (at.path_of(field), at.line()),
        };
        let kept = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if kept.len() < MOST {
            kept.push(Finding { code, severity, path, line: Some(line), message, fix });
        }
    }
}

/// The most findings of a severity: nobody reads more, and no warning crowds an error out.
const MOST: usize = 500;

#[cfg(test)]
mod tests;
