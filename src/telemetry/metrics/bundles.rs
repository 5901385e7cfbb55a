//! Policy bundles in numbers, by the names that the configuration gives them: one that is gone is no longer told of.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::catch_up;
use crate::{
    clock::Timestamp,
    feed::bundle::{Stage, Status},
};

/// What is told of policy bundles.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    ok: Family<Labels, Gauge>,
    activations: Family<Labels, Counter>,
    failures: Family<FailureLabels, Counter>,
    last_success: Family<Labels, Gauge>,
    last_activation: Family<Labels, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    bundle: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    bundle: String,
    stage: &'static str,
}

impl Bundles {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("bundle_ok", "Whether a bundle is served as its source gives it", self.ok.clone());
        registry.register("bundle_activations", "Bundles that became active", self.activations.clone());
        registry.register("bundle_failures", "Bundles that did not become active, by stage", self.failures.clone());
        registry.register(
            "bundle_last_success_timestamp_seconds",
            "When a bundle's source was last heard, in seconds since the epoch",
            self.last_success.clone(),
        );
        registry.register(
            "bundle_last_activation_timestamp_seconds",
            "When a bundle last became active, in seconds since the epoch",
            self.last_activation.clone(),
        );
    }

    pub(super) fn tell(&self, statuses: &[Status]) {
        self.ok.clear();
        self.last_success.clear();
        self.last_activation.clear();
        for status in statuses {
            let labels = Labels { bundle: status.name.clone() };
            let is_ok = status.failure.is_none() && status.digest.is_some();
            self.ok.get_or_create(&labels).set(i64::from(is_ok));
            let seconds = |time: Option<Timestamp>| time.map_or(0, Timestamp::seconds);
            self.last_success.get_or_create(&labels).set(seconds(status.heard));
            self.last_activation.get_or_create(&labels).set(seconds(status.activated));
            catch_up(&self.activations.get_or_create(&labels), status.counts.activated);
            for stage in Stage::ALL {
                let labels = FailureLabels { bundle: status.name.clone(), stage: stage.as_str() };
                // One that is another one under the same name counts from zero again, which a counter must not.
                catch_up(&self.failures.get_or_create(&labels), status.counts.failed(stage));
            }
        }
    }
}
