//! An agent that is gone takes nothing away, and what it takes away itself is gone at once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    folder::Folder,
    guard::{Guard, Plan as Guarded},
    scene::{Federated, GUARD, Home},
    spire::{FRIEND, HOME, Kind, Watch},
    svid::Svid,
    traffic::Traffic,
    until::until,
};

#[tokio::test]
async fn callers_are_let_in_while_the_agent_is_gone_and_news_comes_with_its_return() {
    let folder = Folder::new();
    let mut scene = Home::start(&folder).await;
    let svid = Arc::new(scene.server.mint("orders", "10m").await);
    let guard = Guarded::default().trusting(HOME, &scene.agent.source()).granting(&svid.id());
    let guard = guard.start(&folder.path().join("guard")).await;
    let before = guard.trust_revision().await;
    let calls = asks(&guard, &svid);

    scene.agent.kill().await;
    guard.troubled().await;
    let authorities = scene.server.authorities(Kind::X509);
    let next = authorities.prepare().await;
    guard.asker().ask(&svid).await.allowed();
    assert_eq!(guard.trust_revision().await, before);

    scene.agent.revive().await;
    let mut watch = Watch::of(&scene.agent, HOME, Kind::X509).await;
    let back = watch.with(&next).await;
    guard.trusts_anew(&before).await;
    assert!(back.elapsed() <= RECOVERY, "it took {:?}", back.elapsed());
    authorities.activate(&next).await;
    guard.asker().ask(&scene.server.mint("orders", "10m").await).await.allowed();
    calls.end().await.all_allowed();
}

#[tokio::test]
async fn a_domain_that_is_federated_no_more_is_trusted_no_more() {
    let folder = Folder::new();
    let scene = Federated::start(&folder).await;
    let (orders, visitor) = tokio::join!(scene.home.agent.svid(), scene.visitors.svid());
    let (orders, visitor) = (Arc::new(orders), Arc::new(visitor));
    let source = scene.home.agent.source();
    let plan = Guarded::default().trusting(HOME, &source).trusting(FRIEND, &source);
    let guard = plan.granting(&orders.id()).granting(&visitor.id()).start(&folder.path().join("guard")).await;
    let (ours, theirs) = (asks(&guard, &orders), asks(&guard, &visitor));
    let mut watch = Watch::of(&scene.home.agent, FRIEND, Kind::X509).await;
    until("a few answers", async || (guard.asker().outcome(&visitor).await == "allowed").then_some(())).await;

    scene.home.server.forget(&scene.friend).await;
    let withdrawn = watch.only(&[]).await;
    theirs.end_denied().await.allowed_and_then("peer_untrusted", withdrawn, AT_ONCE);
    ours.end().await.all_allowed();
}

#[tokio::test]
async fn a_hopguard_that_spire_knows_no_more_trusts_nobody() {
    let folder = Folder::new();
    let scene = Home::start(&folder).await;
    let svid = Arc::new(scene.agent.svid().await);
    let guard = Guarded::default().trusting(HOME, &scene.agent.source()).granting(&svid.id());
    let guard = guard.start(&folder.path().join("guard")).await;
    let calls = asks(&guard, &svid);
    until("a few answers", async || (guard.asker().outcome(&svid).await == "allowed").then_some(())).await;
    scene.server.deregister(GUARD).await;
    let asked = Instant::now();
    // The server tells its agent within two of their seconds.
    calls.end_denied().await.allowed_and_then("peer_untrusted", asked, 2 * SYNC + AT_ONCE);
}

fn asks(guard: &Guard, svid: &Arc<Svid>) -> Traffic {
    let (asker, svid) = (guard.asker(), Arc::clone(svid));
    Traffic::of(move || {
        let (asker, svid) = (asker.clone(), Arc::clone(&svid));
        async move { asker.outcome(&svid).await }
    })
}

const AT_ONCE: Duration = Duration::from_secs(1);
const SYNC: Duration = Duration::from_secs(1);
const RECOVERY: Duration = Duration::from_secs(5);
