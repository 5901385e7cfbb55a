//! Base64, hexadecimal and URL-encoded texts as OPA reads and writes them. Bytes that are no text are an error: no value could hold them.

use std::{collections::BTreeMap, fmt::Write as _};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    super::engine::Value,
    arguments::{any, bound, entries, error, few, fits, members, object, text, wrong},
    native::{Failure, Native},
    sprintf::shown,
};

pub(super) const ENCODING: &[Native] = &[
    Native { name: "base64.decode", arity: 1, call: |arguments| plain(decoded(&STANDARD, text(arguments, 0)?)?) },
    Native { name: "base64.is_valid", arity: 1, call: is_valid },
    Native { name: "base64url.decode", arity: 1, call: url_decode },
    Native { name: "hex.decode", arity: 1, call: hexadecimal },
    Native { name: "urlquery.decode", arity: 1, call: |arguments| plain(unescaped(text(arguments, 0)?)?) },
    Native { name: "urlquery.decode_object", arity: 1, call: query },
    Native { name: "urlquery.encode", arity: 1, call: |arguments| made(escaped(text(arguments, 0)?)?) },
    Native { name: "urlquery.encode_object", arity: 1, call: encode_query },
];

fn is_valid(arguments: &[Value]) -> Result<Value, Failure> {
    let is_valid = matches!(any(arguments, 0)?, Value::String(text) if decoded(&STANDARD, text).is_ok());
    Ok(Value::Bool(is_valid))
}

/// Padding may be left out as a whole.
fn url_decode(arguments: &[Value]) -> Result<Value, Failure> {
    let text = text(arguments, 0)?;
    let padding = match text.len() & 3 {
        _ if text.ends_with('=') => "",
        0 => "",
        2 => "==",
        3 => "=",
        _ => return error("the text is no base64url"),
    };
    plain(decoded(&URL, &format!("{text}{padding}"))?)
}

/// Line ends may stand anywhere, and the last bits are not looked at.
fn decoded(engine: &GeneralPurpose, text: &str) -> Result<Vec<u8>, Failure> {
    engine.decode(text.replace(['\r', '\n'], "")).map_err(|_| Failure::Error("the text is no base64".to_owned()))
}

fn hexadecimal(arguments: &[Value]) -> Result<Value, Failure> {
    let digits = text(arguments, 0)?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect::<Option<Vec<u8>>>();
    match bytes {
        Some(bytes) if rest.is_empty() => plain(bytes),
        _ => error("the text is not hexadecimal"),
    }
}

fn plain(bytes: Vec<u8>) -> Result<Value, Failure> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Value::from(text)),
        Err(_) => bound("the bytes are no text"),
    }
}

fn escaped(text: &str) -> Result<String, Failure> {
    let text = short(text)?;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            // Writing to a string cannot fail.
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
    Ok(out)
}

/// Refuses what takes too long to write or read byte by byte.
fn short(text: &str) -> Result<&str, Failure> {
    if text.len() > LONGEST { bound("the text is longer than a builtin may encode or decode") } else { Ok(text) }
}

fn made(text: String) -> Result<Value, Failure> {
    fits(text.len())?;
    Ok(Value::from(text))
}

fn unescaped(text: &str) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = short(text)?.bytes();
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        out.push(match byte {
            b'+' => b' ',
            b'%' => match (digit(), digit()) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return error("the text has an escape that is none"),
            },
            byte => byte,
        });
    }
    Ok(out)
}

fn query(arguments: &[Value]) -> Result<Value, Failure> {
    let mut fields: BTreeMap<Value, Vec<Value>> = BTreeMap::new();
    for (index, part) in short(text(arguments, 0)?)?.split('&').enumerate() {
        if index >= MOST_PARAMETERS {
            return bound("there are more parameters than OPA reads");
        }
        if part.contains(';') {
            return error("the query has a semicolon");
        }
        if !part.is_empty() {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            fields.entry(plain(unescaped(key)?)?).or_default().push(plain(unescaped(value)?)?);
        }
    }
    Ok(entries(fields.into_iter().map(|(key, values)| (key, Value::from(values)))))
}

fn encode_query(arguments: &[Value]) -> Result<Value, Failure> {
    let mut fields = BTreeMap::new();
    for (key, value) in object(arguments, 0)?.iter() {
        let name = match key {
            Value::String(name) => name.to_string(),
            key => shown(key)?,
        };
        let values = match value {
            Value::String(_) => Some(vec![value]),
            value => members(value),
        };
        let Some(values) = values else { return Err(wrong(1, "an object of strings, or of collections of them")) };
        if fields.insert(name, values).is_some() {
            return bound("two keys are written alike");
        }
    }
    let mut pairs = Vec::new();
    for (name, values) in fields {
        for value in values {
            let Value::String(value) = value else { return Err(wrong(1, "an object of collections of strings")) };
            pairs.push(format!("{}={}", escaped(&name)?, escaped(value)?));
            few(pairs.len())?;
        }
    }
    made(pairs.join("&"))
}

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

const MOST_PARAMETERS: usize = 10_000;

/// The longest text that is escaped or unescaped.
const LONGEST: usize = 128 * 1024;
