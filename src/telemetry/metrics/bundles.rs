//! Policy bundles in numbers, by the names that the configuration gives them: one that is gone is no longer told of.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

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
        registry.register("bundle_ok", "Whether a policy bundle is served as its source gives it", self.ok.clone());
        registry.register("bundle_activations", "Policy bundles that became active", self.activations.clone());
        registry.register("bundle_failures", "Policy bundles that did not, by stage", self.failures.clone());
        registry.register(
            "bundle_last_success_seconds",
            "When a policy bundle's source was last heard, in seconds since the epoch",
            self.last_success.clone(),
        );
        registry.register(
            "bundle_last_activation_seconds",
            "When a policy bundle last became active, in seconds since the epoch",
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
                catch_up(&self.failures.get_or_create(&labels), status.counts.failed(stage));
            }
        }
    }
}

/// A bundle that is another one under the same name counts from zero again, which a counter must not.
fn catch_up(counter: &Counter, so_far: u64) {
    counter.inc_by(so_far.saturating_sub(counter.get()));
}
