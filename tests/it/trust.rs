//! Trust: what is trusted is what its source says now, or last said.

mod document;
mod federation;
mod files;
mod load;

use hopguard::dev::WorkloadApi;

use crate::harness::{FRONTEND, Setup, TRUST_DOMAIN, chain::Ca, until};

#[tokio::test]
pub(crate) async fn what_a_bundle_no_longer_vouches_for_is_denied_by_the_next_answer() {
    let setup = Setup::new();
    let (old, new) = (Ca::root("root", setup.now()), Ca::root("root", setup.now()));
    setup.write("roots.pem", &[&old, &new].map(Ca::pem).concat());
    let guard = setup.start().await;
    let warm = guard.hop().with_certificate(old.svid(FRONTEND).certificate());
    let before = warm.clone().send().await.allowed().text("revision");
    guard.setup().write("roots.pem", &new.pem());
    let denied = until("the end of the old root", async || {
        let answer = warm.clone().send().await;
        // What is asked of the new snapshot is asked of the new bundle: nothing outlives the swap.
        assert_eq!(answer.is_allow(), answer.text("revision") == before, "{answer:?}");
        (!answer.is_allow()).then_some(answer)
    })
    .await
    .denied("peer_untrusted");
    assert_eq!(guard.record(&denied).await["detail"], "x509.bad_signature");
    guard.hop().with_certificate(new.svid(FRONTEND).certificate()).send().await.allowed();
}

#[tokio::test]
pub(crate) async fn what_an_agent_says_of_others_changes_nothing() {
    let setup = Setup::new();
    let (own, attacker) = (Ca::root("own", setup.now()), Ca::root("attacker", setup.now()));
    let agent = WorkloadApi::start(&setup.path("agent.sock")).unwrap();
    let trust = format!("[{{trust_domain: {TRUST_DOMAIN}, workload_api: \"{}\"}}]", agent.endpoint());
    agent.set_jwt_bundles([]);
    agent.set_bundles([
        (format!("spiffe://{TRUST_DOMAIN}"), own.der().to_vec()),
        ("spiffe://attacker.example".to_owned(), attacker.der().to_vec()),
    ]);
    let guard = setup.set("trust", &trust).start().await;
    guard.hop().with_certificate(own.svid(FRONTEND).certificate()).send().await.allowed();
    for (id, detail) in [(FRONTEND, "x509.no_path"), ("spiffe://attacker.example/x", "td.not_listed")] {
        let answer = guard.hop().with_certificate(attacker.svid(id).certificate()).send().await;
        assert_eq!(guard.record(&answer.denied("peer_untrusted")).await["detail"], detail);
    }
}
