//! An authority is a certificate that may sign others: what it lacks for that is found when it is loaded, not when it is needed.

use std::fmt;

use rustls_pki_types::{CertificateDer, TrustAnchor};
use webpki::{EndEntityCert, anchor_from_trusted_cert};

use super::certificate::{Certificate, Malformed, Window};

/// What does not depend on the time, of a certificate that may sign others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authority {
    pub(crate) window: Window,
    /// How many intermediates may stand below it (RFC 5280 §4.2.1.9).
    pub(crate) path_len: Option<u32>,
}

impl Authority {
    /// Reads a trust anchor. X509-SVID §4.3 wants `keyCertSign`; old roots have no key usage at all, which RFC 5280 §4.2.1.3 lets them.
    pub(crate) fn anchor(der: &[u8]) -> Reading<TrustAnchor<'static>> {
        let authority = Self::read(der, false)?;
        let anchor = anchor_from_trusted_cert(&CertificateDer::from(der)).map_err(|_| Rejected::Malformed)?.to_owned();
        Ok((authority, anchor))
    }

    /// Reads an intermediate. Path building ignores the key usage, so one without `keyCertSign` must not get there.
    pub(crate) fn intermediate(der: &[u8]) -> Reading<CertificateDer<'static>> {
        let authority = Self::read(der, true)?;
        let der = CertificateDer::from(der);
        EndEntityCert::try_from(&der).map_err(|_| Rejected::Unusable(Why::Unsupported))?;
        Ok((authority, der.into_owned()))
    }

    fn read(der: &[u8], needs_key_usage: bool) -> Result<Self, Rejected> {
        let certificate = Certificate::read(der)?;
        let window = certificate.window()?;
        let Some(constraints) = certificate.basic_constraints()?.filter(|constraints| constraints.ca) else {
            return Err(Rejected::Unusable(Why::NotCa));
        };
        if !certificate.key_usage()?.map_or(!needs_key_usage, |usage| usage.key_cert_sign()) {
            return Err(Rejected::Unusable(Why::KeyUsage));
        }
        if !certificate.has_strong_key() {
            return Err(Rejected::Unusable(Why::WeakKey));
        }
        Ok(Self { window, path_len: constraints.path_len_constraint })
    }
}

/// An authority and the form of it that path building takes.
pub(crate) type Reading<T> = Result<(Authority, T), Rejected>;

/// Why a certificate is not an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// It cannot be read at all.
    Malformed,
    /// It can be read, and cannot be relied on.
    Unusable(Why),
}

impl From<Malformed> for Rejected {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// Why a certificate of a bundle is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its basic constraints do not say that it is a CA.
    NotCa,
    /// Its key usage does not allow it to sign certificates.
    KeyUsage,
    /// Its key is too short, or of a kind that is not relied on.
    WeakKey,
    /// It has a critical extension or a form that path building does not know.
    Unsupported,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotCa => "it is not a CA certificate",
            Self::KeyUsage => "its key usage lacks keyCertSign",
            Self::WeakKey => "its key is not RSA of 2048 bits or more, ECDSA P-256, P-384 or P-521, or Ed25519",
            Self::Unsupported => "it has a critical extension that is not supported",
        })
    }
}
