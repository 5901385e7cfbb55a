//! Layers that only watch, live: what they let through, what nothing lets through, and that what was not proved is nobody's word.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ALONE, Answer, FOR_ALICE, FRONTEND, Grant, Guard, Hop, SIGNED, STRANGER, Setup, authority, mint};

const ORDERS: &str = "spiffe://prod.example/ns/shop/sa/orders";
const HOUR: Duration = Duration::from_secs(3600);
const OURS: [&str; 5] =
    ["x-hopguard-decision", "x-hopguard-peer", "x-hopguard-actor", "x-hopguard-purpose", "x-hopguard-grant"];
/// What a client would like to be taken for.
const ROOT: &str = "spiffe://prod.example/root";

fn observing() -> Setup {
    let setup = Setup::new().with_tokens().set("mode", "{proof: observe, ceiling: observe}");
    let now = setup.now();
    let grant = |path: &str| Grant::to(path, now).methods("GET");
    setup.more_grants(&[grant("/over").over(now), grant("/ahead").ahead(now)]);
    setup
}

/// A hop that says whatever it likes about itself.
fn get<'a>(guard: &'a Guard, path: &str) -> Hop<'a> {
    let hop = guard.hop().method("GET").path(path);
    OURS.iter().fold(hop, |hop, name| hop.header(name, ROOT))
}

/// What is told to the workload, by header.
fn told(answer: &Answer) -> Vec<(String, String)> {
    let headers = answer.let_through().headers.iter().filter_map(|option| option.header.as_ref());
    headers.map(|header| (header.key.clone(), header.value.clone())).collect()
}

#[tokio::test]
async fn what_a_watching_layer_would_deny_is_let_through_and_written_down() {
    let guard = observing().start().await;
    let (setup, world, now) = (guard.setup(), guard.setup().world(), guard.setup().now());
    let ago = |span: Duration| hopguard::clock::Timestamp::from_nanos(now.nanos() - span.as_nanos() as i64);
    let minted = |from, until| mint(setup.authority(), FRONTEND, from, until);
    let nobodys = mint(&authority(now), FRONTEND, now, now.after(HOUR));
    let alone = || get(&guard, ALONE);
    let (proved, all) = (["decision", "peer"], ["decision", "peer", "actor", "purpose", "grant"]);
    let (unknown, unrelated) = (["decision"], ["decision", "peer", "actor"]);
    let rows: Vec<(Hop<'_>, Vec<&str>, &[&str])> = vec![
        (alone(), vec![], &all),
        (alone().by_nobody(), vec!["peer_missing", "grant_missing"], &unknown),
        (alone().with_certificate("rubbish"), vec!["peer_invalid", "grant_missing"], &unknown),
        (alone().principal(STRANGER), vec!["peer_conflict", "grant_missing"], &unknown),
        (alone().with_certificate(nobodys), vec!["peer_untrusted", "grant_missing"], &unknown),
        (alone().with_certificate(minted(ago(2 * HOUR), ago(HOUR))), vec!["peer_expired", "grant_missing"], &unknown),
        (alone().with_certificate(minted(now, now.after(26 * HOUR))), vec!["peer_lifetime", "grant_missing"], &unknown),
        (alone().bearer("rubbish"), vec!["token_malformed"], &all),
        (alone().bearer(&world.svid(json!({"exp": 1, "iat": 0}))), vec!["token_expired"], &all),
        (alone().bearer(&world.svid(json!({"aud": "x"}))), vec!["token_audience"], &all),
        (alone().bearer(&world.svid(json!({"exp": world.at(9000)}))), vec!["token_lifetime"], &all),
        (alone().bearer(&world.svid(json!({"nbf": world.at(500)}))), vec!["token_not_yet_valid"], &all),
        (alone().bearer(&world.svid(json!({"sub": "spiffe://x.example/a"}))), vec!["token_untrusted"], &all),
        (alone().bearer(&world.headed(json!({"alg": "none"}))).transaction("x"), vec!["token_malformed"; 2], &all),
        (
            alone().bearer(&world.oidc(json!({"act": {}}))),
            vec!["delegation_invalid", "grant_missing"],
            &["decision", "peer", "purpose"],
        ),
        (alone().answered_as(STRANGER), vec!["audience_mismatch"], &all),
        (alone().without_purpose(), vec!["purpose_missing", "grant_missing"], &unrelated),
        (alone().purpose("everything"), vec!["purpose_unknown", "grant_missing"], &unrelated),
        (alone().header("x-hop-purpose", "refund"), vec!["purpose_ambiguous", "grant_missing"], &unrelated),
        (
            get(&guard, SIGNED).purpose("refund").transaction(&world.txn(json!({}))),
            vec!["purpose_widened", "grant_missing"],
            &unrelated,
        ),
        (get(&guard, "/none"), vec!["grant_missing"], &["decision", "peer", "actor", "purpose"]),
        (get(&guard, "/over"), vec!["grant_expired"], &["decision", "peer", "actor", "purpose"]),
        (get(&guard, "/ahead"), vec!["grant_pending"], &["decision", "peer", "actor", "purpose"]),
        (
            get(&guard, FOR_ALICE).transaction(&world.txn(json!({"req_wl": ORDERS}))),
            vec!["token_not_held", "grant_missing"],
            &["decision", "peer", "purpose"],
        ),
        (
            get(&guard, FOR_ALICE).without_purpose().transaction(&world.txn(json!({"req_wl": ORDERS}))),
            vec!["token_not_held", "purpose_missing", "grant_missing"],
            &proved,
        ),
    ];
    for (number, (hop, observed, headers)) in rows.into_iter().enumerate() {
        for hop in [hop.clone(), hop.raw_headers()] {
            let answer = hop.send().await;
            let named: Vec<String> = headers.iter().map(|name| format!("x-hopguard-{name}")).collect();
            let told = told(&answer);
            assert_eq!(told.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), named, "{number}: {observed:?}");
            assert!(told.iter().all(|(_, value)| value != ROOT), "{number}");
            let removed = &answer.let_through().headers_to_remove;
            for name in OURS {
                let set = named.iter().any(|set| set == name);
                assert_ne!(set, removed.iter().any(|removed| removed == name), "{number}: {name} is set or removed");
            }
            let record = guard.record(&answer).await;
            assert_eq!(record["observed"], json!(observed), "{number}");
            assert_eq!(record["reason"], json!(observed.first()), "{number}");
            assert_eq!((&record["answered"], &record["allowed"]), (&json!("allow"), &json!(observed.is_empty())));
            assert_eq!(record["modes"], json!({"proof": "observe", "ceiling": "observe", "policy": "enforce"}));
            assert_eq!(answer.reason().as_deref(), observed.first().copied(), "{number}");
        }
    }
    let count = guard.metric("hopguard_decisions_total{answered=\"allow\",reason=\"peer_missing\"}").await;
    assert_eq!((count, guard.counted("peer_missing").await), (2, 0), "what is let through is no denial");
    for (layer, mode) in [("proof", "observe"), ("ceiling", "observe"), ("policy", "enforce")] {
        for each in ["skip", "observe", "enforce"] {
            let gauge = guard.metric(&format!("hopguard_mode{{layer=\"{layer}\",mode=\"{each}\"}}")).await;
            assert_eq!(gauge, u64::from(each == mode), "{layer} {each}");
        }
    }
}

#[tokio::test]
async fn what_no_layer_owns_is_denied_in_every_mode() {
    for modes in ["{proof: observe, ceiling: observe}", "{proof: skip, ceiling: skip}"] {
        let setup = Setup::new().with_tokens().set("mode", modes).set("policy.timeout", "300ms");
        setup.policy(
            r#"
decision := {"allowed": true} if not input.hop.path in {"/no", "/undefined", "/broken"}

decision := {"allowed": false, "reason": "never"} if input.hop.path == "/no"

decision := "perhaps" if input.hop.path == "/broken"
"#,
        );
        let guard = setup.start().await;
        for (reason, hop) in [
            ("hop_ambiguous", get(&guard, "/a/../b")),
            ("hop_ambiguous", get(&guard, "/").header("authorization", "Bearer a").header("authorization", "Bearer b")),
            ("hop_ambiguous", get(&guard, "/").transaction("a,b")),
            ("hop_malformed", get(&guard, "/").method("")),
            ("hop_malformed", get(&guard, "/").connection(5432)),
            ("hop_too_large", get(&guard, &format!("/{}", "a".repeat(9000)))),
            ("policy_denied", get(&guard, "/no")),
            ("policy_undefined", get(&guard, "/undefined")),
            ("policy_error", get(&guard, "/broken")),
        ] {
            let answer = hop.send().await.denied(reason);
            let record = guard.record(&answer).await;
            assert_eq!((&record["answered"], &record["allowed"]), (&json!("deny"), &json!(false)), "{reason} {modes}");
            assert_eq!(record["reason"], reason);
        }
        let both = get(&guard, "/no").by_nobody().send().await.denied("policy_denied");
        let record = guard.record(&both).await;
        let observed = if modes.contains("observe") { json!(["peer_missing", "grant_missing"]) } else { json!([]) };
        assert_eq!((&record["reason"], &record["observed"]), (&json!("policy_denied"), &observed));
    }
}

#[tokio::test]
async fn a_claim_that_failed_is_absent_for_policy() {
    let setup = observing();
    setup.policy(
        r#"
shown := {name | some name in ["peer", "actor", "purpose", "grant"]; input[name]}

decision := {"allowed": false, "reason": json.marshal({
	"shown": sort([name | some name in shown]),
	"tokens": sort([kind | some kind, _ in input.tokens]),
	"grants": count(input.grants),
})}
"#,
    );
    let guard = setup.start().await;
    let world = guard.setup().world();
    let (bad, good) = (world.svid(json!({"exp": 1, "iat": 0})), world.svid(json!({})));
    let relayed = world.txn(json!({"req_wl": ORDERS}));
    for (hop, shown, tokens) in [
        (get(&guard, ALONE).bearer(&good), vec!["actor", "grant", "peer", "purpose"], vec!["jwt_svid"]),
        (get(&guard, ALONE).bearer(&bad), vec!["actor", "grant", "peer", "purpose"], vec![]),
        (get(&guard, ALONE).bearer(&good).by_nobody(), vec![], vec![]),
        (get(&guard, ALONE).purpose("everything"), vec!["actor", "peer"], vec![]),
        (get(&guard, FOR_ALICE).transaction(&relayed).bearer(&good), vec!["peer", "purpose"], vec![]),
        (get(&guard, FOR_ALICE).bearer(&world.oidc(json!({"act": 1}))), vec!["peer", "purpose"], vec![]),
    ] {
        let answer = hop.send().await.denied("policy_denied");
        let record = guard.record(&answer).await;
        let message = record["message"].as_str().unwrap().strip_prefix("the policy said no: ").unwrap();
        let grants = usize::from(shown.contains(&"grant"));
        let seen: Value = serde_json::from_str(message).unwrap();
        assert_eq!(seen, json!({"shown": shown, "tokens": tokens, "grants": grants}));
    }
}

#[tokio::test]
async fn a_layer_that_is_skipped_is_not_asked() {
    let guard = Setup::new().with_tokens().set("mode", "{proof: skip, ceiling: skip}").start().await;
    for hop in [
        get(&guard, "/anything"),
        get(&guard, "/anything").by_nobody().without_purpose(),
        get(&guard, "/anything").with_certificate("rubbish").bearer("rubbish").transaction("rubbish"),
        get(&guard, "/anything").answered_as(STRANGER).purpose("EVERYTHING"),
    ] {
        let answer = hop.send().await.allowed();
        assert_eq!(told(&answer), [("x-hopguard-decision".to_owned(), answer.id())]);
        for name in &OURS[1..] {
            assert!(answer.ok().headers_to_remove.iter().any(|removed| removed == name), "{name}");
        }
        assert_eq!((answer.text("peer"), answer.text("purpose"), answer.text("grant")), (None, None, None));
        let record = guard.record(&answer).await;
        assert_eq!(record["modes"], json!({"proof": "skip", "ceiling": "skip", "policy": "enforce"}));
        assert_eq!((&record["peer"], &record["actor"], &record["observed"]), (&json!(null), &json!(null), &json!([])));
        assert_eq!((&record["tokens"], &record["purpose"]), (&json!([]), &json!(null)));
    }

    let guard = Setup::new().with_tokens().set("mode", "{proof: skip, ceiling: observe}").start().await;
    let record = guard.record(&get(&guard, ALONE).send().await).await;
    assert_eq!((&record["answered"], &record["observed"]), (&json!("allow"), &json!(["grant_missing"])));
}

#[tokio::test]
async fn proof_is_whole_whatever_becomes_of_grants() {
    for (ceiling, observed) in [("skip", json!([])), ("observe", json!(["grant_missing"]))] {
        let guard = Setup::new().with_tokens().set("mode.ceiling", ceiling).start().await;
        let answer = get(&guard, "/none").send().await;
        let record = guard.record(&answer).await;
        assert_eq!((&record["answered"], &record["observed"]), (&json!("allow"), &observed));
        assert_eq!((&record["grant"], &record["purpose"]["name"]), (&json!(null), &json!("checkout")));
        let world = guard.setup().world();
        get(&guard, "/none").by_nobody().send().await.denied("peer_missing");
        get(&guard, "/none").bearer("rubbish").send().await.denied("token_malformed");
        get(&guard, "/none").answered_as(STRANGER).send().await.denied("audience_mismatch");
        get(&guard, "/none").without_purpose().send().await.denied("purpose_missing");
        // The vocabulary is no grant.
        get(&guard, "/none").purpose("everything").send().await.denied("purpose_unknown");
        get(&guard, "/none").bearer(&world.oidc(json!({"act": 1}))).send().await.denied("delegation_invalid");
    }
    let optional =
        Setup::new().with_tokens().set("mode.ceiling", "skip").set("purpose.required", "false").start().await;
    let answer = get(&optional, "/none").without_purpose().send().await.allowed();
    assert_eq!(answer.text("purpose"), None);
    get(&optional, "/none").purpose("everything").send().await.denied("purpose_unknown");
}

#[tokio::test]
async fn without_documents_a_well_formed_purpose_is_taken_as_it_is() {
    let guard = Setup::new().with_tokens().set("mode.ceiling", "skip").set("store.directory", "null").start().await;
    let answer = get(&guard, "/none").purpose("any.thing").send().await.allowed();
    assert_eq!(answer.text("purpose").as_deref(), Some("any.thing"));
    get(&guard, "/none").purpose("Any Thing").send().await.denied("purpose_unknown");
    let txn = guard.setup().world().txn(json!({"scope": "any.thing"}));
    let answer = get(&guard, "/none").without_purpose().transaction(&txn).send().await.allowed();
    assert_eq!(answer.text("purpose").as_deref(), Some("any.thing"));
}

#[tokio::test]
async fn grants_are_enforced_for_callers_that_are_proved_and_for_nobody_else() {
    for proof in ["observe", "skip"] {
        let ended = Setup::new().with_tokens().set("mode.proof", proof).refused().await;
        assert_eq!(ended.code, Some(3), "{}", ended.setup.said());
        assert!(ended.setup.said().contains("grants are for callers that are proved"), "{}", ended.setup.said());
    }
}

#[tokio::test]
async fn a_denial_that_is_only_observed_spends_no_token() {
    let setup = observing().set("mode", "{ceiling: observe}").set("tokens.jwt_svid", "{one_time: true}");
    let guard = setup.start().await;
    let world = guard.setup().world();
    // Issued after the start: of tokens from before it is not known whether they were spent.
    let token = world.svid(json!({"iat": world.at(50)}));
    for _ in 0..3 {
        let answer = get(&guard, "/none").bearer(&token).send().await;
        assert_eq!((answer.is_allow(), answer.reason().as_deref()), (true, Some("grant_missing")));
    }
    get(&guard, ALONE).bearer(&token).send().await.allowed();
    // Another hop than that, so that it is no retry.
    get(&guard, ALONE).header("x-tag", "again").bearer(&token).send().await.denied("token_replayed");
    // Proof is enforced: a token that is spent is good for nothing any more.
    get(&guard, "/none").bearer(&token).send().await.denied("token_replayed");
}

#[tokio::test]
async fn a_policy_that_is_watched_denies_nothing_and_one_that_is_skipped_is_not_asked() {
    let rows = [
        ("observe", "decision := false", Some("policy_denied")),
        ("observe", "decision if input.hop.method == \"TRACE\"", Some("policy_undefined")),
        ("observe", "decision := input.hop.method", Some("policy_error")),
        ("observe", "decision := true", None),
        ("skip", "decision := false", None),
    ];
    for (mode, policy, observed) in rows {
        let setup = Setup::new().set("mode", &format!("{{policy: {mode}}}"));
        setup.policy(policy);
        let guard = setup.start().await;
        let answer = guard.hop().send().await;
        assert_eq!(told(&answer).len(), OURS.len(), "{policy}: what was proved is told");
        let record = guard.record(&answer).await;
        assert_eq!(record["observed"], json!(observed.iter().collect::<Vec<_>>()), "{policy}");
        assert_eq!(record["reason"], json!(observed), "{policy}");
        assert_eq!(record["modes"]["policy"], json!(mode), "{policy}");
        // What policy is not asked, it was not shown.
        assert_eq!(record["input_digest"].is_null(), mode == "skip", "{policy}");
        let denied = guard.hop().path("/elsewhere").send().await;
        assert_eq!(denied.reason().as_deref(), Some("grant_missing"), "{policy}: the ceiling stays");
    }
}

#[tokio::test]
async fn no_policy_has_to_be_there_where_none_is_asked() {
    let guard =
        Setup::new().set("mode", "{policy: skip}").unset("policy.directory").unset("policy.timeout").start().await;
    guard.hop().send().await.let_through();
}

#[tokio::test]
async fn a_hop_that_is_no_hop_is_denied_whatever_the_policy_counts() {
    let setup = Setup::new().set("mode", "{policy: observe}");
    setup.policy("decision if input.parsed_body.x == 1");
    let guard = setup.start().await;
    let answer = guard.hop().body("application/json", b"{").send().await;
    assert_eq!(answer.reason().as_deref(), Some("hop_malformed"));
}
