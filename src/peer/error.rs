//! Every way in which a caller is not proved, each with a stable code.

use std::{fmt, time::Duration};

use spiffe::{SpiffeId, TrustDomain};

use crate::{
    clock::Timestamp,
    peer::{Usage, id::InvalidId, xfcc::XfccError},
};

/// Why a caller is not proved: one variant for each reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// There is no evidence (`peer_missing`).
    #[error(
        "nothing that `peer.evidence` lists is there: Envoy sends the certificate of the caller under mutual TLS, with `include_peer_certificate: true`"
    )]
    Missing,
    /// The certificate is not an X.509-SVID, or not yet (`peer_invalid`).
    #[error(transparent)]
    Invalid(#[from] InvalidSvid),
    /// Something else in the Check speaks for another caller (`peer_conflict`).
    #[error("{}{conflict}", claim(.id.as_ref()))]
    Conflict {
        /// The ID that is contradicted, if it is known by then.
        id: Option<SpiffeId>,
        /// What contradicts it.
        conflict: Conflict,
    },
    /// Nobody who is trusted vouches for the ID (`peer_untrusted`).
    #[error("`{id}` is not trusted: {why}")]
    Untrusted {
        /// The ID that the certificate claims.
        id: SpiffeId,
        /// Why not.
        why: Untrusted,
    },
    /// The bundle of the trust domain is too old to be relied on (`trust_stale`).
    #[error(
        "the bundle of trust domain `{trust_domain}` is stale: its source has been gone for longer than `max_stale`"
    )]
    Stale {
        /// The trust domain.
        trust_domain: TrustDomain,
    },
    /// The certificate, or an intermediate above it, has ended (`peer_expired`).
    #[error("{link} of `{id}` ended at {not_after}")]
    Expired {
        /// The ID that the certificate was for.
        id: SpiffeId,
        /// Which certificate.
        link: Link,
        /// Its last second.
        not_after: Timestamp,
    },
    /// The certificate was issued for too long (`peer_lifetime`).
    #[error("the certificate of `{id}` is valid for {}s in all, more than the {}s of `peer.max_lifetime`", .lifetime.as_secs(), .max.as_secs())]
    Lifetime {
        /// The ID.
        id: SpiffeId,
        /// The whole validity.
        lifetime: Duration,
        /// The bound.
        max: Duration,
    },
}

impl PeerError {
    /// The stable code, below the reason of the denial.
    ///
    /// | reason | `detail` |
    /// |---|---|
    /// | `peer_missing` | `evidence.absent` |
    /// | `peer_invalid` | `evidence.encoding` `evidence.pem` `evidence.several` `limit.cert_size` `limit.chain_length` |
    /// | | `xfcc.no_cert` `xfcc.no_hash` `xfcc.no_uri` `cert.malformed` `cert.duplicate_ext` |
    /// | | `san.no_uri` `san.multiple_uri` `san.invalid_name` `san.mismatch` and `id.*` ([`InvalidId`]) |
    /// | | `leaf.basic_constraints` `leaf.is_ca` `leaf.key_usage` `leaf.weak_key` `x509.eku` `x509.critical_ext` `x509.not_yet_valid` |
    /// | `peer_conflict` | `evidence.conflict` `san.multiple_uri` `xfcc.hash` and [`XfccError`]'s: |
    /// | | `xfcc.element_count` `xfcc.syntax` `xfcc.duplicate_key` `xfcc.json` `limit.xfcc` |
    /// | `peer_untrusted` | `td.not_listed` `td.not_asserted` `td.mismatch` `td.empty_bundle` `x509.no_path` `x509.no_usable_anchor` |
    /// | | `x509.bad_signature` `x509.name_constraint` `x509.name_constraint_unsupported` `x509.path_length` `x509.eku` |
    /// | | `x509.algorithm` `limit.path_search` |
    /// | `trust_stale` | `td.stale` |
    /// | `peer_expired` | `x509.expired` |
    /// | `peer_lifetime` | `leaf.lifetime` |
    pub const fn detail(&self) -> &'static str {
        match self {
            Self::Missing => "evidence.absent",
            Self::Invalid(invalid) => invalid.detail(),
            Self::Conflict { conflict, .. } => conflict.detail(),
            Self::Untrusted { why, .. } => why.detail(),
            Self::Stale { .. } => "td.stale",
            Self::Expired { .. } => "x509.expired",
            Self::Lifetime { .. } => "leaf.lifetime",
        }
    }
}

fn claim(id: Option<&SpiffeId>) -> String {
    id.map(|id| format!("the caller shows itself to be `{id}`, but ")).unwrap_or_default()
}

/// Why a certificate is not an X.509-SVID of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSvid {
    /// The certificate has more than 16 KiB.
    #[error("the certificate has more than 16 KiB")]
    TooLarge,
    /// What should be a certificate is not percent-encoded.
    #[error("the certificate is not percent-encoded the way Envoy does it")]
    Encoding,
    /// What should be a certificate is not PEM of one.
    #[error("the certificate is not PEM of a certificate")]
    Pem,
    /// What should be a certificate is more than one.
    #[error("there is more than one certificate where one is expected")]
    Several,
    /// `x-forwarded-client-cert` has no certificate.
    #[error(
        "`x-forwarded-client-cert` has neither `Cert` nor `Chain`: set `set_current_client_cert_details: {{cert: true, chain: true}}` in Envoy"
    )]
    NoXfccCertificate,
    /// `x-forwarded-client-cert` has no hash.
    #[error("`x-forwarded-client-cert` has no `Hash`, which Envoy always writes")]
    NoXfccHash,
    /// `x-forwarded-client-cert` has no URI.
    #[error("`x-forwarded-client-cert` has no `URI`: set `set_current_client_cert_details: {{uri: true}}` in Envoy")]
    NoXfccUri,
    /// More than ten intermediates came with the certificate.
    #[error("more than ten intermediates came with the certificate")]
    ChainLength,
    /// The certificate is not DER, or says things that exclude each other.
    #[error("the certificate is malformed")]
    Malformed,
    /// An extension occurs twice.
    #[error("an extension of the certificate occurs twice")]
    DuplicateExtension,
    /// No subject alternative name is a URI.
    #[error("the certificate has no URI among its subject alternative names, so it names no workload")]
    NoUri,
    /// Several subject alternative names are URIs.
    #[error("the certificate has more than one URI among its subject alternative names")]
    SeveralUris,
    /// A subject alternative name cannot be read.
    #[error("a subject alternative name of the certificate cannot be read")]
    InvalidName,
    /// Two parsers see different URIs.
    #[error("the URI among the subject alternative names of the certificate is encoded ambiguously")]
    NameMismatch,
    /// The URI, or what Envoy gives for it, is not the SPIFFE ID of a workload.
    #[error("what names the caller is not the SPIFFE ID of a workload: {0}")]
    Id(#[from] InvalidId),
    /// There are no basic constraints.
    #[error("the certificate has no basic constraints, so it does not say that it is a leaf")]
    NoBasicConstraints,
    /// The certificate is a CA's.
    #[error("the certificate is that of a CA, which cannot be a caller")]
    Ca,
    /// There is no key usage.
    #[error("the certificate has no key usage")]
    NoKeyUsage,
    /// The key usage lacks `digitalSignature`.
    #[error("the key usage of the certificate lacks digitalSignature")]
    CannotAuthenticate,
    /// The key usage has `keyCertSign` or `cRLSign`.
    #[error("the key usage of the certificate has keyCertSign or cRLSign, which a leaf must not have")]
    MaySign,
    /// The extended key usage is there, and lacks the one that the certificate is shown for.
    #[error("the extended key usage of the certificate lacks {}", .0.as_str())]
    ExtendedKeyUsage(Usage),
    /// The key is too short, or of a kind that is not relied on.
    #[error("the key of the certificate is not RSA of 2048 bits or more, ECDSA P-256, P-384 or P-521, or Ed25519")]
    WeakKey,
    /// A critical extension is not known here.
    #[error("the certificate has a critical extension that is not supported")]
    CriticalExtension,
    /// The certificate, or an intermediate above it, has yet to begin.
    #[error("{link} begins at {not_before}, which lies ahead: clocks may differ")]
    NotYetValid {
        /// Which certificate.
        link: Link,
        /// Its first second.
        not_before: Timestamp,
    },
}

impl InvalidSvid {
    const fn detail(&self) -> &'static str {
        match self {
            Self::TooLarge => "limit.cert_size",
            Self::Encoding => "evidence.encoding",
            Self::Pem => "evidence.pem",
            Self::Several => "evidence.several",
            Self::NoXfccCertificate => "xfcc.no_cert",
            Self::NoXfccHash => "xfcc.no_hash",
            Self::NoXfccUri => "xfcc.no_uri",
            Self::ChainLength => "limit.chain_length",
            Self::Malformed => "cert.malformed",
            Self::DuplicateExtension => "cert.duplicate_ext",
            Self::NoUri => "san.no_uri",
            Self::SeveralUris => "san.multiple_uri",
            Self::InvalidName => "san.invalid_name",
            Self::NameMismatch => "san.mismatch",
            Self::Id(id) => id.detail(),
            Self::NoBasicConstraints => "leaf.basic_constraints",
            Self::Ca => "leaf.is_ca",
            Self::NoKeyUsage | Self::CannotAuthenticate | Self::MaySign => "leaf.key_usage",
            Self::ExtendedKeyUsage(_) => "x509.eku",
            Self::WeakKey => "leaf.weak_key",
            Self::CriticalExtension => "x509.critical_ext",
            Self::NotYetValid { .. } => "x509.not_yet_valid",
        }
    }
}

/// What contradicts who the caller shows itself to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// `source.principal` is another.
    #[error("`source.principal` is another")]
    Principal,
    /// The URI in `x-forwarded-client-cert` is another.
    #[error("the `URI` in `x-forwarded-client-cert` is another")]
    Uri,
    /// There are several URIs in `x-forwarded-client-cert`.
    #[error("`x-forwarded-client-cert` has more than one `URI`")]
    SeveralUris,
    /// The hash in `x-forwarded-client-cert` is not that of the certificate.
    #[error("the `Hash` in `x-forwarded-client-cert` is not that of the certificate")]
    Hash,
    /// The certificates in `x-forwarded-client-cert` begin with another one.
    #[error("`Cert` or the first of `Chain` in `x-forwarded-client-cert` is another certificate")]
    Certificate,
    /// `x-forwarded-client-cert` cannot be read as one element.
    #[error(transparent)]
    Xfcc(#[from] XfccError),
}

impl Conflict {
    const fn detail(self) -> &'static str {
        match self {
            Self::Principal | Self::Uri | Self::Certificate => "evidence.conflict",
            Self::SeveralUris => "san.multiple_uri",
            Self::Hash => "xfcc.hash",
            Self::Xfcc(error) => error.detail(),
        }
    }
}

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
        "no path leads to an anchor of its trust domain; Envoy sends the leaf alone, so if an intermediate issued it, that belongs in `trust[].intermediates`"
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
    const fn detail(self) -> &'static str {
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

/// A certificate's place on its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The caller's own.
    Leaf,
    /// One that issued it, or that which did.
    Intermediate,
    /// The trust anchor.
    Anchor,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leaf => "the certificate",
            Self::Intermediate => "an intermediate",
            Self::Anchor => "the trust anchor",
        })
    }
}
