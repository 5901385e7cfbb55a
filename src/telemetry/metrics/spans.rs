//! Spans in numbers: what is not sent is counted.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// What is counted of spans; a clone counts the same.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    sent: Counter,
    dropped: Family<DropLabels, Counter>,
}

/// Why a span was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// There were too many in that second.
    Rate,
    /// Too many waited already.
    Queue,
    /// The collector did not take it.
    Collector,
}

impl Dropped {
    /// The name in metrics.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Queue => "queue",
            Self::Collector => "collector",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DropLabels {
    reason: &'static str,
}

impl Spans {
    pub(super) fn register(&self, registry: &mut Registry) {
        for reason in [Dropped::Rate, Dropped::Queue, Dropped::Collector] {
            self.dropped(reason, 0);
        }
        registry.register("spans_sent", "Spans that the collector took", self.sent.clone());
        registry.register("spans_dropped", "Spans that were not sent, by reason", self.dropped.clone());
    }

    /// Counts spans that the collector took.
    pub fn sent(&self, count: u64) {
        self.sent.inc_by(count);
    }

    /// Counts spans that were dropped.
    pub fn dropped(&self, reason: Dropped, count: u64) {
        self.dropped.get_or_create(&DropLabels { reason: reason.as_str() }).inc_by(count);
    }

    /// How many were dropped so far.
    #[cfg(test)]
    pub(in crate::telemetry) fn dropped_so_far(&self, reason: Dropped) -> u64 {
        self.dropped.get_or_create(&DropLabels { reason: reason.as_str() }).get()
    }
}
