//! The parts of the playground with a real Envoy: what it lets in, what it passes on, and what it does when nobody answers.

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hopguard::{
    clock::{Clock, Timestamp},
    dev::{
        Answer, Authority, Call, Caller, Connection, Error, Svid, Upstream, Verdict,
        envoy::{self, CheckAddress, Envoy, Inbound, Listener, Search},
        spiffe_id,
    },
};
use http::{Request, StatusCode};
use spiffe::TrustDomain;
use tempfile::TempDir;

static ENVOY: LazyLock<PathBuf> = LazyLock::new(|| {
    let near = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
    let search = Search { named: env::var_os("ENVOY_BIN"), path: env::var_os("PATH"), near };
    envoy::find(&search).unwrap_or_else(|error| panic!("{error}"))
});

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
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let stream = alone.caller().handshake(alone.address().await, &payments).await.unwrap();
        let presented = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        if presented == second.certificate().unwrap() {
            return;
        }
        assert!(Instant::now() < deadline, "Envoy still presents the first SVID");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
