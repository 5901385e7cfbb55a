//! The Web PKI's authorities come from the system or from one file, never from both.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;

use crate::trust::pem::{self, PemError};

/// Where the authorities of the Web PKI come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// From the system.
    #[default]
    System,
    /// From a PEM file, and from nowhere else.
    File(PathBuf),
}

impl Roots {
    /// Reads the authorities as they are now.
    ///
    /// # Errors
    /// If there are none, or one in the file is none.
    pub fn load(&self) -> Result<Arc<RootCertStore>, RootsError> {
        let mut store = RootCertStore::empty();
        match self {
            Self::System => {
                // The system's store is not ours to check: what cannot be used there is passed over, as by everybody.
                let loaded = rustls_native_certs::load_native_certs();
                store.add_parsable_certificates(loaded.certs);
                if store.is_empty() {
                    return Err(RootsError::NoSystem);
                }
            }
            Self::File(path) => {
                let content = |why| RootsError::Content { path: path.clone(), why };
                let text = read(path).map_err(|error| RootsError::Io { path: path.clone(), error })?;
                for block in pem::certificates(&text, MAX_ROOTS).map_err(|error| content(BadRoots::Pem(error)))? {
                    let root = CertificateDer::from(block.der);
                    store.add(root).map_err(|_| content(BadRoots::Root { line: block.line }))?;
                }
                if store.is_empty() {
                    return Err(content(BadRoots::None));
                }
            }
        }
        Ok(Arc::new(store))
    }
}

/// Why there are no authorities.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// The system has none.
    #[error("the system has no certificate authorities; install them, or name a file with `ca`")]
    NoSystem,
    /// The file cannot be read.
    #[error("cannot read `{}`: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file holds something else.
    #[error("`{}`: {why}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: BadRoots,
    },
}

/// What is wrong with a file of authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRoots {
    /// It holds none.
    #[error("there is no certificate in it")]
    None,
    /// It is not PEM of certificates.
    #[error("{0} (line {line})", line = .0.line())]
    Pem(PemError),
    /// A certificate in it is not one.
    #[error("the certificate on line {line} cannot be read")]
    Root {
        /// The line on which it begins.
        line: usize,
    },
}

/// Reads a regular file of bounded size.
pub(in crate::feed) fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Asked before it is opened, because opening a pipe waits for a writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut text = Vec::new();
    fs::File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    Ok(text)
}

const MAX_FILE: u64 = 1024 * 1024;
const MAX_ROOTS: usize = 1000;
