//! The forms that a field of a decision can have. What has another form is a fault, and no value is quoted: it may be a caller's secret.

use super::{Pairs, fault};
use crate::{
    pb::StatusCode,
    policy::{PolicyError, Value},
    yaml::quote,
};

/// What is done with a key that is no string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// It is a fault.
    Strings,
    /// It is taken as its JSON, as OPA does.
    AsJson,
}

impl Keys {
    pub(super) fn text(self, what: &str, key: &Value) -> Result<String, PolicyError> {
        match (key, self) {
            (Value::String(text), _) => Ok(text.to_string()),
            (_, Self::Strings) => Err(fault(format!("`{what}` has a key that is not a string"))),
            (key, Self::AsJson) => key.to_json_str().map_err(|_| fault(format!("`{what}` has a key that is no JSON"))),
        }
    }
}

pub(super) fn boolean(what: &str, value: &Value) -> Result<bool, PolicyError> {
    match value {
        Value::Bool(value) => Ok(*value),
        _ => Err(fault(format!("`{what}` is not a boolean"))),
    }
}

pub(super) fn text<'v>(what: &str, value: &'v Value) -> Result<&'v str, PolicyError> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(fault(format!("`{what}` is not a string"))),
    }
}

/// Why, in the policy's words, as far as they are kept.
pub(super) fn reason(value: &Value) -> Result<String, PolicyError> {
    Ok(text("reason", value)?.chars().take(MAX_REASON).collect())
}

/// An array, or a set in its order, of strings.
pub(super) fn texts(what: &str, value: &Value) -> Result<Vec<String>, PolicyError> {
    let texts = items(value).and_then(|items| items.into_iter().map(string).collect::<Option<Vec<_>>>());
    texts.ok_or_else(|| fault(format!("`{what}` is not an array of strings")))
}

/// An object of strings, or of arrays of strings; in the order of its keys, and of each array.
pub(super) fn pairs(what: &str, value: &Value, keys: Keys) -> Result<Pairs, PolicyError> {
    let Value::Object(object) = value else { return Err(fault(format!("`{what}` is not an object"))) };
    let mut pairs = Pairs::new();
    for (key, value) in object.iter() {
        let name = keys.text(what, key)?;
        let values = string(value)
            .map(|value| vec![value])
            .or_else(|| items(value)?.into_iter().map(string).collect::<Option<Vec<_>>>())
            .ok_or_else(|| fault(format!("`{what}`: {} is neither a string nor an array of strings", quote(&name))))?;
        pairs.extend(values.into_iter().map(|value| (name.clone(), value)));
    }
    Ok(pairs)
}

/// Such an object, or an array of them.
pub(super) fn groups(what: &str, value: &Value, keys: Keys) -> Result<Vec<Pairs>, PolicyError> {
    match items(value) {
        Some(items) => items.into_iter().map(|item| pairs(what, item, keys)).collect(),
        None if matches!(value, Value::Object(_)) => Ok(vec![pairs(what, value, keys)?]),
        None => Err(fault(format!("`{what}` is neither an object nor an array of objects"))),
    }
}

/// A status that Envoy can answer with.
pub(super) fn status(what: &str, value: &Value) -> Result<u16, PolicyError> {
    let Value::Number(number) = value else { return Err(fault(format!("`{what}` is not a number"))) };
    let status = number.as_i64().filter(|_| number.is_integer()).and_then(|status| i32::try_from(status).ok());
    status
        .filter(|status| *status != 0 && StatusCode::try_from(*status).is_ok())
        .and_then(|status| u16::try_from(status).ok())
        .ok_or_else(|| fault(format!("`{what}` is not a status that Envoy can answer with")))
}

pub(super) fn items(value: &Value) -> Option<Vec<&Value>> {
    match value {
        Value::Array(items) => Some(items.iter().collect()),
        Value::Set(items) => Some(items.iter().collect()),
        _ => None,
    }
}

fn string(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        _ => None,
    }
}

/// The most characters of a policy's reason that are kept.
const MAX_REASON: usize = 256;
