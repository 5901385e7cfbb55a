//! The reasons of a denial: a closed, stable list that logs, metrics, records and tests share.

/// Why a hop is denied.
///
/// The names are public API. Matched without `_`, so that a new one cannot be forgotten anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// An allow could not be written down.
    AuditUnavailable,
    /// The hop is meant for another workload.
    AudienceMismatch,
    /// The answer would have come too late.
    Deadline,
    /// A delegation chain is malformed, too deep, or comes back on itself.
    DelegationInvalid,
    /// A grant would have covered the hop, but has ended.
    GrantExpired,
    /// A grant would cover the hop, but is not open, or what has to be so is not.
    GrantInactive,
    /// No grant covers the hop.
    GrantMissing,
    /// A grant will cover the hop, but has not begun.
    GrantPending,
    /// The hop can be read in more than one way.
    HopAmbiguous,
    /// Something that every hop has is missing or broken.
    HopMalformed,
    /// A bound is exceeded.
    HopTooLarge,
    /// A fault of Hopguard's own.
    Internal,
    /// Nothing has been loaded yet, or Hopguard is on its way out.
    NotReady,
    /// Too many hops at once.
    Overloaded,
    /// What speaks for the peer contradicts itself.
    PeerConflict,
    /// A certificate of the peer's path has ended.
    PeerExpired,
    /// What the peer presented is not a valid X.509-SVID.
    PeerInvalid,
    /// The peer's SVID lives longer than is allowed here.
    PeerLifetime,
    /// The peer presented nothing.
    PeerMissing,
    /// The peer's workload may not act, for now or for good.
    PeerSuspended,
    /// The peer's trust domain, or its path, is not trusted here.
    PeerUntrusted,
    /// The policy said no.
    PolicyDenied,
    /// The policy failed.
    PolicyError,
    /// The policy took too long.
    PolicyTimeout,
    /// The policy said nothing.
    PolicyUndefined,
    /// Several purposes were stated.
    PurposeAmbiguous,
    /// No purpose was stated.
    PurposeMissing,
    /// The purpose is not in the vocabulary.
    PurposeUnknown,
    /// The peer says more than what its token was signed for.
    PurposeWidened,
    /// Something that the hop rests on was taken back.
    Revoked,
    /// For too long it has not been known what was taken back.
    StoreStale,
    /// A token is meant for somebody else.
    TokenAudience,
    /// A token has ended.
    TokenExpired,
    /// A token lives longer than is allowed here.
    TokenLifetime,
    /// A token cannot be read.
    TokenMalformed,
    /// A required token is not there.
    TokenMissing,
    /// A token is presented by a workload that does not hold it.
    TokenNotHeld,
    /// A token has yet to begin.
    TokenNotYetValid,
    /// A one-time token is presented again.
    TokenReplayed,
    /// A token's signature is wrong.
    TokenSignature,
    /// Nobody who is trusted issued a token.
    TokenUntrusted,
    /// The trust bundle's source has been away for too long.
    TrustStale,
}

impl Reason {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 42] = [
        Self::AuditUnavailable,
        Self::AudienceMismatch,
        Self::Deadline,
        Self::DelegationInvalid,
        Self::GrantExpired,
        Self::GrantInactive,
        Self::GrantMissing,
        Self::GrantPending,
        Self::HopAmbiguous,
        Self::HopMalformed,
        Self::HopTooLarge,
        Self::Internal,
        Self::NotReady,
        Self::Overloaded,
        Self::PeerConflict,
        Self::PeerExpired,
        Self::PeerInvalid,
        Self::PeerLifetime,
        Self::PeerMissing,
        Self::PeerSuspended,
        Self::PeerUntrusted,
        Self::PolicyDenied,
        Self::PolicyError,
        Self::PolicyTimeout,
        Self::PolicyUndefined,
        Self::PurposeAmbiguous,
        Self::PurposeMissing,
        Self::PurposeUnknown,
        Self::PurposeWidened,
        Self::Revoked,
        Self::StoreStale,
        Self::TokenAudience,
        Self::TokenExpired,
        Self::TokenLifetime,
        Self::TokenMalformed,
        Self::TokenMissing,
        Self::TokenNotHeld,
        Self::TokenNotYetValid,
        Self::TokenReplayed,
        Self::TokenSignature,
        Self::TokenUntrusted,
        Self::TrustStale,
    ];

    /// The stable name: `peer_expired`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuditUnavailable => "audit_unavailable",
            Self::AudienceMismatch => "audience_mismatch",
            Self::Deadline => "deadline",
            Self::DelegationInvalid => "delegation_invalid",
            Self::GrantExpired => "grant_expired",
            Self::GrantInactive => "grant_inactive",
            Self::GrantMissing => "grant_missing",
            Self::GrantPending => "grant_pending",
            Self::HopAmbiguous => "hop_ambiguous",
            Self::HopMalformed => "hop_malformed",
            Self::HopTooLarge => "hop_too_large",
            Self::Internal => "internal",
            Self::NotReady => "not_ready",
            Self::Overloaded => "overloaded",
            Self::PeerConflict => "peer_conflict",
            Self::PeerExpired => "peer_expired",
            Self::PeerInvalid => "peer_invalid",
            Self::PeerLifetime => "peer_lifetime",
            Self::PeerMissing => "peer_missing",
            Self::PeerSuspended => "peer_suspended",
            Self::PeerUntrusted => "peer_untrusted",
            Self::PolicyDenied => "policy_denied",
            Self::PolicyError => "policy_error",
            Self::PolicyTimeout => "policy_timeout",
            Self::PolicyUndefined => "policy_undefined",
            Self::PurposeAmbiguous => "purpose_ambiguous",
            Self::PurposeMissing => "purpose_missing",
            Self::PurposeUnknown => "purpose_unknown",
            Self::PurposeWidened => "purpose_widened",
            Self::Revoked => "revoked",
            Self::StoreStale => "store_stale",
            Self::TokenAudience => "token_audience",
            Self::TokenExpired => "token_expired",
            Self::TokenLifetime => "token_lifetime",
            Self::TokenMalformed => "token_malformed",
            Self::TokenMissing => "token_missing",
            Self::TokenNotHeld => "token_not_held",
            Self::TokenNotYetValid => "token_not_yet_valid",
            Self::TokenReplayed => "token_replayed",
            Self::TokenSignature => "token_signature",
            Self::TokenUntrusted => "token_untrusted",
            Self::TrustStale => "trust_stale",
        }
    }

    /// What the caller can do about it: ask differently (400), present something better (401), nothing (403), or try again (503).
    pub fn status(self) -> Status {
        match self {
            Self::HopAmbiguous | Self::HopMalformed | Self::HopTooLarge => Status::BadRequest,
            Self::PeerConflict
            | Self::PeerExpired
            | Self::PeerInvalid
            | Self::PeerLifetime
            | Self::PeerMissing
            | Self::PeerUntrusted
            | Self::TokenAudience
            | Self::TokenExpired
            | Self::TokenLifetime
            | Self::TokenMalformed
            | Self::TokenMissing
            | Self::TokenNotYetValid
            | Self::TokenReplayed
            | Self::TokenSignature
            | Self::TokenUntrusted => Status::Unauthorized,
            Self::AudienceMismatch
            | Self::DelegationInvalid
            | Self::GrantExpired
            | Self::GrantInactive
            | Self::GrantMissing
            | Self::GrantPending
            | Self::PeerSuspended
            | Self::PolicyDenied
            | Self::PolicyUndefined
            | Self::PurposeAmbiguous
            | Self::PurposeMissing
            | Self::PurposeUnknown
            | Self::PurposeWidened
            | Self::Revoked
            | Self::TokenNotHeld => Status::Forbidden,
            Self::AuditUnavailable
            | Self::Deadline
            | Self::Internal
            | Self::NotReady
            | Self::Overloaded
            | Self::PolicyError
            | Self::PolicyTimeout
            | Self::StoreStale
            | Self::TrustStale => Status::ServiceUnavailable,
        }
    }
}

/// The HTTP status of a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 400
    BadRequest,
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
    /// 503
    ServiceUnavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_holds_each_reason_once_in_order() {
        let numbers = Reason::ALL.map(|reason| reason as usize);
        assert!(numbers.into_iter().eq(0..Reason::ALL.len()));
    }
}
