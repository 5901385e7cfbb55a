//! A SPIFFE bundle document is read by the standard's rules and in one way: what an entry lacks costs that entry, what the document lacks
//! costs the document ([SPIFFE Trust Domain and Bundle] §4).
//!
//! [SPIFFE Trust Domain and Bundle]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Trust_Domain_and_Bundle.md

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};
use spiffe::TrustDomain;

use super::{
    Authorities, MAX_CERTIFICATES, MAX_TEXT, TrustBundle, TrustError,
    authority::{Authority, Rejected},
    jwk::{JwkError, JwtKeys, Uses},
};
use crate::json::{self, JsonError};

/// What a SPIFFE bundle document says.
#[derive(Clone, Debug)]
pub struct Document {
    /// The bundle.
    pub bundle: TrustBundle,
    /// What the bundle was made of.
    pub authorities: Authorities,
    /// The number that its publisher counts up with each change, if it does.
    pub sequence: Option<u64>,
    /// How long its publisher would have it held before it is fetched again; it may be any length, none included.
    pub refresh_hint: Option<Duration>,
}

/// Reads the document of `trust_domain`: what it says counts for that domain and no other, whatever it says of itself.
///
/// An entry of unknown `use` or type, or one that cannot be read, is left out. With no entry left nobody is trusted, be it that `keys` was
/// empty or that nothing in it could be used: the domain has withdrawn what it published before.
///
/// # Errors
/// A text that is not strict JSON of such a document, or that gives away a private key.
pub fn parse(trust_domain: TrustDomain, text: &[u8]) -> Result<Document, DocumentError> {
    if text.len() > MAX_TEXT {
        return Err(DocumentError::TooLarge);
    }
    read(trust_domain, &json::parse(text, MAX_DEPTH)?)
}

/// Reads the document of `trust_domain` from its JSON.
pub(super) fn read(trust_domain: TrustDomain, document: &Value) -> Result<Document, DocumentError> {
    let Value::Object(members) = document else { return Err(DocumentError::NotAnObject) };
    let sequence = match members.get("spiffe_sequence") {
        None => None,
        Some(value) => Some(value.as_u64().ok_or(DocumentError::Sequence)?),
    };
    let refresh_hint = members.get("spiffe_refresh_hint").map(refresh_hint).transpose()?;
    // Asked first because it looks for private members in every entry, whatever its use.
    let (jwt_keys, ignored) = JwtKeys::from_jwks(document, Uses::SpiffeBundle)?;
    let mut remarks: Vec<String> = ignored.iter().map(ToString::to_string).collect();
    let mut authorities = Authorities::default();
    let entries = members.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (position, entry) in (1..).zip(entries) {
        match entry.get("use").and_then(Value::as_str) {
            Some("jwt-svid") => authorities.jwt.push(entry.clone()),
            Some("x509-svid") => match entry.as_object().ok_or(Entry::NoCertificate).and_then(certificate) {
                Ok(der) => authorities.x509.push(der),
                Err(why) => remarks.push(format!("key {position} of the set was left out: {why}")),
            },
            // Among those that are listed already.
            _ => {}
        }
        if authorities.x509.len() > MAX_CERTIFICATES {
            return Err(DocumentError::TooManyCertificates);
        }
    }
    let bundle = TrustBundle::from_authorities(trust_domain, authorities.x509.iter().cloned())?.with_jwt_keys(jwt_keys);
    Ok(Document { bundle: bundle.with_remarks(remarks), authorities, sequence, refresh_hint })
}

/// The certificate of an entry: the first value of its `x5c`, to the letter. Further values have no meaning (X509-SVID §6.2).
fn certificate(entry: &Map<String, Value>) -> Result<Vec<u8>, Entry> {
    if !entry.get("kty").and_then(Value::as_str).is_some_and(|kty| KEY_TYPES.contains(&kty)) {
        return Err(Entry::KeyType);
    }
    let first = entry.get("x5c").and_then(Value::as_array).and_then(|values| values.first()).and_then(Value::as_str);
    let der = STANDARD.decode(first.ok_or(Entry::NoCertificate)?).map_err(|_| Entry::Base64)?;
    match Authority::anchor(&der) {
        Err(Rejected::Malformed) => Err(Entry::Malformed),
        // A certificate that is no authority is left out where the bundle is made.
        Err(Rejected::Unusable(_)) | Ok(_) => Ok(der),
    }
}

/// Reads a hint, which may be as odd as it likes as long as it is a whole number: less than nothing is nothing.
fn refresh_hint(value: &Value) -> Result<Duration, DocumentError> {
    match (value.as_u64(), value.as_i64()) {
        (Some(seconds), _) => Ok(Duration::from_secs(seconds)),
        (None, Some(_)) => Ok(Duration::ZERO),
        (None, None) => Err(DocumentError::RefreshHint),
    }
}

/// Why a text is not a bundle document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It has more than 1 MiB.
    #[error("more than 1 MiB")]
    TooLarge,
    /// It is not JSON, or could be read in two ways.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// It is JSON of something else.
    #[error("a bundle document is a JSON object")]
    NotAnObject,
    /// Its `keys` are not those of a bundle.
    #[error("{0}")]
    Keys(#[from] JwkError),
    /// Its sequence number is none.
    #[error("`spiffe_sequence` must be a whole number from 0 to 2^64-1")]
    Sequence,
    /// Its refresh hint is no number.
    #[error("`spiffe_refresh_hint` must be a whole number of seconds")]
    RefreshHint,
    /// It has more certificates than a bundle may have.
    #[error("more than {MAX_CERTIFICATES} certificates")]
    TooManyCertificates,
    /// Its certificates are not those of a bundle.
    #[error("{0}")]
    Certificates(#[from] TrustError),
}

/// Why an entry with `use: x509-svid` is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Entry {
    #[error("its `kty` is not one of RSA, EC and OKP")]
    KeyType,
    #[error("its `x5c` has no certificate")]
    NoCertificate,
    #[error("its `x5c` is not canonical base64")]
    Base64,
    #[error("its `x5c` is not the DER of one certificate")]
    Malformed,
}

const KEY_TYPES: [&str; 3] = ["RSA", "EC", "OKP"];
/// A JWK may carry members that we do not know, and these may nest.
const MAX_DEPTH: usize = 16;

#[cfg(test)]
mod tests;
