//! A public key serves one algorithm, has one name, and is sound; any other key of a set is left out, and said so ([RFC 7517]).
//!
//! [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517

use std::{collections::BTreeMap, fmt, sync::Arc};

use aws_lc_rs::{
    digest::{Context, SHA256},
    signature::ParsedPublicKey,
};
use serde_json::{Map, Value};

use super::certificate::Certificate;
use crate::{
    hex,
    json::{self, JsonError},
};

pub use algorithm::Algorithm;
pub(crate) use algorithm::Family;

mod algorithm;
mod public;

/// The keys that may verify the tokens of one issuer, by key ID.
#[derive(Clone)]
pub struct JwtKeys {
    keys: Arc<BTreeMap<String, JwtKey>>,
    revision: Arc<str>,
}

impl JwtKeys {
    /// Reads the text of a JWK set of at most 1 MiB, as [`from_jwks`](Self::from_jwks) does.
    ///
    /// # Errors
    /// Also a text that is too large, or is not strict JSON.
    pub fn parse(text: &[u8], uses: Uses) -> Result<(Self, Vec<Ignored>), JwkError> {
        if text.len() > MAX_TEXT {
            return Err(JwkError::TooLarge);
        }
        Self::from_jwks(&json::parse(text, MAX_DEPTH)?, uses)
    }

    /// Reads the keys of a JWK set that serve `uses`.
    ///
    /// A key that cannot verify tokens is left out and listed: one such key takes none of the others away (SPIFFE Trust Domain and Bundle
    /// §4.2.2, RFC 7517 §5). Without `alg`, the curve decides for an EC key; an RSA key serves RS256, which is what issuers that leave `alg`
    /// out sign with (SPIRE, Entra ID). An empty set is meant: nobody's tokens are verified by it.
    ///
    /// # Errors
    /// A text that is no JWK set, has more than 100 keys of that use, or holds a private key, whose owner must be told.
    pub fn from_jwks(value: &Value, uses: Uses) -> Result<(Self, Vec<Ignored>), JwkError> {
        let Some(Value::Array(entries)) = value.get("keys") else { return Err(JwkError::NoKeys) };
        let mut candidates = Vec::new();
        let mut bearers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut ignored = Vec::new();
        for (position, entry) in (1..).zip(entries) {
            let Value::Object(jwk) = entry else { return Err(JwkError::NotAKey { position }) };
            if PRIVATE.iter().any(|member| jwk.contains_key(*member)) {
                return Err(JwkError::Private { position });
            }
            match (uses.of(jwk), kid(jwk)) {
                (Use::Ours, Some(kid)) => {
                    let count = bearers.entry(kid).or_default();
                    *count = count.saturating_add(1);
                    candidates.push((position, kid, jwk));
                }
                (Use::Ours, None) => ignored.push(Ignored { position, why: Why::KeyId }),
                (Use::Sibling, _) => {}
                (Use::Other, _) => ignored.push(Ignored { position, why: Why::Use }),
            }
        }
        if candidates.len() > MAX_KEYS {
            return Err(JwkError::TooMany);
        }
        let mut keys = BTreeMap::new();
        for (position, kid, jwk) in candidates {
            // Of two keys with one name neither is the right one.
            let unique = bearers.get(kid) == Some(&1);
            match if unique { JwtKey::read(jwk) } else { Err(Why::DuplicateKeyId) } {
                Ok(key) => drop(keys.insert(kid.to_owned(), key)),
                Err(why) => ignored.push(Ignored { position, why }),
            }
        }
        ignored.sort_by_key(|ignored| ignored.position);
        Ok((Self::new(keys), ignored))
    }

    fn new(keys: BTreeMap<String, JwtKey>) -> Self {
        let mut context = Context::new(&SHA256);
        let mut add = |part: &[u8]| {
            // A length before each part, so that this text can be split in one way only.
            context.update(&part.len().to_be_bytes());
            context.update(part);
        };
        for (kid, key) in &keys {
            add(kid.as_bytes());
            add(key.algorithm.as_str().as_bytes());
            add(&key.material);
        }
        Self { keys: Arc::new(keys), revision: hex::encode(context.finish().as_ref()).into() }
    }

    /// The key with that ID.
    pub fn get(&self, kid: &str) -> Option<&JwtKey> {
        self.keys.get(kid)
    }

    /// Whether there are none, so that no token can be verified.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The IDs of the keys, in order, and what each serves.
    pub fn algorithms(&self) -> impl Iterator<Item = (&str, Algorithm)> {
        self.keys.iter().map(|(kid, key)| (kid.as_str(), key.algorithm))
    }

    /// The SHA-256, in hex, of the keys, their IDs and their algorithms, in whatever order they came.
    pub const fn revision(&self) -> &Arc<str> {
        &self.revision
    }
}

impl Default for JwtKeys {
    fn default() -> Self {
        Self::new(BTreeMap::new())
    }
}

impl PartialEq for JwtKeys {
    fn eq(&self, other: &Self) -> bool {
        self.revision == other.revision
    }
}

impl Eq for JwtKeys {}

impl fmt::Debug for JwtKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.algorithms()).finish()
    }
}

/// A public key and the one algorithm that it serves.
#[derive(Clone)]
pub struct JwtKey {
    algorithm: Algorithm,
    key: ParsedPublicKey,
    /// What distinguishes it from every other key of its algorithm.
    material: Vec<u8>,
}

impl JwtKey {
    fn read(jwk: &Map<String, Value>) -> Result<Self, Why> {
        match jwk.get("key_ops") {
            None => {}
            Some(Value::Array(operations)) if operations.iter().any(|operation| operation == "verify") => {}
            Some(_) => return Err(Why::Operations),
        }
        let declared = match jwk.get("alg") {
            None => None,
            Some(Value::String(name)) => Some(Algorithm::parse(name).ok_or(Why::Algorithm)?),
            Some(_) => return Err(Why::Algorithm),
        };
        public::read(jwk, declared).map(Self::of)
    }

    /// Reads a public key that was configured for `algorithm`: a DER `SubjectPublicKeyInfo` (RFC 5280 §4.1).
    ///
    /// # Errors
    /// A key of another type or curve, or one that is not worth trusting.
    pub fn from_spki(algorithm: Algorithm, der: &[u8]) -> Result<Self, Why> {
        public::of_spki(der, algorithm).map(Self::of)
    }

    /// Reads an RSA key that was configured for `algorithm`: a DER `RSAPublicKey` (RFC 8017 §A.1.1).
    ///
    /// # Errors
    /// As [`from_spki`](Self::from_spki).
    pub fn from_rsa(algorithm: Algorithm, der: &[u8]) -> Result<Self, Why> {
        public::of_rsa(der, algorithm).map(Self::of)
    }

    /// Reads the key of a certificate that was configured for `algorithm`; nothing else of the certificate counts.
    ///
    /// # Errors
    /// As [`from_spki`](Self::from_spki), and a certificate that cannot be read.
    pub fn from_certificate(algorithm: Algorithm, der: &[u8]) -> Result<Self, Why> {
        let certificate = Certificate::read(der).map_err(|_| Why::Malformed)?;
        Self::from_spki(algorithm, certificate.spki())
    }

    fn of(public::Public { algorithm, key, material }: public::Public) -> Self {
        Self { algorithm, key, material }
    }

    /// The algorithm that it serves.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's signature of `message` under `algorithm`; under any but its own, never.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        algorithm == self.algorithm && self.key.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Which keys of a set are meant for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uses {
    /// Those of a SPIFFE bundle with `use: jwt-svid`, exactly (SPIFFE JWT-SVID §6.2).
    SpiffeBundle,
    /// Those of an issuer of other tokens: `use` is `sig`, or absent.
    Plain,
}

enum Use {
    Ours,
    /// A key of the same bundle that another reader takes.
    Sibling,
    Other,
}

impl Uses {
    fn of(self, jwk: &Map<String, Value>) -> Use {
        match (self, jwk.get("use").map(Value::as_str)) {
            (Self::SpiffeBundle, Some(Some("jwt-svid"))) | (Self::Plain, None | Some(Some("sig"))) => Use::Ours,
            (Self::SpiffeBundle, Some(Some("x509-svid"))) => Use::Sibling,
            _ => Use::Other,
        }
    }
}

/// A key that was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("key {position} of the set was left out: {why}")]
pub struct Ignored {
    /// Its place in the set, counted from 1.
    pub position: usize,
    /// What is wrong with it.
    pub why: Why,
}

/// Why a key was left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Its `use` is not that of a key for these tokens.
    #[error("its `use` is not that of a key for these tokens")]
    Use,
    /// There is no usable `kid`.
    #[error("it has no `kid` of 1 to 256 bytes")]
    KeyId,
    /// Another key of the set has its `kid`.
    #[error("another key of the set has the same `kid`")]
    DuplicateKeyId,
    /// Its `key_ops` do not include `verify`.
    #[error("its `key_ops` do not include `verify`")]
    Operations,
    /// Its `alg` is unknown, or does not fit its type or curve.
    #[error("its `alg` is not one of RS, PS and ES with 256, 384 or 512, or does not fit the key")]
    Algorithm,
    /// Its type or curve is not known here.
    #[error("its `kty` is not RSA, nor EC on P-256, P-384 or P-521")]
    Type,
    /// Its numbers are missing, not in their one encoding, or not a point on the curve.
    #[error("its numbers are missing, padded, of the wrong width or not on the curve")]
    Malformed,
    /// It is too weak, or larger than anybody's.
    #[error("it is RSA of fewer than 2048 or more than 8192 bits, or its exponent or modulus is weak")]
    Weak,
}

/// Why a document is not a set of public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// The text has more than 1 MiB.
    #[error("the key set has more than 1 MiB")]
    TooLarge,
    /// The text is not JSON that can be relied on.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// There is no array `keys`.
    #[error("there is no array `keys`; to withdraw all keys, publish an empty one")]
    NoKeys,
    /// An entry is not an object.
    #[error("entry {position} of `keys` is not an object")]
    NotAKey {
        /// Its place in the set, counted from 1.
        position: usize,
    },
    /// An entry holds a private or symmetric key.
    #[error("entry {position} of `keys` holds a private or symmetric key, which is no longer secret: replace it")]
    Private {
        /// Its place in the set, counted from 1.
        position: usize,
    },
    /// There are too many keys.
    #[error("there are more than 100 keys")]
    TooMany,
}

/// The key ID, if it can name a key.
fn kid(jwk: &Map<String, Value>) -> Option<&str> {
    jwk.get("kid")?.as_str().filter(|kid| (1..=MAX_KID).contains(&kid.len()))
}

/// The members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4; `priv` of the algorithm key pair type).
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];
const MAX_KEYS: usize = 100;
const MAX_TEXT: usize = 1024 * 1024;
/// What further members may hold.
const MAX_DEPTH: usize = 16;
/// The longest key ID.
pub(crate) const MAX_KID: usize = 256;

#[cfg(test)]
mod tests;
