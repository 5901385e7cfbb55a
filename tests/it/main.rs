//! Everything that is tested from outside the crate, in one binary.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod answers;
mod approval;
mod audit;
mod bundles;
mod captures;
mod connections;
mod delegation;
mod envoy;
mod envoy_config;
mod frames;
mod grants_cli;
mod harness;
mod hostile_grants;
mod hostile_policy;
mod metrics;
mod modes;
mod mtls;
mod one_time;
mod peers;
mod playground;
mod proto;
mod readme;
mod reload;
mod reports;
mod revocation_lag;
mod road;
mod runaway;
mod shutdown;
mod store_bundle;
mod store_documents;
mod store_signers;
mod tokens;
mod traces;
mod trust;
mod verbs;
mod workload_api;
