//! Over mutual TLS exactly the named workloads ask, as long as their SVIDs hold; everybody else is closed and counted before a word.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use hopguard::{
    clock::Timestamp,
    dev::{Authority, Svid, WorkloadApi},
    peer::id,
};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use rustls::version::{TLS12, TLS13};
use serde_json::Value;
use spiffe::TrustDomain;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{Asker, Guard, PAYMENTS, STRANGER, Setup, authority, framed, until};

/// The workload whose Envoy asks.
const ENVOY: &str = "spiffe://prod.example/ns/shop/sa/gateway";
const HOUR: Duration = Duration::from_secs(3600);

/// A Hopguard that `ENVOY` may ask over mutual TLS, and the agent that gives it its own SVID.
struct Scene {
    guard: Guard,
    agent: WorkloadApi,
}

impl Scene {
    async fn start() -> Self {
        let (setup, agent) = prepared();
        Self { guard: setup.start().await, agent }
    }

    /// Where it is asked, as it says itself.
    async fn address(&self) -> SocketAddr {
        until("a listener with mutual TLS", async || {
            let said = self.guard.said();
            let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut fields = lines.map(|line| line["fields"].clone());
            let listening = fields.find(|fields| fields["message"] == "Listening" && fields["mtls"] == true)?;
            listening["address"].as_str()?.parse().ok()
        })
        .await
    }

    fn svid(&self, id: &str) -> Svid {
        let now = self.guard.setup().now();
        mint(self.guard.setup().authority(), id, now, now.after(HOUR))
    }

    fn envoy(&self) -> Asker {
        Asker::new(Some(&self.svid(ENVOY)))
    }

    async fn refused(&self) -> u64 {
        self.guard.metric("hopguard_askers_refused_total").await
    }

    /// Gives Hopguard a new SVID.
    fn renew(&self) -> Svid {
        let svid = self.svid(PAYMENTS);
        self.agent.set_svids(&[(&svid, self.guard.setup().authority())]).unwrap();
        svid
    }
}

/// Not started yet, with an agent that gives it its SVID.
fn prepared() -> (Setup, WorkloadApi) {
    let setup = Setup::new();
    let agent = WorkloadApi::start(&setup.path("agent.sock")).unwrap();
    let own = mint(setup.authority(), PAYMENTS, setup.now(), setup.now().after(HOUR));
    agent.set_svids(&[(&own, setup.authority())]).unwrap();
    let listen = format!(
        "[{{address: \"unix:{}\"}}, {{address: \"127.0.0.1:0\", mtls: {{workload_api: \"{}\"}}, allow: {{spiffe_ids: [\"{ENVOY}\"]}}}}]",
        setup.socket().display(),
        agent.endpoint()
    );
    (setup.set("listen", &listen), agent)
}

fn mint(authority: &Authority, id: &str, from: Timestamp, until: Timestamp) -> Svid {
    authority.mint(&id::parse(id).unwrap(), from, until).unwrap()
}

#[tokio::test]
async fn a_named_workload_asks_as_if_it_were_next_door() {
    let scene = Scene::start().await;
    let wire = scene.envoy().wire(scene.address().await).await;
    for _ in 0..3 {
        wire.check(framed(&scene.guard.hop().request())).await.allowed();
    }
    wire.check(framed(&scene.guard.hop().path("/refund").request())).await.denied("grant_missing");
    assert_eq!(scene.refused().await, 0);
    assert_eq!(scene.guard.metric("hopguard_connections").await, 1);
}

#[tokio::test]
async fn the_time_of_the_svid_that_is_shown_is_told_and_nothing_once_it_is_taken_back() {
    let scene = Scene::start().await;
    scene.guard.ready().await;
    let told = async |name: &str| {
        let (_, text) = scene.guard.get("/metrics").await;
        let text = String::from_utf8(text.to_vec()).unwrap();
        let prefix = format!("hopguard_svid_{name}_timestamp_seconds ");
        text.lines().find_map(|line| line.strip_prefix(&prefix)?.parse::<f64>().ok()).unwrap()
    };
    let begin = scene.guard.setup().now().seconds() as f64;
    assert_eq!((told("begin").await, told("end").await), (begin, begin + 3600.0));
    scene.agent.set_svids(&[]).unwrap();
    until("its withdrawal", async || (told("end").await == 0.0).then_some(())).await;
}

#[tokio::test]
async fn nobody_else_is_let_in() {
    let scene = Scene::start().await;
    let (address, now) = (scene.address().await, scene.guard.setup().now());
    let ours = scene.guard.setup().authority();
    let (later, before) = (now.after(HOUR), |seconds| Timestamp::from_seconds(now.seconds() - seconds));
    let elsewhere = Authority::new(TrustDomain::new("other.example").unwrap(), now, later).unwrap();
    let svid = |svid: Svid| Asker::new(Some(&svid));
    let named = scene.svid(ENVOY);
    let askers = [
        ("a workload that is not named", svid(scene.svid(STRANGER))),
        ("the workload beside Hopguard", svid(scene.svid(PAYMENTS))),
        (
            "a name in another trust domain",
            svid(mint(&elsewhere, "spiffe://other.example/ns/shop/sa/gateway", now, later)),
        ),
        ("our name from another trust domain", svid(mint(&elsewhere, ENVOY, now, later))),
        ("our name from an authority that nobody trusts", svid(mint(&authority(now), ENVOY, now, later))),
        ("an SVID that has ended", svid(mint(ours, ENVOY, before(7200), before(3600)))),
        ("an SVID that has not begun", svid(mint(ours, ENVOY, later, later.after(HOUR)))),
        ("an SVID for too long", svid(mint(ours, ENVOY, now, now.after(26 * HOUR)))),
        ("a certificate of its own making", self_signed()),
        ("no certificate", Asker::new(None)),
        ("TLS 1.2", Asker::with(Some(&named), &TLS12, &["h2"])),
        ("no protocol", Asker::with(Some(&named), &TLS13, &[])),
        ("HTTP/1.1", Asker::with(Some(&named), &TLS13, &["http/1.1"])),
    ];
    for (count, (who, asker)) in (1..).zip(askers) {
        asker.closed(address).await;
        until(&format!("that {who} is counted"), async || (scene.refused().await == count).then_some(())).await;
    }
    assert_eq!(scene.guard.metric("hopguard_connections").await, 0);
    assert!(scene.guard.setup().records().is_empty(), "not one Check was read");
    scene.envoy().wire(address).await.check(framed(&scene.guard.hop().request())).await.allowed();
}

#[tokio::test]
async fn what_is_not_tls_is_closed() {
    let scene = Scene::start().await;
    let address = scene.address().await;
    for said in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"] {
        let before = scene.refused().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut told = Vec::new();
        // An alert of TLS, at most, before the end.
        let _ = stream.read_to_end(&mut told).await;
        assert!(told.first().is_none_or(|kind| *kind == 21), "{told:?}");
        until("that it is counted", async || (scene.refused().await == before + 1).then_some(())).await;
    }
}

#[tokio::test]
async fn a_handshake_that_goes_nowhere_ends_and_stands_in_nobodys_way() {
    let (setup, agent) = prepared();
    let scene = Scene { guard: setup.set("limits.connections", "1").start().await, agent };
    let address = scene.address().await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut slow = TcpStream::connect(address).await.unwrap();
    // The head of a record that never comes.
    slow.write_all(&[22, 3, 1, 2, 0]).await.unwrap();

    let wire = scene.envoy().wire(address).await;
    wire.check(framed(&scene.guard.hop().request())).await.allowed();
    drop(wire);

    for stream in [&mut silent, &mut slow] {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    until("that both are counted", async || (scene.refused().await == 2).then_some(())).await;
}

#[tokio::test]
async fn a_crowd_of_strangers_keeps_nobody_out() {
    let scene = Scene::start().await;
    let address = scene.address().await;
    let mut crowd = Vec::new();
    for _ in 0..400 {
        crowd.push(TcpStream::connect(address).await.unwrap());
    }
    let wire = scene.envoy().wire(address).await;
    wire.check(framed(&scene.guard.hop().request())).await.allowed();
}

#[tokio::test]
async fn its_own_svid_changes_under_open_connections() {
    let scene = Scene::start().await;
    let (address, envoy) = (scene.address().await, scene.envoy());
    let first = envoy.shown(address).await.unwrap();
    let wire = envoy.wire(address).await;
    wire.check(framed(&scene.guard.hop().request())).await.allowed();

    let second = scene.renew().certificate().unwrap();
    assert_ne!(first, second);
    until("the new SVID", async || {
        wire.check(framed(&scene.guard.hop().request())).await.allowed();
        (envoy.shown(address).await? == second).then_some(())
    })
    .await;
    wire.check(framed(&scene.guard.hop().request())).await.allowed();
}

#[tokio::test]
async fn a_connection_ends_with_the_trust_in_its_asker() {
    let scene = Scene::start().await;
    let wire = scene.envoy().wire(scene.address().await).await;
    wire.check(framed(&scene.guard.hop().request())).await.allowed();

    let setup = scene.guard.setup();
    let since = Instant::now();
    setup.write("roots.pem", &authority(setup.now()).pem());
    until("the end of the connection", async || (!wire.is_open().await).then_some(())).await;
    let took = since.elapsed();
    assert!(took < WITHIN, "it took {took:?}");

    scene.envoy().closed(scene.address().await).await;
    until("that it is counted", async || (scene.refused().await == 1).then_some(())).await;
    assert!(scene.guard.said().contains("Connection of an asker is closed"));
}

#[tokio::test]
async fn a_connection_outlives_a_change_that_its_asker_outlives() {
    let scene = Scene::start().await;
    let wire = scene.envoy().wire(scene.address().await).await;
    let setup = scene.guard.setup();
    let another = authority(setup.now());
    setup.write("roots.pem", &[setup.authority().pem(), another.pem()].concat());
    // Once this is allowed, the new roots are in.
    let by_another = mint(&another, ENVOY, setup.now(), setup.now().after(HOUR));
    until("the new roots", async || {
        let stream = Asker::new(Some(&by_another)).connect(scene.address().await).await.ok()?;
        drop(stream);
        (scene.guard.metric("hopguard_reloads_total{part=\"trust\",outcome=\"ok\"}").await >= 2).then_some(())
    })
    .await;
    let asked = Asker::new(Some(&by_another)).wire(scene.address().await).await;
    asked.check(framed(&scene.guard.hop().request())).await.allowed();
    wire.check(framed(&scene.guard.hop().request())).await.allowed();
}

#[tokio::test]
async fn a_connection_ends_with_its_askers_svid() {
    let scene = Scene::start().await;
    let setup = scene.guard.setup();
    let now = hopguard::clock::Clock::default().now();
    let short = mint(setup.authority(), ENVOY, setup.now(), now.after(Duration::from_secs(3)));
    let wire = Asker::new(Some(&short)).wire(scene.address().await).await;
    wire.check(framed(&scene.guard.hop().request())).await.allowed();
    until("the end of the connection", async || (!wire.is_open().await).then_some(())).await;
    assert!(hopguard::clock::Clock::default().now() >= now.after(Duration::from_secs(3)), "not before its time");
}

#[tokio::test]
async fn without_an_svid_of_its_own_it_is_not_ready_and_lets_nobody_in() {
    let (setup, agent) = prepared();
    agent.deny();
    let scene = Scene { guard: setup.launch().await, agent };
    let address = scene.address().await;
    let identity = until("a problem of its own SVID", async || {
        let identity = scene.guard.state().await["identities"][0].clone();
        identity["problem"].is_string().then_some(identity)
    })
    .await;
    assert!(identity["spiffe_id"].is_null(), "{identity}");
    until("everything else", async || {
        scene.guard.state().await["parts"]["trust"]["revision"].is_string().then_some(())
    })
    .await;
    assert!(!scene.guard.is_ready().await);
    scene.envoy().closed(address).await;
    until("that it is counted", async || (scene.refused().await == 1).then_some(())).await;

    scene.renew();
    scene.guard.ready().await;
    assert_eq!(scene.guard.state().await["identities"][0]["spiffe_id"], PAYMENTS);
    scene.envoy().wire(address).await.check(framed(&scene.guard.hop().request())).await.allowed();
}

#[tokio::test]
async fn an_svid_that_is_taken_back_is_shown_no_more() {
    let scene = Scene::start().await;
    let address = scene.address().await;
    assert!(scene.envoy().shown(address).await.is_some());
    scene.agent.deny();
    until("that it is not ready", async || (!scene.guard.is_ready().await).then_some(())).await;
    assert_eq!(scene.envoy().shown(address).await, None);
}

/// Somebody who certifies itself in the name of `ENVOY`, with the leaf profile.
fn self_signed() -> Asker {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names.push(SanType::URI(ENVOY.try_into().unwrap()));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.self_signed(&key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("self");
    std::fs::write(stem.with_extension("pem"), certificate.pem()).unwrap();
    std::fs::write(stem.with_extension("key"), key.serialize_pem()).unwrap();
    Asker::new(Some(&Svid::read(id::parse(ENVOY).unwrap(), &stem).unwrap()))
}

/// A second, and what a loaded machine adds to it.
const WITHIN: Duration = Duration::from_secs(3);
