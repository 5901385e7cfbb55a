//! The road, live: every reason arises through gRPC, and says the same in answer, record and metric.

use std::time::Duration;

use hopguard::decision::Reason;
use serde_json::json;

use crate::harness::{FRONTEND, Grant, Guard, Hop, NOBODY, PAYMENTS, STRANGER, Setup, authority, mint};

/// Reasons that no hop gives by itself, and where they arise.
const ELSEWHERE: [(&str, &str); 12] = [
    ("audit_unavailable", "audit.rs"),
    ("deadline", "frames.rs"),
    // What is taken back, or ends, while hops go on.
    ("grant_inactive", "revocation_lag.rs"),
    // Nothing is known to panic: the fence has a test of its own.
    ("internal", "src/server/check/tests.rs"),
    ("not_ready", "frames.rs"),
    ("overloaded", "frames.rs"),
    ("peer_suspended", "revocation_lag.rs"),
    ("revoked", "revocation_lag.rs"),
    ("store_stale", "revocation_lag.rs"),
    // Whether one is required is the administrator's.
    ("token_missing", "tokens.rs"),
    // The first hop spends what the second one replays.
    ("token_replayed", "modes.rs"),
    ("trust_stale", "reload.rs"),
];

const POLICY: &str = r#"
decision := {"allowed": true} if not input.hop.path in {"/no", "/undefined", "/broken", "/endless"}

decision := {"allowed": false, "reason": "not on a Sunday"} if input.hop.path == "/no"

decision := "perhaps" if input.hop.path == "/broken"

decision := {"allowed": true} if {
	input.hop.path == "/endless"
	some a in digits
	some b in digits
	some c in digits
	some d in digits
	some e in digits
	some f in digits
	some g in digits
	some h in digits
	a + b + c + d + e + f + g + h < 0
}

digits := [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
"#;

/// How a hop gives each reason.
fn rows(guard: &Guard) -> Vec<(&'static str, Hop<'_>)> {
    let (setup, now, world) = (guard.setup(), guard.setup().now(), guard.setup().world());
    let hop = || guard.hop();
    let minted = |from, until| mint(setup.authority(), FRONTEND, from, until);
    let nobodys = mint(&authority(now), FRONTEND, now, now.after(HOUR));
    let ago = |span: Duration| hopguard::clock::Timestamp::from_nanos(now.nanos() - span.as_nanos() as i64);
    vec![
        ("hop_ambiguous", hop().path("/charge/../admin")),
        ("hop_malformed", hop().method("")),
        ("hop_too_large", hop().path(&format!("/{}", "a".repeat(9_000)))),
        ("peer_missing", hop().by_nobody()),
        ("peer_invalid", hop().with_certificate("not%20a%20certificate")),
        ("peer_conflict", hop().principal(STRANGER)),
        ("peer_untrusted", hop().with_certificate(nobodys)),
        ("peer_expired", hop().with_certificate(minted(ago(2 * HOUR), ago(HOUR)))),
        ("peer_lifetime", hop().with_certificate(minted(now, now.after(26 * HOUR)))),
        ("audience_mismatch", hop().answered_as(STRANGER)),
        ("purpose_missing", hop().without_purpose()),
        ("purpose_ambiguous", hop().header("x-hop-purpose", "refund")),
        ("purpose_unknown", hop().purpose("world.domination")),
        ("purpose_widened", hop().purpose("refund").transaction(&world.txn(json!({})))),
        ("delegation_invalid", hop().bearer(&world.oidc(json!({"act": {"sub": "alice"}})))),
        ("token_malformed", hop().bearer("rubbish")),
        ("token_untrusted", hop().bearer(&world.svid(json!({"sub": "spiffe://stranger.example/web"})))),
        ("token_signature", hop().bearer(&NOBODY.sign(json!({}), &world.svid_claims(json!({}))).unwrap())),
        ("token_not_yet_valid", hop().bearer(&world.svid(json!({"nbf": world.at(300)})))),
        ("token_expired", hop().bearer(&world.svid(json!({"exp": world.at(-1), "iat": world.at(-60)})))),
        ("token_lifetime", hop().bearer(&world.svid(json!({"exp": world.at(7200)})))),
        ("token_audience", hop().bearer(&world.svid(json!({"aud": FRONTEND})))),
        ("token_not_held", hop().bearer(&world.svid(json!({"sub": STRANGER}))).path("/behalf")),
        ("grant_missing", hop().from(STRANGER)),
        ("grant_expired", hop().path("/over")),
        ("grant_pending", hop().path("/ahead")),
        ("policy_denied", hop().path("/no")),
        ("policy_undefined", hop().path("/undefined")),
        ("policy_error", hop().path("/broken")),
        ("policy_timeout", hop().path("/endless")),
    ]
}

async fn guard() -> Guard {
    let setup = Setup::new().with_tokens().set("policy.timeout", "300ms");
    let now = setup.now();
    let paths = ["/charge", "/no", "/undefined", "/broken", "/endless"];
    let mut grants: Vec<Grant> = paths.iter().map(|path| Grant::to(path, now)).collect();
    grants.extend([Grant::to("/over", now).over(now), Grant::to("/ahead", now).ahead(now)]);
    let behalf = Grant::to("/behalf", now).on_behalf_of("spiffe://prod.example", &[STRANGER]);
    grants.push(behalf.binding("declared"));
    setup.more_grants(&grants);
    setup.policy(POLICY);
    setup.start().await
}

#[tokio::test]
async fn every_reason_is_the_same_in_answer_record_and_metric() {
    let guard = guard().await;
    for (reason, hop) in rows(&guard) {
        let answer = hop.send().await.denied(reason);
        let record = guard.record(&answer).await;
        assert_eq!(record["reason"], reason);
        assert_eq!((&record["answered"], &record["allowed"]), (&json!("deny"), &json!(false)), "{reason}");
        assert_eq!(guard.counted(reason).await, 1, "{reason}");
    }
    assert_eq!(guard.counted("none").await, 0);
}

#[tokio::test]
async fn every_reason_has_a_row_here_or_a_test_elsewhere() {
    let guard = Guard::start().await;
    let mut named: Vec<&str> = rows(&guard).iter().map(|(reason, _)| *reason).collect();
    named.extend(ELSEWHERE.iter().map(|(reason, _)| *reason));
    named.sort_unstable();
    let mut all = Reason::ALL.map(Reason::as_str);
    all.sort_unstable();
    assert_eq!(named, all);
    for (reason, file) in ELSEWHERE {
        let folder = if file.starts_with("src/") { "" } else { "tests/it/" };
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(file);
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(reason), "`{reason}` does not arise in {file}");
    }
}

#[tokio::test]
async fn what_was_proved_before_a_denial_is_told_and_recorded() {
    let guard = guard().await;
    let answer = guard.hop().path("/no").send().await.denied("policy_denied");
    assert_eq!(answer.text("peer").as_deref(), Some(FRONTEND));
    assert_eq!(answer.text("purpose").as_deref(), Some("checkout"));
    assert_eq!(answer.text("grant").as_deref(), Some("no"));
    let record = guard.record(&answer).await;
    assert_eq!(record["peer"]["spiffe_id"], FRONTEND);
    assert_eq!(record["purpose"], json!({"name": "checkout", "binding": "declared"}));
    assert_eq!(record["grant"]["approver"], "alice@example.com");
    assert_eq!(record["message"], "the policy said no: not on a Sunday");

    let answer = guard.hop().by_nobody().send().await.denied("peer_missing");
    assert_eq!((answer.text("peer"), answer.text("purpose"), answer.text("grant")), (None, None, None));
    let record = guard.record(&answer).await;
    assert_eq!((&record["peer"], &record["detail"]), (&json!(null), &json!("evidence.absent")));
}

#[tokio::test]
async fn an_allow_says_who_what_for_and_until_when() {
    let guard = Guard::start().await;
    let answer = guard.hop().header("x-request-id", "r-1").send().await.allowed();
    assert_eq!(answer.text("peer").as_deref(), Some(FRONTEND));
    assert_eq!(answer.text("purpose").as_deref(), Some("checkout"));
    assert_eq!(answer.text("grant").as_deref(), Some("charge"));
    // The SVID ends before the grant.
    let until = hopguard::clock::Timestamp::parse(&answer.text("valid_until").unwrap()).unwrap();
    assert!(until.since(guard.setup().now()) <= HOUR + Duration::from_secs(1), "{until}");

    let record = guard.record(&answer).await;
    assert_eq!(record["answered"], "allow");
    assert_eq!(record["reason"], json!(null));
    assert_eq!(record["self"], PAYMENTS);
    assert_eq!(record["grant"]["name"], "charge");
    assert_eq!(record["valid_until"], answer.text("valid_until").unwrap());
    assert_eq!(record["revisions"]["snapshot"], answer.text("revision").unwrap());
    assert_eq!(
        record["hop"],
        json!({"method": "POST", "host": "payments.prod.example", "path": "/charge", "request_id": "r-1"})
    );
    assert_eq!(guard.counted("none").await, 1);
}

#[tokio::test]
async fn an_allow_sets_five_headers_and_overwrites_what_was_there() {
    let guard = Guard::start().await;
    let answer = guard.hop().header("x-hopguard-peer", "spiffe://prod.example/admin").send().await.allowed();
    let expected = [
        ("x-hopguard-decision", answer.id()),
        ("x-hopguard-peer", FRONTEND.to_owned()),
        ("x-hopguard-actor", FRONTEND.to_owned()),
        ("x-hopguard-purpose", "checkout".to_owned()),
        ("x-hopguard-grant", "charge".to_owned()),
    ];
    let set: Vec<_> = answer
        .ok()
        .headers
        .iter()
        .map(|option| {
            let header = option.header.as_ref().unwrap();
            assert_eq!(option.append, Some(false), "{header:?}");
            assert_eq!(option.append_action, OVERWRITE, "{header:?}");
            assert!(header.raw_value.is_empty());
            (header.key.as_str(), header.value.clone())
        })
        .collect();
    assert_eq!(set, expected);
    assert!(answer.ok().response_headers_to_add.is_empty());
}

#[tokio::test]
async fn an_allow_removes_every_spelling_of_our_headers_but_for_those_that_it_sets() {
    let guard = Guard::start().await;
    let sent = [
        "x-hopguard-peer",
        "x-hopguard-decision",
        "x-hopguard-admin",
        "x_hopguard_peer",
        "x-hopguard_peer",
        "x_hopguard-grant",
        "x-hopguards",
        "x-method-override",
        "accept",
    ];
    let hop = sent.iter().fold(guard.hop(), |hop, name| hop.header(name, "spoofed"));
    for hop in [hop.clone(), hop.raw_headers()] {
        let answer = hop.send().await.allowed();
        let mut removed = answer.ok().headers_to_remove.clone();
        removed.sort_unstable();
        let mut expected = vec![
            "x-envoy-original-path",
            "x-hopguard-admin",
            "x-hopguard-break-glass",
            "x-hopguard_peer",
            "x-http-method-override",
            "x-method-override",
            "x-original-url",
            "x-rewrite-url",
            "x_hopguard-grant",
            "x_hopguard_peer",
        ];
        expected.sort_unstable();
        assert_eq!(removed, expected);
    }
}

#[tokio::test]
async fn headers_that_the_administrator_keeps_are_not_removed() {
    let guard = Setup::new().set("hop.keep_headers", "[x-original-url]").start().await;
    let answer = guard.hop().header("x-original-url", "/").send().await.allowed();
    assert!(!answer.ok().headers_to_remove.iter().any(|name| name == "x-original-url"));
}

#[tokio::test]
async fn a_denied_caller_is_told_as_much_as_the_administrator_wants() {
    for reveal in ["none", "reason", "full"] {
        let guard = Setup::new().set("response.reveal", reveal).start().await;
        let answer = guard.hop().without_purpose().send().await.denied("purpose_missing");
        let mut expected = json!({"error": "hop_denied", "decision": answer.id()});
        if reveal != "none" {
            expected["reason"] = json!("purpose_missing");
        }
        if reveal == "full" {
            expected["detail"] = json!("purpose.missing");
            expected["message"] = json!("the hop states no purpose");
        }
        assert_eq!(answer.body(), expected);
        let headers = &answer.denial().headers;
        let [content_type] = &headers[..] else { panic!("{headers:?}") };
        assert_eq!(content_type.header.as_ref().unwrap().value, "application/json");
    }
}

#[tokio::test]
async fn both_header_modes_of_envoy_give_the_same_answers() {
    let guard = Guard::start().await;
    for (reason, hop) in [
        (None, guard.hop()),
        (Some("purpose_ambiguous"), guard.hop().header("x-hop-purpose", "refund")),
        (Some("purpose_missing"), guard.hop().without_purpose()),
        (Some("peer_conflict"), guard.hop().header(XFCC, "URI=a").header(XFCC, "URI=b")),
        (Some("hop_ambiguous"), guard.hop().header("authorization", "Bearer a").header("authorization", "Bearer b")),
    ] {
        for hop in [hop.clone(), hop.raw_headers()] {
            let answer = hop.send().await;
            assert_eq!(answer.reason().as_deref(), reason);
        }
    }
}

#[tokio::test]
async fn no_grant_is_borrowed_from_another_caller_method_host_or_purpose() {
    let setup = Setup::new();
    let now = setup.now();
    setup.grants(&[
        Grant::to("/charge", now),
        Grant::to("/charge", now).named("refunds").subject(STRANGER).methods("DELETE"),
    ]);
    let guard = setup.start().await;
    guard.hop().send().await.allowed();
    guard.hop().from(STRANGER).method("DELETE").send().await.allowed();
    for hop in [
        guard.hop().method("DELETE"),
        guard.hop().from(STRANGER),
        guard.hop().path("/charge/"),
        guard.hop().path("/CHARGE"),
        guard.hop().purpose("refund"),
    ] {
        hop.send().await.denied("grant_missing");
    }
}

const XFCC: &str = "x-forwarded-client-cert";
const OVERWRITE: i32 = hopguard::pb::header_value_option::HeaderAppendAction::OverwriteIfExistsOrAdd as i32;
const HOUR: Duration = Duration::from_secs(3600);
