//! A denial: which stage said no, and why.

use super::Reason;
use crate::{
    audience::AudienceError,
    delegation::{DelegationError, NotHeld},
    grant::GrantError,
    hop::HopError,
    peer::PeerError,
    policy::PolicyError,
    purpose::PurposeError,
    revocation::Revocation,
    token::{TokenError, Why},
    withdrawn::{Stale, Withdrawn},
};

/// The error of whichever stage denied the hop. `?` means deny.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// Nothing about the hop: the world was in the way.
    #[error(transparent)]
    World(#[from] Fault),
    /// The hop itself.
    #[error(transparent)]
    Hop(#[from] HopError),
    /// Who is calling.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// What speaks for a subject.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Who acts for whom.
    #[error(transparent)]
    Delegation(#[from] DelegationError),
    /// Who may present what speaks for a subject.
    #[error(transparent)]
    Holding(#[from] NotHeld),
    /// Whom the hop is meant for.
    #[error(transparent)]
    Audience(#[from] AudienceError),
    /// What it is for.
    #[error(transparent)]
    Purpose(#[from] PurposeError),
    /// What was taken back.
    #[error(transparent)]
    Withdrawn(#[from] Withdrawn),
    /// How well that is known.
    #[error(transparent)]
    Store(#[from] Stale),
    /// What was approved.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// What the policy says today.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// An outcome of the world: it says nothing about the hop, and replay repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The decision could not be written down.
    #[error("the decision cannot be recorded")]
    AuditUnavailable,
    /// The answer would have come too late.
    #[error("the decision took longer than Envoy waits")]
    Deadline,
    /// A fault of Hopguard's own.
    #[error("an internal fault")]
    Internal,
    /// Nothing has been loaded yet, or Hopguard is on its way out.
    #[error("not ready to decide")]
    NotReady,
    /// Too many hops at once, or more one-time tokens than are remembered.
    #[error("too many checks at once, or too many one-time tokens to remember")]
    Overloaded,
    /// A one-time token has been spent.
    #[error("the token is for one use and has been used, or may have been before Hopguard started")]
    Replayed,
}

impl Denial {
    /// The reason, as logs, metrics, records and callers know it.
    pub fn reason(&self) -> Reason {
        match self {
            Self::World(fault) => match fault {
                Fault::AuditUnavailable => Reason::AuditUnavailable,
                Fault::Deadline => Reason::Deadline,
                Fault::Internal => Reason::Internal,
                Fault::NotReady => Reason::NotReady,
                Fault::Overloaded => Reason::Overloaded,
                Fault::Replayed => Reason::TokenReplayed,
            },
            Self::Hop(error) => match error {
                HopError::Ambiguous(_) => Reason::HopAmbiguous,
                HopError::Malformed(_) => Reason::HopMalformed,
                HopError::TooLarge(_) => Reason::HopTooLarge,
            },
            Self::Peer(error) => match error {
                PeerError::Missing => Reason::PeerMissing,
                PeerError::Invalid(_) => Reason::PeerInvalid,
                PeerError::Conflict { .. } => Reason::PeerConflict,
                PeerError::Untrusted { .. } => Reason::PeerUntrusted,
                PeerError::Stale { .. } => Reason::TrustStale,
                PeerError::Expired { .. } => Reason::PeerExpired,
                PeerError::Lifetime { .. } => Reason::PeerLifetime,
            },
            Self::Token(error) => match &error.why {
                Why::Missing => Reason::TokenMissing,
                Why::Malformed(_) => Reason::TokenMalformed,
                Why::Untrusted(_) => Reason::TokenUntrusted,
                Why::Stale(_) => Reason::TrustStale,
                Why::Signature => Reason::TokenSignature,
                Why::NotYetValid { .. } => Reason::TokenNotYetValid,
                Why::Expired { .. } => Reason::TokenExpired,
                Why::Lifetime { .. } => Reason::TokenLifetime,
                Why::Audience(_) => Reason::TokenAudience,
            },
            Self::Delegation(_) => Reason::DelegationInvalid,
            Self::Holding(_) => Reason::TokenNotHeld,
            Self::Audience(_) => Reason::AudienceMismatch,
            Self::Purpose(error) => match error {
                PurposeError::Ambiguous => Reason::PurposeAmbiguous,
                PurposeError::Missing => Reason::PurposeMissing,
                PurposeError::Unknown(_) => Reason::PurposeUnknown,
                PurposeError::Widened { .. } => Reason::PurposeWidened,
            },
            Self::Withdrawn(error) => match error {
                Withdrawn::Peer { .. } => Reason::PeerSuspended,
                Withdrawn::Workload { .. } | Withdrawn::Revoked(_) => Reason::Revoked,
            },
            Self::Store(Stale(_)) => Reason::StoreStale,
            Self::Grant(error) => match error {
                GrantError::Expired(_) => Reason::GrantExpired,
                GrantError::Inactive { .. } => Reason::GrantInactive,
                GrantError::Missing(_) | GrantError::Nobody | GrantError::Unknown(_) => Reason::GrantMissing,
                GrantError::NotHeld { .. } => Reason::TokenNotHeld,
                GrantError::Pending(_) | GrantError::Unsigned(_) => Reason::GrantPending,
                GrantError::Revoked { .. } => Reason::Revoked,
            },
            Self::Policy(error) => match error {
                PolicyError::Denied(_) => Reason::PolicyDenied,
                PolicyError::Fault(_) => Reason::PolicyError,
                PolicyError::Hop(HopError::Ambiguous(_)) => Reason::HopAmbiguous,
                PolicyError::Hop(HopError::Malformed(_)) | PolicyError::Request(_) => Reason::HopMalformed,
                PolicyError::Hop(HopError::TooLarge(_)) => Reason::HopTooLarge,
                PolicyError::Timeout(_) => Reason::PolicyTimeout,
                PolicyError::Undefined => Reason::PolicyUndefined,
            },
        }
    }

    /// The stable dotted code below the reason, where there is one.
    pub fn detail(&self) -> Option<&'static str> {
        match self {
            Self::World(_) | Self::Audience(_) | Self::Store(_) => None,
            Self::Hop(error) => Some(error.detail()),
            Self::Peer(error) => Some(error.detail()),
            Self::Token(error) => Some(error.detail()),
            Self::Delegation(error) => Some(error.detail()),
            Self::Holding(error) => Some(error.detail()),
            Self::Purpose(error) => Some(error.detail()),
            Self::Withdrawn(error) => Some(error.detail()),
            Self::Grant(error) => Some(error.detail()),
            Self::Policy(error) => error.detail(),
        }
    }

    /// The document that took something back, if that is why.
    pub fn revocation(&self) -> Option<&Revocation> {
        match self {
            Self::Withdrawn(Withdrawn::Revoked(revocation)) | Self::Grant(GrantError::Revoked { revocation, .. }) => {
                Some(revocation)
            }
            _ => None,
        }
    }
}
