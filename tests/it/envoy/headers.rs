//! What an allow tells the workload: what was decided, and nothing that the client made up.

use std::collections::BTreeSet;

use hopguard::dev::TRUST_DOMAIN;
use http::Request;

use super::{
    door::Door,
    recorder::Head,
    run,
    scene::{Scene, request},
};

/// What a client could hope to be taken at its word for.
const SPOOFED: [&str; 16] = [
    "x-hopguard-peer: spiffe://dev.hopguard.example/root",
    "x-hopguard-peer: spiffe://dev.hopguard.example/admin",
    "X-Hopguard-Actor: root",
    "x-hopguard-decision: mine",
    "x-hopguard-purpose: everything",
    "x-hopguard-grant: all",
    "x-hopguard-grant: all-of-them",
    "X-Hopguard-Admin: true",
    "x-hopguard-admin: yes",
    "x-hopguard-: empty",
    "x-http-method-override: DELETE",
    "x-method-override: DELETE",
    "x-original-url: /vault",
    "X-Rewrite-URL: /vault",
    "x-rewrite-url: /vault",
    "x-envoy-original-path: /vault",
];

#[test]
fn an_allow_carries_what_was_decided_and_nothing_that_the_client_said() {
    run(async {
        let scene = Scene::shared().await;
        for door in [Door::Inbound, Door::Joined] {
            let mark = format!("allow-{door:?}");
            let mut headers = SPOOFED.to_vec();
            let marked = format!("x-mark: {mark}");
            headers.push(&marked);
            let reply = scene.send(door, request("GET /public/a?b=c", &headers)).await;
            assert_eq!((reply.status, reply.body.as_str()), (200, "served"), "{door:?}");
            decided_and_nothing_else(&scene, &mark).await;
        }
    });
}

#[test]
fn an_http2_client_makes_up_no_more_than_another() {
    run(async {
        let scene = Scene::shared().await;
        for door in [Door::Inbound, Door::Joined] {
            let mark = format!("allow-http2-{door:?}");
            let mut request = Request::get("https://payments/public/a?b=c")
                .header("x-hop-purpose", "checkout")
                .header("x-mark", &mark);
            for (name, value) in SPOOFED.iter().filter_map(|header| header.split_once(": ")) {
                request = request.header(name, value);
            }
            let reply = scene.http2(door).await.send(request.body("").unwrap()).await;
            assert_eq!((reply.status, reply.body.as_str()), (200, "served"), "{door:?}");
            decided_and_nothing_else(&scene, &mark).await;
        }
    });
}

#[test]
fn an_underscore_is_a_hyphen_to_some_servers_and_gets_no_further() {
    run(async {
        let scene = Scene::shared().await;
        let headers =
            ["x_hopguard_peer: root", "X_Hopguard_Peer: admin", "x-hopguard_admin: yes", "x_hopguard-grant: all"];
        for header in headers {
            let reply = scene.send(Door::Inbound, request("GET /public/a", &[header])).await;
            assert_eq!(reply.status, 400, "{header}");
        }
        let lines: Vec<&str> = headers.into_iter().chain(["x-mark: underscores"]).collect();
        let reply = scene.send(Door::Underscores, request("GET /public/a?b=c", &lines)).await;
        assert_eq!(reply.status, 200);
        decided_and_nothing_else(&scene, "underscores").await;
    });
}

#[test]
fn other_headers_reach_the_workload_as_they_were() {
    run(async {
        let scene = Scene::shared().await;
        let headers = ["x-mark: kept", "authorization: Basic YTpi", "x-tag: a", "x-tag: b", "cookie: a=b"];
        scene.send(Door::Inbound, request("GET /public/a", &headers)).await;
        let head = only(&scene, "kept");
        assert_eq!(head.values("authorization"), ["Basic YTpi"]);
        assert_eq!(head.values("x-tag"), ["a", "b"]);
        assert_eq!(head.values("cookie"), ["a=b"]);
        assert_eq!(head.values("x-hop-purpose"), ["checkout"]);
        assert!(head.values("x-forwarded-client-cert").is_empty());
    });
}

/// Holds the one request with `mark` against the allow that let it through.
async fn decided_and_nothing_else(scene: &Scene, mark: &str) {
    let head = only(scene, mark);
    assert_eq!(head.line(), "GET /public/a?b=c HTTP/1.1");
    let [decision] = &head.values("x-hopguard-decision")[..] else { panic!("{head:?}") };
    let orders = format!("spiffe://{TRUST_DOMAIN}/orders");
    assert_eq!(head.values("x-hopguard-peer"), [orders.as_str()]);
    assert_eq!(head.values("x-hopguard-actor"), [orders.as_str()]);
    assert_eq!(head.values("x-hopguard-purpose"), ["checkout"]);
    assert_eq!(head.values("x-hopguard-grant"), ["reads"]);
    let ours = ["actor", "decision", "grant", "peer", "purpose"].map(|name| format!("x-hopguard-{name}"));
    let names: BTreeSet<String> = head.headers().into_iter().map(|(name, _)| name).collect();
    let seen: Vec<&String> = names.iter().filter(|name| name.replace('_', "-").starts_with("x-hopguard")).collect();
    assert_eq!(seen, ours.iter().collect::<Vec<_>>());
    for name in ["x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url"] {
        assert!(!names.contains(name), "{name}");
    }
    // The proxy may set it itself; a client's is gone.
    assert_ne!(head.values("x-envoy-original-path"), ["/vault"]);

    let logged = scene.logged(decision).await;
    assert_eq!((&logged["allowed"], &logged["reason"]), (&true.into(), &serde_json::Value::Null));
    let record = scene.record(decision).await;
    assert_eq!((&record["answered"], &record["reason"]), (&"allow".into(), &serde_json::Value::Null));
    assert_eq!((&record["peer"]["spiffe_id"], &record["grant"]["name"]), (&orders.into(), &"reads".into()));
}

fn only(scene: &Scene, mark: &str) -> Head {
    let heads = scene.workload.heads(mark);
    assert_eq!(heads.len(), 1, "{mark}");
    heads.into_iter().next().unwrap()
}
