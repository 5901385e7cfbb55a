//! A workload behind its Envoy: answers every request with what it was told.

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{Router, extract::State, response::IntoResponse};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, task::JoinHandle};

use super::Error;

/// An HTTP/1.1 server on loopback that ends when it is dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    task: JoinHandle<()>,
}

/// What the workload was told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Echo {
    /// The workload that answers.
    pub workload: String,
    /// The method.
    pub method: String,
    /// The path and query as they arrived.
    pub path: String,
    /// Every header, with all of its values in order.
    pub headers: BTreeMap<String, Vec<String>>,
}

impl Echo {
    /// The one value of a header; nothing if there is none, or several.
    pub fn header(&self, name: &str) -> Option<&str> {
        match self.headers.get(name)?.as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }
}

impl Upstream {
    /// Starts the workload `name` on a free port.
    pub async fn start(name: impl Into<String>) -> Result<Self, Error> {
        let nowhere = |error: std::io::Error| Error::Unreachable {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            why: error.to_string(),
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(nowhere)?;
        let address = listener.local_addr().map_err(nowhere)?;
        let router = Router::new().fallback(echo).with_state(name.into());
        // It serves until it is aborted.
        let task = tokio::spawn(async { drop(axum::serve(listener, router).await) });
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn echo(State(workload): State<String>, method: Method, uri: Uri, headers: HeaderMap) -> impl IntoResponse {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        told.entry(name.to_string()).or_default().push(value);
    }
    let echo = Echo { workload, method: method.to_string(), path: uri.to_string(), headers: told };
    serde_json::to_string(&echo)
        .map(|body| ([(header::CONTENT_TYPE, "application/json")], body))
        .map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::ask;

    #[tokio::test]
    async fn says_what_it_was_told() {
        let upstream = Upstream::start("payments").await.unwrap();
        let (_, body) = ask::get(upstream.address(), "/charge?amount=5").await.unwrap();
        let echo: Echo = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (echo.workload.as_str(), echo.method.as_str(), echo.path.as_str()),
            ("payments", "GET", "/charge?amount=5")
        );
        assert_eq!(echo.header("host"), Some("localhost"));
    }
}
