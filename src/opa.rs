//! OPA's command line and configuration file, read for who moves over from the OPA-Envoy plugin: what counts becomes Hopguard's own
//! configuration, what would change answers and is not there is an error, and what has no effect is named.

mod overrides;
mod settings;
mod start;
mod tree;

pub use self::{
    overrides::{Override, OverrideError},
    settings::{BundleSettings, Credentials, Key, Notice, Plugin, Polling, Service, Settings, Signing},
    start::{Flags, address, config},
    tree::Tree,
};
