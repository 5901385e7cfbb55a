//! Signals from outside: what is so right now, as somebody observed it. Pushed here, and never fetched while a hop is decided.

use std::time::Duration;

use spiffe::SpiffeId;

use crate::clock::Timestamp;

pub(crate) mod document;

/// A `Fact` document.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The name of its document.
    pub name: String,
    /// What it is about: `device.posture`.
    pub key: String,
    /// Whom it is about; absent: everybody.
    pub subject: Option<SpiffeId>,
    /// What is so.
    pub value: serde_json::Value,
    /// Who says so.
    pub source: String,
    /// When it was observed.
    pub observed_at: Timestamp,
    /// How long it counts from then.
    pub max_age: Duration,
}

impl Fact {
    /// The instant at which it no longer counts, where whoever asks takes it for `at_most` this long.
    pub fn stale_at(&self, at_most: Option<Duration>) -> Timestamp {
        self.observed_at.after(at_most.map_or(self.max_age, |at_most| self.max_age.min(at_most)))
    }

    /// Whether it counts. One from the future does not: whoever writes it says what nobody can have observed.
    pub fn is_fresh(&self, at_most: Option<Duration>, now: Timestamp) -> bool {
        self.observed_at <= now.after(AHEAD) && now < self.stale_at(at_most)
    }
}

/// How far the clock of an observer may be ahead.
const AHEAD: Duration = Duration::from_secs(5);
