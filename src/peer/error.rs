//! Every way in which a caller is not proved, each with a stable code.

use std::{fmt, time::Duration};

use spiffe::{SpiffeId, TrustDomain};

use crate::{clock::Timestamp, peer::xfcc::XfccError};

pub use invalid::InvalidSvid;
pub use untrusted::Untrusted;

mod invalid;
mod untrusted;

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
        "the bundle of trust domain `{trust_domain}` is stale: its source has not given it yet, or has been gone for longer than `max_stale`"
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
    /// | | `san.no_uri` `san.multiple_uri` `san.invalid_name` `san.mismatch` and `id.*` ([`InvalidId`](super::id::InvalidId)) |
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
