//! A path from a leaf to an anchor of its own trust domain counts only if every certificate on it, anchor included, is valid now (RFC 5280 §6).
//!
//! Path building leaves three things open that are closed here: an anchor's validity and path length are never looked at, and a
//! certificate out of its time is reported before it is known whether anybody vouches for it.

use std::{borrow::Cow, cell::Cell, cmp::Reverse, time::Duration};

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, VerifiedPath, aws_lc_rs as algorithm};

use crate::{
    peer::{InvalidSvid, Link, PeerError, Untrusted, Usage, constraints, svid::Svid},
    trust::{
        Authority, TrustBundle,
        certificate::{Window, timestamp},
    },
};

/// A path that is valid now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// The last second in which all of it is.
    pub(super) last_second: u64,
    /// The seconds around now in which no certificate begins or ends that the path could be made of: in all of them, this one is found.
    pub(super) steady: Window,
}

/// Finds a path that is valid at `now`.
pub(super) fn verify(
    leaf: &EndEntityCert<'_>,
    svid: &Svid,
    candidates: &Candidates<'_>,
    usage: Usage,
    now: u64,
) -> Result<Found, PeerError> {
    let untrusted = |why| PeerError::Untrusted { id: svid.id.clone(), why };
    let search = Search { leaf, window: svid.window, candidates, usage, now, anchor_ended: Cell::new(false) };
    match search.at(now) {
        Ok(path) => Ok(Found {
            last_second: path.iter().map(|(_, window)| window.not_after).min().unwrap_or(0),
            steady: search.steady(),
        }),
        Err(error) if is_about_time(&error) => match search.at_any_time() {
            Ok(path) => Err(out_of_time(svid, &path, now)),
            Err(error) => Err(untrusted(search.why(&error))),
        },
        Err(error) => Err(untrusted(search.why(&error))),
    }
}

/// What a path may be made of: the anchors of one bundle, its intermediates, and those that came with the leaf.
pub(super) struct Candidates<'a> {
    bundle: &'a TrustBundle,
    /// `intermediates[i]` is valid as `limits[i]` says.
    intermediates: Cow<'a, [CertificateDer<'static>]>,
    limits: Cow<'a, [Authority]>,
}

impl<'a> Candidates<'a> {
    /// Adds to the intermediates of `bundle` those of `presented` that can be authorities; anybody may have chosen these.
    ///
    /// A search among certificates that lead to no anchor can be made as long as path building allows, which is seconds. So one is added
    /// only if, by name, it was issued by an anchor, by an intermediate of `bundle`, or by one that was added.
    pub(super) fn new<'b>(bundle: &'a TrustBundle, presented: impl Iterator<Item = &'b [u8]>) -> Self {
        let mut candidates = Self {
            bundle,
            intermediates: Cow::Borrowed(bundle.intermediates()),
            limits: Cow::Borrowed(bundle.all_intermediate_limits()),
        };
        let mut waiting: Vec<_> = presented.filter_map(|der| Authority::intermediate(der).ok()).collect();
        let mut left = usize::MAX;
        while waiting.len() < left {
            left = waiting.len();
            waiting.retain(|(limits, der)| {
                let leads = candidates.has_issuer_of(der);
                if leads && !candidates.intermediates.contains(der) {
                    candidates.intermediates.to_mut().push(der.clone());
                    candidates.limits.to_mut().push(*limits);
                }
                !leads
            });
        }
        candidates
    }

    /// Whether an anchor or one of the intermediates has the name of who issued `der`.
    fn has_issuer_of(&self, der: &CertificateDer<'_>) -> bool {
        let Ok(certificate) = EndEntityCert::try_from(der) else { return false };
        let issuer = certificate.issuer();
        let named = |der: &CertificateDer<'_>| EndEntityCert::try_from(der).is_ok_and(|it| it.subject() == issuer);
        self.bundle.anchors().iter().any(|anchor| anchor.subject.as_ref() == issuer)
            || self.intermediates.iter().any(named)
    }

    pub(super) const fn bundle(&self) -> &'a TrustBundle {
        self.bundle
    }

    /// Whether one of them constrains names that path building takes for a violation of any constraint on their kind.
    fn constrains_other_names(&self) -> bool {
        let mut anchors = self.bundle.anchors().iter();
        anchors.any(constraints::of_anchor) || self.intermediates.iter().any(|der| constraints::of_intermediate(der))
    }

    /// The bounds of the intermediate `der`, which is one of these.
    fn intermediate_limits(&self, der: &[u8]) -> Option<&Authority> {
        let index = self.intermediates.iter().position(|candidate| candidate.as_ref() == der)?;
        self.limits.get(index)
    }
}

/// A search for paths from one leaf to the anchors of one bundle that are valid now.
struct Search<'a> {
    leaf: &'a EndEntityCert<'a>,
    window: Window,
    candidates: &'a Candidates<'a>,
    usage: Usage,
    now: u64,
    /// Whether a path was found that ends at an anchor out of its time.
    anchor_ended: Cell<bool>,
}

/// The certificates of a path and when they are valid, the leaf first.
type Path = Vec<(Link, Window)>;

impl Search<'_> {
    /// Finds a path whose leaf and intermediates are valid at `second`, whatever that is, and whose anchor is valid now.
    fn at(&self, second: u64) -> Result<Path, Error> {
        let path = self.leaf.verify_for_usage(
            ALGORITHMS,
            self.candidates.bundle.anchors(),
            &self.candidates.intermediates,
            UnixTime::since_unix_epoch(Duration::from_secs(second)),
            self.usage.required(),
            None,
            Some(&|path: &VerifiedPath<'_>| self.allows(path).map(drop)),
        )?;
        let mut links = vec![(Link::Leaf, self.window)];
        for intermediate in path.intermediate_certificates() {
            let limits = self.candidates.intermediate_limits(&intermediate.der()).ok_or(Error::UnknownIssuer)?;
            links.push((Link::Intermediate, limits.window));
        }
        links.push((Link::Anchor, self.allows(&path)?));
        Ok(links)
    }

    /// Finds a path whose leaf and intermediates were or will be valid together.
    ///
    /// Windows that meet at all do so at the latest of their beginnings. The most recent ones are tried, as many as a hostile caller may cost.
    fn at_any_time(&self) -> Result<Path, Error> {
        let beginnings = self.candidates.limits.iter().map(|limits| limits.window.not_before);
        let mut instants: Vec<_> = beginnings.filter(|&begin| self.window.contains(begin)).collect();
        instants.sort_unstable_by_key(|&begin| Reverse(begin));
        instants.dedup();
        instants.truncate(MAX_INSTANTS);
        for instant in instants {
            match self.at(instant) {
                Ok(path) => return Ok(path),
                Err(error) if is_about_effort(&error) => return Err(error),
                Err(_) => {}
            }
        }
        self.at(self.window.not_before)
    }

    /// The seconds around now in which every certificate is what it is now: valid, or not.
    fn steady(&self) -> Window {
        let bundle = self.candidates.bundle;
        let authorities = bundle.all_anchor_limits().iter().chain(&*self.candidates.limits);
        let windows = authorities.map(|authority| authority.window).chain([self.window]);
        let changes = windows.flat_map(|window| [window.not_before, window.not_after.saturating_add(1)]);
        changes.fold(Window { not_before: 0, not_after: u64::MAX }, |steady, change| {
            if change <= self.now {
                Window { not_before: steady.not_before.max(change), ..steady }
            } else {
                Window { not_after: steady.not_after.min(change.saturating_sub(1)), ..steady }
            }
        })
    }

    /// Holds a path against the limits of its anchor, and gives the time in which that is valid.
    fn allows(&self, path: &VerifiedPath<'_>) -> Result<Window, Error> {
        let anchor: &TrustAnchor<'_> = path.anchor();
        let limits = self.candidates.bundle.anchor_limits(anchor).ok_or(Error::UnknownIssuer)?;
        let below = path.intermediate_certificates().count();
        if limits.path_len.is_some_and(|max| usize::try_from(max).is_ok_and(|max| below > max)) {
            return Err(Error::PathLenConstraintViolated);
        }
        if !limits.window.contains(self.now) {
            self.anchor_ended.set(true);
            return Err(Error::UnknownIssuer);
        }
        Ok(limits.window)
    }

    /// Why there is no path, for those who have to do something about it.
    fn why(&self, error: &Error) -> Untrusted {
        match error {
            _ if self.anchor_ended.get() || !self.candidates.bundle.is_usable(timestamp(self.now)) => {
                Untrusted::NoUsableAnchor
            }
            Error::InvalidSignatureForPublicKey => Untrusted::BadSignature,
            Error::NameConstraintViolation if self.candidates.constrains_other_names() => {
                Untrusted::NameConstraintUnsupported
            }
            Error::NameConstraintViolation | Error::MalformedNameConstraint | Error::InvalidNetworkMaskConstraint => {
                Untrusted::NameConstraint
            }
            Error::PathLenConstraintViolated | Error::MaximumPathDepthExceeded => Untrusted::PathLength,
            Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => Untrusted::ExtendedKeyUsage(self.usage),
            Error::UnsupportedSignatureAlgorithmContext(_)
            | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Untrusted::Algorithm,
            error if is_about_effort(error) => Untrusted::SearchLimit,
            _ => Untrusted::NoPath,
        }
    }
}

const fn is_about_time(error: &Error) -> bool {
    matches!(error, Error::CertExpired { .. } | Error::CertNotValidYet { .. })
}

const fn is_about_effort(error: &Error) -> bool {
    matches!(
        error,
        Error::MaximumSignatureChecksExceeded
            | Error::MaximumPathBuildCallsExceeded
            | Error::MaximumNameConstraintComparisonsExceeded
    )
}

/// What keeps `path`, which is sound, from being valid at `now`: what has yet to begin before what has ended, the leaf before the rest.
fn out_of_time(svid: &Svid, path: &Path, now: u64) -> PeerError {
    if let Some((link, window)) = path.iter().find(|(_, window)| now < window.not_before) {
        return InvalidSvid::NotYetValid { link: *link, not_before: timestamp(window.not_before) }.into();
    }
    let ended = path.iter().find(|(_, window)| window.not_after < now);
    let (link, not_after) =
        ended.map_or((Link::Leaf, svid.window.not_after), |(link, window)| (*link, window.not_after));
    PeerError::Expired { id: svid.id.clone(), link, not_after: timestamp(not_after) }
}

/// What a signature may be made with: ECDSA on P-256, P-384 and P-521, Ed25519, and RSA from 2048 bits (PKCS #1 v1.5 and PSS), each with
/// SHA-256, SHA-384 or SHA-512. Never SHA-1; not yet ML-DSA, which no SPIFFE issuer offers.
pub(crate) static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[
    algorithm::ECDSA_P256_SHA256,
    algorithm::ECDSA_P256_SHA384,
    algorithm::ECDSA_P256_SHA512,
    algorithm::ECDSA_P384_SHA256,
    algorithm::ECDSA_P384_SHA384,
    algorithm::ECDSA_P384_SHA512,
    algorithm::ECDSA_P521_SHA256,
    algorithm::ECDSA_P521_SHA384,
    algorithm::ECDSA_P521_SHA512,
    algorithm::ED25519,
    algorithm::RSA_PKCS1_2048_8192_SHA256,
    algorithm::RSA_PKCS1_2048_8192_SHA384,
    algorithm::RSA_PKCS1_2048_8192_SHA512,
    algorithm::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithm::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithm::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];

const MAX_INSTANTS: usize = 8;
