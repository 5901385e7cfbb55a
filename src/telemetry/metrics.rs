//! Every metric's name and labels. Labels are few and fixed, or named by the configuration: never a SPIFFE ID, a path or a host.

mod audit;
mod bundles;
mod decisions;
mod histogram;
mod optional;
mod parts;
mod process;
mod serving;
mod spans;
mod store;
mod text;

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::{encoding::text::encode, metrics::counter::Counter, registry::Registry};

use self::{
    audit::Audit, bundles::Bundles, decisions::Decisions, optional::Optional, parts::Parts, process::Process,
    serving::Serving, store::Store,
};
pub use self::{
    histogram::Histogram,
    parts::{Freshness, TrustFreshness},
    spans::{Dropped, Spans},
    store::Census,
};
use super::{Part, Readings, Stopwatch};
use crate::{decision::Reason, feed::bundle};

/// What is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    decisions: Decisions,
    serving: Serving,
    audit: Audit,
    parts: Parts,
    bundles: Bundles,
    store: Store,
    spans: Spans,
    process: Process,
    /// Held while a scrape is made, and while what it tells is replaced. No Check ever waits for it.
    fresh: Mutex<Freshness>,
}

impl Metrics {
    /// Registers every metric, at zero.
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let (decisions, serving, audit) = (Decisions::default(), Serving::default(), Audit::default());
        let (parts, bundles, store) = (Parts::default(), Bundles::default(), Store::default());
        let (spans, process) = (Spans::default(), Process::default());
        process.register(&mut registry);
        let ours = registry.sub_registry_with_prefix("hopguard");
        decisions.register(ours);
        serving.register(ours);
        audit.register(ours);
        parts.register(ours);
        bundles.register(ours);
        store.register(ours);
        spans.register(ours);
        Self { registry, decisions, serving, audit, parts, bundles, store, spans, process, fresh: Mutex::default() }
    }

    /// Counts an answer: what Envoy was told, and why it was denied or would have been with every layer enforced.
    pub fn decided(&self, permit: bool, reason: Option<Reason>, elapsed: Duration) {
        self.decisions.count(permit, reason, elapsed);
    }

    /// Notes how long the stages of a Check took.
    pub fn timed(&self, watch: &Stopwatch) {
        self.decisions.time(watch);
    }

    /// Counts an allow under a break-glass grant.
    pub fn broke_glass(&self) {
        self.decisions.break_glass.inc();
    }

    /// Counts a Check that panicked.
    pub fn panicked(&self) {
        self.decisions.panics.inc();
    }

    /// Counts a connection of somebody who may not ask.
    pub fn asker_refused(&self) {
        self.serving.askers_refused.inc();
    }

    /// Counts a connection beyond the bound.
    pub fn connection_refused(&self) {
        self.serving.connections_refused.inc();
    }

    /// Where the log notes how long its records took.
    pub fn audit_lag(&self) -> Histogram {
        self.audit.lag.clone()
    }

    /// Counts an attempt to load a part.
    pub fn reloaded(&self, part: Part, ok: bool) {
        self.parts.reloaded(part, ok);
    }

    /// Tells how many bundles were ignored so far.
    pub fn bundles_ignored(&self, so_far: u64) {
        catch_up(&self.parts.bundles_ignored, so_far);
    }

    /// Tells when what is served was last known to be what there is.
    pub fn fresh(&self, freshness: Freshness) {
        *self.told() = freshness;
    }

    /// Tells what there is of documents.
    pub fn census(&self, census: &Census) {
        self.store.tell(census);
    }

    /// Notes how long a change of documents took from its publication to its effect. `withdraws`: it takes access away by name.
    pub fn acted(&self, lag: Duration, withdraws: bool) {
        self.store.acted(lag, withdraws);
    }

    /// What is counted of spans.
    pub fn spans(&self) -> Spans {
        self.spans.clone()
    }

    /// Tells how bundles stand.
    pub fn bundles(&self, statuses: &[bundle::Status]) {
        let _whole = self.told();
        self.bundles.tell(statuses);
    }

    /// All metrics, in the OpenMetrics text format.
    ///
    /// # Errors
    /// If the text cannot be written.
    pub fn scrape(&self, readings: &Readings) -> Result<String, fmt::Error> {
        let fresh = self.told();
        self.process.read(readings.started);
        self.serving.read(readings);
        self.audit.read(&readings.audit);
        self.parts.read(&fresh, readings.now);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// The same in the Prometheus text format.
    ///
    /// # Errors
    /// If the text cannot be written.
    pub fn scrape_plain(&self, readings: &Readings) -> Result<String, fmt::Error> {
        Ok(text::plain(&self.scrape(readings)?))
    }

    fn told(&self) -> MutexGuard<'_, Freshness> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// Counts up to what was counted elsewhere; what counts from zero again there does not here.
fn catch_up(counter: &Counter, so_far: u64) {
    counter.inc_by(so_far.saturating_sub(counter.get()));
}

/// A time as a number of seconds since the epoch.
#[expect(clippy::cast_precision_loss, reason = "a double tells this century in microseconds")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
