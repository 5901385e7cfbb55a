//! Who is calling, proved here: Envoy's word decides nothing.
//!
//! Envoy reports a certificate whenever one was presented, validated or not, and never looks at it again while a connection lives. So the
//! certificate is held against the bundle of its own trust domain on every Check.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use spiffe::{SpiffeId, TrustDomain};

use crate::{
    clock::Timestamp,
    hex,
    trust::{Trust, certificate},
};

pub use error::{Conflict, InvalidSvid, Link, PeerError, Untrusted};
pub use xfcc::xfcc_elements;

mod error;
mod evidence;
pub mod id;
mod path;
mod svid;
mod xfcc;

/// Verifies X.509-SVIDs.
#[derive(Clone, Copy, Debug)]
pub struct Verifier {
    max_lifetime: Duration,
}

impl Verifier {
    /// Verifies certificates whose whole validity is at most `max_lifetime`.
    pub const fn new(max_lifetime: Duration) -> Self {
        Self { max_lifetime }
    }

    /// Verifies the certificate of a caller at `now`; the first check that fails is the reason.
    pub fn verify(&self, evidence: &PeerEvidence<'_>, trust: &Trust, now: Timestamp) -> Result<ProvedPeer, PeerError> {
        if evidence.certificate.is_empty() {
            return Err(PeerError::Missing);
        }
        let der = CertificateDer::from(evidence::decode(evidence.certificate)?);
        let (svid, leaf) = svid::read(&der)?;
        evidence.agrees_with(&svid.id)?;

        let Some(bundle) = trust.bundle(svid.id.trust_domain()) else {
            return Err(PeerError::Untrusted { id: svid.id, why: Untrusted::TrustDomain });
        };
        if bundle.is_stale(now) {
            return Err(PeerError::Stale { trust_domain: bundle.trust_domain().clone() });
        }
        let last_second = path::verify(&leaf, &svid, bundle, certificate::seconds(now))?;

        let lifetime = svid.window.length();
        if lifetime > self.max_lifetime {
            return Err(PeerError::Lifetime { id: svid.id, lifetime, max: self.max_lifetime });
        }
        let certificate = Certificate {
            serial: svid.serial,
            fingerprint: hex::encode(digest(&SHA256, &der).as_ref()),
            not_after: certificate::timestamp(svid.window.not_after),
            valid_until: certificate::timestamp(last_second.saturating_add(1)),
            revision: Arc::clone(bundle.revision()),
        };
        Ok(ProvedPeer { id: svid.id, certificate: Some(certificate) })
    }
}

/// What a Check says about its caller.
#[derive(Clone, Copy, Debug)]
pub struct PeerEvidence<'a> {
    /// `attributes.source.certificate`: the leaf, as percent-encoded PEM. Empty if Envoy sent none.
    pub certificate: &'a str,
    /// `attributes.source.principal`: a hint, which must not contradict the certificate. Empty if Envoy sent none.
    pub principal: &'a str,
    /// The header `x-forwarded-client-cert`, entries joined by commas.
    pub xfcc: Option<&'a str>,
}

impl PeerEvidence<'_> {
    /// Whether nothing here speaks for another caller, or for more than one.
    fn agrees_with(&self, id: &SpiffeId) -> Result<(), PeerError> {
        let conflict = |conflict| Err(PeerError::Conflict { id: id.clone(), conflict });
        if !self.principal.is_empty() && !id::is_spelled(id, self.principal) {
            return conflict(Conflict::Principal);
        }
        match self.xfcc.map(xfcc_elements) {
            None | Some(Some(1)) => Ok(()),
            Some(Some(_)) => conflict(Conflict::ElementCount),
            Some(None) => conflict(Conflict::Syntax),
        }
    }
}

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

/// A caller, proved by [`Verifier::verify`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedPeer {
    id: SpiffeId,
    /// Absent if Envoy's word is all there is.
    certificate: Option<Certificate>,
}

impl ProvedPeer {
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
    pub const fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// The first instant at which the proof no longer holds, if it says so itself.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.certificate.as_ref().map(Certificate::valid_until)
    }
}

/// The verified certificate of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    serial: String,
    fingerprint: String,
    not_after: Timestamp,
    valid_until: Timestamp,
    revision: Arc<str>,
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

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
