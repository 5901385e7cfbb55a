//! Hopguard behind a real Envoy: what gets through, what does not, and what is left behind of each answer.
//!
//! Bytes are written by hand, so that no client repairs them, and counted by a workload that reads them as they come.

mod ambiguity;
mod answers;
mod client;
mod denials;
mod door;
mod echo;
mod files;
mod headers;
mod leaf;
mod live;
mod mutual;
mod outage;
mod peers;
mod protocols;
mod recipes;
mod recorder;
mod scene;
mod shipped;
mod story;
mod streams;
mod tokens;
mod traces;
mod validate;

use std::{env, future::Future, path::PathBuf, sync::LazyLock};

use hopguard::dev::envoy::{self, Search};
use tokio::runtime::Runtime;

pub(crate) use self::{
    leaf::Authorities,
    validate::{rendered, validated},
};

/// The Envoy of every test: a machine without one fails them, and says how to get it.
pub(crate) static ENVOY: LazyLock<PathBuf> = LazyLock::new(|| {
    let near = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
    let search = Search { named: env::var_os("ENVOY_BIN"), path: env::var_os("PATH"), near };
    envoy::find(&search).unwrap_or_else(|error| panic!("{error}"))
});

/// One runtime for all tests here, driven by whichever runs: what one test has started, another may still use when the first is over.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());

fn run(test: impl Future<Output = ()>) {
    RUNTIME.block_on(test);
}
