//! The local playground: a throwaway trust domain whose workloads, Envoys and Hopguards are real, on one machine, with no root, container or network.

pub mod ask;
pub mod envoy;

mod authority;
mod client;
mod error;
mod files;
mod process;
mod upstream;

pub use self::{
    authority::{Authority, Svid},
    client::{Caller, Connection},
    error::Error,
    process::Process,
    upstream::{Echo, Upstream},
};
