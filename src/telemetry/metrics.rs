//! Every metric's name and labels. Labels are few and fixed: never a SPIFFE ID, a path or a host.

mod bundles;
mod decisions;
mod histogram;
mod spans;
mod store;

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use self::{bundles::Bundles, decisions::Decisions, store::Store};
pub use self::{
    histogram::Histogram,
    spans::{Dropped, Spans},
    store::Census,
};
use super::{Part, Stopwatch};
use crate::{
    clock::Steps,
    decision::{Mode, Modes, Reason},
    feed::bundle,
};

/// What is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    decisions: Decisions,
    modes: Family<ModeLabels, Gauge>,
    askers_refused: Counter,
    connections_refused: Counter,
    reloads: Family<ReloadLabels, Counter>,
    loaded: Family<PartLabels, Gauge>,
    bundles_ignored: Counter,
    bundles: Bundles,
    store: Store,
    audit_records: Counter,
    audit_lost: Gauge,
    audit_broken: Gauge,
    in_flight: Gauge,
    connections: Gauge,
    ready: Gauge,
    clock_steps: Family<StepLabels, Gauge>,
    policy_fallbacks: Counter,
    spans: Spans,
}

/// What is not counted here but read off when metrics are scraped.
#[derive(Clone, Copy, Debug)]
pub struct Readings {
    /// Whether Checks are decided.
    pub ready: bool,
    /// Checks under way.
    pub in_flight: usize,
    /// Open connections.
    pub connections: usize,
    /// Records on disk.
    pub audit_records: u64,
    /// Denials that found no place in the log since it last said so.
    pub audit_lost: u64,
    /// Whether the log cannot be written.
    pub audit_broken: bool,
    /// Steps of the wall clock.
    pub clock: Steps,
    /// How far each layer acts.
    pub modes: Modes,
    /// Policies whose evaluators differed.
    pub policy_fallbacks: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModeLabels {
    layer: &'static str,
    mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    part: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartLabels {
    part: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    direction: &'static str,
}

impl Metrics {
    /// Registers every metric, at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("hopguard");
        let modes = Family::<ModeLabels, Gauge>::default();
        registry.register("mode", "How each layer is enforced", modes.clone());
        let metrics = Self {
            registry: Registry::default(),
            decisions: Decisions::default(),
            modes,
            askers_refused: Counter::default(),
            connections_refused: Counter::default(),
            reloads: Family::default(),
            loaded: Family::default(),
            bundles_ignored: Counter::default(),
            bundles: Bundles::default(),
            store: Store::default(),
            audit_records: Counter::default(),
            audit_lost: Gauge::default(),
            audit_broken: Gauge::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            ready: Gauge::default(),
            clock_steps: Family::default(),
            policy_fallbacks: Counter::default(),
            spans: Spans::default(),
        };
        metrics.decisions.register(&mut registry);
        registry.register("askers_refused", "Connections of somebody who may not ask", metrics.askers_refused.clone());
        registry.register("connections_refused", "Connections beyond the bound", metrics.connections_refused.clone());
        registry.register("reloads", "Attempts to load a part that had changed", metrics.reloads.clone());
        registry.register("part_ok", "Whether a part is served as it is on disk", metrics.loaded.clone());
        registry.register(
            "bundles_ignored",
            "Bundles that Workload APIs gave for trust domains that are not listed",
            metrics.bundles_ignored.clone(),
        );
        metrics.bundles.register(&mut registry);
        metrics.store.register(&mut registry);
        metrics.spans.register(&mut registry);
        registry.register("audit_records", "Records on disk", metrics.audit_records.clone());
        registry.register(
            "audit_lost",
            "Denials that found no place in the log since it last said so",
            metrics.audit_lost.clone(),
        );
        registry.register("audit_broken", "Whether the log cannot be written", metrics.audit_broken.clone());
        registry.register("in_flight", "Checks under way", metrics.in_flight.clone());
        registry.register("connections", "Open connections", metrics.connections.clone());
        registry.register("ready", "Whether Checks are decided", metrics.ready.clone());
        registry.register("clock_steps", "Steps of the wall clock", metrics.clock_steps.clone());
        registry.register(
            "policy_evaluator_fallbacks",
            "Policies whose evaluators differed, so that only the interpreter was asked from then on",
            metrics.policy_fallbacks.clone(),
        );
        Self { registry, ..metrics }
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
        self.askers_refused.inc();
    }

    /// Counts a connection beyond the bound.
    pub fn connection_refused(&self) {
        self.connections_refused.inc();
    }

    /// Counts an attempt to load a part.
    pub fn reloaded(&self, part: Part, ok: bool) {
        let outcome = if ok { "ok" } else { "failed" };
        self.reloads.get_or_create(&ReloadLabels { part: part.as_str(), outcome }).inc();
        self.loaded.get_or_create(&PartLabels { part: part.as_str() }).set(i64::from(ok));
    }

    /// Tells how many bundles were ignored so far.
    pub fn bundles_ignored(&self, so_far: u64) {
        self.bundles_ignored.inc_by(so_far.saturating_sub(self.bundles_ignored.get()));
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
        self.bundles.tell(statuses);
    }

    /// All metrics, in the OpenMetrics text format.
    ///
    /// # Errors
    /// If the text cannot be written.
    pub fn scrape(&self, readings: &Readings) -> Result<String, fmt::Error> {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.in_flight.set(number(readings.in_flight));
        self.connections.set(number(readings.connections));
        self.ready.set(i64::from(readings.ready));
        self.audit_broken.set(i64::from(readings.audit_broken));
        self.audit_lost.set(i64::try_from(readings.audit_lost).unwrap_or(i64::MAX));
        self.audit_records.inc_by(readings.audit_records.saturating_sub(self.audit_records.get()));
        self.policy_fallbacks.inc_by(readings.policy_fallbacks.saturating_sub(self.policy_fallbacks.get()));
        let Steps { backward, forward, returned } = readings.clock;
        for (direction, count) in [("backward", backward), ("forward", forward), ("returned", returned)] {
            self.clock_steps.get_or_create(&StepLabels { direction }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let Modes { proof, ceiling, policy } = readings.modes;
        for (layer, mode) in [("proof", proof), ("ceiling", ceiling), ("policy", policy)] {
            for each in [Mode::Skip, Mode::Observe, Mode::Enforce] {
                let labels = ModeLabels { layer, mode: each.as_str() };
                self.modes.get_or_create(&labels).set(i64::from(each == mode));
            }
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
