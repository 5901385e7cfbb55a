//! Policy bundles from servers and files: each comes whole and verified or not at all, and the last one that passed stays until a better one does.
//!
//! What a server gives is an [`Offer`] until the policy made of it has passed its gate: only then it counts, is kept for the next start, and is
//! what later ones are held against, so that nobody is led back to an older one.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::https::{HttpsUrl, LoopbackUrl, UrlError};
use crate::{
    bundle::{Bundle, Limits},
    clock::Timestamp,
    yaml::{Problem, Problems},
};

pub use self::{
    offer::Offer,
    order::{Older, Order},
    signing::{KeyText, Signing, SigningKey},
    status::{Counts, Failure, Stage, Status},
};

pub(super) use self::{follow::Followers, keep::Keep, shelf::Shelf};

mod fetch;
mod follow;
mod keep;
mod offer;
mod order;
mod shelf;
mod signing;
mod status;

/// One bundle that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its name, once among all.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// How this end proves itself to its server.
    pub auth: Option<Auth>,
    /// What its server is told besides.
    pub headers: Headers,
    /// The file of the roots that may vouch for its server, PEM; without one, those of the system.
    pub ca: Option<PathBuf>,
    /// How often its server is asked.
    pub poll: Poll,
    /// How long its server may hold back an answer until there is news, if it can.
    pub long_poll: Option<Duration>,
    /// Who has to have signed it; absent, nobody.
    pub signing: Option<Signing>,
    /// Whether the last one that passed is kept for the next start, where there is a state directory.
    pub persist: bool,
    /// Whether an older one than the one before is taken.
    pub allow_rollback: bool,
    /// The most bytes that it may have as it is sent.
    pub max_bytes: usize,
}

/// Where a bundle comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A server that proves its name.
    Https(HttpsUrl),
    /// A server on this machine, asked in plain text.
    Loopback(LoopbackUrl),
    /// A file.
    File(PathBuf),
}

/// How this end proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// By a token.
    Bearer(Secret),
    /// By the token that is in a file when the server is asked.
    BearerFile(PathBuf),
    /// By a certificate and its key, PEM, that are in files when the server is asked.
    ClientTls {
        /// The chain, the leaf first.
        certificate: PathBuf,
        /// The leaf's key.
        key: PathBuf,
    },
}

/// How often a server is asked: any time between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// The shortest time between two answers.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
}

/// What nobody prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Headers for one server; their values may be secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(HeaderMap);

/// One bundle as it stands, for whoever makes a policy of it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// What is newest, if nothing speaks against it.
    pub offered: Option<Arc<Offer>>,
    /// What passed before.
    pub good: Option<Arc<Offer>>,
    /// What is wrong with its source, or with what it last gave.
    pub problem: Option<String>,
}

impl Subscription {
    /// A bundle from `origin`, as one that nothing more is said about.
    pub fn new(name: impl Into<String>, origin: Origin) -> Self {
        Self {
            name: name.into(),
            origin,
            auth: None,
            headers: Headers::default(),
            ca: None,
            poll: Poll::every(Duration::from_secs(60)),
            long_poll: None,
            signing: None,
            persist: true,
            allow_rollback: false,
            max_bytes: MAX_BYTES,
        }
    }

    /// Reads the bundle as it is at `now`, if it is in a file; `None`: it is on a server.
    ///
    /// # Errors
    /// If it is not there, or does not read, or keys that it is held against do not.
    pub fn read_here(&self, now: Timestamp) -> Result<Option<Bundle>, Problems> {
        let refused = |message: String| Problem::of_file(&self.origin.to_string(), message);
        let verification = self.signing.as_ref().map(Signing::verification).transpose().map_err(refused)?;
        let Origin::File(path) = &self.origin else { return Ok(None) };
        let (bytes, _) = fetch::content(path, self.max_bytes).map_err(|error| refused(error.to_string()))?;
        Bundle::read(&self.name, &bytes, &self.limits(), verification.as_ref(), now).map(Some)
    }

    fn limits(&self) -> Limits {
        Limits { compressed: self.max_bytes as u64, ..Limits::default() }
    }
}

impl Origin {
    /// Reads a URL. `plain_too`: `http` is accepted for a server on this machine.
    ///
    /// # Errors
    /// If it is not one that may be asked.
    pub fn parse(url: &str, plain_too: bool) -> Result<Self, UrlError> {
        match url.parse() {
            Ok(url) => Ok(Self::Https(url)),
            Err(UrlError::Scheme) if plain_too => url.parse().map(Self::Loopback),
            Err(error) => Err(error),
        }
    }

    /// What tells it from every other origin, query included: it may hold a secret.
    fn identity(&self) -> String {
        match self {
            Self::Https(url) => format!("https://{}{}", url.authority(), url.target()),
            Self::Loopback(url) => format!("http://{}{}", url.parts().authority(), url.parts().target()),
            Self::File(path) => format!("file:{}", path.display()),
        }
    }
}

/// Without a URL's query, which may hold a secret.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Https(url) => url.fmt(f),
            Self::Loopback(url) => url.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Poll {
    /// About every `interval`: a tenth more or less, so that not everybody asks at once.
    pub fn every(interval: Duration) -> Self {
        Self { min: interval - interval / 10, max: interval.saturating_add(interval / 10) }
    }
}

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Headers {
    /// Takes headers that say nothing about the request itself.
    ///
    /// # Errors
    /// If a name or a value is none, or the request needs that header itself.
    pub fn new<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, HeadersError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let refused = || HeadersError::Name(name.to_owned());
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
            if OWN.contains(&header.as_str()) {
                return Err(refused());
            }
            let value = HeaderValue::from_str(value).map_err(|_| HeadersError::Value(name.to_owned()))?;
            map.append(header, value);
        }
        Ok(Self(map))
    }

    pub(super) const fn map(&self) -> &HeaderMap {
        &self.0
    }
}

/// Their names alone.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why a server cannot be told something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadersError {
    /// The name is none, or one that is not free.
    #[error("`{0}` is not a header that can be set: choose another name")]
    Name(String),
    /// The value cannot be sent.
    #[error("the value of `{0}` cannot be sent: write visible ASCII on one line")]
    Value(String),
}

/// Headers that the request itself decides.
const OWN: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "prefer",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The most bytes of a bundle about which nothing else is said.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests;
