//! Who is calling, proved here: Envoy's word decides nothing, unless an administrator lets it for a trust domain.
//!
//! Envoy reports a certificate whenever one was presented, validated or not, and never looks at it again while a connection lives. So the
//! certificate is held against the bundle of its own trust domain on every Check.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rustls_pki_types::CertificateDer;
use spiffe::TrustDomain;

use crate::{clock::Timestamp, lookups::Lookups, trust::Trust};

pub use cache::SvidCache;
pub use chain::{Usage, verify_chain};
pub use error::{Conflict, InvalidSvid, Link, PeerError, Untrusted};
pub use evidence::PeerEvidence;
pub use prefix::IdPrefix;
pub use proved::{Assurance, Certificate, ProvedPeer};
pub use xfcc::xfcc_elements;

pub(crate) use by_prefix::ByPrefix;
pub(crate) use path::ALGORITHMS;

use cache::Key;
use chain::Proof;
use evidence::{Evidence, Texts};
use path::Candidates;

mod by_prefix;
mod cache;
mod chain;
mod constraints;
mod encoding;
mod error;
mod evidence;
pub mod id;
mod path;
mod prefix;
mod proved;
mod svid;
pub mod xfcc;

/// What may speak for a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The evidence that counts. The first that is present decides: if it proves nothing, nothing else does.
    pub evidence: Vec<EvidenceKind>,
    /// Whether Envoy replaces whatever clients send as `x-forwarded-client-cert` (`SANITIZE_SET`); if not, nothing in it is believed.
    pub sanitized: bool,
    /// Whether that header may be in Envoy's JSON format.
    pub json: bool,
    /// The trust domains for whose workloads Envoy's word does.
    pub asserted: BTreeSet<TrustDomain>,
    /// The longest validity of a certificate.
    pub max_lifetime: Duration,
}

impl Rules {
    /// Certificates from Envoy speak for callers, and nothing else does.
    pub fn certificate(max_lifetime: Duration) -> Self {
        Self {
            evidence: vec![EvidenceKind::Certificate],
            sanitized: false,
            json: false,
            asserted: BTreeSet::new(),
            max_lifetime,
        }
    }
}

/// A kind of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceKind {
    /// `source.certificate`, verified here.
    Certificate,
    /// The certificate in a sanitised `x-forwarded-client-cert`, verified here.
    Xfcc,
    /// The URI in a sanitised `x-forwarded-client-cert`: Envoy's word.
    XfccUri,
    /// `source.principal`: Envoy's word.
    Principal,
}

/// Verifies callers.
#[derive(Clone, Debug)]
pub struct Verifier {
    rules: Rules,
    cache: Arc<SvidCache>,
}

impl Verifier {
    /// Verifies callers by `rules`. What it verifies it keeps in `cache`, which other verifiers may share.
    pub const fn new(rules: Rules, cache: Arc<SvidCache>) -> Self {
        Self { rules, cache }
    }

    /// How often a caller was known.
    pub fn lookups(&self) -> &Lookups {
        self.cache.lookups()
    }

    /// Verifies a caller at `now`; the first check that fails is the reason.
    pub fn verify(&self, shown: &PeerEvidence<'_>, trust: &Trust, now: Timestamp) -> Result<ProvedPeer, PeerError> {
        let evidence = Evidence::new(shown, &self.rules);
        let kind = self.rules.evidence.iter().find(|kind| evidence.has(**kind)).ok_or(PeerError::Missing)?;
        match kind {
            EvidenceKind::Certificate => self.verified(&evidence, &evidence.certificate(), trust, now),
            EvidenceKind::Xfcc => self.verified(&evidence, &evidence.xfcc()?, trust, now),
            EvidenceKind::XfccUri => self.asserted(&evidence, evidence.xfcc_uri()?),
            EvidenceKind::Principal => self.asserted(&evidence, shown.principal),
        }
    }

    /// Verifies whoever connects to Hopguard itself, by the certificates that it shows, its own first: against the bundle of its own trust
    /// domain, as a caller's.
    pub fn verify_asker(
        &self,
        chain: &[CertificateDer<'_>],
        trust: &Trust,
        now: Timestamp,
    ) -> Result<ProvedPeer, PeerError> {
        let (leaf, intermediates) = chain.split_first().ok_or(PeerError::Missing)?;
        let (svid, _) = svid::read(leaf, Usage::Client)?;
        let Some(bundle) = trust.bundle(svid.id.trust_domain()) else {
            return Err(PeerError::Untrusted { id: svid.id, why: Untrusted::TrustDomain });
        };
        let intermediates: Vec<&[u8]> = intermediates.iter().map(AsRef::as_ref).collect();
        verify_chain(leaf, &intermediates, Usage::Client, bundle, Some(self.rules.max_lifetime), now)
    }

    /// Proves who a certificate was issued to.
    fn verified(
        &self,
        evidence: &Evidence<'_>,
        texts: &Texts<'_>,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<ProvedPeer, PeerError> {
        let key = Key::of([texts.leaf, texts.cert, texts.chain]);
        let peer = match self.cache.get(&key, trust, now) {
            Some(peer) => {
                evidence.agrees(peer.id(), peer.certificate().map(Certificate::fingerprint))?;
                peer
            }
            None => {
                let proof = prove(evidence, texts, trust, now)?;
                self.cache.keep(key, &proof);
                proof.peer
            }
        };
        peer.within(Some(self.rules.max_lifetime))
    }

    /// Takes Envoy's word for a caller of a trust domain for which that does.
    fn asserted(&self, evidence: &Evidence<'_>, id: &str) -> Result<ProvedPeer, PeerError> {
        let id = id::parse_workload(id).map_err(InvalidSvid::from)?;
        evidence.agrees(&id, None)?;
        if !self.rules.asserted.contains(id.trust_domain()) {
            return Err(PeerError::Untrusted { id, why: Untrusted::NotAsserted });
        }
        Ok(ProvedPeer::asserted(id))
    }
}

/// Proves who a certificate was issued to, from the texts themselves.
fn prove(evidence: &Evidence<'_>, texts: &Texts<'_>, trust: &Trust, now: Timestamp) -> Result<Proof, PeerError> {
    let der = CertificateDer::from(texts.leaf()?);
    let (svid, leaf) = svid::read(&der, Usage::Client)?;
    let Some(presented) = texts.intermediates(&der)? else {
        return Err(PeerError::Conflict { id: Some(svid.id), conflict: Conflict::Certificate });
    };
    evidence.agrees(&svid.id, Some(&svid.fingerprint))?;
    let Some(bundle) = trust.bundle(svid.id.trust_domain()) else {
        return Err(PeerError::Untrusted { id: svid.id, why: Untrusted::TrustDomain });
    };
    let candidates = Candidates::new(bundle, presented.iter().map(Vec::as_slice));
    chain::prove(svid, &leaf, &candidates, Usage::Client, now)
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
