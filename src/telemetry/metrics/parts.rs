//! The parts of the snapshot in numbers: whether each is served as it is at its source, and how old the last word of that is.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Optional;
use crate::{clock::Timestamp, telemetry::Part};

/// When what is served was last known to be what there is.
#[derive(Clone, Debug, Default)]
pub struct Freshness {
    /// Each part that there is.
    pub parts: Vec<(Part, Timestamp)>,
    /// How old documents may become before grants cease to count.
    pub store_limit: Option<Duration>,
    /// Each trust domain that is configured.
    pub trust: Vec<TrustFreshness>,
    /// The keys of each issuer that is no trust domain.
    pub issuers: Vec<(String, Timestamp)>,
}

/// How one trust domain's bundle stands.
#[derive(Clone, Debug)]
pub struct TrustFreshness {
    /// Its name.
    pub trust_domain: String,
    /// When its source last stood by it.
    pub confirmed: Timestamp,
    /// How old that may become before it is relied on no more.
    pub limit: Duration,
    /// When the last of its anchors to end begins and ends; absent, if there is none.
    pub last_anchor: Option<(Timestamp, Timestamp)>,
}

/// What is told of parts.
#[derive(Debug, Default)]
pub(super) struct Parts {
    reloads: Family<ReloadLabels, Counter>,
    ok: Family<PartLabels, Gauge>,
    age: Family<PartLabels, Seconds>,
    store_limit: Optional,
    trust_age: Family<TrustLabels, Seconds>,
    trust_limit: Family<TrustLabels, Seconds>,
    trust_begin: Family<TrustLabels, Gauge>,
    trust_end: Family<TrustLabels, Gauge>,
    issuer_age: Family<IssuerLabels, Seconds>,
    pub(super) bundles_ignored: Counter,
}

type Seconds = Gauge<f64, AtomicU64>;

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
struct TrustLabels {
    trust_domain: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IssuerLabels {
    issuer: String,
}

impl Parts {
    pub(super) fn register(&self, registry: &mut Registry) {
        for part in Part::ALL {
            for outcome in ["ok", "failed"] {
                drop(self.reloads.get_or_create(&ReloadLabels { part: part.as_str(), outcome }));
            }
        }
        registry.register("reloads", "Attempts to load a part that had changed", self.reloads.clone());
        registry.register("part_ok", "Whether a part is served as it is on disk", self.ok.clone());
        registry.register(
            "snapshot_age_seconds",
            "Since what is served of a part was last known to be what there is; a bundle of documents ages from its signature on",
            self.age.clone(),
        );
        registry.register(
            "store_age_limit_seconds",
            "The age of documents from which on grants do not count",
            self.store_limit.clone(),
        );
        registry.register(
            "trust_age_seconds",
            "Since the source of a trust domain's bundle last stood by it",
            self.trust_age.clone(),
        );
        registry.register(
            "trust_age_limit_seconds",
            "The age from which on a trust domain's bundle is not relied on",
            self.trust_limit.clone(),
        );
        registry.register(
            "trust_begin_timestamp_seconds",
            "When that anchor of a trust domain begins that ends last, in seconds since the epoch; zero if it has none",
            self.trust_begin.clone(),
        );
        registry.register(
            "trust_end_timestamp_seconds",
            "When that anchor ends, and with it all trust in the domain, in seconds since the epoch; zero if it has none",
            self.trust_end.clone(),
        );
        registry.register(
            "issuer_keys_age_seconds",
            "Since the source of an issuer's keys last stood by them",
            self.issuer_age.clone(),
        );
        registry.register(
            "bundles_ignored",
            "Bundles that Workload APIs gave for trust domains that are not listed",
            self.bundles_ignored.clone(),
        );
    }

    pub(super) fn reloaded(&self, part: Part, ok: bool) {
        let outcome = if ok { "ok" } else { "failed" };
        self.reloads.get_or_create(&ReloadLabels { part: part.as_str(), outcome }).inc();
        self.ok.get_or_create(&PartLabels { part: part.as_str() }).set(i64::from(ok));
    }

    /// What is not configured any more is not told of any more.
    pub(super) fn read(&self, freshness: &Freshness, now: Timestamp) {
        self.age.clear();
        self.trust_age.clear();
        self.trust_limit.clear();
        self.trust_begin.clear();
        self.trust_end.clear();
        self.issuer_age.clear();
        let age = |confirmed: Timestamp| now.since(confirmed).as_secs_f64();
        for (part, confirmed) in &freshness.parts {
            self.age.get_or_create(&PartLabels { part: part.as_str() }).set(age(*confirmed));
        }
        self.store_limit.set(freshness.store_limit.map(|limit| limit.as_secs_f64()));
        for trust in &freshness.trust {
            let labels = TrustLabels { trust_domain: trust.trust_domain.clone() };
            self.trust_age.get_or_create(&labels).set(age(trust.confirmed));
            self.trust_limit.get_or_create(&labels).set(trust.limit.as_secs_f64());
            let (begin, end) = trust.last_anchor.map_or((0, 0), |(begin, end)| (begin.seconds(), end.seconds()));
            self.trust_begin.get_or_create(&labels).set(begin);
            self.trust_end.get_or_create(&labels).set(end);
        }
        for (issuer, confirmed) in &freshness.issuers {
            self.issuer_age.get_or_create(&IssuerLabels { issuer: issuer.clone() }).set(age(*confirmed));
        }
    }
}
