//! Chains of actors: how deep, in which shape, and never back to where they came from.

use serde_json::{Value, json};

use super::{CART, ORDERS, denied, get, start, verdict};
use crate::harness::{FOR_ALICE, FRONTEND, Guard, Setup};

/// A chain of these actors, the latest first.
fn chain(actors: &[&str]) -> Value {
    let mut chain = Value::Null;
    for actor in actors.iter().rev() {
        chain = if chain.is_null() { json!({"sub": actor}) } else { json!({"sub": actor, "act": chain}) };
    }
    chain
}

/// What a chain comes to in a person's token and in a transaction token, which are judged alike.
async fn both(guard: &Guard, act: &Value) -> Option<(String, String)> {
    let world = guard.setup().world();
    let (person, txn) = (world.oidc(json!({"act": act})), world.txn(json!({"act": act})));
    let one = verdict(get(guard, FOR_ALICE).bearer(&person)).await;
    let other = verdict(get(guard, FOR_ALICE).transaction(&txn)).await;
    assert_eq!(one, other, "{act}");
    one
}

#[tokio::test]
async fn a_chain_is_as_deep_as_the_grant_says() {
    let guard = start().await;
    let lacks = denied("grant_missing", "grant.on_behalf_of");
    for (actors, expected) in [
        (vec![FRONTEND], None),
        (vec![ORDERS], None),
        (vec!["bob"], None),
        (vec![ORDERS, CART], lacks.clone()),
        (vec![CART, ORDERS], lacks.clone()),
        (vec![FRONTEND, ORDERS], None),
        (vec!["a", "b", "c"], lacks.clone()),
        (vec!["a", "b", "c", "d"], lacks),
        (vec!["a", "b", "c", "d", "e"], denied("delegation_invalid", "act.depth")),
    ] {
        assert_eq!(both(&guard, &chain(&actors)).await, expected, "{actors:?}");
    }
    let answer = get(&guard, FOR_ALICE).bearer(&guard.setup().world().oidc(json!({"act": chain(&[ORDERS])})));
    let record = guard.record(&answer.send().await.allowed()).await;
    let chain = json!(["alice", ORDERS, FRONTEND]);
    assert_eq!(record["actor"], json!({"type": "delegated", "effective": FRONTEND, "chain": chain}));
}

#[tokio::test]
async fn what_is_no_chain_of_actors_is_refused() {
    let guard = start().await;
    let malformed = denied("delegation_invalid", "act.malformed");
    for act in [
        json!(null),
        json!("bob"),
        json!(1),
        json!([]),
        json!([{"sub": "bob"}]),
        json!({}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": 1}),
        json!({"sub": ["bob"]}),
        json!({"sub": "bob\n"}),
        json!({"sub": "bob", "iss": 1}),
        json!({"sub": "bob", "iss": ""}),
        json!({"sub": "bob", "act": null}),
        json!({"sub": "bob", "act": []}),
        json!({"sub": "bob", "act": {"iss": "x"}}),
        json!({"sub": "SPIFFE://prod.example/x"}),
        json!({"sub": "spiffe://PROD.example/x"}),
        json!({"sub": "spiffe://prod.example"}),
        json!({"sub": "spiffe://prod.example/a/../b"}),
        json!({"sub": "spiffe://prod.example/a/"}),
        json!({"sub": "spiffe:"}),
    ] {
        assert_eq!(both(&guard, &act).await, malformed, "{act}");
    }
}

#[tokio::test]
async fn a_chain_never_comes_back() {
    let guard = start().await;
    let back = denied("delegation_invalid", "act.loop");
    for act in [chain(&["alice"]), chain(&["a", "a"]), chain(&["a", "b", "a"]), chain(&["a", "alice"])] {
        assert_eq!(both(&guard, &act).await, back, "{act}");
    }
    let issuers = json!({"sub": "a", "iss": "x", "act": {"sub": "a", "iss": "y"}});
    assert_eq!(both(&guard, &issuers).await, back, "another issuer's actor of the same name");
}

#[tokio::test]
async fn the_bound_is_the_administrators_and_each_token_is_held_to_it() {
    let setup = Setup::new().with_tokens().set("tokens.delegation", "{max_depth: 1}");
    let guard = setup.set("response.reveal", "full").start().await;
    let deep = denied("delegation_invalid", "act.depth");
    assert_eq!(both(&guard, &chain(&[ORDERS])).await, None);
    assert_eq!(both(&guard, &chain(&[ORDERS, CART])).await, deep);
    let world = guard.setup().world();
    let svid = world.svid(json!({"act": chain(&["a", "b"])}));
    let beside = get(&guard, FOR_ALICE).transaction(&world.txn(json!({}))).bearer(&svid);
    assert_eq!(verdict(beside).await, deep);
    let requested = world.txn(json!({"req_wl": [ORDERS, FRONTEND]}));
    assert_eq!(verdict(get(&guard, FOR_ALICE).transaction(&requested)).await, deep);
}

#[tokio::test]
async fn who_asked_for_a_transaction_token_has_acted() {
    let guard = start().await;
    let world = guard.setup().world();
    let asked = |req_wl: Value| get(&guard, FOR_ALICE).transaction(&world.txn(json!({"req_wl": req_wl})));
    assert_eq!(verdict(asked(json!([ORDERS, FRONTEND]))).await, None);
    let answer = asked(json!([ORDERS, FRONTEND])).send().await.allowed();
    assert_eq!(guard.record(&answer).await["actor"]["chain"], json!(["alice", ORDERS, FRONTEND]));
    let lacks = denied("grant_missing", "grant.on_behalf_of");
    assert_eq!(verdict(asked(json!([ORDERS, CART, FRONTEND]))).await, lacks);
    // Said twice in a row, it has acted once; said again later, it has acted again.
    assert_eq!(verdict(asked(json!([FRONTEND, FRONTEND]))).await, None);
    assert_eq!(verdict(asked(json!([FRONTEND, ORDERS, FRONTEND]))).await, lacks);
}
