//! A program that ends with its owner, whether the test went well or not.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child as Running, Command};

/// A running program, and where it logs to.
#[derive(Debug)]
pub(crate) struct Child {
    running: Running,
    log: PathBuf,
}

impl Child {
    /// Starts a program; what it says is added to `log`. It is of this test's process group, so that whoever ends that ends it too.
    pub(crate) fn start(mut command: Command, log: &Path) -> Self {
        let out = File::options().create(true).append(true).open(log).unwrap();
        let err = out.try_clone().unwrap();
        command.stdin(Stdio::null()).stdout(out).stderr(err).kill_on_drop(true);
        let running = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { running, log: log.to_owned() }
    }

    /// Whether it runs no more.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.running.try_wait().unwrap().is_some()
    }

    /// What it said.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it without asking.
    pub(crate) async fn kill(mut self) {
        self.running.kill().await.unwrap();
    }

    fn signal(&self, signal: Signal) {
        // INVARIANT: a child not yet waited for keeps its number.
        if let Some(id) = self.running.id() {
            let _ = kill_process(Pid::from_raw(id.try_into().unwrap()).unwrap(), signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let end = Instant::now() + GRACE;
        while matches!(self.running.try_wait(), Ok(None)) && Instant::now() < end {
            thread::sleep(PAUSE);
        }
        // What is left is killed with it.
    }
}

const GRACE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);
