//! JWT-SVIDs that SPIRE has signed count for their audience, for their holder, and until their end.

use crate::{
    folder::Folder,
    gate::{Door, Gate},
    guard::{PAYMENTS, Plan as Guarded, outcome},
    scene::{Federated, Home},
    spire::{FRIEND, HOME, Kind, Watch},
    traffic::Traffic,
    until::until,
};

/// Tokens are taken from whoever shows one.
const TOKENS: &str = "tokens: {jwt_svid: {max_lifetime: 1h}}";

#[tokio::test]
async fn a_token_counts_for_its_audience_whatever_its_domain_signs_with() {
    let folder = Folder::new();
    let scene = Federated::start(&folder).await;
    let (orders, visitor) = tokio::join!(scene.home.agent.svid(), scene.visitors.svid());
    let plan = Guarded::default().granting(&orders.id()).granting(&visitor.id()).with(TOKENS);
    let source = scene.home.agent.source();
    let guard = plan.trusting(HOME, &source).trusting(FRIEND, &source).start(&folder.path().join("guard")).await;
    let asker = guard.asker();
    let (home, friend) = (&scene.home.server, &scene.friend);

    // P-256 at home, RSA at the friend's; one from the agent as workloads get them, one from the server.
    let (attested, minted) =
        tokio::join!(scene.home.agent.token(&[PAYMENTS]), friend.mint_token("visitor", &[PAYMENTS], "5m"));
    asker.ask_with(&orders, &attested).await.allowed();
    asker.ask_with(&visitor, &minted).await.allowed();

    for audiences in [&["spiffe://home.test/orders"][..], &["payments"], &[PAYMENTS, "spiffe://home.test/orders"]] {
        let (ours, theirs) =
            tokio::join!(home.mint_token("orders", audiences, "5m"), friend.mint_token("visitor", audiences, "5m"));
        assert_eq!(outcome(&asker.ask_with(&orders, &ours).await), "token_audience", "{audiences:?}");
        assert_eq!(outcome(&asker.ask_with(&visitor, &theirs).await), "token_audience", "{audiences:?}");
    }
    // Somebody else's: on whose behalf no grant lets `orders` act.
    assert_eq!(outcome(&asker.ask_with(&orders, &minted).await), "grant_missing");

    let gate = Gate::start(folder.path(), &scene.home.agent, &[Door::new("inbound", &guard)]).await;
    for (svid, token) in [(&orders, &attested), (&visitor, &minted)] {
        let bearer = format!("Bearer {token}");
        assert_eq!(gate.call("inbound", svid, &[("authorization", &bearer)]).await.outcome(), "allowed");
    }
}

#[tokio::test]
async fn a_token_counts_until_its_end() {
    let folder = Folder::new();
    let scene = Home::start(&folder).await;
    let svid = scene.agent.svid().await;
    let guard = Guarded::default().trusting(HOME, &scene.agent.source()).granting(&svid.id()).with(TOKENS);
    let guard = guard.start(&folder.path().join("guard")).await;
    let token = scene.server.mint_token("orders", &[PAYMENTS], "8s").await;
    guard.asker().ask_with(&svid, &token).await.allowed();
    until("the end of the token", async || {
        let outcome = outcome(&guard.asker().ask_with(&svid, &token).await);
        (outcome != "allowed").then(|| assert_eq!(outcome, "token_expired"))
    })
    .await;
    guard.asker().ask(&svid).await.allowed();
}

#[tokio::test]
async fn the_key_of_tokens_is_replaced_mid_traffic() {
    let folder = Folder::new();
    let scene = Home::start(&folder).await;
    let svid = std::sync::Arc::new(scene.agent.svid().await);
    let guard = Guarded::default().trusting(HOME, &scene.agent.source()).granting(&svid.id()).with(TOKENS);
    let guard = guard.start(&folder.path().join("guard")).await;
    let asks = |token: &str| {
        let (asker, svid, token) = (guard.asker(), svid.clone(), token.to_owned());
        Traffic::of(move || {
            let (asker, svid, token) = (asker.clone(), svid.clone(), token.clone());
            async move { outcome(&asker.ask_with(&svid, &token).await) }
        })
    };
    let authorities = scene.server.authorities(Kind::Jwt);
    let old = authorities.active().await;
    let first = scene.server.mint_token("orders", &[PAYMENTS], "10m").await;
    let keeps = asks(&first);

    let mut watch = Watch::of(&scene.agent, HOME, Kind::Jwt).await;
    let before = guard.trust_revision().await;
    let next = authorities.prepare().await;
    let delivered = watch.only(&[&old, &next]).await;
    guard.trusts_anew(&before).await;
    assert!(delivered.elapsed() <= AT_ONCE, "it took {:?}", delivered.elapsed());
    authorities.activate(&next).await;
    let second = scene.server.mint_token("orders", &[PAYMENTS], "10m").await;
    let renews = asks(&second);
    authorities.taint(&old).await;
    authorities.revoke(&old).await;
    let delivered = watch.only(&[&next]).await;
    keeps.end_denied().await.allowed_and_then("token_untrusted", delivered, AT_ONCE);
    renews.end().await.all_allowed();
}

const AT_ONCE: std::time::Duration = std::time::Duration::from_secs(1);
