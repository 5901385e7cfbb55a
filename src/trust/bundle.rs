//! What one trust domain vouches by: its anchors with their bounds, intermediates, and the keys of its tokens, at one revision.

use std::{collections::BTreeSet, fmt, sync::Arc};

use aws_lc_rs::digest::{Context, SHA256};
use rustls_pki_types::{CertificateDer, TrustAnchor};
use spiffe::TrustDomain;

use super::{
    Authority, Fault, LeftOut, MAX_CERTIFICATES, MAX_TEXT, Part, TrustError, authority::Rejected, certificate,
    jwk::JwtKeys, pem,
};
use crate::{clock::Timestamp, hex};

/// The authorities of one trust domain: what its X.509-SVIDs are held against (SPIFFE Trust Domain and Bundle §4).
#[derive(Clone)]
pub struct TrustBundle {
    trust_domain: TrustDomain,
    /// `anchors[i]` is what path building needs of the anchor that `anchor_limits[i]` bounds.
    anchors: Vec<TrustAnchor<'static>>,
    anchor_limits: Vec<Authority>,
    intermediates: Vec<CertificateDer<'static>>,
    intermediate_limits: Vec<Authority>,
    jwt_keys: JwtKeys,
    left_out: Vec<LeftOut>,
    remarks: Vec<String>,
    certificates: Certificates,
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
        let mut bundle = Self::empty(trust_domain);
        bundle.add_pem(Part::Anchors, pem)?;
        match intermediates {
            Some(pem) => bundle.with_intermediates(pem),
            None => Ok(bundle.revised()),
        }
    }

    /// Takes each of `ders` as a trust anchor of `trust_domain`. None withdraws the bundle: nobody is trusted by it.
    ///
    /// A certificate that cannot be an authority is left out, even if no other remains: who publishes a set of certificates no longer
    /// publishes what is not in it.
    ///
    /// # Errors
    /// If one of them is not a certificate, or there are too many.
    pub fn from_authorities(
        trust_domain: TrustDomain,
        ders: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Self, TrustError> {
        let mut bundle = Self::empty(trust_domain);
        let mut room = MAX_TEXT;
        for (certificate, der) in (1..).zip(ders) {
            let fault = |fault| TrustError { part: Part::Anchors, fault };
            if certificate > MAX_CERTIFICATES {
                return Err(fault(Fault::TooMany));
            }
            room = room.checked_sub(der.len()).ok_or_else(|| fault(Fault::TooLarge))?;
            bundle.add(Part::Anchors, certificate, None, der)?;
        }
        Ok(bundle.revised())
    }

    /// The bundle by which nobody is trusted: its source says that there is none.
    pub fn withdrawn(trust_domain: TrustDomain) -> Self {
        Self::empty(trust_domain).revised()
    }

    fn empty(trust_domain: TrustDomain) -> Self {
        Self {
            trust_domain,
            anchors: Vec::new(),
            anchor_limits: Vec::new(),
            intermediates: Vec::new(),
            intermediate_limits: Vec::new(),
            jwt_keys: JwtKeys::default(),
            left_out: Vec::new(),
            remarks: Vec::new(),
            certificates: Certificates::default(),
            revision: Arc::default(),
            stale_at: None,
        }
    }

    /// The same bundle with intermediates that its workloads' certificates may hang on; the rules are those of [`from_pem`](Self::from_pem).
    pub fn with_intermediates(mut self, pem: &[u8]) -> Result<Self, TrustError> {
        self.add_pem(Part::Intermediates, pem)?;
        Ok(self.revised())
    }

    /// The same bundle with the intermediates of `other`.
    pub(crate) fn with_intermediates_of(mut self, other: &Self) -> Self {
        self.intermediates.clone_from(&other.intermediates);
        self.intermediate_limits.clone_from(&other.intermediate_limits);
        other.intermediates.iter().for_each(|der| self.certificates.add(Part::Intermediates, der.to_vec()));
        self.revised()
    }

    /// The same bundle, whose domain's JWT-SVIDs `keys` verify, and no others (SPIFFE Workload API §6.2: the two kinds are never mixed).
    #[must_use]
    pub fn with_jwt_keys(mut self, keys: JwtKeys) -> Self {
        self.jwt_keys = keys;
        self.revised()
    }

    /// A bundle that its source has not given yet: it proves nothing, and is not to be relied on.
    pub fn pending(trust_domain: TrustDomain) -> Self {
        Self::empty(trust_domain).with_stale_at(Some(Timestamp::MIN))
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

    /// The SHA-256, in hex, of the certificates and JWT keys that it was read from, in whatever order and number they came.
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

    /// When the last of its anchors to end begins and ends, from when on no workload of the domain can be verified; absent, if it has none.
    pub fn last_anchor(&self) -> Option<(Timestamp, Timestamp)> {
        let last = self.anchor_limits.iter().map(|anchor| anchor.window).max_by_key(|window| window.not_after)?;
        Some((certificate::timestamp(last.not_before), certificate::timestamp(last.not_after)))
    }

    /// The keys of its domain's JWT-SVIDs.
    pub const fn jwt_keys(&self) -> &JwtKeys {
        &self.jwt_keys
    }

    /// The certificates that were in its source and cannot be authorities.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// What whoever looks after its source should know: all that was left out, one sentence each.
    pub fn remarks(&self) -> impl Iterator<Item = String> {
        self.remarks.iter().cloned().chain(self.left_out.iter().map(ToString::to_string))
    }

    /// The same bundle with further remarks.
    pub(crate) fn with_remarks(mut self, remarks: Vec<String>) -> Self {
        self.remarks.extend(remarks);
        self
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

    pub(crate) fn all_anchor_limits(&self) -> &[Authority] {
        &self.anchor_limits
    }

    pub(crate) fn all_intermediate_limits(&self) -> &[Authority] {
        &self.intermediate_limits
    }

    /// Adds the authorities of one text; what is seen twice is kept once.
    fn add_pem(&mut self, part: Part, text: &[u8]) -> Result<(), TrustError> {
        let error = |fault| TrustError { part, fault };
        if text.len() > MAX_TEXT {
            return Err(error(Fault::TooLarge));
        }
        let blocks = pem::certificates(text, MAX_CERTIFICATES).map_err(|pem| error(Fault::Pem(pem)))?;
        let (mut usable, mut first) = (false, None);
        for (certificate, block) in (1..).zip(blocks) {
            match self.add(part, certificate, Some(block.line), block.der)? {
                None => usable = true,
                Some(left_out) => drop(first.get_or_insert(left_out)),
            }
        }
        match first {
            Some(first) if !usable => Err(error(Fault::NothingUsable(first))),
            // Nothing is what a source says that withdraws its bundle.
            _ => Ok(()),
        }
    }

    /// Adds one certificate, or leaves it out and gives why.
    fn add(
        &mut self,
        part: Part,
        certificate: usize,
        line: Option<usize>,
        der: Vec<u8>,
    ) -> Result<Option<LeftOut>, TrustError> {
        let new = !self.certificates.contains(part, &der);
        let outcome = match part {
            Part::Anchors => Authority::anchor(&der).map(|(limits, anchor)| {
                if new {
                    self.anchors.push(anchor);
                    self.anchor_limits.push(limits);
                }
            }),
            Part::Intermediates => Authority::intermediate(&der).map(|(limits, intermediate)| {
                if new {
                    self.intermediates.push(intermediate);
                    self.intermediate_limits.push(limits);
                }
            }),
        };
        let left_out = match outcome {
            Ok(()) => None,
            Err(Rejected::Unusable(why)) => Some(LeftOut { part, certificate, line, why }),
            Err(Rejected::Malformed) => {
                return Err(TrustError { part, fault: Fault::Malformed { certificate, line } });
            }
        };
        self.left_out.extend(left_out);
        self.certificates.add(part, der);
        Ok(left_out)
    }

    fn revised(mut self) -> Self {
        self.revision = self.certificates.revision(&self.jwt_keys);
        self
    }
}

impl fmt::Debug for TrustBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustBundle")
            .field("trust_domain", &self.trust_domain)
            .field("anchors", &self.anchors.len())
            .field("intermediates", &self.intermediates.len())
            .field("jwt_keys", &self.jwt_keys)
            .field("revision", &self.revision)
            .field("stale_at", &self.stale_at)
            .finish_non_exhaustive()
    }
}

/// The certificates of a bundle, sorted.
#[derive(Clone, Default)]
struct Certificates(BTreeSet<(u8, Vec<u8>)>);

impl Certificates {
    fn contains(&self, part: Part, der: &[u8]) -> bool {
        self.0.iter().any(|(of, known)| *of == part as u8 && known == der)
    }

    fn add(&mut self, part: Part, der: Vec<u8>) {
        self.0.insert((part as u8, der));
    }

    fn revision(&self, jwt_keys: &JwtKeys) -> Arc<str> {
        let mut context = Context::new(&SHA256);
        for (part, der) in &self.0 {
            // DER bounds itself, so this text can be split in one way only.
            context.update(&[*part]);
            context.update(der);
        }
        if !jwt_keys.is_empty() {
            context.update(&[JWT_KEYS]);
            context.update(jwt_keys.revision().as_bytes());
        }
        hex::encode(context.finish().as_ref()).into()
    }
}

/// Stands before the JWT keys where a [`Part`] stands before a certificate.
const JWT_KEYS: u8 = 0xff;
