//! Every reason for which nobody who is trusted vouches for a workload, each with a stable code.

use crate::peer::Usage;

/// Why nobody who is trusted vouches for an ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// The trust domain is not listed.
    #[error("its trust domain is not listed in `trust`")]
    TrustDomain,
    /// Envoy's word is all there is, and does not do for this trust domain.
    #[error(
        "nothing but Envoy's word speaks for it, and its trust domain is not listed in `peer.asserted.trust_domains`"
    )]
    NotAsserted,
    /// It is held against the bundle of another trust domain.
    #[error("it is of another trust domain than the one that was asked for")]
    OtherTrustDomain,
    /// There are no anchors at all.
    #[error("the bundle of its trust domain is empty: the source of it vouches for nobody")]
    EmptyBundle,
    /// No path leads to an anchor.
    #[error(
        "no path leads to an anchor of its trust domain; Envoy sends the leaf alone, so if an intermediate issued it, that belongs in `trust[].intermediates` or in the `Chain` of a sanitised `x-forwarded-client-cert`"
    )]
    NoPath,
    /// The anchors are out of their time.
    #[error("the trust anchors that vouch for it are not valid now")]
    NoUsableAnchor,
    /// A signature is wrong.
    #[error("a signature is wrong: it was altered, or another key signed it in the name of its issuer")]
    BadSignature,
    /// A name constraint forbids a name.
    #[error("a CA above it has name constraints that forbid one of its names, or that cannot be read")]
    NameConstraint,
    /// There is a name constraint that path building cannot evaluate.
    #[error(
        "a CA that may stand above it has name constraints on other names than DNS names and IP addresses: these are not supported"
    )]
    NameConstraintUnsupported,
    /// There are more intermediates than allowed.
    #[error("there are more intermediates above it than their CAs allow")]
    PathLength,
    /// An intermediate may not issue certificates for what this one is shown for.
    #[error("an intermediate above it may not issue such certificates: its extended key usage lacks {}", .0.as_str())]
    ExtendedKeyUsage(Usage),
    /// A signature algorithm is not relied on.
    #[error("a signature above it is of a kind that is not relied on")]
    Algorithm,
    /// The search for a path took too long.
    #[error("its bundle has too many paths to search: remove certificates that share a name")]
    SearchLimit,
}

impl Untrusted {
    pub(super) const fn detail(self) -> &'static str {
        match self {
            Self::TrustDomain => "td.not_listed",
            Self::NotAsserted => "td.not_asserted",
            Self::OtherTrustDomain => "td.mismatch",
            Self::EmptyBundle => "td.empty_bundle",
            Self::NoPath => "x509.no_path",
            Self::NoUsableAnchor => "x509.no_usable_anchor",
            Self::BadSignature => "x509.bad_signature",
            Self::NameConstraint => "x509.name_constraint",
            Self::NameConstraintUnsupported => "x509.name_constraint_unsupported",
            Self::PathLength => "x509.path_length",
            Self::ExtendedKeyUsage(_) => "x509.eku",
            Self::Algorithm => "x509.algorithm",
            Self::SearchLimit => "limit.path_search",
        }
    }
}
