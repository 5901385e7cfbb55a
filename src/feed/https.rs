//! One GET over HTTPS, from exactly the server that was configured, within bounds that the server cannot move.
//!
//! A server may lie, stall, send without end and point elsewhere. What it sends counts if it was verified, said 200, and came whole, plain
//! and in time; that nothing has changed counts only of what it gave before. Secrets are for the configured server alone.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use spiffe::SpiffeId;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use crate::{clock::Timestamp, trust::TrustBundle};

use dial::{Reach, Within};

pub use ask::{Answer, Document, Question, Tag};
pub use credentials::{ClientCertificate, CredentialsError};
pub use pace::{Bounds, Pace};
pub use roots::{BadRoots, Roots, RootsError};
pub use url::{HttpsUrl, LoopbackUrl, UrlError};

pub(super) use roots::read;
pub(super) use secret::read_secret;
pub(super) use task::Task;

mod ask;
mod credentials;
mod dial;
pub(crate) mod line;
mod pace;
mod roots;
mod secret;
mod task;
mod tls;
mod url;

/// Fetches documents from servers that it verifies in one way.
#[derive(Clone, Debug)]
pub struct Client {
    server: Server,
    limits: Limits,
    /// What this end shows to the configured server, and to no other.
    shows: Option<ClientCertificate>,
}

/// How a server proves that it is the one that was asked.
#[derive(Clone, Debug)]
pub enum Server {
    /// By a certificate for its host name from one of these authorities (RFC 6125).
    WebPki(Arc<RootCertStore>),
    /// By an X.509-SVID of exactly this workload; its host name means nothing.
    Spiffe {
        /// The workload.
        id: SpiffeId,
        /// The bundle of its trust domain.
        bundle: Arc<TrustBundle>,
    },
    /// Not at all: it is on this machine, and asked in plain text.
    Loopback,
}

/// What one fetch may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until a server is connected and verified.
    pub connect: Duration,
    /// Until the document is there, redirects included.
    pub total: Duration,
    /// The size of the document, in bytes.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(10), body: 1024 * 1024 }
    }
}

impl Client {
    /// Verifies servers as `server` says.
    pub const fn new(server: Server, limits: Limits) -> Self {
        Self { server, limits, shows: None }
    }

    /// Shows `certificate` to the configured server.
    #[must_use]
    pub fn showing(self, certificate: Option<ClientCertificate>) -> Self {
        Self { shows: certificate, ..self }
    }

    /// Fetches what `url` names. `now` is the time at which certificates are valid.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn get(&self, url: &HttpsUrl, now: Timestamp) -> Result<Bytes, FetchError> {
        match self.ask(url, &Question::default(), now).await? {
            Answer::Document(document) => Ok(document.bytes),
            Answer::Unchanged => Err(FetchError::Status(StatusCode::NOT_MODIFIED)),
        }
    }

    /// Asks for what `url` names. `now` is the time at which certificates are valid.
    ///
    /// Redirects are followed this once and never remembered (SPIFFE Federation §7.5.1): each leads to a server that is verified in the same
    /// way and told no secrets, and none from a public network into an inner one. Plain text is not led anywhere.
    ///
    /// # Errors
    /// If anything is not as it should be. There is no partial success.
    pub async fn ask(&self, url: &HttpsUrl, question: &Question, now: Timestamp) -> Result<Answer, FetchError> {
        let within = self.limits.total.saturating_add(question.wait);
        timeout(within, self.follow(url, question, now)).await.unwrap_or(Err(FetchError::Late("the document")))
    }

    async fn follow(&self, url: &HttpsUrl, question: &Question, now: Timestamp) -> Result<Answer, FetchError> {
        let mut at = url.clone();
        let mut within = if self.is_plain() { Within::ThisMachine } else { Within::Anywhere };
        for _ in 0..=MAX_REDIRECTS {
            let is_configured = at.is_same_server(url);
            let tls = self.connector(is_configured, now)?;
            let request = question.request(&at, is_configured).map_err(FetchError::http)?;
            let (response, reach, _connection) = self.send(tls.as_ref(), &at, within, request).await?;
            match (response.status(), &question.known) {
                (StatusCode::OK, _) => return self.document(response).await.map(Answer::Document),
                (StatusCode::NOT_MODIFIED, Some(known)) => return ask::unchanged(known, response.headers()),
                (status, _) if self.is_plain() => return Err(FetchError::Status(status)),
                _ => at = redirect(&at, &response)?,
            }
            if let Within::Anywhere = within {
                within = Within::From(reach);
            }
        }
        Err(FetchError::Redirect(BadRedirect::TooMany))
    }

    const fn is_plain(&self) -> bool {
        matches!(self.server, Server::Loopback)
    }

    /// How a server is met; `None`: in plain text.
    fn connector(&self, is_configured: bool, now: Timestamp) -> Result<Option<TlsConnector>, FetchError> {
        let shows = self.shows.as_ref().filter(|_| is_configured);
        let config = tls::config(&self.server, shows, now)?;
        Ok(config.map(|config| TlsConnector::from(Arc::new(config))))
    }

    /// Sends the request and reads the head of the answer.
    async fn send(
        &self,
        tls: Option<&TlsConnector>,
        url: &HttpsUrl,
        within: Within,
        request: Request<Empty<Bytes>>,
    ) -> Result<Given, FetchError> {
        let connect = async {
            let (stream, reach) = dial::connect(url, within, self.limits.connect).await?;
            let stream: Box<dyn Stream> = match tls {
                Some(tls) => {
                    let stream = tls.connect(url.server_name(), stream).await;
                    Box::new(stream.map_err(|error| FetchError::tls(&error))?)
                }
                None => Box::new(stream),
            };
            Ok::<_, FetchError>((stream, reach))
        };
        let (stream, reach) =
            timeout(self.limits.connect, connect).await.unwrap_or(Err(FetchError::Late("a verified connection")))?;
        let mut http = http1::Builder::new();
        http.max_buf_size(MAX_HEAD);
        let (mut sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(FetchError::http)?;
        // How the connection ended, the request on it says itself.
        let connection = AbortOnDropHandle::new(tokio::spawn(async { drop(connection.await) }));
        let response = sender.send_request(request).await.map_err(FetchError::http)?;
        Ok((response, reach, connection))
    }

    async fn document(&self, response: Response<Incoming>) -> Result<Document, FetchError> {
        if !is_plain(response.headers()) {
            return Err(FetchError::Encoding);
        }
        // Said to be too large, it need not be tried.
        if usize::try_from(response.body().size_hint().lower()).map_or(true, |length| length > self.limits.body) {
            return Err(FetchError::TooLarge(self.limits.body));
        }
        let tag = Tag::of(response.headers());
        let content_type = response.headers().get(header::CONTENT_TYPE).cloned();
        match Limited::new(response.into_body(), self.limits.body).collect().await {
            Ok(body) => Ok(Document { bytes: body.to_bytes(), tag, content_type }),
            Err(error) if error.is::<LengthLimitError>() => Err(FetchError::TooLarge(self.limits.body)),
            Err(error) => Err(FetchError::http(&*error)),
        }
    }
}

/// Reads files where a slow one holds up nobody else.
pub(super) async fn aside<T: Send + 'static>(
    limits: Limits,
    reading: impl FnOnce() -> T + Send + 'static,
) -> Result<T, FetchError> {
    let late = || FetchError::Late("a file");
    let read = timeout(limits.total, tokio::task::spawn_blocking(reading)).await.map_err(|_| late())?;
    read.map_err(|_| late())
}

/// Bytes both ways, with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The head of an answer, where it came from, and the connection that the rest of it comes on.
type Given = (Response<Incoming>, Reach, AbortOnDropHandle<()>);

/// Where an answer that is not the document leads to.
fn redirect(from: &HttpsUrl, response: &Response<Incoming>) -> Result<HttpsUrl, FetchError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Err(FetchError::Status(response.status()));
    }
    let mut locations = response.headers().get_all(header::LOCATION).iter();
    let (Some(location), None) = (locations.next(), locations.next()) else {
        return Err(FetchError::Redirect(BadRedirect::Location));
    };
    let location = location.to_str().map_err(|_| FetchError::Redirect(BadRedirect::Location))?;
    from.join(location).map_err(|error| FetchError::Redirect(BadRedirect::Url(error)))
}

/// Whether the body stands as it is: a packed one could unpack to any size.
fn is_plain(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// Why a document was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server's name has no address.
    #[error("the host has no address: {0}")]
    Resolve(io::Error),
    /// Nobody answers at any of the server's addresses.
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    /// The server's name leads to where nothing is fetched from.
    #[error(
        "the host's address is link-local or no host's, where cloud metadata is and no document: name another host"
    )]
    NoPlace,
    /// The server's name leads away from this machine.
    #[error("the host is not on this machine, and plain `http` goes no further: use `https`")]
    NotHere,
    /// What this end should show of itself cannot be used.
    #[error("{0}")]
    Credentials(String),
    /// The server did not prove to be the one that was asked.
    #[error("the server was not verified: {0}")]
    Tls(String),
    /// It took too long.
    #[error("{0} did not come in time")]
    Late(&'static str),
    /// The server does not speak HTTP, or its answer ends too early.
    #[error("the answer is broken: {0}")]
    Http(String),
    /// The server answered something else than the document.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// The server says that something has not changed which it was not asked about.
    #[error("the server says that nothing changed, of another version than it was asked about")]
    OtherTag,
    /// The server points to somewhere that is not followed.
    #[error("the server redirects to {0}")]
    Redirect(BadRedirect),
    /// The document is packed.
    #[error("the document has a content encoding, which was not asked for")]
    Encoding,
    /// The document is too large.
    #[error("the document is larger than {0} bytes")]
    TooLarge(usize),
}

impl FetchError {
    fn tls(error: &io::Error) -> Self {
        Self::Tls(error.to_string())
    }

    fn http<E: std::error::Error>(error: E) -> Self {
        // The source says what happened on the connection; the outermost error only that something did.
        let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        Self::Http(format!("{error}{source}"))
    }
}

/// Why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRedirect {
    /// It is one too many.
    #[error("yet another place, after {MAX_REDIRECTS} others")]
    TooMany,
    /// There is no one `location`.
    #[error("nowhere: there is not exactly one `location`")]
    Location,
    /// It is not an address that may be asked.
    #[error("what is no endpoint: {0}")]
    Url(UrlError),
    /// It leads to a network that the configured server is not in.
    #[error("an inner address, which the configured URL does not lead to")]
    Inward,
}

const MAX_REDIRECTS: usize = 3;
const MAX_HEAD: usize = 64 * 1024;

#[cfg(test)]
mod tests;
