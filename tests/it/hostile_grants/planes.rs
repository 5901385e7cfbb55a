//! What each way in serves, and that none of them writes.

use http::StatusCode;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::harness::{FRONTEND, Guard, framed, until};

/// (141) Where Envoy asks, nothing but Check is there.
#[tokio::test]
async fn where_envoy_asks_nothing_is_administered() {
    let guard = Guard::start().await;
    let wire = guard.wire().await;
    for path in [
        "/livez",
        "/readyz?verbose",
        "/metrics",
        "/health",
        "/debug/pprof",
        "/v1/data",
        "/grants",
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        "/grpc.channelz.v1.Channelz/GetServers",
    ] {
        let mut call = wire.call(path, &[]).await;
        call.last(framed(&guard.hop().request()));
        let (status, headers, body, _) = call.response().await;
        assert_eq!((status, headers["grpc-status"].to_str().unwrap()), (StatusCode::OK, "12"), "{path}");
        assert!(body.is_empty(), "{path}");
    }
    guard.hop().send().await.allowed();
}

/// (141) Where it is watched, nothing is written, and nobody is told whom documents name.
#[tokio::test]
async fn where_it_is_watched_nothing_is_written_and_no_document_is_told() {
    let guard = Guard::start().await;
    let grants = std::fs::read(guard.setup().path("documents/grants.yaml")).unwrap();
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for path in ["/", "/grants", "/v1/grants/charge", "/v1/policies/a", "/v1/data", "/livez", "/readyz", "/metrics"]
        {
            let status = status(&guard, method, path).await;
            assert!(status == 404 || status == 405, "{method} {path}: {status}");
        }
    }
    for path in ["/v1/grants", "/v1/data", "/v1/policies", "/debug/pprof", "/config", "/status"] {
        assert_eq!(guard.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    guard.hop().send().await.allowed();
    until("the count", async || (guard.counted("none").await > 0).then_some(())).await;
    for path in ["/livez", "/readyz", "/readyz?verbose", "/metrics", "/health?bundles"] {
        let (status, body) = guard.get(path).await;
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert_eq!(status, StatusCode::OK, "{path}");
        for told in [FRONTEND, "/charge", "alice@example.com", "team-payments"] {
            assert!(!text.contains(told), "{path} tells of {told}: {text}");
        }
    }
    assert_eq!(std::fs::read(guard.setup().path("documents/grants.yaml")).unwrap(), grants);
}

async fn status(guard: &Guard, method: &str, path: &str) -> u16 {
    let mut stream = TcpStream::connect(guard.admin()).await.unwrap();
    let body = r#"{"kind": "Grant"}"#;
    let head =
        format!("host: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
    stream.write_all(format!("{method} {path} HTTP/1.1\r\n{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer}")).parse().unwrap()
}
