//! What is found on the road: until when it holds, what the record says of it, and what policies see.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{
    audit::{Entry, Record},
    decision::DecisionIds,
    fact::Fact,
    grant::{Approval, Kind, Signature, fixture::Sketch},
    policy::{Entrypoint, Options, Source},
    revocation::Target,
    token::fixture::WEB,
};

fn valid_until(scene: &Scene, asks: &Asks) -> Option<Timestamp> {
    scene.decide(asks).verdict.unwrap().valid_until()
}

fn record(decision: Decision) -> Value {
    let entry = Entry::new(DecisionIds::new().unwrap().next(), decision, Duration::ZERO, String::new());
    serde_json::to_value(Record::new(1, &entry)).unwrap()
}

#[test]
fn an_answer_is_valid_until_the_first_end_of_what_it_rests_on() {
    let mut scene = emergency();
    // The certificate ends at 3601, the grant at 1800, its activation at 600, the fact at 300.
    assert_eq!(valid_until(&scene, &hop()), Some(at(300)));
    scene.facts[0].max_age = Duration::from_secs(3000);
    assert_eq!(valid_until(&scene, &hop()), Some(at(600)));
    scene.activations[0].until = at(3000);
    assert_eq!(valid_until(&scene, &hop()), Some(at(1800)));
    scene.grants = vec![Sketch { until: at(9000), ..bound(Kind::BreakGlass) }.grant()];
    assert_eq!(valid_until(&scene, &hop()), Some(at(3000)));
    scene.modes.ceiling = Mode::Skip;
    let certificate = scene.decide(&hop()).peer().and_then(ProvedPeer::valid_until);
    assert_eq!(valid_until(&scene, &hop()), certificate);
    // The transaction token ends first of all.
    assert_eq!(valid_until(&scene, &delegated()), Some(at(60)));
}

#[test]
fn what_ends_by_itself_ends() {
    for (later, reason) in [(0, None), (299, None), (300, Some("grant_inactive"))] {
        let denied = emergency().decide_at(later, &hop()).verdict.err().map(|denial| denial.reason().as_str());
        assert_eq!(denied, reason, "after {later} s");
    }
    let closed = Scene { activations: vec![], ..emergency() };
    assert_eq!(closed.reason(&hop()), Some(("grant_inactive", "grant.activation")));
    let unsigned = Sketch { approval: Approval::Lacking, ..bound(Kind::Standing) };
    let pending = Scene { grants: vec![unsigned.grant()], ..emergency() };
    assert_eq!(pending.reason(&hop()), Some(("grant_pending", "grant.signatures")));
}

#[test]
fn the_record_names_who_opened_it_what_was_touched_and_who_answers_for_that() {
    let mut scene = emergency();
    // Who only says to have signed it has not.
    let forged = Signature { by: "root@example.com".to_owned(), armoured: "rubbish".to_owned() };
    scene.activations[0].signatures = vec![forged];
    scene.activations[0].signed_by = ["dan@example.com", "erin@example.com"].map(str::to_owned).into();
    let record = record(scene.decide(&hop()));
    assert_eq!(record["peer"]["owner"], "team-web");
    assert_eq!(record["peer"]["roles"], json!(["reader"]));
    assert_eq!(record["resource"], json!({"name": "ledger-read", "owner": "team-ledger", "sensitivity": "high"}));
    assert_eq!(
        record["grant"],
        json!({
            "name": "breaks", "type": "break_glass", "owner": "team-ledger", "approver": "alice@example.com", "ticket": "CHG-1",
            "expires": at(1800).to_string(), "conditions": [FACT],
            "activation": {
                "name": "opens-breaks", "requested_by": "carol@example.com", "reason": "the ledger is down", "ticket": "INC-7",
                "until": at(600).to_string(), "signed_by": ["dan@example.com", "erin@example.com"],
            },
        })
    );
    assert!(record.get("revocation").is_none() && record.get("supersedes").is_none());
}

#[test]
fn the_record_of_a_revoked_hop_names_the_revocation_and_who_was_refused() {
    for target in [Target::Workload(id(WEB)), Target::Grant("reads".to_owned())] {
        let scene = Scene::with(|scene| scene.revocations.push(revocation(target)));
        let record = record(scene.decide(&hop()));
        assert_eq!(record["revocation"], json!({"name": "r", "reason": "it leaked"}));
        assert_eq!((&record["reason"], &record["peer"]["owner"]), (&json!("revoked"), &json!("team-web")));
    }
    let gone = record(Scene::with(|scene| scene.workloads = vec![suspended(WEB)]).decide(&hop()));
    assert_eq!((&gone["detail"], &gone["peer"]["owner"]), (&json!("workload.suspended"), &json!("team-web")));
}

#[test]
fn a_record_stays_small_whatever_people_write() {
    let mut scene = emergency();
    let long = "ä".repeat(100_000);
    scene.workloads[0].roles = vec![long.clone(); 1000];
    scene.activations[0].reason = long.clone();
    scene.resources[0].owner = long.clone();
    scene.facts[0].source = long;
    let decision = scene.decide(&hop());
    assert!(decision.is_allowed());
    let text = record(decision).to_string();
    assert!(text.len() < 40_000, "{}", text.len());
}

/// A policy that lets a hop through exactly if `condition` holds.
fn policy(condition: &str) -> Arc<Policy> {
    let text = format!("package hopguard.authz\n\ndefault decision := false\n\ndecision if {{\n\t{condition}\n}}\n");
    let options = Options::new(Entrypoint::parse("data.hopguard.authz.decision").unwrap(), Duration::from_secs(1));
    Arc::new(Policy::compile(&Source::module("authz.rego", &text), &options).unwrap_or_else(|all| panic!("{all}")))
}

fn asks_policy(scene: &Scene, condition: &str) -> Decision {
    let mut scene = Scene { policy: Some(policy(condition)), ..scene.clone() };
    scene.modes.policy = Mode::Enforce;
    scene.decide(&hop())
}

#[test]
fn policies_see_what_is_known_of_the_peer_the_resource_the_grant_and_the_facts() {
    let mut scene = emergency();
    let others = Fact { subject: Some(id(AGENT)), ..fact("device.posture", json!("bad")) };
    let own = Fact { subject: Some(id(WEB)), ..fact("device.posture", json!({"score": 7})) };
    let all = fact("device.posture", json!("of everybody"));
    let old = Fact { observed_at: at(-301), ..fact("change.window", json!(true)) };
    let ahead = Fact { observed_at: at(6), ..fact("incident.level", json!(3)) };
    scene.facts.extend([others, own, all, old, ahead]);
    for condition in [
        r#"input.peer.owner == "team-web""#,
        r#"input.peer.roles == ["reader"]"#,
        r#"input.peer.labels.tier == "1""#,
        r#"input.resource == {"name": "ledger-read", "owner": "team-ledger", "sensitivity": "high", "audience": "spiffe://prod.example/ledger"}"#,
        r#"input.resource.sensitivity == "high""#,
        r#"input.grant.type == "break_glass""#,
        r#"input.grant.activation.ticket == "INC-7""#,
        r#"input.grants[0].activation.name == "opens-breaks""#,
        r#"input.facts["ci.run.7"] == "running""#,
        r#"input.facts["device.posture"].score == 7"#,
        r#"not input.facts["change.window"]"#,
        r#"input.facts == {"ci.run.7": "running", "device.posture": {"score": 7}}"#,
        r#"input.stale_facts == ["change.window", "incident.level"]"#,
    ] {
        let decision = asks_policy(&scene, condition);
        assert!(decision.is_allowed(), "{condition}: {:?}", decision.verdict);
    }
}

#[test]
fn where_nothing_is_known_there_is_nothing_to_see() {
    let scene = Scene::with(|scene| scene.workloads = vec![]);
    for condition in [
        "not input.peer.owner",
        "not input.peer.roles",
        "not input.resource",
        "not input.grant.activation",
        "input.facts == {}",
        "input.stale_facts == []",
    ] {
        assert!(asks_policy(&scene, condition).is_allowed(), "{condition}");
    }
}

#[test]
fn an_answer_outlives_no_fact_that_its_policy_was_shown() {
    let scene = Scene::with(|scene| {
        scene.facts = vec![
            Fact { max_age: Duration::from_secs(9), ..fact("a", json!(1)) },
            Fact { max_age: Duration::from_secs(7), ..fact("b", json!(1)) },
            Fact { observed_at: at(-999), ..fact("c", json!(1)) },
        ];
    });
    let until = |condition| asks_policy(&scene, condition).verdict.unwrap().valid_until();
    assert_eq!(until("input.facts.a == 1"), Some(at(9)));
    assert_eq!(until("input.facts.b == 1"), Some(at(7)));
    assert_eq!(until(r#"input.stale_facts == ["c"]"#), Some(at(7)));
    assert_eq!(until("not input.facts.c"), Some(at(1800)));
    assert_eq!(until("input.hop"), Some(at(1800)));
}
