//! Bundles from files: what they say counts within a second, and what cannot be read says nothing.

use std::time::Instant;

use serde_json::json;

use super::document::{document, map};
use crate::harness::{Answer, FRONTEND, Guard, Hop, Setup, TRUST_DOMAIN, chain::Ca, until};

/// A root, and a Hopguard that takes its trust from a file of this name.
fn scene(source: &str) -> (Setup, Ca, Ca) {
    let setup = Setup::new();
    let (old, new) = (Ca::root("old", setup.now()), Ca::root("new", setup.now()));
    (setup.set("trust", &format!("[{{trust_domain: {TRUST_DOMAIN}, {source}}}]")), old, new)
}

fn hop<'a>(guard: &'a Guard, ca: &Ca) -> Hop<'a> {
    guard.hop().with_certificate(ca.svid(FRONTEND).certificate())
}

async fn allowed(hop: &Hop<'_>) {
    until("an allow", async || hop.clone().send().await.is_allow().then_some(())).await;
}

/// The denial that a withdrawal leads to, within a second.
async fn withdrawn(hop: &Hop<'_>, guard: &Guard, detail: &str) -> Answer {
    let start = Instant::now();
    let answer = until("the withdrawal", async || {
        let answer = hop.clone().send().await;
        (!answer.is_allow()).then_some(answer)
    })
    .await
    .denied("peer_untrusted");
    assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
    assert_eq!(guard.record(&answer).await["detail"], detail);
    answer
}

#[tokio::test]
async fn a_bundle_file_is_followed_and_withdraws_what_it_leaves_out() {
    let (setup, old, new) = scene("bundle: td.json");
    let write = |setup: &Setup, authorities: &[&Ca]| setup.write("td.json", &document(authorities).to_string());
    write(&setup, &[&old]);
    let guard = setup.start().await;
    let (before, after) = (hop(&guard, &old), hop(&guard, &new));
    before.clone().send().await.allowed();
    after.clone().send().await.denied("peer_untrusted");
    write(guard.setup(), &[&old, &new]);
    allowed(&after).await;
    before.clone().send().await.allowed();
    write(guard.setup(), &[&new]);
    withdrawn(&before, &guard, "x509.no_path").await;
    after.clone().send().await.allowed();
    write(guard.setup(), &[]);
    withdrawn(&after, &guard, "td.empty_bundle").await;
    write(guard.setup(), &[&new]);
    allowed(&after).await;
}

#[tokio::test]
async fn a_bundle_file_that_is_broken_or_gone_withdraws_nothing() {
    let (setup, old, _) = scene("bundle: td.json");
    let good = document(&[&old]).to_string();
    setup.write("td.json", &good);
    let guard = setup.start().await;
    let hop = hop(&guard, &old);
    let mut keyed = document(&[&old]);
    keyed["keys"][0]["d"] = json!("AA");
    let broken = ["", "{", "{}", "[]", "{\"keys\": {}}", &format!("{good} {good}"), &keyed.to_string()];
    for text in broken {
        guard.setup().write("td.json", text);
        let problem = guard.problems("trust").await;
        assert!(problem.contains("td.json"), "{text}: {problem}");
        hop.clone().send().await.allowed();
        guard.setup().write("td.json", &good);
        guard.repaired("trust").await;
    }
    guard.setup().remove("td.json");
    assert!(guard.problems("trust").await.contains("td.json"));
    hop.clone().send().await.allowed();
}

#[tokio::test]
async fn a_bundle_map_counts_at_once_or_not_at_all() {
    let (setup, old, new) = scene("bundle_map: {file: map.json}");
    let other = document(&[&new]);
    let write = |setup: &Setup, text: String| setup.write("map.json", &text);
    write(&setup, map(&[(TRUST_DOMAIN, document(&[&old])), ("other.example", other.clone())]).to_string());
    let guard = setup.start().await;
    let (before, after) = (hop(&guard, &old), hop(&guard, &new));
    before.clone().send().await.allowed();
    // What a map says of others is theirs.
    after.clone().send().await.denied("peer_untrusted");

    let entry = format!("\"{TRUST_DOMAIN}\": {}", document(&[&new]));
    for text in [
        format!("{{\"trust_domains\": {{{entry}, {entry}}}}}"),
        format!("{{\"trust_domains\": {{{entry}, \"PROD.example\": {other}}}}}"),
        format!("{{\"trust_domains\": {{{entry}, \"spiffe://other.example\": {other}}}}}"),
        format!("{{\"trust_domains\": {{{entry}, \"other.example\": {{}}}}}}"),
        "{}".to_owned(),
    ] {
        write(guard.setup(), text.clone());
        assert!(guard.problems("trust").await.contains("map.json"), "{text}");
        before.clone().send().await.allowed();
        after.clone().send().await.denied("peer_untrusted");
        write(guard.setup(), map(&[(TRUST_DOMAIN, document(&[&old]))]).to_string());
        guard.repaired("trust").await;
    }

    write(guard.setup(), map(&[(TRUST_DOMAIN, document(&[&new]))]).to_string());
    withdrawn(&before, &guard, "x509.no_path").await;
    after.clone().send().await.allowed();
    write(guard.setup(), map(&[(TRUST_DOMAIN, document(&[]))]).to_string());
    withdrawn(&after, &guard, "td.empty_bundle").await;
    write(guard.setup(), map(&[(TRUST_DOMAIN, document(&[&new]))]).to_string());
    allowed(&after).await;
    write(guard.setup(), map(&[("other.example", other)]).to_string());
    withdrawn(&after, &guard, "td.empty_bundle").await;
}

#[tokio::test]
async fn without_a_bundle_nobody_is_answered_and_with_one_everybody_within_two_seconds() {
    let (setup, old, _) = scene("bundle: td.json");
    let guard = setup.launch().await;
    assert!(guard.problems("trust").await.contains("td.json"));
    for _ in 0..20 {
        hop(&guard, &old).send().await.denied("not_ready");
        guard.hop().by_nobody().send().await.denied("not_ready");
    }
    assert!(!guard.is_ready().await);
    let start = Instant::now();
    guard.setup().write("td.json", &document(&[&old]).to_string());
    guard.ready().await;
    hop(&guard, &old).send().await.allowed();
    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
}
