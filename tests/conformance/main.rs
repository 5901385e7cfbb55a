//! Hopguard beside real SPIRE and real Envoy: what it proves is what SPIRE issues, before, while and after it rotates.
//!
//! `make conformance` builds SPIRE and runs this; `SPIRE_BIN` names another one. Each scenario has trust domains of its own, on free ports of
//! loopback, so that what one does to its authorities is no other's matter.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "../it/harness/answer.rs"]
#[allow(dead_code, reason = "the other tests look closer at an answer")]
mod answer;
#[path = "../it/harness/until.rs"]
mod until;

mod child;
mod folder;
mod gate;
mod guard;
mod scene;
mod spire;
mod svid;
mod tls;
mod traffic;

mod facts;
mod federation;
mod listener;
mod outage;
mod peers;
mod plugin;
mod rotation;
mod shipped;
mod tokens;
