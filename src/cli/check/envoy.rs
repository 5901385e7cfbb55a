//! The part of `hopguard check` that looks at Envoy configurations: every file is linted, and every finding written.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    envoy::{Expect, Finding, Severity, lint},
    yaml::Problem,
};

/// What was found in Envoy configurations.
#[derive(Debug, Default)]
pub(super) struct Linted {
    files: Vec<(String, Vec<Finding>)>,
}

impl Linted {
    /// Lints files; those that do not load are problems.
    pub(super) fn of(files: &[PathBuf], expect: &Expect, problems: &mut Vec<Problem>) -> Self {
        let mut linted = Self::default();
        for path in files {
            let file = path.display().to_string();
            match read(path) {
                Err(error) => problems.push(Problem::of_file(&file, format!("cannot be read: {error}"))),
                Ok(source) => match lint(&source, expect) {
                    Ok(findings) => linted.files.push((file, findings)),
                    Err(refused) => {
                        let line = refused.line.unwrap_or_default();
                        problems.push(Problem {
                            line,
                            column: line.min(1),
                            ..Problem::of_file(&file, refused.message)
                        });
                    }
                },
            }
        }
        linted
    }

    /// How many findings weigh this much.
    pub(super) fn count(&self, severity: Severity) -> usize {
        self.files.iter().flat_map(|(_, findings)| findings).filter(|finding| finding.severity == severity).count()
    }

    /// One line for each finding, and one for each file without any.
    pub(super) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        for (file, findings) in &self.files {
            if findings.is_empty() {
                writeln!(out, "{:10} {file}: nothing undoes Hopguard", "envoy")?;
            }
            for Finding { code, severity, line, message, fix, .. } in findings {
                let line = line.map(|line| format!("{line}:")).unwrap_or_default();
                let weight = if *severity == Severity::Warning { "warning: " } else { "" };
                writeln!(out, "{file}:{line} {code}: {weight}{message}; {fix}")?;
            }
        }
        Ok(())
    }

    pub(super) fn to_json(&self) -> Value {
        let finding = |file: &str, finding: &Finding| {
            json!({
                "file": file,
                "line": finding.line,
                "path": finding.path,
                "code": finding.code,
                "severity": finding.severity.name(),
                "message": finding.message,
                "fix": finding.fix,
            })
        };
        let all = self.files.iter().flat_map(|(file, findings)| findings.iter().map(move |found| finding(file, found)));
        all.collect()
    }
}

/// Reads a file, and not for ever: it may be a device, or a log that somebody mistook.
fn read(path: &Path) -> io::Result<String> {
    let mut source = String::new();
    fs::File::open(path)?.take(MOST).read_to_string(&mut source)?;
    Ok(source)
}

/// More than the linter reads, so that it can say so itself.
const MOST: u64 = 16 << 20;
