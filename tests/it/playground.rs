//! The playground with real Envoys: what its parts let in and pass on, and the whole as a newcomer runs it.

use std::{
    future::ready,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use bytes::Bytes;
use hopguard::{
    clock::{Clock, Timestamp},
    dev::{
        Answer, Authority, Call, Caller, Connection, Error, Folder, Record, Svid, Upstream, Verdict, WORKLOADS,
        envoy::{CheckAddress, Envoy, Inbound, Listener},
        spiffe_id,
    },
};
use http::{Request, StatusCode};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use spiffe::TrustDomain;
use tempfile::TempDir;

use crate::{envoy::ENVOY, harness::until};

/// A workload behind its Envoy, whose Hopguard is away.
struct Alone {
    dir: TempDir,
    authority: Authority,
    now: Timestamp,
    envoy: Envoy,
    _upstream: Upstream,
}

impl Alone {
    async fn start(dangerous_failure_mode_allow: bool) -> Self {
        let (dir, now) = (tempfile::tempdir().unwrap(), Clock::default().now());
        let (authority, upstream) = (authority(now), Upstream::start("payments").await.unwrap());
        mint(&authority, "payments", now).write(&dir.path().join("payments")).unwrap();
        std::fs::write(dir.path().join("roots.pem"), authority.pem()).unwrap();
        let inbound = inbound(dir.path(), upstream.address(), dangerous_failure_mode_allow);
        let envoy = Envoy::start(&ENVOY, &inbound, &dir.path().join("envoy")).await.unwrap();
        Self { dir, authority, now, envoy, _upstream: upstream }
    }

    fn caller(&self) -> Caller {
        Caller::new(mint(&self.authority, "orders", self.now), vec![self.authority.root().clone()])
    }

    async fn address(&self) -> SocketAddr {
        self.envoy.listener("inbound").await.unwrap()
    }

    async fn connect(&self) -> Connection {
        self.caller().connect(self.address().await, &spiffe_id("payments").unwrap()).await.unwrap()
    }
}

fn authority(now: Timestamp) -> Authority {
    let trust_domain = TrustDomain::new("dev.hopguard.example").unwrap();
    Authority::new(trust_domain, now, now.after(HOUR)).unwrap()
}

fn mint(authority: &Authority, name: &str, now: Timestamp) -> Svid {
    authority.mint(&spiffe_id(name).unwrap(), now, now.after(HOUR)).unwrap()
}

fn inbound(dir: &Path, upstream: SocketAddr, dangerous_failure_mode_allow: bool) -> Inbound {
    let nobody = CheckAddress::Unix(dir.join("nobody.sock"));
    Inbound {
        certificate: dir.join("payments.pem"),
        key: dir.join("payments.key"),
        roots: dir.join("roots.pem"),
        upstream,
        listeners: vec![Listener { dangerous_failure_mode_allow, ..Listener::new("inbound", nobody) }],
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn envoy_takes_every_setting_that_is_rendered() {
    let alone = Alone::start(false).await;
    let config = alone.dir.path().join("envoy.json");
    let checked = Command::new(&*ENVOY).args(["--mode", "validate", "-c"]).arg(config).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[tokio::test]
async fn nothing_passes_when_nobody_answers() {
    let alone = Alone::start(false).await;
    let answer = Call::new("orders", "payments", "/charge").send(&mut alone.connect().await).await.unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(matches!(answer.verdict, Verdict::Undecided(_)));
    let stats = alone.envoy.stats("cluster.workload.upstream_rq_total").await.unwrap();
    assert_eq!(stats.trim(), "cluster.workload.upstream_rq_total: 0");
}

#[tokio::test]
async fn passes_on_the_very_path_that_was_asked_about() {
    let alone = Alone::start(true).await;
    let mut connection = alone.connect().await;
    for path in ["/a//b", "/a/./b/../c", "/a%2fb%2Fc", "/a%5cb", "/a;b=c", "/%61", "/a/?q=%2f&q=//", "/a\\b"] {
        let request = Request::get(path).header("host", "payments").body(Bytes::new()).unwrap();
        let response = connection.send(request).await.unwrap();
        let echo: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(echo["path"], path);
    }
}

#[tokio::test]
async fn refuses_headers_that_two_readers_may_take_for_one() {
    let alone = Alone::start(true).await;
    let request = Request::get("/").header("host", "payments").header("x_hopguard_peer", "root").body(Bytes::new());
    let response = alone.connect().await.send(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn takes_nobodys_word_for_the_client_certificate() {
    let alone = Alone::start(true).await;
    let request = Request::get("/").header("host", "payments").header("x-forwarded-client-cert", "URI=spiffe://root");
    let response = alone.connect().await.send(request.body(Bytes::new()).unwrap()).await.unwrap();
    let echo: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
    assert!(echo["headers"].get("x-forwarded-client-cert").is_none(), "{echo}");
}

#[tokio::test]
async fn an_answer_that_nobody_decided_is_not_an_allow() {
    let alone = Alone::start(true).await;
    let answer = Call::new("orders", "payments", "/").send(&mut alone.connect().await).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert!(matches!(answer, Answer { verdict: Verdict::Undecided(_), .. }));
}

#[tokio::test]
async fn a_stranger_does_not_get_in() {
    let alone = Alone::start(true).await;
    let svid = mint(&authority(alone.now), "orders", alone.now);
    let stranger = Caller::new(svid, vec![alone.authority.root().clone()]);
    let payments = spiffe_id("payments").unwrap();
    // TLS 1.3 tells a client only afterwards that it was refused.
    let answer = match stranger.connect(alone.address().await, &payments).await {
        Ok(mut connection) => Call::new("orders", "payments", "/").send(&mut connection).await,
        Err(error) => Err(error),
    };
    assert!(matches!(answer, Err(Error::Unreachable { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_caller_does_not_talk_to_another_workload() {
    let alone = Alone::start(true).await;
    let refused = alone.caller().connect(alone.address().await, &spiffe_id("web").unwrap()).await.unwrap_err();
    assert!(refused.to_string().contains("the server is `spiffe://dev.hopguard.example/payments`"), "{refused}");
}

#[tokio::test]
async fn a_renewed_svid_is_taken_up_without_a_restart() {
    let alone = Alone::start(true).await;
    let stem = alone.dir.path().join("payments");
    let payments = spiffe_id("payments").unwrap();
    let first = Svid::read(payments.clone(), &stem).unwrap();
    let second = alone.authority.renew(&first, alone.now, alone.now.after(2 * HOUR)).unwrap();
    second.write(&stem).unwrap();
    until("that Envoy presents the second SVID", async || {
        let stream = alone.caller().handshake(alone.address().await, &payments).await.unwrap();
        let presented = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        (presented == second.certificate().unwrap()).then_some(())
    })
    .await;
}

/// `hopguard dev` at work in a folder of its own.
struct Dev {
    dir: TempDir,
    child: Child,
}

impl Dev {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = hopguard(&["dev", "--dir"]).arg(dir.path()).stdout(Stdio::null()).spawn().unwrap();
        let mut dev = Self { dir, child };
        until("that the playground is up", || {
            assert!(dev.child.try_wait().unwrap().is_none(), "the playground ended");
            ready(dev.record().map(drop))
        })
        .await;
        dev
    }

    fn record(&self) -> Option<Record> {
        Folder::open(self.dir.path()).ok()?.record().ok()
    }

    fn call(&self, line: &str) -> (Option<i32>, String) {
        let mut call = hopguard(&["dev", "call"]);
        let output = call.args(line.split(' ')).arg("--dir").arg(self.dir.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    fn stop(&mut self) -> ExitStatus {
        signal(self.child.id(), Signal::TERM);
        self.child.wait().unwrap()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

fn hopguard(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopguard"));
    command.args(args).env("ENVOY_BIN", &*ENVOY);
    command
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), signal).unwrap();
}

fn alive(pid: u32) -> bool {
    test_kill_process(Pid::from_raw(pid.cast_signed()).unwrap()).is_ok()
}

#[test]
fn the_demo_comes_true() {
    let output = hopguard(&["dev", "--script", "demo"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("\n10 passed, 0 failed"), "{said}");
}

#[test]
fn every_sample_file_passes_the_check() {
    let (dir, now) = (tempfile::tempdir().unwrap(), Clock::default().now());
    let folder = Folder::create(dir.path(), now).unwrap();
    std::fs::write(folder.roots(), authority(now).pem()).unwrap();
    for name in WORKLOADS {
        let checked = hopguard(&["check", "--config"]).arg(folder.config(name)).output().unwrap();
        assert!(checked.status.success(), "{name}: {checked:?}");
    }
}

#[tokio::test]
async fn a_call_says_what_would_change_its_answer() {
    let dev = Dev::start().await;
    let (code, said) = dev.call("orders /charge --to payments --purpose checkout");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("to change it remove grant `orders-charges-payments` from documents/"), "{said}");
    let (code, said) = dev.call("web /charge --to payments --purpose checkout");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("reason       grant_missing"), "{said}");
    assert!(said.contains("subject {spiffeId: spiffe://dev.hopguard.example/web}"), "{said}");
    let (code, said) = dev.call("orders /charge --to payments --purpose checkout --miswired");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("reason       audience_mismatch"), "{said}");
    assert_eq!(dev.call("nobody /charge --to payments").0, Some(2));
}

#[tokio::test]
async fn a_call_to_a_workload_without_its_hopguard_is_undecided() {
    let dev = Dev::start().await;
    let hopguard = dev.record().unwrap().place("payments").unwrap().hopguard_pid.unwrap();
    signal(hopguard, Signal::KILL);
    let (code, said) = dev.call("orders /charge --to payments --purpose checkout");
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("status       503"), "{said}");
}

#[tokio::test]
async fn a_stopped_playground_leaves_nothing_running() {
    let mut dev = Dev::start().await;
    let record = dev.record().unwrap();
    let pids: Vec<_> = record.workloads.values().flat_map(|place| [place.envoy_pid, place.hopguard_pid]).collect();
    let pids: Vec<_> = pids.into_iter().map(Option::unwrap).collect();
    assert_eq!(pids.iter().filter(|pid| alive(**pid)).count(), 6);
    assert!(dev.stop().success());
    assert_eq!(pids.iter().filter(|pid| alive(**pid)).count(), 0);
    assert!(dev.record().is_none());
    assert_eq!(dev.call("orders /charge --to payments").0, Some(5));
}

#[tokio::test]
async fn one_folder_holds_one_playground() {
    let dev = Dev::start().await;
    let second = hopguard(&["dev", "--dir"]).arg(dev.dir.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another `hopguard dev` is running"));
    assert_eq!(dev.call("orders /charge --to payments --purpose checkout").0, Some(0));
}
