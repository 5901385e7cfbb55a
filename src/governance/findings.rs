//! What is worth a look in documents that load: each finding has a stable id, a weight, a place, a sentence and what to do about it.

mod activations;
mod grants;
mod overlap;
mod owners;
mod subjects;
mod upkeep;

use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    shown,
    written::{Document, Written},
};
use crate::{clock::Timestamp, yaml::Position};

/// Finds what is worth a look, in the order of files and places.
///
/// Deterministic: the same documents and the same `now` give the same findings.
pub fn review(written: &Written, now: Timestamp) -> Vec<Finding> {
    let mut found = Found::default();
    grants::find(written, now, &mut found);
    subjects::find(written, now, &mut found);
    owners::find(written, &mut found);
    activations::find(written, now, &mut found);
    upkeep::find(written, now, &mut found);
    let mut findings = found.0;
    findings.sort_by(|a, b| a.order().cmp(&b.order()));
    findings
}

/// One thing that is worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its id: part of what does not change.
    pub code: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// The file.
    pub file: Arc<str>,
    /// The line, counted from one.
    pub line: usize,
    /// The column, counted from one.
    pub column: usize,
    /// The kind of the document.
    pub kind: String,
    /// The name of the document.
    pub name: String,
    /// What is so.
    pub message: String,
    /// What to do about it.
    pub fix: &'static str,
}

impl Finding {
    fn order(&self) -> (&str, usize, usize, &str) {
        (&self.file, self.line, self.column, self.code)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, severity, file, line, column, message, fix, .. } = self;
        write!(f, "{file}:{line}:{column}: {} {code}: {message}; {fix}", severity.as_str())
    }
}

/// How much a finding weighs, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// To be tidied up when somebody is there anyway.
    Low,
    /// To be looked at soon.
    Medium,
    /// To be dealt with before anything else is approved.
    High,
}

impl Severity {
    /// All of them, the least first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Low, Self::Medium, Self::High];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The id of its findings.
    pub id: &'static str,
    /// How much they weigh.
    pub severity: Severity,
    /// What to do about them.
    pub fix: &'static str,
}

/// Everything that is looked for, by id.
pub const CODES: [Code; 27] = [
    code(
        "activation.not_reviewed",
        Severity::High,
        "look at what was done under it, and set `reviewedBy` and `reviewedAt`",
    ),
    code(
        "activation.open",
        Severity::Medium,
        "make sure that the emergency is one, and review the activation when it is over",
    ),
    code("activation.over", Severity::Info, "remove the document, or keep it for the record"),
    code("exception.ends_soon", Severity::Medium, "meet its exit criteria before it ends"),
    code("exception.past_date", Severity::High, "meet its exit criteria, and remove it"),
    code("grant.everything", Severity::High, "name the paths that the subject calls, and the methods that it needs"),
    code("grant.expired", Severity::Info, "remove it, or request a new one"),
    code("grant.long_lived", Severity::Low, "let it end within 180 days, and extend it when it is reviewed"),
    code("grant.no_review", Severity::Medium, "set `reviewBy`"),
    code("grant.prefix_subject", Severity::Medium, "name one workload with `spiffeId`, or a role"),
    code("grant.review_overdue", Severity::High, "review it, and set a later `reviewBy` or let it go"),
    code("grant.review_soon", Severity::Info, "review it"),
    code("grant.revoked", Severity::Low, "remove the grant once the revocation is no longer needed for others"),
    code("grant.self_approved", Severity::Medium, "let somebody else than its owner approve it"),
    code("grant.self_owned", Severity::Low, "name the team that answers for it as its owner"),
    code("grant.suspended_subject", Severity::Medium, "remove the grant, or set the workload to `active`"),
    code("grant.trust_domain_subject", Severity::High, "name the workloads, or a role"),
    code("grant.wide_path", Severity::Medium, "name the paths that the subject calls"),
    code("owner.one_person", Severity::Low, "name a team: people leave"),
    code("purpose.unused", Severity::Low, "remove it, or name it in a grant"),
    code(
        "resource.declared_purpose",
        Severity::High,
        "set `purposeBinding: signed`, or approve for one task (`type: jit` or `eligible`)",
    ),
    code("resource.unused", Severity::Info, "name it in the grants that reach it, or remove it"),
    code("revocation.over", Severity::Info, "remove it"),
    code("revocation.without_end", Severity::Low, "remove what it revokes, then the revocation, or give it an `until`"),
    code("role.unknown", Severity::Medium, "give the role to a workload, or remove the grant"),
    code("role.unused", Severity::Low, "take the role from the workload"),
    code("workload.without_owner", Severity::Medium, "write a `Workload` document that says who owns it"),
];

const fn code(id: &'static str, severity: Severity, fix: &'static str) -> Code {
    Code { id, severity, fix }
}

/// What has been found so far.
#[derive(Debug, Default)]
struct Found(Vec<Finding>);

impl Found {
    fn add(&mut self, id: &str, document: &Document, at: Position, message: impl Into<String>) {
        // Every id is in the list: a test holds that none is missing.
        let Some(code) = CODES.iter().find(|code| code.id == id) else { return };
        self.0.push(Finding {
            code: code.id,
            severity: code.severity,
            file: Arc::clone(&document.file),
            line: at.line,
            column: at.column,
            kind: document.kind.clone(),
            name: document.name.clone(),
            message: shown(&message.into()),
            fix: code.fix,
        });
    }
}

/// Documents of one kind by their names; of two with one name, which do not count, the first.
fn by_name<'a>(written: &'a Written, kind: &'a str) -> BTreeMap<&'a str, &'a Document> {
    let mut named = BTreeMap::new();
    for document in written.of_kind(kind) {
        named.entry(document.name.as_str()).or_insert(document);
    }
    named
}

/// Whether a grant's time is over.
fn is_over(grant: &Document, now: Timestamp) -> bool {
    grant.time("expiresAt").is_some_and(|end| end <= now)
}

/// The day of an instant, for sentences.
fn day(time: Timestamp) -> String {
    time.to_string().split('T').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
