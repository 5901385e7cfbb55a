//! Whatever comes over the wire, `Check` answers: HTTP 200, gRPC status 0 and a denial with its reason, never an error that Envoy could let
//! through.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hopguard::pb::CheckRequest;
use http::StatusCode;
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use crate::harness::{Answer, Guard, Setup, framed, until};

#[tokio::test]
async fn a_body_that_is_not_one_whole_message_is_malformed() {
    let guard = Guard::start().await;
    let wire = guard.wire().await;
    let good = framed(&guard.hop().request());
    let edited = |edit: fn(&mut Vec<u8>)| {
        let mut bytes = good.to_vec();
        edit(&mut bytes);
        bytes
    };
    for (what, body, detail) in [
        ("nothing", vec![], "grpc.frame"),
        ("half a prefix", edited(|bytes| bytes.truncate(3)), "grpc.frame"),
        ("a prefix alone", edited(|bytes| bytes.truncate(5)), "grpc.length"),
        ("a message that is cut", edited(|bytes| bytes.truncate(bytes.len() - 1)), "grpc.length"),
        ("one byte too many", edited(|bytes| bytes.push(0)), "grpc.length"),
        ("two messages", [good.clone(), good.clone()].concat(), "grpc.length"),
        ("a message and an empty one", [&good[..], &[0; 5]].concat(), "grpc.length"),
        ("a length beyond the end", edited(|bytes| bytes[1] = 0xff), "grpc.length"),
        ("a length of nothing", edited(|bytes| bytes[1..5].fill(0)), "grpc.length"),
        ("a compressed message", edited(|bytes| bytes[0] = 1), "grpc.compressed"),
        ("an odd flag", edited(|bytes| bytes[0] = 0xff), "grpc.compressed"),
    ] {
        let answer = wire.check(body).await.denied("hop_malformed");
        assert_eq!(detail_of(&guard, &answer).await, detail, "{what}");
    }
    wire.check(good).await.allowed();
}

#[tokio::test]
async fn a_message_that_is_no_check_is_malformed() {
    let guard = Guard::start().await;
    let wire = guard.wire().await;
    let good = guard.hop().request().encode_to_vec();
    CheckRequest::decode(&nested(10)[..]).expect("it is the depth that is wrong with it");
    for (what, message, detail) in [
        ("no attributes", vec![], "hop.attributes"),
        ("noise", b"\xde\xad\xbe\xef".to_vec(), "grpc.message"),
        ("text", b"allow me".to_vec(), "grpc.message"),
        ("the end of a field missing", good[..good.len() - 1].to_vec(), "grpc.message"),
        ("a field longer than the message", vec![0x0a, 0x7f], "grpc.message"),
        ("a number that never ends", vec![0xff; 16], "grpc.message"),
        ("field zero", vec![0x00, 0x00], "grpc.message"),
        ("attributes as a group", vec![0x0b, 0x0c], "grpc.message"),
        ("a group that nobody closes", vec![0x7b], "grpc.message"),
        ("a group that nobody opened", vec![0x7c], "grpc.message"),
        ("groups without a bottom", vec![0x7b; 100_000], "grpc.message"),
        ("an unknown group", vec![0x7b, 0x7c], "hop.attributes"),
        ("structs without a bottom", nested(10_000), "grpc.message"),
        ("text that is not UTF-8", not_utf8(), "grpc.message"),
    ] {
        let answer = wire.check(framed_bytes(&message)).await.denied("hop_malformed");
        assert_eq!(detail_of(&guard, &answer).await, detail, "{what}");
    }
    wire.check(framed_bytes(&good)).await.allowed();
}

#[tokio::test]
async fn a_message_may_come_in_any_pieces() {
    let guard = Guard::start().await;
    let wire = guard.wire().await;
    let good = framed(&guard.hop().request());
    let mut call = wire.begin(&[]).await;
    for byte in &good {
        call.piece(vec![*byte]);
    }
    call.last(Bytes::new());
    call.answer().await.allowed();
}

#[tokio::test]
async fn a_message_beyond_the_bound_is_too_large_before_it_ends() {
    let guard = Setup::new().set("limits.request_bytes", "4KiB").start().await;
    let wire = guard.wire().await;
    let mut call = wire.begin(&[]).await;
    call.piece(vec![0; 5 << 10]);
    let answer = call.answer().await.denied("hop_too_large");
    assert_eq!(detail_of(&guard, &answer).await, "grpc.message");

    let fits = guard.hop().header("x-filler", "a".repeat(1 << 10)).request();
    wire.check(framed(&fits)).await.allowed();
    let larger = guard.hop().header("x-filler", "a".repeat(4 << 10)).request();
    wire.check(framed(&larger)).await.denied("hop_too_large");
}

#[tokio::test]
async fn a_message_that_never_ends_is_denied_at_the_deadline() {
    let guard = Setup::new().set("limits.deadline", "100ms").start().await;
    let answer = half_a_message(&guard, &[]).await.answer().await.denied("deadline");
    assert_eq!(guard.record(&answer).await["reason"], "deadline");
    assert_eq!(guard.counted("deadline").await, 1);
    assert_eq!(guard.metric("hopguard_in_flight").await, 0);
}

#[tokio::test]
async fn the_callers_patience_shortens_the_deadline_and_never_lengthens_it() {
    let patient = Setup::new().set("limits.deadline", "60s").start().await;
    half_a_message(&patient, &[("grpc-timeout", "50m")]).await.answer().await.denied("deadline");

    let hasty = Setup::new().set("limits.deadline", "100ms").start().await;
    for timeout in ["60S", "nonsense", "99999999H"] {
        half_a_message(&hasty, &[("grpc-timeout", timeout)]).await.answer().await.denied("deadline");
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_check_that_was_cancelled() {
    let guard = Setup::new().set("limits.in_flight", "1").start().await;
    let wire = guard.wire().await;
    for _ in 0..3 {
        let call = half_a_message(&guard, &[]).await;
        call.cancel();
        in_flight(&guard, 0).await;
    }
    // A connection that goes away cancels what was asked on it.
    let call = half_a_message(&guard, &[]).await;
    drop(call);
    in_flight(&guard, 0).await;
    wire.check(framed(&guard.hop().request())).await.allowed();
}

#[tokio::test]
async fn a_check_beyond_the_bound_is_denied_at_once() {
    let guard = Setup::new().set("limits.in_flight", "1").set("limits.deadline", "60s").start().await;
    let good = framed(&guard.hop().request());
    let wire = guard.wire().await;
    let mut held = wire.begin(&[]).await;
    held.piece(good.slice(..10));
    in_flight(&guard, 1).await;

    let answer = guard.hop().send().await.denied("overloaded");
    assert_eq!(guard.record(&answer).await["reason"], "overloaded");
    // Not even what is malformed is looked at.
    wire.check(b"noise".as_slice()).await.denied("overloaded");
    assert_eq!(guard.counted("overloaded").await, 2);

    held.last(good.slice(10..));
    held.answer().await.allowed();
    in_flight(&guard, 0).await;
    guard.hop().send().await.allowed();
}

#[tokio::test]
async fn what_is_not_check_is_not_implemented_and_never_an_answer() {
    let guard = Guard::start().await;
    let wire = guard.wire().await;
    for path in [
        "/envoy.service.auth.v3.Authorization/check",
        "/envoy.service.auth.v3.Authorization/Check/",
        "/envoy.service.auth.v2.Authorization/Check",
        "/envoy.service.auth.v3.Authorization",
        "/grpc.health.v1.Health/Check",
        "/",
    ] {
        let mut call = wire.call(path, &[]).await;
        call.last(framed(&guard.hop().request()));
        let (status, headers, body, trailers) = call.response().await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(headers["grpc-status"], "12", "{path}");
        assert!(body.is_empty() && trailers.is_none(), "{path}");
    }
    assert_eq!(guard.counted("none").await, 0);
}

#[tokio::test]
async fn before_everything_is_loaded_every_check_is_not_ready() {
    let setup = Setup::new();
    std::fs::remove_dir_all(setup.path("policy")).unwrap();
    let guard = setup.launch().await;
    let answer = guard.hop().send().await.denied("not_ready");
    assert_eq!(guard.record(&answer).await["reason"], "not_ready");
    guard.wire().await.check(b"noise".as_slice()).await.denied("not_ready");
    assert_eq!(guard.counted("not_ready").await, 2);
    assert_eq!(guard.metric("hopguard_ready").await, 0);
    assert!(!guard.is_ready().await);
    assert!(guard.problems("policy").await.contains("policy"));

    let appeared = Instant::now();
    guard.setup().policy("decision := true");
    guard.ready().await;
    assert!(appeared.elapsed() < Duration::from_secs(2), "it took {:?}", appeared.elapsed());
    guard.hop().send().await.allowed();
    assert_eq!(guard.metric("hopguard_ready").await, 1);
}

#[tokio::test]
async fn a_connection_that_does_not_speak_http2_is_closed_and_disturbs_nobody() {
    let guard = Guard::start().await;
    for noise in [
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nand then nothing of the kind, for long enough",
    ] {
        let mut stream = UnixStream::connect(guard.setup().socket()).await.unwrap();
        stream.write_all(noise.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        // Whether it says goodbye or just leaves is its own affair.
        let _ = stream.read_to_end(&mut said).await;
        assert!(!String::from_utf8_lossy(&said).contains("200"), "{said:?}");
        guard.hop().send().await.allowed();
    }
    until("the end of the connections", async || (guard.metric("hopguard_connections").await == 1).then_some(())).await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_ends_and_makes_room() {
    let guard = Setup::new().set("limits.connections", "1").start().await;
    let mut silent = UnixStream::connect(guard.setup().socket()).await.unwrap();
    let mut said = Vec::new();
    // It takes as long as a new connection may say nothing, which no setting makes shorter.
    let _ = silent.read_to_end(&mut said).await;
    until("room", async || (guard.metric("hopguard_connections").await == 0).then_some(())).await;
    guard.hop().send().await.allowed();
}

#[tokio::test]
async fn connections_beyond_the_bound_are_closed_and_counted() {
    let guard = Setup::new().set("limits.connections", "1").start().await;
    let first = guard.wire().await;
    first.check(framed(&guard.hop().request())).await.allowed();
    let mut second = UnixStream::connect(guard.setup().socket()).await.unwrap();
    assert_eq!(second.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert_eq!(guard.metric("hopguard_connections_refused_total").await, 1);
    first.check(framed(&guard.hop().request())).await.allowed();
}

/// A Check under way, of which only the beginning was sent.
async fn half_a_message(guard: &Guard, headers: &[(&str, &str)]) -> crate::harness::Call {
    let mut call = guard.wire().await.begin(headers).await;
    call.piece(framed(&guard.hop().request()).slice(..10));
    call
}

async fn in_flight(guard: &Guard, count: u64) {
    until(&format!("{count} in flight"), async || (guard.metric("hopguard_in_flight").await == count).then_some(()))
        .await;
}

async fn detail_of(guard: &Guard, answer: &Answer) -> String {
    guard.record(answer).await["detail"].as_str().unwrap().to_owned()
}

fn framed_bytes(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    Bytes::from([&[0], &length[..], message].concat())
}

/// A `CheckRequest` whose metadata holds a list in a list, and so on.
fn nested(depth: usize) -> Vec<u8> {
    let wrap = |tag: u8, inner: Vec<u8>| {
        let mut field = vec![tag];
        prost::encoding::encode_varint(inner.len() as u64, &mut field);
        field.extend(inner);
        field
    };
    // Value.list_value, ListValue.values
    let lists = (0..depth).fold(Vec::new(), |inner, _| wrap(0x32, wrap(0x0a, inner)));
    // Struct.fields of the entry `a`, Metadata.filter_metadata of the entry `a`, AttributeContext.metadata_context, CheckRequest.attributes
    let entry = |value: Vec<u8>| [vec![0x0a, 1, b'a'], wrap(0x12, value)].concat();
    wrap(0x0a, wrap(0x5a, wrap(0x0a, entry(wrap(0x0a, entry(lists))))))
}

/// A `CheckRequest` whose caller's principal is not text.
fn not_utf8() -> Vec<u8> {
    // AttributeContext.source, Peer.principal
    let message = vec![0x0a, 5, 0x0a, 3, 0x22, 1, 0xe9];
    assert!(CheckRequest::decode(&message[..]).is_err());
    message
}
