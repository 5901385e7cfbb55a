//! Each trust domain vouches for its own workloads only: there is one bundle per domain, and bundles never meet.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use aws_lc_rs::digest::{Context, SHA256};
use rustls_pki_types::{CertificateDer, TrustAnchor};
use spiffe::TrustDomain;

use crate::{clock::Timestamp, hex};

pub use authority::Why;
pub use fault::{Fault, LeftOut, Part, TrustError};
pub use pem::PemError;
pub use source::{PemSource, SourceError};

pub(crate) use authority::Authority;
use authority::{Reading, Rejected};

mod authority;
pub(crate) mod certificate;
mod fault;
pub mod jwk;
pub mod pem;
mod source;

/// The bundles of all trust domains that are trusted, and of no other.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    bundles: BTreeMap<TrustDomain, Arc<TrustBundle>>,
}

impl Trust {
    /// Trusts each of `bundles` for its own domain; of two for one domain neither would be right.
    pub fn new(bundles: impl IntoIterator<Item = Arc<TrustBundle>>) -> Result<Self, DuplicateTrustDomain> {
        let mut map = BTreeMap::new();
        for bundle in bundles {
            let trust_domain = bundle.trust_domain.clone();
            if map.insert(trust_domain.clone(), bundle).is_some() {
                return Err(DuplicateTrustDomain(trust_domain));
            }
        }
        Ok(Self { bundles: map })
    }

    /// The bundle of `trust_domain`, if that is trusted.
    pub fn bundle(&self, trust_domain: &TrustDomain) -> Option<&Arc<TrustBundle>> {
        self.bundles.get(trust_domain)
    }

    /// All bundles, in the order of their trust domains.
    pub fn bundles(&self) -> impl Iterator<Item = &Arc<TrustBundle>> {
        self.bundles.values()
    }
}

/// Two bundles for one trust domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are two bundles for the trust domain `{0}`")]
pub struct DuplicateTrustDomain(pub TrustDomain);

/// The authorities of one trust domain: what its X.509-SVIDs are held against (SPIFFE Trust Domain and Bundle §4).
#[derive(Clone)]
pub struct TrustBundle {
    trust_domain: TrustDomain,
    /// `anchors[i]` is what path building needs of the anchor that `anchor_limits[i]` bounds.
    anchors: Vec<TrustAnchor<'static>>,
    anchor_limits: Vec<Authority>,
    intermediates: Vec<CertificateDer<'static>>,
    intermediate_limits: Vec<Authority>,
    left_out: Vec<LeftOut>,
    revision: Arc<str>,
    stale_at: Option<Timestamp>,
}

impl TrustBundle {
    /// Reads the trust anchors of `trust_domain`, and intermediates that its workloads' certificates may hang on.
    ///
    /// A certificate that cannot be an authority is left out, and listed in [`left_out`](Self::left_out). A text that is not PEM of
    /// certificates, or of none that is an authority, is an error: such a file is more likely broken than meant. An empty one is meant: it
    /// withdraws the bundle, and nobody is trusted by it.
    pub fn from_pem(trust_domain: TrustDomain, pem: &[u8], intermediates: Option<&[u8]>) -> Result<Self, TrustError> {
        let mut left_out = Vec::new();
        let mut revision = Revision::default();
        let anchors = read(Part::Anchors, pem, Authority::anchor, &mut revision, &mut left_out)?;
        let intermediates = match intermediates {
            Some(pem) => read(Part::Intermediates, pem, Authority::intermediate, &mut revision, &mut left_out)?,
            None => Vec::new(),
        };
        let (anchor_limits, anchors) = anchors.into_iter().unzip();
        let (intermediate_limits, intermediates) = intermediates.into_iter().unzip();
        Ok(Self {
            trust_domain,
            anchors,
            anchor_limits,
            intermediates,
            intermediate_limits,
            left_out,
            revision: revision.finish(),
            stale_at: None,
        })
    }

    /// The same bundle, not to be relied on from `stale_at` on: its source has gone away. `None`: it is back.
    #[must_use]
    pub fn with_stale_at(mut self, stale_at: Option<Timestamp>) -> Self {
        self.stale_at = stale_at;
        self
    }

    /// The trust domain that it is about.
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The SHA-256, in hex, of the certificates that it was read from, in whatever order and number they came.
    pub const fn revision(&self) -> &Arc<str> {
        &self.revision
    }

    /// When it ceases to be relied on, if its source has gone away.
    pub const fn stale_at(&self) -> Option<Timestamp> {
        self.stale_at
    }

    /// Whether it is not to be relied on at `now`.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.stale_at.is_some_and(|stale_at| now >= stale_at)
    }

    /// Whether one of its anchors is valid at `now`; without one, no workload of the domain can be verified.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        let now = certificate::seconds(now);
        self.anchor_limits.iter().any(|anchor| anchor.window.contains(now))
    }

    /// The certificates that were in its source and cannot be authorities.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    pub(crate) fn intermediates(&self) -> &[CertificateDer<'static>] {
        &self.intermediates
    }

    /// The bounds of `anchor`, which is one of [`anchors`](Self::anchors): that very one, as two may differ in their bounds alone.
    pub(crate) fn anchor_limits(&self, anchor: &TrustAnchor<'_>) -> Option<&Authority> {
        let index = self.anchors.iter().position(|candidate| std::ptr::addr_eq(candidate, anchor))?;
        self.anchor_limits.get(index)
    }

    pub(crate) fn intermediate_limits(&self) -> &[Authority] {
        &self.intermediate_limits
    }
}

impl fmt::Debug for TrustBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustBundle")
            .field("trust_domain", &self.trust_domain)
            .field("anchors", &self.anchors.len())
            .field("intermediates", &self.intermediates.len())
            .field("revision", &self.revision)
            .field("stale_at", &self.stale_at)
            .finish_non_exhaustive()
    }
}

/// Reads the authorities of one text; what is seen twice is kept once.
fn read<T>(
    part: Part,
    text: &[u8],
    authority: fn(&[u8]) -> Reading<T>,
    revision: &mut Revision,
    left_out: &mut Vec<LeftOut>,
) -> Result<Vec<(Authority, T)>, TrustError> {
    let error = |fault| TrustError { part, fault };
    if text.len() > MAX_TEXT {
        return Err(error(Fault::TooLarge));
    }
    let blocks = pem::certificates(text, MAX_CERTIFICATES).map_err(|pem| error(Fault::Pem(pem)))?;
    let mut authorities = Vec::new();
    let mut first = None;
    for (certificate, block) in (1..).zip(blocks) {
        match authority(&block.der) {
            Err(Rejected::Malformed) => {
                return Err(error(Fault::Malformed { certificate, line: block.line }));
            }
            Err(Rejected::Unusable(why)) => {
                let rejected = LeftOut { part, certificate, line: block.line, why };
                first.get_or_insert(rejected);
                left_out.push(rejected);
                revision.add(part, block.der);
            }
            Ok(read) => {
                if revision.add(part, block.der) {
                    authorities.push(read);
                }
            }
        }
    }
    match (authorities.is_empty(), first) {
        (false, _) => Ok(authorities),
        (true, Some(first)) => Err(error(Fault::NothingUsable(first))),
        // Nothing is what a source says that withdraws its bundle.
        (true, None) => Ok(authorities),
    }
}

/// The certificates of a bundle, sorted.
#[derive(Default)]
struct Revision(BTreeSet<(u8, Vec<u8>)>);

impl Revision {
    /// Adds a certificate; false if it is there already.
    fn add(&mut self, part: Part, der: Vec<u8>) -> bool {
        self.0.insert((part as u8, der))
    }

    fn finish(self) -> Arc<str> {
        let mut context = Context::new(&SHA256);
        for (part, der) in &self.0 {
            // DER bounds itself, so this text can be split in one way only.
            context.update(&[*part]);
            context.update(der);
        }
        hex::encode(context.finish().as_ref()).into()
    }
}

const MAX_TEXT: usize = 1024 * 1024;
const MAX_CERTIFICATES: usize = 100;

#[cfg(test)]
mod tests;
