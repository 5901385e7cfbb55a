//! What becomes of a Check that panics, and of one that nobody waits for any more.

use std::{fs, path::Path, time::Duration};

use super::*;
use crate::{
    audit::{Audit, AuditWriter, Durability, Sink},
    authorizer::fixture,
    decision::DecisionIds,
    pb::{StatusCode, check_response::HttpResponse},
    replay::Claims,
    server::Limits,
    telemetry::Metrics,
};

const LIMITS: Limits = Limits {
    request_bytes: 1,
    in_flight: 1,
    connections: 1,
    streams: 1,
    deadline: Duration::from_secs(1),
    drain: Duration::from_secs(1),
};

#[test]
fn what_nobody_waits_for_any_more_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.jsonl");
    let (checks, writer) = checks(&log);
    let waiting = |id: &str| {
        let outline = Outline { request_id: Some(id.to_owned()), ..Outline::default() };
        let decision = Decision::denied(Timestamp::MIN, outline, Fault::Internal);
        let decided = Some((decision, CheckRequest::default()));
        let (now, watch, ahead) = (Timestamp::MIN, Stopwatch::start(), OnceLock::new());
        Unanswered { checks: &checks, snapshot: None, now, watch, decided, ahead }
    };
    drop(waiting("given up"));
    waiting("answered").take();
    drop(checks);
    assert!(writer.finish(Duration::from_secs(60)));
    let records = fs::read_to_string(log).unwrap();
    assert_eq!(records.lines().count(), 1);
    assert!(records.contains("\"request_id\":\"given up\""));
}

fn checks(log: &Path) -> (Checks, AuditWriter) {
    checks_with(log, Durability::Group)
}

fn checks_with(log: &Path, durability: Durability) -> (Checks, AuditWriter) {
    let (audit, writer) = Audit::open(&Sink::File(log.to_owned()), 9, Duration::from_millis(1), durability).unwrap();
    let claims = Claims::open(1, LIMITS.deadline, None, Timestamp::MIN).unwrap();
    let shared = Shared::new(audit, claims, DecisionIds::new().unwrap(), Metrics::new(), LIMITS);
    (Checks::new(Arc::new(shared)), writer)
}

#[test]
fn a_panic_is_a_denial_that_is_told_counted_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.jsonl");
    let (checks, writer) = checks(&log);
    let shared = Arc::clone(&checks.shared);

    let answer = checks.fenced(None, shared.clock.now(), Stopwatch::start(), None, || panic!("on purpose"));

    assert_ne!(answer.status.unwrap().code, 0);
    let Some(HttpResponse::DeniedResponse(denied)) = answer.http_response else { panic!("not a denial") };
    assert_eq!(denied.status.unwrap().code(), StatusCode::ServiceUnavailable);
    let metrics = shared.metrics.scrape(&shared.readings(true)).unwrap();
    assert!(metrics.contains("hopguard_panics_total 1\n"));
    assert!(metrics.contains("hopguard_decisions_total{answered=\"deny\",reason=\"internal\"} 1\n"));
    drop((checks, shared));
    assert!(writer.finish(Duration::from_secs(60)));
    assert!(fs::read_to_string(log).unwrap().contains("\"reason\":\"internal\""));
}

/// A hop in an emergency, decided and not answered yet.
fn emergency(checks: &Checks) -> Unanswered<'_> {
    let (asks, scene) = (fixture::hop(), fixture::emergency());
    let decision = scene.decide(&asks);
    assert!(decision.break_glass().is_some());
    let (now, watch, ahead) = (decision.now, Stopwatch::start(), OnceLock::new());
    Unanswered { checks, snapshot: None, now, watch, decided: Some((decision, asks.check())), ahead }
}

fn answered(mut unanswered: Unanswered<'_>) -> CheckResponse {
    let ahead = unanswered.ahead.get().copied();
    let (checks, now, watch) = (unanswered.checks, unanswered.now, unanswered.watch);
    checks.fenced(None, now, watch, ahead, || unanswered.take())
}

fn records(log: &Path) -> Vec<serde_json::Value> {
    fs::read_to_string(log).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_break_glass_allow_is_on_disk_before_it_is_answered_whatever_the_durability() {
    for durability in [Durability::Group, Durability::Async] {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("audit.jsonl");
        let (checks, writer) = checks_with(&log, durability);
        let shared = Arc::clone(&checks.shared);
        let unanswered = emergency(&checks);
        let later = Instant::now() + Duration::from_secs(60);

        assert_eq!(checks.record_ahead(&unanswered, later, &mut Stopwatch::start()).await, None);
        let before = records(&log);
        assert_eq!((before.len(), before[0]["answered"].as_str()), (1, Some("allow")));
        assert_eq!(before[0]["grant"]["activation"]["name"], "opens-breaks");

        let answer = answered(unanswered);
        let Some(HttpResponse::OkResponse(ok)) = answer.http_response else { panic!("not an OK") };
        let headers: Vec<_> = ok.headers.iter().filter_map(|option| option.header.as_ref()).collect();
        let header = |name: &str| headers.iter().find(|header| header.key == name).map(|header| header.value.as_str());
        assert_eq!(header("x-hopguard-break-glass"), Some("opens-breaks"));
        assert_eq!(header("x-hopguard-decision"), before[0]["decision_id"].as_str());
        let fields = answer.dynamic_metadata.unwrap().fields;
        assert_eq!(fields["break_glass"].kind, Some(prost_types::value::Kind::BoolValue(true)));
        let metrics = shared.metrics.scrape(&shared.readings(true)).unwrap();
        assert!(metrics.contains("hopguard_break_glass_total 1\n"));
        drop((checks, shared));
        assert!(writer.finish(Duration::from_secs(60)));
        assert_eq!(records(&log), before, "one answer, one record");
    }
}

#[tokio::test]
async fn a_break_glass_allow_that_is_not_on_disk_in_time_is_a_denial_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.jsonl");
    let (checks, writer) = checks(&log);
    let mut unanswered = emergency(&checks);

    let refused = checks.record_ahead(&unanswered, Instant::now(), &mut Stopwatch::start()).await;
    assert_eq!(refused, Some(Fault::AuditUnavailable));
    unanswered.settle(refused);
    let ahead = unanswered.ahead.get().unwrap().to_string();
    let Some(HttpResponse::DeniedResponse(_)) = answered(unanswered).http_response else { panic!("not a denial") };
    drop(checks);
    assert!(writer.finish(Duration::from_secs(60)));
    let records = records(&log);
    let denied = records.last().unwrap();
    assert_eq!((denied["answered"].as_str(), denied["reason"].as_str()), (Some("deny"), Some("audit_unavailable")));
    assert_eq!(denied["supersedes"].as_str(), Some(&*ahead));
    assert!(records.iter().rev().skip(1).all(|record| record["decision_id"].as_str() == Some(&*ahead)));
}

#[test]
fn a_break_glass_allow_without_a_record_never_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.jsonl");
    let (checks, writer) = checks_with(&log, Durability::Async);
    let answer = answered(emergency(&checks));
    let Some(HttpResponse::DeniedResponse(_)) = answer.http_response else { panic!("not a denial") };
    drop(checks);
    assert!(writer.finish(Duration::from_secs(60)));
    let records = records(&log);
    assert_eq!((records.len(), records[0]["reason"].as_str()), (1, Some("audit_unavailable")));
}

#[tokio::test]
async fn a_break_glass_hop_that_nobody_waits_for_any_more_was_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("audit.jsonl");
    let (checks, writer) = checks(&log);
    let unanswered = emergency(&checks);
    assert_eq!(
        checks.record_ahead(&unanswered, Instant::now() + Duration::from_secs(60), &mut Stopwatch::start()).await,
        None
    );
    drop(unanswered);
    drop(checks);
    assert!(writer.finish(Duration::from_secs(60)));
    let records = records(&log);
    assert_eq!(records[0]["answered"], "allow");
    assert_eq!(
        (records[1]["reason"].as_str(), &records[1]["supersedes"]),
        (Some("deadline"), &records[0]["decision_id"])
    );
}
