//! A JWK set is read whole or not at all, as OPA reads it: one key that is none takes the others with it.

use super::{
    super::{
        super::engine::Value,
        native::Failure,
        x509::{Certificate, Curve, PublicKey},
    },
    encoding,
    keys::Named,
    object,
    signature::Key,
    token::field,
};

/// Reads a JWK, or a set of them.
pub(super) fn read(text: &str) -> Result<Vec<Named>, Failure> {
    let document = object(text.as_bytes(), "key set")?;
    let keys: Vec<&Value> = match field(&document, "keys") {
        None => vec![&document],
        Some(Value::Array(keys)) => keys.iter().collect(),
        Some(_) => return Err(error("`keys` of the key set is not a list")),
    };
    if keys.len() > MAX_KEYS {
        return Err(Failure::Bound(format!("the key set has more than {MAX_KEYS} keys")));
    }
    let mut named = Vec::new();
    for jwk in keys {
        if let Some(key) = key(jwk)? {
            named.push(key);
        }
    }
    Ok(named)
}

/// Reads one key, unless it is for another purpose.
fn key(jwk: &Value) -> Result<Option<Named>, Failure> {
    let kty = text(jwk, "kty")?.unwrap_or_default();
    if kty != "oct" && field(jwk, "d").is_some() {
        return Err(error("the key set holds a private key, which is no longer secret: replace it"));
    }
    let alg = match field(jwk, "alg") {
        None => String::new(),
        Some(Value::String(alg)) if SIGNS.contains(&&**alg) || ELSE.contains(&&**alg) => alg.to_string(),
        Some(_) => return Err(error("`alg` of a key is unknown")),
    };
    for name in ["use", "x5t", "x5t#S256", "x5u"] {
        text(jwk, name)?;
    }
    match field(jwk, "key_ops") {
        None | Some(Value::Null) => {}
        Some(Value::Array(list)) if list.iter().all(|item| matches!(item, Value::String(_) | Value::Null)) => {}
        Some(_) => return Err(error("`key_ops` of a key is not a list of strings")),
    }
    chain(jwk)?;
    let kid = text(jwk, "kid")?.unwrap_or_default();
    let key = match &*kty {
        "RSA" => {
            let (n, e) = (octets(jwk, "n")?, octets(jwk, "e")?);
            PublicKey::rsa(&n, &e).filter(PublicKey::has_odd_exponent).map(Key::Public)
        }
        "EC" => {
            let curve = text(jwk, "crv")?.and_then(|name| Curve::parse(&name));
            let (x, y) = (octets(jwk, "x")?, octets(jwk, "y")?);
            curve
                .filter(|curve| x.len() == curve.width() && y.len() == curve.width())
                .and_then(|curve| PublicKey::ec(curve, [&[0x04], &x[..], &y[..]].concat()))
                .map(Key::Public)
        }
        "OKP" => {
            let x = octets(jwk, "x")?;
            match text(jwk, "crv")?.as_deref() {
                Some("Ed25519") => PublicKey::ed25519(&x).map(Key::Public),
                Some("X25519") if x.len() == X25519_WIDTH => Some(Key::Public(PublicKey::Other)),
                _ => None,
            }
        }
        "oct" => Some(octets(jwk, "k")?).filter(|secret| !secret.is_empty()).map(Key::Secret),
        _ => return Err(error("`kty` of a key is unknown")),
    };
    let key = key.ok_or_else(|| error("a key of the key set is malformed"))?;
    Ok((alg.is_empty() || SIGNS.contains(&&*alg)).then_some(Named { key, alg, kid }))
}

/// Its certificates count for nothing, but they must be some.
fn chain(jwk: &Value) -> Result<(), Failure> {
    let certificates = match field(jwk, "x5c") {
        None => return Ok(()),
        Some(Value::Array(certificates)) => certificates,
        Some(_) => return Err(error("`x5c` of a key is not a list")),
    };
    for certificate in certificates.iter() {
        let Value::String(certificate) = certificate else {
            return Err(error("`x5c` of a key is not a list of strings"));
        };
        let der = encoding::base64(certificate.as_bytes()).unwrap_or_default();
        if !Certificate::read(&der).is_some_and(|(_, rest)| rest.is_empty()) {
            return Err(error("`x5c` of a key holds something that is no certificate"));
        }
    }
    Ok(())
}

/// A field that is a string if it is there; null is the empty one.
fn text(jwk: &Value, name: &str) -> Result<Option<String>, Failure> {
    match field(jwk, name) {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(String::new())),
        Some(Value::String(text)) => Ok(Some(text.to_string())),
        Some(_) => Err(error(&format!("`{name}` of a key is not a string"))),
    }
}

/// The octets of a field that must be there.
fn octets(jwk: &Value, name: &str) -> Result<Vec<u8>, Failure> {
    text(jwk, name)?
        .and_then(|text| encoding::base64_of_any_kind(text.as_bytes()))
        .ok_or_else(|| error(&format!("`{name}` of a key is missing or not base64url")))
}

fn error(message: &str) -> Failure {
    Failure::Error(message.to_owned())
}

const MAX_KEYS: usize = 100;
const X25519_WIDTH: usize = 32;

/// The algorithms of signatures that tokens have.
const SIGNS: [&str; 13] = [
    "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
];

/// Those that a key may be for instead (RFC 7518 §4.1, §5.1, RFC 8812, RFC 9864).
const ELSE: [&str; 28] = [
    "A128CBC-HS256",
    "A128GCM",
    "A128GCMKW",
    "A128KW",
    "A192CBC-HS384",
    "A192GCM",
    "A192GCMKW",
    "A192KW",
    "A256CBC-HS512",
    "A256GCM",
    "A256GCMKW",
    "A256KW",
    "ECDH-ES",
    "ECDH-ES+A128KW",
    "ECDH-ES+A192KW",
    "ECDH-ES+A256KW",
    "ES256K",
    "Ed25519",
    "PBES2-HS256+A128KW",
    "PBES2-HS384+A192KW",
    "PBES2-HS512+A256KW",
    "RSA-OAEP",
    "RSA-OAEP-256",
    "RSA-OAEP-384",
    "RSA-OAEP-512",
    "RSA1_5",
    "dir",
    "none",
];
