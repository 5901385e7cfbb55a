//! What was answered is written down, over restarts, crashes and full disks; and what a client sends can neither forge the log nor leak into it.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::Write,
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::Value;

use crate::harness::{Guard, STRANGER, Setup, until};

#[tokio::test]
async fn records_are_counted_without_a_gap_over_restarts() {
    let mut setup = Setup::new();
    for _ in 0..3 {
        let guard = setup.start().await;
        guard.hop().send().await.allowed();
        guard.hop().by_nobody().send().await.denied("peer_missing");
        setup = guard.stop().await.setup;
    }
    assert_eq!(numbers(&setup), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_crash_loses_no_allow_that_is_older_than_the_window() {
    let guard = Setup::new().start().await;
    let (check, mut client) = (guard.hop().request(), guard.client());
    let load = tokio::spawn(async move {
        let mut allows = Vec::new();
        while let Ok(response) = client.check(check.clone()).await {
            let answer = crate::harness::Answer(response.into_inner()).allowed();
            allows.push((answer.id(), Instant::now()));
        }
        allows
    });
    until("some answers", async || (guard.counted("none").await > 100).then_some(())).await;
    let begun = Instant::now();
    until("the window's end", async || (begun.elapsed() > 2 * LATE).then_some(())).await;
    let killed = Instant::now();
    let setup = guard.kill().await.setup;
    let allows = load.await.unwrap();

    let recorded: BTreeSet<String> =
        setup.records().iter().map(|record| record["decision_id"].as_str().unwrap().to_owned()).collect();
    let due: Vec<&String> =
        allows.iter().filter(|(_, at)| killed.duration_since(*at) > LATE).map(|(id, _)| id).collect();
    assert!(due.len() > 100);
    assert!(due.iter().all(|id| recorded.contains(*id)));

    let guard = setup.start().await;
    let answer = guard.hop().send().await.allowed();
    guard.record(&answer).await;
    let numbers = numbers(guard.setup());
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
}

#[tokio::test]
async fn a_torn_record_is_ended_and_the_count_goes_on() {
    let guard = Guard::start().await;
    guard.hop().send().await.allowed();
    let setup = guard.stop().await.setup;
    for torn in ["{\"schema\":\"hopguard.dev/audit/v1alpha1\",\"seq\":2,\"ti", "{", "\"seq\":9}"] {
        OpenOptions::new().append(true).open(setup.log()).unwrap().write_all(torn.as_bytes()).unwrap();
    }
    let guard = setup.start().await;
    guard.hop().send().await.allowed();
    let setup = guard.stop().await.setup;
    let text = fs::read_to_string(setup.log()).unwrap();
    let lines: Vec<Result<Value, _>> = text.lines().map(serde_json::from_str).collect();
    let [Ok(first), Err(_), Ok(second)] = &lines[..] else { panic!("{text}") };
    assert_eq!((&first["seq"], &second["seq"]), (&1.into(), &2.into()));
}

#[tokio::test]
async fn a_log_belongs_to_one_process() {
    let guard = Guard::start().await;
    let log = format!("{:?}", guard.setup().log());
    let ended = Setup::new().set("audit.file", &log).refused().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.setup.said().contains("another process writes this log"), "{}", ended.setup.said());
    guard.hop().send().await.allowed();
}

#[tokio::test]
async fn what_is_no_log_is_not_written_to() {
    for (content, complaint) in
        [("root:x:0:0\n", "does not end in a record"), ("{\"some\":\"json\"}\n", "does not end in a record")]
    {
        let setup = Setup::new();
        fs::write(setup.log(), content).unwrap();
        let ended = setup.refused().await;
        assert_eq!(ended.code, Some(1));
        assert!(ended.setup.said().contains(complaint), "{}", ended.setup.said());
        assert_eq!(fs::read_to_string(ended.setup.log()).unwrap(), content);
    }
    let ended = Setup::new().set("audit.file", "/dev/full").refused().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.setup.said().contains("is not a regular file"), "{}", ended.setup.said());
    let ended = Setup::new().set("audit.file", "documents").refused().await;
    assert_eq!(ended.code, Some(1));
}

#[tokio::test]
async fn while_the_disk_is_full_nothing_is_allowed_and_afterwards_nothing_is_missing() {
    let guard = Guard::start().await;
    let mut told = BTreeSet::from([guard.hop().send().await.allowed().id()]);
    until("the first record", async || (numbers(guard.setup()).len() == 1).then_some(())).await;

    // Room for the beginning of a record: it must be taken back.
    let full = fs::metadata(guard.setup().log()).unwrap().len() + 100;
    limit(&guard, Some(full));
    // Its answer was on its way when the disk turned out to be full: that is the window.
    told.insert(guard.hop().send().await.allowed().id());
    until("a full disk", async || (guard.metric("hopguard_audit_broken").await == 1).then_some(())).await;
    told.insert(guard.hop().send().await.denied("audit_unavailable").id());
    assert_eq!(guard.counted("audit_unavailable").await, 1);
    assert!(!guard.is_ready().await);
    assert_eq!(guard.state().await["audit"]["broken"], true);
    // A denial stays the denial that it is.
    told.insert(guard.hop().by_nobody().send().await.denied("peer_missing").id());
    told.insert(guard.hop().from(STRANGER).send().await.denied("grant_missing").id());

    limit(&guard, None);
    guard.ready().await;
    assert_eq!(guard.metric("hopguard_audit_broken").await, 0);
    told.insert(guard.hop().send().await.allowed().id());
    let setup = guard.stop().await.setup;
    let records = setup.records();
    let recorded: BTreeSet<String> =
        records.iter().map(|record| record["decision_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(recorded, told);
    assert!(numbers(&setup).into_iter().eq(1..=records.len() as u64));
    assert!(records.iter().any(|record| record["reason"] == "audit_unavailable"));
}

#[tokio::test]
async fn denials_that_found_no_place_are_counted_in_the_log() {
    let guard = Setup::new().set("limits.audit_queue", "2").start().await;
    limit(&guard, Some(100));
    let told = 20;
    for _ in 0..told {
        guard.hop().by_nobody().send().await.denied("peer_missing");
    }
    until("a full disk", async || (guard.metric("hopguard_audit_broken").await == 1).then_some(())).await;
    guard.hop().send().await.denied("audit_unavailable");
    assert!(guard.metric("hopguard_audit_lost").await > 0);

    limit(&guard, None);
    guard.ready().await;
    let setup = guard.stop().await.setup;
    let records = setup.records();
    assert!(numbers(&setup).into_iter().eq(1..=records.len() as u64));
    let lost: u64 = records.iter().filter_map(|record| record["lost"].as_u64()).sum();
    let recorded = records.iter().filter(|record| record["decision_id"].is_string()).count() as u64;
    assert!(lost > 0);
    assert_eq!(recorded + lost, told + 1);
}

#[tokio::test]
async fn a_log_that_may_lag_behind_holds_up_no_answer_and_says_what_is_missing() {
    let guard = Setup::new().set("audit.durability", "async").set("limits.audit_queue", "2").start().await;
    limit(&guard, Some(100));
    let told = 20;
    for _ in 0..told {
        guard.hop().send().await.allowed();
    }
    until("a full disk", async || (guard.metric("hopguard_audit_broken").await == 1).then_some(())).await;
    guard.hop().send().await.allowed();
    assert!(guard.is_ready().await);
    assert!(guard.metric("hopguard_audit_lost").await > 0);

    limit(&guard, None);
    until("a disk", async || (guard.metric("hopguard_audit_broken").await == 0).then_some(())).await;
    let setup = guard.stop().await.setup;
    let records = setup.records();
    let lost: u64 = records.iter().filter_map(|record| record["lost"].as_u64()).sum();
    let recorded = records.iter().filter(|record| record["decision_id"].is_string()).count() as u64;
    assert_eq!(recorded + lost, told + 1);
}

#[tokio::test]
async fn the_log_may_be_standard_output() {
    let guard = Setup::new().set("audit.file", "\"-\"").start().await;
    let id = guard.hop().send().await.allowed().id();
    let ended = guard.stop().await;
    assert!(ended.setup.said().contains(&id), "{}", ended.setup.said());
}

#[tokio::test]
async fn nothing_that_a_client_sends_breaks_out_of_its_record() {
    let guard = Guard::start().await;
    let mut told = 0;
    for injection in [
        "\r\n{\"seq\":1,\"reason\":null,\"answered\":\"allow\"}\r\n",
        "\n",
        "\"},\"answered\":\"allow\",\"x\":{\"y\":\"",
        "\\",
        "\u{1b}[2J\u{1b}[31m",
        "\u{9b}31m",
        "\u{2028}{}\u{2029}",
        "\u{202e}wolla",
        "\u{7f}\u{0}\u{85}",
    ] {
        for hop in [
            guard.hop().header("x-request-id", injection),
            guard.hop().header("traceparent", injection),
            guard.hop().purpose(injection),
            guard.hop().path(&format!("/charge{injection}")),
            guard.hop().path(&format!("/charge?{injection}")),
            guard.hop().method(injection),
            guard.hop().host(injection),
            guard.hop().answered_as(injection),
            guard.hop().principal(injection),
            guard.hop().with_certificate(injection),
            guard.hop().header(injection, injection),
        ] {
            let answer = hop.send().await;
            told += 1;
            let record = guard.record(&answer).await;
            assert_eq!(record["seq"], told);
            assert_eq!(record["reason"].as_str(), answer.reason().as_deref());
            assert_eq!(record["answered"] == "allow", answer.is_allow());
        }
    }
    let log = fs::read(guard.setup().log()).unwrap();
    let odd = log.iter().find(|byte| **byte != b'\n' && !(b' '..=b'~').contains(*byte));
    assert_eq!(odd, None, "every character that a terminal or a line reader could take for more is escaped");
    assert_eq!(log.iter().filter(|byte| **byte == b'\n').count(), told);
}

#[tokio::test]
async fn no_credential_gets_into_any_log() {
    let guard = Setup::new().set("telemetry.log", "\"info,hopguard=trace\"").start().await;
    let certificate = guard.setup().certificate(crate::harness::FRONTEND);
    let xfcc = format!("Hash={SECRET};Cert=\"{certificate}\";URI=spiffe://prod.example/x");
    let bearing = || {
        guard
            .hop()
            .header("authorization", format!("Bearer {SECRET}"))
            .header("proxy-authorization", format!("Basic {SECRET}"))
            .header("cookie", format!("session={SECRET}"))
            .header("txn-token", SECRET)
            .header("x-api-key", SECRET)
            .header("x-forwarded-client-cert", &xfcc)
    };
    for (reason, hop) in [
        (None, bearing()),
        (None, bearing().path(&format!("/charge?token={SECRET}"))),
        (Some("hop_ambiguous"), bearing().path(&format!("/charge;session={SECRET}"))),
        (Some("hop_ambiguous"), bearing().header("authorization", format!("Bearer {SECRET}"))),
        (Some("hop_ambiguous"), bearing().header("txn-token", SECRET)),
        (Some("hop_ambiguous"), bearing().header("connection", SECRET)),
        (Some("hop_ambiguous"), bearing().host(&format!("user:{SECRET}@payments.prod.example"))),
        (Some("peer_conflict"), bearing().header("x-forwarded-client-cert", &xfcc)),
        (Some("peer_invalid"), bearing().with_certificate(format!("-----BEGIN%20PRIVATE%20KEY-----%0A{SECRET}"))),
        (Some("grant_missing"), bearing().from(STRANGER)),
    ] {
        let answer = hop.send().await;
        assert_eq!(answer.reason().as_deref(), reason);
        guard.record(&answer).await;
    }
    let setup = guard.stop().await.setup;
    let log = fs::read_to_string(setup.log()).unwrap() + &setup.said();
    assert!(!log.contains(SECRET));
    assert!(!log.contains("CERTIFICATE") && !log.contains(certificate.get(60..120).unwrap()));
}

/// The numbers of all records.
fn numbers(setup: &Setup) -> Vec<u64> {
    setup.records().iter().map(|record| record["seq"].as_u64().unwrap()).collect()
}

/// Lets no file of the process grow beyond `bytes`, which is what a full disk looks like to it.
fn limit(guard: &Guard, bytes: Option<u64>) {
    prlimit(Some(guard.pid()), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

const SECRET: &str = "c3VwZXItc2VjcmV0LXZhbHVl";
/// More than a window and the disk's time for it.
const LATE: Duration = Duration::from_millis(500);
