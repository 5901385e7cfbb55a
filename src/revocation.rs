//! What was taken back: it does not act, whatever was approved, in whichever order the documents came.

use spiffe::{SpiffeId, TrustDomain};

use crate::{clock::Timestamp, peer::IdPrefix, purpose::Purpose};

pub(crate) mod document;

/// A `Revocation` document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The name of its document.
    pub name: String,
    /// What is revoked.
    pub target: Target,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// The instant at which it is over; absent: when its document is removed.
    pub until: Option<Timestamp>,
}

/// What is revoked: exactly one thing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The grant of this name, whenever it is there.
    Grant(String),
    /// One workload, in whichever part.
    Workload(SpiffeId),
    /// All workloads whose names begin so.
    Prefix(IdPrefix),
    /// All workloads of a trust domain.
    TrustDomain(TrustDomain),
    /// Whom tokens of this issuer speak for.
    Subject {
        /// Who vouches for the name.
        issuer: String,
        /// The name.
        subject: String,
    },
    /// The serial number of a certificate, in lower-case hex.
    Serial(String),
    /// The SHA-256 of a certificate (DER), in lower-case hex.
    Fingerprint(String),
    /// A token, by its `jti`.
    TokenId(String),
    /// A transaction, by its `txn`.
    Transaction(String),
    /// A key that signed tokens, by its `kid`.
    Key(String),
    /// Whoever acted in a delegation, by the name that the token gives.
    Actor(String),
    /// A purpose, and what is below it.
    Purpose(Purpose),
}
