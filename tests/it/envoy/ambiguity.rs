//! Whatever two readers could take for two requests reaches no workload, whoever of Envoy and Hopguard refuses it.

use http::Request;

use super::{client::Reply, door::Door, run, scene::Scene};

/// Targets that a careless reader takes for something under `/public`, which may be read, or that lead out of it.
const TARGETS: [(&[u8], &str); 47] = [
    (b"/public/../vault", "hop_ambiguous path.dot_segment"),
    (b"/public/./x", "hop_ambiguous path.dot_segment"),
    (b"/public/x/../../vault", "hop_ambiguous path.dot_segment"),
    (b"/public/%3f/../vault", "hop_ambiguous path.dot_segment"),
    (b"/..", "hop_ambiguous path.dot_segment"),
    (b"/public/%2e%2e/vault", "hop_ambiguous path.escape"),
    (b"/public/%2E%2e/vault", "hop_ambiguous path.escape"),
    (b"/public/.%2e/vault", "hop_ambiguous path.escape"),
    (b"/public%2F..%2Fvault", "hop_ambiguous path.escape"),
    (b"/public/..%2fvault", "hop_ambiguous path.escape"),
    (b"/public/%5c..%5cvault", "hop_ambiguous path.escape"),
    (b"/public/%252e%252e/vault", "hop_ambiguous path.escape"),
    (b"/public/%00", "hop_ambiguous path.escape"),
    (b"/public/%0d%0a", "hop_ambiguous path.escape"),
    (b"/public/%41", "hop_ambiguous path.escape"),
    (b"/public/%c3", "hop_ambiguous path.escape_not_utf8"),
    (b"/public/%zz", "hop_ambiguous path.escape_malformed"),
    (b"/public/%", "hop_ambiguous path.escape_malformed"),
    (b"/public\\..\\vault", "hop_ambiguous path.backslash"),
    (b"/public/..\\vault", "hop_ambiguous path.backslash"),
    (b"//vault", "hop_ambiguous path.empty_segment"),
    (b"/public//vault", "hop_ambiguous path.empty_segment"),
    (b"/public/x//", "hop_ambiguous path.empty_segment"),
    (b"/vault;x=y", "hop_ambiguous path.semicolon"),
    (b"/;a=b/vault", "hop_ambiguous path.semicolon"),
    (b"/public/;/../vault", "hop_ambiguous path.semicolon"),
    (b"/public/x;y", "hop_ambiguous path.semicolon"),
    (b"/public/x|y", "hop_ambiguous path.byte"),
    (b"/public/{x}", "hop_ambiguous path.byte"),
    (b"/public/x?a=1;policy=no", "hop_ambiguous query.semicolon"),
    (b"/public/x?policy=%zz", "hop_malformed query.escape"),
    (b"/vault", "grant_missing grant.action"),
    (b"/vault/", "grant_missing grant.action"),
    (b"/vault?/public/x", "grant_missing grant.action"),
    (b"/PUBLIC/x", "grant_missing grant.action"),
    (b"/public/x#/../vault", "envoy 400"),
    (b"/vault#/public/x", "envoy 400"),
    (b"/public/x?y#z", "envoy 400"),
    (b"/public/\xe9", "envoy 400"),
    (b"/public/x y", "envoy 400"),
    (b"/public/\x01", "envoy 400"),
    (b"public/x", "envoy 400"),
    (b"*", "envoy 404"),
    (b"", "envoy 400"),
    (b"http://payments/public/x", "envoy 404"),
    (b"http://other/public/x", "envoy 404"),
    (b"https://payments/public/../vault", "envoy 404"),
];

/// Methods that a careless reader takes for `GET`, or that mean another thing altogether.
const METHODS: [(&[u8], &str); 8] = [
    (b"get /public/x", "envoy 400"),
    (b"Get /public/x", "envoy 400"),
    (b"G.T /public/x", "envoy 400"),
    (b" GET /public/x", "envoy 400"),
    (b"DELETE /public/x", "grant_missing grant.action"),
    (b"TRACE /public/x", "grant_missing grant.action"),
    (b"OPTIONS *", "envoy 404"),
    (b"CONNECT payments:443", "envoy 404"),
];

/// Hosts that are no name, or several, or one that is written in a way that only some compare as the same.
const HOSTS: [(&[u8], &str); 15] = [
    (b"payments.", "hop_ambiguous host.syntax"),
    (b"payments:", "hop_ambiguous host.syntax"),
    (b"payments:0443", "hop_ambiguous host.syntax"),
    (b"payments:99999", "hop_ambiguous host.syntax"),
    (b"user@payments", "hop_ambiguous host.syntax"),
    (b"payments,other", "hop_ambiguous host.syntax"),
    (b"payments;x", "hop_ambiguous host.syntax"),
    (b"payments%2e", "hop_ambiguous host.syntax"),
    (b"..", "hop_ambiguous host.syntax"),
    (b"[::1", "hop_ambiguous host.syntax"),
    (b"", "hop_ambiguous host.syntax"),
    (b"payments\r\nhost: other", "hop_ambiguous host.syntax"),
    (b"payments/x", "envoy 400"),
    (b"pay ments", "envoy 400"),
    (b"payments\xe9", "envoy 400"),
];

/// Header lines of which two readers could take different ones, or end the request in different places.
const HEADERS: [(&[u8], &str); 28] = [
    (b"authorization: Bearer a\r\nauthorization: Bearer b", "hop_ambiguous header.authorization"),
    (b"authorization: Basic a\r\nauthorization: Bearer b", "hop_ambiguous header.authorization"),
    (b"authorization: Bearer a, bearer b", "hop_ambiguous header.authorization"),
    (b"authorization: Bearer \xe9", "hop_ambiguous header.authorization"),
    (b"txn-token: a\r\ntxn-token: b", "hop_ambiguous header.txn_token"),
    (b"txn-token: \xe9", "hop_ambiguous header.txn_token"),
    (b"content-type: a/b\r\ncontent-type: application/grpc", "hop_ambiguous header.content_type"),
    (b"content-type: a/b, c/d", "hop_ambiguous header.content_type"),
    (b"x-hop-purpose: checkout", "purpose_ambiguous purpose.ambiguous"),
    (b"x-hop-purpose: other", "purpose_ambiguous purpose.ambiguous"),
    (b"x-hop-purpose:", "purpose_ambiguous purpose.ambiguous"),
    // Envoy takes away what `connection` names before anybody is asked.
    (b"connection: x-hop-purpose", "purpose_missing purpose.missing"),
    (b"connection: keep-alive, x-hop-purpose", "purpose_missing purpose.missing"),
    (b"connection: upgrade\r\nupgrade: websocket", "envoy 403"),
    (b"content-length: 0\r\ncontent-length: 0", "envoy 400"),
    (b"content-length: 1\r\ncontent-length: 2", "envoy 400"),
    (b"content-length: 0, 0", "envoy 400"),
    (b"content-length: +0", "envoy 400"),
    (b"content-length: 0\r\ntransfer-encoding: chunked", "envoy 400"),
    (b"transfer-encoding: identity", "envoy 501"),
    (b"transfer-encoding: gzip, chunked", "envoy 501"),
    (b"transfer-encoding: chunked\r\ntransfer-encoding: chunked", "envoy 501"),
    (b"x-a : b", "envoy 400"),
    (b"x-a: b\0c", "envoy 400"),
    (b"x-\xe9: a", "envoy 400"),
    (b": a", "envoy 400"),
    (b":path: /vault", "envoy 400"),
    (b"x_hopguard_peer: root", "envoy 400"),
];

/// Purposes that are none, several, or another than it seems.
const PURPOSES: [(&[u8], &str); 9] = [
    (b"checkout,checkout", "purpose_ambiguous purpose.ambiguous"),
    (b"checkout, other", "purpose_ambiguous purpose.ambiguous"),
    (b"checkout!", "hop_ambiguous header.purpose"),
    (b"checkout\xe9", "hop_ambiguous header.purpose"),
    (b"", "purpose_unknown purpose.unknown"),
    (b"Checkout", "purpose_unknown purpose.unknown"),
    (b"check out", "purpose_unknown purpose.unknown"),
    (b"checkout.refund", "purpose_unknown purpose.unknown"),
    (b"checkout\0", "envoy 400"),
];

#[test]
fn a_path_that_leads_two_ways_leads_nowhere() {
    run(refused("target", &TARGETS, |target| bytes(&[b"GET ", target, b" HTTP/1.1"], b"payments", PURPOSE)));
}

#[test]
fn a_method_is_what_it_says_or_nothing() {
    run(refused("method", &METHODS, |line| bytes(&[line, b" HTTP/1.1"], b"payments", PURPOSE)));
}

#[test]
fn an_odd_host_is_nobodys() {
    run(refused("host", &HOSTS, |host| bytes(&[LINE], host, PURPOSE)));
}

#[test]
fn a_header_that_could_be_read_twice_is_not_read_at_all() {
    run(refused("header", &HEADERS, |header| bytes(&[LINE], b"payments", &[PURPOSE, b"\r\n", header].concat())));
}

#[test]
fn a_purpose_is_one_of_the_vocabulary_to_the_letter() {
    run(refused("purpose", &PURPOSES, |name| bytes(&[LINE], b"payments", &[b"x-hop-purpose: ", name].concat())));
}

#[test]
fn an_http2_client_is_read_as_strictly() {
    let rows = [
        ("/public/../vault", "accept: */*", "hop_ambiguous path.dot_segment"),
        ("/public/%2e%2e/vault", "accept: */*", "hop_ambiguous path.escape"),
        ("//vault", "accept: */*", "hop_ambiguous path.empty_segment"),
        ("/vault;/public/x", "accept: */*", "hop_ambiguous path.semicolon"),
        ("/public/x", "authorization: Bearer a, Bearer b", "hop_ambiguous header.authorization"),
        ("/public/x", "x-hop-purpose: checkout", "purpose_ambiguous purpose.ambiguous"),
        // Envoy takes `:authority` and forgets the other one.
        ("/public/x", "host: vault", "envoy 200"),
    ];
    run(async {
        let scene = Scene::shared().await;
        for door in [Door::Inbound, Door::Joined] {
            for (index, (path, header, expected)) in rows.into_iter().enumerate() {
                let mark = format!("http2-{index}-{door:?}");
                let (name, value) = header.split_once(": ").unwrap();
                let request = Request::get(format!("https://payments{path}"))
                    .header("x-hop-purpose", "checkout")
                    .header("x-mark", &mark)
                    .header(name, value);
                let reply = scene.http2(door).await.send(request.body("").unwrap()).await;
                assert_eq!(verdict(&scene, &reply).await, expected, "{path} {header}");
                let hosts: Vec<_> = scene.workload.heads(&mark).iter().flat_map(|head| head.values("host")).collect();
                assert_eq!(hosts, if reply.status == 200 { vec!["payments"] } else { vec![] }, "{path} {header}");
            }
        }
    });
}

#[test]
fn what_gets_through_is_what_was_judged_in_both_header_modes() {
    run(async {
        let scene = Scene::shared().await;
        // The header lines sent, one that the workload must not see, and whatever Envoy makes of the request line.
        let rows: [(&[u8], &[u8], &str); 9] = [
            (LINE, b"x-a: \xe9!", ""),
            (LINE, b"authorization: Bearer a\r\nconnection: authorization", "authorization"),
            (LINE, b"connection: x-hopguard-peer, x-hopguard-decision", ""),
            (LINE, b"connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAA", "upgrade"),
            (LINE, b"upgrade: websocket", "upgrade"),
            (LINE, b"x-forwarded-client-cert: URI=spiffe://dev.hopguard.example/root", "x-forwarded-client-cert"),
            (LINE, b"x-envoy-original-path: /vault", "x-envoy-original-path"),
            (b"GET\t/public/x  HTTP/1.1", b"x-a: b", ""),
            (b"GET /public/x HTTP/1.1", b"x-a: b\r\n folded", ""),
        ];
        for (index, (line, header, gone)) in rows.into_iter().enumerate() {
            for door in [Door::Inbound, Door::Joined] {
                let mark = format!("through-{index}-{door:?}");
                let request = bytes(&[line], b"payments", &[PURPOSE, b"\r\n", header].concat());
                let reply = scene.send(door, marked(&request, &mark)).await;
                let sent = header.escape_ascii();
                assert_eq!((reply.status, reply.body.as_str()), (200, "served"), "{door:?} {sent}");
                let heads = scene.workload.heads(&mark);
                let [head] = &heads[..] else { panic!("{sent}: {heads:?}") };
                assert_eq!(head.line(), "GET /public/x HTTP/1.1", "{sent}");
                assert!(head.values(gone).is_empty(), "{sent}: {head:?}");
                assert_eq!(head.values("x-hopguard-peer"), ["spiffe://dev.hopguard.example/orders"], "{sent}");
                assert_eq!(head.values("x-hopguard-decision").len(), 1, "{sent}");
            }
        }
    });
}

/// Holds what becomes of each row against the verdict beside it, in both of Envoy's header modes.
async fn refused(group: &str, rows: &[(&[u8], &str)], request: impl Fn(&[u8]) -> Vec<u8>) {
    let scene = Scene::shared().await;
    let mut wrong = Vec::new();
    for door in [Door::Inbound, Door::Joined] {
        for (index, (odd, expected)) in rows.iter().enumerate() {
            let mark = format!("{group}-{index}-{door:?}");
            let reply = scene.send(door, marked(&request(odd), &mark)).await;
            let (verdict, hits) = (verdict(&scene, &reply).await, scene.workload.heads(&mark).len());
            if verdict != *expected || hits != 0 {
                wrong.push(format!("{door:?} `{}`: {verdict}, not {expected}, {hits} hits", odd.escape_ascii()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(scene.workload.heads("vault").is_empty());
}

/// The reason and detail of a decision, or what Envoy says by itself.
async fn verdict(scene: &Scene, reply: &Reply) -> String {
    let Some(decision) = reply.decision() else { return format!("envoy {}", reply.status) };
    let record = scene.record(&decision).await;
    let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
    format!("{} {}", text("reason"), text("detail"))
}

fn bytes(line: &[&[u8]], host: &[u8], headers: &[u8]) -> Vec<u8> {
    [&line.concat(), b"\r\nhost: ".as_slice(), host, b"\r\n", headers, b"\r\n\r\n"].concat()
}

/// The same request with a header to find it by, in the first place.
fn marked(request: &[u8], mark: &str) -> Vec<u8> {
    let end = request.windows(2).position(|window| window == b"\r\n").unwrap();
    let (line, rest) = request.split_at(end);
    [line, b"\r\nx-mark: ", mark.as_bytes(), rest].concat()
}

const LINE: &[u8] = b"GET /public/x HTTP/1.1";
const PURPOSE: &[u8] = b"x-hop-purpose: checkout";
