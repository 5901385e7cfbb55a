//! A signature is a JWS in compact serialization whose header says nothing but which key and algorithm it is ([RFC 7515]).
//!
//! [RFC 7515]: https://www.rfc-editor.org/rfc/rfc7515

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::refuse;
use crate::{clock::Timestamp, json, yaml::quote};

/// A signature that was read; nothing it says is verified.
pub(super) struct Token<'a> {
    pub(super) algorithm: String,
    pub(super) key_id: Option<String>,
    /// Header and payload as they stand in the token: what is signed.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
    claims: Map<String, Value>,
}

/// What was signed.
pub(super) struct Claims {
    /// By path: the algorithm and the digest.
    pub(super) files: BTreeMap<String, (String, Vec<u8>)>,
    pub(super) scope: String,
    pub(super) issued_at: Option<Timestamp>,
}

impl<'a> Token<'a> {
    pub(super) fn read(token: &'a str) -> Result<Self, String> {
        const FORMAT: &str = "bundle.signature: it is not a JWS in compact form";
        let (signed, signature) = token.rsplit_once('.').ok_or(FORMAT)?;
        let (header, payload) = signed.split_once('.').ok_or(FORMAT)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| FORMAT);
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        let Ok(Value::Object(header)) = json::parse(&header, HEADER_DEPTH) else {
            return refuse("its header is no object");
        };
        if let Some(name) = header.keys().find(|name| !matches!(name.as_str(), "alg" | "kid" | "typ")) {
            return refuse(&format!("its header field {} is refused", quote(name)));
        }
        let Some(Value::String(algorithm)) = header.get("alg") else { return refuse("its header names no algorithm") };
        let Ok(Value::Object(claims)) = json::parse(&payload, CLAIMS_DEPTH) else {
            return refuse("what it signs is not an object, or names a key twice");
        };
        // OPA's older signers say it among the claims.
        let key_id = match (header.get("kid"), claims.get("keyid")) {
            (Some(Value::String(id)), _) if !id.is_empty() => Some(id.clone()),
            (None, Some(Value::String(id))) if !id.is_empty() => Some(id.clone()),
            (None | Some(Value::String(_)), _) => None,
            (Some(_), _) => return refuse("its key ID is no text"),
        };
        Ok(Self { algorithm: algorithm.clone(), key_id, signed, signature, claims })
    }

    /// What it says, if it may be relied on at `now`.
    pub(super) fn claims(&self, now: Timestamp) -> Result<Claims, String> {
        let time = |name: &str| match self.claims.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(seconds) => Ok(Some(Timestamp::from_seconds(seconds))),
                None => refuse(&format!("its {} is not whole seconds", quote(name))),
            },
        };
        let (issued_at, not_before, expires) = (time("iat")?, time("nbf")?, time("exp")?);
        if expires.is_some_and(|end| now >= end) {
            return refuse("it has expired: sign the bundle again");
        }
        if not_before.is_some_and(|start| now < start) {
            return refuse("it is not valid yet");
        }
        let scope = match self.claims.get("scope") {
            None => String::new(),
            Some(Value::String(scope)) => scope.clone(),
            Some(_) => return refuse("its scope is no text"),
        };
        let Some(Value::Array(list)) = self.claims.get("files") else { return refuse("it lists no files") };
        let mut files = BTreeMap::new();
        for file in list {
            let text = |name: &str| file.get(name).and_then(Value::as_str);
            let (Some(name), Some(hash), Some(algorithm)) = (text("name"), text("hash"), text("algorithm")) else {
                return refuse("a file in its list lacks its name, hash or algorithm");
            };
            let Some(hash) = hex(hash) else { return refuse("a hash in its list is not hex") };
            if files.insert(name.to_owned(), (algorithm.to_owned(), hash)).is_some() {
                return refuse(&format!("its list names {} twice", quote(name)));
            }
        }
        Ok(Claims { files, scope, issued_at })
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect::<Option<Vec<_>>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

const HEADER_DEPTH: usize = 2;
const CLAIMS_DEPTH: usize = 16;
