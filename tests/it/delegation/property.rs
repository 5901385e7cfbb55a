//! Adding an actor never widens: whatever chain a hop has, and whoever is added to it, it is allowed nothing that it was not allowed before.

use std::sync::Arc;

use hopguard::server::Snapshot;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::{CART, ORDERS};
use crate::harness::{FRONTEND, Grant, LOGIN_ISSUER, Setup, World};

const NAMES: [&str; 6] = ["alice", "bob", FRONTEND, ORDERS, CART, "spiffe://friend.example/web"];
/// Each stands for grants of its own.
const PATHS: [&str; 7] = ["/alone", "/one", "/two", "/three", "/relays", "/workloads", "/frontend"];

/// Grants of every shape, one for each path.
fn grants(setup: &Setup) {
    let (now, desk) = (setup.now(), setup.world().desk());
    let grant = |path: &str| Grant::to(path, now).methods("GET");
    let people = |path: &str| {
        grant(path).binding("declared").on_behalf_of(&desk, &["alice"]).on_behalf_of(LOGIN_ISSUER, &["alice", "bob"])
    };
    let workloads =
        |path: &str, names: &[&str]| grant(path).binding("declared").on_behalf_of("spiffe://prod.example", names);
    setup.more_grants(&[
        people("/one"),
        people("/two").max_depth(2),
        people("/three").max_depth(3),
        people("/relays").max_depth(3).relays(&[FRONTEND]),
        workloads("/workloads", &[ORDERS, CART]).max_depth(3).relays(&[FRONTEND]),
        workloads("/frontend", &[FRONTEND]).max_depth(3),
    ]);
}

/// A chain of actors, the latest first.
fn act(actors: &[&str]) -> Option<Value> {
    let (latest, earlier) = actors.split_first()?;
    Some(match act(earlier) {
        Some(earlier) => json!({"sub": latest, "act": earlier}),
        None => json!({"sub": latest}),
    })
}

struct Judge {
    setup: Setup,
    world: World,
    snapshot: Arc<Snapshot>,
}

impl Judge {
    /// The paths that a hop is allowed to which a token with these actors speaks for a subject.
    fn allowed(&self, kind: usize, subject: &str, holder: &str, actors: &[&str]) -> Vec<&'static str> {
        let mut changes = json!({"sub": subject});
        if let Some(act) = act(actors) {
            changes["act"] = act;
        }
        let hop = self.setup.hop().method("GET");
        let hop = match kind {
            0 => hop.bearer(&self.world.svid(changes)),
            1 => hop.bearer(&self.world.oidc(changes)),
            _ => {
                changes["req_wl"] = json!(holder);
                hop.transaction(&self.world.txn(changes))
            }
        };
        let allows = |path: &&str| {
            let check = hop.clone().path(path).request();
            self.snapshot.authorizer.decide(&check, self.world.now).is_permit()
        };
        PATHS.into_iter().filter(allows).collect()
    }
}

#[tokio::test]
async fn adding_an_actor_never_widens() {
    let setup = Setup::new().with_tokens();
    grants(&setup);
    let world = setup.world();
    let snapshot = setup.loader().refresh(world.now);
    let judge = Judge { setup, world, snapshot };
    // What no token speaks for is allowed no more than that.
    assert_eq!(judge.allowed(0, FRONTEND, FRONTEND, &[]), ["/alone"]);
    assert_eq!(judge.allowed(1, "alice", "", &[]), ["/one", "/two", "/three", "/relays"]);
    assert_eq!(judge.allowed(1, "alice", "", &[ORDERS]), ["/two", "/three", "/relays"]);
    assert_eq!(judge.allowed(2, "alice", ORDERS, &[]), ["/relays"]);
    assert_eq!(judge.allowed(0, ORDERS, "", &[]), ["/workloads"]);

    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let names = || select(NAMES.to_vec());
    let workloads = select(vec![FRONTEND, ORDERS, CART]);
    let strategy = (0..3_usize, names(), workloads, vec(names(), 0..5), names(), any::<prop::sample::Index>());
    runner
        .run(&strategy, |(kind, subject, holder, actors, added, at)| {
            let before = judge.allowed(kind, subject, holder, &actors);
            let at = at.index(actors.len() + 1);
            let mut more = actors.clone();
            more.insert(at, added);
            let after = judge.allowed(kind, subject, holder, &more);
            prop_assert!(!after.contains(&"/alone"), "what is delegated is on nobody's own behalf");
            // A token whose latest actor is the peer was given to it; and what was on nobody's behalf is on somebody's from then on.
            let given = at == 0 && added == FRONTEND;
            let first = kind == 0 && subject == FRONTEND && actors.is_empty();
            if !given && !first {
                prop_assert!(after.iter().all(|path| before.contains(path)), "{before:?} became {after:?}");
            }
            Ok(())
        })
        .unwrap();
}
