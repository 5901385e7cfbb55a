//! Bundles from an agent: a change counts within a second, an outage changes nothing until it has lasted too long.

use std::{
    fs,
    time::{Duration, Instant},
};

use hopguard::{
    clock::Clock,
    dev::{Authority, WorkloadApi},
    peer::id,
};
use tonic::Code;

use crate::harness::{Answer, FRONTEND, Grant, Guard, PAYMENTS, Setup, TRUST_DOMAIN, authority, mint, until};

/// An agent that gives the roots of the trust domain's authority, and a Hopguard that takes them from it.
fn scene(max_stale: &str) -> (WorkloadApi, Setup) {
    let setup = Setup::new();
    let agent = WorkloadApi::start(&setup.path("agent.sock")).unwrap();
    agent.set_jwt_bundles([]);
    agent.set_authorities(&[setup.authority()]);
    let trust =
        format!("[{{trust_domain: {TRUST_DOMAIN}, workload_api: \"{}\", max_stale: {max_stale}}}]", agent.endpoint());
    (agent, setup.set("trust", &trust))
}

/// The certificate of the frontend by `authority`.
fn certificate(authority: &Authority) -> String {
    let now = Clock::default().now();
    mint(authority, FRONTEND, now, now.after(HOUR))
}

async fn denied(guard: &Guard, reason: &str) -> Answer {
    until(reason, async || {
        let answer = guard.hop().send().await;
        (answer.reason().as_deref() == Some(reason)).then_some(answer)
    })
    .await
    .denied(reason)
}

async fn allowed(guard: &Guard) {
    until("an allow", async || guard.hop().send().await.is_allow().then_some(())).await;
}

fn both(a: &Authority, b: &Authority) -> [(String, Vec<u8>); 1] {
    [(format!("spiffe://{TRUST_DOMAIN}"), [a.root().as_ref(), b.root()].concat())]
}

#[tokio::test]
async fn is_not_ready_before_the_agent_gives_something() {
    let (agent, setup) = scene("24h");
    agent.deny();
    let guard = setup.launch().await;
    assert!(guard.problems("trust").await.contains("refuses X.509 bundles: no identity issued"));
    assert!(!guard.is_ready().await);
    guard.hop().send().await.denied("not_ready");
    agent.set_jwt_bundles([]);
    agent.set_authorities(&[guard.setup().authority()]);
    guard.ready().await;
    guard.hop().send().await.allowed();
}

#[tokio::test]
async fn a_rotation_under_load_refuses_nobody() {
    let (agent, setup) = scene("24h");
    let guard = setup.start().await;
    let mut old = authority(guard.setup().now());
    agent.set_bundles(both(guard.setup().authority(), &old));
    until("the overlap", async || {
        guard.hop().with_certificate(certificate(&old)).send().await.is_allow().then_some(())
    })
    .await;
    for round in 0..5 {
        let next = authority(guard.setup().now());
        let (before, after) = (certificate(&old), certificate(&next));
        agent.set_bundles(both(&old, &next));
        until("the new authority", async || {
            let hop = guard.hop().with_certificate(before.as_str()).send().await;
            assert!(hop.is_allow(), "round {round}: {hop:?}");
            guard.hop().with_certificate(after.as_str()).send().await.is_allow().then_some(())
        })
        .await;
        agent.set_authorities(&[&next]);
        until("the end of the old authority", async || {
            let hop = guard.hop().with_certificate(after.as_str()).send().await;
            assert!(hop.is_allow(), "round {round}: {hop:?}");
            let answer = guard.hop().with_certificate(before.as_str()).send().await;
            (answer.reason().as_deref() == Some("peer_untrusted")).then_some(())
        })
        .await;
        old = next;
    }
}

#[tokio::test]
pub(crate) async fn a_withdrawal_counts_within_a_second() {
    let (agent, setup) = scene("24h");
    let guard = setup.start().await;
    let give = || {
        agent.set_jwt_bundles([]);
        agent.set_authorities(&[guard.setup().authority()]);
    };
    let withdrawals: [(&str, &dyn Fn()); 4] = [
        ("another root", &|| agent.set_authorities(&[&authority(guard.setup().now())])),
        ("an empty bundle", &|| agent.set_bundles([(format!("spiffe://{TRUST_DOMAIN}"), Vec::new())])),
        ("no bundle", &|| agent.set_bundles([])),
        ("a refusal", &|| agent.refuse(Code::PermissionDenied)),
    ];
    for (what, withdraw) in withdrawals {
        give();
        allowed(&guard).await;
        let start = Instant::now();
        withdraw();
        denied(&guard, "peer_untrusted").await;
        assert!(start.elapsed().as_millis() < 1000, "{what}: {:?}", start.elapsed());
    }
    give();
    allowed(&guard).await;
}

/// The agent is all that says who this workload is, and no longer says so: what is withdrawn meanwhile is withdrawn all the same.
#[tokio::test]
async fn a_withdrawal_counts_when_the_agent_takes_back_our_own_svid_too() {
    let (agent, setup) = scene("24h");
    let setup = setup.set("self", "null");
    let own = setup.authority().mint(&id::parse(PAYMENTS).unwrap(), setup.now(), setup.now().after(HOUR)).unwrap();
    agent.set_svids(&[(&own, setup.authority())]).unwrap();
    let guard = setup.start().await;
    guard.hop().send().await.allowed();

    agent.set_svids(&[]).unwrap();
    assert!(guard.problems("trust").await.contains("gives no SVID"));
    guard.hop().send().await.allowed();
    guard.setup().grants(&[]);
    denied(&guard, "grant_missing").await;
    guard.setup().grants(&[Grant::to("/charge", guard.setup().now())]);
    allowed(&guard).await;

    let start = Instant::now();
    agent.deny();
    denied(&guard, "peer_untrusted").await;
    assert!(start.elapsed().as_millis() < 1000, "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_outage_refuses_nobody_until_trust_is_stale() {
    let (agent, setup) = scene("2s");
    let guard = setup.start().await;
    for _ in 0..10 {
        agent.drop_connections().unwrap();
        guard.hop().send().await.allowed();
        agent.close();
        guard.hop().send().await.allowed();
        agent.reopen().unwrap();
    }
    agent.close();
    guard.hop().send().await.allowed();
    assert!(guard.problems("trust").await.contains("gives no "));
    let answer = denied(&guard, "trust_stale").await;
    assert_eq!(guard.record(&answer).await["detail"], "td.stale");
    agent.reopen().unwrap();
    allowed(&guard).await;
    guard.repaired("trust").await;
}

#[tokio::test]
async fn a_restart_without_the_agent_trusts_what_was_last_known() {
    let (agent, setup) = scene("24h");
    let state = setup.path("state");
    fs::create_dir(&state).unwrap();
    let guard = setup.set("state.directory", "state").start().await;
    guard.hop().send().await.allowed();
    until("the kept bundle", async || {
        fs::read_dir(state.join("trust")).unwrap().flatten().any(|file| file.path().extension().is_some()).then_some(())
    })
    .await;
    agent.close();
    let guard = guard.kill().await.setup.start().await;
    guard.hop().send().await.allowed();

    agent.reopen().unwrap();
    guard.repaired("trust").await;
    agent.set_bundles([]);
    denied(&guard, "peer_untrusted").await;
    agent.close();
    let ended = guard.stop().await;
    assert_eq!(ended.code, Some(0));
    let guard = ended.setup.start().await;
    guard.hop().send().await.denied("peer_untrusted");
}

const HOUR: Duration = Duration::from_secs(3600);
