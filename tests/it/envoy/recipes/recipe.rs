//! What the recipes are: their files, and how each is spoken to.

use std::{fs, path::Path};

/// One folder of `deploy/k8s/examples`, as it is or with what may be added to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recipe {
    pub(super) name: &'static str,
    /// What `envoyfilter.yaml` makes of `envoy.yaml`, where it is applied.
    pub(super) filter: &'static [(&'static str, &'static str)],
    /// Whom Hopguard stands for there.
    pub(super) this: &'static str,
    /// How firmly it knows its callers there.
    pub(super) assurance: &'static str,
    /// The listener that callers reach.
    pub(super) listener: &'static str,
    pub(super) way: Way,
    /// What callers write into `host`.
    pub(super) host: &'static str,
    /// How Envoy's patience is written there.
    pub(super) patience: &'static str,
}

/// How a request gets to the Envoy that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Over mutual TLS.
    Tls,
    /// Through a tunnel over mutual TLS, to this address.
    Tunnel(&'static str),
}

impl Recipe {
    pub(super) fn named(name: &str) -> &'static Self {
        RECIPES.iter().find(|recipe| recipe.name == name).unwrap()
    }

    /// One of its files.
    pub(super) fn read(&self, name: &str) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/k8s/examples").join(self.name).join(name);
        let text = fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        let rows = if name == "envoy.yaml" { self.filter } else { &[] };
        rows.iter().fold(text, |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        })
    }
}

/// Who may call in every recipe.
pub(super) const FRONTEND: &str = "spiffe://prod.internal/ns/shop/sa/frontend";
/// A workload of the same mesh that nothing is granted to.
pub(super) const STRANGER: &str = "spiffe://prod.internal/ns/shop/sa/stranger";
/// The trust domain of all of them.
pub(super) const TRUST_DOMAIN: &str = "prod.internal";
const PAYMENTS: &str = "spiffe://prod.internal/ns/shop/sa/payments";

/// An Envoy beside the workload that it is for.
const BESIDE: Recipe = Recipe {
    name: "",
    filter: &[],
    this: PAYMENTS,
    assurance: "verified",
    listener: "inbound",
    way: Way::Tls,
    host: "payments.shop",
    patience: " timeout: 0.25s",
};

pub(super) const RECIPES: [Recipe; 6] = [
    Recipe { name: "plain-envoy", ..BESIDE },
    Recipe { name: "envoy-spire", ..BESIDE },
    Recipe { name: "istio-sidecar", ..BESIDE },
    Recipe {
        name: "istio-sidecar",
        filter: &[
            (
                "                      status_on_error: {code: ServiceUnavailable}\n",
                "                      status_on_error: {code: ServiceUnavailable}
                      include_peer_certificate: true
                      encode_raw_headers: true
                      validate_mutations: true\n",
            ),
            (
                "max_stream_duration: {max_stream_duration: 0s, grpc_timeout_header_max: 0s}",
                "max_stream_duration: {max_stream_duration: 900s, grpc_timeout_header_max: 900s}",
            ),
        ],
        ..BESIDE
    },
    Recipe {
        name: "istio-ambient",
        filter: &[],
        this: "spiffe://prod.internal/ns/shop/sa/payments-waypoint",
        assurance: "asserted",
        listener: "connect_terminate",
        way: Way::Tunnel("10.96.0.20:8080"),
        host: "payments.shop",
        patience: " timeout: 0.25s",
    },
    Recipe {
        name: "envoy-gateway",
        filter: &[],
        this: "spiffe://prod.internal/ns/envoy-gateway-system/sa/payments-gateway",
        assurance: "verified",
        listener: "envoy-gateway-system/payments/https",
        way: Way::Tls,
        host: "payments.prod.internal",
        patience: " timeout: 0.250s",
    },
];

/// Recipes in which somebody has set back what proves callers, with the reason for which a forger is refused, and an honest caller, if it is.
pub(super) static WEAKENED: [(Recipe, &str, Option<&str>); 5] = [
    (weakened(2, &[("SANITIZE_SET", "APPEND_FORWARD")]), "peer_conflict", None),
    (weakened(2, &[("SANITIZE_SET", "FORWARD_ONLY")]), "peer_conflict", Some("peer_missing")),
    (weakened(2, &[("cert: true, chain: true", "cert: false, chain: false")]), "peer_invalid", Some("peer_invalid")),
    // Without the annotation a waypoint takes the header off and writes none.
    (
        weakened(4, &[("ALWAYS_FORWARD_ONLY", "SANITIZE"), ("key: x-forwarded-client-cert", "key: x-nobody")]),
        "peer_missing",
        Some("peer_missing"),
    ),
    (weakened(5, &[("SANITIZE_SET", "FORWARD_ONLY")]), "peer_conflict", Some("peer_missing")),
];

const fn weakened(of: usize, filter: &'static [(&'static str, &'static str)]) -> Recipe {
    let Recipe { name, this, assurance, listener, way, host, patience, .. } = RECIPES[of];
    Recipe { name, filter, this, assurance, listener, way, host, patience }
}
