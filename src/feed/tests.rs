//! Feeds against an agent that breaks in every way, as sentences.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;
use tonic::Code;

use super::*;
use crate::{
    dev::{Authority, WorkloadApi},
    peer::id::parse_trust_domain,
    trust::{Endpoint, SourceKind},
};

mod content;
mod identity;
mod state;

const NOW: i64 = 1_795_165_200;

/// An agent, and feeds that follow it for `td.test` and `friend.test`.
struct Scene {
    directory: TempDir,
    agent: WorkloadApi,
    clock: Arc<AtomicI64>,
    nudges: Arc<AtomicUsize>,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let agent = WorkloadApi::start(&directory.path().join("agent.sock")).unwrap();
        Self { directory, agent, clock: Arc::new(AtomicI64::new(NOW)), nudges: Arc::default() }
    }

    fn sources(&self) -> Vec<Source> {
        ["td.test", "friend.test"].map(|name| source(name, &self.agent.endpoint())).to_vec()
    }

    fn start(&self) -> Feeds {
        self.start_with(&self.sources(), None)
    }

    fn start_with(&self, sources: &[Source], state: Option<&Path>) -> Feeds {
        let (clock, nudges) = (Arc::clone(&self.clock), Arc::clone(&self.nudges));
        Feeds::start(
            sources,
            state,
            move || Timestamp::from_seconds(clock.load(Ordering::SeqCst)),
            move || {
                nudges.fetch_add(1, Ordering::SeqCst);
            },
        )
        .unwrap()
    }

    fn state(&self) -> PathBuf {
        let state = self.directory.path().join("state");
        std::fs::create_dir_all(&state).unwrap();
        state
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }
}

fn source(name: &str, endpoint: &str) -> Source {
    Source {
        trust_domain: td(name),
        kind: SourceKind::WorkloadApi { endpoint: Endpoint::parse(endpoint).unwrap() },
        intermediates: None,
        max_stale: Duration::from_secs(3600),
    }
}

fn td(name: &str) -> TrustDomain {
    parse_trust_domain(name).unwrap()
}

fn authority(name: &str) -> Authority {
    Authority::new(td(name), Timestamp::from_seconds(NOW - 60), Timestamp::from_seconds(NOW + 86_400)).unwrap()
}

fn given(authority: &Authority) -> (String, Vec<u8>) {
    (format!("spiffe://{}", authority.trust_domain()), authority.root().as_ref().to_vec())
}

fn jwt(kid: Option<&str>) -> Vec<u8> {
    let mut key = json!({"kty": "EC", "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"});
    if let Some(kid) = kid {
        key["kid"] = json!(kid);
    }
    json!({"keys": [key]}).to_string().into_bytes()
}

/// Waits for something that happens on another thread.
#[track_caller]
fn until(what: &str, mut happened: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < Duration::from_secs(20), "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    start.elapsed()
}

/// Whether `feeds` now have just `authority` for its trust domain, and the agent stands by it.
fn trusts(feeds: &Feeds, authority: &Authority) -> bool {
    let latest = feeds.latest(authority.trust_domain());
    latest.connected && latest.problem.is_none() && holds(&latest, authority)
}

fn holds(latest: &Latest, authority: &Authority) -> bool {
    let expected =
        TrustBundle::from_authorities(authority.trust_domain().clone(), [authority.root().as_ref().to_vec()]);
    latest.bundle.as_ref().is_some_and(|bundle| {
        bundle.clone().as_ref().clone().with_jwt_keys(Default::default()).revision() == expected.unwrap().revision()
    })
}

fn trusts_nobody(latest: &Latest) -> bool {
    latest.bundle.as_ref().is_some_and(|bundle| bundle.anchors().is_empty())
}

#[test]
fn follows_each_change_at_once() {
    let (scene, own, friend) = (Scene::new(), authority("td.test"), authority("friend.test"));
    scene.agent.set_jwt_bundles([]);
    let feeds = scene.start();
    scene.agent.set_authorities(&[&own, &friend]);
    until("both bundles", || trusts(&feeds, &own) && trusts(&feeds, &friend));
    assert!(scene.nudges.load(Ordering::SeqCst) >= 1);

    let next = authority("td.test");
    scene
        .agent
        .set_bundles([("spiffe://td.test".to_owned(), [own.root().as_ref(), next.root()].concat()), given(&friend)]);
    until("both roots in rotation", || {
        feeds.latest(&td("td.test")).bundle.is_some_and(|bundle| bundle.anchors().len() == 2)
    });
    scene.agent.set_authorities(&[&next, &friend]);
    let took = until("the new root alone", || trusts(&feeds, &next));
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(scene.agent.streams(), 2, "one connection with one stream of each kind");
    feeds.stop(Duration::from_secs(5));
}

#[test]
fn what_is_not_in_a_message_is_withdrawn_at_once() {
    let (scene, own, friend) = (Scene::new(), authority("td.test"), authority("friend.test"));
    scene.agent.set_jwt_bundles([]);
    scene.agent.set_authorities(&[&own, &friend]);
    let feeds = scene.start();
    until("both bundles", || trusts(&feeds, &own) && trusts(&feeds, &friend));

    scene.agent.set_authorities(&[&own]);
    let took = until("withdrawal", || trusts_nobody(&feeds.latest(friend.trust_domain())));
    assert!(took < Duration::from_secs(1), "{took:?}");
    let latest = feeds.latest(friend.trust_domain());
    assert!(latest.connected && latest.problem.unwrap().ends_with("does not give its X.509 bundle"));
    assert!(trusts(&feeds, &own));

    scene.agent.set_bundles([given(&own), ("spiffe://friend.test".to_owned(), Vec::new())]);
    until("empty bundle", || {
        feeds
            .latest(friend.trust_domain())
            .problem
            .is_some_and(|problem| problem.ends_with("its X.509 bundle is empty: it is withdrawn"))
    });
    assert!(trusts_nobody(&feeds.latest(friend.trust_domain())));

    scene.agent.set_bundles([]);
    until("nothing at all", || trusts_nobody(&feeds.latest(own.trust_domain())));
    scene.agent.set_authorities(&[&own, &friend]);
    until("return", || trusts(&feeds, &own) && trusts(&feeds, &friend));
}

#[test]
fn a_refusal_withdraws_everything_at_once() {
    let (scene, own, friend) = (Scene::new(), authority("td.test"), authority("friend.test"));
    let feeds = scene.start();
    for code in [Code::PermissionDenied, Code::InvalidArgument, Code::Unauthenticated, Code::Unimplemented] {
        scene.agent.set_jwt_bundles([("spiffe://td.test".to_owned(), jwt(Some("a")))]);
        scene.agent.set_authorities(&[&own, &friend]);
        until("both bundles", || {
            let keyed = feeds.latest(&td("td.test")).bundle.is_some_and(|bundle| !bundle.jwt_keys().is_empty());
            keyed && trusts(&feeds, &own) && trusts(&feeds, &friend)
        });
        scene.agent.refuse(code);
        let gone = |name| {
            let latest = feeds.latest(&td(name));
            trusts_nobody(&latest) && latest.bundle.unwrap().jwt_keys().is_empty()
        };
        let took = until("withdrawal", || gone("td.test") && gone("friend.test"));
        assert!(took < Duration::from_secs(1), "{code:?} {took:?}");
        assert!(feeds.latest(&td("td.test")).problem.unwrap().contains("refuses X.509 bundles: no identity issued"));
    }
}

#[test]
fn a_refusal_that_is_taken_back_withdraws_nothing() {
    let (scene, old, new) = (Scene::new(), authority("td.test"), authority("td.test"));
    scene.agent.set_jwt_bundles([("spiffe://td.test".to_owned(), jwt(Some("a")))]);
    scene.agent.set_authorities(&[&old]);
    let feeds = scene.start();
    until("the first bundle", || trusts(&feeds, &old));
    let nudges = scene.nudges.load(Ordering::SeqCst);
    scene.agent.lapse();
    // Only a stream opened since then can say this, and it is all that has changed.
    scene.agent.set_authorities(&[&new]);
    until("the next bundle", || trusts(&feeds, &new));
    assert_eq!(scene.nudges.load(Ordering::SeqCst), nudges + 1);
    assert!(!feeds.latest(&td("td.test")).bundle.unwrap().jwt_keys().is_empty());
}

#[test]
fn what_was_never_given_is_unknown_and_not_withdrawn() {
    let scene = Scene::new();
    let feeds = scene.start();
    until("refusal", || feeds.latest(&td("td.test")).problem.is_some_and(|problem| problem.contains("refuses")));
    assert!(feeds.latest(&td("td.test")).bundle.is_none());
    scene.agent.close();
    until("outage", || feeds.latest(&td("td.test")).problem.is_some_and(|problem| problem.contains("gives no")));
    let latest = feeds.latest(&td("td.test"));
    assert!(latest.bundle.is_none() && latest.confirmed.is_none() && !latest.connected);
}

#[test]
fn an_outage_withdraws_nothing_and_ages() {
    let (scene, own) = (Scene::new(), authority("td.test"));
    scene.agent.set_jwt_bundles([("spiffe://td.test".to_owned(), jwt(Some("a")))]);
    scene.agent.set_authorities(&[&own]);
    let feeds = scene.start();
    until("bundle", || trusts(&feeds, &own));
    let latest = || feeds.latest(own.trust_domain());
    scene.pass(100);
    assert_eq!(
        latest().confirmed,
        Some(Timestamp::from_seconds(NOW + 100)),
        "an open stream stands by it all the time"
    );
    assert_eq!(latest().stale_at(Duration::from_secs(60)), None);

    scene.agent.close();
    until("outage", || latest().problem.is_some_and(|problem| problem.contains("gives no X.509 bundles: ")));
    scene.pass(1000);
    let lost = latest();
    assert!(holds(&lost, &own) && !lost.bundle.as_ref().unwrap().jwt_keys().is_empty());
    assert_eq!(lost.confirmed, Some(Timestamp::from_seconds(NOW + 100)));
    assert_eq!(lost.stale_at(Duration::from_secs(60)), Some(Timestamp::from_seconds(NOW + 160)));
    assert!(!lost.connected);

    scene.agent.reopen().unwrap();
    let took = until("return", || trusts(&feeds, &own));
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert_eq!(latest().confirmed, Some(Timestamp::from_seconds(NOW + 1100)));
}

#[test]
fn an_agent_that_is_hurt_has_withdrawn_nothing() {
    let (scene, own) = (Scene::new(), authority("td.test"));
    let feeds = scene.start();
    for code in [Code::Unavailable, Code::Internal, Code::Unknown, Code::ResourceExhausted, Code::DeadlineExceeded] {
        scene.agent.set_jwt_bundles([]);
        scene.agent.set_authorities(&[&own]);
        until("bundle", || trusts(&feeds, &own));
        scene.agent.refuse(code);
        until("outage", || !feeds.latest(own.trust_domain()).connected);
        assert!(holds(&feeds.latest(own.trust_domain()), &own), "{code:?}");
    }
}

#[test]
fn an_agent_that_restarts_again_and_again_is_never_misunderstood() {
    let (scene, own) = (Scene::new(), authority("td.test"));
    scene.agent.set_jwt_bundles([]);
    scene.agent.set_authorities(&[&own]);
    let feeds = scene.start_with(&[source("td.test", &scene.agent.endpoint())], None);
    until("bundle", || trusts(&feeds, &own));
    for time in 0..20 {
        if time % 2 == 0 {
            scene.agent.drop_connections().unwrap();
        } else {
            scene.agent.close();
            scene.agent.reopen().unwrap();
        }
        until("streams", || {
            assert!(holds(&feeds.latest(&td("td.test")), &own), "restart {time}");
            scene.agent.streams() == 2
        });
    }
    until("return", || trusts(&feeds, &own));
}
