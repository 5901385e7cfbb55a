//! What outlasts a restart, a crash and a change of source, and what must not.

use super::*;

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
