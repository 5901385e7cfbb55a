//! A trust source says what its files hold now, or what is wrong with them; what to do then is its owner's matter.

use std::{
    fmt, fs, io,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use spiffe::TrustDomain;

use super::{Fault, Part, TrustBundle};

/// A trust domain's bundle in PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemSource {
    /// The trust domain.
    pub trust_domain: TrustDomain,
    /// The file of its trust anchors.
    pub pem: PathBuf,
    /// The file of its intermediates: Envoy reports the leaf alone.
    pub intermediates: Option<PathBuf>,
    /// How long its last good bundle is relied on after it can no longer be read.
    pub max_stale: Duration,
}

impl PemSource {
    /// Reads the bundle as it is now.
    pub fn read(&self) -> Result<TrustBundle, SourceError> {
        let pem = read(&self.pem)?;
        let intermediates = self.intermediates.as_deref().map(read).transpose()?;
        TrustBundle::from_pem(self.trust_domain.clone(), &pem, intermediates.as_deref()).map_err(|error| {
            let path = match (error.part, &self.intermediates) {
                (Part::Intermediates, Some(path)) => path,
                _ => &self.pem,
            };
            SourceError::Content { path: path.clone(), fault: error.fault }
        })
    }

    /// The files that it reads.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.pem.as_path()).chain(self.intermediates.as_deref())
    }
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
    /// A file holds no bundle.
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

/// Reads a regular file, or what a link to one leads to, and at most one byte more than a bundle may have.
fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    let io = |error| SourceError::Io { path: path.to_owned(), error };
    // Asked before it is opened, because opening a pipe waits for a writer.
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(SourceError::NotAFile { path: path.to_owned() });
    }
    let mut text = Vec::new();
    let file = fs::File::open(path).map_err(io)?;
    file.take(super::MAX_TEXT as u64 + 1).read_to_end(&mut text).map_err(io)?;
    Ok(text)
}
