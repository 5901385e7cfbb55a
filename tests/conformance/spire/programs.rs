//! The programs of SPIRE: where they are, and what they say when they are asked once.

use std::{env, ffi::OsStr, path::PathBuf, process::Stdio, sync::LazyLock, time::Duration};

use tokio::{process::Command, time::timeout};

/// The directory of `spire-server` and `spire-agent`.
static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = env::var_os("SPIRE_BIN").map(PathBuf::from);
    directory.expect("`make conformance` builds SPIRE; otherwise name the directory of its programs in SPIRE_BIN")
});

/// A program of SPIRE.
#[derive(Clone, Copy, Debug)]
pub(super) enum Program {
    Server,
    Agent,
}

impl Program {
    /// A command that runs it.
    pub(super) fn command(self) -> Command {
        let name = match self {
            Self::Server => "spire-server",
            Self::Agent => "spire-agent",
        };
        Command::new(DIRECTORY.join(name))
    }

    /// Runs it to its end; what it wrote, or why it could not do what it was asked.
    pub(super) async fn try_ask(self, words: &[impl AsRef<OsStr>]) -> Result<String, String> {
        let mut command = self.command();
        command.args(words).stdin(Stdio::null()).kill_on_drop(true);
        let output = timeout(PATIENCE, command.output()).await.expect("an answer").unwrap();
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(said(&output.stdout));
        }
        Err(format!("{command:?}: {}\n{}{}", output.status, said(&output.stdout), said(&output.stderr)))
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
