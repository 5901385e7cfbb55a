//! The instants at which a token begins and ends, to the nanosecond, in decisions whose clock is the test's.

use hopguard::{clock::Timestamp, decision::Decision};
use serde_json::{Value, json};

use crate::harness::{ABSENT, ALONE, Setup, World};

const SECOND: i64 = 1_000_000_000;

/// What hops with one token come to, so many nanoseconds after the world began; one snapshot decides, so that tokens are remembered.
async fn verdicts(leeway: &str, claims: impl FnOnce(&World) -> Value, steps: &[(i64, Option<&str>)]) {
    let setup = Setup::new().with_tokens().set("tokens.leeway", leeway);
    let world = setup.world();
    let snapshot = setup.loader().refresh(world.now);
    let begun = world.now.seconds() * SECOND;
    let check = setup.hop().method("GET").path(ALONE).bearer(&world.svid(claims(&world))).request();
    for (later, expected) in steps {
        let decision: Decision = snapshot.authorizer.decide(&check, Timestamp::from_nanos(begun + later));
        assert_eq!(decision.reason().map(|reason| reason.as_str()), *expected, "{later} ns later");
    }
}

/// A token that was verified ends all the same (130).
#[tokio::test]
async fn a_token_ends_at_its_instant_and_is_not_remembered_beyond() {
    let steps = [
        (10 * SECOND, None),
        (60 * SECOND - 1, None),
        (60 * SECOND, Some("token_expired")),
        (60 * SECOND + 1, Some("token_expired")),
        (3000 * SECOND, Some("token_expired")),
        (10 * SECOND, None),
    ];
    verdicts("0s", |world| json!({"exp": world.at(60)}), &steps).await;
}

#[tokio::test]
async fn leeway_is_what_was_configured_and_no_more() {
    let steps = [(64 * SECOND, None), (65 * SECOND - 1, None), (65 * SECOND, Some("token_expired"))];
    verdicts("5s", |world| json!({"exp": world.at(60)}), &steps).await;
    let steps = [(5 * SECOND - 1, Some("token_not_yet_valid")), (5 * SECOND, None), (20 * SECOND, None)];
    verdicts("5s", |world| json!({"nbf": world.at(10)}), &steps).await;
}

#[tokio::test]
async fn a_token_begins_at_its_instant() {
    let ahead = Some("token_not_yet_valid");
    let steps = [(10 * SECOND - 1, ahead), (10 * SECOND, None), (11 * SECOND, None), (9 * SECOND, ahead)];
    verdicts("0s", |world| json!({"nbf": world.at(10)}), &steps).await;
    // An issuer's clock may be a minute ahead.
    let steps = [(10 * SECOND - 1, ahead), (10 * SECOND, None)];
    verdicts("0s", |world| json!({"iat": world.at(70)}), &steps).await;
}

#[tokio::test]
async fn a_token_lives_no_longer_than_configured() {
    let long = Some("token_lifetime");
    verdicts("0s", |world| json!({"iat": world.at(0), "exp": world.at(3600)}), &[(0, None), (SECOND, None)]).await;
    verdicts("0s", |world| json!({"iat": world.at(0), "exp": world.at(3601)}), &[(0, long), (100 * SECOND, long)])
        .await;
    let unsaid = |world: &World| json!({"iat": ABSENT, "exp": world.at(3610)});
    verdicts("0s", unsaid, &[(10 * SECOND - 1, long), (10 * SECOND, None), (20 * SECOND, None)]).await;
}
