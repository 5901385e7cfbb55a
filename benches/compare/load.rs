//! One connection, as an Envoy worker has it, with a fixed number of Checks in flight; every answer is looked at.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{Method, Request};
use prost::Message;
use tokio::{
    net::UnixStream,
    task::{JoinHandle, JoinSet},
};

use crate::mesh::Result;

/// An open connection, and the frame that is sent over it again and again.
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    frame: Bytes,
    driver: JoinHandle<()>,
}

/// What the caller saw.
pub(crate) struct Seen {
    /// How long it took in all.
    pub(crate) elapsed: Duration,
    /// How long each answer took, shortest first.
    pub(crate) latencies: Vec<Duration>,
}

/// The part of an answer that says whether it is an allow; the rest is skipped unread.
#[derive(Clone, PartialEq, Message)]
struct Verdict {
    #[prost(message, optional, tag = "1")]
    status: Option<hopguard::pb::Status>,
}

impl Connection {
    /// Connects to `socket`, to ask about `request`.
    pub(crate) async fn open(socket: &Path, request: &impl Message) -> Result<Self> {
        let stream = UnixStream::connect(socket).await?;
        let (requests, connection) = h2::client::handshake(stream).await?;
        let driver = tokio::spawn(async move {
            // How it ends is seen by those who wait for answers.
            let _ = connection.await;
        });
        let length = request.encoded_len();
        let mut frame = BytesMut::with_capacity(5 + length);
        frame.put_u8(0);
        frame.put_u32(length.try_into()?);
        request.encode(&mut frame)?;
        Ok(Self { requests, frame: frame.freeze(), driver })
    }

    /// Asks `count` times, `in_flight` at once, for at most `limit`.
    ///
    /// # Errors
    /// Any answer but an allow.
    pub(crate) async fn ask(&self, count: usize, in_flight: usize, limit: Duration) -> Result<Seen> {
        let started = Instant::now();
        let asked = Arc::new(AtomicUsize::new(0));
        let mut callers = JoinSet::new();
        for _ in 0..in_flight {
            let (mut requests, frame, asked) = (self.requests.clone(), self.frame.clone(), Arc::clone(&asked));
            callers.spawn(async move {
                let mut latencies = Vec::with_capacity(count / in_flight + 1);
                while asked.fetch_add(1, Ordering::Relaxed) < count && started.elapsed() < limit {
                    let asking = Instant::now();
                    requests = check(requests, frame.clone()).await.map_err(|error| error.to_string())?;
                    latencies.push(asking.elapsed());
                }
                Ok::<_, String>(latencies)
            });
        }
        let mut latencies = Vec::with_capacity(count);
        while let Some(finished) = callers.join_next().await {
            latencies.extend(finished??);
        }
        let elapsed = started.elapsed();
        latencies.sort_unstable();
        Ok(Seen { elapsed, latencies })
    }

    /// Asks `rate` times a second for `span`, whether or not the answers before have come.
    ///
    /// # Errors
    /// Any answer but an allow.
    pub(crate) async fn pace(&self, rate: u32, span: Duration) -> Result<Seen> {
        let started = Instant::now();
        let mut callers = JoinSet::new();
        let mut latencies = Vec::new();
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
        while started.elapsed() < span {
            ticks.tick().await;
            let (requests, frame) = (self.requests.clone(), self.frame.clone());
            callers.spawn(async move {
                let asking = Instant::now();
                check(requests, frame).await.map_err(|error| error.to_string())?;
                Ok::<_, String>(asking.elapsed())
            });
            while let Some(finished) = callers.try_join_next() {
                latencies.push(finished??);
            }
        }
        while let Some(finished) = callers.join_next().await {
            latencies.push(finished??);
        }
        latencies.sort_unstable();
        Ok(Seen { elapsed: started.elapsed(), latencies })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Seen {
    /// Answers in each second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// What 99 of 100 answers took at most.
    pub(crate) fn p99(&self) -> Duration {
        self.quantile(990)
    }

    /// What so many of a thousand answers took at most.
    pub(crate) fn quantile(&self, of_thousand: usize) -> Duration {
        let place = (self.latencies.len() * of_thousand).div_ceil(1000).saturating_sub(1);
        self.latencies.get(place).copied().unwrap_or_default()
    }

    /// Several as if they were one.
    pub(crate) fn all(seen: Vec<Self>) -> Self {
        let elapsed = seen.iter().map(|it| it.elapsed).sum();
        let mut latencies: Vec<_> = seen.into_iter().flat_map(|it| it.latencies).collect();
        latencies.sort_unstable();
        Self { elapsed, latencies }
    }
}

/// One Check, with the headers that Envoy sends.
async fn check(requests: SendRequest<Bytes>, frame: Bytes) -> Result<SendRequest<Bytes>> {
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://hopguard/envoy.service.auth.v3.Authorization/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-timeout", "250m")
        .body(())?;
    let mut requests = requests.ready().await?;
    let (response, mut sending) = requests.send_request(request, false)?;
    sending.send_data(frame, true)?;

    let response = response.await?;
    if !response.status().is_success() {
        return Err(format!("answered with HTTP status {}", response.status()).into());
    }
    let mut body = response.into_body();
    let mut answer = BytesMut::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        answer.extend_from_slice(&chunk);
    }
    let trailers = body.trailers().await?;
    if trailers.as_ref().and_then(|trailers| trailers.get("grpc-status")).is_none_or(|status| status != "0") {
        return Err(format!("answered with a gRPC error: {trailers:?}").into());
    }
    let message = answer.get(5..).ok_or("answered without a message")?;
    match Verdict::decode(message)?.status {
        Some(status) if status.code == 0 => Ok(requests),
        _ => Err(format!("denied: {:?}", hopguard::pb::CheckResponse::decode(message)?).into()),
    }
}
