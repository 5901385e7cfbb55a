//! Websockets and gRPC through Envoy: one switches only where a grant says so, the other is refused in its own words.

use hopguard::dev::TRUST_DOMAIN;
use http::Request;

use super::{
    client::Http2,
    door::Door,
    leaf::DAY,
    run,
    scene::{Scene, request},
};

/// What a client sends to become a websocket.
pub(super) const UPGRADE: [&str; 4] = [
    "connection: upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
];

#[test]
fn a_connection_becomes_a_websocket_where_a_grant_says_so() {
    run(async {
        let scene = Scene::shared().await;
        let mut wire = scene.wire(Door::Websockets).await;
        let reply = wire.send(request("GET /feed", &[&UPGRADE[..], &["x-mark: feed"]].concat())).await;
        assert_eq!(reply.status, 101, "{reply:?}");
        assert_eq!(wire.echo(b"beyond HTTP").await, b"beyond HTTP");
        let heads = scene.workload.heads("feed");
        let [head] = &heads[..] else { panic!("{heads:?}") };
        assert_eq!(head.values("x-hopguard-grant"), ["feeds"]);
    });
}

#[test]
fn no_other_grant_lets_a_connection_switch() {
    run(async {
        let scene = Scene::shared().await;
        for (index, line) in ["GET /public/x", "GET /vault"].into_iter().enumerate() {
            let mark = format!("x-mark: switch-{index}");
            let reply = scene.send(Door::Websockets, request(line, &[&UPGRADE[..], &[&mark]].concat())).await;
            let record = scene.record(&reply.decision().expect("a denial")).await;
            assert_eq!((reply.status, &record["reason"]), (403, &"grant_missing".into()));
            assert!(scene.workload.heads(&mark).is_empty(), "{line}");
        }
    });
}

#[test]
fn a_grant_to_switch_is_no_grant_to_read() {
    run(async {
        let scene = Scene::shared().await;
        let reply = scene.send(Door::Websockets, request("GET /feed", &[])).await;
        let record = scene.record(&reply.decision().expect("a denial")).await;
        assert_eq!(record["reason"], "grant_missing");
    });
}

#[test]
fn the_rendered_envoy_lets_nothing_switch() {
    run(async {
        let scene = Scene::shared().await;
        let mark = "x-mark: not-rendered";
        let reply = scene.send(Door::Inbound, request("GET /feed", &[&UPGRADE[..], &[mark]].concat())).await;
        assert_eq!((reply.status, reply.decision()), (403, None));
        assert!(scene.workload.heads(mark).is_empty());
    });
}

#[test]
fn a_grpc_client_is_refused_in_its_own_words() {
    run(async {
        let scene = Scene::shared().await;
        let orders = format!("spiffe://{TRUST_DOMAIN}/orders");
        let long = scene.authorities.svid_until(&orders, scene.now.after(2 * DAY));
        let rows = [
            (scene.orders(), "/pay.v1.Pay/Refund", "grant_missing", "7"),
            (&long, "/pay.v1.Pay/Charge", "peer_lifetime", "16"),
            (scene.orders(), "/pay.v1.Pay/Charge?policy=broken&by=0", "policy_error", "14"),
        ];
        for (leaf, path, reason, code) in rows {
            let mark = format!("grpc-{reason}");
            let reply = Http2::open(scene.address(Door::Inbound), leaf).await.send(grpc(path, &mark)).await;
            assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{reason}");
            assert_eq!(reply.headers["content-type"], "application/grpc");
            assert_eq!(reply.headers["grpc-status"], code, "{reason}");
            let body: serde_json::Value =
                serde_json::from_str(&unescaped(reply.headers["grpc-message"].to_str().unwrap())).unwrap();
            assert_eq!(body["error"], "hop_denied");
            let decision = body["decision"].as_str().unwrap();
            assert_eq!(scene.logged(decision).await["reason"], reason);
            assert_eq!(scene.record(decision).await["reason"], reason);
            assert!(scene.workload.heads(&mark).is_empty(), "{reason}");
        }
    });
}

#[test]
fn a_grpc_call_gets_through_under_a_grant_for_its_method() {
    run(async {
        let scene = Scene::shared().await;
        let reply = scene.http2(Door::Inbound).await.send(grpc("/pay.v1.Pay/Charge", "grpc-allowed")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let heads = scene.workload.heads("grpc-allowed");
        let [head] = &heads[..] else { panic!("{heads:?}") };
        assert_eq!(head.line(), "POST /pay.v1.Pay/Charge HTTP/1.1");
        assert_eq!(head.values("x-hopguard-grant"), ["calls"]);
    });
}

/// A call with one empty message.
pub(super) fn grpc(path: &str, mark: &str) -> Request<&'static str> {
    Request::post(format!("https://payments{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("x-hop-purpose", "checkout")
        .header("x-mark", mark)
        .body("\0\0\0\0\0")
        .unwrap()
}

/// `grpc-message` as gRPC writes it: percent escapes for what is no plain ASCII.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (escape, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(escape, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}
