//! Documents and facts, from their places into the snapshot: counted as they stand, and timed until they act.

use std::time::{Duration, Instant};

use super::Loader;
use crate::{
    clock::Timestamp,
    reload::census::census,
    telemetry::{Census, Part},
};

impl Loader {
    /// What was loaded decides hops, from `now` on.
    pub fn in_effect(&mut self, now: Timestamp) {
        if let Some(change) = self.due.take() {
            self.shared.metrics.acted(now.since(change.published), change.withdraws);
        }
    }

    /// Counts documents, once a second at most.
    pub(super) fn count(&mut self, now: Timestamp) {
        if self.counted.is_some_and(|counted| counted.elapsed() < COUNTED) {
            return;
        }
        self.counted = Some(Instant::now());
        if let Some(documents) = self.store.documents() {
            let told = self.facts.told().map_or(0, |told| told.facts.len());
            let is_stale = self.store.stale_at().is_some_and(|at| at <= now);
            let census = Census { is_stale, ..census(documents, told, &self.indexes, now) };
            self.shared.metrics.census(&census);
            if std::mem::replace(&mut self.was_stale, is_stale) != is_stale {
                if is_stale {
                    tracing::error!("What was taken back may not be known: grants count no more");
                } else {
                    tracing::info!("What was taken back is known again: grants count");
                }
            }
        }
    }

    pub(super) fn load_store(&mut self, forced: bool, now: Timestamp) {
        self.store.read(forced, &self.feeds, now);
        let revision = self.store.documents().map(|documents| documents.revision.clone());
        self.note(Part::Store, revision, self.store.problems(), now);
        self.shared.status.tell_stale(Part::Store, self.store.stale_at());
    }

    /// Reads the facts by themselves: they change often, and nothing else waits for them nor they for anything.
    pub(super) fn load_facts(&mut self, forced: bool, now: Timestamp) -> bool {
        let is_other = self.facts.read(forced);
        if self.facts.path().is_some() {
            let revision = self.facts.told().map(|told| told.revision.clone());
            let problems = self.facts.problems().iter().chain(&self.indexes.disputes).cloned().collect();
            self.note(Part::Facts, revision, problems, now);
        }
        is_other
    }
}

/// How often documents are counted.
const COUNTED: Duration = Duration::from_millis(900);
