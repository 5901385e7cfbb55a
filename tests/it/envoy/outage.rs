//! Nothing reaches the workload while Hopguard is gone, stands still, has too much to do or cannot be asked; afterwards all is as before.

use std::{path::Path, time::Duration};

use h2::{SendStream, client};
use http::Request;
use tokio::net::UnixStream;

use super::{
    client::Reply,
    denials::Asked,
    door::Door,
    run,
    scene::{Scene, Setting, request},
};
use crate::harness::until;

/// Nobody waits longer than production does.
fn brief() -> Setting {
    Setting { limits: "{deadline: 10s}", patience: Duration::from_millis(250), ..Setting::default() }
}

#[test]
fn a_killed_hopguard_is_a_closed_door_until_it_is_back() {
    run(async {
        let mut scene = Scene::start(brief()).await;
        assert_eq!(ask(&scene, Door::Inbound).await.status, 200);
        scene.kill().await;
        nothing_gets_in(&scene).await;
        opened(&scene).await;
        scene.revive().await;
        served_again(&scene).await;
    });
}

#[test]
fn a_hopguard_that_stands_still_is_a_closed_door_until_it_goes_on() {
    run(async {
        let scene = Scene::start(brief()).await;
        assert_eq!(ask(&scene, Door::Inbound).await.status, 200);
        scene.freeze().await;
        nothing_gets_in(&scene).await;
        opened(&scene).await;
        scene.thaw();
        served_again(&scene).await;
    });
}

#[test]
fn an_overloaded_hopguard_denies_even_where_envoy_would_open() {
    run(async {
        let setting = Setting { limits: "{in_flight: 1, deadline: 60s}", ..Setting::default() };
        let scene = Scene::start(setting).await;
        let under_way = begin(&scene.path("check.sock")).await;
        until("the one Check under way", async || {
            let (_, metrics) = hopguard::dev::ask::get(scene.sidecar().admin(), "/metrics").await.unwrap();
            String::from_utf8_lossy(&metrics).contains("hopguard_in_flight 1").then_some(())
        })
        .await;
        for door in [Door::Inbound, Door::Open] {
            let asked = Asked::of(&scene, "overloaded").await;
            let reply = ask(&scene, door).await;
            asked.denied(&scene, &reply).await;
        }
        assert_eq!(scene.workload.hits(), 0);
        drop(under_way);
        served_again(&scene).await;
    });
}

#[test]
fn a_hopguard_whose_name_envoy_cannot_write_lets_nobody_in() {
    run(async {
        let scene = Scene::shared().await;
        for mark in ["x-mark: unnamed-1", "x-mark: unnamed-2"] {
            let reply = scene.send(Door::Unnamed, request("GET /public/x", &[mark])).await;
            assert_eq!((reply.status, reply.decision()), (503, None));
            assert!(scene.workload.heads(mark).is_empty());
        }
        let stats = scene.stats(Door::Unnamed).await;
        assert!(stats.contains("ext_authz.ok: 0"), "{stats}");
    });
}

/// Asks again and again, over connections old and new, for things allowed and not.
async fn nothing_gets_in(scene: &Scene) {
    let hits = scene.workload.hits();
    let mut kept = scene.wire(Door::Inbound).await;
    for line in ["GET /public/x", "POST /public/y", "GET /vault", "GET /public/../vault"] {
        for reply in [kept.send(request(line, &[])).await, scene.send(Door::Inbound, request(line, &[])).await] {
            assert_eq!((reply.status, reply.body.as_str()), (503, ""), "{line}");
        }
    }
    let request = Request::get("https://payments/public/x").header("x-hop-purpose", "checkout").body("").unwrap();
    assert_eq!(scene.http2(Door::Inbound).await.send(request).await.status, 503);
    assert_eq!(scene.workload.hits(), hits);
}

/// Says what `failure_mode_allow: true` means, and why nobody should set it: without an answer everything gets in, and whatever a client
/// wrote under our names with it.
async fn opened(scene: &Scene) {
    let headers = ["x-mark: opened", "x-hopguard-peer: root"];
    assert_eq!(scene.send(Door::Open, request("GET /vault", &headers)).await.status, 200);
    let heads = scene.workload.heads("opened");
    assert_eq!(heads[0].values("x-envoy-auth-failure-mode-allowed"), ["true"]);
    assert_eq!(heads[0].values("x-hopguard-peer"), ["root"]);
}

async fn served_again(scene: &Scene) {
    until("an answer as before", async || (ask(scene, Door::Inbound).await.status == 200).then_some(())).await;
    let denied = scene.send(Door::Inbound, request("GET /vault", &[])).await;
    assert_eq!(scene.record(&denied.decision().expect("a denial")).await["reason"], "grant_missing");
}

async fn ask(scene: &Scene, door: Door) -> Reply {
    scene.send(door, request("GET /public/x", &[])).await
}

/// Begins a Check and does not end it.
async fn begin(socket: &Path) -> SendStream<bytes::Bytes> {
    let (sender, connection) = client::handshake(UnixStream::connect(socket).await.unwrap()).await.unwrap();
    // It lives as long as its stream.
    tokio::spawn(async { drop(connection.await) });
    let request = Request::post("http://hopguard/envoy.service.auth.v3.Authorization/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let (_, stream) = sender.ready().await.unwrap().send_request(request.body(()).unwrap(), false).unwrap();
    stream
}
