//! Hopguard beside real OPA: what OPA denies, Hopguard denies, over policies and requests that nobody chose.
//!
//! `OPA_BIN` names OPA 1.22, else `opa` is looked for where programs are. `DECISIONS` says how many decisions are compared, and `SEED` which:
//! a difference names its seed, and is shown with the fewest rules and conditions that still make it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "OPA goes by the wall clock")]

mod author;
mod bundles;
mod checks;
mod draw;
mod generated;
mod judges;
#[path = "../oracle/opa.rs"]
#[allow(dead_code, reason = "other tests ask one question at a time")]
mod opa;
mod policy;
mod requests;
mod tally;
mod tutorials;
#[path = "../it/harness/until.rs"]
mod until;
mod words;
