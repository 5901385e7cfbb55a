//! Who acts for whom, live: chains, holders, relays and bound tokens, judged by what administrators wrote for exactly that.

mod chains;
mod holders;
mod property;

use serde_json::{Value, json};

use crate::harness::{ALONE, FOR_ALICE, FRONTEND, Guard, Hop, LOGIN_ISSUER, PAYMENTS, SIGNED, STRANGER, Setup};

/// A workload that is between others.
const ORDERS: &str = "spiffe://prod.example/ns/shop/sa/orders";
/// Another.
const CART: &str = "spiffe://prod.example/ns/shop/sa/cart";

async fn start() -> Guard {
    Setup::new().with_tokens().set("response.reveal", "full").start().await
}

fn get<'a>(guard: &'a Guard, path: &str) -> Hop<'a> {
    guard.hop().method("GET").path(path)
}

/// Nothing for an allow, else reason and detail.
async fn verdict(hop: Hop<'_>) -> Option<(String, String)> {
    let answer = hop.send().await;
    let reason = answer.reason()?;
    Some((reason, answer.body()["detail"].as_str().unwrap_or_default().to_owned()))
}

/// A verdict that is expected.
fn denied(reason: &str, detail: &str) -> Option<(String, String)> {
    Some((reason.to_owned(), detail.to_owned()))
}

#[tokio::test]
async fn people_workloads_and_delegations_are_one_actor_to_policy_and_record() {
    let setup = Setup::new().with_tokens();
    setup.policy("decision := {\"allowed\": false, \"reason\": json.marshal(input.actor)}");
    let guard = setup.start().await;
    let world = guard.setup().world();
    let own = || get(&guard, ALONE);
    let alice = || get(&guard, FOR_ALICE);
    let (svid, person, txn) = (world.svid(json!({})), world.oidc(json!({})), world.txn(json!({})));
    let subject = |issuer: &str| json!({"issuer": issuer, "name": "alice"});
    for (hop, kind, chain, subject) in [
        (own(), "workload", json!([]), None),
        (own().bearer(&svid), "workload", json!([]), None),
        (alice().bearer(&person), "human", json!(["alice", FRONTEND]), Some(subject(LOGIN_ISSUER))),
        (alice().transaction(&txn), "delegated", json!(["alice", FRONTEND]), Some(subject(&world.desk()))),
        (
            alice().bearer(&svid).transaction(&txn),
            "delegated",
            json!(["alice", FRONTEND]),
            Some(subject(&world.desk())),
        ),
        (
            alice().bearer(&person).transaction(&txn),
            "delegated",
            json!(["alice", FRONTEND]),
            Some(subject(&world.desk())),
        ),
    ] {
        let answer = hop.send().await.denied("policy_denied");
        let record = guard.record(&answer).await;
        assert_eq!(record["actor"], json!({"type": kind, "effective": FRONTEND, "chain": chain}));
        let shown = record["message"].as_str().unwrap().strip_prefix("the policy said no: ").unwrap();
        let mut expected = json!({"type": kind, "effective": FRONTEND, "chain": chain});
        if let Some(subject) = subject {
            expected["subject"] = subject;
        }
        assert_eq!(serde_json::from_str::<Value>(shown).unwrap(), expected);
    }
}

#[tokio::test]
async fn an_allow_names_who_acts_and_ends_with_the_first_thing_it_rests_on() {
    let guard = start().await;
    let world = guard.setup().world();
    let txn = world.txn(json!({"exp": world.at(100)}));
    let answer = get(&guard, SIGNED).without_purpose().transaction(&txn).send().await.allowed();
    let until = hopguard::clock::Timestamp::from_seconds(world.at(100)).to_string();
    assert_eq!(answer.text("valid_until"), Some(until));
    let set = |name: &str| {
        let headers = answer.ok().headers.iter().filter_map(|option| option.header.as_ref());
        headers.filter(|header| header.key == name).map(|header| header.value.clone()).next()
    };
    assert_eq!(set("x-hopguard-actor").as_deref(), Some(FRONTEND));
    assert_eq!(set("x-hopguard-purpose").as_deref(), Some("checkout"));
    let record = guard.record(&answer).await;
    assert_eq!(record["purpose"], json!({"name": "checkout", "binding": "signed"}));
    let token = &record["tokens"][0];
    assert_eq!(
        (&token["kind"], &token["issuer"], &token["id"]),
        (&json!("transaction"), &json!(world.desk()), &json!("t-1"))
    );
}

#[tokio::test]
async fn several_tokens_speak_for_one_subject_or_for_nobody() {
    let guard = start().await;
    let world = guard.setup().world();
    let alice = || get(&guard, FOR_ALICE);
    let (txn, person) = (world.txn(json!({})), world.oidc(json!({})));
    assert_eq!(verdict(alice().transaction(&txn).bearer(&person)).await, None);
    for (txn, person) in [
        (txn.clone(), world.oidc(json!({"sub": "bob"}))),
        (world.txn(json!({"sub": "bob"})), person.clone()),
        (world.txn(json!({"sub": "Alice"})), person),
        (world.txn(json!({"sub": "alice "})), world.oidc(json!({}))),
    ] {
        let verdict = verdict(alice().transaction(&txn).bearer(&person)).await;
        assert_eq!(verdict, denied("delegation_invalid", "delegation.subject"));
    }
    // Every token that is there has to verify, whoever else vouches.
    let over = world.oidc(json!({"exp": 1, "iat": 0}));
    assert_eq!(verdict(alice().transaction(&txn).bearer(&over)).await, denied("token_expired", "jwt.expired"));
    let bob = world.oidc(json!({"sub": "bob"}));
    assert_eq!(verdict(alice().bearer(&bob)).await, denied("grant_missing", "grant.on_behalf_of"));
}

#[tokio::test]
async fn a_delegated_hop_needs_a_grant_for_exactly_that_subject_and_issuer() {
    let setup = Setup::new().with_tokens().set("response.reveal", "full");
    let (now, world) = (setup.now(), setup.world());
    let grant = |path: &str| crate::harness::Grant::to(path, now).methods("GET").binding("declared");
    setup.more_grants(&[
        grant("/login").on_behalf_of(LOGIN_ISSUER, &["alice", "carol"]),
        grant("/desk").on_behalf_of(&world.desk(), &["alice"]),
        grant("/elsewhere").on_behalf_of(LOGIN_ISSUER, &["alice"]).audience(STRANGER),
        grant("/others").on_behalf_of(LOGIN_ISSUER, &["alice"]).subject(STRANGER),
    ]);
    let guard = setup.start().await;
    let lacks = |detail: &str| denied("grant_missing", detail);
    let (person, txn) = (world.oidc(json!({})), world.txn(json!({})));
    let carol = world.oidc(json!({"sub": "carol"}));
    for (path, token, expected) in [
        ("/login", Some(&person), None),
        ("/login", Some(&carol), None),
        ("/login", None, lacks("grant.on_behalf_of")),
        ("/desk", Some(&person), lacks("grant.on_behalf_of")),
        ("/elsewhere", Some(&person), lacks("grant.action")),
        ("/others", Some(&person), lacks("grant.action")),
        (ALONE, Some(&person), lacks("grant.on_behalf_of")),
        (FOR_ALICE, None, lacks("grant.on_behalf_of")),
    ] {
        let hop = get(&guard, path);
        let hop = token.iter().fold(hop, |hop, token| hop.bearer(token));
        assert_eq!(verdict(hop).await, expected, "{path}");
    }
    // The transaction token names the subject, so that is by whom it has to be approved.
    assert_eq!(verdict(get(&guard, "/desk").transaction(&txn).bearer(&person)).await, None);
    let both = get(&guard, "/login").transaction(&txn).bearer(&person);
    assert_eq!(verdict(both).await, lacks("grant.on_behalf_of"));
    assert_eq!(verdict(get(&guard, "/others").from(STRANGER).bearer(&person)).await, None);
    assert_ne!(guard.setup().world().this, FRONTEND);
    assert_eq!(guard.setup().world().this, PAYMENTS);
}
