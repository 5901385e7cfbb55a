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
    pub fn verify(
        &self,
        evidence: &PeerEvidence<'_>,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<VerifiedPeer, PeerError> {
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
        Ok(VerifiedPeer {
            id: svid.id,
            serial: svid.serial,
            fingerprint: hex::encode(digest(&SHA256, &der).as_ref()),
            not_after: certificate::timestamp(svid.window.not_after),
            valid_until: certificate::timestamp(last_second.saturating_add(1)),
            revision: Arc::clone(bundle.revision()),
        })
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

/// A caller whose certificate was verified, by [`Verifier::verify`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPeer {
    id: SpiffeId,
    serial: String,
    fingerprint: String,
    not_after: Timestamp,
    valid_until: Timestamp,
    revision: Arc<str>,
}

impl VerifiedPeer {
    /// The SPIFFE ID of the workload.
    pub const fn id(&self) -> &SpiffeId {
        &self.id
    }

    /// Its trust domain: the same path in two domains is two workloads.
    pub const fn trust_domain(&self) -> &TrustDomain {
        self.id.trust_domain()
    }

    /// The serial number of its certificate, in lower-case hex without separators.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The SHA-256 of its certificate, in lower-case hex.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The last second of its certificate.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The first instant at which a certificate that this proof rests on, from the leaf to the anchor, is no longer valid.
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
