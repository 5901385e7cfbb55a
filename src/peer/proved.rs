//! What is proved of a caller, by this module alone: who it is, how firmly that is known, and until when.

use std::{sync::Arc, time::Duration};

use spiffe::{SpiffeId, TrustDomain};

use crate::{clock::Timestamp, peer::PeerError};

/// How firmly it is known who a caller is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assurance {
    /// Its certificate was verified here.
    Verified,
    /// Envoy says so.
    Asserted,
}

impl Assurance {
    /// The word for it in policies and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Asserted => "asserted",
        }
    }
}

/// A caller, proved by [`Verifier::verify`](super::Verifier::verify) or [`verify_chain`](super::verify_chain) alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedPeer {
    id: SpiffeId,
    /// Absent if Envoy's word is all there is.
    certificate: Option<Arc<Certificate>>,
}

impl ProvedPeer {
    pub(super) fn verified(id: SpiffeId, certificate: Certificate) -> Self {
        Self { id, certificate: Some(Arc::new(certificate)) }
    }

    pub(super) const fn asserted(id: SpiffeId) -> Self {
        Self { id, certificate: None }
    }

    /// The SPIFFE ID of the workload.
    pub const fn id(&self) -> &SpiffeId {
        &self.id
    }

    /// Its trust domain: the same path in two domains is two workloads.
    pub const fn trust_domain(&self) -> &TrustDomain {
        self.id.trust_domain()
    }

    /// How firmly that is known.
    pub const fn assurance(&self) -> Assurance {
        match self.certificate {
            Some(_) => Assurance::Verified,
            None => Assurance::Asserted,
        }
    }

    /// The certificate that was verified, if one was.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_deref()
    }

    /// The first instant at which the proof no longer holds, if it says so itself.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.certificate().map(Certificate::valid_until)
    }

    /// The revision of the bundle that its certificate was held against, if it was.
    pub fn bundle_revision(&self) -> Option<&Arc<str>> {
        self.certificate().map(Certificate::bundle_revision)
    }

    /// The same, unless its certificate was issued for longer than `max`.
    pub(super) fn within(self, max: Option<Duration>) -> Result<Self, PeerError> {
        match (self.certificate(), max) {
            (Some(Certificate { lifetime, .. }), Some(max)) if *lifetime > max => {
                Err(PeerError::Lifetime { lifetime: *lifetime, max, id: self.id.clone() })
            }
            _ => Ok(self),
        }
    }
}

/// The verified certificate of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub(super) serial: String,
    pub(super) fingerprint: String,
    pub(super) not_after: Timestamp,
    pub(super) valid_until: Timestamp,
    pub(super) lifetime: Duration,
    pub(super) revision: Arc<str>,
}

impl Certificate {
    /// Its serial number, in lower-case hex without separators.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Its SHA-256, in lower-case hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Its last second.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The first instant at which a certificate that the proof rests on, from the leaf to the anchor, is no longer valid.
    pub const fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// The revision of the bundle that it was held against.
    pub const fn bundle_revision(&self) -> &Arc<str> {
        &self.revision
    }
}
