//! What came is a bundle if it reads whole and is signed as it must be; nothing is made of anything else.

use std::{fmt, sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use super::{Order, Signing, Subscription};
use crate::{bundle::Bundle, clock::Timestamp, hex, yaml::Problems};

/// A bundle that reads whole, of which no policy was made yet.
pub struct Offer {
    bundle: Bundle,
    order: Order,
    bytes: Bytes,
    from_state: bool,
}

impl Offer {
    /// Reads what came for `subscription`, as it has to be at `now`.
    pub(super) fn read(
        subscription: &Subscription,
        bytes: Bytes,
        from_state: bool,
        now: Timestamp,
    ) -> Result<Arc<Self>, OfferError> {
        let verification = subscription.signing.as_ref().map(Signing::verification).transpose();
        let verification = verification.map_err(OfferError::Keys)?;
        let bundle = Bundle::read(&subscription.name, &bytes, &subscription.limits(), verification.as_ref(), now)?;
        let issued = bundle.signed().and_then(|signed| signed.issued_at);
        // Nothing that is signed in time could follow it. What is kept was held against another clock already.
        if !from_state && issued.is_some_and(|issued| issued > now.after(AHEAD)) {
            return Err(OfferError::Ahead);
        }
        let revision = bundle.revision().filter(|revision| !revision.is_empty()).map(str::to_owned);
        let order = Order { digest: bundle.digest().to_owned(), revision, issued: issued.map(Timestamp::nanos) };
        Ok(Arc::new(Self { bundle, order, bytes, from_state }))
    }

    /// The bundle.
    pub const fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// Its place among others.
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// The SHA-256 of its bytes, in hex.
    pub fn digest(&self) -> &str {
        &self.order.digest
    }

    /// Its bytes, as it was sent.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(super) const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(super) const fn is_from_state(&self) -> bool {
        self.from_state
    }
}

/// Without its content.
impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer")
            .field("order", &self.order)
            .field("from_state", &self.from_state)
            .finish_non_exhaustive()
    }
}

/// Why what came is no bundle.
#[derive(Debug, thiserror::Error)]
pub(super) enum OfferError {
    /// The keys that it is held against cannot be used.
    #[error("{0}")]
    Keys(String),
    /// It says that it will be signed.
    #[error("its signature was made in the future: set the signer's clock, and sign it again")]
    Ahead,
    /// It does not read, or is not signed as it must be.
    #[error("{}", first(.0))]
    Archive(#[from] Problems),
}

/// The first problem, and how many there are.
fn first(problems: &Problems) -> String {
    let Some(first) = problems.0.first() else { return "it cannot be read".to_owned() };
    match problems.0.len() {
        1 => first.to_string(),
        many => format!("{first} (and {} more)", many - 1),
    }
}

/// How far the signer's clock may be ahead of ours.
const AHEAD: Duration = Duration::from_secs(60);

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes).as_ref())
}
