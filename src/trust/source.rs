//! A trust source says what its files hold now, or what is wrong with them; what to do then is its owner's matter.

use std::{
    fmt, fs, io,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use spiffe::{SpiffeId, TrustDomain};

use super::{
    DocumentError, Endpoint, Fault, MAX_TEXT, MapError, TrustBundle, TrustError, document,
    map::{self, MAX_MAP},
};

/// Where the bundle of a trust domain comes from: one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The trust domain.
    pub trust_domain: TrustDomain,
    /// The place.
    pub kind: SourceKind,
    /// The file of its intermediates: Envoy reports the leaf alone.
    pub intermediates: Option<PathBuf>,
    /// How long its last good bundle is relied on after it can no longer be had.
    pub max_stale: Duration,
}

/// The kinds of places that a bundle comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A file of trust anchors in PEM.
    Pem {
        /// The file.
        file: PathBuf,
    },
    /// A file that is a SPIFFE bundle document.
    Bundle {
        /// The file.
        file: PathBuf,
    },
    /// A file that is a SPIFFE bundle map, and has the trust domain among others.
    BundleMap {
        /// The file.
        file: PathBuf,
    },
    /// The SPIFFE Workload API of an agent.
    WorkloadApi {
        /// The agent's endpoint.
        endpoint: Endpoint,
    },
    /// The SPIFFE federation endpoint of the trust domain.
    Federation {
        /// The endpoint's URL.
        url: String,
        /// How the endpoint is known to be the right one.
        profile: Profile,
    },
}

/// How a federation endpoint is known to be the right one (SPIFFE Federation §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// By its name in a Web PKI certificate.
    HttpsWeb {
        /// The file of the roots that may vouch for it, PEM; without one, those of the system.
        ca: Option<PathBuf>,
    },
    /// By its SPIFFE ID in an X.509-SVID.
    HttpsSpiffe {
        /// The ID.
        endpoint_spiffe_id: SpiffeId,
        /// The file of the bundle document that the first answer is held against, if the endpoint is of the trust domain that it serves.
        bootstrap: Option<PathBuf>,
    },
}

impl Source {
    /// Reads the bundle as its files say it now. `None`: it does not come from a file.
    pub fn read(&self) -> Option<Result<TrustBundle, SourceError>> {
        Some(self.anchors()?.and_then(|bundle| self.complete(bundle)))
    }

    /// The same, without the intermediates.
    pub fn anchors(&self) -> Option<Result<TrustBundle, SourceError>> {
        let bundle = match &self.kind {
            SourceKind::Pem { file } => self.pem(file),
            SourceKind::Bundle { file } => self.document(file),
            SourceKind::BundleMap { file } => self.mapped(file),
            SourceKind::WorkloadApi { .. } | SourceKind::Federation { .. } => return None,
        };
        Some(bundle)
    }

    /// The bundle, wherever it comes from, with the intermediates of the source.
    pub fn complete(&self, bundle: TrustBundle) -> Result<TrustBundle, SourceError> {
        let Some(path) = &self.intermediates else { return Ok(bundle) };
        bundle.with_intermediates(&read(path, MAX_TEXT)?).map_err(|error| content(path, error))
    }

    /// Whether another domain's servers give it: they hold up nobody's start.
    pub const fn is_federated(&self) -> bool {
        matches!(self.kind, SourceKind::Federation { .. })
    }

    /// The files that it reads.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let file = match &self.kind {
            SourceKind::Pem { file } | SourceKind::Bundle { file } | SourceKind::BundleMap { file } => Some(file),
            SourceKind::WorkloadApi { .. } | SourceKind::Federation { .. } => None,
        };
        file.into_iter().chain(&self.intermediates).map(PathBuf::as_path)
    }

    /// Where it comes from, in one word or two.
    pub fn place(&self) -> String {
        match &self.kind {
            SourceKind::Pem { file } | SourceKind::Bundle { file } | SourceKind::BundleMap { file } => {
                file.display().to_string()
            }
            SourceKind::WorkloadApi { endpoint } => endpoint.to_string(),
            SourceKind::Federation { url, .. } => url.clone(),
        }
    }

    /// What distinguishes it from every other source that comes over a network: a bundle that is kept of one says nothing of another.
    /// `None`: it is a file.
    pub(crate) fn feed(&self) -> Option<String> {
        match &self.kind {
            SourceKind::Pem { .. } | SourceKind::Bundle { .. } | SourceKind::BundleMap { .. } => None,
            SourceKind::WorkloadApi { endpoint } => Some(format!("workload_api {endpoint}")),
            SourceKind::Federation { url, profile: Profile::HttpsWeb { .. } } => Some(format!("https_web {url}")),
            SourceKind::Federation { url, profile: Profile::HttpsSpiffe { endpoint_spiffe_id, .. } } => {
                Some(format!("https_spiffe {endpoint_spiffe_id} {url}"))
            }
        }
    }

    fn pem(&self, path: &Path) -> Result<TrustBundle, SourceError> {
        TrustBundle::from_pem(self.trust_domain.clone(), &read(path, MAX_TEXT)?, None)
            .map_err(|error| content(path, error))
    }

    fn document(&self, path: &Path) -> Result<TrustBundle, SourceError> {
        document::parse(self.trust_domain.clone(), &read(path, MAX_TEXT)?)
            .map(|document| document.bundle)
            .map_err(|error| SourceError::Document { path: path.to_owned(), error })
    }

    /// The trust domain's own bundle of a map. A map says what there is, so a trust domain that is not in it has been withdrawn.
    fn mapped(&self, path: &Path) -> Result<TrustBundle, SourceError> {
        let documents =
            map::parse(&read(path, MAX_MAP)?).map_err(|error| SourceError::Map { path: path.to_owned(), error })?;
        Ok(documents.get(&self.trust_domain).map_or_else(
            || TrustBundle::withdrawn(self.trust_domain.clone()).with_remarks(vec![NOT_MAPPED.to_owned()]),
            |document| document.bundle.clone(),
        ))
    }
}

/// What is wrong with the text of `path`.
fn content(path: &Path, error: TrustError) -> SourceError {
    SourceError::Content { path: path.to_owned(), fault: error.fault }
}

/// Why a trust source gives no bundle.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A path leads to a directory, a pipe or a device.
    #[error("cannot read `{}`: it is not a regular file", .path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A file is not a bundle document.
    #[error("{}: {error}", .path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: DocumentError,
    },
    /// A file is not a bundle map.
    #[error("{}: {error}", .path.display())]
    Map {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: MapError,
    },
    /// A file holds no certificates.
    #[error("{}{}: {fault}", .path.display(), Line(.fault.line()))]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// `:42`, if there is a line.
struct Line(Option<usize>);

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// Reads a regular file, or what a link to one leads to, and at most one byte more than `max`.
fn read(path: &Path, max: usize) -> Result<Vec<u8>, SourceError> {
    let io = |error| SourceError::Io { path: path.to_owned(), error };
    // Asked before it is opened, because opening a pipe waits for a writer.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(SourceError::NotAFile { path: path.to_owned() });
    }
    let mut text = Vec::new();
    let file = fs::File::open(path).map_err(io)?;
    file.take(max as u64 + 1).read_to_end(&mut text).map_err(io)?;
    Ok(text)
}

const NOT_MAPPED: &str = "the trust domain is not in the bundle map: nobody is trusted by it";
