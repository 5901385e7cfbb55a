//! A certificate proves nobody outside of its time, however warm its cache and however old its connection.

use std::time::Duration;

use hopguard::{
    clock::{Clock, Timestamp},
    server::Snapshot,
};

use crate::harness::{
    Answer, FRONTEND, Setup,
    chain::{Ca, Shown},
    until,
};

/// A root, and a Hopguard that trusts it, at any time one likes.
fn scene() -> (Setup, Ca) {
    let setup = Setup::new();
    let root = Ca::root("root", setup.now());
    setup.write("roots.pem", &root.pem());
    (setup, root)
}

fn at(setup: &Setup, snapshot: &Snapshot, shown: &Shown, seconds: i64, nanos: i64) -> String {
    let now = Timestamp::from_nanos((setup.now().seconds() + seconds) * 1_000_000_000 + nanos);
    let check = setup.hop().with_certificate(shown.certificate()).request();
    let decision = snapshot.authorizer.decide(&check, now);
    let detail = decision.verdict.as_ref().err().and_then(|denial| denial.detail()).unwrap_or_default();
    decision.reason().map_or_else(|| "allow".to_owned(), |reason| format!("{} {detail}", reason.as_str()))
}

#[test]
pub(super) fn a_certificate_is_valid_from_its_first_second_through_its_last() {
    let (setup, root) = scene();
    let snapshot = setup.loader().refresh(setup.now());
    let svid = root.svid_with(FRONTEND, |p| (p.not_before, p.not_after) = (root.at(-5), root.at(5)));
    for (seconds, nanos, expected) in [
        (-5, -1, "peer_invalid x509.not_yet_valid"),
        (-5, 0, "allow"),
        (5, 0, "allow"),
        (5, 999_999_999, "allow"),
        (6, 0, "peer_expired x509.expired"),
        (-6, 0, "peer_invalid x509.not_yet_valid"),
    ] {
        assert_eq!(at(&setup, &snapshot, &svid, seconds, nanos), expected, "{seconds} s {nanos} ns");
    }
}

#[test]
pub(super) fn a_clock_that_steps_back_finds_a_certificate_before_its_time() {
    let (setup, root) = scene();
    let snapshot = setup.loader().refresh(setup.now());
    let svid = root.svid(FRONTEND);
    assert_eq!(at(&setup, &snapshot, &svid, 0, 0), "allow");
    assert_eq!(at(&setup, &snapshot, &svid, -61, 0), "peer_invalid x509.not_yet_valid");
    assert_eq!(at(&setup, &snapshot, &svid, -60, 0), "allow");
}

#[tokio::test]
pub(super) async fn an_intermediate_that_ends_ends_what_it_vouched_for() {
    let (setup, root) = scene();
    let end = Clock::default().now().seconds() - setup.now().seconds() + 3;
    let sub = root.sub_with("sub", |p| p.not_after = root.at(end));
    setup.write("between.pem", &sub.pem());
    let trust = "[{trust_domain: prod.example, pem: roots.pem, intermediates: between.pem}]";
    let guard = setup.set("trust", trust).start().await;
    ends(&guard, &sub.svid(FRONTEND)).await;
}

#[tokio::test]
pub(super) async fn a_connection_that_outlives_its_certificate_is_denied() {
    let (setup, root) = scene();
    let guard = setup.start().await;
    let end = Clock::default().now().seconds() - guard.setup().now().seconds() + 3;
    ends(&guard, &root.svid_with(FRONTEND, |p| p.not_after = root.at(end))).await;
}

/// Asks with a certificate that is valid, and again and again until its path has ended: not a second later.
async fn ends(guard: &crate::harness::Guard, shown: &Shown) {
    let hop = guard.hop().with_certificate(shown.certificate());
    let allowed = hop.clone().send().await.allowed();
    let valid_until = Timestamp::parse(&allowed.text("valid_until").unwrap()).unwrap();
    let denied: Answer = until("the end of the path", async || {
        let before = Clock::default().now();
        let answer = hop.clone().send().await;
        assert!(!answer.is_allow() || before < valid_until, "{before}, after {valid_until}");
        (!answer.is_allow()).then_some(answer)
    })
    .await
    .denied("peer_expired");
    let record = guard.record(&denied).await;
    assert_eq!(record["detail"], "x509.expired");
    assert!(Timestamp::parse(record["time"].as_str().unwrap()).unwrap() >= valid_until);
    assert!(Clock::default().now() < valid_until.after(Duration::from_secs(20)));
}
