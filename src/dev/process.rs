//! A child process that does not outlive its owner: asked to stop by its own pid, then made to.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::Error;

/// A running child process and where it logs to.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts `command` with its output in `log`, in a process group of its own: a ctrl-c reaches its owner alone.
    pub fn spawn(name: impl Into<String>, mut command: Command, log: impl Into<PathBuf>) -> Result<Self, Error> {
        let (name, log) = (name.into(), log.into());
        let out = File::create(&log).map_err(Error::file("write", &log))?;
        let err = out.try_clone().map_err(Error::file("write", &log))?;
        command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0).kill_on_drop(true);
        match command.spawn() {
            Ok(child) => Ok(Self { name, log, child }),
            Err(source) => Err(Error::Spawn { name, program: command.as_std().get_program().into(), source }),
        }
    }

    /// The process id; nothing once the process was seen to have ended.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Where the process logs to.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Sends `signal` to this process; one that has ended is left alone.
    pub fn signal(&self, signal: Signal) {
        // INVARIANT: the pid is that of a child not yet waited for, so it cannot have been given to another process.
        if let Some(pid) = self.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
            // A child that is just ending needs no signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// Stops the process and waits for its end: SIGTERM, and SIGKILL for one that takes longer than `grace`.
    pub async fn stop(mut self, grace: Duration) {
        self.signal(Signal::TERM);
        if tokio::time::timeout(grace, self.child.wait()).await.is_err() {
            // It may have ended in between.
            let _ = self.child.kill().await;
        }
    }

    /// Asks `probe` until it answers, as long as the process lives and `READY_WITHIN` lasts.
    pub(super) async fn until<T, F>(&mut self, mut probe: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Option<T>>,
    {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Some(found) = probe().await {
                return Ok(found);
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.not_ready(format!("ended ({status}) instead of getting ready")));
            }
            if Instant::now() > deadline {
                return Err(self.not_ready(format!("was not ready within {} s", READY_WITHIN.as_secs())));
            }
            tokio::time::sleep(PROBE_EVERY).await;
        }
    }

    fn not_ready(&self, why: String) -> Error {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n");
        Error::NotReady { name: self.name.clone(), why, log: self.log.clone(), tail }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + DROP_GRACE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(PROBE_EVERY);
        }
        // What is left now is killed when `child` is dropped.
    }
}

const READY_WITHIN: Duration = Duration::from_secs(20);
const PROBE_EVERY: Duration = Duration::from_millis(5);
const DROP_GRACE: Duration = Duration::from_millis(500);
const TAIL: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, log: &Path) -> Process {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Process::spawn("a script", command, log).unwrap()
    }

    async fn said(log: &Path, word: &str) -> Option<()> {
        std::fs::read_to_string(log).ok()?.contains(word).then_some(())
    }

    fn alive(id: u32) -> bool {
        rustix::process::test_kill_process(Pid::from_raw(id.cast_signed()).unwrap()).is_ok()
    }

    #[tokio::test]
    async fn asks_before_it_kills() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut process =
            shell("trap 'echo asked; exit 0' TERM; echo up; while :; do read -r x; sleep 0.01; done", &log);
        process.until(|| said(&log, "up")).await.unwrap();
        process.stop(Duration::from_secs(10)).await;
        assert!(std::fs::read_to_string(&log).unwrap().contains("asked"));
    }

    #[tokio::test]
    async fn kills_what_does_not_listen() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut process = shell("trap '' TERM; echo up; while :; do sleep 0.01; done", &log);
        process.until(|| said(&log, "up")).await.unwrap();
        let id = process.id().unwrap();
        process.stop(Duration::from_millis(20)).await;
        assert!(!alive(id));
    }

    #[tokio::test]
    async fn a_dropped_process_has_ended() {
        let dir = tempfile::tempdir().unwrap();
        let process = shell("exec sleep 600", &dir.path().join("log"));
        let id = process.id().unwrap();
        drop(process);
        assert!(!alive(id));
    }

    #[tokio::test]
    async fn says_why_it_is_not_ready() {
        let dir = tempfile::tempdir().unwrap();
        let mut process = shell("echo 'no such field' >&2; exit 3", &dir.path().join("log"));
        let error = process.until(|| std::future::ready(None::<()>)).await.unwrap_err().to_string();
        assert!(error.starts_with("a script ended (exit status: 3) instead of getting ready"), "{error}");
        assert!(error.ends_with("no such field"), "{error}");
    }
}
