//! A policy as its author wrote it, rule by rule, so that a smaller one can be made of it.

use std::fmt;

/// A policy: the modules of a library and of the decision.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) library: Vec<Rule>,
    pub(crate) rules: Vec<Rule>,
}

/// A rule: what is before `if`, the conditions after it, and where it goes on with `else`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    pub(crate) head: String,
    pub(crate) body: Vec<String>,
    pub(crate) otherwise: Vec<(String, Vec<String>)>,
}

impl Policy {
    /// The module of the decision, `data.case.decision`.
    pub(crate) fn module(&self) -> String {
        let text = lines(&self.rules);
        let tools = if text.contains("tools.") { "import data.library.tools\n" } else { "" };
        format!("package case\n\n{}{tools}\n{text}", imports(&text))
    }

    /// The module of the library, `data.library.tools`.
    pub(crate) fn library(&self) -> String {
        let text = lines(&self.library);
        format!("package library.tools\n\n{}\n{text}", imports(&text))
    }

    /// Policies with a little less in them.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for at in 0..self.library.len() {
            let mut less = self.clone();
            less.library.remove(at);
            all.push(less);
        }
        for at in 0..self.rules.len() {
            let mut less = self.clone();
            less.rules.remove(at);
            all.push(less);
            for smaller in self.rules[at].smaller() {
                let mut less = self.clone();
                less.rules[at] = smaller;
                all.push(less);
            }
        }
        all
    }
}

impl Rule {
    pub(crate) fn new(head: impl Into<String>, body: Vec<String>) -> Self {
        Self { head: head.into(), body, otherwise: Vec::new() }
    }

    fn smaller(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for at in 0..self.body.len() {
            let mut less = self.clone();
            less.body.remove(at);
            all.push(less);
        }
        for at in 0..self.otherwise.len() {
            let mut less = self.clone();
            less.otherwise.remove(at);
            all.push(less);
        }
        all
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.head, Body(&self.body))?;
        for (value, body) in &self.otherwise {
            write!(f, " else := {value}{}", Body(body))?;
        }
        Ok(())
    }
}

struct Body<'a>(&'a [String]);

impl fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        f.write_str(" if {\n")?;
        self.0.iter().try_for_each(|literal| writeln!(f, "\t{literal}"))?;
        f.write_str("}")
    }
}

fn lines(rules: &[Rule]) -> String {
    rules.iter().map(|rule| format!("{rule}\n\n")).collect()
}

fn imports(text: &str) -> String {
    let uses = |alias: &str| {
        text.match_indices(&format!("{alias}."))
            .any(|(at, _)| !text[..at].ends_with(|last: char| "._".contains(last) || last.is_alphanumeric()))
    };
    IMPORTS.iter().filter(|(_, alias)| uses(alias)).map(|(import, _)| format!("import {import}\n")).collect()
}

/// What a policy imports if it uses it, and the name that it uses.
const IMPORTS: &[(&str, &str)] = &[
    ("input.attributes.request.http", "http"),
    ("data.limits as most", "most"),
    ("input.parsed_body as body", "body"),
];
