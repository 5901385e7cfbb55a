//! Callers whose SVIDs come from SPIRE are proved through Envoy, each by the bundle of its own trust domain.

use std::fs;

use crate::{
    folder::Folder,
    gate::{Door, Gate},
    guard::Plan as Guarded,
    scene::{Federated, Home, upstream_authority},
    spire::{FRIEND, HOME, Plan},
};

#[tokio::test]
async fn a_workload_of_a_trusted_domain_is_let_in_and_one_of_another_domain_is_not() {
    let folder = Folder::new();
    let scene = Federated::start(&folder).await;
    let (orders, visitor) = tokio::join!(scene.home.agent.svid(), scene.visitors.svid());
    assert_eq!([orders.id(), visitor.id()], ["spiffe://home.test/orders", "spiffe://friend.test/visitor"]);

    let roots = folder.path().join("home.pem");
    scene.home.server.write_bundle("pem", &roots).await;
    let plan = Guarded::default().granting(&orders.id()).granting(&visitor.id());
    let one = plan.clone().trusting(HOME, &format!("pem: {}", roots.display()));
    let source = scene.home.agent.source();
    let both = plan.trusting(HOME, &source).trusting(FRIEND, &source);
    let [one_folder, both_folder] = ["one", "both"].map(|name| folder.path().join(name));
    let (one, both) = tokio::join!(one.start(&one_folder), both.start(&both_folder));

    let doors = [Door::new("one", &one), Door::new("both", &both)];
    let gate = Gate::start(folder.path(), &scene.home.agent, &doors).await;
    assert_eq!(gate.call("one", &orders, &[]).await.outcome(), "allowed");
    assert_eq!(gate.call("both", &orders, &[]).await.outcome(), "allowed");
    assert_eq!(gate.call("both", &visitor, &[]).await.outcome(), "allowed");
    assert_eq!(gate.call("one", &visitor, &[]).await.outcome(), "peer_untrusted");
}

#[tokio::test]
async fn a_chain_below_an_upstream_authority_is_proved_where_its_intermediates_are_known() {
    let folder = Folder::new();
    let (root, root_key) = upstream_authority(folder.path());
    let scene = Home::start_as(Plan::new(HOME).below(&root, &root_key), &folder).await;
    let orders = scene.agent.svid().await;
    assert_eq!(orders.chain().len(), 2, "SPIRE's own certificate stands between leaf and root");

    let intermediates = folder.path().join("intermediates.pem");
    fs::write(&intermediates, orders.pem(1)).unwrap();
    let root = format!("pem: {}", root.display());
    let guarded = |source: &str| Guarded::default().trusting(HOME, source).granting(&orders.id());
    let known = guarded(&format!("{root}, intermediates: {}", intermediates.display()));
    let told = guarded(&root).with("peer: {evidence: [xfcc], xfcc: {sanitize_set: true}}");
    let unknown = guarded(&root);
    let folders = ["known", "told", "unknown"].map(|name| folder.path().join(name));
    let (known, told, unknown) =
        tokio::join!(known.start(&folders[0]), told.start(&folders[1]), unknown.start(&folders[2]));
    let doors = [
        Door::new("known", &known),
        Door::new("told", &told).telling_the_chain(),
        // Envoy itself has verified the chain, and passes on the leaf alone.
        Door::new("unknown", &unknown),
    ];
    let gate = Gate::start(folder.path(), &scene.agent, &doors).await;
    assert_eq!(gate.call("known", &orders, &[]).await.outcome(), "allowed");
    assert_eq!(gate.call("told", &orders, &[]).await.outcome(), "allowed");
    assert_eq!(gate.call("unknown", &orders, &[]).await.outcome(), "peer_untrusted");
}
