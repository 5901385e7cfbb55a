//! Who may present a token: whoever holds it, whom it names as its latest actor, and relays that a grant names.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{CART, ORDERS, denied, get, start, verdict};
use crate::harness::{ALONE, FOR_ALICE, FRONTEND, Grant, Guard, STRANGER, Setup};

async fn relaying() -> Guard {
    let setup = Setup::new().with_tokens().set("response.reveal", "full");
    let (now, desk) = (setup.now(), setup.world().desk());
    let grant = |path: &str| Grant::to(path, now).methods("GET").binding("declared").max_depth(3);
    let alice = |path: &str| grant(path).on_behalf_of(&desk, &["alice"]);
    let orders = |path: &str| grant(path).on_behalf_of("spiffe://prod.example", &[ORDERS]);
    setup.more_grants(&[
        alice("/relay").relays(&[CART, FRONTEND]),
        alice("/relay/by/others").relays(&[CART, ORDERS]),
        alice("/relay/over").relays(&[FRONTEND]).over(now),
        orders("/orders").relays(&[FRONTEND]),
        orders("/orders/held"),
    ]);
    setup.start().await
}

#[tokio::test]
async fn a_relay_goes_on_where_a_grant_names_it() {
    let guard = relaying().await;
    let world = guard.setup().world();
    let held = world.txn(json!({"req_wl": ORDERS}));
    let not_held = denied("token_not_held", "grant.relays");
    for (path, expected) in [
        ("/relay", None),
        ("/relay/by/others", not_held.clone()),
        (FOR_ALICE, not_held),
        ("/relay/over", denied("grant_expired", "grant.expires_at")),
        (ALONE, denied("grant_missing", "grant.on_behalf_of")),
        ("/nowhere", denied("grant_missing", "grant.action")),
    ] {
        assert_eq!(verdict(get(&guard, path).transaction(&held)).await, expected, "{path}");
    }
    let answer = get(&guard, "/relay").transaction(&held).send().await.allowed();
    let record = guard.record(&answer).await;
    let chain = json!(["alice", ORDERS, FRONTEND]);
    assert_eq!(record["actor"], json!({"type": "delegated", "effective": FRONTEND, "chain": chain}));

    let answer = get(&guard, FOR_ALICE).transaction(&held).send().await.denied("token_not_held");
    let message = guard.record(&answer).await["message"].as_str().unwrap().to_owned();
    assert!(message.contains(ORDERS) && message.contains("relays"), "{message}");
    // A relay that is named is not the caller of somebody else's grant.
    let stranger = get(&guard, "/relay").from(STRANGER).transaction(&held);
    assert_eq!(verdict(stranger).await, denied("grant_missing", "grant.subject"));
}

#[tokio::test]
async fn the_latest_actor_presents_what_was_given_to_it() {
    let guard = relaying().await;
    let world = guard.setup().world();
    let given = |act: Value| world.txn(json!({"req_wl": ORDERS, "act": act}));
    let hop = |token: &str| get(&guard, "/relay/by/others").transaction(token);
    assert_eq!(verdict(hop(&given(json!({"sub": FRONTEND})))).await, None);
    let not_held = denied("token_not_held", "grant.relays");
    assert_eq!(verdict(hop(&given(json!({"sub": CART})))).await, not_held);
    let earlier = given(json!({"sub": CART, "act": {"sub": FRONTEND}}));
    assert_ne!(verdict(hop(&earlier)).await, None, "only the latest counts");
}

/// Two identities at once are not one: the certificate says who acts, and the token for whom (136).
#[tokio::test]
async fn another_workloads_svid_makes_nobody_that_workload() {
    let guard = relaying().await;
    let svid = guard.setup().world().svid(json!({"sub": ORDERS}));
    let hop = |path: &str| get(&guard, path).bearer(&svid);
    assert_eq!(verdict(hop(ALONE)).await, denied("grant_missing", "grant.on_behalf_of"));
    assert_eq!(verdict(hop("/orders/held")).await, denied("token_not_held", "grant.relays"));
    let record = guard.record(&hop("/orders").send().await.allowed()).await;
    assert_eq!(record["peer"]["spiffe_id"], FRONTEND);
    assert_eq!(record["tokens"][0]["subject"], ORDERS);
    assert_eq!(record["actor"], json!({"type": "delegated", "effective": FRONTEND, "chain": [ORDERS, FRONTEND]}));
    // Whoever holds it itself is on nobody's behalf.
    let own = get(&guard, "/orders/held").from(ORDERS).bearer(&svid);
    assert_eq!(verdict(own).await, denied("grant_missing", "grant.subject"));
}

#[tokio::test]
async fn where_grants_are_not_enforced_nobody_relays() {
    for ceiling in ["observe", "skip"] {
        let setup = Setup::new().with_tokens().set("mode.ceiling", ceiling).set("response.reveal", "full");
        let (now, desk) = (setup.now(), setup.world().desk());
        let relay = Grant::to("/relay", now).methods("GET").on_behalf_of(&desk, &["alice"]).relays(&[FRONTEND]);
        setup.more_grants(&[relay.max_depth(3).binding("declared")]);
        let guard = setup.start().await;
        let world = guard.setup().world();
        let held = world.txn(json!({"req_wl": ORDERS}));
        let answer = get(&guard, "/relay").transaction(&held).send().await.denied("token_not_held");
        assert_eq!(answer.body()["detail"], "holder.relayed", "{ceiling}");
        let record = guard.record(&answer).await;
        assert_eq!((&record["actor"], &record["observed"]), (&json!(null), &json!([])));
        get(&guard, "/relay").transaction(&world.txn(json!({}))).send().await.allowed();
    }
}

#[tokio::test]
async fn a_bound_token_is_presented_with_its_certificate() {
    let guard = start().await;
    let world = guard.setup().world();
    let record = guard.record(&get(&guard, ALONE).send().await.allowed()).await;
    let fingerprint = record["peer"]["fingerprint"].as_str().unwrap().to_owned();
    let octet = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
    let octets: Vec<u8> = fingerprint.as_bytes().chunks(2).map(octet).collect();
    let bound = URL_SAFE_NO_PAD.encode(&octets);
    let (mismatch, unsupported) =
        (denied("token_not_held", "cnf.mismatch"), denied("token_not_held", "cnf.unsupported"));
    for (cnf, expected) in [
        (json!({"x5t#S256": bound}), None),
        (json!({"x5t#S256": URL_SAFE_NO_PAD.encode([0; 32])}), mismatch.clone()),
        (json!({"x5t#S256": URL_SAFE_NO_PAD.encode(&octets[..31])}), mismatch.clone()),
        (json!({"x5t#S256": fingerprint}), mismatch.clone()),
        (json!({"x5t#S256": format!("{bound}=")}), mismatch.clone()),
        (json!({"x5t#S256": ""}), mismatch),
        (json!({"x5t#S256": 1}), unsupported.clone()),
        (json!({"x5t#S256": bound, "jkt": "x"}), unsupported.clone()),
        (json!({"x5t": bound}), unsupported.clone()),
        (json!({"X5T#S256": bound}), unsupported.clone()),
        (json!({"jkt": "x"}), unsupported.clone()),
        (json!({"jwk": {"kty": "EC"}}), unsupported.clone()),
        (json!({}), unsupported.clone()),
        (json!(bound), unsupported.clone()),
        (json!(null), unsupported),
    ] {
        let (svid, txn) = (world.svid(json!({"cnf": cnf})), world.txn(json!({"cnf": cnf})));
        let person = world.oidc(json!({"cnf": cnf}));
        assert_eq!(verdict(get(&guard, ALONE).bearer(&svid)).await, expected, "{cnf}");
        assert_eq!(verdict(get(&guard, FOR_ALICE).transaction(&txn)).await, expected, "{cnf}");
        assert_eq!(verdict(get(&guard, FOR_ALICE).bearer(&person)).await, expected, "{cnf}");
        let beside = get(&guard, FOR_ALICE).transaction(&world.txn(json!({}))).bearer(&svid);
        assert_eq!(verdict(beside).await, expected, "{cnf}");
    }
}
