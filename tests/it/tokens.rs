//! Tokens, live: what a hop carries is verified as the catalogues of hostile inputs ask, in both header modes, and never written down.

mod keys;
pub(crate) mod rows;
mod times;

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use self::rows::{CATALOGUE, ELSEWHERE, Row, Way};
use crate::harness::{ABSENT, ALONE, Answer, FOR_ALICE, Guard, Hop, OWN, SIGNED, Setup, oidc};

#[test]
fn every_number_of_the_catalogue_has_a_row_or_a_test_elsewhere() {
    let world = Setup::new().world();
    let mut shown: BTreeSet<u16> = rows::all(&world).iter().flat_map(|row| row.numbers).copied().collect();
    for (number, file) in ELSEWHERE {
        assert!(shown.insert(number), "{number} has rows, and need not be shown elsewhere");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(file);
        assert!(fs::read_to_string(&path).unwrap().contains(&format!("({number})")), "{number} is not in {file}");
    }
    assert_eq!(shown, BTreeSet::from(CATALOGUE));
}

#[test]
fn no_two_rows_have_one_name() {
    let rows = rows::all(&Setup::new().world());
    let mut names = BTreeSet::new();
    for row in &rows {
        assert!(names.insert((row.numbers, &row.name)), "{} ({:?})", row.name, row.numbers);
    }
    assert!(rows.iter().filter(|row| row.way == Way::Direct).count() < 12, "clients can send nearly everything");
}

#[tokio::test]
async fn every_row_comes_to_what_it_must_in_both_header_modes() {
    let guard = Setup::new().with_tokens().set("response.reveal", "full").start().await;
    let rows = rows::all(&guard.setup().world());
    let mut wrong = Vec::new();
    let mut answers = Vec::new();
    for row in &rows {
        for raw in [false, true] {
            let hop = hop(&guard, row);
            let answer = if raw { hop.raw_headers() } else { hop }.send().await;
            let body = if answer.is_allow() { Value::Null } else { answer.body() };
            let came = answer.reason().map(|reason| (reason, body["detail"].as_str().unwrap_or_default().to_owned()));
            let expected = row.expected.err().map(|(reason, detail)| (reason.to_owned(), detail.to_owned()));
            if came != expected {
                wrong.push(format!(
                    "{} ({:?}): {came:?} and not {expected:?}: {}",
                    row.name, row.numbers, body["message"]
                ));
            }
            answers.push((row, answer));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    recorded(&guard, &answers).await;
}

/// Holds what was answered against what was written down of it.
async fn recorded(guard: &Guard, answers: &[(&Row, Answer)]) {
    let (_, last) = answers.last().unwrap();
    guard.record(last).await;
    let records: std::collections::BTreeMap<String, Value> = guard
        .setup()
        .records()
        .into_iter()
        .map(|record| (record["decision_id"].as_str().unwrap().to_owned(), record))
        .collect();
    for (row, answer) in answers {
        let record = &records[&answer.id()];
        let (reason, detail) = row.expected.err().unzip();
        assert_eq!((&record["reason"], &record["detail"]), (&json!(reason), &json!(detail)), "{}", row.name);
        assert_eq!(record["answered"], if row.expected.is_ok() { "allow" } else { "deny" }, "{}", row.name);
    }
    let log = fs::read_to_string(guard.setup().log()).unwrap() + &guard.setup().said();
    for (name, value) in answers.iter().flat_map(|(row, _)| &row.headers) {
        for part in value.split([' ', '.', ',']).filter(|part| part.len() > 60) {
            assert!(!log.contains(part), "a part of {name} was written down: {part}");
        }
    }
}

#[tokio::test]
async fn what_verifies_is_recorded_and_shown_without_its_secrets() {
    let setup = Setup::new().with_tokens();
    setup.policy("decision := false");
    let guard = setup.start().await;
    let world = guard.setup().world();
    let (svid, txn) = (world.svid(json!({"jti": "j-1"})), world.txn(json!({})));
    let hop = guard.hop().method("GET").path(FOR_ALICE).bearer(&svid).transaction(&txn).header("x-tag", "kept");
    for hop in [hop.clone(), hop.raw_headers()] {
        let answer = hop.send().await.denied("policy_denied");
        let record = guard.record(&answer).await;
        let tokens = record["tokens"].as_array().unwrap();
        let named: Vec<_> = tokens.iter().map(|token| (&token["kind"], &token["subject"], &token["id"])).collect();
        assert_eq!(
            named,
            [
                (&json!("jwt_svid"), &json!(world.caller), &json!("j-1")),
                (&json!("transaction"), &json!("alice"), &json!("t-1"))
            ]
        );
        let text = record.to_string();
        for part in svid.split('.').chain(txn.split('.')) {
            assert!(!text.contains(part), "{part}");
        }
    }
}

#[tokio::test]
async fn policy_sees_claims_and_no_header_that_holds_a_token() {
    let setup = Setup::new().with_tokens();
    setup.policy(
        r#"
names := {name | some name, _ in input.attributes.request.http.headers}

seen := {
	"headers": sort([name | some name in names]),
	"subjects": {kind: token.subject | some kind, token in input.tokens},
	"amount": object.get(input, ["tokens", "transaction", "claims", "tctx", "amount"], null),
	"scheme": object.get(input.attributes.request.http.headers, "authorization", null),
}

decision := {"allowed": false, "reason": json.marshal(seen)}
"#,
    );
    let mut guard = setup.start().await;
    let world = guard.setup().world();
    let (svid, txn) = (world.svid(json!({})), world.txn(json!({})));
    let hop = guard.hop().method("GET").path(FOR_ALICE).bearer(&svid).transaction(&txn).header("cookie", "a=b");
    for hop in [hop.clone(), hop.raw_headers()] {
        let seen = seen(&guard, hop).await;
        assert_eq!(seen["headers"], json!(["x-hop-purpose"]));
        assert_eq!(seen["subjects"], json!({"jwt_svid": world.caller, "transaction": "alice"}));
        assert_eq!(seen["amount"], 5);
    }
    // Other schemes in a header that may hold a token are credentials, too.
    let basic = guard.hop().method("GET").path(ALONE).header("authorization", "Basic YTpi");
    assert_eq!(seen(&guard, basic).await["scheme"], json!(null));

    // What no block names is the application's, and policy's to see.
    for key in ["tokens.jwt_svid", "tokens.transaction"] {
        guard.setup_mut().configure(key, "null");
    }
    guard.setup_mut().configure("tokens.oidc", "[]");
    crate::harness::until("a configuration without tokens", async || {
        let hop = guard.hop().method("GET").path(ALONE).header("authorization", "Bearer anything");
        let answer = hop.send().await;
        (answer.reason().as_deref() == Some("policy_denied")).then_some(())
    })
    .await;
    let bearer = guard.hop().method("GET").path(ALONE).header("authorization", "Bearer anything").transaction("else");
    let seen = seen(&guard, bearer).await;
    assert_eq!((&seen["scheme"], &seen["subjects"]), (&json!("Bearer anything"), &json!({})));
    assert_eq!(seen["headers"], json!(["authorization", "txn-token", "x-hop-purpose"]));
}

#[tokio::test]
async fn a_token_that_is_required_is_missed() {
    let world = Setup::new().world();
    let transaction = world.settings().into_iter().find(|(key, _)| *key == "tokens.transaction").unwrap().1;
    let transaction = format!("{}, required: true}}", transaction.strip_suffix('}').unwrap());
    for (key, value, carry) in [
        ("tokens.jwt_svid", "{required: true}".to_owned(), "authorization"),
        ("tokens.transaction", transaction, "txn-token"),
        ("tokens.oidc", format!("[{}]", oidc(", required: true")), "authorization"),
    ] {
        let guard = Setup::new().with_tokens().set(key, &value).set("response.reveal", "full").start().await;
        let world = guard.setup().world();
        let token = match key {
            "tokens.jwt_svid" => world.svid(json!({})),
            "tokens.transaction" => world.txn(json!({})),
            _ => world.oidc(json!({})),
        };
        let (path, other) = match key {
            "tokens.jwt_svid" => (ALONE, world.oidc(json!({}))),
            _ => (FOR_ALICE, world.svid(json!({}))),
        };
        let hop = || guard.hop().method("GET").path(path);
        for hop in [hop(), hop().header("authorization", "Basic YTpi"), hop().bearer(&other)] {
            let answer = hop.send().await.denied("token_missing");
            assert_eq!(answer.body()["detail"], "jwt.absent", "{key}");
        }
        let value = if carry == "authorization" { format!("Bearer {token}") } else { token };
        hop().header(carry, value).send().await.allowed();
        // A bad one is not an absent one.
        hop().header(carry, "Bearer").send().await.denied("token_malformed");
    }
}

#[tokio::test]
async fn the_terms_are_the_administrators() {
    let world = Setup::new().world();
    let transaction = world.settings().into_iter().find(|(key, _)| *key == "tokens.transaction").unwrap().1;
    let compat = format!("{}, compat: true}}", transaction.strip_suffix('}').unwrap());
    let setup = Setup::new().with_tokens().set("tokens.jwt_svid", "{strict_audience: false, max_lifetime: 120s}");
    let guard = setup.set("tokens.transaction", &compat).start().await;
    let world = guard.setup().world();
    let alone = |token: &str| guard.hop().method("GET").path(ALONE).bearer(token);
    let claims = |changes: Value| crate::harness::changed(json!({"exp": world.at(100)}), changes);
    alone(&world.svid(claims(json!({"aud": [world.this, "x"]})))).send().await.allowed();
    alone(&world.svid(claims(json!({"aud": ["x", "y"]})))).send().await.denied("token_audience");
    alone(&world.svid(claims(json!({"exp": world.at(115)})))).send().await.denied("token_lifetime");

    let old = json!({"scope": ABSENT, "tctx": ABSENT, "purp": "checkout", "azd": {"amount": 7}});
    let signed = |typ: &str, changes: Value| OWN.sign(json!({"typ": typ}), &world.txn_claims(changes)).unwrap();
    let hop = |token: &str| guard.hop().method("GET").path(SIGNED).without_purpose().transaction(token);
    let answer = hop(&signed("txn_token", old.clone())).send().await.allowed();
    assert_eq!(guard.record(&answer).await["purpose"], json!({"name": "checkout", "binding": "signed"}));
    hop(&world.txn(json!({}))).send().await.allowed();
    hop(&signed("txn_token", json!({"purp": "checkout"}))).send().await.denied("token_malformed");
    hop(&signed("txn_token", json!({"req_wl": ABSENT}))).send().await.denied("token_malformed");
    let strict = Setup::new().with_tokens().start().await;
    let hop = strict.hop().method("GET").path(SIGNED).without_purpose().transaction(&signed("txn_token", old));
    hop.send().await.denied("token_malformed");
}

#[tokio::test]
async fn a_header_that_holds_a_token_is_read_in_one_way() {
    let person = oidc(", header: x-person");
    let setup = Setup::new().with_tokens().set("response.reveal", "full");
    let guard = setup.set("tokens.oidc", &format!("[{}, {person}]", oidc(""))).start().await;
    let world = guard.setup().world();
    let (svid, alice) = (world.svid(json!({})), world.oidc(json!({})));
    let hop = || guard.hop().method("GET").path(FOR_ALICE);
    let bearer = format!("Bearer {alice}");
    let ambiguous = |detail: &'static str| Some(("hop_ambiguous", detail));
    for (headers, expected) in [
        (vec![("x-person", alice.as_str())], None),
        (vec![("authorization", &bearer)], None),
        (vec![("x-person", &alice), ("x-person", &alice)], ambiguous("header.token")),
        (vec![("x-person", &alice), ("x-person", "")], ambiguous("header.token")),
        (vec![("x-person", &bearer)], Some(("token_malformed", "jwt.format"))),
        (vec![("x-person", "")], Some(("token_malformed", "jwt.format"))),
        (vec![("x-person", &svid)], Some(("token_untrusted", "jwt.iss"))),
        // Two of a kind: which counts would be the reader's choice.
        (vec![("x-person", &alice), ("authorization", &bearer)], Some(("token_malformed", "jwt.several"))),
        // Another header, whatever some servers make of its name.
        (vec![("x_person", &alice)], Some(("grant_missing", "grant.on_behalf_of"))),
        (vec![("txn_token", "x"), ("x-person", &alice)], None),
        // What stands for a byte that is not UTF-8.
        (vec![("authorization", "Bearer a!b")], ambiguous("header.authorization")),
        (vec![("txn-token", "a!b")], ambiguous("header.txn_token")),
        (vec![("x-person", "a!b")], ambiguous("header.token")),
    ] {
        let sent = headers.iter().fold(hop(), |hop, (name, value)| hop.header(name, value));
        for sent in [sent.clone(), sent.raw_headers()] {
            let answer = sent.send().await;
            let detail = answer.reason().map(|_| answer.body()["detail"].as_str().unwrap().to_owned());
            let came = answer.reason().zip(detail);
            let came = came.as_ref().map(|(reason, detail)| (reason.as_str(), detail.as_str()));
            assert_eq!(came, expected, "{:?}", headers.iter().map(|(name, _)| name).collect::<Vec<_>>());
        }
    }
    for name in ["authorization", "txn-token", "x-person"] {
        for value in [&b"Bearer a\xffb"[..], b"\xff", b"Basic \xff"] {
            hop().header(name, value).raw_headers().send().await.denied("hop_ambiguous");
        }
    }
}

/// The hop of a row.
fn hop<'a>(guard: &'a Guard, row: &Row) -> Hop<'a> {
    let mut hop = guard.hop().method("GET").path(row.path).without_purpose();
    if let Some(purpose) = row.purpose {
        hop = hop.purpose(purpose);
    }
    row.headers.iter().fold(hop, |hop, (name, value)| hop.header(name, value))
}

/// What a policy that tells what it sees was shown.
async fn seen(guard: &Guard, hop: Hop<'_>) -> Value {
    let answer = hop.send().await.denied("policy_denied");
    let record = guard.record(&answer).await;
    let message = record["message"].as_str().unwrap();
    serde_json::from_str(message.strip_prefix("the policy said no: ").unwrap()).unwrap()
}
