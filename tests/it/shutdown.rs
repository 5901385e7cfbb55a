//! A Hopguard begins and ends in order: who is in the way, who may ask, and what becomes of Checks under way.

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::{UnixListener, UnixStream},
    },
    process::Command,
};

use rustix::process::{Signal, getegid, geteuid};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use crate::harness::{Answer, CHECK, Guard, Setup, framed, until};

#[tokio::test]
async fn a_check_under_way_is_answered_before_the_end() {
    let guard = Guard::start().await;
    let good = framed(&guard.hop().request());
    let mut held = guard.wire().await.begin(&[]).await;
    held.piece(good.slice(..10));
    until("one in flight", async || (guard.metric("hopguard_in_flight").await == 1).then_some(())).await;

    guard.signal(Signal::TERM);
    until("draining", async || (!guard.is_ready().await).then_some(())).await;
    assert_eq!(guard.state().await["draining"], true);
    assert_eq!(guard.get("/livez").await.0, 200);
    until("the end of listening", async || (!guard.setup().socket().exists()).then_some(())).await;
    assert!(UnixStream::connect(guard.setup().socket()).is_err());

    held.last(good.slice(10..));
    let answer = held.answer().await.allowed();
    let ended = guard.end().await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.setup.records()[0]["decision_id"], answer.id());
}

#[tokio::test]
async fn sigterm_under_load_loses_nothing_that_was_answered() {
    for signal in [Signal::TERM, Signal::INT] {
        let guard = Guard::start().await;
        let load: Vec<_> = (0..4)
            .map(|_| {
                let (check, mut client) = (guard.hop().request(), guard.client());
                tokio::spawn(async move {
                    let mut answered = BTreeSet::new();
                    while let Ok(response) = client.check(check.clone()).await {
                        answered.insert(Answer(response.into_inner()).allowed().id());
                    }
                    answered
                })
            })
            .collect();
        until("some answers", async || (guard.counted("none").await > 200).then_some(())).await;
        guard.signal(signal);
        let ended = guard.end().await;
        assert_eq!(ended.code, Some(0), "{}", ended.setup.said());
        let recorded: BTreeSet<String> =
            ended.setup.records().iter().map(|record| record["decision_id"].as_str().unwrap().to_owned()).collect();
        for answered in load {
            let answered = answered.await.unwrap();
            assert!(!answered.is_empty() && answered.is_subset(&recorded));
        }
        assert!(ended.setup.said().contains("Ended"));
        assert!(!ended.setup.socket().exists());
    }
}

#[tokio::test]
async fn a_connection_that_does_not_end_is_cut() {
    let guard = Setup::new().set("limits.drain", "100ms").set("limits.deadline", "60s").start().await;
    let mut held = guard.wire().await.begin(&[]).await;
    held.piece(framed(&guard.hop().request()).slice(..10));
    until("one in flight", async || (guard.metric("hopguard_in_flight").await == 1).then_some(())).await;
    let ended = guard.stop().await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.setup.said().contains("did not end in time"), "{}", ended.setup.said());
}

#[tokio::test]
async fn it_ends_as_well_before_it_was_ready() {
    let setup = Setup::new();
    setup.remove("policy/authz.rego");
    let guard = setup.launch().await;
    guard.hop().send().await.denied("not_ready");
    let ended = guard.stop().await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.setup.records()[0]["reason"], "not_ready");
}

#[tokio::test]
async fn a_socket_that_a_crash_left_behind_is_taken_over() {
    let guard = Guard::start().await;
    let ended = guard.kill().await;
    assert_eq!(ended.code, None);
    assert!(ended.setup.socket().exists());
    let guard = ended.setup.start().await;
    guard.hop().send().await.allowed();
    assert_eq!(fs::metadata(guard.setup().socket()).unwrap().permissions().mode() & 0o777, 0o660);
}

#[tokio::test]
async fn nothing_but_an_abandoned_socket_is_taken_out_of_the_way() {
    for (complaint, put) in [
        (
            "something that is not a socket is in the way",
            (|setup| {
                fs::write(setup.socket(), "precious").unwrap();
                None
            }) as fn(&Setup) -> Option<UnixListener>,
        ),
        ("something that is not a socket is in the way", |setup| {
            fs::create_dir(setup.socket()).unwrap();
            None
        }),
        ("something that is not a socket is in the way", |setup| {
            symlink("nowhere", setup.socket()).unwrap();
            None
        }),
        ("another process listens there", |setup| Some(UnixListener::bind(setup.socket()).unwrap())),
        ("anybody can replace a socket in this directory", |setup| {
            let folder = setup.path("");
            fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
            None
        }),
    ] {
        let setup = Setup::new();
        let _listener = put(&setup);
        let before = fs::symlink_metadata(setup.socket()).ok().map(|it| it.file_type());
        let ended = setup.refused().await;
        assert_eq!(ended.code, Some(1));
        let said = ended.setup.said();
        assert!(said.contains(complaint) && said.contains("check.sock"), "{said}");
        assert_eq!(fs::symlink_metadata(ended.setup.socket()).ok().map(|it| it.file_type()), before);
    }
}

#[tokio::test]
async fn a_second_hopguard_takes_nothing_from_the_first() {
    let guard = Guard::start().await;
    let listen = format!("[{{address: \"unix:{}\"}}]", guard.setup().socket().display());
    let ended = Setup::new().set("listen", &listen).refused().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.setup.said().contains("another process listens there"), "{}", ended.setup.said());
    // A connection of its own finds the first one, which the second has not taken the socket from.
    guard.wire().await.check(framed(&guard.hop().request())).await.allowed();
}

#[tokio::test]
async fn who_may_not_ask_is_not_heard_and_is_counted() {
    let setup = Setup::new();
    let nobody = geteuid().as_raw() + 1;
    let listen = format!("[{{address: \"unix:{}\", allow: {{uids: [{nobody}]}}}}]", setup.socket().display());
    let guard = setup.set("listen", &listen).start().await;
    guard.hop().try_send().await.expect_err("nobody may ask");
    assert!(guard.metric("hopguard_askers_refused_total").await > 0);
    assert_eq!(guard.counted("none").await, 0);
    assert_eq!(guard.stop().await.setup.records().len(), 0);
}

#[tokio::test]
async fn who_is_named_by_user_or_group_may_ask() {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    for allow in [format!("{{uids: [4711, {uid}]}}"), format!("{{gids: [{gid}]}}")] {
        let setup = Setup::new();
        let listen = format!("[{{address: \"unix:{}\", allow: {allow}}}]", setup.socket().display());
        let guard = setup.set("listen", &listen).start().await;
        guard.hop().send().await.allowed();
    }
}

#[tokio::test]
async fn what_does_not_load_is_told_by_the_exit_code_and_on_standard_error() {
    let ended = Setup::new().set("limits.deadlnie", "1s").refused().await;
    assert_eq!(ended.code, Some(3));
    let said = ended.setup.said();
    assert!(said.contains("hopguard.yaml:") && said.contains("did you mean `deadline`?"), "{said}");

    let usage = Command::new(env!("CARGO_BIN_EXE_hopguard")).args(["serve", "--conifg", "x"]).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
}

#[tokio::test]
async fn the_admin_plane_knows_its_paths_and_no_other() {
    let guard = Guard::start().await;
    for (path, status) in [
        ("/livez", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/", 404),
        ("/ready", 404),
        ("/healthz", 404),
        (CHECK, 404),
    ] {
        // A probe of a path that is not there must fail.
        assert_eq!(guard.get(path).await.0, status, "{path}");
    }
}

#[tokio::test]
async fn whoever_crowds_the_admin_plane_keeps_nobody_out() {
    let guard = Guard::start().await;
    let mut crowd = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(guard.admin()).await.unwrap();
        stream.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
        crowd.push(stream);
    }
    assert!(guard.is_ready().await);
    guard.hop().send().await.allowed();
    // Most have been sent away: they took nothing for long.
    until("the end of most of the crowd", || {
        let is_open = |stream: &&TcpStream| {
            matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
        };
        std::future::ready((crowd.iter().filter(is_open).count() < 100).then_some(()))
    })
    .await;
}

#[tokio::test]
async fn the_health_service_tells_what_readiness_tells() {
    let setup = Setup::new();
    setup.remove("policy/authz.rego");
    let guard = setup.launch().await;
    let admin = tonic::transport::Endpoint::new(format!("http://{}", guard.admin())).unwrap();
    let health = HealthClient::new(admin.connect().await.unwrap());
    let serving = async |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        health.clone().check(request).await.unwrap().into_inner().status() == ServingStatus::Serving
    };
    for service in ["", "envoy.service.auth.v3.Authorization"] {
        until("not serving", async || (!serving(service).await).then_some(())).await;
    }
    guard.setup().policy("decision := true");
    for service in ["", "envoy.service.auth.v3.Authorization"] {
        until("serving", async || serving(service).await.then_some(())).await;
    }
}
