//! One GET over HTTPS, from exactly the server that was configured, within bounds that the server cannot move.
//!
//! A server may lie, stall, send without end and point elsewhere. What it sends counts if it was verified, said 200, and came whole, plain
//! and in time.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use spiffe::SpiffeId;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use crate::{clock::Timestamp, trust::TrustBundle};

use dial::Reach;

pub use pace::{Bounds, Pace};
pub use roots::{BadRoots, Roots, RootsError};
pub use url::{HttpsUrl, UrlError};

pub(super) use roots::read;
pub(super) use task::Task;

mod dial;
mod pace;
mod roots;
mod task;
mod tls;
mod url;

/// Fetches documents from servers that it verifies in one way.
#[derive(Clone, Debug)]
pub struct Client {
    server: Server,
    limits: Limits,
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
        Self { server, limits }
    }

    /// Fetches what `url` names. `now` is the time at which certificates are valid.
    ///
    /// Redirects are followed this once and never remembered (SPIFFE Federation §7.5.1): each leads to a server that is verified in the same
    /// way, and none from a public network into an inner one.
    ///
    /// # Errors
    /// If anything is not as it should be. There is no partial success.
    pub async fn get(&self, url: &HttpsUrl, now: Timestamp) -> Result<Bytes, FetchError> {
        let tls = TlsConnector::from(Arc::new(tls::config(&self.server, now)?));
        timeout(self.limits.total, self.follow(&tls, url)).await.unwrap_or(Err(FetchError::Late("the document")))
    }

    async fn follow(&self, tls: &TlsConnector, url: &HttpsUrl) -> Result<Bytes, FetchError> {
        let mut at = url.clone();
        let mut origin = None;
        for _ in 0..=MAX_REDIRECTS {
            let (response, reach, _connection) = self.ask(tls, &at, origin).await?;
            if let StatusCode::OK = response.status() {
                return self.document(response).await;
            }
            at = redirect(&at, &response)?;
            origin.get_or_insert(reach);
        }
        Err(FetchError::Redirect(BadRedirect::TooMany))
    }

    /// Sends the request and reads the head of the answer; `origin` is where the first server was found, if this is not the first.
    async fn ask(&self, tls: &TlsConnector, url: &HttpsUrl, origin: Option<Reach>) -> Result<Answer, FetchError> {
        let connect = async {
            let (stream, reach) = dial::connect(url, origin, self.limits.connect).await?;
            let stream = tls.connect(url.server_name(), stream).await.map_err(|error| FetchError::tls(&error))?;
            Ok::<_, FetchError>((stream, reach))
        };
        let (stream, reach) =
            timeout(self.limits.connect, connect).await.unwrap_or(Err(FetchError::Late("a verified connection")))?;
        let mut http = http1::Builder::new();
        http.max_buf_size(MAX_HEAD);
        let (mut sender, connection) = http.handshake(TokioIo::new(stream)).await.map_err(FetchError::http)?;
        // How the connection ended, the request on it says itself.
        let connection = AbortOnDropHandle::new(tokio::spawn(async { drop(connection.await) }));
        let request = Request::get(url.target())
            .header(header::HOST, url.authority())
            .header(header::ACCEPT, "application/json")
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(FetchError::http)?;
        let response = sender.send_request(request).await.map_err(FetchError::http)?;
        Ok((response, reach, connection))
    }

    async fn document(&self, response: Response<Incoming>) -> Result<Bytes, FetchError> {
        if !is_plain(response.headers()) {
            return Err(FetchError::Encoding);
        }
        match Limited::new(response.into_body(), self.limits.body).collect().await {
            Ok(body) => Ok(body.to_bytes()),
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

/// The head of an answer, where it came from, and the connection that the rest of it comes on.
type Answer = (Response<Incoming>, Reach, AbortOnDropHandle<()>);

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
