//! One look at where a bundle comes from: what is there came whole, within bounds and in time, or is what is known already.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Auth, Origin, Subscription};
use crate::{
    clock::Timestamp,
    feed::https::{
        Answer, Client, ClientCertificate, CredentialsError, FetchError, HttpsUrl, Limits, Question, Roots, RootsError,
        Server, Tag, aside, read_secret,
    },
};

/// What is there.
#[derive(Debug)]
pub(super) enum Fetched {
    /// What is known.
    Unchanged,
    /// Something else, maybe.
    Content {
        bytes: Bytes,
        /// What it is called there.
        tag: Option<Tag>,
        /// Whether the server says that it can hold back an answer until there is news.
        waits: bool,
    },
}

/// Looks once at `now`; `known` is what is known already.
pub(super) async fn fetch(
    subscription: &Subscription,
    known: Option<Tag>,
    now: Timestamp,
) -> Result<Fetched, SourceError> {
    let limits = Limits { body: subscription.max_bytes, ..LIMITS };
    let (server, url) = match &subscription.origin {
        Origin::File(path) => return file(path, known, limits).await,
        Origin::Loopback(url) => (Server::Loopback, url.parts()),
        Origin::Https(url) => {
            let roots = subscription.ca.clone().map_or(Roots::System, Roots::File);
            (Server::WebPki(aside(limits, move || roots.load()).await??), url)
        }
    };
    let mut question = Question {
        accept: HeaderValue::from_static("*/*"),
        headers: HeaderMap::new(),
        secrets: subscription.headers.map().clone(),
        known,
        wait: subscription.long_poll.unwrap_or_default(),
    };
    question.headers.insert(header::USER_AGENT, HeaderValue::from_static(AGENT));
    question.headers.insert(HeaderName::from_static("prefer"), prefer(subscription.long_poll)?);
    let shows = credentials(subscription.auth.as_ref(), &mut question.secrets, limits).await?;
    ask(Client::new(server, limits).showing(shows), url, &question, now).await
}

async fn ask(client: Client, url: &HttpsUrl, question: &Question, now: Timestamp) -> Result<Fetched, SourceError> {
    match client.ask(url, question, now).await? {
        Answer::Unchanged => Ok(Fetched::Unchanged),
        Answer::Document(document) if document.bytes.is_empty() => Err(SourceError::Empty),
        Answer::Document(document) => {
            let waits = document.content_type.is_some_and(|kind| kind.as_bytes() == WAITS.as_bytes());
            Ok(Fetched::Content { bytes: document.bytes, tag: document.tag, waits })
        }
    }
}

/// What is asked for: whole bundles, and to wait for news.
fn prefer(wait: Option<Duration>) -> Result<HeaderValue, SourceError> {
    let text = match wait {
        Some(wait) => format!("modes=snapshot;wait={}", wait.as_secs()),
        None => "modes=snapshot".to_owned(),
    };
    HeaderValue::from_str(&text).map_err(|_| SourceError::Token)
}

/// Adds a token to what the server alone is told, or gives the certificate that it alone is shown.
async fn credentials(
    auth: Option<&Auth>,
    secrets: &mut HeaderMap,
    limits: Limits,
) -> Result<Option<ClientCertificate>, SourceError> {
    let token = match auth {
        None => return Ok(None),
        Some(Auth::ClientTls { certificate, key }) => {
            let (certificate, key) = (certificate.clone(), key.clone());
            return Ok(Some(aside(limits, move || ClientCertificate::load(&certificate, &key)).await??));
        }
        Some(Auth::Bearer(token)) => token.reveal().to_owned(),
        Some(Auth::BearerFile(path)) => {
            let path = path.clone();
            aside(limits, move || token(&path)).await??
        }
    };
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| SourceError::Token)?;
    value.set_sensitive(true);
    secrets.insert(header::AUTHORIZATION, value);
    Ok(None)
}

fn token(path: &Path) -> Result<String, SourceError> {
    let text = read_secret(path).map_err(|error| SourceError::io(path, error))?;
    let text = String::from_utf8(text).map_err(|_| SourceError::Token)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads a file, unless it is the one that is known.
async fn file(path: &Path, known: Option<Tag>, limits: Limits) -> Result<Fetched, SourceError> {
    let path = path.to_owned();
    aside(limits, move || {
        if known.is_some() && tag_of(&look(&path)?) == known {
            return Ok(Fetched::Unchanged);
        }
        let (bytes, tag) = content(&path, limits.body)?;
        Ok(Fetched::Content { bytes: bytes.into(), tag, waits: false })
    })
    .await?
}

/// Reads a file whole, and names what was read.
pub(super) fn content(path: &Path, most: usize) -> Result<(Vec<u8>, Option<Tag>), SourceError> {
    let tag = tag_of(&look(path)?);
    let mut bytes = Vec::new();
    let beyond = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let file = fs::File::open(path).map_err(|error| SourceError::io(path, error))?;
    file.take(beyond).read_to_end(&mut bytes).map_err(|error| SourceError::io(path, error))?;
    if bytes.len() > most {
        return Err(FetchError::TooLarge(most).into());
    }
    // Written while it is read, it is half of one and half of another.
    if tag_of(&look(path)?) != tag {
        return Err(SourceError::Restless);
    }
    Ok((bytes, tag))
}

/// What the file system says of a regular file. Asked before it is opened, because opening a pipe waits for a writer.
fn look(path: &Path) -> Result<fs::Metadata, SourceError> {
    let metadata = fs::metadata(path).map_err(|error| SourceError::io(path, error))?;
    if metadata.is_file() {
        return Ok(metadata);
    }
    Err(SourceError::io(path, io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")))
}

/// A name for this version of a file: the change time cannot be set back.
fn tag_of(it: &fs::Metadata) -> Option<Tag> {
    let times = (it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec());
    Tag::parse(&format!("\"{}.{}.{}.{}.{}.{}.{}\"", it.dev(), it.ino(), it.size(), times.0, times.1, times.2, times.3))
}

/// Why nothing came.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    /// It was not fetched.
    #[error("{0}")]
    Fetch(#[from] FetchError),
    /// The authorities of the Web PKI cannot be used.
    #[error("{0}")]
    Roots(#[from] RootsError),
    /// The client's certificate cannot be used.
    #[error("{0}")]
    Credentials(#[from] CredentialsError),
    /// A file cannot be read.
    #[error("cannot read `{path}`: {error}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// The token cannot be sent.
    #[error("the token is not visible ASCII on one line")]
    Token,
    /// There is nothing in the answer.
    #[error("the server's answer is empty")]
    Empty,
    /// The file changes while it is read.
    #[error("the file changed while it was read: replace it by renaming a finished one onto it")]
    Restless,
}

impl SourceError {
    fn io(path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.display().to_string(), error }
    }
}

/// What a server calls bundles that holds back answers until there is news (OPA's bundle service protocol).
const WAITS: &str = "application/vnd.openpolicyagent.bundles";
const AGENT: &str = concat!("hopguard/", env!("CARGO_PKG_VERSION"));
/// A bundle is larger than other documents.
const LIMITS: Limits =
    Limits { connect: Duration::from_secs(5), total: Duration::from_secs(60), body: super::MAX_BYTES };
