//! A shell in a folder of its own, with the program under test within reach.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::envoy::ENVOY;

/// A process group that ends with its test.
pub(super) struct Running<'a> {
    pub(super) child: Child,
    folder: &'a TempDir,
}

impl<'a> Running<'a> {
    pub(super) fn start(folder: &'a TempDir, script: &str) -> Self {
        let mut command = bash(folder.path(), script);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        Self { child: command.spawn().unwrap(), folder }
    }

    pub(super) fn signal(&self, signal: Signal) {
        // INVARIANT: not waited for yet, so the number is still its own.
        let group = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        let _ = kill_process_group(group, signal);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.signal(Signal::TERM);
            let _ = self.child.wait();
        }
        // The shell does not wait for what it has started; a playground takes its record away last.
        let end = Instant::now() + Duration::from_secs(10);
        while self.folder.path().join("shop/run.json").exists() && Instant::now() < end {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Runs a script as somebody types it, with the program under test within reach.
pub(super) fn shell(folder: &Path, script: &str) -> Output {
    bash(folder, script).output().unwrap()
}

fn bash(folder: &Path, script: &str) -> Command {
    let program = Path::new(env!("CARGO_BIN_EXE_hopguard")).parent().unwrap().to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([program].into_iter().chain(env::split_paths(&path))).unwrap();
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]).current_dir(folder).env("PATH", path).env("ENVOY_BIN", &*ENVOY);
    command
}
