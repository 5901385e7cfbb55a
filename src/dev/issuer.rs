//! A throwaway issuer of tokens: signs whatever it is asked to, and publishes its keys.

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair, RsaEncoding, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use x509_parser::{prelude::FromDer, public_key::RSAPublicKey};

use super::{Error, authority::refused};
use crate::trust::jwk::Algorithm;

/// An issuer with a key for each of its algorithms; they never leave the process.
pub struct TokenIssuer {
    name: String,
    keys: BTreeMap<Algorithm, SigningKey>,
}

impl TokenIssuer {
    /// Makes an issuer with fresh keys for ES256 and RS256, named after `name`.
    pub fn new(name: &str) -> Result<Self, Error> {
        Self::with_algorithms(name, [Algorithm::ES256, Algorithm::RS256])
    }

    /// Makes an issuer with fresh keys for `algorithms`.
    pub fn with_algorithms(name: &str, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<Self, Error> {
        let mut keys = BTreeMap::new();
        for algorithm in algorithms {
            keys.insert(algorithm, SigningKey::generate(algorithm)?);
        }
        Ok(Self { name: name.to_owned(), keys })
    }

    /// The ID of the key for `algorithm`.
    pub fn kid(&self, algorithm: Algorithm) -> String {
        format!("{}-{algorithm}", self.name)
    }

    /// The set of its public keys; `use` is `sig` for issuers, `jwt-svid` in the bundle of a trust domain.
    pub fn jwks(&self, r#use: &str) -> Value {
        let keys = self.keys.iter().map(|(algorithm, key)| {
            let mut jwk = key.public.clone();
            if let Value::Object(members) = &mut jwk {
                members.insert("kid".into(), self.kid(*algorithm).into());
                members.insert("alg".into(), algorithm.as_str().into());
                members.insert("use".into(), r#use.into());
            }
            jwk
        });
        json!({"keys": keys.collect::<Vec<_>>()})
    }

    /// Signs `claims` under `header`, whatever they say.
    ///
    /// `alg` chooses the key, and a header without it, or with one that there is no key for, is signed with the first. An absent `alg` and
    /// `kid` are added.
    pub fn sign(&self, mut header: Value, claims: &Value) -> Result<String, Error> {
        let named = header.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
        let chosen = named.and_then(|algorithm| self.keys.get_key_value(&algorithm));
        let (algorithm, key) =
            chosen.or_else(|| self.keys.first_key_value()).ok_or_else(|| refused(SIGN)("there is no key"))?;
        if let Value::Object(members) = &mut header {
            members.entry("alg").or_insert_with(|| algorithm.as_str().into());
            members.entry("kid").or_insert_with(|| self.kid(*algorithm).into());
        }
        key.sign(&format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes())))
    }

    /// Signs two texts, already as they shall stand in the token, with the key for `algorithm`.
    pub fn sign_raw(&self, algorithm: Algorithm, header: &[u8], claims: &[u8]) -> Result<String, Error> {
        let key = self.keys.get(&algorithm).ok_or_else(|| refused(SIGN)("there is no such key"))?;
        key.sign(&format!("{}.{}", encode(header), encode(claims)))
    }
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuer").field("name", &self.name).finish_non_exhaustive()
    }
}

struct SigningKey {
    pair: Pair,
    /// The JWK, without name and use.
    public: Value,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
}

impl SigningKey {
    fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        match algorithm {
            Algorithm::ES256 => Self::ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
            Algorithm::ES384 => Self::ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
            Algorithm::ES512 => Self::ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING, "P-521"),
            Algorithm::PS256 => Self::rsa(&signature::RSA_PSS_SHA256),
            Algorithm::PS384 => Self::rsa(&signature::RSA_PSS_SHA384),
            Algorithm::PS512 => Self::rsa(&signature::RSA_PSS_SHA512),
            Algorithm::RS256 => Self::rsa(&signature::RSA_PKCS1_SHA256),
            Algorithm::RS384 => Self::rsa(&signature::RSA_PKCS1_SHA384),
            Algorithm::RS512 => Self::rsa(&signature::RSA_PKCS1_SHA512),
        }
    }

    fn ec(algorithm: &'static EcdsaSigningAlgorithm, curve: &'static str) -> Result<Self, Error> {
        let pair = EcdsaKeyPair::generate(algorithm).map_err(refused(MAKE))?;
        // An uncompressed point is a tag and two coordinates of equal width (SEC 1 §2.3.3).
        let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
        let (x, y) = point.split_at(point.len() / 2);
        let public = json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)});
        Ok(Self { pair: Pair::Ec(pair), public })
    }

    fn rsa(encoding: &'static dyn RsaEncoding) -> Result<Self, Error> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(refused(MAKE))?;
        let (_, key) = RSAPublicKey::from_der(pair.public_key().as_ref()).map_err(refused(MAKE))?;
        let (n, e) = (magnitude(key.modulus), magnitude(key.exponent));
        let public = json!({"kty": "RSA", "n": encode(n), "e": encode(e)});
        Ok(Self { pair: Pair::Rsa(Box::new(pair), encoding), public })
    }

    fn sign(&self, input: &str) -> Result<String, Error> {
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Ec(pair) => pair.sign(&random, input.as_bytes()).map_err(refused(SIGN))?.as_ref().to_vec(),
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, input.as_bytes(), &mut signature).map_err(refused(SIGN))?;
                signature
            }
        };
        Ok(format!("{input}.{}", encode(&signature)))
    }
}

/// Without the octet that DER puts before a number that would otherwise be negative.
fn magnitude(number: &[u8]) -> &[u8] {
    number.strip_prefix(&[0]).unwrap_or(number)
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

const MAKE: &str = "make a key for tokens";
const SIGN: &str = "sign a token";
