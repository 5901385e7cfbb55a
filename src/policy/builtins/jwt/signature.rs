//! A signature counts under the one algorithm that was named, with a key of that algorithm's kind, and at a cost that is bounded.

use aws_lc_rs::hmac;

use super::super::{native::Failure, x509::PublicKey};
use crate::trust::jwk::Algorithm;

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scheme {
    Public(Algorithm),
    EdDsa,
    Secret(hmac::Algorithm),
}

impl Scheme {
    /// The scheme that a token's header names; what has no signature, or is not known, is none.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "HS256" => Some(Self::Secret(hmac::HMAC_SHA256)),
            "HS384" => Some(Self::Secret(hmac::HMAC_SHA384)),
            "HS512" => Some(Self::Secret(hmac::HMAC_SHA512)),
            _ => Algorithm::parse(name).map(Self::Public),
        }
    }
}

/// What verifies signatures.
pub(super) enum Key {
    Public(PublicKey),
    Secret(Vec<u8>),
}

impl Key {
    /// Whether `signature` is this key's of `message` under `scheme`. A key of another kind has no signatures of it.
    pub(super) fn verify(
        &self,
        scheme: Scheme,
        message: &[u8],
        signature: &[u8],
        budget: &mut Budget,
    ) -> Result<bool, Failure> {
        match (self, scheme) {
            (Self::Public(key), Scheme::Public(algorithm)) if key.serves(algorithm) => {
                budget.spend(key.cost())?;
                Ok(key.verify(algorithm, message, signature))
            }
            (Self::Public(key), Scheme::EdDsa) if key.is_ed25519() => {
                budget.spend(key.cost())?;
                Ok(key.verify_ed25519(message, signature))
            }
            (Self::Secret(secret), Scheme::Secret(algorithm)) => {
                budget.spend(1)?;
                Ok(hmac::verify(&hmac::Key::new(algorithm, secret), message, signature).is_ok())
            }
            _ => Ok(false),
        }
    }
}

/// What one call may spend on signatures: about 25 µs each.
pub(super) struct Budget(u32);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(MOST)
    }

    pub(super) fn spend(&mut self, cost: u32) -> Result<(), Failure> {
        let Some(left) = self.0.checked_sub(cost) else {
            return Err(Failure::Bound(
                "there are too many keys to try: give the token and its key the same `kid`".to_owned(),
            ));
        };
        self.0 = left;
        Ok(())
    }

    /// What was spent since there was so much left.
    pub(super) const fn since(&self, left: u32) -> u32 {
        left.saturating_sub(self.0)
    }

    pub(super) const fn left(&self) -> u32 {
        self.0
    }
}

const MOST: u32 = 32;
