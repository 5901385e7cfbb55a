use serde_json::{Value, json};

use super::*;

const OK: (&str, &str) = ("ok", "");

fn at(seconds: i64, changes: Value) -> (&'static str, &'static str) {
    outcome(Scene::new().at(seconds), changes)
}

fn outcome(scene: Scene, changes: Value) -> (&'static str, &'static str) {
    scene.verify(BEARER, &svid(changes)).err().unwrap_or(OK)
}

#[test]
fn a_time_is_a_whole_number_of_seconds() {
    for value in [
        json!(null),
        json!("1999999999"),
        json!(1.9e9),
        json!(1_795_165_500.5),
        json!(1e17),
        json!(-1),
        json!(1_u64 << 63),
        json!(u64::MAX),
        json!(253_402_300_800_i64),
        json!(true),
        json!([NOW]),
        json!({}),
    ] {
        for (name, detail) in [("exp", "jwt.exp"), ("iat", "jwt.iat"), ("nbf", "jwt.nbf")] {
            assert_eq!(at(0, json!({name: value})), ("token_malformed", detail), "{name}: {value}");
        }
    }
    assert_eq!(at(0, json!({"exp": ABSENT})), ("token_malformed", "jwt.exp"));
    assert_eq!(at(0, json!({"exp": 0, "iat": ABSENT})), ("token_expired", "jwt.expired"));
    assert_eq!(at(0, json!({"exp": NOW - 10})), ("token_malformed", "jwt.exp"), "it ended when it was issued");
}

#[test]
fn it_ends_at_its_end() {
    let ends = json!({"exp": NOW});
    assert_eq!(at(-1, ends.clone()), OK);
    for later in [0, 1, 59, 3600] {
        assert_eq!(at(later, ends.clone()), ("token_expired", "jwt.expired"), "{later}");
    }
    let a_nanosecond_before = Scene::with(|scene| scene.later = -1);
    assert_eq!(outcome(a_nanosecond_before, ends), OK);
}

#[test]
fn leeway_is_what_was_configured_and_at_most_five_seconds() {
    let scene = |leeway, later| Scene::with(|scene| scene.rules.leeway = Duration::from_secs(leeway)).at(later);
    let ends = json!({"exp": NOW});
    assert_eq!(outcome(scene(2, 1), ends.clone()), OK);
    assert_eq!(outcome(scene(2, 2), ends.clone()), ("token_expired", "jwt.expired"));
    assert_eq!(outcome(scene(3600, 4), ends.clone()), OK);
    assert_eq!(outcome(scene(3600, 5), ends), ("token_expired", "jwt.expired"));
    let begins = json!({"nbf": NOW + 2});
    assert_eq!(outcome(scene(2, 0), begins.clone()), OK);
    assert_eq!(outcome(scene(1, 0), begins), ("token_not_yet_valid", "jwt.nbf"));
    let token = scene(2, 0).verify(BEARER, &svid(json!({"exp": NOW + 1}))).unwrap();
    assert_eq!(token.valid_until(), Timestamp::from_seconds(NOW + 3));
}

#[test]
fn it_begins_at_its_beginning() {
    let begins = json!({"nbf": NOW});
    assert_eq!(at(-1, begins.clone()), ("token_not_yet_valid", "jwt.nbf"));
    assert_eq!(at(0, begins), OK);
    assert_eq!(at(0, json!({"nbf": NOW + 60})), ("token_not_yet_valid", "jwt.nbf"));
}

#[test]
fn an_issuers_clock_may_be_a_minute_ahead() {
    let issued = |ahead: i64| json!({"iat": NOW + ahead, "exp": NOW + 300});
    assert_eq!(at(0, issued(60)), OK);
    assert_eq!(at(0, issued(61)), ("token_not_yet_valid", "jwt.iat"));
    assert_eq!(at(0, json!({"iat": 4_000_000_000_u64, "exp": 4_000_000_300_u64})), ("token_not_yet_valid", "jwt.iat"));
    assert_eq!(at(0, json!({"iat": ABSENT})), OK);
}

#[test]
fn it_lives_no_longer_than_configured() {
    let lifetime = ("token_lifetime", "jwt.lifetime");
    assert_eq!(at(0, json!({"iat": NOW, "exp": NOW + 3600})), OK);
    assert_eq!(at(0, json!({"iat": NOW, "exp": NOW + 3601})), lifetime);
    assert_eq!(at(0, json!({"iat": NOW - 3000, "exp": NOW + 601})), lifetime, "from its issue");
    assert_eq!(at(0, json!({"iat": ABSENT, "exp": NOW + 3600})), OK);
    assert_eq!(at(0, json!({"iat": ABSENT, "exp": NOW + 3601})), lifetime, "from now");
    assert_eq!(at(0, json!({"iat": NOW + 30, "exp": NOW + 3610})), lifetime, "from now, though issued later");
    assert_eq!(at(0, json!({"iat": ABSENT, "exp": 253_402_300_799_i64})), lifetime);
}

#[test]
fn the_first_check_that_fails_is_the_reason() {
    let outcome = |changes: Value, header: Value| {
        let token = PROD.sign(header, &svid_claims(changes)).unwrap();
        Scene::new().verify(BEARER, &token).unwrap_err().0
    };
    let everything =
        json!({"exp": NOW - 3600, "iat": ABSENT, "nbf": NOW + 10, "aud": "x", "sub": "spiffe://stranger.example/x"});
    let and = |changes| changed(everything.clone(), changes);
    assert_eq!(outcome(and(json!({"exp": "x"})), json!({})), "token_malformed");
    assert_eq!(outcome(everything.clone(), json!({})), "token_untrusted");
    assert_eq!(outcome(and(json!({"sub": "spiffe://friend.example/x"})), json!({})), "token_signature");
    assert_eq!(outcome(and(json!({"sub": WEB})), json!({})), "token_not_yet_valid");
    assert_eq!(outcome(and(json!({"sub": WEB, "nbf": ABSENT})), json!({})), "token_expired");
    assert_eq!(outcome(and(json!({"sub": WEB, "nbf": ABSENT, "exp": NOW + 9000})), json!({})), "token_lifetime");
    assert_eq!(outcome(and(json!({"sub": WEB, "nbf": ABSENT, "exp": NOW + 90})), json!({})), "token_audience");
}
