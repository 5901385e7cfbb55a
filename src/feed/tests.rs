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
fn a_broken_bundle_costs_no_other() {
    let (scene, own, friend) = (Scene::new(), authority("td.test"), authority("friend.test"));
    scene.agent.set_jwt_bundles([]);
    scene.agent.set_authorities(&[&own, &friend]);
    let feeds = scene.start();
    until("both bundles", || trusts(&feeds, &own) && trusts(&feeds, &friend));

    let next = authority("td.test");
    for (broken, why) in [
        (b"-----BEGIN CERTIFICATE-----".to_vec(), "its X.509 bundle is not the DER of certificates"),
        (vec![0x30, 0], "trust anchors: certificate 1 cannot be read"),
        (friend.root().as_ref().repeat(101), "trust anchors: more than 100 certificates"),
        (vec![0x30; 1024 * 1024 + 1], "its bundle has more than 1 MiB"),
    ] {
        scene.agent.set_bundles([given(&next), ("spiffe://friend.test".to_owned(), broken)]);
        until(why, || feeds.latest(&td("friend.test")).problem.is_some_and(|problem| problem.ends_with(why)));
        let kept = feeds.latest(&td("friend.test"));
        assert!(holds(&kept, &friend) && !kept.connected, "{why}");
        until("the other's news", || trusts(&feeds, &next));
        scene.agent.set_authorities(&[&own, &friend]);
        until("both bundles again", || trusts(&feeds, &own) && trusts(&feeds, &friend));
    }
}

#[test]
fn keys_for_tokens_come_beside_certificates() {
    let (scene, own, friend) = (Scene::new(), authority("td.test"), authority("friend.test"));
    let keys = |name: &str, jwt: Vec<u8>| (format!("spiffe://{name}"), jwt);
    scene.agent.set_authorities(&[&own, &friend]);
    scene.agent.set_jwt_bundles([keys("td.test", jwt(Some("a"))), keys("friend.test", jwt(None))]);
    let feeds = scene.start();
    let key = |name, kid| feeds.latest(&td(name)).bundle.is_some_and(|bundle| bundle.jwt_keys().get(kid).is_some());
    until("key", || key("td.test", "a") && trusts(&feeds, &own) && trusts(&feeds, &friend));
    let nameless = feeds.latest(&td("friend.test")).bundle.unwrap();
    assert!(nameless.jwt_keys().is_empty());
    assert_eq!(nameless.remarks().count(), 1, "a key without an ID is left out, and said so");

    scene.agent.set_jwt_bundles([keys("td.test", b"{}".to_vec()), keys("friend.test", jwt(Some("b")))]);
    until("the friend's key", || key("friend.test", "b"));
    assert!(key("td.test", "a"), "a broken set costs its domain's news");
    assert!(feeds.latest(&td("td.test")).problem.unwrap().ends_with("its JWT bundle has no array `keys`"));

    scene.agent.set_jwt_bundles([keys("friend.test", jwt(Some("b")))]);
    until("redaction", || !key("td.test", "a") && trusts(&feeds, &own));
    assert!(key("friend.test", "b"));

    scene.agent.refuse_jwt_bundles(Code::PermissionDenied);
    until("withdrawal", || !key("friend.test", "b"));
    assert!(holds(&feeds.latest(&td("friend.test")), &friend), "certificates are another matter");
}

#[test]
fn an_agent_without_jwt_bundles_gives_certificates() {
    let (scene, own, friend) = (Scene::new(), authority("td.test"), authority("friend.test"));
    scene.agent.set_authorities(&[&own, &friend]);
    scene.agent.refuse_jwt_bundles(Code::Unimplemented);
    let feeds = scene.start();
    until("both bundles", || trusts(&feeds, &own) && trusts(&feeds, &friend));
}

#[test]
fn too_much_at_once_is_refused_and_the_last_good_stays() {
    let (scene, own) = (Scene::new(), authority("td.test"));
    scene.agent.set_jwt_bundles([]);
    scene.agent.set_authorities(&[&own]);
    let feeds = scene.start();
    let many = |count| (0..count).map(|n| (format!("spiffe://td{n}.test"), own.root().as_ref().to_vec()));
    let next = authority("td.test");
    for (what, bundles) in [
        ("201", many(200).chain([given(&next)]).collect::<Vec<_>>()),
        ("10^4", many(9999).chain([given(&next)]).collect()),
        ("5 MiB", vec![("spiffe://other.test".to_owned(), vec![0; 5 << 20]), given(&next)]),
    ] {
        until("bundle", || trusts(&feeds, &own));
        scene.agent.set_bundles(bundles);
        until(what, || !feeds.latest(&td("td.test")).connected);
        assert!(holds(&feeds.latest(&td("td.test")), &own), "{what}");
        scene.agent.set_authorities(&[&own]);
    }
    until("bundle", || trusts(&feeds, &own));
}

#[test]
fn bundles_of_others_are_ignored_and_counted() {
    let (scene, own, other) = (Scene::new(), authority("td.test"), authority("other.test"));
    scene.agent.set_jwt_bundles([]);
    // Neither name is the own trust domain's, however much it looks like it.
    let disguised = |id: &str| (id.to_owned(), other.root().as_ref().to_vec());
    scene.agent.set_bundles([given(&own), given(&other), disguised("td.test"), disguised("spiffe://TD.test")]);
    let feeds = scene.start();
    until("bundle", || trusts(&feeds, &own));
    assert_eq!(feeds.ignored(), 3);
    assert!(feeds.latest(&td("other.test")).bundle.is_none());
}

#[test]
fn the_same_said_again_is_no_news() {
    let (scene, own, other) = (Scene::new(), authority("td.test"), authority("other.test"));
    scene.agent.set_jwt_bundles([]);
    scene.agent.set_authorities(&[&own, &other]);
    let feeds = scene.start_with(&[source("td.test", &scene.agent.endpoint())], None);
    until("bundle", || trusts(&feeds, &own) && feeds.ignored() == 1);
    let (bundle, nudges) = (feeds.latest(&td("td.test")).bundle.unwrap(), scene.nudges.load(Ordering::SeqCst));
    for time in 2..=20 {
        scene.agent.redeliver();
        until("redelivery", || feeds.ignored() == time);
    }
    assert!(Arc::ptr_eq(&bundle, &feeds.latest(&td("td.test")).bundle.unwrap()));
    assert_eq!(scene.nudges.load(Ordering::SeqCst), nudges);
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

#[test]
fn what_was_last_known_outlasts_a_restart_with_its_age() {
    let (scene, own, friend) = (Scene::new(), authority("td.test"), authority("friend.test"));
    let state = scene.state();
    scene.agent.set_jwt_bundles([("spiffe://td.test".to_owned(), jwt(Some("a")))]);
    scene.agent.set_authorities(&[&own, &friend]);
    let feeds = scene.start_with(&scene.sources(), Some(&state));
    until("both bundles", || trusts(&feeds, &own) && trusts(&feeds, &friend));
    scene.agent.set_authorities(&[&own]);
    until("withdrawal", || trusts_nobody(&feeds.latest(friend.trust_domain())));
    scene.pass(500);
    feeds.stop(Duration::from_secs(5));
    scene.agent.close();

    scene.pass(1000);
    let feeds = scene.start_with(&scene.sources(), Some(&state));
    let latest = feeds.latest(own.trust_domain());
    assert!(holds(&latest, &own) && latest.bundle.unwrap().jwt_keys().get("a").is_some());
    assert_eq!(latest.confirmed, Some(Timestamp::from_seconds(NOW + 500)));
    assert!(!latest.connected);
    assert!(trusts_nobody(&feeds.latest(friend.trust_domain())), "a restart does not resurrect");

    scene.agent.refuse(Code::PermissionDenied);
    scene.agent.reopen().unwrap();
    until("withdrawal", || trusts_nobody(&feeds.latest(own.trust_domain())));
    feeds.stop(Duration::from_secs(5));
    let feeds = scene.start_with(&scene.sources(), Some(&state));
    assert!(trusts_nobody(&feeds.latest(own.trust_domain())));
}

#[test]
fn a_crash_keeps_what_was_published() {
    let (scene, own) = (Scene::new(), authority("td.test"));
    let (state, copy) = (scene.state(), tempfile::tempdir().unwrap());
    scene.agent.set_jwt_bundles([]);
    scene.agent.set_authorities(&[&own]);
    let sources = [source("td.test", &scene.agent.endpoint())];
    let feeds = scene.start_with(&sources, Some(&state));
    until("bundle", || trusts(&feeds, &own));
    until("file", || {
        std::fs::read_dir(state.join("trust"))
            .unwrap()
            .any(|entry| entry.unwrap().path().extension().is_some_and(|extension| extension == "json"))
    });
    // What a crash now would leave on disk.
    std::fs::create_dir(copy.path().join("trust")).unwrap();
    std::fs::set_permissions(copy.path().join("trust"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for entry in std::fs::read_dir(state.join("trust")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join("trust").join(path.file_name().unwrap())).unwrap();
    }
    scene.agent.close();
    let again = scene.start_with(&sources, Some(copy.path()));
    assert!(holds(&again.latest(own.trust_domain()), &own));
}

#[test]
fn a_clock_that_was_ahead_makes_nothing_last_longer() {
    let (scene, own) = (Scene::new(), authority("td.test"));
    let state = scene.state();
    scene.agent.set_jwt_bundles([]);
    scene.agent.set_authorities(&[&own]);
    let sources = [source("td.test", &scene.agent.endpoint())];
    let feeds = scene.start_with(&sources, Some(&state));
    until("bundle", || trusts(&feeds, &own));
    feeds.stop(Duration::from_secs(5));
    scene.agent.close();
    scene.pass(-10_000);
    let feeds = scene.start_with(&sources, Some(&state));
    assert_eq!(feeds.latest(own.trust_domain()).confirmed, Some(Timestamp::from_seconds(NOW - 10_000)));
}

#[test]
fn a_trust_domain_with_another_source_keeps_nothing_of_the_first() {
    let (scene, own, next) = (Scene::new(), authority("td.test"), authority("td.test"));
    let state = scene.state();
    scene.agent.set_jwt_bundles([]);
    scene.agent.set_authorities(&[&own]);
    let feeds = scene.start_with(&scene.sources(), Some(&state));
    until("bundle", || trusts(&feeds, &own));

    let other = WorkloadApi::start(&scene.directory.path().join("other.sock")).unwrap();
    let moved = [source("td.test", &other.endpoint())];
    feeds.reconfigure(&moved);
    assert!(feeds.latest(own.trust_domain()).bundle.is_none(), "at once");
    assert!(feeds.latest(&td("friend.test")).bundle.is_none());
    until("the first agent is left alone", || scene.agent.streams() == 0);
    other.set_jwt_bundles([]);
    other.set_authorities(&[&next]);
    until("bundle", || trusts(&feeds, &next));
    feeds.stop(Duration::from_secs(5));

    scene.agent.close();
    let feeds = scene.start_with(&scene.sources(), Some(&state));
    assert!(feeds.latest(own.trust_domain()).bundle.is_none(), "nor after a restart");
}

#[test]
fn a_state_that_others_could_write_is_refused() {
    let scene = Scene::new();
    let state = scene.state();
    std::fs::create_dir(state.join("trust")).unwrap();
    std::fs::set_permissions(state.join("trust"), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    assert!(Feeds::start(&[], Some(&state), || Timestamp::MIN, || {}).is_err());
}

#[test]
fn the_own_svid_is_renewed_and_taken_back() {
    let (scene, own) = (Scene::new(), authority("td.test"));
    let id = |path: &str| SpiffeId::new(format!("spiffe://td.test/{path}")).unwrap();
    let now = Timestamp::from_seconds(NOW);
    let mint = |path: &str, seconds| own.mint(&id(path), now, Timestamp::from_seconds(NOW + seconds)).unwrap();
    let (web, other) = (mint("web", 100), mint("other", 100));
    let feeds = scene.start_with(&[], None);
    let endpoint = || Endpoint::parse(&scene.agent.endpoint()).unwrap();
    let (only, named) = (feeds.identity(endpoint(), None), feeds.identity(endpoint(), Some(id("web"))));
    let shows = |identity: &Identity, svid: &crate::dev::Svid| {
        identity.current(now).is_some_and(|own| own.chain() == [svid.certificate().unwrap()] && own.id() == svid.id())
    };
    let says = |identity: &Identity, what: &str| identity.problem().is_some_and(|problem| problem.contains(what));

    until("refusal", || says(&only, "refuses an SVID") && only.current(now).is_none());
    scene.agent.set_svids(&[(&web, &own)]).unwrap();
    until("SVID", || shows(&only, &web) && shows(&named, &web) && only.problem().is_none());
    assert!(named.current(Timestamp::from_nanos(now.nanos() + 100_999_999_999)).is_some(), "through its last second");
    assert!(named.current(Timestamp::from_seconds(NOW + 101)).is_none());

    scene.agent.set_svids(&[(&other, &own), (&web, &own)]).unwrap();
    until("a second one", || says(&only, "gives 2 SVIDs: name the one to use as `self`"));
    assert!(only.current(now).is_none());
    let next = own.renew(&web, now, Timestamp::from_seconds(NOW + 200)).unwrap();
    scene.agent.set_svids(&[(&other, &own), (&next, &own)]).unwrap();
    until("renewal", || shows(&named, &next));

    scene.agent.close();
    until("outage", || says(&named, "gives no SVID"));
    assert!(shows(&named, &next), "an outage takes nothing back");
    scene.agent.set_svids(&[(&other, &own)]).unwrap();
    scene.agent.reopen().unwrap();
    until("another's alone", || says(&named, "gives no SVID for `spiffe://td.test/web`"));
    assert!(named.current(now).is_none());
    until("the only one", || shows(&only, &other));
    scene.agent.deny();
    until("refusal", || only.current(now).is_none());
    drop((only, named));
    until("nobody listens any more", || scene.agent.streams() == 0);
}
