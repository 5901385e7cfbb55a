//! What the recipes are: their files, and how each is spoken to.

use std::{fs, path::Path};

/// One folder of `deploy/k8s/examples`.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) name: &'static str,
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
        fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
    }
}

/// Who may call in every recipe.
pub(super) const FRONTEND: &str = "spiffe://prod.internal/ns/shop/sa/frontend";
/// A workload of the same mesh that nothing is granted to.
pub(super) const STRANGER: &str = "spiffe://prod.internal/ns/shop/sa/stranger";
/// The trust domain of all of them.
pub(super) const TRUST_DOMAIN: &str = "prod.internal";
const PAYMENTS: &str = "spiffe://prod.internal/ns/shop/sa/payments";

pub(super) const RECIPES: [Recipe; 5] = [
    Recipe {
        name: "plain-envoy",
        this: PAYMENTS,
        assurance: "verified",
        listener: "inbound",
        way: Way::Tls,
        host: "payments.shop",
        patience: " timeout: 0.25s",
    },
    Recipe {
        name: "envoy-spire",
        this: PAYMENTS,
        assurance: "verified",
        listener: "inbound",
        way: Way::Tls,
        host: "payments.shop",
        patience: " timeout: 0.25s",
    },
    Recipe {
        name: "istio-sidecar",
        this: PAYMENTS,
        assurance: "verified",
        listener: "inbound",
        way: Way::Tls,
        host: "payments.shop",
        patience: " timeout: 0.25s",
    },
    Recipe {
        name: "istio-ambient",
        this: "spiffe://prod.internal/ns/shop/sa/payments-waypoint",
        assurance: "asserted",
        listener: "connect_terminate",
        way: Way::Tunnel("10.96.0.20:8080"),
        host: "payments.shop",
        patience: " timeout: 0.25s",
    },
    Recipe {
        name: "envoy-gateway",
        this: "spiffe://prod.internal/ns/envoy-gateway-system/sa/payments-gateway",
        assurance: "verified",
        listener: "envoy-gateway-system/payments/https",
        way: Way::Tls,
        host: "payments.prod.internal",
        patience: " timeout: 0.250s",
    },
];
