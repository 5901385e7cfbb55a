//! Whatever a TLS client shows a real Envoy, and however that passes it on: nobody is taken for a caller that is not proved.

mod scene;

use serde_json::json;

use self::scene::{Door, Scene, Tls, asserting, setup};
use super::client::Reply;
use crate::{
    harness::{
        FRONTEND, STRANGER,
        chain::{SUBJECT_ALT_NAME, Shown, extension, tlv},
    },
    peers::{case::Case, leaves, paths, world::World},
};

#[tokio::test]
async fn each_hostile_certificate_is_denied_by_way_of_an_envoy_that_takes_anybody() {
    let (_, world) = World::new();
    let doors = [false, true].map(|joined| Door { tls: Tls::AcceptUntrusted, uri: false, joined, ..Door::to(0) });
    let scene = Scene::start(&world, vec![setup(&world, "certificate, xfcc", true)], &doors).await;
    let cases = cases(&world);
    for (index, door) in doors.iter().enumerate() {
        let outcomes = show(&scene, index, door, &cases).await;
        let wrong: Vec<String> = cases
            .iter()
            .zip(outcomes)
            .map(|(case, outcome)| {
                (case, outcome, if REFUSED.contains(&case.what) { "refused" } else { case.expected })
            })
            .filter(|(_, outcome, expected)| outcome != expected)
            .map(|(case, outcome, expected)| format!("{}: {}: {outcome}, not {expected}", case.rows, case.what))
            .collect();
        assert!(wrong.is_empty(), "{} wrong answers by {door:?}:\n{}", wrong.len(), wrong.join("\n"));
    }
}

#[tokio::test]
async fn an_envoy_that_verifies_nothing_asks_for_no_certificate_and_lets_nobody_in() {
    let (_, world) = World::new();
    let doors = [Door { tls: Tls::Unverified, ..Door::to(0) }];
    let scene = Scene::start(&world, vec![setup(&world, "certificate, xfcc", true)], &doors).await;
    let replies = [scene.send(0, &world.root.svid(FRONTEND), &[]).await];
    // `require_client_certificate` alone does not make Envoy ask for one.
    assert_eq!(scene.outcomes(0, &replies).await, ["peer_missing evidence.absent"]);
}

/// What Envoy's TLS does not take for a client's certificate whatever it is told to accept.
const REFUSED: [&str; 7] = [
    "no digitalSignature",
    "a key usage of a long form",
    "bytes behind the key usage",
    "a fraction of a second",
    "a time without a zone",
    "bytes behind the certificate",
    "the root itself",
];

#[tokio::test]
async fn an_envoy_that_verifies_lets_in_whom_it_takes_and_hopguard_no_more() {
    let (_, world) = World::new();
    let doors = [Door { uri: false, ..Door::to(0) }];
    let scene = Scene::start(&world, vec![setup(&world, "certificate, xfcc", true)], &doors).await;
    let cases = cases(&world);
    let outcomes = show(&scene, 0, &doors[0], &cases).await;
    let wrong: Vec<String> = cases
        .iter()
        .zip(&outcomes)
        .filter(|(case, outcome)| *outcome != "refused" && *outcome != case.expected)
        .map(|(case, outcome)| format!("{}: {}: {outcome}, not {}", case.rows, case.what, case.expected))
        .collect();
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
    // What Envoy takes and Hopguard does not is why it is asked.
    let denied = outcomes.iter().filter(|outcome| outcome.starts_with("peer_")).count();
    assert!(denied > 10, "{outcomes:?}");
}

#[tokio::test]
async fn what_a_client_writes_into_the_header_is_never_who_it_is() {
    let (_, world) = World::new();
    let setups = vec![
        setup(&world, "certificate", false),
        setup(&world, "xfcc", true),
        asserting(&world, "xfcc_uri"),
        asserting(&world, "principal"),
    ];
    let modes = ["SANITIZE", "SANITIZE_SET", "APPEND_FORWARD", "FORWARD_ONLY", "ALWAYS_FORWARD_ONLY"];
    let mut doors = Vec::new();
    for guard in 0..setups.len() {
        for forward in modes {
            doors.extend([false, true].map(|joined| Door { forward, joined, ..Door::to(guard) }));
        }
    }
    let scene = Scene::start(&world, setups, &doors).await;
    let (own, other) = (world.root.svid(FRONTEND), world.root.svid(STRANGER));
    let forged =
        format!("x-forwarded-client-cert: Hash={};Cert=\"{}\";URI={STRANGER}", other.hash(), other.certificate());
    let count = "peer_conflict xfcc.element_count";
    let conflict = "peer_conflict evidence.conflict";
    let missing = "peer_missing evidence.absent";
    // In the order of the modes.
    let expected = [
        ["allow", "allow", count, "allow", "allow"],
        [missing, "allow", count, conflict, conflict],
        [missing, "allow", count, conflict, conflict],
        // Envoy's word for a principal needs no header, but none may contradict it.
        ["allow", "allow", count, conflict, conflict],
    ];
    for (index, door) in doors.iter().enumerate() {
        let mark = format!("x-mark: header-{index}.");
        let reply = scene.send(index, &own, &[&forged, &mark]).await;
        let mode = modes.iter().position(|mode| *mode == door.forward).unwrap();
        let outcome = scene.outcomes(door.guard, std::slice::from_ref(&reply)).await;
        assert_eq!(outcome, [expected[door.guard][mode]], "{door:?}");
        // Who gets in is who holds the connection.
        let heads = scene.workload.heads(&mark);
        let peers: Vec<_> = heads.iter().map(|head| head.values("x-hopguard-peer")).collect();
        assert_eq!(peers, if outcome == ["allow"] { vec![vec![FRONTEND]] } else { vec![] }, "{door:?}");
    }
}

#[tokio::test]
async fn a_chain_in_the_header_proves_a_leaf_below_an_intermediate() {
    let (_, world) = World::new();
    let setups =
        vec![setup(&world, "certificate", true), setup(&world, "xfcc", true), setup(&world, "certificate", false)];
    let doors: Vec<Door> =
        (0..3).flat_map(|guard| [false, true].map(|joined| Door { joined, ..Door::to(guard) })).collect();
    let scene = Scene::start(&world, setups, &doors).await;
    let sub = world.root.sub("sub");
    let below = sub.sub("below");
    for (index, door) in doors.iter().enumerate() {
        // Without a sanitised header there is the leaf alone.
        let expected = if door.guard == 2 { "peer_untrusted x509.no_path" } else { "allow" };
        let shown = [sub.svid(FRONTEND).with(&[&sub]), below.svid(FRONTEND).with(&[&below, &sub])];
        for shown in shown {
            let reply = scene.send(index, &shown, &[]).await;
            assert_eq!(scene.outcomes(door.guard, &[reply]).await, [expected], "{door:?}");
        }
    }
}

#[tokio::test]
async fn a_name_that_looks_like_a_header_is_nobodys() {
    let (_, world) = World::new();
    let setups = vec![
        setup(&world, "certificate", false),
        setup(&world, "certificate", true),
        setup(&world, "xfcc", true),
        asserting(&world, "xfcc_uri"),
        asserting(&world, "principal"),
    ];
    let guards = setups.len();
    let doors: Vec<Door> =
        (0..guards).flat_map(|guard| [false, true].map(|joined| Door { joined, ..Door::to(guard) })).collect();
    let scene = Scene::start(&world, setups, &doors).await;
    let names = [
        format!("{STRANGER};URI={FRONTEND}"),
        format!("{FRONTEND};URI={FRONTEND}"),
        format!("{STRANGER},By=spiffe://prod.example/x;URI={FRONTEND}"),
        format!("{FRONTEND},By=spiffe://prod.example/x;Hash=00;URI={FRONTEND}"),
        format!("{STRANGER}\";URI={FRONTEND};Subject=\""),
    ];
    for name in &names {
        let shown = named(&world, name);
        for (index, door) in doors.iter().enumerate() {
            let reply = scene.send(index, &shown, &["x-mark: injected"]).await;
            let outcome = scene.outcomes(door.guard, &[reply]).await.remove(0);
            assert!(INJECTED[door.guard].contains(&outcome.as_str()), "{name} by {door:?}: {outcome}");
        }
    }
    assert!(scene.workload.heads("injected").is_empty());
}

/// What each Hopguard says to a name with a header in it.
const INJECTED: [&[&str]; 5] = [
    &["peer_invalid id.bad_char"],
    &["peer_invalid id.bad_char"],
    &["peer_conflict xfcc.element_count", "peer_conflict xfcc.syntax", "peer_invalid id.bad_char"],
    &["peer_conflict xfcc.element_count", "peer_conflict xfcc.syntax", "peer_invalid san.multiple_uri"],
    &["peer_invalid id.bad_char"],
];

#[tokio::test]
async fn envoys_word_does_for_listed_trust_domains_and_is_called_so() {
    let (_, world) = World::new();
    let setups = vec![
        asserting(&world, "xfcc_uri"),
        asserting(&world, "principal"),
        asserting(&world, "certificate, principal"),
    ];
    let doors: Vec<Door> =
        (0..3).flat_map(|guard| [false, true].map(|joined| Door { joined, ..Door::to(guard) })).collect();
    let lax = Door { tls: Tls::AcceptUntrusted, ..Door::to(1) };
    let doors = [&doors[..], &[lax]].concat();
    let scene = Scene::start(&world, setups, &doors).await;
    let (own, foreign) = (world.root.svid(FRONTEND), world.root.svid("spiffe://second.example/x"));
    for (index, door) in doors.iter().enumerate() {
        let verified = door.guard == 2;
        let mark = format!("x-mark: asserted-{index}.");
        let reply = scene.send(index, &own, &[&mark]).await.unwrap();
        // The policy permits those alone whose assurance is the weaker one.
        let (status, assurance) = if verified { (403, "verified") } else { (200, "asserted") };
        assert_eq!(reply.status, status, "{door:?}");
        let id = match reply.decision() {
            Some(id) => id,
            None => scene.workload.heads(&mark)[0].values("x-hopguard-decision")[0].clone(),
        };
        let record = record(&scene, door.guard, &id).await;
        assert_eq!(record["peer"]["assurance"], assurance, "{door:?}");
        assert_eq!(record["peer"]["serial"].is_null(), !verified, "{door:?}");
        let reply = scene.send(index, &foreign, &[]).await;
        let expected = if verified { "peer_untrusted x509.no_path" } else { "peer_untrusted td.not_asserted" };
        assert_eq!(scene.outcomes(door.guard, &[reply]).await, [expected], "{door:?}");
    }
}

#[tokio::test]
async fn a_header_in_json_is_refused_unless_it_is_expected() {
    let (_, world) = World::new();
    let setups = vec![
        setup(&world, "xfcc", true),
        setup(&world, "xfcc", true).set("peer.xfcc", "{sanitize_set: true, json: true}"),
        setup(&world, "certificate", true),
    ];
    let doors: Vec<Door> =
        (0..3).flat_map(|guard| [false, true].map(|joined| Door { json: true, joined, ..Door::to(guard) })).collect();
    let scene = Scene::start(&world, setups, &doors).await;
    let sub = world.root.sub("sub");
    let shown = sub.svid(FRONTEND).with(&[&sub]);
    for (index, door) in doors.iter().enumerate() {
        let reply = scene.send(index, &shown, &[]).await;
        let expected = if door.guard == 1 { "allow" } else { "peer_conflict xfcc.json" };
        assert_eq!(scene.outcomes(door.guard, &[reply]).await, [expected], "{door:?}");
    }
}

/// The cases that a TLS client can show.
fn cases(world: &World) -> Vec<Case> {
    let all = leaves::cases(world).into_iter().chain(paths::cases(world));
    all.filter(|case| case.shown.client().is_some()).collect()
}

async fn show(scene: &Scene, index: usize, door: &Door, cases: &[Case]) -> Vec<String> {
    let mut replies: Vec<Option<Reply>> = Vec::new();
    for case in cases {
        replies.push(scene.send(index, &case.shown, &[]).await);
    }
    scene.outcomes(door.guard, &replies).await
}

async fn record(scene: &Scene, guard: usize, id: &str) -> serde_json::Value {
    let find = async || scene.guards[guard].setup().records().into_iter().find(|it| it["decision_id"] == json!(id));
    crate::harness::until("the record", find).await
}

/// A leaf with any text for its one URI.
fn named(world: &World, name: &str) -> Shown {
    world.root.svid_with(FRONTEND, |p| {
        p.subject_alt_names.clear();
        p.custom_extensions.push(extension(SUBJECT_ALT_NAME, &tlv(0x30, &tlv(0x86, name.as_bytes()))));
    })
}
