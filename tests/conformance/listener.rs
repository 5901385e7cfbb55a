//! Hopguard's own mutual TLS, with its SVID from SPIRE: who may ask is a matter of SPIFFE IDs.

use std::{io, net::SocketAddr};

use hyper_util::rt::TokioIo;
use tonic::transport::Endpoint;

use crate::{
    answer::Answer,
    folder::Folder,
    gate::{Door, Gate},
    guard::{Asker, PAYMENTS, Plan as Guarded},
    scene::Federated,
    spire::{FRIEND, HOME, free_port},
    svid::Svid,
    tls,
};

#[tokio::test]
async fn an_asker_with_an_allowed_id_may_ask_and_nobody_else() {
    let folder = Folder::new();
    let scene = Federated::start(&folder).await;
    let (home, friend) = (&scene.home.server, &scene.friend);
    let orders = scene.home.agent.svid().await;
    let source = scene.home.agent.source();
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listen =
        format!("listen: [{{address: \"{address}\", mtls: {{{source}}}, allow: {{spiffe_ids: [{PAYMENTS}]}}}}]");
    let plan = Guarded::default().trusting(HOME, &source).trusting(FRIEND, &source).granting(&orders.id());
    let guard = plan.with(&listen).start(&folder.path().join("guard")).await;

    // Envoy, whose SVID SPIRE has given it.
    let gate = Gate::start(folder.path(), &scene.home.agent, &[Door::over_tls("inbound", address)]).await;
    assert_eq!(gate.call("inbound", &orders, &[]).await.outcome(), "allowed");

    let minted = home.mint("payments", "5m").await;
    asked(address, Some(&minted), &orders).await.expect("an answer").allowed();
    // Another workload, the same name in a friend's domain, and nobody.
    let namesake = friend.mint("payments", "5m").await;
    for stranger in [Some(&orders), Some(&namesake), None] {
        assert!(asked(address, stranger, &orders).await.is_none(), "{stranger:?}");
    }
    asked(address, Some(&minted), &orders).await.expect("an answer").allowed();
    drop(guard);
}

/// Asks over mutual TLS as `asker`, whether `caller` may come in; nothing if the asker is not listened to.
async fn asked(address: SocketAddr, asker: Option<&Svid>, caller: &Svid) -> Option<Answer> {
    let stream = tls::connect(address, PAYMENTS, asker, "h2").await.ok()?;
    let mut stream = Some(stream);
    let connect = move |_| {
        let stream = stream.take().ok_or_else(|| io::Error::other("the connection is closed"));
        async move { stream.map(TokioIo::new) }
    };
    let endpoint = Endpoint::from_static("http://hopguard");
    let channel = endpoint.connect_with_connector(tower::service_fn(connect)).await.ok()?;
    Asker::over(channel).try_ask(caller).await
}
