//! A Workload API's stream is listened to for as long as there is somebody to listen to, and a hung agent counts as a lost one
//! ([SPIFFE Workload Endpoint] §3 to §6).
//!
//! [SPIFFE Workload Endpoint]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_Endpoint.md

use std::{error::Error, time::Duration};

use tokio::time::timeout;
use tonic::{
    Code, Request, Response, Status, Streaming,
    metadata::MetadataValue,
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint as Address},
};

use super::backoff::Backoff;
use crate::{pb::workload::spiffe_workload_api_client::SpiffeWorkloadApiClient, trust::Endpoint};

/// Calls a Workload API.
pub(super) type Client =
    SpiffeWorkloadApiClient<InterceptedService<Channel, fn(Request<()>) -> Result<Request<()>, Status>>>;

/// A client that connects when it is first used, and again when its connection was lost.
///
/// # Errors
/// If the endpoint is not an address that can be called.
pub(super) fn client(endpoint: &Endpoint) -> Result<Client, tonic::transport::Error> {
    let address = match endpoint {
        // Taken as it is, with nothing escaped.
        Endpoint::Unix(path) => Address::from_shared(format!("unix://{}", path.display()))?,
        Endpoint::Tcp(address) => Address::from_shared(format!("http://{address}"))?,
    };
    let channel = address
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .connect_lazy();
    let client = SpiffeWorkloadApiClient::with_interceptor(channel, mark as fn(Request<()>) -> _);
    Ok(client.max_decoding_message_size(MAX_MESSAGE))
}

/// Shows that the caller means this API, and was not tricked into calling it (SPIFFE Workload Endpoint §6).
fn mark(mut request: Request<()>) -> Result<Request<()>, Status> {
    request.metadata_mut().insert("workload.spiffe.io", MetadataValue::from_static("true"));
    Ok(request)
}

/// What is heard of an agent.
#[derive(Debug)]
pub(super) enum Heard<M> {
    /// All that there is.
    Message(M),
    /// The agent answers, and gives nothing: what it gave before no longer counts.
    Refusal {
        /// Whether it does not know what it was asked for.
        unimplemented: bool,
        /// Its answer.
        why: String,
    },
    /// The agent cannot be heard.
    Outage(String),
}

impl<M> Heard<M> {
    /// The same, of another form of message.
    pub(super) fn map<N>(self, form: impl FnOnce(M) -> N) -> Heard<N> {
        match self {
            Self::Message(message) => Heard::Message(form(message)),
            Self::Refusal { unimplemented, why } => Heard::Refusal { unimplemented, why },
            Self::Outage(why) => Heard::Outage(why),
        }
    }
}

/// Follows a stream for ever: opens it, hears each message, and opens it again when it ends.
///
/// An agent that has just given something and refuses is asked once more before that counts: SPIRE's knows nobody for some milliseconds
/// while it renews what a tainted authority had signed, and would have every caller of a rotation refused. What it has withdrawn in
/// earnest it refuses again at once; where it says nothing, the refusal counts in time for a withdrawal to take effect within a second.
pub(super) async fn listen<M>(
    open: impl AsyncFn() -> Result<Response<Streaming<M>>, Status>,
    hear: impl AsyncFn(Heard<M>),
) {
    listen_patiently(ANSWER, open, hear).await;
}

/// As [`listen`], where the first message may take as long as `answer`.
async fn listen_patiently<M>(
    answer: Duration,
    open: impl AsyncFn() -> Result<Response<Streaming<M>>, Status>,
    hear: impl AsyncFn(Heard<M>),
) {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    let mut refusal: Option<Heard<M>> = None;
    loop {
        let patience = if refusal.is_some() { RETRACTION } else { answer };
        let begun = timeout(patience, begin(&open)).await;
        let ended = match begun.unwrap_or_else(|_| Err(Heard::Outage(SILENT.to_owned()))) {
            Ok((message, stream)) => {
                refusal = None;
                backoff.reset();
                hear(Heard::Message(message)).await;
                let ended = rest(stream, &hear).await;
                if matches!(ended, Heard::Refusal { unimplemented: false, .. }) {
                    refusal = Some(ended);
                    // Not at once: an agent that does nothing else would be asked without end.
                    tokio::time::sleep(AGAIN).await;
                    continue;
                }
                ended
            }
            Err(ended) => ended,
        };
        hear(refusal.take().unwrap_or(ended)).await;
        tokio::time::sleep(backoff.next()).await;
    }
}

/// Opens a stream, up to its first message.
async fn begin<M>(
    open: impl AsyncFn() -> Result<Response<Streaming<M>>, Status>,
) -> Result<(M, Streaming<M>), Heard<M>> {
    let mut stream = open().await.map_err(|status| judge(&status))?.into_inner();
    match stream.message().await {
        Ok(Some(message)) => Ok((message, stream)),
        Ok(None) => Err(Heard::Outage(ENDED.to_owned())),
        Err(status) => Err(judge(&status)),
    }
}

/// Hears a stream until it ends, and says how it did. A hung agent does not answer the connection's pings either.
async fn rest<M>(mut stream: Streaming<M>, hear: impl AsyncFn(Heard<M>)) -> Heard<M> {
    loop {
        match stream.message().await {
            Ok(Some(message)) => hear(Heard::Message(message)).await,
            Ok(None) => return Heard::Outage(ENDED.to_owned()),
            Err(status) => return judge(&status),
        }
    }
}

/// Tells an agent that refuses from one that cannot be heard (SPIFFE Workload API §4.6, SPIFFE Workload Endpoint §6).
fn judge<M>(status: &Status) -> Heard<M> {
    match status.code() {
        code @ (Code::PermissionDenied | Code::Unauthenticated | Code::InvalidArgument | Code::Unimplemented) => {
            Heard::Refusal { unimplemented: code == Code::Unimplemented, why: said(status) }
        }
        _ => Heard::Outage(said(status)),
    }
}

/// What a status says, in words that may be logged.
pub(crate) fn said(status: &Status) -> String {
    let mut cause = None;
    let mut next = status.source();
    while let Some(error) = next {
        next = error.source();
        cause = Some(error.to_string());
    }
    let said = cause.as_deref().unwrap_or_else(|| status.message());
    let said = if said.is_empty() { status.code().description() } else { said };
    said.chars().take(MAX_SAID).flat_map(char::escape_debug).collect()
}

const SILENT: &str = "the agent does not answer";
const ENDED: &str = "the stream ended";
const CONNECT: Duration = Duration::from_secs(5);
/// How long an agent may take to give its first message.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a connection may say nothing before it is asked, and how long the answer may take.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long an agent may take to take back a refusal: SPIRE's looks for renewed SVIDs every half second.
const RETRACTION: Duration = Duration::from_millis(700);
const AGAIN: Duration = Duration::from_millis(50);
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// An agent that is back is heard within five seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(4);
const MAX_MESSAGE: usize = 4 * 1024 * 1024;
const MAX_SAID: usize = 200;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio_stream::wrappers::UnixListenerStream;

    use super::*;
    use crate::{dev::WorkloadApi, pb::workload::X509BundlesRequest};

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    /// What is first heard of the agent at `endpoint`, if it may take a moment to answer.
    async fn first_heard(endpoint: &str) -> String {
        let client = client(&Endpoint::parse(endpoint).unwrap()).unwrap();
        let heard = RefCell::new(None);
        let listen = listen_patiently(
            Duration::from_millis(50),
            async || client.clone().fetch_x509_bundles(X509BundlesRequest {}).await,
            async |outcome| {
                heard.borrow_mut().get_or_insert(match outcome {
                    Heard::Message(_) => "message".to_owned(),
                    Heard::Refusal { why, .. } => format!("refusal: {why}"),
                    Heard::Outage(why) => format!("outage: {why}"),
                });
            },
        );
        let known = async {
            while heard.borrow().is_none() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = listen => {}
            () = known => {}
        }
        heard.take().unwrap()
    }

    #[test]
    fn an_agent_that_does_not_answer_is_an_outage() {
        let directory = tempfile::tempdir().unwrap();
        let agent = WorkloadApi::start(&directory.path().join("agent.sock")).unwrap();
        agent.fall_silent();
        run(async { assert_eq!(first_heard(&agent.endpoint()).await, "outage: the agent does not answer") });
        agent.close();
        run(async {
            let heard = first_heard(&agent.endpoint()).await;
            assert!(heard.starts_with("outage: No such file or directory"), "{heard}");
        });
    }

    #[test]
    fn a_socket_that_takes_connections_and_says_nothing_is_an_outage() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.sock");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        run(async {
            let heard = first_heard(&format!("unix:{}", path.display())).await;
            assert_eq!(heard, "outage: the agent does not answer");
        });
    }

    #[test]
    fn another_service_on_the_socket_is_a_refusal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("agent.sock");
        run(async {
            let socket = tokio::net::UnixListener::bind(&path).unwrap();
            let (_, health) = tonic_health::server::health_reporter();
            let other = tonic::transport::Server::builder()
                .add_service(health)
                .serve_with_incoming(UnixListenerStream::new(socket));
            tokio::select! {
                _ = other => {}
                heard = async { first_heard(&format!("unix:{}", path.display())).await } => {
                    assert!(heard.starts_with("refusal: "), "{heard}");
                }
            }
        });
    }

    #[test]
    fn a_status_is_said_in_words_that_may_be_logged() {
        assert_eq!(said(&Status::internal("line\n\u{1b}[0m")), "line\\n\\u{1b}[0m");
        assert_eq!(said(&Status::internal("x".repeat(1000))).len(), 200);
        assert!(!said(&Status::permission_denied("")).is_empty());
    }
}
