//! Sees to it that a decision is written down even if nobody waits for its answer any more.

use std::sync::OnceLock;

use super::{super::Snapshot, Checks};
use crate::{
    clock::Timestamp,
    decision::{Decision, DecisionId, Fault},
    hop::Outline,
    pb::CheckRequest,
    telemetry::Stopwatch,
};

/// A decision whose answer waits for a claim, or for the disk. If Envoy gives up before, the token may be spent, so it is written down all
/// the same.
pub(super) struct Unanswered<'a> {
    pub(super) checks: &'a Checks,
    pub(super) snapshot: Option<&'a Snapshot>,
    pub(super) now: Timestamp,
    pub(super) watch: Stopwatch,
    /// Gone once it is answered.
    pub(super) decided: Option<(Decision, CheckRequest)>,
    /// The record that it has ahead of its answer.
    pub(super) ahead: OnceLock<DecisionId>,
}

impl Unanswered<'_> {
    pub(super) fn decision(&self) -> Option<&Decision> {
        self.decided.as_ref().map(|(decision, _)| decision)
    }

    /// Takes up what is in the way, if anything is.
    pub(super) fn settle(&mut self, refused: Option<Fault>) {
        let Some(fault) = refused else { return };
        self.decided = self.decided.take().map(|(decision, check)| match fault {
            Fault::Replayed => (decision.replayed(), check),
            fault => (decision.overruled(fault), check),
        });
    }

    pub(super) fn take(&mut self) -> (Decision, CheckRequest) {
        let nothing = || (Decision::denied(self.now, Outline::default(), Fault::Internal), CheckRequest::default());
        self.decided.take().unwrap_or_else(nothing)
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some((decision, check)) = self.decided.take() {
            let Self { checks, snapshot, now, watch, .. } = *self;
            let ahead = self.ahead.get().copied();
            checks.fenced(snapshot, now, watch, ahead, || (decision.overruled(Fault::Deadline), check));
        }
    }
}
