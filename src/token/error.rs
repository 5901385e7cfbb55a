//! Every way in which a token is not relied on, each with a stable code; none says anything of the token that is secret.

use std::{fmt, time::Duration};

use spiffe::TrustDomain;

use crate::{clock::Timestamp, json::JsonError, peer::id::InvalidId, trust::jwk::Algorithm};

pub use claim::Claim;

mod claim;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A JWT-SVID: which workload it is.
    JwtSvid,
    /// A transaction token: what a call chain is for.
    Transaction,
    /// A token of a configured issuer: which person it is.
    Oidc,
}

impl Kind {
    /// The word for it in configuration, policies and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JwtSvid => "jwt_svid",
            Self::Transaction => "transaction",
            Self::Oidc => "oidc",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JwtSvid => "JWT-SVID",
            Self::Transaction => "transaction token",
            Self::Oidc => "OIDC token",
        })
    }
}

/// A token that was required or presented, and is not relied on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {kind} {why}")]
pub struct TokenError {
    /// What it was taken for.
    pub kind: Kind,
    /// What is wrong.
    pub why: Why,
}

impl TokenError {
    /// The stable code, below the reason of the denial.
    ///
    /// | reason | `detail` |
    /// |---|---|
    /// | `token_missing` | `jwt.absent` |
    /// | `token_malformed` | `jwt.scheme` `limit.token` `jwt.format` `jwt.header` `jwt.alg` `jwt.kid` `jwt.typ` `jwt.json` `jwt.several` |
    /// | | `jwt.sub` `jwt.aud` `jwt.exp` `jwt.iat` `jwt.nbf` `jwt.iss` `jwt.jti` `jwt.txn` `jwt.scope` `jwt.req_wl` `jwt.tctx` `jwt.rctx` |
    /// | | and `id.*` ([`InvalidId`]) of `sub` and `req_wl` |
    /// | `token_untrusted` | `td.not_listed` `jwt.iss` `jwt.no_keys` `jwt.unknown_key` `jwt.alg` |
    /// | `trust_stale` | `td.stale` `jwt.stale_keys` |
    /// | `token_signature` | `jwt.signature` |
    /// | `token_not_yet_valid` | `jwt.iat` `jwt.nbf` |
    /// | `token_expired` | `jwt.expired` |
    /// | `token_lifetime` | `jwt.lifetime` |
    /// | `token_audience` | `jwt.aud` |
    pub const fn detail(&self) -> &'static str {
        self.why.detail()
    }
}

/// What is wrong with a token: one variant for each reason, in the order in which they are looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// There is none (`token_missing`).
    #[error("is required, and there is none")]
    Missing,
    /// It cannot be read (`token_malformed`).
    #[error("is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// Nobody who is trusted could have signed it (`token_untrusted`).
    #[error("is not trusted: {0}")]
    Untrusted(#[from] Untrusted),
    /// The keys that it is held against are too old to be relied on (`trust_stale`).
    #[error("cannot be verified: the keys of {0} are stale, as their source has been gone for too long")]
    Stale(Vouching),
    /// The signature is wrong (`token_signature`).
    #[error("has a wrong signature: it was altered, or another key signed it")]
    Signature,
    /// It has yet to begin (`token_not_yet_valid`).
    #[error("begins at {begins}, says `{claim}`, which lies ahead: clocks may differ")]
    NotYetValid {
        /// Where it says so.
        claim: Claim,
        /// Its beginning.
        begins: Timestamp,
    },
    /// It has ended (`token_expired`).
    #[error("ended at {expires}")]
    Expired {
        /// Its end.
        expires: Timestamp,
    },
    /// It lives for too long (`token_lifetime`).
    #[error("lives for {}s, more than the {}s of `max_lifetime`", .lifetime.as_secs(), .max.as_secs())]
    Lifetime {
        /// For how long, from its issue or from now.
        lifetime: Duration,
        /// The bound.
        max: Duration,
    },
    /// It is meant for somebody else (`token_audience`).
    #[error("is not meant for this workload, {0}")]
    Audience(#[from] Audience),
}

impl Why {
    const fn detail(&self) -> &'static str {
        match self {
            Self::Missing => "jwt.absent",
            Self::Malformed(malformed) => malformed.detail(),
            Self::Untrusted(untrusted) => untrusted.detail(),
            Self::Stale(Vouching::TrustDomain(_)) => "td.stale",
            Self::Stale(Vouching::Issuer(_)) => "jwt.stale_keys",
            Self::Signature => "jwt.signature",
            Self::NotYetValid { claim, .. } => claim.detail(),
            Self::Expired { .. } => "jwt.expired",
            Self::Lifetime { .. } => "jwt.lifetime",
            Self::Audience(_) => "jwt.aud",
        }
    }
}

/// Why a token cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// `authorization` names the scheme `Bearer`, and not one token after one space.
    #[error("`authorization` is not `Bearer`, one space, and one token")]
    Scheme,
    /// It has more than 8 KiB.
    #[error("it has more than 8 KiB")]
    TooLong,
    /// It is not a JWS in compact serialization.
    #[error("it is not three parts in base64url without padding, with a dot between them")]
    Format,
    /// Its header is not JSON, or has fields that are not admitted.
    #[error("its header is not a JSON object of `alg`, `kid` and `typ`")]
    Header,
    /// Its `alg` is none that is relied on.
    #[error("its `alg` is not one of RS, PS and ES with 256, 384 or 512")]
    Algorithm,
    /// Its `kid` is missing or unusable.
    #[error("its header has no `kid` of 1 to 256 bytes")]
    KeyId,
    /// Its `typ` is that of another kind of token.
    #[error("its `typ` is that of another kind of token")]
    Type,
    /// Its claims are not a JSON object.
    #[error("its claims are not a JSON object: {0}")]
    Json(#[from] JsonError),
    /// Its claims are JSON, and no object.
    #[error("its claims are not a JSON object")]
    NotAnObject,
    /// A claim is missing or of the wrong type.
    #[error("{0}")]
    Claim(#[from] Claim),
    /// A claim is not the SPIFFE ID of a workload.
    #[error("its `{}` is not the SPIFFE ID of a workload: {why}{}", .claim.name(), hint(*.claim))]
    Id {
        /// The claim.
        claim: Claim,
        /// What is wrong with it.
        why: InvalidId,
    },
    /// A person is named as workloads are.
    #[error(
        "its `sub` is spelled as a SPIFFE ID, which no person has; a JWT-SVID has no `iss` of a configured OIDC issuer"
    )]
    NamedAsWorkload,
    /// Two headers hold one, so that it is open which counts.
    #[error("there is a second one, in another header")]
    Several,
}

/// What a person's token in a header of JWT-SVIDs most likely lacks.
const fn hint(claim: Claim) -> &'static str {
    match claim {
        Claim::Subject => "; a token whose `iss` is not that of a configured OIDC issuer is taken for a JWT-SVID",
        _ => "",
    }
}

impl Malformed {
    const fn detail(self) -> &'static str {
        match self {
            Self::Scheme => "jwt.scheme",
            Self::TooLong => "limit.token",
            Self::Format => "jwt.format",
            Self::Header => "jwt.header",
            Self::Algorithm => "jwt.alg",
            Self::KeyId => "jwt.kid",
            Self::Type => "jwt.typ",
            Self::Json(_) | Self::NotAnObject => "jwt.json",
            Self::Claim(claim) => claim.detail(),
            Self::Id { why, .. } => why.detail(),
            Self::NamedAsWorkload => Claim::Subject.detail(),
            Self::Several => "jwt.several",
        }
    }
}

/// Why nobody who is trusted could have signed a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// The trust domain is not listed.
    #[error("trust domain `{0}` is not listed in `trust`")]
    TrustDomain(TrustDomain),
    /// The issuer is not configured.
    #[error("its `iss` is not a configured issuer")]
    Issuer,
    /// There are no keys to hold it against.
    #[error("there are no keys of {0}")]
    NoKeys(Vouching),
    /// The key is not among those of whoever vouches for it.
    #[error("its `kid` names none of the keys of {0}")]
    UnknownKey(Vouching),
    /// The key serves another algorithm, or the issuer another than this.
    #[error("it is signed with {0}, which neither its key nor its issuer may be used with")]
    Algorithm(Algorithm),
}

impl Untrusted {
    const fn detail(&self) -> &'static str {
        match self {
            Self::TrustDomain(_) => "td.not_listed",
            Self::Issuer => "jwt.iss",
            Self::NoKeys(_) => "jwt.no_keys",
            Self::UnknownKey(_) => "jwt.unknown_key",
            Self::Algorithm(_) => "jwt.alg",
        }
    }
}

/// Whose keys a token is held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vouching {
    /// The bundle of a trust domain.
    TrustDomain(TrustDomain),
    /// A configured issuer.
    Issuer(String),
}

impl fmt::Display for Vouching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrustDomain(trust_domain) => write!(f, "trust domain `{trust_domain}`"),
            Self::Issuer(issuer) => write!(f, "issuer `{issuer}`"),
        }
    }
}

/// Why a token is not meant for this workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Audience {
    /// Its `aud` names others alone.
    #[error("says `aud`")]
    Other,
    /// Its `aud` names others too.
    #[error("as its `aud` names others too")]
    Shared,
    /// Its `aud` is not exactly the trust domain.
    #[error("as its `aud` is not exactly `tokens.transaction.audience`")]
    NotTheTrustDomain,
}
