//! The log in numbers: what is on disk, how long that took, and what is missing.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

use super::{Histogram, catch_up, serving::Filled};
use crate::telemetry::AuditReadings;

/// What is told of the log.
#[derive(Debug)]
pub(super) struct Audit {
    pub(super) lag: Histogram,
    records: Counter,
    losses: Counter,
    lost: Gauge,
    broken: Gauge,
    waiting: Gauge<f64, AtomicU64>,
    queue: Filled,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            lag: Histogram::new(BUCKETS),
            records: Counter::default(),
            losses: Counter::default(),
            lost: Gauge::default(),
            broken: Gauge::default(),
            waiting: Gauge::default(),
            queue: Filled::default(),
        }
    }
}

impl Audit {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("audit_records", "Records on disk", self.records.clone());
        registry.register("audit_lag_seconds", "From a decision until its record is on disk", self.lag.clone());
        registry.register("audit_losses", "Records that never reached the log", self.losses.clone());
        registry.register(
            "audit_lost",
            "Denials that found no place in the log since it last said so",
            self.lost.clone(),
        );
        registry.register("audit_broken", "Whether the log cannot be written", self.broken.clone());
        registry.register("audit_waiting_seconds", "How long the disk has been waited for", self.waiting.clone());
        self.queue.register(registry, "audit_queue", "Records that wait for the writer");
    }

    pub(super) fn read(&self, readings: &AuditReadings) {
        catch_up(&self.records, readings.records);
        catch_up(&self.losses, readings.losses);
        self.lost.set(i64::try_from(readings.unsaid).unwrap_or(i64::MAX));
        self.broken.set(i64::from(readings.broken));
        self.waiting.set(readings.waiting.as_secs_f64());
        self.queue.tell(readings.queue);
    }
}

/// The window is 5 ms, unless it is configured; a disk takes about as long.
const BUCKETS: &[f64] = &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
