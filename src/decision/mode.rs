//! How far each layer acts: not at all, watching only, or with its full weight. What a layer lets through while it watches is its own alone.

use super::Reason;

/// How a layer acts (`mode.*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It is not asked.
    Skip,
    /// It is asked, and its denials are written down and let through.
    Observe,
    /// Its denials deny.
    #[default]
    Enforce,
}

impl Mode {
    /// Its word in the configuration and in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

/// The mode of each layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// Whether it matters who calls, and with what.
    pub proof: Mode,
    /// Whether it matters what was approved.
    pub ceiling: Mode,
    /// Whether it matters what the runtime policy says.
    pub policy: Mode,
}

/// A layer that can be watched before it is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Cryptography and clocks.
    Proof,
    /// Grants.
    Ceiling,
    /// Rego.
    Policy,
}

impl Layer {
    /// Whether `reason`, given by a stage of this layer, is this layer's own. A denial for anything else stays one in every mode.
    pub const fn owns(self, reason: Reason) -> bool {
        match self {
            Self::Proof => matches!(
                reason,
                Reason::AudienceMismatch
                    | Reason::DelegationInvalid
                    | Reason::PeerConflict
                    | Reason::PeerExpired
                    | Reason::PeerInvalid
                    | Reason::PeerLifetime
                    | Reason::PeerMissing
                    | Reason::PeerUntrusted
                    | Reason::PurposeAmbiguous
                    | Reason::PurposeMissing
                    | Reason::PurposeUnknown
                    | Reason::PurposeWidened
                    | Reason::TokenAudience
                    | Reason::TokenExpired
                    | Reason::TokenLifetime
                    | Reason::TokenMalformed
                    | Reason::TokenMissing
                    | Reason::TokenNotHeld
                    | Reason::TokenNotYetValid
                    | Reason::TokenSignature
                    | Reason::TokenUntrusted
                    | Reason::TrustStale
            ),
            Self::Ceiling => matches!(
                reason,
                Reason::GrantExpired
                    | Reason::GrantInactive
                    | Reason::GrantMissing
                    | Reason::GrantPending
                    | Reason::StoreStale
                    | Reason::TokenNotHeld
            ),
            Self::Policy => matches!(
                reason,
                Reason::PolicyDenied | Reason::PolicyError | Reason::PolicyTimeout | Reason::PolicyUndefined
            ),
        }
    }
}
