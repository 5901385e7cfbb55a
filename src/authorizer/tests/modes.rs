//! What was taken back is refused in every mode; what a layer only watches is let through, and nobody is blamed for what was not proved.

use super::*;
use crate::{
    decision::Reason,
    revocation::Target,
    token::fixture::{WEB, svid},
};

const WATCHING: Modes = Modes { proof: Mode::Observe, ceiling: Mode::Observe, policy: Mode::Skip };

fn observed(decision: &Decision) -> Vec<&'static str> {
    decision.findings.observed.iter().map(|denial| denial.reason().as_str()).collect()
}

#[test]
fn what_was_taken_back_is_refused_in_every_mode() {
    for (proof, ceiling) in [
        (Mode::Enforce, Mode::Enforce),
        (Mode::Enforce, Mode::Observe),
        (Mode::Enforce, Mode::Skip),
        (Mode::Observe, Mode::Observe),
        (Mode::Observe, Mode::Skip),
    ] {
        let scene = Scene::with(|scene| scene.modes = Modes { proof, ceiling, policy: Mode::Skip });
        assert_eq!(scene.reason(&hop()), None, "{proof:?} {ceiling:?}");
        let suspended = Scene { workloads: vec![suspended(WEB)], ..scene.clone() };
        assert_eq!(suspended.reason(&hop()), Some(("peer_suspended", "workload.suspended")), "{proof:?} {ceiling:?}");
        let revoked = Scene { revocations: vec![revocation(Target::Workload(id(WEB)))], ..scene.clone() };
        assert_eq!(revoked.reason(&hop()), Some(("revoked", "revocation.spiffe_id")), "{proof:?} {ceiling:?}");
    }
}

#[test]
fn a_revoked_grant_is_refused_where_grants_are_only_watched_and_ignored_where_they_are_not_asked_for() {
    let scene = |ceiling| {
        Scene::with(|scene| {
            scene.modes.ceiling = ceiling;
            scene.revocations.push(revocation(Target::Grant("reads".to_owned())));
        })
    };
    for ceiling in [Mode::Enforce, Mode::Observe] {
        assert_eq!(scene(ceiling).reason(&hop()), Some(("revoked", "revocation.grant")));
    }
    assert_eq!(scene(Mode::Skip).reason(&hop()), None);
}

#[test]
fn a_stale_store_is_the_ceilings_to_watch() {
    let scene = |ceiling| Scene::with(|scene| (scene.modes.ceiling, scene.stale_at) = (ceiling, Some(at(0))));
    assert_eq!(scene(Mode::Enforce).reason(&hop()), Some(("store_stale", "")));
    for ceiling in [Mode::Observe, Mode::Skip] {
        let decision = scene(ceiling).decide(&hop());
        assert!(decision.is_permit() && !decision.is_allowed());
        assert_eq!(observed(&decision), ["store_stale"]);
    }
    let soon = Scene::with(|scene| scene.stale_at = Some(at(1)));
    assert!(soon.decide(&hop()).is_allowed());
    assert!(!soon.decide_at(1, &hop()).is_allowed());
}

#[test]
fn who_was_not_proved_is_not_held_against_anything() {
    // The peer's certificate is over: it may be anybody's.
    let scene = Scene::with(|scene| {
        scene.modes = WATCHING;
        scene.workloads = vec![suspended(WEB)];
        scene.revocations = vec![revocation(Target::Workload(id(WEB)))];
    });
    let decision = scene.decide_at(4000, &hop());
    assert_eq!(observed(&decision), ["peer_expired", "grant_missing"]);
    assert!(decision.is_permit());
    // What it claims of itself in a token that does not hold says nothing either.
    let token = svid(serde_json::json!({"sub": AGENT, "exp": 1, "iat": 0, "jti": "j-9"}));
    let scene = Scene::with(|scene| {
        scene.modes = WATCHING;
        scene.workloads = vec![suspended(AGENT)];
        scene.revocations = vec![revocation(Target::TokenId("j-9".to_owned()))];
    });
    let decision = scene.decide(&hop().bearer(&token));
    assert_eq!(observed(&decision), ["token_expired"]);
    assert!(decision.is_permit());
}

#[test]
fn what_was_proved_is_held_against_revocations_although_the_rest_was_not() {
    // Nobody is proved who presents it, and the token still is what was signed.
    let asks = Asks { certificate: String::new(), ..delegated() };
    let scene = Scene::with(|scene| scene.modes = WATCHING);
    assert!(scene.decide(&asks).is_permit());
    for target in [Target::TokenId("j-1".to_owned()), Target::Workload(id(WEB))] {
        let revoked = Scene { revocations: vec![revocation(target)], ..scene.clone() };
        assert_eq!(revoked.reason(&asks).map(|(reason, _)| reason), Some("revoked"));
    }
}

#[test]
fn without_documents_a_well_formed_purpose_is_taken_as_it_is() {
    let scene = Scene::with(|scene| scene.modes.ceiling = Mode::Skip);
    let open = Authorizer { vocabulary: Vocabulary::open(), grants: None, ..scene.authorizer() };
    let asks = |purpose| Asks { purpose: Some(purpose), ..hop() };
    assert!(open.decide(&asks("any.thing").check(), at(0)).is_allowed());
    let decision = open.decide(&asks("Any").check(), at(0));
    assert_eq!(decision.reason().map(Reason::as_str), Some("purpose_unknown"));
    // With documents it has to be one of theirs, whether or not grants are asked for.
    assert_eq!(scene.reason(&asks("any.thing")), Some(("purpose_unknown", "purpose.unknown")));
}
