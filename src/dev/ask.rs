//! One bounded HTTP/1.1 question to a local admin endpoint.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time};

use super::Error;

/// Asks `address` for `path`.
pub async fn get(address: SocketAddr, path: &str) -> Result<(StatusCode, Bytes), Error> {
    let unreachable = |why: String| Error::Unreachable { address, why };
    let request = Request::get(path).header(header::HOST, "localhost").body(Empty::<Bytes>::new())?;
    let exchange = async {
        let stream = TcpStream::connect(address).await.map_err(|error| unreachable(error.to_string()))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(error.to_string()))?;
        let asked = async {
            let response = sender.send_request(request).await.map_err(|error| unreachable(error.to_string()))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_LIMIT).collect().await;
            let body = body.map_err(|error| unreachable(error.to_string()))?.to_bytes();
            Ok((status, body))
        };
        // The answer may be whole before the connection ends, or the connection end with it.
        tokio::pin!(asked);
        tokio::select! {
            answer = &mut asked => answer,
            _ = connection => asked.await,
        }
    };
    time::timeout(WITHIN, exchange).await.unwrap_or_else(|_| Err(unreachable("it took too long".to_owned())))
}

const ANSWER_LIMIT: usize = 4 << 20;
const WITHIN: Duration = Duration::from_secs(2);
