//! A token is three parts of base64url whose first says how the last was made; nothing it says is believed here.

use super::{
    super::{super::engine::Value, native::Failure},
    encoding, object,
};

/// A token that was taken apart.
#[derive(Clone, Copy)]
pub(super) struct Token<'a> {
    /// All of it.
    pub(super) whole: &'a [u8],
    /// Header and payload as they stand: what is signed.
    pub(super) signed: &'a [u8],
    header: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
}

/// What of a header counts for verifying.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: String,
    pub(super) cty: String,
    /// Whether it names a critical parameter that is there and that nobody here knows (RFC 7515 §4.1.11).
    pub(super) is_beyond_us: bool,
}

impl<'a> Token<'a> {
    /// Takes `whole` apart at its two full stops.
    pub(super) fn split(whole: &'a [u8]) -> Result<Self, Failure> {
        let mut parts = whole.split(|byte| *byte == b'.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(error("a token has three parts"));
        };
        let signed = whole.len().saturating_sub(signature.len()).saturating_sub(1);
        Ok(Self { whole, signed: whole.get(..signed).unwrap_or_default(), header, payload, signature })
    }

    /// Its header, which is not that of an encrypted token.
    pub(super) fn header(&self) -> Result<Value, Failure> {
        let header = encoding::base64url(self.header).ok_or_else(|| error("the header is not base64url"))?;
        let header = object(&header, "header")?;
        if field(&header, "enc").is_some() {
            return Err(error("the token is encrypted (JWE), which is not supported"));
        }
        Ok(header)
    }

    pub(super) fn payload(&self) -> Result<Vec<u8>, Failure> {
        encoding::base64url(self.payload).ok_or_else(|| error("the payload is not base64url"))
    }

    pub(super) fn signature(&self) -> Result<Vec<u8>, Failure> {
        encoding::base64url(self.signature).ok_or_else(|| error("the signature is not base64url"))
    }
}

impl Header {
    pub(super) fn read(header: &Value) -> Result<Self, Failure> {
        let mut known = Self::default();
        let mut critical = Vec::new();
        for (name, value) in header.as_object().ok().into_iter().flat_map(|object| object.iter()) {
            let (Value::String(name), value) = (name, value) else { continue };
            let place = match &**name {
                "alg" => &mut known.alg,
                "kid" => &mut known.kid,
                "cty" => &mut known.cty,
                "typ" => &mut String::new(),
                "crit" => {
                    critical = listed(value)?;
                    continue;
                }
                _ => continue,
            };
            let Value::String(text) = value else {
                return Err(error(&format!("`{name}` of the header is not a string")));
            };
            text.as_ref().clone_into(place);
        }
        known.is_beyond_us = critical.iter().any(|name| {
            let is_known = matches!(name, Value::String(name) if KNOWN.contains(&&**name));
            !is_known && header.as_object().is_ok_and(|object| object.contains_key(name))
        });
        Ok(known)
    }
}

/// The names that `crit` lists, up to the first that is none.
fn listed(value: &Value) -> Result<Vec<&Value>, Failure> {
    let Value::Array(names) = value else { return Err(error("`crit` of the header is not a list")) };
    let names: Vec<&Value> = names.iter().take_while(|name| matches!(name, Value::String(_))).collect();
    if names.is_empty() { Err(error("`crit` of the header is not a list of strings, or empty")) } else { Ok(names) }
}

/// The field of that name, if `object` is one and has it.
pub(super) fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.as_object().ok()?.get(&Value::from(name))
}

fn error(message: &str) -> Failure {
    Failure::Error(message.to_owned())
}

/// The parameters of a header that are understood here.
const KNOWN: [&str; 5] = ["alg", "kid", "typ", "cty", "crit"];
