//! The process keeps to itself what it holds in memory and what it writes, and may open as many files as its bounds promise.

use std::io;

use rustix::{
    fs::Mode,
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit, umask},
};

use crate::{
    config::Config,
    server::{HANDSHAKES, Listener},
};

/// No core of the process is ever written, nobody of the same user attaches to it, and what it writes is not for others. Called before
/// anything is loaded: keys and tokens are in memory from then on.
///
/// # Errors
/// If the system refuses.
pub(super) fn close() -> io::Result<()> {
    umask(Mode::WGRP | Mode::RWXO);
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Sees to it that there are as many file descriptors as connections may be open, and says so if there cannot be: beyond, nobody gets in.
pub(super) fn make_room(config: &Config) {
    let needed = needed(config.limits.connections, config.limits.workers, &config.listen);
    let have = getrlimit(Resource::Nofile);
    if let Some(raised) = raised(have, needed) {
        // What is short then is said below.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    if let Some(limit) = getrlimit(Resource::Nofile).current.filter(|limit| *limit < needed) {
        tracing::warn!(
            limit,
            needed,
            "Too few files may be open for `limits.connections`: raise the limit, or lower `limits.connections`"
        );
    }
}

/// How many files may be open at once.
fn needed(connections: usize, workers: usize, listen: &[Listener]) -> u64 {
    let strangers =
        if listen.iter().any(|listener| matches!(listener, Listener::Mtls { .. })) { HANDSHAKES } else { 0 };
    let own = workers.saturating_mul(PER_WORKER).saturating_add(OWN);
    u64::try_from(connections.saturating_add(strangers).saturating_add(own)).unwrap_or(u64::MAX)
}

/// The limit as it is to be, if it is too low and may be higher.
fn raised(have: Rlimit, needed: u64) -> Option<Rlimit> {
    let current = have.current.filter(|current| *current < needed)?;
    let goal = have.maximum.map_or(needed, |maximum| maximum.min(needed));
    (goal > current).then_some(Rlimit { current: Some(goal), maximum: have.maximum })
}

/// What a thread that serves waits with.
const PER_WORKER: usize = 8;
/// Listeners, logs, watches, whoever asks the admin plane, feeds, and files that are being loaded.
const OWN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(current: u64, maximum: u64) -> Rlimit {
        Rlimit { current: Some(current), maximum: Some(maximum) }
    }

    #[test]
    fn a_limit_is_raised_as_far_as_it_may_and_never_lowered() {
        assert_eq!(raised(limit(1024, 524_288), 1300), Some(limit(1300, 524_288)));
        assert_eq!(raised(limit(1024, 1100), 1300), Some(limit(1100, 1100)));
        assert_eq!(raised(limit(1024, 1024), 1300), None);
        assert_eq!(raised(limit(4096, 4096), 1300), None);
        let endless = Rlimit { current: None, maximum: None };
        assert_eq!(raised(endless, 1300), None);
        let open = Rlimit { current: Some(10), maximum: None };
        assert_eq!(raised(open, 1300), Some(Rlimit { current: Some(1300), maximum: None }));
    }

    #[test]
    fn whoever_has_yet_to_show_an_svid_needs_a_file_too() {
        let loopback = Listener::Tcp(([127, 0, 0, 1], 0).into());
        let mtls = Listener::Mtls {
            address: ([0, 0, 0, 0], 9443).into(),
            workload_api: crate::trust::Endpoint::parse("unix:/run/agent.sock").unwrap(),
            allow: Vec::new(),
        };
        assert_eq!(needed(1024, 2, std::slice::from_ref(&loopback)), 1024 + 16 + 256);
        assert_eq!(needed(1024, 2, &[loopback, mtls]), 1024 + 1024 + 16 + 256);
        assert_eq!(needed(usize::MAX, 2, &[]), u64::MAX);
    }
}
