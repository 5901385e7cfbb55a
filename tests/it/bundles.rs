//! Policies that come as bundles: each is taken whole once it passes, acts within a second, and outlives its server.

use std::{
    fs,
    io::Write,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};
use hopguard::{
    clock::Timestamp,
    dev::{BundleEndpoint, Reply, WebAuthority},
};

use crate::harness::{Guard, Setup, until};

/// A Hopguard, and the server of its policy.
struct Scene {
    setup: Setup,
    server: BundleEndpoint,
}

impl Scene {
    async fn new(reply: Reply, more: &str) -> Self {
        let setup = Setup::new();
        fs::create_dir(setup.path("state")).unwrap();
        let (from, until) = (Timestamp::from_seconds(setup.now().seconds() - 60), setup.now().after(HOUR));
        let web = WebAuthority::new(from, until).unwrap();
        setup.write("web.pem", &web.pem());
        let credentials = web.certify(&["localhost"], from, until).unwrap();
        let server = BundleEndpoint::start(&credentials, reply).await.unwrap();
        let bundle = format!("{{url: \"{}\", ca: web.pem{more}}}", server.url("localhost", "/policy.tar.gz"));
        let setup = setup.set("state.directory", "state").set("policy.directory", "null").set("policy.bundle", &bundle);
        Self { setup, server }
    }
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// A bundle with these rules of `hopguard.authz`.
fn bundle(revision: &str, rules: &str) -> Vec<u8> {
    archive(&[
        (".manifest", &format!("{{\"revision\": \"{revision}\", \"roots\": [\"hopguard\"]}}")),
        ("hopguard/authz.rego", &format!("package hopguard.authz\n\n{rules}\n")),
    ])
}

/// What `/readyz?verbose` says of the bundle.
async fn told(guard: &Guard) -> serde_json::Value {
    guard.state().await["bundles"][0].clone()
}

/// Waits until the bundle is told to have failed there.
async fn failed(guard: &Guard, stage: &str) -> String {
    until(stage, async || {
        let failure = told(guard).await["failure"].clone();
        (failure["stage"] == stage).then(|| failure["message"].as_str().unwrap_or_default().to_owned())
    })
    .await
}

async fn allowed(guard: &Guard) {
    until("an allow", async || guard.hop().send().await.is_allow().then_some(())).await;
}

async fn denied(guard: &Guard) {
    until("a denial", async || (!guard.hop().send().await.is_allow()).then_some(())).await;
}

#[tokio::test]
async fn a_new_revision_acts_within_a_second_where_its_server_waits_for_news() {
    let first = Reply::awaited_bundle("\"1\"", bundle("1", "decision := true"));
    let Scene { setup, server } = Scene::new(first, ", poll: 1h, long_poll: 60s").await;
    let guard = setup.start().await;
    guard.hop().send().await.allowed();
    for (turn, rules) in [(2, "decision := false"), (3, "decision := true"), (4, "decision := false")] {
        until("a question that waits", async || (server.requests().len() >= turn).then_some(())).await;
        let changed = Instant::now();
        server.reply(Reply::awaited_bundle(&format!("\"{turn}\""), bundle(&turn.to_string(), rules)));
        if rules.ends_with("true") {
            allowed(&guard).await
        } else {
            denied(&guard).await
        }
        // A second on a machine that does nothing else.
        assert!(changed.elapsed() < Duration::from_secs(10), "{:?}", changed.elapsed());
    }
    let status = told(&guard).await;
    assert_eq!((status["revision"].as_str(), status["failure"].is_null()), (Some("4"), true));
    assert_eq!(guard.metric("hopguard_bundle_activations_total{bundle=\"policy\"}").await, 4);
    assert_eq!(guard.metric("hopguard_bundle_ok{bundle=\"policy\"}").await, 1);
}

#[tokio::test]
async fn nothing_is_decided_before_the_bundle_has_come_and_passed() {
    let Scene { setup, server } = Scene::new(Reply::status(503, ""), ", poll: 1s").await;
    let guard = setup.launch().await;
    assert!(failed(&guard, "download").await.contains("503"));
    guard.hop().send().await.denied("not_ready");
    assert!(!guard.is_ready().await);
    server.reply(Reply::bundle("\"1\"", bundle("1", "default decision := true")));
    assert!(failed(&guard, "policy").await.contains("policy"));
    guard.hop().send().await.denied("not_ready");
    assert!(guard.problems("policy").await.contains("authz.rego"));
    server.reply(Reply::bundle("\"2\"", bundle("2", "decision := true")));
    guard.ready().await;
    guard.hop().send().await.allowed();
}

#[tokio::test]
async fn what_does_not_pass_is_named_once_and_the_last_good_one_stays() {
    let Scene { setup, server } =
        Scene::new(Reply::bundle("\"5\"", bundle("5", "decision := true")), ", poll: 1s").await;
    let guard = setup.start().await;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![0; 32 << 20]).unwrap();
    for (stage, content) in [
        ("archive", b"no bundle".to_vec()),
        ("archive", bomb.finish().unwrap()),
        ("policy", bundle("6", "default decision := true")),
        ("policy", bundle("7", "decision := true if {")),
        ("rollback", bundle("4", "decision := false")),
    ] {
        let metric = format!("hopguard_bundle_failures_total{{bundle=\"policy\",stage=\"{stage}\"}}");
        let before = guard.metric(&metric).await;
        server.reply(Reply::document(&content));
        failed(&guard, stage).await;
        guard.hop().send().await.allowed();
        let asked = server.requests().len();
        until("two more questions", async || (server.requests().len() >= asked + 2).then_some(())).await;
        assert_eq!(guard.metric(&metric).await, before + 1, "{stage}: once for each change");
        assert_eq!(guard.metric("hopguard_bundle_ok{bundle=\"policy\"}").await, 0);
        assert_eq!(told(&guard).await["revision"], "5");
        assert!(guard.is_ready().await);
        server.reply(Reply::bundle("\"5\"", bundle("5", "decision := true")));
        guard.repaired("policy").await;
    }
}

#[tokio::test]
async fn what_passed_serves_again_after_a_restart_without_its_server() {
    let good = Reply::bundle("\"1\"", bundle("1", "decision := true"));
    let Scene { setup, server } = Scene::new(good, ", poll: 1s").await;
    let guard = setup.start().await;
    kept(&guard).await;
    server.reply(Reply::status(503, ""));
    let guard = guard.kill().await.setup.start().await;
    guard.hop().send().await.allowed();
    failed(&guard, "download").await;
    let status = told(&guard).await;
    assert_eq!((status["revision"].as_str(), &status["from_state"]), (Some("1"), &true.into()));

    // What others have touched does not serve.
    let folder = guard.setup().path("state/bundles");
    let ended = guard.kill().await;
    for file in fs::read_dir(&folder).unwrap().flatten() {
        let mut content = fs::read(file.path()).unwrap();
        *content.last_mut().unwrap() ^= 1;
        fs::write(file.path(), content).unwrap();
    }
    let guard = ended.setup.launch().await;
    failed(&guard, "download").await;
    guard.hop().send().await.denied("not_ready");
}

#[tokio::test]
async fn a_bundle_in_a_file_acts_when_it_is_replaced() {
    let setup = Setup::new().set("policy.directory", "null").set("policy.bundle", "{file: policy.tar.gz}");
    let path = setup.path("policy.tar.gz");
    let replace = |content: &[u8]| {
        let aside = path.with_extension("aside");
        fs::write(&aside, content).unwrap();
        fs::rename(aside, &path).unwrap();
    };
    replace(&bundle("1", "decision := true"));
    let guard = setup.start().await;
    guard.hop().send().await.allowed();
    replace(&bundle("2", "decision := false"));
    denied(&guard).await;
    replace(b"");
    failed(&guard, "archive").await;
    guard.hop().send().await.denied("policy_denied");
    replace(&bundle("3", "decision := true"));
    allowed(&guard).await;
}

/// Waits until there is a bundle on disk.
async fn kept(guard: &Guard) {
    let folder = guard.setup().path("state/bundles");
    until("the kept bundle", async || {
        fs::read_dir(&folder).ok()?.flatten().any(|file| file.path().extension().is_some()).then_some(())
    })
    .await;
}

const HOUR: Duration = Duration::from_secs(3600);
