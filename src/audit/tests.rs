//! The log counts without a gap, survives a crash, and says when it cannot be written.

use std::fs;

use super::*;
use crate::{
    clock::Timestamp,
    decision::{Decision, DecisionIds, Fault},
    hop::Outline,
};

fn entry(path: &str) -> Entry {
    let outline = Outline { path: Some(path.to_owned()), ..Outline::default() };
    let decision = Decision::denied(Timestamp::from_seconds(1), outline, Fault::NotReady);
    Entry::new(
        DecisionIds::new().unwrap().next(),
        decision,
        Duration::from_micros(7),
        "spiffe://dev.example/a".to_owned(),
    )
}

/// Writes `count` records in one life of the log.
fn life(sink: &Sink, count: usize) {
    let (audit, writer) = Audit::open(sink, 16, Duration::from_millis(1), Durability::Group).unwrap();
    for _ in 0..count {
        audit.reserve().unwrap().record(entry("/a"));
    }
    assert!(writer.finish(Duration::from_secs(60)));
}

fn lines(path: &PathBuf) -> Vec<serde_json::Value> {
    fs::read_to_string(path).unwrap().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn log() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    (folder, path)
}

#[test]
fn records_are_counted_over_restarts() {
    let (_folder, path) = log();
    life(&Sink::File(path.clone()), 2);
    life(&Sink::File(path.clone()), 1);
    let seqs: Vec<_> = lines(&path).iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3]);
}

#[test]
fn a_record_says_what_was_decided_and_why() {
    let (_folder, path) = log();
    life(&Sink::File(path.clone()), 1);
    let record = &lines(&path)[0];
    assert_eq!(record["schema"], "hopguard.dev/audit/v1alpha1");
    assert_eq!((record["answered"].as_str(), record["reason"].as_str()), (Some("deny"), Some("not_ready")));
    assert_eq!(record["time"], "1970-01-01T00:00:01Z");
    assert_eq!(record["hop"]["path"], "/a");
    assert_eq!(record["self"], "spiffe://dev.example/a");
    assert_eq!(record["elapsed_us"], 7);
}

#[test]
fn a_torn_record_is_ended_and_nothing_is_glued_to_it() {
    let (_folder, path) = log();
    life(&Sink::File(path.clone()), 2);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    life(&Sink::File(path.clone()), 1);
    // The second record is torn: its number is given again.
    let seqs: Vec<_> = lines(&path).iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2]);
    life(&Sink::File(path.clone()), 1);
    assert_eq!(lines(&path).last().unwrap()["seq"], 3);
}

#[test]
fn a_file_that_is_no_log_is_left_alone() {
    let (folder, path) = log();
    fs::write(&path, "something else\n").unwrap();
    let open = |path: &std::path::Path| {
        Audit::open(&Sink::File(path.to_owned()), 1, Duration::ZERO, Durability::Group).unwrap_err()
    };
    assert!(open(&path).to_string().contains("move the file away"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "something else\n");
    assert!(Audit::open(&Sink::File(folder.path().to_owned()), 1, Duration::ZERO, Durability::Group).is_err());
}

#[test]
fn one_log_has_one_writer() {
    let (_folder, path) = log();
    let sink = Sink::File(path);
    let _first = Audit::open(&sink, 1, Duration::ZERO, Durability::Group).unwrap();
    assert!(
        Audit::open(&sink, 1, Duration::ZERO, Durability::Group).unwrap_err().to_string().contains("another process")
    );
}

#[test]
fn a_full_queue_gives_no_place() {
    let (_folder, path) = log();
    let (audit, _writer) = Audit::open(&Sink::File(path), 1, Duration::from_secs(60), Durability::Group).unwrap();
    let held = audit.reserve().unwrap();
    assert!(audit.reserve().is_none());
    audit.record_late(entry("/late"));
    assert_eq!(audit.lost(), 1);
    drop(held);
    assert!(audit.reserve().is_some());
}

#[test]
fn what_a_client_wrote_stays_inside_its_string() {
    let (_folder, path) = log();
    let (audit, writer) = Audit::open(&Sink::File(path.clone()), 16, Duration::ZERO, Durability::Group).unwrap();
    let hostile = "/a\r\n{\"seq\":9}\u{1b}[31m\u{2028}\"";
    audit.reserve().unwrap().record(entry(hostile));
    assert!(writer.finish(Duration::from_secs(60)));
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(!text.contains('\u{1b}'));
    assert_eq!(lines(&path)[0]["hop"]["path"], hostile);
}

#[tokio::test]
async fn what_is_waited_for_does_not_wait_for_the_window() {
    for durability in [Durability::Group, Durability::Async] {
        let (_folder, path) = log();
        let minutes = Duration::from_secs(600);
        let (audit, _writer) = Audit::open(&Sink::File(path.clone()), 16, minutes, durability).unwrap();
        audit.reserve().unwrap().record(entry("/before"));
        let written = audit.reserve().unwrap().write(entry("/awaited"));
        assert!(written.before(Instant::now() + Duration::from_secs(60)).await);
        let paths: Vec<_> = lines(&path).iter().map(|line| line["hop"]["path"].clone()).collect();
        assert_eq!(paths, ["/before", "/awaited"]);
    }
}

#[tokio::test]
async fn a_record_that_comes_too_late_is_not_there_in_time() {
    let (_folder, path) = log();
    let (audit, _writer) = Audit::open(&Sink::File(path), 16, Duration::ZERO, Durability::Group).unwrap();
    assert!(!audit.reserve().unwrap().write(entry("/late")).before(Instant::now()).await);
}

#[test]
fn what_is_on_disk_counts_with_its_lag_and_what_is_lost_is_counted_for_good() {
    let (_folder, path) = log();
    let (audit, writer) = Audit::open(&Sink::File(path), 1, Duration::from_millis(1), Durability::Group).unwrap();
    let lag = Histogram::new(&[60.0]);
    audit.measure(lag.clone());
    let slot = audit.reserve().unwrap();
    assert_eq!(audit.queue().is, 1);
    audit.record_late(entry("/late"));
    assert_eq!((audit.losses(), audit.lost()), (1, 1));
    slot.record(entry("/a"));
    assert!(writer.finish(Duration::from_secs(60)));
    assert_eq!((audit.losses(), audit.lost()), (1, 0), "the log tells of it, and it is lost all the same");
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register("lag_seconds", "Lag", lag);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    assert!(text.contains("lag_seconds_count 1\n"), "what says that something is missing has no decision: {text}");
}
