//! Whatever a `Revocation` can name ends what rests on it, for as long as it lasts, and nothing beside it.

use super::*;
use crate::{
    grant::fixture::{Sketch, get, port},
    peer::{Certificate, IdPrefix},
    purpose::Purpose,
    revocation::{Revocation, Target},
    token::fixture::{LOGIN, PROD, WEB, oidc, svid},
    trust::jwk::Algorithm,
};

const ALICE: &str = "alice";
const FRIEND: &str = "spiffe://friend.example/web";

fn subject(issuer: &str, subject: &str) -> Target {
    Target::Subject { issuer: issuer.to_owned(), subject: subject.to_owned() }
}

fn prefix(text: &str) -> Target {
    Target::Prefix(IdPrefix::parse(text).unwrap())
}

fn domain(name: &str) -> Target {
    Target::TrustDomain(spiffe::TrustDomain::new(name).unwrap())
}

fn purpose(name: &str) -> Target {
    Target::Purpose(Purpose::parse(name).unwrap())
}

fn text(text: &str) -> String {
    text.to_owned()
}

/// What the peer's certificate says of itself.
fn certificate() -> (String, String) {
    let decision = Scene::new().decide(&delegated());
    let certificate = decision.peer().and_then(|peer| peer.certificate()).unwrap();
    (certificate.serial().to_owned(), Certificate::fingerprint(certificate).to_owned())
}

/// The key that signed the transaction token.
fn key() -> String {
    let decision = Scene::new().decide(&delegated());
    decision.evidence.unwrap().tokens.transaction.ok().unwrap().kid().to_owned()
}

/// What the delegated hop rests on, by the detail of its revocation.
fn targets() -> Vec<(Target, &'static str)> {
    let (serial, fingerprint) = certificate();
    vec![
        (Target::Workload(id(WEB)), "revocation.spiffe_id"),
        (Target::Workload(id(AGENT)), "revocation.spiffe_id"),
        (prefix("spiffe://prod.example/"), "revocation.prefix"),
        (domain("prod.example"), "revocation.trust_domain"),
        (subject(DESK, ALICE), "revocation.subject"),
        (subject(DESK, AGENT), "revocation.subject"),
        (Target::Serial(serial), "revocation.serial"),
        (Target::Fingerprint(fingerprint), "revocation.fingerprint"),
        (Target::TokenId(text("j-1")), "revocation.jti"),
        (Target::Transaction(text("t-1")), "revocation.txn"),
        (Target::Key(key()), "revocation.kid"),
        (Target::Actor(text(AGENT)), "revocation.actor"),
        (Target::Actor(text(WEB)), "revocation.actor"),
        (purpose("billing.invoice"), "revocation.purpose"),
        (purpose("billing"), "revocation.purpose"),
        (Target::Grant(text("reads-for-alice")), "revocation.grant"),
    ]
}

#[test]
fn whatever_the_hop_rests_on_can_be_revoked() {
    for (target, detail) in targets() {
        let scene = Scene::with(|scene| scene.revocations.push(revocation(target.clone())));
        assert_eq!(scene.reason(&delegated()), Some(("revoked", detail)), "{target:?}");
        let decision = scene.decide(&delegated());
        let named = decision.denial().and_then(Denial::revocation).map(|revocation| revocation.reason.as_str());
        assert_eq!(named, Some("it leaked"), "{target:?}");
    }
}

#[test]
fn what_the_hop_does_not_rest_on_ends_nothing() {
    for target in [
        Target::Workload(id(FRIEND)),
        Target::Workload(id("spiffe://prod.example/we")),
        prefix("spiffe://prod.example/web/"),
        domain("friend.example"),
        subject("https://login.example", ALICE),
        subject(DESK, "bob"),
        Target::Serial(text("00")),
        Target::Fingerprint("0".repeat(64)),
        Target::TokenId(text("t-1")),
        Target::Transaction(text("j-1")),
        Target::Key(text("another")),
        Target::Actor(text(ALICE)),
        purpose("refund"),
        purpose("billing.invoice.send"),
        Target::Grant(text("reads")),
    ] {
        let scene = Scene::with(|scene| scene.revocations.push(revocation(target.clone())));
        assert_eq!(scene.reason(&delegated()), None, "{target:?}");
    }
}

#[test]
fn a_revocation_acts_from_its_beginning_to_its_end() {
    let rows = [
        (at(-60), None, true),
        // The clock of whoever wrote it delays nothing.
        (at(60), None, true),
        (at(61), None, false),
        (at(-60), Some(at(1)), true),
        (at(-60), Some(at(0)), false),
    ];
    for (target, detail) in targets() {
        for (begins, until, acts) in rows {
            let revocation = Revocation { at: begins, until, ..revocation(target.clone()) };
            let scene = Scene::with(|scene| scene.revocations.push(revocation));
            let expected = acts.then_some(("revoked", detail));
            assert_eq!(scene.reason(&delegated()), expected, "{target:?} from {begins} until {until:?}");
        }
    }
}

#[test]
fn who_holds_a_persons_or_a_workloads_token_is_named_by_it() {
    let delegates = |issuer, subject, asks: Asks| {
        let behalf = Some((issuer, subject, 3));
        let reads = Sketch { actions: vec![get("/v1/ledgers/*")], behalf, ..sketch("reads") };
        (Scene::with(|scene| scene.grants = vec![reads.grant()]), asks)
    };
    // The person, by who vouches for her; and a bearer's own actor, which is not in the transaction's chain.
    let acted = serde_json::json!({"act": {"sub": WEB, "act": {"sub": "spiffe://friend.example/ci"}}});
    let (scene, asks) = delegates("https://login.example", ALICE, hop().bearer(&oidc(acted)));
    assert_eq!(scene.reason(&asks), None);
    for target in [
        subject("https://login.example", ALICE),
        subject("https://login.example", "spiffe://friend.example/ci"),
        Target::Actor(text("spiffe://friend.example/ci")),
        domain("friend.example"),
        Target::Key(LOGIN.kid(Algorithm::ES256)),
    ] {
        let revoked = Scene { revocations: vec![revocation(target.clone())], ..scene.clone() };
        assert_eq!(revoked.reason(&asks).map(|(reason, _)| reason), Some("revoked"), "{target:?}");
    }
    // A JWT-SVID of the peer's own.
    let asks = hop().bearer(&svid(serde_json::json!({"jti": "j-2"})));
    assert_eq!(Scene::new().reason(&asks), None);
    for target in
        [subject("spiffe://prod.example", WEB), Target::TokenId(text("j-2")), Target::Key(PROD.kid(Algorithm::ES256))]
    {
        let revoked = Scene::with(|scene| scene.revocations.push(revocation(target.clone())));
        assert_eq!(revoked.reason(&asks).map(|(reason, _)| reason), Some("revoked"), "{target:?}");
    }
}

#[test]
fn an_actor_of_each_token_counts_and_not_of_the_one_that_names_the_subject_alone() {
    let ci = "spiffe://friend.example/ci";
    let asks = delegated().bearer(&svid(serde_json::json!({"act": {"sub": WEB, "act": {"sub": ci}}, "sub": AGENT})));
    assert_eq!(Scene::new().reason(&asks), None);
    for target in [Target::Actor(text(ci)), Target::Workload(id(ci)), domain("friend.example")] {
        let scene = Scene::with(|scene| scene.revocations.push(revocation(target.clone())));
        assert_eq!(scene.reason(&asks).map(|(reason, _)| reason), Some("revoked"), "{target:?}");
    }
    let scene = Scene::with(|scene| scene.workloads.push(suspended(ci)));
    assert_eq!(scene.reason(&asks), Some(("revoked", "workload.suspended")));
}

#[test]
fn a_connections_purpose_can_be_revoked_too() {
    let grant = Sketch { actions: vec![port(5432)], ..sketch("feeds") }.grant();
    let asks = Asks { port: Some(5432), ..hop() };
    let scene = Scene::with(|scene| scene.grants = vec![grant]);
    assert_eq!(scene.reason(&asks), None);
    let revoked = Scene { revocations: vec![revocation(purpose("billing"))], ..scene };
    assert_eq!(revoked.reason(&asks), Some(("revoked", "revocation.purpose")));
}
