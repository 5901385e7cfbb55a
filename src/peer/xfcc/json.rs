//! Envoy's JSON format says the same as its text format, and is held to the same rules.

use std::borrow::Cow;

use serde_json::Value;

use super::{Element, MAX_ELEMENTS, MAX_PAIRS, XfccError, element::is_printable};
use crate::json::{self, JsonError};

/// Reads an array of one element. Its keys are those of the text format in lower case; lists stand for keys that may repeat, and PEM is
/// not percent-encoded.
pub(super) fn read(value: &str) -> Result<Element<'static>, XfccError> {
    let value = json::parse(value.as_bytes(), MAX_DEPTH).map_err(|error| match error {
        JsonError::DuplicateKey => XfccError::DuplicateKey,
        _ => XfccError::Syntax,
    })?;
    let Value::Array(elements) = value else {
        return Err(XfccError::Syntax);
    };
    if elements.len() > MAX_ELEMENTS {
        return Err(XfccError::Limit);
    }
    let Ok([Value::Object(pairs)]) = <[Value; 1]>::try_from(elements) else {
        return Err(XfccError::ElementCount);
    };
    let mut element = Element::default();
    let mut count = 0;
    for (key, value) in pairs {
        let name = key.to_ascii_lowercase();
        let values = match (name.as_str(), value) {
            ("by" | "uri" | "dns" | "chain", Value::Array(values)) => values,
            ("hash" | "cert" | "subject" | "issuer", value @ Value::String(_)) => vec![value],
            ("by" | "uri" | "dns" | "chain" | "hash" | "cert" | "subject" | "issuer", _) => {
                return Err(XfccError::Syntax);
            }
            _ => Vec::new(),
        };
        count += values.len().max(1);
        if count > MAX_PAIRS {
            return Err(XfccError::Limit);
        }
        let values: Option<Vec<String>> = values.into_iter().map(text).collect();
        let values = values.ok_or(XfccError::Syntax)?;
        match name.as_str() {
            "cert" | "chain" => element.add(&name, Cow::Owned(escape(&values.concat())))?,
            _ if values.iter().all(|value| is_printable(value)) => {
                values.into_iter().try_for_each(|value| element.add(&name, Cow::Owned(value)))?;
            }
            _ => return Err(XfccError::Syntax),
        }
    }
    element.said()
}

fn text(value: Value) -> Option<String> {
    if let Value::String(text) = value { Some(text) } else { None }
}

/// Percent-encodes all but the unreserved characters (RFC 3986 §2.3), as the text format does.
fn escape(pem: &str) -> String {
    let mut escaped = String::with_capacity(pem.len());
    for byte in pem.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            escaped.push_str(&crate::hex::encode(&[byte]));
        }
    }
    escaped
}

/// An array of objects of arrays.
const MAX_DEPTH: usize = 3;
