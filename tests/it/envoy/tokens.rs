//! The table of tokens, sent by a client through a real Envoy: what Envoy makes of a header changes no answer.

use http::{HeaderValue, Request};
use serde_json::json;

use super::{
    door::Door,
    run,
    scene::{Scene, Setting},
};
use crate::{
    harness::{ALONE, FOR_ALICE, until},
    tokens::rows::{self, Row, Way},
};

#[test]
fn every_row_that_a_client_can_send_comes_to_the_same_through_envoy() {
    run(async {
        let scene = Scene::start(Setting { tokens: true, ..Setting::default() }).await;
        let rows: Vec<Row> = rows::all(&scene.world()).into_iter().filter(|row| row.way == Way::Any).collect();
        assert!(rows.len() > 350);
        let mut denied = Vec::new();
        let mut multiplexed = scene.http2(Door::Inbound).await;
        for (door, protocol) in [(Door::Inbound, 1), (Door::Joined, 1), (Door::Inbound, 2)] {
            // One connection for all, as long as Envoy keeps it: a row that spoiled it would be seen in the next.
            let mut wire = scene.wire(door).await;
            for (index, row) in rows.iter().enumerate() {
                let mark = format!("{door:?}-{protocol}-row-{index}.");
                let reply = match protocol {
                    1 => wire.send(bytes(row, &mark)).await,
                    _ => multiplexed.send(request(row, &mark)).await,
                };
                if reply.headers.get("connection").is_some_and(|value| value == "close") {
                    wire = scene.wire(door).await;
                }
                let what = format!("{} ({:?}) {door:?} {protocol}", row.name, row.numbers);
                let arrived = scene.workload.heads(&mark).len();
                match row.expected {
                    Ok(()) => assert_eq!((reply.status, arrived), (200, 1), "{what}"),
                    Err(expected) => {
                        assert_eq!(arrived, 0, "{what}");
                        let decision = reply.decision().unwrap_or_else(|| panic!("{what}: {reply:?}"));
                        denied.push((row, decision, expected));
                    }
                }
            }
        }
        let (_, last, _) = denied.last().unwrap();
        scene.record(last).await;
        let log = std::fs::read_to_string(scene.path("audit.jsonl")).unwrap();
        for (row, decision, (reason, detail)) in denied {
            let record = log.lines().find(|line| line.contains(&decision)).expect("a record");
            let record: serde_json::Value = serde_json::from_str(record).unwrap();
            let told = (&record["reason"], &record["detail"], &record["answered"]);
            assert_eq!(told, (&json!(reason), &json!(detail), &json!("deny")), "{} ({:?})", row.name, row.numbers);
        }
    });
}

#[test]
fn a_token_that_verified_reaches_the_workload_as_it_was_sent() {
    run(async {
        let scene = Scene::start(Setting { tokens: true, ..Setting::default() }).await;
        let (world, caller) = (scene.world(), scene.world().caller);
        let (svid, txn) = (world.svid(json!({})), world.txn(json!({})));
        for door in [Door::Inbound, Door::Joined] {
            let mark = format!("whole-{door:?}.");
            let headers = format!("authorization: Bearer {svid}\r\ntxn-token: {txn}\r\nx-mark: {mark}\r\n");
            let request = format!("GET {FOR_ALICE} HTTP/1.1\r\nhost: payments\r\n{headers}\r\n");
            assert_eq!(scene.send(door, request).await.status, 200);
            let heads = scene.workload.heads(&mark);
            let [head] = &heads[..] else { panic!("{heads:?}") };
            assert_eq!(head.values("authorization"), [format!("Bearer {svid}")]);
            assert_eq!(head.values("txn-token"), [txn.as_str()]);
            assert_eq!(head.values("x-hopguard-actor"), [caller.as_str()]);
            assert_eq!(head.values("x-hopguard-purpose"), ["checkout"]);
        }
    });
}

#[test]
fn a_token_that_ends_ends_the_access_of_its_open_connection() {
    run(async {
        let scene = Scene::start(Setting { tokens: true, ..Setting::default() }).await;
        let request = |token: &str| {
            format!(
                "GET {ALONE} HTTP/1.1\r\nhost: payments\r\nx-hop-purpose: checkout\r\nauthorization: Bearer {token}\r\n\r\n"
            )
        };
        let wire = tokio::sync::Mutex::new(scene.wire(Door::Inbound).await);
        let token = until("a call before the token was over", async || {
            let now = hopguard::clock::Clock::default().now().seconds();
            let token = scene.world().svid(json!({"exp": now + 2, "iat": now}));
            (wire.lock().await.send(request(&token)).await.status == 200).then_some(token)
        })
        .await;
        let reply = until("the end of the token", async || {
            let reply = wire.lock().await.send(request(&token)).await;
            (reply.status != 200).then_some(reply)
        })
        .await;
        let record = scene.record(&reply.decision().unwrap()).await;
        assert_eq!((&record["reason"], reply.status), (&json!("token_expired"), 401));
    });
}

/// A row as a client sends it, with a mark that the workload would see.
fn bytes(row: &Row, mark: &str) -> Vec<u8> {
    let mut head = format!("GET {} HTTP/1.1\r\nhost: payments\r\nx-mark: {mark}\r\n", row.path);
    if let Some(purpose) = row.purpose {
        head.push_str(&format!("x-hop-purpose: {purpose}\r\n"));
    }
    for (name, value) in &row.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// A row as an HTTP/2 client sends it.
fn request(row: &Row, mark: &str) -> Request<&'static str> {
    let mut request = Request::get(format!("https://payments{}", row.path)).header("x-mark", mark);
    if let Some(purpose) = row.purpose {
        request = request.header("x-hop-purpose", purpose);
    }
    for (name, value) in &row.headers {
        request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request.body("").unwrap()
}
