use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::KeyPair;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};

use super::*;
use crate::{
    dev::{BundleEndpoint, Credentials, Reply, TokenIssuer, WebAuthority},
    feed::https::{Bounds, Pace},
    peer::{
        fixture::{Authority, NOW},
        id::parse_trust_domain,
    },
    trust::Authorities,
};

mod follow;

const SERVER: &str = "spiffe://td.test/spire/server";

fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

fn td() -> TrustDomain {
    parse_trust_domain("td.test").unwrap()
}

fn document(authorities: &[&Authority], sequence: impl Into<Option<u64>>) -> String {
    let keys = authorities.iter().map(|authority| {
        let x5c = STANDARD.encode(authority.der());
        json!({"use": "x509-svid", "kty": "EC", "x5c": [x5c]})
    });
    let mut document = json!({"keys": keys.collect::<Vec<_>>()});
    if let Some(sequence) = sequence.into() {
        document["spiffe_sequence"] = sequence.into();
    }
    document.to_string()
}

fn bundle(trust_domain: &str, authority: &Authority) -> Arc<TrustBundle> {
    let trust_domain = parse_trust_domain(trust_domain).unwrap();
    Arc::new(TrustBundle::from_authorities(trust_domain, [authority.der().to_vec()]).unwrap())
}

fn svid(authority: &Authority, id: &str) -> Credentials {
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateDer::from(authority.svid_for(id, &key, |_| {}));
    Credentials::new(vec![leaf], PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap())
}

/// A relationship, and what its endpoint said last.
#[derive(Clone)]
struct Federation {
    relationship: Relationship,
    held: Option<Held>,
}

impl Federation {
    fn accept(&mut self, text: &str) -> Result<Change, FederationError> {
        let accepted = super::accept(&self.relationship.trust_domain, self.held.as_ref(), text.as_bytes())?;
        self.held = Some(accepted.held);
        Ok(accepted.change)
    }

    async fn fetch(&mut self, neighbour: Option<Arc<TrustBundle>>) -> Result<Change, FederationError> {
        let limits = Limits::default();
        let accepted = super::fetch(&self.relationship, self.held.as_ref(), neighbour, limits, now()).await?;
        self.held = Some(accepted.held);
        Ok(accepted.change)
    }

    fn held(&self) -> &Held {
        self.held.as_ref().unwrap()
    }
}

fn federation(url: &str, profile: Profile, held: Option<Held>) -> Federation {
    Federation { relationship: Relationship { trust_domain: td(), url: url.parse().unwrap(), profile }, held }
}

fn spiffe(id: &str, bootstrap: Option<&Path>) -> Profile {
    Profile::HttpsSpiffe { endpoint_spiffe_id: id.parse().unwrap(), bootstrap: bootstrap.map(Into::into) }
}

/// A relationship that is asked nothing over the network.
fn offline() -> Federation {
    federation("https://td.test", Profile::HttpsWeb { ca: None }, None)
}

fn accept(federation: &mut Federation, text: &str) -> Result<Change, String> {
    federation.accept(text).map_err(|error| error.to_string())
}

async fn fetch(federation: &mut Federation) -> Result<Change, String> {
    federation.fetch(None).await.map_err(|error| error.to_string())
}

#[test]
fn what_is_fetched_is_about_the_configured_trust_domain_alone() {
    let other = Authority::root("other");
    let mut federation = offline();
    let mut text: Value = serde_json::from_str(&document(&[&other], 1)).unwrap();
    text["trust_domain"] = json!("other.test");
    assert_eq!(accept(&mut federation, &text.to_string()), Ok(Change::Other));
    let held = federation.held();
    assert_eq!(held.bundle.trust_domain(), &td());
    assert_eq!(held.authorities.x509, [other.der()]);
}

#[test]
fn keys_for_certificates_and_for_tokens_come_together() {
    let root = Authority::root("root");
    let mut text: Value = serde_json::from_str(&document(&[&root], 1)).unwrap();
    let jwks = TokenIssuer::new("td").unwrap().jwks("jwt-svid");
    text["keys"].as_array_mut().unwrap().extend(jwks["keys"].as_array().unwrap().iter().cloned());
    let mut federation = offline();
    assert_eq!(accept(&mut federation, &text.to_string()), Ok(Change::Other));
    let held = federation.held();
    assert!(held.bundle.is_usable(now()));
    assert_eq!(held.bundle.jwt_keys().len(), 2);
    // Keys for tokens alone are a change, too.
    assert_eq!(accept(&mut federation, &document(&[&root], 2)), Ok(Change::Other));
    assert!(federation.held().bundle.jwt_keys().is_empty());
}

#[test]
fn an_older_bundle_does_not_replace_a_newer_one() {
    let (a, b) = (Authority::root("a"), Authority::root("b"));
    let mut federation = offline();
    assert_eq!(accept(&mut federation, &document(&[&a], 7)), Ok(Change::Other));
    let error = federation.accept(&document(&[&b], 6)).unwrap_err();
    assert_eq!(error.kind(), "rollback");
    assert_eq!(federation.held().authorities.x509, [a.der()]);

    assert_eq!(accept(&mut federation, &document(&[&a], 7)), Ok(Change::Same));
    assert_eq!(accept(&mut federation, &document(&[&b], 7)), Ok(Change::OtherSameSequence));
    assert_eq!(accept(&mut federation, &document(&[&b], u64::MAX)), Ok(Change::Same));
    assert_eq!(federation.held().sequence, Some(u64::MAX));
    assert!(accept(&mut federation, &document(&[&a], u64::MAX - 1)).is_err());
}

#[test]
fn without_sequence_numbers_the_newest_wins() {
    let (a, b) = (Authority::root("a"), Authority::root("b"));
    let mut federation = offline();
    for (text, change) in [
        (document(&[&a], None), Change::Other),
        (document(&[&b], None), Change::Other),
        (document(&[&b], 1), Change::Same),
        (document(&[&a], None), Change::Other),
        (document(&[&b], 0), Change::Other),
    ] {
        assert_eq!(accept(&mut federation, &text), Ok(change));
    }
}

#[test]
fn no_keys_are_a_withdrawal_and_no_member_keys_is_a_broken_document() {
    let root = Authority::root("root");
    let mut federation = offline();
    accept(&mut federation, &document(&[&root], 1)).unwrap();
    for broken in [
        "",
        "{}",
        "null",
        "[]",
        "<html></html>",
        r#"{"keys": null}"#,
        r#"{"keys": {}}"#,
        r#"{"keys": [], "keys": []}"#,
        r#"{"keys": []} {}"#,
        r#"{"keys": ["x"]}"#,
        r#"{"keys": [{"use": "x509-svid", "kty": "EC", "d": "AQ"}]}"#,
        r#"{"keys": [], "spiffe_sequence": "2"}"#,
        r#"{"keys": [], "spiffe_sequence": -1}"#,
        r#"{"keys": [], "spiffe_sequence": 18446744073709551616}"#,
        r#"{"keys": [], "spiffe_refresh_hint": "300"}"#,
        r#"{"keys": [], "spiffe_refresh_hint": 1.5}"#,
    ] {
        let error = federation.accept(broken).expect_err(broken);
        assert_eq!(error.kind(), "document", "{broken}");
        assert!(federation.held().bundle.is_usable(now()), "{broken}");
    }
    let whole = document(&[&root, &Authority::root("other")], 2);
    for end in 0..whole.len() {
        assert!(federation.accept(whole.get(..end).unwrap()).is_err());
    }
    assert_eq!(accept(&mut federation, r#"{"keys": [], "spiffe_sequence": 2}"#), Ok(Change::Other));
    let held = federation.held();
    assert!(!held.bundle.is_usable(now()));
    assert_eq!(held.authorities, Authorities::default());
}

#[test]
fn a_hint_may_be_as_odd_as_it_likes() {
    for (hint, least, most) in [
        (json!(0), 27, 33),
        (json!(-1), 27, 33),
        (json!(1_000_000_000_000_u64), 3240, 3960),
        (json!(1_000_000_000_000_000_000_u64), 3240, 3960),
        (json!(600), 540, 660),
        (Value::Null, 270, 330),
    ] {
        let mut text = json!({"keys": [], "spiffe_refresh_hint": hint});
        if hint.is_null() {
            text.as_object_mut().unwrap().remove("spiffe_refresh_hint");
        }
        let accepted = super::accept(&td(), None, text.to_string().as_bytes()).unwrap();
        let wait = Pace::new(Bounds::default()).answered(accepted.refresh_hint).as_secs();
        assert!((least..=most).contains(&wait), "{hint}: {wait}");
    }
}

#[tokio::test]
async fn the_bootstrap_bundle_counts_until_something_was_fetched_and_never_after() {
    let directory = tempfile::tempdir().unwrap();
    let bootstrap = directory.path().join("td.json");
    let (old, new) = (Authority::root("old"), Authority::root("new"));
    fs::write(&bootstrap, document(&[&old], None)).unwrap();

    let endpoint =
        BundleEndpoint::start(&svid(&old, SERVER), Reply::document(document(&[&old, &new], 1))).await.unwrap();
    let url = endpoint.url("localhost", "/");
    let mut federation = federation(&url, spiffe(SERVER, Some(&bootstrap)), None);
    assert_eq!(fetch(&mut federation).await, Ok(Change::Other));

    // The old authority is gone, and with it whoever still has its keys.
    endpoint.reply(Reply::document(document(&[&new], 2)));
    endpoint.present(&svid(&new, SERVER)).unwrap();
    assert_eq!(fetch(&mut federation).await, Ok(Change::Other));
    endpoint.present(&svid(&old, SERVER)).unwrap();
    assert!(fetch(&mut federation).await.unwrap_err().starts_with("the server was not verified: "));

    // Nor does a restart bring it back.
    let kept = federation.held().clone();
    let mut restarted = self::federation(&url, spiffe(SERVER, Some(&bootstrap)), Some(kept));
    assert!(fetch(&mut restarted).await.unwrap_err().starts_with("the server was not verified: "));
    endpoint.present(&svid(&new, SERVER)).unwrap();
    assert_eq!(fetch(&mut restarted).await, Ok(Change::Same));
    endpoint.reply(Reply::document(document(&[&old], 1)));
    assert!(fetch(&mut restarted).await.unwrap_err().contains("sequence 1 after 2"));
}

#[tokio::test]
async fn who_withdraws_its_own_bundle_is_no_longer_believed() {
    let directory = tempfile::tempdir().unwrap();
    let bootstrap = directory.path().join("td.json");
    let root = Authority::root("root");
    fs::write(&bootstrap, document(&[&root], None)).unwrap();
    let endpoint = BundleEndpoint::start(&svid(&root, SERVER), Reply::document(r#"{"keys":[]}"#)).await.unwrap();
    let mut federation = federation(&endpoint.url("localhost", "/"), spiffe(SERVER, Some(&bootstrap)), None);
    assert_eq!(fetch(&mut federation).await, Ok(Change::Other));
    endpoint.reply(Reply::document(document(&[&root], 1)));
    assert!(fetch(&mut federation).await.unwrap_err().starts_with("the server was not verified: "));
    assert!(!federation.held().bundle.is_usable(now()));
}

#[tokio::test]
async fn a_first_fetch_needs_something_to_hold_the_endpoint_against() {
    let directory = tempfile::tempdir().unwrap();
    let bootstrap = directory.path().join("td.json");
    let root = Authority::root("root");
    let endpoint = BundleEndpoint::start(&svid(&root, SERVER), Reply::document(document(&[&root], 1))).await.unwrap();
    let url = endpoint.url("localhost", "/");
    let kind = async |profile| federation(&url, profile, None).fetch(None).await.err().map(|error| error.kind());

    assert_eq!(kind(spiffe(SERVER, None)).await, Some("bootstrap"));
    assert_eq!(kind(spiffe(SERVER, Some(&bootstrap))).await, Some("bootstrap"), "there is no file yet");
    fs::write(&bootstrap, "{}").unwrap();
    assert_eq!(kind(spiffe(SERVER, Some(&bootstrap))).await, Some("bootstrap"));
    fs::write(&bootstrap, r#"{"keys":[]}"#).unwrap();
    assert_eq!(kind(spiffe(SERVER, Some(&bootstrap))).await, Some("fetch"));
    fs::write(&bootstrap, document(&[&Authority::root("root")], 1)).unwrap();
    assert_eq!(kind(spiffe(SERVER, Some(&bootstrap))).await, Some("fetch"));
    assert!(endpoint.requests().is_empty());
    fs::write(&bootstrap, document(&[&root], 1)).unwrap();
    assert_eq!(kind(spiffe(SERVER, Some(&bootstrap))).await, None);
}

#[tokio::test]
async fn an_endpoint_of_another_trust_domain_is_held_against_the_bundle_of_that() {
    let (root, other) = (Authority::root("root"), Authority::root("other"));
    let id = "spiffe://host.test/bundles";
    let endpoint = BundleEndpoint::start(&svid(&other, id), Reply::document(document(&[&root], 1))).await.unwrap();
    // What is held of the trust domain itself says nothing about its endpoint.
    let held = {
        let mut federation = offline();
        federation.accept(&document(&[&other], 1)).unwrap();
        federation.held().clone()
    };
    let federation = federation(&endpoint.url("localhost", "/"), spiffe(id, None), Some(held));
    let fetch = async |bundle| {
        let mut federation = federation.clone();
        let outcome = federation.fetch(bundle).await.map_err(|error| error.kind());
        outcome.map(|_| federation.held().authorities.x509.clone())
    };
    let stale = TrustBundle::clone(&bundle("host.test", &other)).with_stale_at(Some(now()));
    assert_eq!(fetch(None).await, Err("endpoint_bundle"));
    assert_eq!(fetch(Some(bundle("host.test", &root))).await, Err("fetch"));
    assert_eq!(fetch(Some(bundle("td.test", &other))).await, Err("fetch"));
    assert_eq!(fetch(Some(Arc::new(stale))).await, Err("fetch"));
    assert_eq!(fetch(Some(bundle("host.test", &other))).await, Ok(vec![root.der().to_vec()]));
}

#[tokio::test]
async fn a_web_endpoint_is_held_against_the_roots_of_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    let (from, until) = (now(), now().after(Duration::from_secs(60)));
    let web = WebAuthority::new(from, until).unwrap();
    let root = Authority::root("root");
    let credentials = web.certify(&["localhost"], from, until).unwrap();
    let endpoint = BundleEndpoint::start(&credentials, Reply::document(document(&[&root], 1))).await.unwrap();
    let profile = Profile::HttpsWeb { ca: Some(ca.clone()) };
    let mut federation = federation(&endpoint.url("localhost", "/bundle"), profile, None);
    assert_eq!(federation.fetch(None).await.unwrap_err().kind(), "roots", "there is no file yet");
    fs::write(&ca, root.pem()).unwrap();
    assert_eq!(federation.fetch(None).await.unwrap_err().kind(), "fetch");
    fs::write(&ca, web.pem()).unwrap();
    assert_eq!(fetch(&mut federation).await, Ok(Change::Other));
    endpoint.present(&svid(&root, SERVER)).unwrap();
    assert_eq!(federation.fetch(None).await.unwrap_err().kind(), "fetch", "an SVID names no host");
    endpoint.present(&credentials).unwrap();
    endpoint.reply(Reply::status(500, &document(&[], 9)));
    assert_eq!(federation.fetch(None).await.unwrap_err().kind(), "fetch");
    assert_eq!(federation.held().sequence, Some(1));
}
