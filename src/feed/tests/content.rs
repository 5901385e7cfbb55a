//! What is in a message: broken, too much, somebody else's, or nothing new.

use super::*;

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
