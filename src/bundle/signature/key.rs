//! A key verifies with the one algorithm that it was configured for, and is sound.

use std::fmt;

use aws_lc_rs::hmac;

use super::{claims::Token, pem, refuse};
use crate::{
    trust::jwk::{Algorithm, JwtKey, Why},
    yaml::quote,
};

/// A key that bundles are signed with, for one algorithm.
#[derive(Clone)]
pub struct Key {
    material: Material,
    scope: String,
}

#[derive(Clone)]
enum Material {
    Public(JwtKey),
    Secret(Box<hmac::Key>, &'static str),
}

/// Why a text is not a key to verify bundles with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The algorithm is unknown.
    #[error("the algorithm {} is not one of RS, PS, ES and HS with 256, 384 or 512", quote(.0))]
    Algorithm(String),
    /// The text is no public key.
    #[error("this is not one PEM block of a `PUBLIC KEY`, `RSA PUBLIC KEY` or `CERTIFICATE`")]
    NotPublic,
    /// It is a private key.
    #[error("this is a private key, which has no place here: configure its public key (`openssl pkey -pubout`)")]
    Private,
    /// The key is not fit for the algorithm, or not sound.
    #[error("this key does not fit {0}, or is too weak: {1}")]
    Unfit(Algorithm, Why),
    /// The secret could be guessed.
    #[error("a secret for {0} has at least {1} bytes: make one at random, or sign with a key pair")]
    Short(&'static str, usize),
}

impl Key {
    /// Reads the key for `algorithm`: PEM of a public key or certificate, or for HS256, HS384 and HS512 the secret itself.
    ///
    /// # Errors
    /// A text that is no such key, or one that is not worth trusting: RSA below 2048 bits, a secret shorter than the digest
    /// ([RFC 7518 §3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)).
    pub fn new(algorithm: &str, text: &str) -> Result<Self, KeyError> {
        let secret = match algorithm {
            "HS256" => Some(("HS256", hmac::HMAC_SHA256, 32)),
            "HS384" => Some(("HS384", hmac::HMAC_SHA384, 48)),
            "HS512" => Some(("HS512", hmac::HMAC_SHA512, 64)),
            _ => None,
        };
        let material = if let Some((name, hash, least)) = secret {
            if text.len() < least {
                return Err(KeyError::Short(name, least));
            }
            Material::Secret(Box::new(hmac::Key::new(hash, text.as_bytes())), name)
        } else {
            let algorithm = Algorithm::parse(algorithm).ok_or_else(|| KeyError::Algorithm(algorithm.to_owned()))?;
            let (label, der) = pem::block(text).ok_or(KeyError::NotPublic)?;
            let key = match label {
                "PUBLIC KEY" => JwtKey::from_spki(algorithm, &der),
                "RSA PUBLIC KEY" => JwtKey::from_rsa(algorithm, &der),
                "CERTIFICATE" => JwtKey::from_certificate(algorithm, &der),
                _ if label.ends_with("PRIVATE KEY") => return Err(KeyError::Private),
                _ => return Err(KeyError::NotPublic),
            };
            Material::Public(key.map_err(|why| KeyError::Unfit(algorithm, why))?)
        };
        Ok(Self { material, scope: String::new() })
    }

    /// Asks for this `scope` in what it signs.
    #[must_use]
    pub fn with_scope(self, scope: &str) -> Self {
        Self { scope: scope.to_owned(), ..self }
    }

    pub(super) fn scope(&self) -> &str {
        &self.scope
    }

    /// The algorithm decides, not the token: it may only say the same.
    pub(super) fn verify(&self, token: &Token<'_>) -> Result<(), String> {
        let name = match &self.material {
            Material::Public(key) => key.algorithm().as_str(),
            Material::Secret(_, name) => name,
        };
        if token.algorithm != name {
            return refuse(&format!("its algorithm is {}, and the key's is {name}", quote(&token.algorithm)));
        }
        let (message, signature) = (token.signed.as_bytes(), token.signature.as_slice());
        let verified = match &self.material {
            Material::Public(key) => key.verify(key.algorithm(), message, signature),
            Material::Secret(key, _) => hmac::verify(key, message, signature).is_ok(),
        };
        if verified { Ok(()) } else { refuse("the key did not make it") }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match &self.material {
            Material::Public(key) => key.algorithm().as_str(),
            Material::Secret(_, name) => name,
        };
        f.debug_struct("Key").field("algorithm", &algorithm).field("scope", &self.scope).finish_non_exhaustive()
    }
}
