//! Bundle servers that are good, away, slow, wrong, or set back, as sentences.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, Ordering},
    time::Instant,
};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{
    dev::{BundleEndpoint, Credentials, Reply, WebAuthority},
    feed::Feeds,
};

const NOW: i64 = 1_795_165_200;
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A server of bundles, and feeds that follow it.
struct Scene {
    directory: TempDir,
    web: WebAuthority,
    server: BundleEndpoint,
    clock: Arc<AtomicI64>,
}

impl Scene {
    async fn new(reply: Reply) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let web = WebAuthority::new(at(-60), at(86_400)).unwrap();
        fs::write(directory.path().join("ca.pem"), web.pem()).unwrap();
        fs::create_dir(directory.path().join("state")).unwrap();
        let server = BundleEndpoint::start(&certify(&web, "localhost"), reply).await.unwrap();
        Self { directory, web, server, clock: Arc::new(AtomicI64::new(NOW)) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn subscription(&self) -> Subscription {
        let origin = Origin::parse(&self.server.url("localhost", "/policy.tar.gz?secret"), false).unwrap();
        let moment = Duration::from_millis(5);
        let poll = Poll { min: moment, max: moment };
        Subscription { ca: Some(self.path("ca.pem")), poll, ..Subscription::new("policy", origin) }
    }

    fn start(&self) -> Feeds {
        self.follow(&self.subscription())
    }

    fn follow(&self, subscription: &Subscription) -> Feeds {
        let clock = Arc::clone(&self.clock);
        let now = move || Timestamp::from_seconds(clock.load(Ordering::SeqCst));
        let feeds = Feeds::start(&[], Some(&self.path("state")), now, || ()).unwrap();
        feeds.subscribe(std::slice::from_ref(subscription));
        feeds
    }

    fn asked(&self) -> usize {
        self.server.requests().len()
    }

    /// Waits until the server was asked again, and that came to an end.
    async fn asked_again(&self) {
        let asked = self.asked();
        until("two more questions", || self.asked() >= asked + 2).await;
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW + seconds)
}

fn certify(web: &WebAuthority, name: &str) -> Credentials {
    web.certify(&[name], at(-60), at(86_400)).unwrap()
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

/// A bundle of one policy.
fn bundle(revision: &str) -> Vec<u8> {
    archive(&[
        (".manifest", &json!({"revision": revision, "roots": ["hopguard"]}).to_string()),
        ("hopguard/authz.rego", "package hopguard.authz\n\ndecision := true\n"),
    ])
}

/// A bundle that says when it was signed, by whoever knows `secret`.
fn signed(text: &str, issued: i64, secret: &str) -> Vec<u8> {
    let hash = sha256(text.as_bytes());
    let claims =
        json!({"iat": issued, "files": [{"name": "hopguard/authz.rego", "hash": hash, "algorithm": "SHA-256"}]});
    let header = json!({"alg": "HS256", "kid": "release"});
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&header), part(&claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes())));
    archive(&[(".signatures.json", &json!({"signatures": [token]}).to_string()), ("hopguard/authz.rego", text)])
}

fn sha256(bytes: &[u8]) -> String {
    offer::sha256(bytes)
}

/// Waits for something that happens on another thread.
async fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < Duration::from_secs(20), "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn standing(feeds: &Feeds) -> Standing {
    feeds.bundles().remove(0)
}

fn status(feeds: &Feeds) -> Status {
    feeds.bundle_statuses().remove(0)
}

/// Waits until a bundle with that revision is offered, and says that it passes.
async fn activate(feeds: &Feeds, revision: &str) {
    until(revision, || revision_of(feeds).as_deref() == Some(revision)).await;
    let Standing { name, offered, .. } = standing(feeds);
    feeds.activate(&[(name, offered.unwrap())]);
}

fn revision_of(feeds: &Feeds) -> Option<String> {
    standing(feeds).offered.and_then(|offer| offer.order().revision.clone())
}

async fn failure(feeds: &Feeds, stage: Stage, words: &str) {
    let is = |failure: &Failure| failure.stage == stage && failure.message.contains(words);
    let mut last = None;
    let start = Instant::now();
    loop {
        // Older ones are refused when whoever makes policies of them looks.
        feeds.bundles();
        let now = status(feeds).failure;
        if now.as_ref().is_some_and(is) {
            return;
        }
        last = now.or(last);
        assert!(start.elapsed() < Duration::from_secs(20), "no {words:?}, but {last:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_bundle_comes_and_is_confirmed_without_being_given_again() {
    let scene = Scene::new(Reply::bundle("\"a\"", bundle("1"))).await;
    let feeds = scene.start();
    activate(&feeds, "1").await;
    scene.asked_again().await;
    let requests = scene.server.requests();
    assert!(requests[0].starts_with("GET /policy.tar.gz?secret HTTP/1.1\r\n"));
    assert!(requests[0].contains("prefer: modes=snapshot\r\n") && !requests[0].contains("if-none-match"));
    assert!(requests[1].contains("if-none-match: \"a\"\r\n"), "{}", requests[1]);
    let status = status(&feeds);
    assert_eq!((status.revision.as_deref(), status.failure, status.from_state), (Some("1"), None, false));
    assert_eq!((status.counts.activated, status.heard, status.activated), (1, Some(at(0)), Some(at(0))));
    assert_eq!(status.origin, scene.server.url("localhost", "/policy.tar.gz"), "what is told has no query");

    scene.server.reply(Reply::bundle("\"b\"", bundle("2")));
    activate(&feeds, "2").await;
    assert_eq!(feeds.bundle_statuses()[0].counts.activated, 2);
}

#[tokio::test]
async fn the_bytes_count_and_not_what_they_are_called() {
    let scene = Scene::new(Reply::bundle("\"a\"", bundle("1"))).await;
    let feeds = scene.start();
    activate(&feeds, "1").await;
    // The same under another name is no other; another one under the same name is.
    scene.server.reply(Reply::bundle("W/\"b\"", bundle("1")));
    until("the new name", || scene.server.requests().last().unwrap().contains("if-none-match: W/\"b\"\r\n")).await;
    assert_eq!(status(&feeds).counts.activated, 1);
    let mut other = Reply::bundle("W/\"b\"", bundle("2"));
    other.forget_tag();
    scene.server.reply(other);
    activate(&feeds, "2").await;
}

#[tokio::test]
async fn not_changed_counts_of_nothing_but_what_was_named() {
    let scene = Scene::new(Reply::status_with(304, "")).await;
    let feeds = scene.start();
    failure(&feeds, Stage::Download, "the server answered 304").await;
    assert!(standing(&feeds).offered.is_none());
    scene.server.reply(Reply::bundle("\"a\"", bundle("1")));
    activate(&feeds, "1").await;
    scene.server.reply(Reply::status_with(304, "etag: \"x\"\r\n"));
    failure(&feeds, Stage::Download, "of another version").await;
    assert_eq!(revision_of(&feeds).as_deref(), Some("1"));
}

#[tokio::test]
async fn what_is_no_bundle_is_refused_once_and_the_last_good_one_stays() {
    let scene = Scene::new(Reply::bundle("\"a\"", bundle("1"))).await;
    let feeds = scene.start();
    activate(&feeds, "1").await;
    let whole = bundle("2");
    let mut packed = Vec::new();
    GzEncoder::new(&mut packed, Compression::best()).write_all(&vec![0; 64 << 20]).unwrap();
    for bad in [
        b"no archive".to_vec(),
        whole[..whole.len() - 1].to_vec(),
        packed,
        archive(&[(".manifest", "{"), ("a.rego", "package a")]),
        signed("package hopguard.authz\n", NOW, SECRET),
    ] {
        let before = status(&feeds).counts;
        scene.server.reply(Reply::document(&bad));
        failure(&feeds, Stage::Archive, "").await;
        scene.asked_again().await;
        assert_eq!(status(&feeds).counts.archive, before.archive + 1, "told once");
        assert_eq!((revision_of(&feeds).as_deref(), status(&feeds).revision.as_deref()), (Some("1"), Some("1")));
        scene.server.reply(Reply::bundle("\"a\"", bundle("1")));
        until("the end of the failure", || status(&feeds).failure.is_none()).await;
    }
    scene.server.reply(Reply::document(&whole));
    activate(&feeds, "2").await;
}

#[tokio::test]
async fn a_server_that_misbehaves_changes_nothing() {
    let scene = Scene::new(Reply::bundle("\"a\"", bundle("1"))).await;
    let mut subscription = scene.subscription();
    subscription.max_bytes = 4096;
    let feeds = scene.follow(&subscription);
    activate(&feeds, "1").await;
    let large = "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\nx";
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(4097));
    let gzip = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx";
    for (reply, words) in [
        (Reply::raw(large).hang(), "larger than 4096 bytes"),
        (Reply::raw(endless).hang(), "larger than 4096 bytes"),
        (Reply::raw(gzip), "content encoding"),
        (Reply::document(""), "the server's answer is empty"),
        (Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx"), "the answer is broken"),
        (Reply::status(404, ""), "the server answered 404"),
        (Reply::status(206, "x"), "the server answered 206"),
        (Reply::redirect(302, "http://localhost/policy.tar.gz"), "redirects"),
        (Reply::redirect(302, "https://169.254.169.254/policy.tar.gz"), "inner address"),
        (Reply::redirect(302, "https://[::ffff:169.254.169.254]/"), "inner address"),
        (Reply::redirect(302, "file:///etc/passwd"), "redirects"),
        (Reply::redirect(302, "https://user:secret@localhost/"), "redirects"),
    ] {
        scene.server.reply(reply);
        failure(&feeds, Stage::Download, words).await;
        assert_eq!(revision_of(&feeds).as_deref(), Some("1"), "{words}");
    }
    scene.server.present(&certify(&scene.web, "elsewhere.test")).unwrap();
    scene.server.reply(Reply::bundle("\"b\"", bundle("2")));
    failure(&feeds, Stage::Download, "not valid for name").await;
    scene.server.present(&certify(&scene.web, "localhost")).unwrap();
    activate(&feeds, "2").await;
    assert_eq!(status(&feeds).failure, None);
}

#[tokio::test]
async fn a_download_that_is_cut_anywhere_is_no_bundle() {
    let whole = bundle("2");
    let scene = Scene::new(Reply::bundle("\"a\"", bundle("1"))).await;
    let subscription = scene.subscription();
    let now = at(0);
    for end in 0..whole.len() {
        let cut = Offer::read(&subscription, whole[..end].to_vec().into(), false, now);
        assert!(cut.is_err(), "{end} of {} bytes", whole.len());
    }
    assert!(Offer::read(&subscription, whole.into(), false, now).is_ok());
}

#[tokio::test]
async fn what_is_older_is_refused_unless_that_is_allowed() {
    let scene = Scene::new(Reply::bundle("\"2\"", bundle("2"))).await;
    let feeds = scene.start();
    activate(&feeds, "2").await;
    scene.server.reply(Reply::bundle("\"1\"", bundle("1")));
    failure(&feeds, Stage::Rollback, "its revision is `1` after `2`").await;
    let standing = standing(&feeds);
    assert_eq!(standing.offered.unwrap().order().revision.as_deref(), Some("2"));
    scene.asked_again().await;
    feeds.bundles();
    assert_eq!(status(&feeds).counts.rollback, 1, "told once");
    feeds.stop(Duration::from_secs(5));

    // Nor after a restart: what counted is remembered.
    let feeds = scene.start();
    failure(&feeds, Stage::Rollback, "its revision is `1` after `2`").await;
    feeds.stop(Duration::from_secs(5));

    let feeds = scene.follow(&Subscription { allow_rollback: true, ..scene.subscription() });
    activate(&feeds, "1").await;
    assert_eq!(status(&feeds).failure, None);
}

#[tokio::test]
async fn what_is_refused_for_one_reason_and_then_another_is_told_of_once_each() {
    let scene = Scene::new(Reply::bundle("\"5\"", bundle("5"))).await;
    let feeds = scene.start();
    activate(&feeds, "5").await;
    scene.server.reply(Reply::bundle("\"6\"", bundle("6")));
    until("the next one", || revision_of(&feeds).as_deref() == Some("6")).await;
    feeds.reject("policy", &standing(&feeds).offered.unwrap(), Stage::Policy, "it allows by default".to_owned());
    // Who makes policies tries what is offered again and again.
    let judge = |feeds: &Feeds| {
        let offered = standing(feeds).offered.unwrap();
        if offered.order().revision.as_deref() == Some("6") {
            feeds.reject("policy", &offered, Stage::Policy, "it allows by default".to_owned());
        }
    };
    scene.server.reply(Reply::document("no bundle"));
    until("its refusal", || status(&feeds).counts.archive == 1).await;
    scene.server.reply(Reply::document(bundle("4")));
    failure(&feeds, Stage::Rollback, "").await;
    scene.server.reply(Reply::document("no bundle"));
    until("its refusal", || status(&feeds).counts.archive == 2).await;
    for _ in 0..3 {
        judge(&feeds);
        scene.asked_again().await;
    }
    let counts = status(&feeds).counts;
    assert_eq!((counts.policy, counts.archive, counts.rollback), (1, 2, 1));
    assert_eq!(status(&feeds).failure.map(|failure| failure.stage), Some(Stage::Archive));
}

#[tokio::test]
async fn what_was_replaced_does_not_come_back() {
    let scene = Scene::new(Reply::bundle("\"a\"", bundle("main-6f1ed002"))).await;
    let feeds = scene.start();
    activate(&feeds, "main-6f1ed002").await;
    scene.server.reply(Reply::bundle("\"b\"", bundle("main-7b8b965a")));
    activate(&feeds, "main-7b8b965a").await;
    scene.server.reply(Reply::bundle("\"c\"", bundle("main-6f1ed002")));
    failure(&feeds, Stage::Rollback, "was there before").await;
    scene.server.reply(Reply::bundle("\"d\"", bundle("main-0e3b3a3e")));
    activate(&feeds, "main-0e3b3a3e").await;
}

#[tokio::test]
async fn the_signature_says_who_and_when() {
    let scene = Scene::new(Reply::document(signed("package hopguard.authz\n", NOW, SECRET))).await;
    let text = KeyText::Text(Secret::new(SECRET));
    let key = SigningKey { id: "release".to_owned(), algorithm: "HS256".to_owned(), scope: None, text };
    let subscription = Subscription { signing: Some(Signing::by(vec![key])), ..scene.subscription() };
    let feeds = scene.follow(&subscription);
    until("the bundle", || standing(&feeds).offered.is_some()).await;
    let Standing { name, offered, .. } = standing(&feeds);
    assert_eq!(offered.as_ref().unwrap().order().issued, Some(at(0).nanos()));
    feeds.activate(&[(name, offered.unwrap())]);

    for (reply, stage, words) in [
        (bundle("3"), Stage::Archive, "no `.signatures.json`"),
        (signed("package hopguard.authz\n", NOW, "another secret, which is as long"), Stage::Archive, "signature"),
        (signed("package hopguard.authz\n# older\n", NOW - 1, SECRET), Stage::Rollback, "it was signed at"),
        (signed("package hopguard.authz\n# ahead\n", NOW + 61, SECRET), Stage::Archive, "made in the future"),
    ] {
        scene.server.reply(Reply::document(reply));
        failure(&feeds, stage, words).await;
    }
    scene.server.reply(Reply::document(signed("package hopguard.authz\n# newer\n", NOW + 1, SECRET)));
    until("the newer one", || standing(&feeds).problem.is_none()).await;
    assert_eq!(standing(&feeds).offered.unwrap().order().issued, Some(at(1).nanos()));
}

#[tokio::test]
async fn what_passed_outlives_its_server_and_this_process() {
    let scene = Scene::new(Reply::bundle("\"a\"", bundle("1"))).await;
    let feeds = scene.start();
    activate(&feeds, "1").await;
    // What never passed is not kept.
    scene.server.reply(Reply::bundle("\"b\"", bundle("2")));
    until("the next one", || revision_of(&feeds).as_deref() == Some("2")).await;
    let newest = standing(&feeds).offered.unwrap();
    feeds.reject("policy", &newest, Stage::Policy, "it allows by default".to_owned());
    assert_eq!(status(&feeds).failure.map(|failure| failure.stage), Some(Stage::Policy));
    feeds.stop(Duration::from_secs(5));

    scene.server.reply(Reply::status(503, ""));
    let feeds = scene.start();
    assert_eq!(revision_of(&feeds).as_deref(), Some("1"), "it is there at once");
    activate(&feeds, "1").await;
    assert!(status(&feeds).from_state);
    failure(&feeds, Stage::Download, "503").await;
    // Its name was kept too.
    assert!(scene.server.requests().last().unwrap().contains("if-none-match: \"a\"\r\n"));
    scene.server.reply(Reply::bundle("\"a\"", bundle("1")));
    until("its confirmation", || !status(&feeds).from_state).await;
    feeds.stop(Duration::from_secs(5));

    // What another server gave, or was not to be kept, is not there.
    let elsewhere = Origin::parse(&scene.server.url("localhost", "/other"), false).unwrap();
    let feeds = scene.follow(&Subscription { origin: elsewhere, persist: false, ..scene.subscription() });
    assert!(standing(&feeds).good.is_none());
    until("its end", || fs::read_dir(scene.path("state/bundles")).unwrap().count() == 0).await;
}

#[tokio::test]
async fn a_kept_bundle_is_read_as_strictly_as_a_new_one() {
    let scene = Scene::new(Reply::bundle("\"a\"", bundle("1"))).await;
    let feeds = scene.start();
    activate(&feeds, "1").await;
    feeds.stop(Duration::from_secs(5));
    scene.server.reply(Reply::status(503, ""));
    let file = fs::read_dir(scene.path("state/bundles")).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    let feeds = scene.start();
    assert!(standing(&feeds).good.is_none(), "it is damaged");
    feeds.stop(Duration::from_secs(5));
    fs::write(&file, &whole).unwrap();
    let text = KeyText::Text(Secret::new(SECRET));
    let key = SigningKey { id: "release".to_owned(), algorithm: "HS256".to_owned(), scope: None, text };
    let feeds = scene.follow(&Subscription { signing: Some(Signing::by(vec![key])), ..scene.subscription() });
    assert!(standing(&feeds).good.is_none(), "it is not signed");
}

#[tokio::test]
async fn a_server_that_waits_for_news_tells_them_at_once_and_is_not_pestered() {
    let scene = Scene::new(Reply::awaited_bundle("\"a\"", bundle("1"))).await;
    let hour = Poll::every(Duration::from_secs(3600));
    let feeds =
        scene.follow(&Subscription { poll: hour, long_poll: Some(Duration::from_secs(30)), ..scene.subscription() });
    activate(&feeds, "1").await;
    until("a question that waits", || scene.asked() == 2).await;
    assert!(scene.server.requests()[1].contains("prefer: modes=snapshot;wait=30\r\n"));
    for revision in ["2", "3"] {
        scene.server.reply(Reply::awaited_bundle(&format!("\"{revision}\""), bundle(revision)));
        let told = Instant::now();
        activate(&feeds, revision).await;
        assert!(told.elapsed() < Duration::from_secs(5), "an hour is what it would be without");
    }
    assert!(scene.asked() <= 6, "{:?}", scene.server.requests());
}

#[tokio::test]
async fn secrets_are_for_the_configured_server_alone() {
    let there = Scene::new(Reply::bundle("\"a\"", bundle("1"))).await;
    let here = BundleEndpoint::start(
        &certify(&there.web, "localhost"),
        Reply::redirect(302, &there.server.url("localhost", "/there")),
    )
    .await
    .unwrap();
    fs::write(there.path("token"), "file-token\n").unwrap();
    for (auth, token) in
        [(Auth::Bearer(Secret::new("own-token")), "own-token"), (Auth::BearerFile(there.path("token")), "file-token")]
    {
        let subscription = Subscription {
            origin: Origin::parse(&here.url("localhost", "/here"), false).unwrap(),
            auth: Some(auth),
            headers: Headers::new([("x-tenant", "secret-tenant")]).unwrap(),
            persist: false,
            ..there.subscription()
        };
        assert!(!format!("{subscription:?}").contains("own-token") && !format!("{subscription:?}").contains("secret-"));
        let feeds = there.follow(&subscription);
        activate(&feeds, "1").await;
        let (asked, led) = (here.requests().pop().unwrap(), there.server.requests().pop().unwrap());
        assert!(asked.contains(&format!("authorization: Bearer {token}\r\n")) && asked.contains("secret-tenant"));
        assert!(!led.contains("authorization") && !led.contains("secret"), "{led}");
    }
    let token = there.path("token");
    fs::write(&token, "two\nlines").unwrap();
    let auth = Some(Auth::BearerFile(token));
    let feeds = there.follow(&Subscription { auth, persist: false, ..there.subscription() });
    failure(&feeds, Stage::Download, "the token is not visible ASCII").await;
}

#[tokio::test]
async fn a_server_on_this_machine_is_asked_in_plain_text_only_where_that_was_asked_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await.unwrap();
            let content = bundle("1");
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", content.len());
            stream.write_all(&[head.as_bytes(), &content].concat()).await.unwrap();
        }
    });
    let url = format!("http://localhost:{}/policy.tar.gz", address.port());
    assert_eq!(Origin::parse(&url, false), Err(UrlError::Scheme));
    for other in
        ["http://bundles.test/x", "http://10.0.0.1/x", "http://169.254.169.254/x", "http://localhost.bundles.test/"]
    {
        assert_eq!(Origin::parse(other, true), Err(UrlError::NotHere), "{other}");
    }
    let scene = Scene::new(Reply::document("")).await;
    let origin = Origin::parse(&format!("http://127.0.0.1:{}/policy.tar.gz", address.port()), true).unwrap();
    let feeds = scene.follow(&Subscription { origin, ca: None, ..scene.subscription() });
    activate(&feeds, "1").await;
}

#[tokio::test]
async fn a_file_is_read_when_it_changes() {
    let scene = Scene::new(Reply::document("")).await;
    let path = scene.path("policy.tar.gz");
    let replace = |path: &Path, content: &[u8]| {
        fs::write(path.with_extension("new"), content).unwrap();
        fs::rename(path.with_extension("new"), path).unwrap();
    };
    replace(&path, &bundle("1"));
    let subscription = Subscription::new("policy", Origin::File(path.clone()));
    let feeds = scene.follow(&subscription);
    activate(&feeds, "1").await;
    replace(&path, &bundle("2"));
    activate(&feeds, "2").await;
    replace(&path, &bundle("2")[..100]);
    failure(&feeds, Stage::Archive, "").await;
    replace(&path, &bundle("1"));
    failure(&feeds, Stage::Rollback, "").await;
    fs::remove_file(&path).unwrap();
    failure(&feeds, Stage::Download, "cannot read").await;
    fs::create_dir(&path).unwrap();
    failure(&feeds, Stage::Download, "not a regular file").await;
    assert_eq!(standing(&feeds).good.unwrap().order().revision.as_deref(), Some("2"));
}

#[test]
fn headers_that_the_request_needs_cannot_be_set() {
    for name in
        ["host", "Host", "if-none-match", "prefer", "content-length", "connection", "accept-encoding", "a b", ""]
    {
        assert_eq!(Headers::new([(name, "x")]), Err(HeadersError::Name(name.to_owned())), "{name}");
    }
    assert_eq!(Headers::new([("x-a", "x\r\ny: z")]), Err(HeadersError::Value("x-a".to_owned())));
    assert!(Headers::new([("x-a", "1"), ("x-a", "2")]).is_ok());
}
