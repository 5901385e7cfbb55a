//! Hopguard fetches a friend's bundle from SPIRE's own endpoint, by both profiles, and keeps it fresh.

use std::{fs, sync::Arc, time::Duration};

use crate::{
    folder::Folder,
    guard::Plan as Guarded,
    spire::{FRIEND, Kind, Plan},
    traffic::Traffic,
};

#[tokio::test]
async fn a_friends_bundle_is_fetched_and_follows_the_friends_rotation() {
    let folder = Folder::new();
    let friend = Plan::new(FRIEND).start(folder.path()).await;
    let bootstrap = folder.path().join("friend.json");
    friend.write_bundle("spiffe", &bootstrap).await;
    let source = format!(
        "federation: {{url: \"{}\", profile: https_spiffe, endpoint_spiffe_id: \"{}\", bootstrap: \"{}\"}}",
        friend.endpoint("127.0.0.1"),
        friend.id("spire/server"),
        bootstrap.display()
    );
    let first = Arc::new(friend.mint("visitor", "10m").await);
    let guard = Guarded::default().trusting(FRIEND, &source).granting(&first.id());
    let guard = guard.start(&folder.path().join("guard")).await;
    let asks = |svid: &Arc<crate::svid::Svid>| {
        let (asker, svid) = (guard.asker(), Arc::clone(svid));
        Traffic::of(move || {
            let (asker, svid) = (asker.clone(), Arc::clone(&svid));
            async move { asker.outcome(&svid).await }
        })
    };
    guard.lets_in(&first).await;
    let calls = asks(&first);

    let authorities = friend.authorities(Kind::X509);
    let (old, before) = (authorities.active().await, guard.trust_revision().await);
    let next = authorities.prepare().await;
    guard.trusts_anew_within(REFRESH, &before).await;
    authorities.activate(&next).await;
    let second = Arc::new(friend.mint("visitor", "10m").await);
    assert_eq!(second.authority(), next);
    let renewed = asks(&second);
    // The endpoint shows an SVID of the next authority by now: the bundle fetched last is what it is held against.
    let before = guard.trust_revision().await;
    authorities.taint(&old).await;
    authorities.revoke(&old).await;
    calls.end().await.all_allowed();
    guard.trusts_anew_within(REFRESH, &before).await;
    guard.asker().ask(&first).await.denied("peer_untrusted");
    guard.asker().ask(&second).await.allowed();
    renewed.end().await.all_allowed();
}

#[tokio::test]
async fn a_friends_bundle_is_fetched_from_a_web_server() {
    let folder = Folder::new();
    let web = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [certificate, key] = ["web.pem", "web.key"].map(|name| folder.path().join(name));
    fs::write(&certificate, web.cert.pem()).unwrap();
    fs::write(&key, web.signing_key.serialize_pem()).unwrap();
    let friend = Plan::new(FRIEND).with_web_endpoint(&certificate, &key).start(folder.path()).await;
    let url = friend.endpoint("localhost");
    let source = format!("federation: {{url: \"{url}\", profile: https_web, ca: \"{}\"}}", certificate.display());
    let visitor = friend.mint("visitor", "5m").await;
    let guard = Guarded::default().trusting(FRIEND, &source).granting(&visitor.id());
    let guard = guard.start(&folder.path().join("guard")).await;
    guard.lets_in(&visitor).await;
}

/// No endpoint is asked more often than every 30 s, give or take a tenth; and a busy machine is late.
const REFRESH: Duration = Duration::from_secs(40);
