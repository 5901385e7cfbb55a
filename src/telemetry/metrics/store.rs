//! Documents in numbers: what there is of them, and how long a change takes from its publication until hops are decided by it.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{Histogram, number};
use crate::grant::Kind;

/// What there is of documents at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Grants whose time has come and is not over, and which nothing withholds.
    pub active: usize,
    /// Grants that have yet to begin.
    pub pending: usize,
    /// Grants that are over.
    pub expired: usize,
    /// Grants that lack a signature.
    pub unsigned: usize,
    /// Grants that were taken back.
    pub revoked: usize,
    /// Grants whose review is overdue, of those that are not over.
    pub overdue: usize,
    /// Revocations that act.
    pub revocations: usize,
    /// Facts that count.
    pub fresh: usize,
    /// Facts that do not count any more, or not yet.
    pub stale: usize,
    /// Activations of `eligible` grants that are open.
    pub open_eligible: usize,
    /// Activations of `break_glass` grants that are open.
    pub open_break_glass: usize,
    /// Whether grants no longer count because what was taken back may not be known.
    pub is_stale: bool,
}

/// What is told of documents.
#[derive(Debug)]
pub(super) struct Store {
    lag: Histogram,
    revocation_lag: Histogram,
    grants: Family<StateLabels, Gauge>,
    facts: Family<StateLabels, Gauge>,
    activations: Family<TypeLabels, Gauge>,
    revocations: Gauge,
    overdue: Gauge,
    stale: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TypeLabels {
    r#type: &'static str,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            lag: Histogram::new(BUCKETS),
            revocation_lag: Histogram::new(BUCKETS),
            grants: Family::default(),
            facts: Family::default(),
            activations: Family::default(),
            revocations: Gauge::default(),
            overdue: Gauge::default(),
            stale: Gauge::default(),
        }
    }
}

impl Store {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("store_lag_seconds", "From the publication of documents to their effect", self.lag.clone());
        registry.register(
            "revocation_lag_seconds",
            "From the publication of a revocation or suspension to its effect",
            self.revocation_lag.clone(),
        );
        registry.register("grants", "Grants, by what has become of them", self.grants.clone());
        registry.register("facts", "Facts, by whether they count", self.facts.clone());
        registry.register("activations_open", "Activations that are open, by type of grant", self.activations.clone());
        registry.register("revocations", "Revocations that act", self.revocations.clone());
        registry.register("overdue_reviews", "Grants whose review is overdue", self.overdue.clone());
        registry.register(
            "store_stale",
            "Whether grants no longer count because what was taken back may not be known",
            self.stale.clone(),
        );
        self.tell(&Census::default());
    }

    pub(super) fn tell(&self, census: &Census) {
        let set = |gauge: &Gauge, count: usize| {
            gauge.set(number(count));
        };
        for (state, count) in [
            ("active", census.active),
            ("pending", census.pending),
            ("expired", census.expired),
            ("unsigned", census.unsigned),
            ("revoked", census.revoked),
        ] {
            set(&self.grants.get_or_create(&StateLabels { state }), count);
        }
        for (state, count) in [("fresh", census.fresh), ("stale", census.stale)] {
            set(&self.facts.get_or_create(&StateLabels { state }), count);
        }
        for (kind, count) in [(Kind::Eligible, census.open_eligible), (Kind::BreakGlass, census.open_break_glass)] {
            set(&self.activations.get_or_create(&TypeLabels { r#type: kind.as_str() }), count);
        }
        set(&self.revocations, census.revocations);
        set(&self.overdue, census.overdue);
        set(&self.stale, usize::from(census.is_stale));
    }

    pub(super) fn acted(&self, lag: Duration, withdraws: bool) {
        self.lag.observe(lag);
        if withdraws {
            self.revocation_lag.observe(lag);
        }
    }
}

/// A second is what is promised.
const BUCKETS: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0];
