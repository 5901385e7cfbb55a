//! What is taken back acts within a second of its document, whatever is wrong or slow beside it, and until its document is gone.

use std::{
    fs,
    time::{Duration, Instant},
};

use hopguard::clock::Timestamp;

use crate::harness::{Answer, FRONTEND, Grant, Guard, Setup, fact, revocation, until, workload};

/// Waits until hops are denied for this reason.
pub(crate) async fn denied(guard: &Guard, reason: &str) -> Answer {
    until(reason, async || {
        let answer = guard.hop().send().await;
        (answer.reason().as_deref() == Some(reason)).then_some(answer)
    })
    .await
    .denied(reason)
}

/// Waits until hops are allowed.
pub(crate) async fn allowed(guard: &Guard) {
    until("an allow", async || guard.hop().send().await.is_allow().then_some(())).await;
}

/// How many withdrawals acted within so many seconds of their documents.
async fn within(guard: &Guard, seconds: &str) -> u64 {
    guard.metric(&format!("hopguard_revocation_lag_seconds_bucket{{le=\"{seconds}\"}}")).await
}

/// Writes a revocation of the frontend's grant, and waits until it acts.
async fn revoke(guard: &Guard) {
    guard.setup().write("documents/revoked.yaml", &revocation("leak", "{grant: charge}", guard.setup().now()));
    denied(guard, "revoked").await;
}

async fn give_back(guard: &Guard) {
    guard.setup().remove("documents/revoked.yaml");
    allowed(guard).await;
}

#[tokio::test]
async fn a_revocation_acts_within_a_second_of_its_document_and_until_that_is_removed() {
    let guard = Guard::start().await;
    for turn in 1..=5 {
        revoke(&guard).await;
        until("the lag", async || (within(&guard, "+Inf").await == turn).then_some(())).await;
        give_back(&guard).await;
    }
    // A second on a machine that does nothing else.
    assert_eq!(within(&guard, "10.0").await, 5);
    assert_eq!(guard.metric("hopguard_store_lag_seconds_bucket{le=\"+Inf\"}").await, 10);
}

#[tokio::test]
async fn a_revocation_and_its_grant_come_in_any_order_and_another_grant_of_that_name_stays_revoked() {
    let guard = Setup::new().start().await;
    let setup = guard.setup();
    let grant = [Grant::to("/charge", setup.now())];
    setup.grants(&[]);
    denied(&guard, "grant_missing").await;
    setup.write("documents/revoked.yaml", &revocation("leak", "{grant: charge}", setup.now()));
    until("the revocation", async || (guard.metric("hopguard_revocations").await == 1).then_some(())).await;
    setup.grants(&grant);
    denied(&guard, "revoked").await;
    // Written anew under its name, it is what was revoked.
    setup.grants(&[]);
    denied(&guard, "grant_missing").await;
    setup.grants(&[grant[0].clone().purposes("checkout, refund")]);
    denied(&guard, "revoked").await;
    give_back(&guard).await;
}

#[tokio::test]
async fn what_is_broken_beside_it_holds_up_no_withdrawal() {
    let guard = Guard::start().await;
    let (setup, now) = (guard.setup(), guard.setup().now());
    setup.write("documents/broken.yaml", "kind: Grant\nspec: }\n");
    assert!(guard.problems("store").await.contains("broken.yaml"));
    guard.hop().send().await.allowed();
    revoke(&guard).await;
    give_back(&guard).await;
    // In the same file, too.
    let broken = format!("{}---\nkind: Grant\nspec: 1\n", revocation("leak", "{grant: charge}", now));
    setup.write("documents/broken.yaml", &broken);
    denied(&guard, "revoked").await;
    setup.write("documents/broken.yaml", &workload("frontend", FRONTEND, "active"));
    allowed(&guard).await;
    setup.write("documents/broken.yaml", &workload("frontend", FRONTEND, "suspended"));
    denied(&guard, "peer_suspended").await;
    setup.write("documents/broken.yaml", "");
    allowed(&guard).await;
}

#[tokio::test]
async fn a_policy_that_takes_long_and_a_source_that_is_away_hold_up_no_withdrawal() {
    let entries: Vec<String> = (0..60_000).map(|n| format!("\"caller-{n}\": {{\"name\": \"{n}\"}}")).collect();
    let setup = Setup::new().set("limits.policy_bytes", "16MiB");
    setup.write("policy/callers/data.json", &format!("{{{}}}", entries.join(",")));
    let guard = setup.start().await;
    guard.setup().write("policy/callers/data.json", &format!("{{{}}}", entries[1..].join(",")));
    revoke(&guard).await;
    fs::remove_file(guard.setup().path("roots.pem")).unwrap();
    assert!(guard.problems("trust").await.contains("roots.pem"));
    give_back(&guard).await;
    revoke(&guard).await;
}

#[test]
fn documents_that_never_rest_hold_up_no_withdrawal() {
    let setup = Setup::new();
    let mut loaded = setup.loader();
    let (check, now) = (setup.hop().request(), setup.now());
    assert!(loaded.refresh(now).authorizer.decide(&check, now).verdict.is_ok());
    let many = |number: u32| setup.path(&format!("documents/.{number}"));
    (0..3_000).for_each(|number| fs::write(many(number), "").unwrap());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let finished = Done(&done);
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                fs::write(many(0), "x").unwrap();
            }
        });
        setup.write("documents/revoked.yaml", &revocation("leak", "{grant: charge}", now));
        let decision = loaded.refresh(now).authorizer.decide(&check, now);
        assert_eq!(decision.reason().map(|reason| reason.as_str()), Some("revoked"));
        drop(finished);
    });
}

#[test]
fn what_ends_ends_at_its_instant_whatever_is_loaded() {
    let setup = Setup::new();
    let now = setup.now();
    let hour = now.after(Duration::from_secs(3600));
    let ending = revocation("leak", "{grant: charge}", now).replace("reason:", &format!("until: {hour}, reason:"));
    setup.write("documents/revoked.yaml", &ending);
    let mut loaded = setup.loader();
    let (check, snapshot) = (setup.hop().request(), loaded.refresh(now));
    let reason = |at: Timestamp| snapshot.authorizer.decide(&check, at).reason().map(|reason| reason.as_str());
    assert_eq!(reason(Timestamp::from_nanos(hour.nanos() - 1)), Some("revoked"));
    assert_ne!(reason(hour), Some("revoked"));
}

#[tokio::test]
async fn a_revocation_that_was_never_read_closes_the_ceiling_after_a_while() {
    let guard = Setup::new().set("store.max_stale", "1s").start().await;
    guard.hop().send().await.allowed();
    let unread = revocation("leak", "{grants: charge}", guard.setup().now());
    guard.setup().write("documents/revoked.yaml", &unread);
    assert!(guard.problems("store").await.contains("revoked.yaml"));
    denied(&guard, "store_stale").await;
    until("the gauge", async || (guard.metric("hopguard_store_stale").await == 1).then_some(())).await;
    assert!(guard.state().await["parts"]["store"]["stale_at"].is_string());
    revoke(&guard).await;
    give_back(&guard).await;
    assert!(guard.state().await["parts"]["store"]["stale_at"].is_null());
}

#[tokio::test]
async fn facts_end_access_by_themselves_and_need_nothing_else_to_be_read_again() {
    let setup = Setup::new().set("facts.directory", "facts");
    let now = setup.now();
    fs::create_dir(setup.path("facts")).unwrap();
    setup.grants(&[Grant::to("/charge", now).with("while: [{fact: task.8812, equals: running, maxAge: 1h}]")]);
    let guard = setup.start().await;
    denied(&guard, "grant_inactive").await;
    let tell = |value: &str| guard.setup().write("facts/task.yaml", &fact("task.8812", value, now, "1h"));
    let store = guard.state().await["parts"]["store"].clone();
    for _ in 0..3 {
        tell("running");
        allowed(&guard).await;
        tell("done");
        denied(&guard, "grant_inactive").await;
    }
    tell("running");
    allowed(&guard).await;
    until("the count", async || (guard.metric("hopguard_facts{state=\"fresh\"}").await == 1).then_some(())).await;
    assert_eq!(guard.state().await["parts"]["store"], store, "nothing else was read again");
    // Whoever tells facts grants nothing.
    let refund = Grant::to("/refund", now).yaml();
    guard.setup().write("facts/grants.yaml", &refund);
    assert!(guard.problems("facts").await.contains("grants.yaml"));
    guard.hop().path("/refund").send().await.denied("grant_missing");
    // And takes nothing away that others granted.
    guard.setup().write("facts/grants.yaml", &revocation("leak", "{purpose: checkout}", now));
    assert!(guard.problems("facts").await.contains("grants.yaml"));
    guard.hop().send().await.allowed();
    guard.setup().remove("facts/grants.yaml");
    guard.repaired("facts").await;
    // A directory that is gone takes nothing away, but what it said goes stale.
    fs::rename(guard.setup().path("facts"), guard.setup().path("gone")).unwrap();
    assert!(guard.problems("facts").await.contains("facts"));
    guard.hop().send().await.allowed();
    fs::rename(guard.setup().path("gone"), guard.setup().path("facts")).unwrap();
    guard.repaired("facts").await;
    guard.setup().write("facts/task.yaml", &fact("task.8812", "running", now, "1s"));
    denied(&guard, "grant_inactive").await;
}

/// Ends the other threads when this one has ended, in whichever way.
struct Done<'a>(&'a std::sync::atomic::AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// With `HOPGUARD_GRANTS=100000` and `--nocapture` it is measured what is promised of so many.
#[test]
fn among_many_grants_a_fact_costs_what_a_fact_costs() {
    let count: usize = std::env::var("HOPGUARD_GRANTS").map_or(4_000, |count| count.parse().unwrap());
    let setup = Setup::new().set("facts.directory", "facts");
    let now = setup.now();
    let tell = |value: &str| setup.write("facts/task.yaml", &fact("task.1", value, now, "1h"));
    tell("running");
    for file in 0..count / 1_000 {
        let grant = |number: usize| {
            let id = format!("spiffe://prod.example/ns/shop/sa/caller-{file}-{number}");
            Grant::to("/charge", now).named(&format!("many-{file}-{number}")).subject(&id).yaml()
        };
        setup.write(&format!("documents/many-{file}.yaml"), &(0..1_000).map(grant).collect::<String>());
    }
    setup.grants(&[Grant::to("/charge", now).with("while: [{fact: task.1, equals: running}]")]);
    let mut loaded = setup.loader();
    let check = setup.hop().request();
    let timed = |loaded: &mut crate::harness::Loaded| {
        let began = Instant::now();
        let snapshot = loaded.loader.refresh(false, now).expect("another snapshot");
        let took = began.elapsed();
        loaded.shared.snapshot.store(Some(std::sync::Arc::new(snapshot)));
        took
    };
    let first = timed(&mut loaded);
    // Read while its files were new, it is read once more.
    loaded.loader.refresh(true, now);
    let done = std::sync::atomic::AtomicBool::new(false);
    let shared = std::sync::Arc::clone(&loaded.shared);
    let (facts, withdrawal, mut took) = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut took = Vec::new();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let began = Instant::now();
                let snapshot = shared.snapshot.load_full().unwrap();
                drop(snapshot.authorizer.decide(&check, now));
                drop(snapshot);
                took.push(began.elapsed());
            }
            took
        });
        let finished = Done(&done);
        let facts = ["done", "running"].repeat(10).into_iter().map(|value| {
            tell(value);
            timed(&mut loaded)
        });
        let facts = facts.max().unwrap();
        setup.write("documents/revoked.yaml", &revocation("leak", "{grant: charge}", now));
        let withdrawal = timed(&mut loaded);
        drop(finished);
        (facts, withdrawal, load.join().unwrap())
    });
    took.sort_unstable();
    let p99 = took[took.len() * 99 / 100];
    println!("{count} grants: first {first:?}, a fact {facts:?}, a revocation {withdrawal:?}, p99 {p99:?}");
    assert!(facts < Duration::from_secs(1) && facts < first / 4, "{facts:?} of {first:?}");
    let decision = loaded.shared.snapshot.load_full().unwrap().authorizer.decide(&check, now);
    assert_eq!(decision.reason().map(|reason| reason.as_str()), Some("revoked"));
}
