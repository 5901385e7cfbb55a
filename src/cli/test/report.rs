//! What came of all tests, for people, for programs and for build servers.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
    time::Duration,
};

use serde_json::{Value, json};

use super::{Output, TestArgs};
use crate::{
    cli::{check, exit::Exit},
    policy::trial::{Coverage, Outcome, Test},
    yaml::{Problem, Problems},
};

/// What came of one run.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) tests: Vec<Test>,
    pub(super) coverage: Option<Coverage>,
    /// Why nothing could be run.
    pub(super) problems: Vec<Problem>,
}

impl From<Problems> for Report {
    fn from(Problems(problems): Problems) -> Self {
        Self { problems, ..Self::default() }
    }
}

impl Report {
    /// How it ended: no test at all is a failure, for something was meant.
    pub(super) fn exit(&self, args: &TestArgs) -> Exit {
        if !self.problems.is_empty() {
            Exit::DoesNotLoad
        } else if self.failed() > 0 || self.tests.is_empty() || self.shortfall(args).is_some() {
            Exit::TestsFailed
        } else {
            Exit::Yes
        }
    }

    fn failed(&self) -> usize {
        self.tests.iter().filter(|test| test.failure().is_some()).count()
    }

    fn skipped(&self) -> usize {
        self.tests.iter().filter(|test| test.outcome == Outcome::Skipped).count()
    }

    fn passed(&self) -> usize {
        self.tests.len().saturating_sub(self.failed()).saturating_sub(self.skipped())
    }

    /// The percentage, where it is less than it has to be.
    fn shortfall(&self, args: &TestArgs) -> Option<f64> {
        let percent = self.coverage.as_ref().map(Coverage::percent)?;
        args.threshold.filter(|threshold| percent < *threshold).map(|_| percent)
    }

    fn shown(&self, args: &TestArgs) -> impl Iterator<Item = &Test> {
        self.tests.iter().filter(|test| !args.only_failures || test.failure().is_some())
    }

    /// Writes it.
    pub(super) fn write(&self, args: &TestArgs, out: &mut impl Write) -> io::Result<()> {
        match args.output {
            Output::Text => self.write_text(args, out),
            Output::Json => writeln!(out, "{:#}", self.to_json(args)),
            Output::Junit => out.write_all(self.to_junit(args).as_bytes()),
        }
    }

    fn write_text(&self, args: &TestArgs, out: &mut impl Write) -> io::Result<()> {
        for problem in &self.problems {
            writeln!(out, "{problem:#}")?;
        }
        if !self.problems.is_empty() {
            let many = if self.problems.len() == 1 { "" } else { "s" };
            return writeln!(out, "{} problem{many}", self.problems.len());
        }
        for test in self.shown(args) {
            let Test { name, file, line, column, printed, elapsed, .. } = test;
            match &test.outcome {
                Outcome::Failed(why) => writeln!(out, "{file}:{line}:{column}: {name}: {why}")?,
                Outcome::Passed if args.verbose => writeln!(out, "passed   {name} ({} ms)", elapsed.as_millis())?,
                Outcome::Skipped if args.verbose => writeln!(out, "skipped  {name}")?,
                Outcome::Passed | Outcome::Skipped => continue,
            }
            printed.iter().try_for_each(|line| writeln!(out, "    {line}"))?;
        }
        if let Some(coverage) = &self.coverage {
            for file in &coverage.files {
                let missed =
                    if file.missed.is_empty() { String::new() } else { format!("  not {}", ranges(&file.missed)) };
                writeln!(out, "{:6.2} %  {}{missed}", file.percent(), file.file)?;
            }
            writeln!(out, "{:6.2} %  in all", coverage.percent())?;
        }
        if let Some(threshold) = args.threshold.filter(|_| self.shortfall(args).is_some()) {
            writeln!(out, "less than {threshold} % of the lines are covered")?;
        }
        if self.tests.is_empty() {
            return writeln!(
                out,
                "no tests found: a test is a rule whose name begins with `test_`, or a case in a file `*_cases.yaml`"
            );
        }
        let counts = [(self.passed(), "passed"), (self.failed(), "failed"), (self.skipped(), "skipped")];
        let said: Vec<String> =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        writeln!(out, "{}", said.join(", "))
    }

    fn to_json(&self, args: &TestArgs) -> Value {
        let test = |test: &Test| {
            let outcome = match test.outcome {
                Outcome::Passed => "passed",
                Outcome::Failed(_) => "failed",
                Outcome::Skipped => "skipped",
            };
            json!({
                "name": test.name,
                "file": test.file,
                "line": test.line,
                "column": test.column,
                "outcome": outcome,
                "why": test.failure(),
                "printed": test.printed,
                "elapsed_us": u64::try_from(test.elapsed.as_micros()).unwrap_or(u64::MAX),
            })
        };
        let coverage = self.coverage.as_ref().map(|coverage| {
            let file = |file: &crate::policy::trial::FileCoverage| {
                json!({"file": file.file, "percent": file.percent(), "covered": file.covered, "missed": file.missed})
            };
            json!({"percent": coverage.percent(), "files": coverage.files.iter().map(file).collect::<Vec<_>>()})
        });
        json!({
            "ok": self.exit(args) == Exit::Yes,
            "passed": self.passed(),
            "failed": self.failed(),
            "skipped": self.skipped(),
            "tests": self.shown(args).map(test).collect::<Vec<_>>(),
            "coverage": coverage,
            "problems": self.problems.iter().map(check::problem_to_json).collect::<Vec<_>>(),
        })
    }

    /// JUnit's XML, as build servers read it: a suite for each file.
    fn to_junit(&self, args: &TestArgs) -> String {
        let mut suites: BTreeMap<&str, Vec<&Test>> = BTreeMap::new();
        for test in self.shown(args) {
            suites.entry(&test.file).or_default().push(test);
        }
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
        for (file, tests) in suites {
            let failed = tests.iter().filter(|test| test.failure().is_some()).count();
            let skipped = tests.iter().filter(|test| test.outcome == Outcome::Skipped).count();
            let time: Duration = tests.iter().map(|test| test.elapsed).sum();
            // Writing to a string cannot fail.
            let _ = writeln!(
                xml,
                "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" skipped=\"{skipped}\" time=\"{:.6}\">",
                escaped(file),
                tests.len(),
                time.as_secs_f64()
            );
            tests.into_iter().for_each(|test| junit_case(&mut xml, test));
            xml.push_str("  </testsuite>\n");
        }
        let mut errors: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        if self.problems.is_empty() && self.tests.is_empty() {
            errors.push("no tests found".to_owned());
        }
        if let Some(percent) = self.shortfall(args) {
            errors.push(format!("{percent} % of the lines are covered"));
        }
        if !errors.is_empty() {
            let _ = writeln!(xml, "  <testsuite name=\"hopguard\" tests=\"{0}\" errors=\"{0}\">", errors.len());
            for error in errors {
                let error = escaped(&error);
                let _ = writeln!(
                    xml,
                    "    <testcase name=\"load\" classname=\"hopguard\"><error message=\"{error}\"/></testcase>"
                );
            }
            xml.push_str("  </testsuite>\n");
        }
        xml.push_str("</testsuites>\n");
        xml
    }
}

fn junit_case(xml: &mut String, test: &Test) {
    let (name, file) = (escaped(&test.name), escaped(&test.file));
    let seconds = test.elapsed.as_secs_f64();
    let _ = write!(
        xml,
        "    <testcase name=\"{name}\" classname=\"{file}\" file=\"{file}\" line=\"{}\" time=\"{seconds:.6}\">",
        test.line
    );
    match &test.outcome {
        Outcome::Failed(why) => {
            let _ = write!(xml, "<failure message=\"{}\"/>", escaped(why));
        }
        Outcome::Skipped => xml.push_str("<skipped/>"),
        Outcome::Passed => {}
    }
    if !test.printed.is_empty() {
        let _ = write!(xml, "<system-out>{}</system-out>", escaped(&test.printed.join("\n")));
    }
    xml.push_str("</testcase>\n");
}

/// Text as XML 1.0 can hold it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", u32::from(character))),
            _ if character.is_control() || matches!(character, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Lines as people write them: `3-5, 9`.
fn ranges(lines: &std::collections::BTreeSet<usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some((_, end)) if end.saturating_add(1) == *line => *end = *line,
            _ => ranges.push((*line, *line)),
        }
    }
    let shown = |(from, to): &(usize, usize)| if from == to { from.to_string() } else { format!("{from}-{to}") };
    ranges.iter().map(shown).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_written_as_people_do() {
        assert_eq!(ranges(&[3, 4, 5, 9, 11, 12].into()), "3-5, 9, 11-12");
    }

    #[test]
    fn no_text_leaves_its_place_in_xml() {
        assert_eq!(escaped("a<b>&\"\n\u{1}\u{1b}c"), "a&lt;b&gt;&amp;&quot;&#10;\u{fffd}\u{fffd}c");
    }
}
