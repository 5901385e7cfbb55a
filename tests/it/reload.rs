//! What is decided by is swapped whole while Checks go on; what does not load changes nothing, and is named.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hopguard::{clock::Timestamp, decision::Decision};
use rustix::process::Signal;

use crate::harness::{FRONTEND, Grant, Guard, Setup, mint, until};

/// What one of two states consists of: a grant, and a policy that knows that grant alone. Half of one and half of the other permit nothing.
fn state(name: &str, now: Timestamp) -> (String, String) {
    let grant = Grant::to("/charge", now).named(name).yaml();
    (grant, format!("package hopguard.authz\n\ndecision := true if input.grant.name == \"{name}\"\n"))
}

#[test]
fn a_thousand_reloads_under_load_give_the_answers_of_one_state_or_the_other() {
    let setup = Setup::new();
    let states = ["a", "b"].map(|name| state(name, setup.now()));
    let write = |(grant, policy): &(String, String)| {
        setup.write("documents/grants.yaml", grant);
        setup.write("policy/authz.rego", policy);
    };
    write(&states[0]);
    let mut loaded = setup.loader();
    loaded.refresh(setup.now());
    let (check, now, done) = (setup.hop().request(), setup.now(), AtomicBool::new(false));
    let shared = Arc::clone(&loaded.shared);
    let decide = || {
        let mut grants = BTreeSet::new();
        while !done.load(Ordering::Relaxed) {
            let snapshot = shared.snapshot.load_full().unwrap();
            grants.insert(granted(&snapshot.authorizer.decide(&check, now)));
        }
        grants
    };
    let grants = std::thread::scope(|scope| {
        let load = scope.spawn(decide);
        let finished = Done(&done);
        for turn in 1..=1_000 {
            write(&states[turn % 2]);
            let snapshot = loaded.refresh(now);
            let expected = ["a", "b"][turn % 2];
            assert_eq!(granted(&snapshot.authorizer.decide(&check, now)), expected, "reload {turn}");
        }
        drop(finished);
        load.join().unwrap()
    });
    assert_eq!(grants, BTreeSet::from(["a", "b"]));
}

#[test]
fn files_that_change_while_they_are_read_never_give_a_mixture() {
    let setup = Setup::new().set("store.directory", "mount/documents").set("policy.directory", "mount/policy");
    let mut mount = Mount::new(&setup);
    mount.show("a");
    let mut loaded = setup.loader();
    let (check, now, done) = (setup.hop().request(), setup.now(), AtomicBool::new(false));
    loaded.refresh(now);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 1.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                mount.show(["a", "b"][turn % 2]);
            }
        });
        let _done = Done(&done);
        for _ in 0..100 {
            let snapshot = loaded.refresh(now);
            granted(&snapshot.authorizer.decide(&check, now));
        }
    });
    for name in ["a", "b"] {
        mount.show(name);
        assert_eq!(granted(&loaded.refresh(now).authorizer.decide(&check, now)), name);
    }
}

#[test]
fn files_that_never_rest_hold_up_no_withdrawal() {
    let setup = Setup::new();
    let mut loaded = setup.loader();
    let (check, now, done) = (setup.hop().request(), setup.now(), AtomicBool::new(false));
    assert!(loaded.refresh(now).authorizer.decide(&check, now).verdict.is_ok());
    // To look at so many takes longer than the clock of the file system needs for one tick.
    let many = |number: u32| setup.path(&format!("documents/.{number}"));
    (0..3_000).for_each(|number| fs::write(many(number), "").unwrap());
    let restless = many(0);
    std::thread::scope(|scope| {
        let finished = Done(&done);
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                fs::write(&restless, "x").unwrap();
            }
        });
        setup.write("roots.pem", &crate::harness::authority(now).pem());
        let decision = loaded.refresh(now).authorizer.decide(&check, now);
        assert_eq!(decision.reason().map(|reason| reason.as_str()), Some("peer_untrusted"));
        drop(finished);
    });
}

#[test]
fn a_large_policy_holds_up_no_withdrawal_even_if_it_never_rests() {
    let setup = Setup::new().set("limits.policy_bytes", "16MiB");
    let entries = |name: &str| {
        let entries: Vec<String> = (0..40_000).map(|n| format!("\"caller-{n}\": {{\"name\": \"{name}\"}}")).collect();
        format!("{{{}}}", entries.join(","))
    };
    let write = |name: &str| setup.write("policy/callers/data.json", &entries(name));
    write("a");
    setup.policy("decision := {\"allowed\": true, \"reason\": data.callers[\"caller-7\"].name}");
    let mut loaded = setup.loader();
    let (check, now, done) = (setup.hop().request(), setup.now(), AtomicBool::new(false));
    let says = |snapshot: &hopguard::server::Snapshot| {
        let verdict = snapshot.authorizer.decide(&check, now).verdict;
        verdict.map(|permit| permit.directives().reason.clone().unwrap()).map_err(|denial| denial.reason().as_str())
    };
    assert_eq!(says(&loaded.refresh(now)), Ok("a".to_owned()));
    // What was there before serves until what is there now is ready, and nobody waits for it.
    write("b");
    let end = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        let said = says(&loaded.refresh(now));
        assert!(said == Ok("a".to_owned()) || said == Ok("b".to_owned()), "{said:?}");
        if said == Ok("b".to_owned()) {
            break;
        }
        assert!(std::time::Instant::now() < end, "not in time");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    std::thread::scope(|scope| {
        let finished = Done(&done);
        scope.spawn(|| {
            for turn in 0.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                write(["a", "b"][turn % 2]);
            }
        });
        loaded.refresh(now);
        setup.grants(&[]);
        // The looking at files that change is repeated, their reading is not.
        let begun = std::time::Instant::now();
        while says(&loaded.refresh(now)) != Err("grant_missing") {
            assert!(begun.elapsed() < Duration::from_secs(20), "the withdrawal waits");
        }
        drop(finished);
    });
}

#[tokio::test]
async fn a_link_swap_as_in_kubernetes_takes_effect_whole_and_under_load() {
    let setup = Setup::new().set("store.directory", "mount/documents").set("policy.directory", "mount/policy");
    let mut mount = Mount::new(&setup);
    mount.show("a");
    let guard = setup.start().await;
    let check = guard.hop().request();
    let load = (0..4).map(|_| {
        let (mut client, check) = (guard.client(), check.clone());
        tokio::spawn(async move {
            let mut answers = 0;
            loop {
                let answer = crate::harness::Answer(client.check(check.clone()).await.unwrap().into_inner());
                answer.allowed();
                answers += 1;
                if answers % 64 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        })
    });
    let load: Vec<tokio::task::JoinHandle<()>> = load.collect();
    for turn in 1..=4 {
        let name = ["a", "b"][turn % 2];
        mount.show(name);
        until("the swap", async || {
            let answer = guard.hop().send().await.allowed();
            (answer.text("grant").as_deref() == Some(name)).then_some(())
        })
        .await;
    }
    for task in load {
        assert!(!task.is_finished(), "an answer was neither of the two");
        task.abort();
    }
    assert_eq!(guard.counted("policy_undefined").await, 0);
    assert!(guard.counted("none").await > 20);
}

#[tokio::test]
async fn a_file_that_is_replaced_takes_effect() {
    let guard = Guard::start().await;
    let revision = guard.hop().send().await.allowed().text("revision").unwrap();
    guard.setup().policy("decision := {\"allowed\": false, \"reason\": \"closed\"}");
    denied_within_time(&guard, "policy_denied").await;
    guard.setup().policy("decision := true");
    let answer = allowed_within_time(&guard).await;
    assert_eq!(answer, revision, "the same state has the same revision");

    guard.setup().grants(&[]);
    denied_within_time(&guard, "grant_missing").await;
    guard.setup().grants(&[Grant::to("/charge", guard.setup().now())]);
    allowed_within_time(&guard).await;
    guard.setup().write("documents/purposes.yaml", "");
    denied_within_time(&guard, "purpose_unknown").await;
}

#[tokio::test]
async fn what_does_not_load_changes_nothing_and_is_named_with_file_and_line() {
    let guard = Guard::start().await;
    let revision = guard.hop().send().await.allowed().text("revision");
    for (part, file, broken, problem) in [
        ("policy", "policy/authz.rego", "package hopguard.authz\n\ndecision := true if {\n", "authz.rego:"),
        ("policy", "policy/authz.rego", "package hopguard.authz\n\ndefault decision := true\n", "authz.rego:3:"),
        ("store", "documents/grants.yaml", "kind: Grant\nspec: }\n", "grants.yaml:2:"),
        ("store", "documents/grants.yaml", "apiVersion: hopguard.dev/v1alpha1\nkind: Grants\n", "grants.yaml:2:"),
        ("trust", "roots.pem", "\nnot a certificate\n", "roots.pem:2: "),
        ("config", "hopguard.yaml", "self: spiffe://prod.example\nlisten: nowhere\n", "hopguard.yaml:2:9"),
    ] {
        let good = fs::read_to_string(guard.setup().path(file)).unwrap();
        guard.setup().write(file, broken);
        let problems = guard.problems(part).await;
        assert!(problems.contains(problem), "{problems}");
        assert!(guard.is_ready().await, "{file}");
        assert_eq!(part_ok(&guard, part).await, 0, "{file}");
        assert_eq!(guard.hop().send().await.allowed().text("revision"), revision, "{file}");

        guard.setup().write(file, &good);
        guard.repaired(part).await;
        assert_eq!(part_ok(&guard, part).await, 1, "{file}");
        assert_eq!(guard.hop().send().await.allowed().text("revision"), revision, "{file}");
    }
    assert!(guard.said().contains("Part does not load"));
}

#[tokio::test]
async fn a_directory_that_is_gone_takes_nothing_away() {
    let guard = Guard::start().await;
    for (part, directory) in [("policy", "policy"), ("store", "documents")] {
        let aside = guard.setup().path("aside");
        fs::rename(guard.setup().path(directory), &aside).unwrap();
        assert!(guard.problems(part).await.contains(directory));
        assert!(guard.is_ready().await);
        guard.hop().send().await.allowed();
        fs::rename(aside, guard.setup().path(directory)).unwrap();
        guard.repaired(part).await;
    }
}

#[tokio::test]
async fn what_takes_a_restart_is_refused_until_then_and_the_rest_waits_with_it() {
    let mut guard = Setup::new().set("response.reveal", "none").start().await;
    let listen = format!("[{{address: \"unix:{}\"}}]", guard.setup().path("other.sock").display());
    let before = format!("[{{address: \"unix:{}\"}}]", guard.setup().socket().display());
    guard.setup_mut().configure("listen", &listen);
    let problems = guard.problems("config").await;
    assert!(problems.contains("`listen` changed, which takes a restart"), "{problems}");
    assert!(guard.is_ready().await);
    guard.hop().send().await.allowed();
    assert!(!guard.setup().path("other.sock").exists());

    guard.setup_mut().configure("listen", &before);
    guard.repaired("config").await;
    // What takes no restart takes effect.
    guard.setup_mut().configure("response.reveal", "reason");
    until("the new configuration", async || {
        let answer = guard.hop().without_purpose().send().await.denied("purpose_missing");
        (answer.body()["reason"] == "purpose_missing").then_some(())
    })
    .await;
}

#[tokio::test]
async fn sighup_loads_again_and_ends_nothing() {
    let guard = Guard::start().await;
    guard.setup().policy("decision := false");
    guard.signal(Signal::HUP);
    denied_within_time(&guard, "policy_denied").await;
    guard.signal(Signal::HUP);
    guard.hop().send().await.denied("policy_denied");
    assert!(guard.is_ready().await);
}

#[test]
fn trust_whose_file_is_gone_lasts_until_it_is_stale() {
    let setup = Setup::new().set("peer.max_lifetime", "10d");
    let now = setup.now();
    let week = mint(setup.authority(), FRONTEND, now, now.after(7 * DAY));
    let check = setup.hop().with_certificate(week).request();
    let mut loaded = setup.loader();
    loaded.refresh(now);
    let roots = fs::read_to_string(setup.path("roots.pem")).unwrap();
    setup.remove("roots.pem");
    let mut reason_at = |refreshed: Timestamp, decided: Timestamp| {
        let decision = loaded.refresh(refreshed).authorizer.decide(&check, decided);
        decision.reason().map(|reason| reason.as_str())
    };
    let stale = now.after(DAY);
    let before = Timestamp::from_nanos(stale.nanos() - 1);
    assert_eq!(reason_at(now.after(Duration::from_secs(60)), before), None);
    assert_eq!(reason_at(before, stale), Some("trust_stale"));
    setup.write("roots.pem", &roots);
    assert_eq!(reason_at(stale, stale), None);
}

#[tokio::test]
async fn stale_trust_denies_until_its_file_is_back() {
    let trust = "[{trust_domain: prod.example, pem: roots.pem, max_stale: 1s}]";
    let guard = Setup::new().set("trust", trust).start().await;
    guard.hop().send().await.allowed();
    let roots = fs::read_to_string(guard.setup().path("roots.pem")).unwrap();
    guard.setup().remove("roots.pem");
    assert!(guard.problems("trust").await.contains("cannot read"));
    let answer = denied_within_time(&guard, "trust_stale").await;
    let record = guard.record(&answer).await;
    assert_eq!((&record["reason"], &record["detail"]), (&"trust_stale".into(), &"td.stale".into()));
    assert!(guard.counted("trust_stale").await > 0);
    guard.setup().write("roots.pem", &roots);
    allowed_within_time(&guard).await;
}

#[tokio::test]
async fn a_root_that_is_withdrawn_is_not_trusted_any_more() {
    let guard = Guard::start().await;
    guard.hop().send().await.allowed();
    let other = crate::harness::authority(guard.setup().now());
    guard.setup().write("roots.pem", &other.pem());
    denied_within_time(&guard, "peer_untrusted").await;
}

#[tokio::test]
async fn what_one_source_gave_is_no_word_of_another() {
    let mut guard = Guard::start().await;
    guard.hop().send().await.allowed();
    guard.setup_mut().configure("trust", "[{trust_domain: prod.example, pem: elsewhere.pem}]");
    denied_within_time(&guard, "trust_stale").await;
    assert!(guard.problems("trust").await.contains("elsewhere.pem"));
    let roots = fs::read_to_string(guard.setup().path("roots.pem")).unwrap();
    guard.setup().write("elsewhere.pem", &roots);
    allowed_within_time(&guard).await;
}

/// A configuration is taken whole or not at all: what it cannot have must not keep the rest of the world from counting.
#[tokio::test]
async fn a_store_that_is_not_there_holds_up_no_withdrawal() {
    let mut guard = Guard::start().await;
    guard.hop().send().await.allowed();
    guard.setup_mut().configure("store.directory", "nowhere");
    assert!(guard.problems("config").await.contains("nowhere"));
    guard.hop().send().await.allowed();
    let roots = fs::read_to_string(guard.setup().path("roots.pem")).unwrap();
    let other = crate::harness::authority(guard.setup().now());
    guard.setup().write("roots.pem", &other.pem());
    denied_within_time(&guard, "peer_untrusted").await;
    guard.setup().write("roots.pem", &roots);
    allowed_within_time(&guard).await;

    // Once it is there, it is what counts.
    fs::create_dir(guard.setup().path("nowhere")).unwrap();
    denied_within_time(&guard, "purpose_unknown").await;
    guard.repaired("config").await;
}

async fn denied_within_time(guard: &Guard, reason: &str) -> crate::harness::Answer {
    until(reason, async || {
        let answer = guard.hop().send().await;
        (answer.reason().as_deref() == Some(reason)).then_some(answer)
    })
    .await
    .denied(reason)
}

/// The revision that allows.
async fn allowed_within_time(guard: &Guard) -> String {
    let answer = until("an allow", async || {
        let answer = guard.hop().send().await;
        answer.is_allow().then_some(answer)
    })
    .await;
    answer.allowed().text("revision").unwrap()
}

async fn part_ok(guard: &Guard, part: &str) -> u64 {
    guard.metric(&format!("hopguard_part_ok{{part=\"{part}\"}}")).await
}

/// The grant of an allow.
#[track_caller]
fn granted(decision: &Decision) -> &'static str {
    let permit = decision.verdict.as_ref().expect("both states permit the hop");
    match permit.grant().expect("grants are enforced").name() {
        "a" => "a",
        "b" => "b",
        other => panic!("no state has a grant `{other}`"),
    }
}

/// Ends the other threads when this one has ended, in whichever way.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A volume as Kubernetes mounts it: everything is a link through `..data`, which is swapped in one step for a directory that is new each time.
struct Mount {
    root: PathBuf,
    states: [(&'static str, (String, String)); 2],
    shown: usize,
}

impl Mount {
    fn new(setup: &Setup) -> Self {
        let root = setup.path("mount");
        fs::create_dir(&root).unwrap();
        for directory in ["documents", "policy"] {
            symlink(Path::new("..data").join(directory), root.join(directory)).unwrap();
        }
        let purposes = fs::read_to_string(setup.path("documents/purposes.yaml")).unwrap();
        let states = ["a", "b"].map(|name| {
            let (grant, policy) = state(name, setup.now());
            (name, (format!("{purposes}{grant}"), policy))
        });
        Self { root, states, shown: 0 }
    }

    fn show(&mut self, name: &str) {
        let before = self.shown;
        self.shown += 1;
        let (_, (documents, policy)) = self.states.iter().find(|(found, _)| *found == name).unwrap();
        let directory = |number: usize| self.root.join(format!("..{number}"));
        let new = directory(self.shown);
        for (file, content) in [("documents/all.yaml", documents), ("policy/authz.rego", policy)] {
            let file = new.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        let aside = self.root.join("..data_tmp");
        symlink(new.file_name().unwrap(), &aside).unwrap();
        fs::rename(aside, self.root.join("..data")).unwrap();
        if before > 0 {
            fs::remove_dir_all(directory(before)).unwrap();
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);
