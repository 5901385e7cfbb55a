use std::{fs, path::Path};

use serde_json::json;
use tokio::{sync::mpsc, task::LocalSet};

use super::*;
use crate::{
    dev::{BundleEndpoint, Credentials, Reply, TokenIssuer, WebAuthority},
    trust::jwk::Algorithm,
};

const ISSUER: &str = "https://login.test";

fn now() -> Timestamp {
    Timestamp::from_seconds(1_795_165_200)
}

fn until() -> Timestamp {
    now().after(Duration::from_secs(60))
}

/// Credentials of `localhost`, from an authority in the file `ca`.
fn host(ca: &Path) -> Credentials {
    let web = WebAuthority::new(now(), until()).unwrap();
    fs::write(ca, web.pem()).unwrap();
    web.certify(&["localhost"], now(), until()).unwrap()
}

fn endpoint(server: &BundleEndpoint, ca: &Path) -> Endpoint {
    Endpoint {
        issuer: ISSUER.to_owned(),
        url: server.url("localhost", "/keys").parse().unwrap(),
        ca: Some(ca.to_owned()),
        refresh: Duration::ZERO,
    }
}

fn set(issuer: &TokenIssuer) -> Reply {
    Reply::document(issuer.jwks("sig").to_string())
}

#[tokio::test]
async fn takes_a_key_set_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    let issuer = TokenIssuer::new("a").unwrap();
    let server = BundleEndpoint::start(&host(&ca), set(&issuer)).await.unwrap();
    let endpoint = endpoint(&server, &ca);
    let fetch = async || fetch(&endpoint, Limits::default(), now()).await;
    let (keys, ignored) = fetch().await.unwrap();
    assert!(keys.get(&issuer.kid(Algorithm::ES256)).is_some());
    assert_eq!((keys.len(), ignored.len()), (2, 0));

    let mut private = issuer.jwks("sig");
    private["keys"][0]["d"] = json!("AQAB");
    for reply in [
        Reply::document(""),
        Reply::document("{}"),
        Reply::document("<html></html>"),
        Reply::document(r#"{"keys":[],"keys":[]}"#),
        Reply::document(private.to_string()),
        Reply::document(format!("{}{}", " ".repeat(1024 * 1024), issuer.jwks("sig"))),
        Reply::status(404, r#"{"keys":[]}"#),
        Reply::redirect(302, "http://localhost/keys"),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n{\"keys\":[]}"),
    ] {
        server.reply(reply.clone());
        assert!(fetch().await.is_err(), "{reply:?}");
    }
    server.reply(set(&issuer));
    let trusted = fs::read(&ca).unwrap();
    server.present(&host(&ca)).unwrap();
    fs::write(&ca, trusted).unwrap();
    assert!(matches!(fetch().await, Err(JwksError::Fetch(_))), "whoever else has the host's name");
    fs::remove_file(&ca).unwrap();
    assert!(matches!(fetch().await, Err(JwksError::Roots(_))));
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_left_out_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    let mut set = TokenIssuer::new("a").unwrap().jwks("sig");
    set["keys"].as_array_mut().unwrap().insert(0, json!({"kty": "OKP", "crv": "Ed25519", "kid": "x", "x": "AA"}));
    let server = BundleEndpoint::start(&host(&ca), Reply::document(set.to_string())).await.unwrap();
    let (keys, ignored) = fetch(&endpoint(&server, &ca), Limits::default(), now()).await.unwrap();
    assert_eq!((keys.len(), ignored.len()), (2, 1));
    assert_eq!(ignored[0].position, 1);
}

#[tokio::test]
async fn holds_what_the_issuer_said_last() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    let (a, b) = (TokenIssuer::new("a").unwrap(), TokenIssuer::new("b").unwrap());
    let server = BundleEndpoint::start(&host(&ca), set(&a)).await.unwrap();
    let endpoint = endpoint(&server, &ca);
    let moment = Duration::from_millis(1);
    let bounds = Bounds { least: moment, most: moment, retry: moment };

    let (nudge, mut nudges) = mpsc::unbounded_channel();
    let board = Arc::new(Board::new(None, now, move || nudge.send(()).unwrap_or_default()));
    let issuers = Arc::new(Issuers::default());
    let mut followers = Followers::new(bounds);
    let known = Arc::clone(&issuers);
    let mut until = async |is: &dyn Fn(&Latest) -> bool| {
        while !is(&known.latest(ISSUER)) {
            let nudge = tokio::time::timeout(Duration::from_secs(20), nudges.recv()).await;
            nudge.unwrap_or_else(|_| panic!("it stays {:?}", known.latest(ISSUER)));
        }
        known.latest(ISSUER)
    };
    let has = |latest: &Latest, issuer: &TokenIssuer| {
        latest.keys.as_ref().is_some_and(|keys| keys.get(&issuer.kid(Algorithm::ES256)).is_some())
    };
    let work = async {
        assert!(issuers.latest(ISSUER).keys.is_none());
        issuers.adopt(std::slice::from_ref(&endpoint));
        followers.follow(&board, &issuers, vec![endpoint.clone()]).await;
        let latest = until(&|latest| has(latest, &a)).await;
        assert_eq!((latest.confirmed, latest.connected, latest.stale_at()), (Some(now()), true, None));

        server.reply(Reply::status(503, ""));
        let latest = until(&|latest| !latest.connected).await;
        assert!(has(&latest, &a) && latest.problem.is_some_and(|problem| problem.contains("503")));
        assert_eq!(issuers.latest(ISSUER).stale_at(), Some(now().after(MAX_STALE)));

        server.reply(set(&b));
        let latest = until(&|latest| has(latest, &b)).await;
        assert!(!has(&latest, &a), "a key that is gone is gone");
        assert!(latest.connected && latest.problem.is_none());

        server.reply(Reply::document(r#"{"keys":[]}"#));
        until(&|latest| latest.keys.as_ref().is_some_and(JwtKeys::is_empty)).await;

        // What another endpoint said of the issuer does not count for this one.
        let other = Endpoint { url: server.url("localhost", "/other").parse().unwrap(), ..endpoint.clone() };
        issuers.adopt(std::slice::from_ref(&other));
        assert!(!issuers.change(&endpoint, |latest| latest.keys = Some(JwtKeys::default())));
        assert!(issuers.latest(ISSUER).keys.is_none());
        server.reply(set(&a));
        followers.follow(&board, &issuers, vec![other]).await;
        until(&|latest| has(latest, &a)).await;
        assert!(server.requests().last().unwrap().starts_with("GET /other "));

        issuers.adopt(&[]);
        followers.follow(&board, &issuers, Vec::new()).await;
        assert!(followers.tasks.is_empty() && issuers.latest(ISSUER).keys.is_none());
        followers.end().await;
    };
    LocalSet::new().run_until(work).await;
}

#[test]
fn keys_that_were_never_there_are_stale() {
    assert!(Latest::default().stale_at() < Some(now()));
}
