//! Documents in a signed bundle: followed as they come, refused unless signed in time, and never led back.

use std::{fs, time::Duration};

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::{Compression, write::GzEncoder};
use hopguard::{
    clock::Timestamp,
    dev::{BundleEndpoint, Reply, WebAuthority},
};
use serde_json::{Value, json};

use crate::{
    harness::{FRONTEND, Guard, Setup, revocation, until, workload},
    metrics::number,
    revocation_lag::{allowed, denied},
};

const SECRET: &str = "a secret of at least thirty-two bytes";
const HOUR: Duration = Duration::from_secs(3600);

/// A Hopguard, and the server of its documents.
struct Scene {
    setup: Setup,
    server: BundleEndpoint,
    bundle: String,
}

/// A bundle as its publisher makes it.
#[derive(Clone)]
struct Made {
    files: Vec<(&'static str, String)>,
    claims: Value,
    secret: &'static str,
    is_signed: bool,
}

impl Made {
    /// These documents, signed at `issued`.
    fn of(documents: &[(&str, String)], issued: Timestamp) -> Self {
        let documents: Value = documents.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
        let manifest = json!({"revision": issued.to_string(), "roots": ["hopguard"]});
        let data = json!({"hopguard": {"documents": documents}});
        Self {
            files: vec![(".manifest", manifest.to_string()), ("data.json", data.to_string())],
            claims: json!({"iat": issued.seconds()}),
            secret: SECRET,
            is_signed: true,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut claims = self.claims.clone();
        claims["files"] = self.files.iter().map(|(name, text)| file(name, text)).collect();
        let mut files = self.files.clone();
        if self.is_signed {
            let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", encode(&json!({"alg": "HS256", "kid": "k", "typ": "JWT"})), encode(&claims));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes()), signed.as_bytes());
            let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()));
            files.push((".signatures.json", json!({"signatures": [token]}).to_string()));
        }
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }
}

fn file(name: &str, text: &str) -> Value {
    let hash = digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    json!({"name": name, "hash": hash, "algorithm": "SHA-256"})
}

impl Scene {
    async fn new(first: &Made, more: &str) -> Self {
        let setup = Setup::new();
        fs::create_dir(setup.path("state")).unwrap();
        let (from, until) = (ago(setup.now(), 60), setup.now().after(HOUR));
        let web = WebAuthority::new(from, until).unwrap();
        setup.write("web.pem", &web.pem());
        setup.write("secret", SECRET);
        let credentials = web.certify(&["localhost"], from, until).unwrap();
        let server = BundleEndpoint::start(&credentials, Reply::awaited_bundle("\"0\"", first.bytes())).await.unwrap();
        let bundle = format!(
            "{{url: \"{}\", ca: web.pem, keys: [{{id: k, algorithm: HS256, file: secret}}]{more}}}",
            server.url("localhost", "/documents.tar.gz")
        );
        let setup = setup.set("state.directory", "state").set("store.directory", "null").set("store.bundle", &bundle);
        Self { setup, server, bundle }
    }

    async fn start(self) -> (Guard, BundleEndpoint) {
        (self.setup.start().await, self.server)
    }
}

fn ago(now: Timestamp, seconds: i64) -> Timestamp {
    Timestamp::from_seconds(now.seconds() - seconds)
}

/// The documents that a `Setup` begins with.
fn documents(setup: &Setup) -> Vec<(&'static str, String)> {
    let read = |name: &str| fs::read_to_string(setup.path(&format!("documents/{name}"))).unwrap();
    vec![("purposes.yaml", read("purposes.yaml")), ("grants.yaml", read("grants.yaml"))]
}

fn first(seconds: i64) -> Made {
    let setup = Setup::new();
    Made::of(&documents(&setup), ago(setup.now(), seconds))
}

/// Waits until the bundle is told to have failed there.
async fn failed(guard: &Guard, stage: &str) -> String {
    until(stage, async || {
        let failure = guard.state().await["bundles"][0]["failure"].clone();
        (failure["stage"] == stage).then(|| failure["message"].as_str().unwrap_or_default().to_owned())
    })
    .await
}

#[tokio::test]
async fn documents_of_a_bundle_act_as_they_come_and_end_when_a_bundle_comes_without_them() {
    let scene = Scene::new(&first(60), ", poll: 1h, long_poll: 60s").await;
    let (guard, server) = scene.start().await;
    guard.hop().send().await.allowed();
    let now = guard.setup().now();
    let base = documents(guard.setup());
    let with = |more: &[(&'static str, String)], seconds: i64| {
        Made::of(&[&base[..], more].concat(), ago(now, seconds)).bytes()
    };
    let asked = |questions: usize| {
        let server = &server;
        async move { until("a question", async || (server.requests().len() >= questions).then_some(())).await }
    };
    asked(2).await;
    let revoked = [("revoked.yaml", revocation("leak", "{grant: charge}", now))];
    server.reply(Reply::awaited_bundle("\"1\"", with(&revoked, 50)));
    denied(&guard, "revoked").await;
    asked(3).await;
    let suspended = [("workloads.yaml", workload("frontend", FRONTEND, "suspended"))];
    server.reply(Reply::awaited_bundle("\"2\"", with(&suspended, 40)));
    denied(&guard, "peer_suspended").await;
    asked(4).await;
    // A file of it that is broken keeps what it held, and holds up no other.
    let broken = [("grants.yaml", "spec: }".to_owned()), revoked[0].clone()];
    let broken = Made::of(&[&base[..1], &broken[..]].concat(), ago(now, 30));
    server.reply(Reply::awaited_bundle("\"3\"", broken.bytes()));
    denied(&guard, "revoked").await;
    assert!(guard.problems("store").await.contains("grants.yaml"));
    asked(5).await;
    server.reply(Reply::awaited_bundle("\"4\"", with(&[], 20)));
    allowed(&guard).await;
    guard.repaired("store").await;
    assert_eq!(guard.metric("hopguard_bundle_activations_total{bundle=\"store\"}").await, 5);
    // From when each was signed.
    let lag = |le: &str| format!("hopguard_revocation_lag_seconds_bucket{{le=\"{le}\"}}");
    until("the lag", async || (guard.metric(&lag("+Inf")).await == 3).then_some(())).await;
    assert_eq!(guard.metric(&lag("10.0")).await, 0);
    let parts = guard.state().await["parts"].clone();
    assert!(parts["store"]["stale_at"].is_string() && parts["store"]["revision"].is_string(), "{parts}");
}

#[tokio::test]
async fn documents_of_a_bundle_age_from_their_signature_on() {
    let scene = Scene::new(&first(600), ", poll: 1s").await;
    let (guard, server) = scene.start().await;
    guard.hop().send().await.allowed();
    let age = "hopguard_snapshot_age_seconds{part=\"store\"}";
    assert!((600.0..900.0).contains(&number(&guard, age).await), "fetched a moment ago, signed ten minutes ago");
    assert_eq!(number(&guard, "hopguard_store_age_limit_seconds").await, 3600.0);
    let fresh = Made::of(&documents(guard.setup()), ago(guard.setup().now(), 1));
    server.reply(Reply::awaited_bundle("\"1\"", fresh.bytes()));
    until("youth", async || (number(&guard, age).await < 300.0).then_some(())).await;
}

#[tokio::test]
async fn what_is_not_signed_in_time_or_holds_no_documents_is_refused_and_the_last_good_one_stays() {
    let scene = Scene::new(&first(60), ", poll: 1s").await;
    let (guard, server) = scene.start().await;
    guard.hop().send().await.allowed();
    let now = guard.setup().now();
    let good = Made::of(&[], ago(now, 30));
    let data = |data: Value| {
        let mut made = good.clone();
        made.files[1].1 = data.to_string();
        made
    };
    let mut policy = good.clone();
    policy.files.push(("hopguard/authz.rego", "package hopguard.authz\n\ndecision := true\n".to_owned()));
    for (number, (stage, made, words)) in [
        ("archive", Made { is_signed: false, ..good.clone() }, "signature"),
        ("archive", Made { secret: "another secret of thirty-two bytes", ..good.clone() }, "signature"),
        ("archive", Made { claims: json!({"iat": now.seconds() + 3600}), ..good.clone() }, "future"),
        ("rollback", Made { claims: json!({}), ..good.clone() }, "`iat`"),
        ("documents", policy, "Rego"),
        ("documents", data(json!({"hopguard": {"documents": {"a.yaml": 1}}})), "not text"),
        ("documents", data(json!({"hopguard": {"documents": {"../a.yaml": ""}}})), "not the name"),
        ("documents", data(json!({"hopguard": {"documents": {"a.rego": ""}}})), "not the name"),
        ("documents", data(json!({"hopguard": {"documents": [], "more": 1}})), "not all there is"),
        ("documents", data(json!({"hopguard": {}})), "not all there is"),
        ("rollback", Made::of(&[], ago(now, 61)), "rollback"),
    ]
    .into_iter()
    .enumerate()
    {
        server.reply(Reply::bundle(&format!("\"x{number}\""), made.bytes()));
        let message = until(words, async || {
            let message = failed(&guard, stage).await;
            message.contains(words).then_some(message)
        })
        .await;
        assert!(message.contains(words), "{message}");
        guard.hop().send().await.allowed();
        assert!(!guard.problems("store").await.is_empty());
    }
    // What is right takes effect, also where it takes everything away.
    server.reply(Reply::bundle("\"good\"", good.bytes()));
    denied(&guard, "purpose_unknown").await;
    guard.repaired("store").await;
}

#[tokio::test]
async fn a_restart_neither_forgets_the_newest_nor_makes_it_younger() {
    let setup = Setup::new();
    let now = setup.now();
    let mut revoked = documents(&setup);
    revoked.push(("revoked.yaml", revocation("leak", "{purpose: checkout}", now)));
    let scene = Scene::new(&Made::of(&revoked, ago(now, 30)), ", poll: 1s").await;
    let (guard, server) = scene.start().await;
    guard.hop().send().await.denied("revoked");
    let setup = guard.stop().await.setup;
    // Its server leads back to before the revocation.
    server.reply(Reply::bundle("\"old\"", first(60).bytes()));
    let guard = setup.start().await;
    assert!(failed(&guard, "rollback").await.contains("rollback"));
    guard.hop().send().await.denied("revoked");
    let setup = guard.stop().await.setup;
    // Its server is away, and what was kept is over.
    server.reply(Reply::status(503, ""));
    let guard = setup.set("store.max_stale", "1s").start().await;
    guard.hop().without_purpose().send().await.denied("purpose_missing");
    // What was taken back stays so.
    guard.hop().send().await.denied("revoked");
    guard.hop().purpose("refund").send().await.denied("store_stale");
    // Signed again it counts again.
    server.reply(Reply::bundle(
        "\"new\"",
        Made::of(&documents(guard.setup()), now.after(Duration::from_secs(5))).bytes(),
    ));
    until("the new one", async || {
        let activated = guard.metric("hopguard_bundle_activations_total{bundle=\"store\"}").await;
        (activated == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nothing_is_decided_before_documents_have_come() {
    let scene = Scene::new(&Made { is_signed: false, ..first(60) }, ", poll: 1s").await;
    let (setup, server) = (scene.setup, scene.server);
    let guard = setup.launch().await;
    assert!(failed(&guard, "archive").await.contains("signature"));
    guard.hop().send().await.denied("not_ready");
    server.reply(Reply::bundle("\"1\"", first(60).bytes()));
    guard.ready().await;
    guard.hop().send().await.allowed();
}

#[tokio::test]
async fn documents_that_move_into_a_bundle_say_what_was_taken_back_until_it_comes() {
    let scene = Scene::new(&Made { is_signed: false, ..first(60) }, ", poll: 1s").await;
    let Scene { setup, server, bundle } = scene;
    let setup = setup.set("store.directory", "documents").set("store.bundle", "null");
    setup.write("documents/revoked.yaml", &revocation("leak", "{grant: charge}", setup.now()));
    let mut guard = setup.start().await;
    guard.hop().send().await.denied("revoked");
    guard.setup_mut().configure("store.directory", "null");
    guard.setup_mut().configure("store.bundle", &bundle);
    assert!(failed(&guard, "archive").await.contains("signature"));
    guard.hop().send().await.denied("revoked");
    server.reply(Reply::bundle("\"1\"", first(60).bytes()));
    allowed(&guard).await;
}
