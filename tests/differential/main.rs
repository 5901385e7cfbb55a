//! Hopguard beside real OPA: what OPA denies, Hopguard denies, over policies and requests that nobody chose.
//!
//! `OPA_BIN` names OPA 1.22, else `opa` is looked for where programs are. `DECISIONS` says how many decisions are compared, and `SEED` which:
//! a difference names its seed, and is shown with the fewest rules and conditions that still make it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod author;
mod checks;
mod draw;
mod generated;
mod judges;
#[path = "../oracle/opa.rs"]
mod opa;
mod policy;
mod requests;
mod tally;
mod tutorials;
mod words;
