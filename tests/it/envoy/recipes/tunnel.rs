//! A caller's ztunnel: HTTP/2 CONNECT over mutual TLS, with the caller's certificate, and a request of HTTP/1.1 in it.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use tokio::time::timeout;

use super::super::{
    client::{Reply, handshake},
    leaf::Leaf,
};

/// Sends a request through a tunnel to `to`, with a header on the tunnel itself; status 0 if there is no answer.
pub(super) async fn send(address: SocketAddr, leaf: Option<&Leaf>, to: &str, header: &str, request: &str) -> Reply {
    let exchange = exchange(address, leaf, to, header, request);
    timeout(PATIENCE, exchange).await.expect("an answer").unwrap_or_default()
}

async fn exchange(address: SocketAddr, leaf: Option<&Leaf>, to: &str, header: &str, request: &str) -> Option<Reply> {
    let stream = handshake(address, leaf, b"h2").await;
    let (sender, connection) = h2::client::handshake(stream).await.ok()?;
    // It ends with its sender; how, the request sees for itself.
    tokio::spawn(async { drop(connection.await) });
    let (name, value) = header.split_once(": ").unwrap();
    let head = Request::builder().method(Method::CONNECT).uri(to).header(name, value).body(()).unwrap();
    let (answer, mut tunnel) = sender.ready().await.ok()?.send_request(head, false).ok()?;
    let answer = answer.await.ok()?;
    assert_eq!(answer.status(), 200, "the tunnel opens");
    tunnel.send_data(Bytes::copy_from_slice(request.as_bytes()), false).ok()?;
    let mut answers = answer.into_body();
    let mut heard = Vec::new();
    while let Some(Ok(bytes)) = answers.data().await {
        answers.flow_control().release_capacity(bytes.len()).ok()?;
        heard.extend_from_slice(&bytes);
        if let Some(reply) = whole(&heard) {
            return Some(reply);
        }
    }
    None
}

/// The reply in these bytes, once all of it is there.
fn whole(bytes: &[u8]) -> Option<Reply> {
    let (head, body) = str::from_utf8(bytes).ok()?.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        headers.append(name.parse::<http::HeaderName>().ok()?, value.parse().ok()?);
    }
    let length = headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
    Some(Reply { status, headers, body: body.get(..length)?.to_owned() })
}

const PATIENCE: Duration = Duration::from_secs(20);
