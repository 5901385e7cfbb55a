//! Documents in a directory: what is on disk last is what counts, however fast it changes, and what cannot be read changes nothing.

use std::{
    fs::{self, FileTimes},
    time::SystemTime,
};

use hopguard::clock::Timestamp;

use crate::{
    harness::{Grant, Guard, Setup, revocation, until},
    revocation_lag::{allowed, denied},
};

#[tokio::test]
async fn a_file_that_grows_beyond_its_bound_keeps_what_it_held_and_says_so() {
    let guard = Guard::start().await;
    let grant = Grant::to("/charge", guard.setup().now()).yaml();
    let large = format!("{grant}# {}\n", "x".repeat(8 << 20));
    guard.setup().write("documents/grants.yaml", &large);
    assert!(guard.problems("store").await.contains("bytes"));
    assert_eq!(guard.metric("hopguard_part_ok{part=\"store\"}").await, 0);
    guard.hop().send().await.allowed();
    guard.setup().write("documents/grants.yaml", &grant);
    guard.repaired("store").await;
    guard.hop().send().await.allowed();
}

#[tokio::test]
async fn what_is_no_document_keeps_what_was_there() {
    let guard = Guard::start().await;
    let path = guard.setup().path("documents/grants.yaml");
    let grant = fs::read_to_string(&path).unwrap();
    for broken in [
        grant.replace("approver:", "aprover:"),
        grant.replace("v1alpha1", "v2"),
        grant.replace("expiresAt:", "# "),
        grant.replace("type: standing", "type: &a standing"),
        grant.replace("owner: team-payments", "owner: no"),
        grant.replace("owner: team-payments", "owner: a\n  owner: b"),
        grant.replace("  owner", "\towner"),
        "\u{feff}\u{0}".to_owned(),
    ] {
        guard.setup().write("documents/grants.yaml", &broken);
        assert!(guard.problems("store").await.contains("grants.yaml"), "{broken}");
        guard.hop().send().await.allowed();
        guard.setup().write("documents/grants.yaml", &grant);
        guard.repaired("store").await;
    }
    // A directory where a file was.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(guard.problems("store").await.contains("not a regular file"));
    fs::remove_dir(&path).unwrap();
    guard.setup().write("documents/grants.yaml", &grant);
    guard.repaired("store").await;
    allowed(&guard).await;
}

#[tokio::test]
async fn of_many_changes_the_last_one_wins() {
    let guard = Guard::start().await;
    let (setup, now) = (guard.setup(), guard.setup().now());
    let states = [revocation("leak", "{grant: charge}", now), revocation("leak", "{grant: refund}", now)];
    for last in [0, 1, 0] {
        for turn in 0..200 {
            setup.write("documents/revoked.yaml", &states[(turn + last + 1) % 2]);
        }
        match last {
            0 => drop(denied(&guard, "revoked").await),
            _ => allowed(&guard).await,
        }
    }
    assert!(guard.is_ready().await);
}

#[test]
fn a_change_that_leaves_size_and_time_as_they_were_shows() {
    let setup = Setup::new();
    let now = setup.now();
    let path = setup.path("documents/revoked.yaml");
    let states = [revocation("leak", "{grant: charge}", now), revocation("leak", "{grant: refund}", now)];
    assert_eq!(states[0].len(), states[1].len());
    fs::write(&path, &states[0]).unwrap();
    let mut loaded = setup.loader();
    let check = setup.hop().request();
    loaded.refresh(now);
    for turn in 1..50 {
        // In place, and with the time that it had before.
        fs::write(&path, &states[turn % 2]).unwrap();
        let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
        fs::File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
        let snapshot = loaded.loader.refresh(false, now).expect("another snapshot");
        let reason = snapshot.authorizer.decide(&check, now).reason().map(|reason| reason.as_str());
        assert_eq!(reason, [Some("revoked"), None][turn % 2], "turn {turn}");
    }
}

#[test]
fn what_did_not_change_is_not_decided_by_anew() {
    let setup = Setup::new().set("facts.directory", "facts");
    fs::create_dir(setup.path("facts")).unwrap();
    let now = setup.now();
    let mut loaded = setup.loader();
    loaded.refresh(now);
    assert!(loaded.loader.refresh(true, now).is_none(), "the same files are the same snapshot");
    // A file that says the same in another way is no other snapshot of what was decided by, but has another revision.
    let grants = fs::read_to_string(setup.path("documents/grants.yaml")).unwrap();
    setup.write("documents/grants.yaml", &format!("# the same\n{grants}"));
    assert!(loaded.loader.refresh(true, now).is_some());
}

#[tokio::test]
async fn documents_are_counted_as_they_stand() {
    let setup = Setup::new();
    let now = setup.now();
    setup.more_grants(&[Grant::to("/over", now).over(now), Grant::to("/ahead", now).ahead(now)]);
    setup.write("documents/revoked.yaml", &revocation("leak", "{grant: revoked}", now));
    setup.write("documents/other.yaml", &Grant::to("/revoked", now).yaml());
    let guard = setup.start().await;
    for (state, count) in [("active", 1), ("pending", 1), ("expired", 1), ("revoked", 1), ("unsigned", 0)] {
        let metric = format!("hopguard_grants{{state=\"{state}\"}}");
        until(&metric, async || (guard.metric(&metric).await == count).then_some(())).await;
    }
    assert_eq!(guard.metric("hopguard_overdue_reviews").await, 0);
    assert_eq!(guard.metric("hopguard_activations_open{type=\"break_glass\"}").await, 0);
}

#[tokio::test]
async fn everything_that_is_observed_is_observed_with_documents_too() {
    let setup = Setup::new().set("preset", "observe").unset("policy.directory").unset("policy.timeout");
    let now = setup.now();
    setup.grants(&[]);
    let guard = setup.start().await;
    let answer = guard.hop().send().await;
    assert!(answer.is_allow());
    assert_eq!(guard.record(&answer).await["observed"], serde_json::json!(["grant_missing"]));
    guard.setup().grants(&[Grant::to("/charge", now)]);
    until("the grant", async || {
        let answer = guard.hop().send().await;
        (guard.record(&answer).await["observed"] == serde_json::json!([])).then_some(())
    })
    .await;
    // What was taken back is not let through, whoever only watches.
    guard.setup().write("documents/revoked.yaml", &revocation("leak", "{purpose: checkout}", now));
    denied(&guard, "revoked").await;
}

#[test]
fn a_revocation_from_the_future_acts_when_its_time_has_come_unless_that_is_a_matter_of_clocks() {
    let setup = Setup::new();
    let now = setup.now();
    let ahead = |seconds: u64| now.after(std::time::Duration::from_secs(seconds));
    let (check, mut loaded) = (setup.hop().request(), setup.loader());
    for (at, acts) in [(ahead(59), true), (ahead(3600), false)] {
        setup.write("documents/revoked.yaml", &revocation("leak", "{grant: charge}", at));
        let snapshot = loaded.refresh(now);
        let is_revoked = |now: Timestamp| {
            snapshot.authorizer.decide(&check, now).reason().map(|reason| reason.as_str()) == Some("revoked")
        };
        assert_eq!(is_revoked(now), acts);
        assert!(is_revoked(at));
    }
}
