//! Decisions in numbers: how many, how they went, and how long each stage took. Counting one waits for nobody, also while it is read.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::Histogram;
use crate::{
    decision::{Layer, Reason, Stage},
    telemetry::Stopwatch,
};

/// What is told of decisions.
#[derive(Debug)]
pub(super) struct Decisions {
    allowed: Counter,
    /// In the order of [`Reason::ALL`], so that counting a denial is an index and not a look-up.
    denied: Vec<Counter>,
    /// Also what was let through although a layer that only watches would have denied it: absent where none does.
    let_through: Vec<Option<Counter>>,
    all: Family<Labels, Counter>,
    seconds: Histogram,
    /// In the order of [`Stage::ALL`].
    stages: Vec<Histogram>,
    by_stage: Family<StageLabels, Histogram, fn() -> Histogram>,
    pub(super) break_glass: Counter,
    pub(super) panics: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    answered: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    stage: &'static str,
}

impl Default for Decisions {
    fn default() -> Self {
        let all = Family::<Labels, Counter>::default();
        let counter = |answered, reason| all.get_or_create(&Labels { answered, reason }).clone();
        let stage: fn() -> Histogram = || Histogram::new(STAGE);
        let by_stage = Family::new_with_constructor(stage);
        let histogram = |stage: Stage| by_stage.get_or_create(&StageLabels { stage: stage.as_str() }).clone();
        Self {
            allowed: counter("allow", "none"),
            denied: Reason::ALL.iter().map(|reason| counter("deny", reason.as_str())).collect(),
            let_through: Reason::ALL
                .iter()
                .map(|reason| is_observable(*reason).then(|| counter("allow", reason.as_str())))
                .collect(),
            stages: Stage::ALL.into_iter().map(histogram).collect(),
            by_stage,
            all,
            seconds: Histogram::new(DECISION),
            break_glass: Counter::default(),
            panics: Counter::default(),
        }
    }
}

/// Whether a layer, or the strictness of hops, can let through what this denies.
fn is_observable(reason: Reason) -> bool {
    reason == Reason::HopAmbiguous
        || [Layer::Proof, Layer::Ceiling, Layer::Policy].into_iter().any(|layer| layer.owns(reason))
}

impl Decisions {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("decisions", "Answers to Checks, by reason", self.all.clone());
        registry.register("decision_seconds", "From a Check's first byte to its answer", self.seconds.clone());
        registry.register("stage_seconds", "Time spent in each stage of answering a Check", self.by_stage.clone());
        registry.register("break_glass", "Allows under a break-glass grant", self.break_glass.clone());
        registry.register("panics", "Checks that panicked and were denied", self.panics.clone());
    }

    pub(super) fn count(&self, permit: bool, reason: Option<Reason>, elapsed: Duration) {
        let at = |reason: Reason| reason as usize;
        match (permit, reason) {
            (_, None) => {
                self.allowed.inc();
            }
            // The order of declaration is the order of `ALL`.
            (false, Some(reason)) => {
                if let Some(counter) = self.denied.get(at(reason)) {
                    counter.inc();
                }
            }
            (true, Some(reason)) => match self.let_through.get(at(reason)) {
                Some(Some(counter)) => {
                    counter.inc();
                }
                // Nothing lets it through; if anything ever did, it would be counted.
                _ => {
                    self.all.get_or_create(&Labels { answered: "allow", reason: reason.as_str() }).inc();
                }
            },
        }
        self.seconds.observe(elapsed);
    }

    pub(super) fn time(&self, watch: &Stopwatch) {
        for (stage, lap) in watch.laps() {
            if let Some(histogram) = self.stages.get(stage as usize) {
                histogram.observe(lap.length);
            }
        }
    }
}

const DECISION: &[f64] = &[0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.25, 1.0];
/// A stage that only looks something up takes a few microseconds, a policy up to its timeout.
const STAGE: &[f64] =
    &[0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Laps;

    #[test]
    fn each_reason_has_its_own_counter() {
        let decisions = Decisions::default();
        for reason in Reason::ALL {
            decisions.count(false, Some(reason), Duration::ZERO);
        }
        assert!(decisions.denied.iter().all(|counter| counter.get() == 1));
        assert_eq!(decisions.allowed.get(), 0);
    }

    #[test]
    fn what_is_let_through_is_no_denial() {
        let decisions = Decisions::default();
        for reason in [Reason::PeerExpired, Reason::Revoked] {
            decisions.count(true, Some(reason), Duration::ZERO);
            let labels = Labels { answered: "allow", reason: reason.as_str() };
            assert_eq!(decisions.all.get_or_create(&labels).get(), 1, "{labels:?}");
        }
        assert!(decisions.denied.iter().all(|counter| counter.get() == 0));
        assert_eq!(decisions.allowed.get(), 0);
    }

    #[test]
    fn a_stage_that_was_not_reached_is_not_timed() {
        let decisions = Decisions::default();
        let mut registry = Registry::default();
        decisions.register(&mut registry);
        let mut watch = Stopwatch::start();
        watch.enter(Stage::Hop);
        watch.stop();
        decisions.time(&watch);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("stage_seconds_count{stage=\"hop\"} 1\n"), "{text}");
        assert!(text.contains("stage_seconds_count{stage=\"policy\"} 0\n"), "it is there from the start: {text}");
    }
}
