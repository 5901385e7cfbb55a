//! Hopguard beside real OPA: what one says that an expression is, so does the other.
//!
//! `OPA_BIN` names OPA 1.22, else `opa` is looked for where programs are. Each test asks both the same questions and lists what differs on
//! purpose.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod builtins;
mod dice;
mod opa;
mod question;

mod certificates;
mod hashes;
mod text;
mod tokens;
