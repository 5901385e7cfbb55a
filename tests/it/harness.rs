//! A Hopguard of its own for each test, and what is said to it, in the words of the domain.

mod answer;
mod asker;
pub(crate) mod chain;
mod collector;
mod desk;
mod documents;
mod guard;
mod hop;
mod loaded;
mod setup;
mod until;
mod wire;
mod world;

pub(crate) use self::{
    answer::Answer,
    asker::Asker,
    collector::{Collector, Mood, Told},
    desk::{Desk, Key},
    documents::{Grant, fact, revocation, workload},
    guard::Guard,
    hop::{Hop, envoy_pem},
    loaded::Loaded,
    setup::{Setup, authority, mint},
    until::until,
    wire::{Call, Wire, framed},
    world::{
        ABSENT, ALONE, FOR_ALICE, FRIEND, FRIENDLY, LOGIN, LOGIN_ISSUER, NOBODY, OWN, SIGNED, World, bundle, changed,
        oidc,
    },
};

/// The trust domain.
pub(crate) const TRUST_DOMAIN: &str = "prod.example";
/// The workload that Hopguard stands beside.
pub(crate) const PAYMENTS: &str = "spiffe://prod.example/ns/shop/sa/payments";
/// The workload that calls it.
pub(crate) const FRONTEND: &str = "spiffe://prod.example/ns/shop/sa/frontend";
/// A workload that nothing is granted to.
pub(crate) const STRANGER: &str = "spiffe://prod.example/ns/shop/sa/stranger";

/// Where Envoy asks.
pub(crate) const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
