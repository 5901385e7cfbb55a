//! What a source gave for a trust domain, in a form that can be kept and read again to the same bundle.

use serde_json::{Value, json};
use spiffe::TrustDomain;

use super::{
    DocumentError, TrustBundle,
    jwk::{Ignored, JwkError, JwtKeys, Uses},
};

/// The certificates and keys of one trust domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities {
    /// Certificates, DER.
    pub x509: Vec<Vec<u8>>,
    /// JWKs with `use: jwt-svid`.
    pub jwt: Vec<Value>,
}

impl Authorities {
    /// Makes the bundle of `trust_domain` of them.
    ///
    /// # Errors
    /// As [`TrustBundle::from_authorities`] and [`JwtKeys::from_jwks`].
    pub fn bundle(&self, trust_domain: TrustDomain) -> Result<TrustBundle, DocumentError> {
        let (keys, _) = self.jwt_keys()?;
        Ok(TrustBundle::from_authorities(trust_domain, self.x509.iter().cloned())?.with_jwt_keys(keys))
    }

    /// The keys for tokens, and those that were left out.
    ///
    /// # Errors
    /// As [`JwtKeys::from_jwks`].
    pub fn jwt_keys(&self) -> Result<(JwtKeys, Vec<Ignored>), JwkError> {
        JwtKeys::from_jwks(&json!({"keys": self.jwt}), Uses::SpiffeBundle)
    }
}
