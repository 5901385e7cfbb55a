//! What this end shows of itself is a chain and the key to it, read whole, and printed by nobody.

use std::{fmt, io, path::PathBuf};

use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::{read, read_secret};

/// A certificate by which a server knows this end.
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientCertificate {
    /// Reads a chain, the leaf first, and its key, both PEM.
    ///
    /// # Errors
    /// If a file cannot be read, or does not hold what it should.
    pub fn load(certificate: &PathBuf, key: &PathBuf) -> Result<Self, CredentialsError> {
        let unreadable = |path: &PathBuf| {
            let path = path.clone();
            move |error| CredentialsError::Io { path, error }
        };
        let unusable = |path: &PathBuf, what| CredentialsError::Content { path: path.clone(), what };
        let text = read(certificate).map_err(unreadable(certificate))?;
        let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        let chain =
            chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| unusable(certificate, "certificates"))?;
        let text = read_secret(key).map_err(unreadable(key))?;
        let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| unusable(key, "a private key"))?;
        Ok(Self { chain, key })
    }

    pub(super) fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.chain.clone(), self.key.clone_key())
    }
}

impl Clone for ClientCertificate {
    fn clone(&self) -> Self {
        let (chain, key) = self.parts();
        Self { chain, key }
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

/// Why this end has nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {error}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file holds something else.
    #[error("`{}` does not hold {what} in PEM", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
    },
}
