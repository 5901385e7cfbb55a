//! Taking something away opens nothing: over the whole road, no denial becomes a permit because a grant is gone, something was revoked or
//! somebody suspended, or because something begins later or ends earlier.
//!
//! It holds for policies that read neither `grant` nor `grants`, nor facts, nor the purpose of a connection, which is its grant's.

use std::{sync::LazyLock, time::Duration};

use proptest::{prelude::*, sample::select, strategy::ValueTree, test_runner::TestRunner};
use serde_json::json;

use super::*;
use crate::{
    fact::Fact,
    grant::{
        Activation, Approval, Condition, Grant, Kind, Subject,
        fixture::{Sketch, get, port},
    },
    inventory::Workload,
    peer::IdPrefix,
    policy::{Entrypoint, Options, Source},
    purpose::Purpose,
    revocation::{Revocation, Target},
    token::fixture::WEB,
};

/// Policies that narrow by what no document about access changes.
static POLICIES: LazyLock<Vec<Option<Arc<Policy>>>> = LazyLock::new(|| {
    let rules = [
        "decision if input.hop.path == \"/v1/ledgers/7\"",
        "decision if input.actor.type != \"workload\"",
        "decision if not input.resource",
    ];
    let options = Options::new(Entrypoint::parse("data.hopguard.authz.decision").unwrap(), Duration::from_secs(1));
    let compile = |rule: &str| {
        let text = format!("package hopguard.authz\n\ndefault decision := false\n\n{rule}\n");
        Some(Arc::new(Policy::compile(&Source::module("authz.rego", &text), &options).unwrap()))
    };
    rules.into_iter().map(compile).collect()
});

/// The hops that are asked about.
static HOPS: LazyLock<Vec<(Asks, CheckRequest)>> = LazyLock::new(|| {
    let refund = Asks { purpose: Some("refund"), ..hop() };
    let other = Asks { path: "/v1/other", ..hop() };
    let connection = Asks { port: Some(5432), ..hop() };
    let all = vec![hop(), delegated(), refund, other, connection, hop().by(AGENT)];
    all.into_iter().map(|asks| (asks.clone(), asks.check())).collect()
});

fn subject() -> impl Strategy<Value = Subject> {
    select(vec![
        Subject::Workload(id(WEB)),
        Subject::Workload(id(WEB)),
        Subject::Workload(id(AGENT)),
        Subject::Prefix(IdPrefix::parse("spiffe://prod.example/").unwrap()),
        Subject::Role("reader".to_owned()),
    ])
}

fn until() -> impl Strategy<Value = Timestamp> {
    prop_oneof![1 => select(vec![at(-60), at(0), at(1)]), 3 => Just(at(900))]
}

fn sketches() -> impl Strategy<Value = Vec<Sketch>> {
    let kind = prop_oneof![
        2 => Just(Kind::Standing),
        3 => select(vec![Kind::Eligible, Kind::Jit, Kind::Exception, Kind::BreakGlass]),
    ];
    let action = select(vec![get("/v1/ledgers/*"), get("/v1/**"), port(5432)]);
    let purposes = select(vec![vec!["billing"], vec!["billing.invoice"], vec!["refund"], vec!["billing", "refund"]]);
    let behalf = proptest::option::weighted(0.3, Just((DESK, "alice", 4)));
    let condition = proptest::option::weighted(0.2, Just("running"));
    let approval = prop_oneof![5 => Just(Approval::Sufficient), 1 => Just(Approval::Lacking)];
    let parts = (kind, subject(), action, purposes, behalf, condition, until(), approval);
    let one = parts.prop_map(|(kind, subject, action, purposes, behalf, condition, until, approval)| {
        let condition =
            condition.map(|value| Condition { fact: "task".to_owned(), equals: json!(value), max_age: None });
        let conditions = condition.into_iter().collect();
        Sketch { kind, subject, actions: vec![action], purposes, behalf, conditions, until, approval, ..sketch("g") }
    });
    proptest::collection::vec(one, 1..5).prop_map(|all| {
        let named = |(number, sketch)| Sketch { name: format!("g{number}"), ..sketch };
        all.into_iter().enumerate().map(named).collect()
    })
}

fn activations() -> impl Strategy<Value = Vec<Activation>> {
    let one = (0..4_usize, until(), proptest::bool::weighted(0.8)).prop_map(|(number, until, signed)| {
        let approval = if signed { Approval::Sufficient } else { Approval::Lacking };
        Activation { until, approval, from: at(-120), ..activation(&format!("g{number}")) }
    });
    proptest::collection::vec(one, 0..5)
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let subject = select(vec![None, Some(id(WEB)), Some(id(AGENT))]);
    let one = (subject, select(vec!["running", "done"]), select(vec![0, -299, -301, 6]));
    let one =
        one.prop_map(|(subject, value, age)| Fact { subject, observed_at: at(age), ..fact("task", json!(value)) });
    proptest::collection::vec(one, 0..3)
}

fn revocations() -> impl Strategy<Value = Revocation> {
    let target = select(vec![
        Target::Grant("g0".to_owned()),
        Target::Grant("g1".to_owned()),
        Target::Workload(id(WEB)),
        Target::Workload(id(AGENT)),
        Target::Prefix(IdPrefix::parse("spiffe://prod.example/").unwrap()),
        Target::Subject { issuer: DESK.to_owned(), subject: "alice".to_owned() },
        Target::TokenId("j-1".to_owned()),
        Target::Actor(AGENT.to_owned()),
        Target::Purpose(Purpose::parse("billing.invoice").unwrap()),
        Target::Purpose(Purpose::parse("refund").unwrap()),
    ]);
    let times = select(vec![(at(-60), None), (at(61), None), (at(-60), Some(at(0))), (at(60), Some(at(100)))]);
    (target, times).prop_map(|(target, (begins, until))| Revocation { at: begins, until, ..revocation(target) })
}

fn workloads() -> impl Strategy<Value = Vec<Workload>> {
    let one = select(vec![workload(WEB), workload(AGENT), suspended(AGENT)]);
    proptest::collection::vec(one, 0..3)
}

fn modes() -> impl Strategy<Value = Modes> {
    let proof = select(vec![Mode::Enforce, Mode::Observe]);
    proof.prop_map(|proof| Modes { proof, ceiling: Mode::Enforce, policy: Mode::Enforce })
}

/// A scene, and the sketches of its grants.
fn scenes() -> impl Strategy<Value = (Scene, Vec<Sketch>)> {
    let revocations = proptest::option::weighted(0.2, revocations()).prop_map(|one| one.into_iter().collect());
    let policy = prop_oneof![1 => Just(None), 1 => select(POLICIES.clone())];
    let rest = (modes(), proptest::bool::weighted(0.1), policy);
    let parts = (sketches(), activations(), facts(), revocations, workloads(), rest);
    parts.prop_map(|(sketches, activations, facts, revocations, workloads, (modes, required, policy))| {
        let modes = if policy.is_some() { modes } else { Modes { policy: Mode::Skip, ..modes } };
        let scene = Scene {
            modes,
            workloads,
            revocations,
            facts,
            resources: vec![resource()],
            grants: made(&sketches),
            activations,
            stale_at: None,
            inventory_required: required,
            policy,
        };
        (scene, sketches)
    })
}

fn made(sketches: &[Sketch]) -> Vec<Arc<Grant>> {
    sketches.iter().cloned().map(Sketch::grant).collect()
}

/// What takes something away.
#[derive(Clone, Debug)]
enum Less {
    NoGrant(usize),
    GrantEnds(usize, Timestamp),
    GrantBegins(usize, Timestamp),
    ConditionAges(usize),
    NoActivation(usize),
    ActivationEnds(usize, Timestamp),
    NoFact(usize),
    FactAges(usize),
    Revoked(Revocation),
    Suspended(&'static str),
    Stale,
}

fn less() -> impl Strategy<Value = Less> {
    let which = 0..5_usize;
    prop_oneof![
        4 => which.clone().prop_map(Less::NoGrant),
        2 => (which.clone(), until()).prop_map(|(which, until)| Less::GrantEnds(which, until)),
        1 => (which.clone(), until()).prop_map(|(which, from)| Less::GrantBegins(which, from)),
        1 => which.clone().prop_map(Less::ConditionAges),
        1 => which.clone().prop_map(Less::NoActivation),
        1 => (which.clone(), until()).prop_map(|(which, until)| Less::ActivationEnds(which, until)),
        1 => which.clone().prop_map(Less::NoFact),
        1 => which.prop_map(Less::FactAges),
        4 => revocations().prop_map(Less::Revoked),
        2 => select(vec![WEB, AGENT]).prop_map(Less::Suspended),
        1 => Just(Less::Stale),
    ]
}

impl Less {
    /// Where it matters. What is revoked is refused in every mode; a grant that is gone denies nobody where grants are only watched, where
    /// a revoked one does.
    fn ceilings(&self) -> &'static [Mode] {
        match self {
            Self::Revoked(_) | Self::Suspended(_) | Self::Stale => &[Mode::Enforce, Mode::Observe, Mode::Skip],
            _ => &[Mode::Enforce],
        }
    }
}

/// What each hop comes to, before something is taken away and after.
fn both(scene: &Scene, sketches: &[Sketch], less: &Less) -> Vec<(&'static Asks, Decision, Decision)> {
    let lessened = lessened(scene, sketches, less.clone());
    let (before, after) = (scene.authorizer(), lessened.authorizer());
    let decided = |(asks, check)| (asks, before.decide(check, at(0)), after.decide(check, at(0)));
    HOPS.iter().map(|(asks, check)| decided((asks, check))).collect()
}

/// The same with something taken away.
fn lessened(scene: &Scene, sketches: &[Sketch], less: Less) -> Scene {
    let (mut scene, mut sketches) = (scene.clone(), sketches.to_vec());
    match less {
        Less::NoGrant(which) if which < sketches.len() => drop(sketches.remove(which)),
        Less::GrantEnds(which, until) if which < sketches.len() => {
            sketches[which].until = sketches[which].until.min(until);
        }
        Less::GrantBegins(which, from) if which < sketches.len() => {
            sketches[which].from = sketches[which].from.max(from);
        }
        Less::ConditionAges(which) if which < sketches.len() => {
            sketches[which]
                .conditions
                .iter_mut()
                .for_each(|condition| condition.max_age = Some(Duration::from_secs(1)));
        }
        Less::NoActivation(which) if which < scene.activations.len() => drop(scene.activations.remove(which)),
        Less::ActivationEnds(which, until) if which < scene.activations.len() => {
            scene.activations[which].until = scene.activations[which].until.min(until);
        }
        // Of two facts about one thing neither counts: without the other one would.
        Less::NoFact(which) if which < scene.facts.len() => {
            let subject = scene.facts[which].subject.clone();
            scene.facts.retain(|fact| fact.subject != subject);
            // What is so of everybody would stand in for what was told of one.
            scene.facts.retain(|fact| fact.subject.is_some());
        }
        Less::FactAges(which) if which < scene.facts.len() => scene.facts[which].max_age = Duration::from_secs(1),
        Less::Revoked(revocation) => scene.revocations.push(revocation),
        Less::Suspended(name) => scene.workloads.push(suspended(name)),
        Less::Stale => scene.stale_at = Some(at(0)),
        _ => {}
    }
    scene.grants = made(&sketches);
    scene
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn taking_something_away_never_turns_a_denial_into_a_permit((scene, sketches) in scenes(), less in less()) {
        for ceiling in less.ceilings() {
            let scene = Scene { modes: Modes { ceiling: *ceiling, ..scene.modes }, ..scene.clone() };
            for (asks, before, after) in both(&scene, &sketches, &less) {
                let opened = !before.is_permit() && after.is_permit();
                prop_assert!(!opened, "{:?} opens {:?}: {:?} before", less, asks.path, before.verdict);
                prop_assert!(before.is_allowed() || !after.is_allowed(), "{:?}", less);
            }
        }
    }
}

#[test]
fn what_is_tried_lets_hops_through_and_takes_that_away() {
    let mut runner = TestRunner::deterministic();
    let (mut let_through, mut taken_away) = (0, 0);
    for _ in 0..500 {
        let ((scene, sketches), less) = (scenes(), less()).new_tree(&mut runner).unwrap().current();
        for (_, before, after) in both(&scene, &sketches, &less) {
            let_through += u32::from(before.is_permit());
            taken_away += u32::from(before.is_permit() && !after.is_permit());
        }
    }
    assert!(let_through > 200 && taken_away > 30, "{let_through} of 3000 let through, {taken_away} taken away");
}
