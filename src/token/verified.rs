//! A verified token: what it says is what somebody signed who may say so.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256, digest};
use serde_json::{Map, Value};
use spiffe::SpiffeId;

use super::{
    claims::Times,
    error::{Kind, Vouching},
    jws::Jws,
};
use crate::{clock::Timestamp, trust::jwk::Algorithm};

/// What a token says of itself, in the terms of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) kind: Kind,
    pub(super) vouching: Vouching,
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) spiffe_id: Option<SpiffeId>,
    pub(super) jti: Option<String>,
    pub(super) txn: Option<String>,
    pub(super) audiences: Vec<String>,
    pub(super) scope: Vec<String>,
    pub(super) requesting_workload: Vec<SpiffeId>,
    pub(super) times: Times,
}

/// A token that [`Verifier::verify`](super::Verifier::verify), and nothing else, verified.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    pub(super) stated: Stated,
    pub(super) claims: Map<String, Value>,
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    pub(super) sha256: [u8; 32],
    pub(super) one_time: Option<OneTimeKey>,
    pub(super) valid_until: Timestamp,
    pub(super) keys_revision: std::sync::Arc<str>,
}

impl VerifiedToken {
    /// What it is for.
    pub const fn kind(&self) -> Kind {
        self.stated.kind
    }

    /// Who vouches for it: the configured issuer or, of a JWT-SVID, the trust domain of its workload (`spiffe://prod.example`), whatever
    /// its `iss` says.
    pub fn issuer(&self) -> &str {
        &self.stated.issuer
    }

    /// About whom it is: `sub`.
    pub fn subject(&self) -> &str {
        &self.stated.subject
    }

    /// The workload that a JWT-SVID is about, which is its holder.
    pub const fn spiffe_id(&self) -> Option<&SpiffeId> {
        self.stated.spiffe_id.as_ref()
    }

    /// What names it in records: `txn` of a transaction token, `jti` of any other.
    pub fn id(&self) -> Option<&str> {
        self.txn().or_else(|| self.jti())
    }

    /// `jti`: this token.
    pub fn jti(&self) -> Option<&str> {
        self.stated.jti.as_deref()
    }

    /// `txn`: the transaction, of a transaction token.
    pub fn txn(&self) -> Option<&str> {
        self.stated.txn.as_deref()
    }

    /// For whom it is: `aud`.
    pub fn audiences(&self) -> &[String] {
        &self.stated.audiences
    }

    /// What a transaction token is for: the values of `scope`. No other kind says so.
    pub fn scope(&self) -> &[String] {
        &self.stated.scope
    }

    /// Who asked for a transaction token, in order; the last is its holder.
    pub fn requesting_workload(&self) -> &[SpiffeId] {
        &self.stated.requesting_workload
    }

    /// Every claim, under the names of the current drafts.
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// When it was issued, if it says so.
    pub const fn issued(&self) -> Option<Timestamp> {
        self.stated.times.issued
    }

    /// Its end: `exp`.
    pub const fn expires(&self) -> Timestamp {
        self.stated.times.expires
    }

    /// The first instant at which it no longer counts: its end, and the leeway.
    pub const fn valid_until(&self) -> Timestamp {
        self.valid_until
    }

    /// The ID of the key that signed it.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What it was signed with.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The SHA-256 of the token: what may be written down in its place.
    pub const fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// What a permit spends, if it counts once.
    pub const fn one_time(&self) -> Option<&OneTimeKey> {
        self.one_time.as_ref()
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Claims may be personal; what is in records is said there.
        f.debug_struct("VerifiedToken")
            .field("kind", &self.kind())
            .field("issuer", &self.issuer())
            .field("subject", &self.subject())
            .field("id", &self.id())
            .field("expires", &self.expires())
            .finish_non_exhaustive()
    }
}

/// What makes two tokens the same one: who issued it, and its `jti`, or else everything that was signed.
///
/// Never the signature, which whoever holds an ECDSA token can rewrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OneTimeKey([u8; 32]);

impl OneTimeKey {
    pub(super) fn of(stated: &Stated, jws: &Jws<'_>) -> Self {
        let whole = digest(&SHA256, jws.signed.as_bytes());
        let (sort, id) = match &stated.jti {
            Some(jti) => (b'j', jti.as_bytes()),
            None => (b'w', whole.as_ref()),
        };
        let mut context = Context::new(&SHA256);
        // A length before the only part but the last that has no fixed one, so that this text can be split in one way only.
        context.update(&stated.issuer.len().to_be_bytes());
        context.update(stated.issuer.as_bytes());
        context.update(&[sort]);
        context.update(id);
        Self(array(context.finish().as_ref()))
    }

    /// The key as it is kept: the SHA-256 of what it stands for.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The octets of a SHA-256.
pub(super) fn array(digest: &[u8]) -> [u8; 32] {
    let mut array = [0; 32];
    for (to, from) in array.iter_mut().zip(digest) {
        *to = *from;
    }
    array
}
