//! A one-time token is spent by the permit that rests on it, once; and by nothing else.

use serde_json::{Value, json};

use crate::harness::{ALONE, Answer, FOR_ALICE, Guard, Hop, Setup};

/// A Hopguard for which every JWT-SVID and every transaction token is for one use.
fn setup() -> Setup {
    let setup = Setup::new().with_tokens().set("tokens.jwt_svid", "{one_time: true}");
    let world = setup.world();
    let issuers = format!("issuers: [{{issuer: \"{}\"}}]", world.desk());
    setup.set("tokens.transaction", &format!("{{audience: {}, {issuers}, one_time: true}}", world.domain))
}

/// A JWT-SVID that was issued when nobody who could have spent it was running.
fn fresh(setup: &Setup, changes: &Value) -> String {
    let mut claims = json!({"iat": setup.world().at(50)});
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    setup.world().svid(claims)
}

/// A hop that a token as this one lets happen; each is another Check.
fn hop<'a>(guard: &'a Guard, token: &str, number: usize) -> Hop<'a> {
    guard.hop().method("GET").path(ALONE).bearer(token).header("x-number", number.to_string())
}

#[tokio::test]
async fn a_token_is_spent_once() {
    let guard = setup().start().await;
    let token = fresh(guard.setup(), &json!({"jti": "1"}));
    hop(&guard, &token, 1).send().await.allowed();
    let answer = hop(&guard, &token, 2).send().await.denied("token_replayed");
    let record = guard.record(&answer).await;
    assert_eq!((&record["answered"], &record["tokens"][0]["id"]), (&json!("deny"), &json!("1")));
    // The same token signed again is the same token; another one is not.
    hop(&guard, &fresh(guard.setup(), &json!({"jti": "1", "exp": guard.setup().world().at(500)})), 3)
        .send()
        .await
        .denied("token_replayed");
    hop(&guard, &fresh(guard.setup(), &json!({"jti": "2"})), 4).send().await.allowed();
}

#[tokio::test]
async fn envoys_retry_gets_the_same_answer_and_nobody_elses_does() {
    let guard = setup().start().await;
    let token = fresh(guard.setup(), &json!({}));
    let check = hop(&guard, &token, 1).request();
    let mut client = guard.client();
    for _ in 0..3 {
        Answer(client.check(check.clone()).await.unwrap().into_inner()).allowed();
    }
    // Byte for byte the same, on another connection.
    Answer(guard.client().check(check).await.unwrap().into_inner()).denied("token_replayed");
}

#[tokio::test]
async fn of_many_who_race_one_wins() {
    let guard = setup().start().await;
    let token = fresh(guard.setup(), &json!({}));
    let checks: Vec<_> = (0..24).map(|number| (guard.client(), hop(&guard, &token, number).request())).collect();
    let asked: Vec<_> = checks
        .into_iter()
        .map(|(mut client, check)| tokio::spawn(async move { Answer(client.check(check).await.unwrap().into_inner()) }))
        .collect();
    let mut allowed = 0;
    for answer in asked {
        let answer = answer.await.unwrap();
        if answer.is_allow() { allowed += 1 } else { drop(answer.denied("token_replayed")) }
    }
    assert_eq!(allowed, 1);
}

#[tokio::test]
async fn a_denial_spends_nothing() {
    let setup = setup();
    setup.policy("decision := input.attributes.request.http.headers[\"x-number\"] != \"3\"");
    let guard = setup.start().await;
    let token = fresh(guard.setup(), &json!({}));
    hop(&guard, &token, 1).path("/elsewhere").send().await.denied("grant_missing");
    hop(&guard, &token, 2).purpose("world.domination").send().await.denied("purpose_unknown");
    hop(&guard, &token, 3).send().await.denied("policy_denied");
    hop(&guard, &token, 4).send().await.allowed();
    hop(&guard, &token, 5).send().await.denied("token_replayed");
}

#[tokio::test]
async fn of_two_tokens_both_are_spent_or_none() {
    let guard = setup().start().await;
    let world = guard.setup().world();
    let txn = |id: &str| world.txn(json!({"iat": world.at(50), "txn": id, "jti": id}));
    let both = |token: &str, txn: &str, number: usize| hop(&guard, token, number).path(FOR_ALICE).transaction(txn);
    let (first, second) = (fresh(guard.setup(), &json!({"jti": "a"})), fresh(guard.setup(), &json!({"jti": "b"})));
    both(&first, &txn("t-1"), 1).send().await.allowed();
    both(&second, &txn("t-1"), 2).send().await.denied("token_replayed");
    // What stood beside a spent one was not.
    both(&second, &txn("t-2"), 3).send().await.allowed();
}

#[tokio::test]
async fn where_proof_only_watches_a_replay_is_written_down_and_let_through() {
    let guard = setup().set("mode", "{proof: observe, ceiling: observe}").start().await;
    let token = fresh(guard.setup(), &json!({}));
    hop(&guard, &token, 1).send().await.allowed();
    let answer = hop(&guard, &token, 2).send().await;
    assert!(answer.is_allow());
    let record = guard.record(&answer).await;
    assert_eq!((&record["answered"], &record["allowed"]), (&json!("allow"), &json!(false)));
    assert_eq!(record["observed"], json!(["token_replayed"]));
}

#[tokio::test]
async fn what_cannot_be_remembered_is_refused() {
    let guard = setup().set("tokens.replay", "{capacity: 2}").start().await;
    for number in 0..2 {
        hop(&guard, &fresh(guard.setup(), &json!({"jti": number.to_string()})), number).send().await.allowed();
    }
    hop(&guard, &fresh(guard.setup(), &json!({"jti": "2"})), 2).send().await.denied("overloaded");
    hop(&guard, &fresh(guard.setup(), &json!({"jti": "0"})), 3).send().await.denied("token_replayed");
}

#[tokio::test]
async fn after_a_start_what_was_issued_before_may_have_been_spent() {
    let guard = setup().start().await;
    let world = guard.setup().world();
    for (number, iat) in [world.at(-10).into(), Value::Null].into_iter().enumerate() {
        let mut claims = json!({"sub": world.caller, "aud": world.this, "exp": world.at(600), "iat": iat});
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let token = crate::harness::OWN.sign(json!({}), &claims).unwrap();
        hop(&guard, &token, number).send().await.denied("token_replayed");
    }
}

#[tokio::test]
async fn what_was_spent_before_a_kill_is_spent_after_it_and_nothing_else_is() {
    let setup = setup();
    std::fs::create_dir(setup.path("state")).unwrap();
    let mut setup = setup.set("state", "{directory: state}");
    // A first start makes the state; from then on it is whole.
    setup = setup.start().await.stop().await.setup;
    let tokens: Vec<String> = (0..6).map(|number| fresh(&setup, &json!({"jti": number.to_string()}))).collect();
    let (first, second) = tokens.split_at(3);
    let guard = setup.start().await;
    for (number, token) in first.iter().enumerate() {
        hop(&guard, token, number).send().await.allowed();
    }
    setup = guard.kill().await.setup;
    let guard = setup.start().await;
    for (number, token) in first.iter().enumerate() {
        hop(&guard, token, number).send().await.denied("token_replayed");
    }
    for (number, token) in second.iter().enumerate() {
        hop(&guard, token, number).send().await.allowed();
    }
}

#[test]
fn a_claim_lasts_as_long_as_any_leeway_lets_its_token() {
    for leeway in ["0s", "5s"] {
        let setup = setup().set("tokens.leeway", leeway);
        let world = setup.world();
        let token = world.svid(json!({"exp": world.at(100)}));
        let check = setup.hop().method("GET").path(ALONE).bearer(&token).request();
        let spent = setup.loader().refresh(world.now).authorizer.decide(&check, world.now).one_time();
        let ends: Vec<i64> = spent.iter().map(|token| token.expires.seconds()).collect();
        assert_eq!(ends, [world.at(105)], "leeway may be raised to 5s while it is remembered");
    }
}
