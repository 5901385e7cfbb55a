//! An authority is replaced while callers call: nobody whose SVID counts is refused, and whose no longer counts is refused within a second.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::{
    folder::Folder,
    gate::{Door, Gate},
    guard::{Guard, Plan as Guarded},
    scene::Home,
    spire::{HOME, Helper, Kind, Watch},
    svid::Svid,
    traffic::Traffic,
    until::until,
};

#[tokio::test]
async fn an_authority_is_replaced_mid_traffic_where_a_helper_keeps_a_file_of_roots() {
    let folder = Folder::new();
    let scene = Home::start(&folder).await;
    let helper = Helper::start(&scene.agent, HOME, &folder.path().join("roots.pem")).await;
    scene.replaces_its_authority(&folder, &format!("pem: {}", helper.file.display())).await;
}

#[tokio::test]
async fn an_authority_is_replaced_mid_traffic_where_hopguard_follows_the_workload_api() {
    let folder = Folder::new();
    let scene = Home::start(&folder).await;
    scene.replaces_its_authority(&folder, &scene.agent.source()).await;
}

impl Home {
    /// Forces every step of a rotation, with callers old and new at every moment.
    async fn replaces_its_authority(&self, folder: &Folder, source: &str) {
        let (home, agent) = (&self.server, &self.agent);
        let authorities = home.authorities(Kind::X509);
        let old = authorities.active().await;
        let first = Arc::new(home.mint("orders", "10m").await);
        assert_eq!(first.authority(), old);
        let guard = Guarded::default().trusting(HOME, source).granting(&first.id());
        let guard = guard.start(&folder.path().join("guard")).await;
        let gate = Gate::start(folder.path(), agent, &[Door::new("inbound", &guard)]).await;
        let gate = Arc::new(gate);

        // One caller keeps its first SVID, two take what SPIRE has for them, and one of these comes through Envoy.
        let current = Arc::new(Mutex::new(Arc::clone(&first)));
        let keeps = asks(&guard, {
            let first = Arc::clone(&first);
            move || Arc::clone(&first)
        });
        let renews = asks(&guard, {
            let current = Arc::clone(&current);
            move || Arc::clone(&current.lock().unwrap())
        });
        let comes_through = {
            let (gate, current) = (Arc::clone(&gate), Arc::clone(&current));
            Traffic::of(move || {
                let (gate, svid) = (Arc::clone(&gate), Arc::clone(&current.lock().unwrap()));
                async move { gate.call("inbound", &svid, &[]).await.outcome().to_owned() }
            })
        };

        // A connection that Envoy let in once, and never looks at again.
        let kept = Arc::new(tokio::sync::Mutex::new(gate.open("inbound", &first).await));
        let stays = Traffic::of(move || {
            let kept = Arc::clone(&kept);
            async move { kept.lock().await.call(&[]).await.outcome().to_owned() }
        });

        // The next root is made known before anything is signed by it.
        let mut watch = Watch::of(agent, HOME, Kind::X509).await;
        let before = guard.trust_revision().await;
        let next = authorities.prepare().await;
        let delivered = watch.only(&[&old, &next]).await;
        guard.trusts_anew(&before).await;
        assert!(delivered.elapsed() <= AT_ONCE, "it took {:?}", delivered.elapsed());
        authorities.activate(&next).await;
        let second = home.mint("orders", "10m").await;
        assert_eq!(second.authority(), next);
        *current.lock().unwrap() = Arc::new(second);

        // Everybody who holds something signed by the old one is given something new.
        authorities.taint(&old).await;
        until("a new SVID for this workload", async || (agent.svid().await.authority() == next).then_some(())).await;
        let svid = Arc::clone(&current.lock().unwrap());
        until("a new SVID for Envoy", async || (gate.shown_authority("inbound", &svid).await == next).then_some(()))
            .await;

        authorities.revoke(&old).await;
        let delivered = watch.only(&[&next]).await;
        for caller in [keeps, stays] {
            caller.end_denied().await.allowed_and_then("peer_untrusted", delivered, AT_ONCE);
        }
        renews.end().await.all_allowed();
        comes_through.end().await.all_allowed();
    }
}

/// Asks Hopguard directly, each time with the SVID that `svid` gives.
fn asks(guard: &Guard, svid: impl Fn() -> Arc<Svid> + Send + 'static) -> Traffic {
    let asker = guard.asker();
    Traffic::of(move || {
        let (asker, svid) = (asker.clone(), svid());
        async move { asker.outcome(&svid).await }
    })
}

/// How soon what the agent has given out must count.
const AT_ONCE: Duration = Duration::from_secs(1);
