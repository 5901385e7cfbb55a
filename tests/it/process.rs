//! What the process is to its machine: it leaves no core, writes for nobody else, and knows how many files it may open.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::Path,
    process::{ExitStatus, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::harness::{Setup, until};

/// A Hopguard under limits of its own, such as `--nofile=64:64`.
struct Limited {
    setup: Setup,
    child: Child,
}

impl Limited {
    async fn start(setup: Setup, limits: &[&str]) -> Self {
        let (config, address) = (setup.write_config(), setup.path("admin.address"));
        let log = fs::File::create(setup.path("hopguard.log")).unwrap();
        let mut command = Command::new("prlimit");
        command.args(limits).arg(env!("CARGO_BIN_EXE_hopguard")).arg("serve").arg("--config").arg(config);
        command.arg("--admin-address-file").arg(&address).current_dir(setup.path("documents"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().expect("prlimit is part of util-linux");
        until("listening", || {
            assert_eq!(child.try_wait().unwrap(), None, "{}", setup.said());
            std::future::ready(address.exists().then_some(()))
        })
        .await;
        Self { setup, child }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap()
    }

    /// The soft limit of open files.
    fn files(&self) -> u64 {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.pid().as_raw_nonzero())).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    async fn end(&mut self, signal: Signal) -> ExitStatus {
        kill_process(self.pid(), signal).unwrap();
        self.child.wait().await.unwrap()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn it_leaves_no_core_behind() {
    let mut guard = Limited::start(Setup::new(), &["--core=unlimited"]).await;
    let status = guard.end(Signal::ABORT).await;
    assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()));
    assert!(!status.core_dumped());
    let there: Vec<_> =
        fs::read_dir(guard.setup.path("documents")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(there.iter().all(|name| name.to_string_lossy().ends_with(".yaml")), "{there:?}");
}

#[tokio::test]
async fn what_it_writes_is_not_for_others() {
    let setup = Setup::new();
    let state = format!("{{directory: \"{}\"}}", setup.path("state").display());
    fs::create_dir(setup.path("state")).unwrap();
    let mut guard = Limited::start(setup.set("state", &state), &[]).await;
    for (name, expected) in [("admin.address", 0o640), ("audit.jsonl", 0o640), ("check.sock", 0o660)] {
        assert_eq!(mode(&guard.setup.path(name)), expected, "{name}");
    }
    assert_eq!(guard.end(Signal::TERM).await.code(), Some(0));
}

#[tokio::test]
async fn it_takes_the_files_that_its_connections_need_and_says_where_it_may_not() {
    let needed = 1024 + 2 * 8 + 256;
    let guard = Limited::start(Setup::new(), &["--nofile=512:4096"]).await;
    assert_eq!(guard.files(), needed);
    assert!(!guard.setup.said().contains("files"), "{}", guard.setup.said());

    let guard = Limited::start(Setup::new(), &["--nofile=300:400"]).await;
    assert_eq!(guard.files(), 400);
    let said = guard.setup.said();
    assert!(said.contains("\"limit\":400") && said.contains(&format!("\"needed\":{needed}")), "{said}");
    assert!(said.contains("lower `limits.connections`"), "{said}");

    let guard = Limited::start(Setup::new().set("limits.connections", "100"), &["--nofile=4096:4096"]).await;
    assert_eq!(guard.files(), 4096);
}
