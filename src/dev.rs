//! The local playground: real Envoys and Hopguards in a throwaway trust domain, with no root, container or network.
//!
//! `hopguard dev` is a [`Playground`] in a [`Folder`]; tests build the same parts one by one: an [`Authority`] mints an
//! [`Svid`] for each workload, an [`Upstream`] stands behind an [`envoy::Envoy`] that asks a [`Sidecar`], and a
//! [`Caller`] comes in through it and reads the [`Answer`].

pub mod ask;
pub mod envoy;
pub mod script;

mod authority;
mod bundle_endpoint;
mod call;
mod client;
mod error;
mod files;
mod folder;
mod hint;
mod issuer;
mod playground;
mod process;
mod sidecar;
mod upstream;
mod workload_api;

pub use self::{
    authority::{Authority, Svid},
    bundle_endpoint::{BundleEndpoint, Credentials, Reply, WebAuthority},
    call::{ALLOWED, Answer, Call, Denied, Verdict},
    client::{Caller, Connection},
    error::Error,
    folder::{Folder, TRUST_DOMAIN, WORKLOADS, spiffe_id},
    hint::hint,
    issuer::TokenIssuer,
    playground::{Place, Playground, Programs, RENEW_EVERY, Record},
    process::Process,
    sidecar::Sidecar,
    upstream::{Echo, Upstream},
    workload_api::WorkloadApi,
};
