//! How a source writes on the board: in the place of its own trust domain only, and only as long as it is that one's source.

use std::sync::{Arc, atomic::Ordering};

use spiffe::TrustDomain;

use super::{Board, Entry, Held};

/// The place of one trust domain, for one source. When the trust domain gets another source, what this one still says is not heard.
#[derive(Clone, Debug)]
pub(in crate::feed) struct Slot {
    pub(super) board: Arc<Board>,
    pub(super) trust_domain: TrustDomain,
    pub(super) epoch: u64,
}

/// Whether a source tells of each change by itself, or has to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::feed) enum Delivery {
    /// It does: as long as it is connected, what is held is what it says.
    Pushed,
    /// It was asked now.
    Fetched,
}

impl Slot {
    /// The trust domain.
    pub(in crate::feed) const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// What the source last gave, be it before this process began.
    pub(in crate::feed) fn held(&self) -> Option<Held> {
        self.board.entries().get(&self.trust_domain).filter(|entry| entry.epoch == self.epoch)?.held.clone()
    }

    /// The source stands by `held` now: the bundle that it gives, or an empty one if it withdraws it. `problem` is worth knowing all the same.
    pub(in crate::feed) fn deliver(&self, held: Held, delivery: Delivery, problem: Option<String>) {
        let now = self.board.now();
        self.change(|entry| {
            let new = entry.hold(held);
            entry.unwritten |= new || delivery == Delivery::Fetched;
            entry.confirmed = Some(now);
            entry.pushed = delivery == Delivery::Pushed;
            entry.connected = true;
            entry.problem = problem;
        });
    }

    /// The source cannot be reached, or what it says cannot be used: what is held stays, and ages.
    pub(in crate::feed) fn keep(&self, problem: String) {
        self.age(None, problem);
    }

    /// As [`keep`](Self::keep), and what is held is `held`: a part of it was replaced, and another ages.
    pub(in crate::feed) fn keep_partly(&self, held: Held, problem: String) {
        self.age(Some(held), problem);
    }

    fn age(&self, held: Option<Held>, problem: String) {
        let now = self.board.now();
        self.change(|entry| {
            if entry.connected {
                entry.confirmed = entry.confirmed_at(now);
                entry.unwritten |= entry.held.is_some();
            }
            if let Some(held) = held {
                entry.confirmed.get_or_insert(now);
                entry.unwritten |= entry.hold(held);
            }
            entry.connected = false;
            entry.problem = Some(problem);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.board.entries();
        let Some(entry) = entries.get_mut(&self.trust_domain).filter(|entry| entry.epoch == self.epoch) else { return };
        let seen = |entry: &Entry| {
            let revision = entry.held.as_ref().map(|held| Arc::clone(held.bundle.revision()));
            (revision, entry.connected, entry.problem.clone())
        };
        let before = seen(entry);
        change(entry);
        let after = seen(entry);
        if before != after {
            let (revision, connected, problem) = &after;
            tracing::info!(
                trust_domain = %self.trust_domain,
                revision = revision.as_deref(),
                connected,
                problem = problem.as_deref(),
                "Bundle feed changed"
            );
            self.board.news.store(true, Ordering::Release);
        }
    }
}
