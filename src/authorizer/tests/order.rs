//! The first failure on the road is the reason: a hop that fails two checks gives the earlier one.

use super::*;
use crate::{
    grant::{
        Grant,
        fixture::{Sketch, port},
    },
    inventory::{Workload, WorkloadState},
    policy::{Entrypoint, Options, Source},
    revocation::Target,
    token::fixture::{WEB, svid},
};

/// What goes wrong at one place of the road, and what comes of it.
type Failure = (&'static str, fn(&mut Scene), fn(Asks) -> Asks);

/// In the order of the road.
const FAILURES: [Failure; 9] = [
    ("peer_missing", |_| {}, |hop| Asks { certificate: String::new(), ..hop }),
    ("token_expired", |_| {}, |hop| hop.bearer(&svid(serde_json::json!({"exp": 1, "iat": 0})))),
    ("peer_suspended", |scene| scene.workloads = vec![suspended(WEB)], |hop| hop),
    ("revoked", |scene| scene.workloads.push(suspended(AGENT)), delegate),
    ("purpose_unknown", |_| {}, |hop| Asks { purpose: Some("everything"), ..hop }),
    ("revoked", |scene| scene.revocations.push(revocation(Target::Workload(id(WEB)))), |hop| hop),
    ("store_stale", |scene| scene.stale_at = Some(at(0)), |hop| hop),
    ("grant_missing", |scene| scene.grants.clear(), |hop| hop),
    ("policy_denied", refuse, |hop| hop),
];

/// The same hop on behalf of alice, and of whoever acted for her.
fn delegate(hop: Asks) -> Asks {
    Asks { tokens: [delegated().tokens, hop.tokens].concat(), ..hop }
}

fn refuse(scene: &mut Scene) {
    let source = Source::module("authz.rego", "package hopguard.authz\n\ndecision := false if input.hop\n");
    let entrypoint = Entrypoint::parse("data.hopguard.authz.decision").unwrap();
    let options = Options::new(entrypoint, std::time::Duration::from_secs(1));
    scene.policy = Some(Arc::new(Policy::compile(&source, &options).unwrap()));
    scene.modes.policy = Mode::Enforce;
}

#[test]
fn a_hop_that_nothing_is_wrong_with_is_let_through() {
    for asks in [hop(), delegated(), delegate(hop())] {
        assert_eq!(Scene::new().reason(&asks), None);
    }
}

#[test]
fn each_failure_alone_is_the_reason() {
    for (reason, spoil, ask) in FAILURES {
        assert_eq!(Scene::with(spoil).reason(&ask(hop())).map(|(reason, _)| reason), Some(reason));
    }
}

#[test]
fn of_two_failures_the_earlier_one_is_the_reason() {
    for (first, (reason, spoil, ask)) in FAILURES.into_iter().enumerate() {
        for (later, (other, spoil_too, ask_too)) in FAILURES.into_iter().enumerate().skip(first + 1) {
            let scene = Scene::with(|scene| {
                spoil(scene);
                spoil_too(scene);
            });
            let found = scene.reason(&ask_too(ask(hop()))).map(|(reason, _)| reason);
            assert_eq!(found, Some(reason), "{first} {reason} before {later} {other}");
        }
    }
}

#[test]
fn the_peers_own_suspension_comes_before_anybody_elses() {
    let scene = Scene::with(|scene| scene.workloads = vec![suspended(AGENT), suspended(WEB)]);
    assert_eq!(scene.reason(&delegated()), Some(("peer_suspended", "workload.suspended")));
    let scene = Scene::with(|scene| scene.workloads = vec![suspended(AGENT)]);
    assert_eq!(scene.reason(&delegated()), Some(("revoked", "workload.suspended")));
    assert_eq!(scene.reason(&hop()), None, "nobody names the agent here");
}

#[test]
fn who_was_offboarded_is_told_apart_from_who_is_suspended() {
    let gone = |name| Workload { state: WorkloadState::Offboarded, ..workload(name) };
    let scene = Scene::with(|scene| scene.workloads = vec![gone(WEB)]);
    assert_eq!(scene.reason(&hop()), Some(("peer_suspended", "workload.offboarded")));
    let scene = Scene::with(|scene| scene.workloads.push(gone(AGENT)));
    assert_eq!(scene.reason(&delegated()), Some(("revoked", "workload.offboarded")));
}

#[test]
fn an_inventory_that_must_know_the_peer_and_does_not_is_no_grant() {
    let scene = Scene::with(|scene| (scene.workloads, scene.inventory_required) = (vec![], true));
    assert_eq!(scene.reason(&hop()), Some(("grant_missing", "workload_unknown")));
    let known = Scene { workloads: vec![workload(WEB)], ..scene };
    assert_eq!(known.reason(&hop()), None);
}

#[test]
fn a_grant_that_implies_no_purpose_is_not_in_the_way_of_one_that_does() {
    let feeds = |name, purposes| Sketch { purposes, actions: vec![port(5432)], ..sketch(name) }.grant();
    let asks = Asks { port: Some(5432), ..hop() };
    let (both, one) = (feeds("a", vec!["billing", "refund"]), feeds("b", vec!["billing"]));
    let scene = |grants: &[&Arc<Grant>]| Scene::with(|scene| scene.grants = grants.iter().copied().cloned().collect());
    assert_eq!(scene(&[&both]).reason(&asks), Some(("purpose_missing", "purpose.missing")));
    for grants in [&[&one][..], &[&both, &one]] {
        let permit = scene(grants).decide(&asks).verdict.unwrap();
        assert_eq!(permit.grant().map(Grant::name), Some("b"));
    }
    let refunds = feeds("c", vec!["refund"]);
    let revoked = revocation(Target::Purpose(crate::purpose::Purpose::parse("billing").unwrap()));
    let scene = Scene { revocations: vec![revoked], ..scene(&[&one, &refunds]) };
    assert_eq!(scene.decide(&asks).verdict.unwrap().grant().map(Grant::name), Some("c"));
}
