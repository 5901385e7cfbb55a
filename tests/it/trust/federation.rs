//! Bundles from federation endpoints: another trust domain's word is taken from its own server alone, and outlives it.

use std::fs;

use hopguard::{
    clock::Timestamp,
    dev::{BundleEndpoint, Credentials, Reply, WebAuthority},
};

use super::document::{document, numbered};
use crate::harness::{
    Grant, Guard, Hop, Setup,
    chain::{Ca, Shown},
    until,
};

/// The trust domain that federates, and a workload of it.
const PARTNER: &str = "partner.example";
const CALLER: &str = "spiffe://partner.example/ns/sales/sa/portal";
const ENDPOINT: &str = "spiffe://partner.example/spire/server";

/// A Hopguard that grants something to the partner's workload, once that is proved.
fn scene() -> (Setup, Ca, Ca) {
    let setup = Setup::new();
    setup.grants(&[Grant::to("/charge", setup.now()).subject(CALLER)]);
    let (old, new) = (Ca::root("old", setup.now()), Ca::root("new", setup.now()));
    (setup, old, new)
}

fn trusting(setup: Setup, federation: &str) -> Setup {
    let own = "{trust_domain: prod.example, pem: roots.pem}";
    setup.set("trust", &format!("[{own}, {{trust_domain: {PARTNER}, federation: {{{federation}}}}}]"))
}

fn hop<'a>(guard: &'a Guard, ca: &Ca) -> Hop<'a> {
    guard.hop().with_certificate(ca.svid(CALLER).certificate())
}

fn shows(shown: &Shown) -> Credentials {
    let (chain, key) = shown.client().unwrap();
    Credentials::new(chain, key)
}

async fn allowed(hop: &Hop<'_>) {
    until("an allow", async || hop.clone().send().await.is_allow().then_some(())).await;
}

#[tokio::test]
async fn a_server_of_the_trust_domain_speaks_for_it_and_its_last_word_outlives_it() {
    let (setup, old, new) = scene();
    fs::create_dir(setup.path("state")).unwrap();
    setup.write("bootstrap.json", &document(&[&old]).to_string());
    let server = old.svid(ENDPOINT);
    let reply = Reply::document(numbered(&[&new], 7).to_string());
    let endpoint = BundleEndpoint::start(&shows(&server), reply).await.unwrap();
    let setup = trusting(
        setup.set("state.directory", "state"),
        &format!(
            "url: \"{}\", profile: https_spiffe, endpoint_spiffe_id: \"{ENDPOINT}\", bootstrap: bootstrap.json",
            endpoint.url("127.0.0.1", "/bundle")
        ),
    );
    // Another domain's server holds up nobody's start, so what it says may come a little later.
    let guard = setup.start().await;
    allowed(&hop(&guard, &new)).await;
    // What was fetched replaces the bootstrap bundle: it vouches for the endpoint, and for nobody else.
    let answer = hop(&guard, &old).send().await.denied("peer_untrusted");
    assert_eq!(guard.record(&answer).await["detail"], "x509.no_path");
    kept(&guard).await;

    drop(endpoint);
    let guard = guard.kill().await.setup.start().await;
    hop(&guard, &new).send().await.allowed();
    hop(&guard, &old).send().await.denied("peer_untrusted");
    assert!(guard.problems("trust").await.contains("/bundle"));
    hop(&guard, &new).send().await.allowed();
}

#[tokio::test]
async fn a_withdrawal_is_not_taken_back_by_an_older_word_nor_by_a_restart() {
    let (setup, old, _) = scene();
    fs::create_dir(setup.path("state")).unwrap();
    let web = WebAuthority::new(ago(&setup), later(&setup)).unwrap();
    setup.write("web.pem", &web.pem());
    let credentials = web.certify(&["127.0.0.1"], ago(&setup), later(&setup)).unwrap();
    let endpoint = BundleEndpoint::start(&credentials, Reply::document(numbered(&[], 2).to_string())).await.unwrap();
    let federation = format!("url: \"{}\", profile: https_web, ca: web.pem", endpoint.url("127.0.0.1", "/bundle"));
    let guard = trusting(setup.set("state.directory", "state"), &federation).start().await;
    detail(&guard, &old, "td.empty_bundle").await;
    kept(&guard).await;
    // The endpoint says what it said before it withdrew.
    endpoint.reply(Reply::document(numbered(&[&old], 1).to_string()));
    let asked = endpoint.requests().len();
    let guard = guard.kill().await.setup.start().await;
    until("another request", async || (endpoint.requests().len() > asked).then_some(())).await;
    assert!(guard.problems("trust").await.contains("rollback"));
    detail(&guard, &old, "td.empty_bundle").await;
}

#[tokio::test]
async fn a_server_that_is_not_the_right_one_is_not_heard() {
    let (setup, old, _) = scene();
    let web = WebAuthority::new(ago(&setup), later(&setup)).unwrap();
    let named = web.certify(&["127.0.0.1"], ago(&setup), later(&setup)).unwrap();
    let stranger = Ca::root("old", setup.now());
    let other = old.svid("spiffe://partner.example/other");
    let good = || Reply::document(document(&[&old]).to_string());
    for credentials in [shows(&other), shows(&stranger.svid(ENDPOINT)), named] {
        let endpoint = BundleEndpoint::start(&credentials, good()).await.unwrap();
        let (setup, ..) = scene();
        setup.write("bootstrap.json", &document(&[&old]).to_string());
        let federation = format!(
            "url: \"{}\", profile: https_spiffe, endpoint_spiffe_id: \"{ENDPOINT}\", bootstrap: bootstrap.json",
            endpoint.url("127.0.0.1", "/bundle")
        );
        let guard = trusting(setup, &federation).start().await;
        assert!(guard.problems("trust").await.contains("/bundle"));
        assert!(!hop(&guard, &old).send().await.is_allow());
        assert_eq!(endpoint.requests(), Vec::<String>::new(), "nothing is asked of a server that is not the right one");
    }
}

/// Waits until the partner's workload is denied for this.
async fn detail(guard: &Guard, ca: &Ca, detail: &str) {
    until(detail, async || {
        let answer = hop(guard, ca).send().await;
        assert!(!answer.is_allow());
        (guard.record(&answer).await["detail"] == detail).then_some(())
    })
    .await;
}

/// Waits until there is a bundle on disk.
async fn kept(guard: &Guard) {
    let folder = guard.setup().path("state/trust");
    until("the kept bundle", async || {
        fs::read_dir(&folder).ok()?.flatten().any(|file| file.path().extension().is_some()).then_some(())
    })
    .await;
}

fn ago(setup: &Setup) -> Timestamp {
    Timestamp::from_seconds(setup.now().seconds() - 60)
}

fn later(setup: &Setup) -> Timestamp {
    setup.now().after(std::time::Duration::from_secs(3_600))
}
