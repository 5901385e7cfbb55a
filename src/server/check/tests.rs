//! What becomes of a Check that panics, and of one that nobody waits for any more.

use std::{fs, path::Path, time::Duration};

use super::*;
use crate::{
    audit::{Audit, AuditWriter, Durability, Sink},
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
        let (now, started, ahead) = (Timestamp::MIN, Instant::now(), OnceLock::new());
        Unanswered { checks: &checks, snapshot: None, now, started, decided, ahead }
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
    let (audit, writer) =
        Audit::open(&Sink::File(log.to_owned()), 1, Duration::from_millis(1), Durability::Group).unwrap();
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

    let answer = checks.fenced(None, shared.clock.now(), Instant::now(), None, || panic!("on purpose"));

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
