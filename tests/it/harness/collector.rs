//! An OpenTelemetry collector, as others have written it down: what it hears of spans, and what it answers.

use std::{
    io,
    path::Path,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use hopguard::dev::Credentials;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, UnixListener},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{
    Code, Request, Response, Status,
    transport::{
        Server,
        server::{Connected, TcpIncoming},
    },
};

use super::until;

/// A collector that ends when it is dropped.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    heard: Heard,
    task: JoinHandle<()>,
}

/// A span, and the service that it is of.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) service: String,
    pub(crate) span: Span,
}

#[derive(Clone, Default)]
struct Heard {
    told: Arc<Mutex<Vec<Told>>>,
    /// How often it was called.
    calls: Arc<AtomicUsize>,
    mood: Arc<Mutex<Mood>>,
}

/// What it does with what it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Takes,
    /// Takes all but one.
    TakesMost,
    /// Refuses, with this status.
    Refuses(Code),
    /// Never answers.
    Hangs,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(endpoint, TcpIncoming::from(listener))
    }

    pub(crate) fn at_socket(path: &Path) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let endpoint = format!("unix:{}", path.display());
        Self::serve(endpoint, tokio_stream::wrappers::UnixListenerStream::new(listener))
    }

    /// Shows `credentials` at a port of loopback, for a host that leads there.
    pub(crate) async fn with_tls(host: &str, credentials: &Credentials) -> Self {
        let mut config = (*credentials.config().unwrap()).clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("https://{host}:{}", listener.local_addr().unwrap().port());
        let (streams, incoming) = mpsc::channel(9);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that does not like what it sees goes away.
                if let Ok(stream) = acceptor.accept(stream).await
                    && streams.send(Ok::<_, io::Error>(Tls(stream))).await.is_err()
                {
                    return;
                }
            }
        });
        Self::serve(endpoint, ReceiverStream::new(incoming))
    }

    fn serve<S>(endpoint: String, incoming: impl Stream<Item = Result<S, io::Error>> + Send + 'static) -> Self
    where
        S: AsyncRead + AsyncWrite + Connected<ConnectInfo: Clone + Send + Sync + 'static> + Send + Unpin + 'static,
    {
        let heard = Heard::default();
        let service = TraceServiceServer::new(heard.clone());
        let server = Server::builder().add_service(service).serve_with_incoming(incoming);
        let task = tokio::spawn(async { server.await.unwrap() });
        Self { endpoint, heard, task }
    }

    /// Does so from now on.
    pub(crate) fn mood(&self, mood: Mood) {
        *self.heard.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// How often it was called.
    pub(crate) fn calls(&self) -> usize {
        self.heard.calls.load(Ordering::SeqCst)
    }

    /// All spans that it took.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.heard.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The spans of a trace, as soon as there are as many.
    pub(crate) async fn trace(&self, id: &str, count: usize) -> Vec<Told> {
        until(&format!("{count} spans of {id}"), async || {
            let told: Vec<_> = self.told().into_iter().filter(|told| told.trace() == id).collect();
            (told.len() >= count).then_some(told)
        })
        .await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Told {
    pub(crate) fn trace(&self) -> String {
        hex(&self.span.trace_id)
    }

    pub(crate) fn id(&self) -> String {
        hex(&self.span.span_id)
    }

    pub(crate) fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    /// An attribute that is a text or a truth.
    pub(crate) fn attribute(&self, key: &str) -> Option<String> {
        text(&self.span.attributes, key)
    }

    /// Everything that it says, for what it must not say.
    pub(crate) fn everything(&self) -> String {
        format!("{:?}", self.span)
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let mut found = attributes.iter().filter(|pair| pair.key == key);
    let value = found.next()?.value.as_ref()?.value.as_ref()?;
    assert!(found.next().is_none(), "{key} is there twice");
    Some(match value {
        Value::StringValue(text) => text.clone(),
        Value::BoolValue(truth) => truth.to_string(),
        other => format!("{other:?}"),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tonic::async_trait]
impl TraceService for Heard {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mood = *self.mood.lock().unwrap_or_else(PoisonError::into_inner);
        let partial_success = match mood {
            Mood::Takes => None,
            Mood::TakesMost => {
                Some(ExportTracePartialSuccess { rejected_spans: 1, error_message: "one is odd".to_owned() })
            }
            Mood::Refuses(code) => return Err(Status::new(code, "not now")),
            Mood::Hangs => std::future::pending().await,
        };
        let mut all = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = text(&attributes, "service.name").unwrap();
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            all.extend(spans.map(|span| Told { service: service.clone(), span }));
        }
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

/// A stream of which nothing more is known.
struct Tls(tokio_rustls::server::TlsStream<tokio::net::TcpStream>);

impl Connected for Tls {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Tls {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tls {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
