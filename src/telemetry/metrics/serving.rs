//! Serving in numbers: who came, what is under way, what it is bounded by, and by what is decided.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

use super::{Optional, catch_up, number, seconds};
use crate::{
    clock::Steps,
    decision::{Mode, Modes},
    telemetry::{CacheReadings, Fill, Readings},
};

/// What is told of serving.
#[derive(Debug, Default)]
pub(super) struct Serving {
    pub(super) askers_refused: Counter,
    pub(super) connections_refused: Counter,
    ready: Gauge,
    in_flight: Filled,
    connections: Filled,
    one_time: Filled,
    modes: Family<ModeLabels, Gauge>,
    evaluator: Family<EvaluatorLabels, Gauge>,
    fallbacks: Counter,
    clock_steps: Family<StepLabels, Counter>,
    lookups: Family<LookupLabels, Counter>,
    svid_begin: Optional,
    svid_end: Optional,
}

/// How full something is.
#[derive(Debug, Default)]
pub(super) struct Filled {
    is: Gauge,
    limit: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModeLabels {
    layer: &'static str,
    mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EvaluatorLabels {
    evaluator: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    direction: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookupLabels {
    cache: &'static str,
    outcome: &'static str,
}

impl Filled {
    pub(super) fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.is.clone());
        registry.register(format!("{name}_limit"), format!("{help}, at most"), self.limit.clone());
    }

    pub(super) fn tell(&self, fill: Fill) {
        self.is.set(number(fill.is));
        self.limit.set(number(fill.most));
    }
}

impl Serving {
    pub(super) fn register(&self, registry: &mut Registry) {
        let build = [("version", env!("CARGO_PKG_VERSION")), ("arch", std::env::consts::ARCH)];
        registry.register("build", "The program that runs", Info::new(build.to_vec()));
        registry.register("ready", "Whether Checks are decided", self.ready.clone());
        self.in_flight.register(registry, "in_flight", "Checks under way");
        self.connections.register(registry, "connections", "Open connections");
        self.one_time.register(registry, "one_time_tokens", "One-time tokens that are remembered as spent");
        registry.register("askers_refused", "Connections of somebody who may not ask", self.askers_refused.clone());
        registry.register("connections_refused", "Connections beyond the bound", self.connections_refused.clone());
        registry.register("mode", "How each layer is enforced", self.modes.clone());
        registry.register("policy_evaluator", "What evaluates the policy in use", self.evaluator.clone());
        registry.register(
            "policy_evaluator_fallbacks",
            "Policies whose evaluators differed, so that only the interpreter was asked from then on",
            self.fallbacks.clone(),
        );
        registry.register("clock_steps", "Steps of the wall clock", self.clock_steps.clone());
        registry.register("cache_lookups", "What is remembered of SVIDs and tokens, when asked", self.lookups.clone());
        registry.register(
            "svid_begin_timestamp_seconds",
            "When the SVID begins that is shown to those who ask over mutual TLS, in seconds since the epoch",
            self.svid_begin.clone(),
        );
        registry.register("svid_end_timestamp_seconds", "When it ends; zero if there is none", self.svid_end.clone());
    }

    pub(super) fn read(&self, readings: &Readings) {
        self.ready.set(i64::from(readings.ready));
        self.in_flight.tell(readings.in_flight);
        self.connections.tell(readings.connections);
        self.one_time.tell(readings.one_time);
        catch_up(&self.fallbacks, readings.policy_fallbacks);
        for evaluator in EVALUATORS {
            let is_used = readings.evaluator == Some(evaluator);
            self.evaluator.get_or_create(&EvaluatorLabels { evaluator }).set(i64::from(is_used));
        }
        let Steps { backward, forward, returned } = readings.clock;
        for (direction, count) in [("backward", backward), ("forward", forward), ("returned", returned)] {
            catch_up(&self.clock_steps.get_or_create(&StepLabels { direction }), count);
        }
        let Modes { proof, ceiling, policy } = readings.modes;
        for (layer, mode) in [("proof", proof), ("ceiling", ceiling), ("policy", policy)] {
            for each in [Mode::Skip, Mode::Observe, Mode::Enforce] {
                let labels = ModeLabels { layer, mode: each.as_str() };
                self.modes.get_or_create(&labels).set(i64::from(each == mode));
            }
        }
        for (cache, CacheReadings { hits, misses }) in [("svid", readings.svids), ("token", readings.tokens)] {
            for (outcome, count) in [("hit", hits), ("miss", misses)] {
                catch_up(&self.lookups.get_or_create(&LookupLabels { cache, outcome }), count);
            }
        }
        self.svid_begin.set(readings.svid.map(|(begin, _)| seconds(begin.nanos())));
        self.svid_end.set(readings.svid.map(|(_, end)| seconds(end.nanos())));
    }
}

const EVALUATORS: [&str; 2] = ["interpreter", "vm"];
