//! Hopguard decides every hop between workloads.

pub mod app;
pub mod audience;
pub mod audit;
pub mod authorizer;
pub mod cli;
pub mod clock;
pub mod config;
pub mod decision;
pub mod dev;
pub mod grant;
mod hex;
pub mod hop;
pub mod pb;
pub mod peer;
pub mod policy;
pub mod purpose;
pub mod reload;
pub mod response;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod trust;
pub mod yaml;
