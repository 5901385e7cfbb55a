//! Policies as verbs are told them: paths, or what a configuration names and this machine holds.

use std::path::PathBuf;

use crate::{
    bundle::Limits,
    clock::Clock,
    config::{Config, PolicyFrom},
    policy::{Loading, Source},
    reload::read_paths,
    yaml::{Problem, Problems},
};

/// The policy in `paths`. Decision tables are passed over.
///
/// # Errors
/// Everything that cannot be read.
pub(super) fn source(paths: &[PathBuf]) -> Result<Source, Problems> {
    if paths.is_empty() {
        return Err(Problem::of_file(
            "policy",
            "name the policy's files or directory, or a configuration with `--config`",
        )
        .into());
    }
    let ignore = ["*_cases.yaml", "*_cases.yml"].map(str::to_owned);
    let loading = Loading {
        ignore: &ignore,
        as_bundles: false,
        limits: &Limits::default(),
        verification: None,
        now: Clock::default().now(),
    };
    Source::of_paths(paths, &loading)
}

/// The policy that a configuration names; none if it names none.
///
/// # Errors
/// Everything that cannot be read, and a bundle that is on a server.
pub(super) fn configured(config: &Config) -> Result<Option<Source>, Problems> {
    let Some(policy) = &config.policy else { return Ok(None) };
    match &policy.from {
        PolicyFrom::Paths(paths) => read_paths(paths, Clock::default().now()).map(Some),
        PolicyFrom::Directory(directory) => Source::read(directory, config.limits.policy_bytes as u64).map(Some),
        PolicyFrom::Bundles(subscriptions) => {
            let mut bundles = Vec::new();
            for subscription in subscriptions {
                let Some(bundle) = subscription.read_here(Clock::default().now())? else {
                    let message = format!(
                        "policy.bundle: it is on {}, and nothing is fetched here: name a copy in a file",
                        subscription.origin
                    );
                    return Err(Problem::of_file(&config.name(), message).into());
                };
                bundles.push(bundle);
            }
            Source::of_bundles(&bundles).map(Some)
        }
    }
}
