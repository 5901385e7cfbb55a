use std::{fs, path::Path};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::{
    dev::{BundleEndpoint, Credentials, Reply, TokenIssuer, WebAuthority},
    trust::jwk::Algorithm,
};

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

fn jwks(endpoint: &BundleEndpoint, ca: &Path) -> Jwks {
    let endpoint = Endpoint {
        issuer: "https://login.test".to_owned(),
        url: endpoint.url("localhost", "/keys").parse().unwrap(),
        ca: Some(ca.to_owned()),
        refresh: Duration::ZERO,
    };
    Jwks::new(endpoint, Limits::default())
}

fn set(issuer: &TokenIssuer) -> Reply {
    Reply::document(issuer.jwks("sig").to_string())
}

#[tokio::test]
async fn holds_what_the_issuer_said_last() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    let (a, b) = (TokenIssuer::new("a").unwrap(), TokenIssuer::new("b").unwrap());
    let endpoint = BundleEndpoint::start(&host(&ca), set(&a)).await.unwrap();
    let mut jwks = jwks(&endpoint, &ca);
    assert!(jwks.held().is_none());

    let (held, changed) = jwks.fetch(now()).await.unwrap();
    assert!(changed && held.keys.get(&a.kid(Algorithm::ES256)).is_some());
    assert_eq!(held.stale_at(Duration::from_secs(86_400)), now().after(Duration::from_secs(86_400)));
    let (held, changed) = jwks.fetch(now().after(Duration::from_secs(1))).await.unwrap();
    assert!(!changed);
    assert_eq!(held.confirmed, now().after(Duration::from_secs(1)));

    endpoint.reply(set(&b));
    let (held, changed) = jwks.fetch(now()).await.unwrap();
    assert!(changed && held.keys.get(&a.kid(Algorithm::ES256)).is_none(), "a key that is gone is gone");
    endpoint.reply(Reply::document(r#"{"keys":[]}"#));
    let (held, changed) = jwks.fetch(now()).await.unwrap();
    assert!(changed && held.keys.is_empty(), "no keys are a withdrawal");
}

#[tokio::test]
async fn the_last_good_set_outlives_a_bad_answer() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    let issuer = TokenIssuer::new("a").unwrap();
    let endpoint = BundleEndpoint::start(&host(&ca), set(&issuer)).await.unwrap();
    let mut jwks = jwks(&endpoint, &ca);
    jwks.fetch(now()).await.unwrap();
    let before = Arc::clone(jwks.held().unwrap());

    let mut private: Value = issuer.jwks("sig");
    private["keys"][0]["d"] = json!("AQAB");
    let private = Reply::document(private.to_string());
    let duplicate = Reply::document(r#"{"keys":[],"keys":[]}"#);
    let large = Reply::document(format!("{}{}", " ".repeat(1024 * 1024), issuer.jwks("sig")));
    for reply in [
        Reply::document(""),
        Reply::document("{}"),
        Reply::document("<html></html>"),
        Reply::status(404, "{\"keys\":[]}"),
        Reply::redirect(302, "http://localhost/keys"),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n{\"keys\":[]}"),
        duplicate,
        private,
        large,
    ] {
        endpoint.reply(reply.clone());
        assert!(jwks.fetch(until()).await.is_err(), "{reply:?}");
        assert!(Arc::ptr_eq(jwks.held().unwrap(), &before));
    }
    endpoint.reply(set(&issuer));
    endpoint.present(&host(&directory.path().join("other.pem"))).unwrap();
    assert!(jwks.fetch(now()).await.is_err(), "whoever else has the host's name");
    fs::remove_file(&ca).unwrap();
    assert!(matches!(jwks.fetch(now()).await, Err(JwksError::Roots(_))));
    assert!(Arc::ptr_eq(jwks.held().unwrap(), &before));
}

#[tokio::test]
async fn keys_that_cannot_be_used_are_left_out_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    let mut set = TokenIssuer::new("a").unwrap().jwks("sig");
    set["keys"].as_array_mut().unwrap().insert(0, json!({"kty": "OKP", "crv": "Ed25519", "kid": "x", "x": "AA"}));
    let endpoint = BundleEndpoint::start(&host(&ca), Reply::document(set.to_string())).await.unwrap();
    let (held, _) = jwks(&endpoint, &ca).fetch(now()).await.unwrap();
    assert_eq!((held.keys.len(), held.ignored.len()), (2, 1));
    assert_eq!(held.ignored[0].position, 1);
}

struct Told(mpsc::UnboundedSender<Result<bool, String>>);

impl Keeper for Told {
    fn now(&self) -> Timestamp {
        now()
    }

    fn accept(&self, issuer: &str, held: &Arc<Held>, changed: bool) {
        assert_eq!((issuer, held.confirmed), ("https://login.test", now()));
        self.0.send(Ok(changed)).unwrap();
    }

    fn fail(&self, _: &str, error: &JwksError) {
        self.0.send(Err(error.to_string())).unwrap();
    }
}

#[tokio::test]
async fn asks_again_and_again() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    let endpoint = BundleEndpoint::start(&host(&ca), set(&TokenIssuer::new("a").unwrap())).await.unwrap();
    let jwks = jwks(&endpoint, &ca);
    let moment = Duration::from_millis(1);
    let bounds = Bounds { least: moment, most: moment, retry: moment };
    let (sender, mut told) = mpsc::unbounded_channel();
    let task = tokio::spawn(async move { run(jwks, bounds, &Told(sender)).await });
    assert_eq!(told.recv().await, Some(Ok(true)));
    assert_eq!(told.recv().await, Some(Ok(false)));
    endpoint.reply(Reply::status(500, ""));
    while told.recv().await.unwrap().is_ok() {}
    endpoint.reply(set(&TokenIssuer::new("b").unwrap()));
    while told.recv().await.unwrap() != Ok(true) {}
    task.abort();
}
