//! The numbers of a public key have one encoding each, and make a key that is worth trusting (RFC 7518 §6.2.1, §6.3.1).

use aws_lc_rs::{
    rsa::PublicKeyComponents,
    signature::{EcdsaVerificationAlgorithm, ParsedPublicKey, RsaParameters, VerificationAlgorithm},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use x509_parser::{
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
    },
    prelude::FromDer,
    public_key::RSAPublicKey,
    x509::SubjectPublicKeyInfo,
};

use super::{
    Why,
    algorithm::{Algorithm, Family},
};
use crate::trust::certificate::{bits, is_safe};

/// A key that was read.
pub(super) struct Public {
    pub(super) algorithm: Algorithm,
    pub(super) key: ParsedPublicKey,
    /// The encoded point of an EC key; modulus and exponent of an RSA key.
    pub(super) material: Vec<u8>,
}

/// Reads a key that serves the algorithm it declares or, if it declares none, the one that its type implies.
pub(super) fn read(jwk: &Map<String, Value>, declared: Option<Algorithm>) -> Result<Public, Why> {
    let text = |name| jwk.get(name).and_then(Value::as_str);
    let implied = match (text("kty"), text("crv")) {
        (Some("RSA"), _) => Algorithm::RS256,
        (Some("EC"), Some("P-256")) => Algorithm::ES256,
        (Some("EC"), Some("P-384")) => Algorithm::ES384,
        (Some("EC"), Some("P-521")) => Algorithm::ES512,
        _ => return Err(Why::Type),
    };
    let algorithm = declared.unwrap_or(implied);
    match (implied, algorithm.family()) {
        (Algorithm::RS256, Family::Rsa(parameters)) => {
            rsa(&number(jwk, "n")?, &number(jwk, "e")?, algorithm, parameters)
        }
        // With a fixed curve the algorithm is fixed: ES256 is not on P-384.
        (_, Family::Ec(_)) if algorithm != implied => Err(Why::Algorithm),
        (curve, Family::Ec(parameters)) => ec(point(jwk, curve)?, algorithm, parameters),
        (_, Family::Rsa(_)) => Err(Why::Algorithm),
    }
}

/// Reads a `SubjectPublicKeyInfo` for `algorithm`.
pub(super) fn of_spki(der: &[u8], algorithm: Algorithm) -> Result<Public, Why> {
    let Ok((&[], spki)) = SubjectPublicKeyInfo::from_der(der) else { return Err(Why::Malformed) };
    let kind = &spki.algorithm.algorithm;
    match algorithm.family() {
        Family::Rsa(_) if *kind == OID_PKCS1_RSAENCRYPTION => of_rsa(&spki.subject_public_key.data, algorithm),
        Family::Ec(parameters) if *kind == OID_KEY_TYPE_EC_PUBLIC_KEY => {
            let curve = spki.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok()).ok_or(Why::Type)?;
            let (wanted, width) = match algorithm {
                Algorithm::ES384 => (OID_NIST_EC_P384, 48),
                Algorithm::ES512 => (OID_NIST_EC_P521, 66),
                _ => (OID_EC_P256, 32),
            };
            let point = spki.subject_public_key.data.to_vec();
            match point.split_first() {
                _ if curve != wanted => Err(Why::Algorithm),
                Some((0x04, numbers)) if numbers.len() == width * 2 => ec(point, algorithm, parameters),
                _ => Err(Why::Malformed),
            }
        }
        Family::Rsa(_) | Family::Ec(_) => Err(Why::Algorithm),
    }
}

/// Reads an `RSAPublicKey` for `algorithm`.
pub(super) fn of_rsa(der: &[u8], algorithm: Algorithm) -> Result<Public, Why> {
    let Family::Rsa(parameters) = algorithm.family() else { return Err(Why::Algorithm) };
    let Ok((&[], key)) = RSAPublicKey::from_der(der) else { return Err(Why::Malformed) };
    // A sign octet is DER's, not the number's.
    let magnitude = |number: &[u8]| match number {
        [0, rest @ ..] => rest.to_vec(),
        number => number.to_vec(),
    };
    rsa(&magnitude(key.modulus), &magnitude(key.exponent), algorithm, parameters)
}

fn rsa(n: &[u8], e: &[u8], algorithm: Algorithm, parameters: &'static RsaParameters) -> Result<Public, Why> {
    sound(n, e)?;
    let key = PublicKeyComponents { n, e }.to_parsed_public_key(parameters).map_err(|_| Why::Malformed)?;
    // With the length in front, the two cannot be split otherwise.
    let material = [&n.len().to_be_bytes()[..], n, e].concat();
    Ok(Public { algorithm, key, material })
}

/// `material` is the uncompressed point.
fn ec(material: Vec<u8>, algorithm: Algorithm, parameters: &'static EcdsaVerificationAlgorithm) -> Result<Public, Why> {
    let parameters: &'static dyn VerificationAlgorithm = parameters;
    // Also checks that the point is on the curve.
    let key = ParsedPublicKey::new(parameters, &material).map_err(|_| Why::Malformed)?;
    Ok(Public { algorithm, key, material })
}

/// The uncompressed point: both coordinates as wide as the field (RFC 7518 §6.2.1.2).
fn point(jwk: &Map<String, Value>, curve: Algorithm) -> Result<Vec<u8>, Why> {
    let width = match curve {
        Algorithm::ES384 => 48,
        Algorithm::ES512 => 66,
        _ => 32,
    };
    let (x, y) = (octets(jwk, "x")?, octets(jwk, "y")?);
    if x.len() != width || y.len() != width {
        return Err(Why::Malformed);
    }
    Ok([&[0x04], &x[..], &y[..]].concat())
}

/// Whether a modulus and exponent can belong to a key that is worth trusting, as a certificate's; primes cannot be seen from here.
fn sound(n: &[u8], e: &[u8]) -> Result<(), Why> {
    let odd = n.last().is_some_and(|last| last % 2 == 1);
    let safe = (2048..=8192).contains(&bits(n)) && odd && e.len() <= MAX_EXPONENT && is_safe(e);
    if safe { Ok(()) } else { Err(Why::Weak) }
}

/// A positive integer in as few octets as it needs (RFC 7518 §2, Base64urlUInt).
fn number(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Why> {
    let octets = octets(jwk, name)?;
    if matches!(octets[..], [] | [0, ..]) { Err(Why::Malformed) } else { Ok(octets) }
}

/// Octets in base64url without padding, in their one spelling.
fn octets(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Why> {
    let text = jwk.get(name).and_then(Value::as_str).ok_or(Why::Malformed)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Why::Malformed)
}

/// Octets of the largest exponent that is verified with.
const MAX_EXPONENT: usize = 4;
