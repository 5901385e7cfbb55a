//! The own SVID: shown as long as it is given and valid.

use super::*;

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
