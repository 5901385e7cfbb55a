//! Who is calling, proved here: Envoy's word decides nothing.
//!
//! Envoy reports a certificate whenever one was presented, validated or not, and never looks at it again while a connection lives. So the
//! certificate is held against the bundle of its own trust domain on every Check.

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use spiffe::SpiffeId;

use crate::{clock::Timestamp, trust::Trust};

use path::Candidates;

pub use chain::{Usage, verify_chain};
pub use error::{Conflict, InvalidSvid, Link, PeerError, Untrusted};
pub use proved::{Assurance, Certificate, ProvedPeer};
pub use xfcc::xfcc_elements;

mod chain;
mod error;
mod evidence;
pub mod id;
mod path;
mod proved;
mod svid;
pub mod xfcc;

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
        let (svid, leaf) = svid::read(&der, Usage::Client)?;
        evidence.agrees_with(&svid.id)?;

        let Some(bundle) = trust.bundle(svid.id.trust_domain()) else {
            return Err(PeerError::Untrusted { id: svid.id, why: Untrusted::TrustDomain });
        };
        let candidates = Candidates::new(bundle, &[])?;
        let peer = chain::prove(&der, svid, &leaf, &candidates, Usage::Client, now)?;
        peer.within(Some(self.max_lifetime))
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

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
