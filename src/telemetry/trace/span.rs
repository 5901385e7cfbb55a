//! One decision as a span: what was proved, found and answered, and nothing that a stranger wrote.
//!
//! A span says who called whom for what, and is read by more people than the audit log. It holds no header, token, host or path, whose
//! segments may name people; who may read them finds them in the record, by the decision's ID.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Timestamp,
    decision::{Decision, DecisionId, Denial, Reason, Revisions, Status},
    hop::{SpanId, TraceContext},
    telemetry::Stopwatch,
};

/// A decision on its way to the collector.
#[derive(Debug)]
pub struct Span {
    pub(super) context: TraceContext,
    pub(super) id: SpanId,
    pub(super) ended: Timestamp,
    pub(super) elapsed: Duration,
    /// What each stage took.
    pub(super) watch: Stopwatch,
    pub(super) decision: DecisionId,
    /// What Envoy was told.
    pub(super) permit: bool,
    /// Whether the hop may happen with every layer enforced.
    pub(super) allowed: bool,
    pub(super) public: bool,
    pub(super) reason: Option<Reason>,
    pub(super) detail: Option<&'static str>,
    pub(super) observed: Vec<Reason>,
    pub(super) method: Option<&'static str>,
    pub(super) this: String,
    pub(super) peer: Option<String>,
    pub(super) assurance: Option<&'static str>,
    pub(super) purpose: Option<String>,
    pub(super) grant: Option<String>,
    pub(super) revisions: Option<Arc<Revisions>>,
}

/// A decision that has just been made.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// It.
    pub decision: &'a Decision,
    /// Its name.
    pub name: DecisionId,
    /// The time that it is.
    pub now: Timestamp,
    /// What it took.
    pub watch: &'a Stopwatch,
}

impl Span {
    /// The span `id` of a decision, which ended now.
    pub(super) fn new((context, id): (TraceContext, SpanId), told: &Told<'_>, this: String) -> Self {
        let Told { decision, name, now, watch } = *told;
        let denial = decision.denial();
        let found = &decision.findings;
        Self {
            context,
            id,
            ended: now,
            elapsed: watch.elapsed(),
            watch: *watch,
            decision: name,
            permit: decision.is_permit(),
            allowed: decision.is_allowed(),
            public: decision.public,
            reason: decision.reason(),
            detail: denial.and_then(Denial::detail),
            observed: found.observed.iter().map(Denial::reason).collect(),
            method: method(&decision.outline.method),
            this,
            peer: decision.peer().map(|peer| peer.id().to_string()),
            assurance: decision.peer().map(|peer| peer.assurance().as_str()),
            purpose: found.purpose.as_ref().map(|purpose| purpose.purpose().as_str().to_owned()),
            grant: found.grant.as_ref().map(|active| cut(active.grant().name()).to_owned()),
            revisions: decision.revisions.clone(),
        }
    }

    /// When the Check came.
    pub(super) fn started(&self) -> Timestamp {
        let elapsed = i64::try_from(self.elapsed.as_nanos()).unwrap_or(i64::MAX);
        Timestamp::from_nanos(self.ended.nanos().saturating_sub(elapsed))
    }

    /// Why Hopguard could not decide, if it could not: that is a failure, and a denial is none.
    pub(super) fn failure(&self) -> Option<Reason> {
        self.reason.filter(|reason| !self.permit && reason.status() == Status::ServiceUnavailable)
    }
}

/// A method that everybody knows; any other is a stranger's text.
fn method(method: &str) -> Option<&'static str> {
    if method.is_empty() {
        return None;
    }
    Some(METHODS.iter().find(|known| **known == method).copied().unwrap_or("_OTHER"))
}

/// The beginning of a document's text: a span stays small, whatever people write.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST_BYTES)).unwrap_or_default()
}

/// RFC 9110 §9, RFC 5789 and RFC 10008.
const METHODS: [&str; 10] = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"];
const MOST_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_nobody_knows_is_not_repeated() {
        assert_eq!(method("GET"), Some("GET"));
        assert_eq!(method("get"), Some("_OTHER"));
        assert_eq!(method("SECRET-TOKEN"), Some("_OTHER"));
        assert_eq!(method(""), None);
    }
}
