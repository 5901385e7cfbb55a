//! The body as policies know it: strict JSON, in which no two readers can find different values.

use std::{collections::BTreeMap, fmt};

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::engine::Value;
use crate::hop::{HopError, Http};

/// Reads the body for `parsed_body`: null unless its media type is JSON and it is there whole.
///
/// # Errors
/// JSON that is malformed, names a key twice, or nests too deeply.
pub(super) fn parse(request: &Http<'_>) -> Result<Value, HopError> {
    let is_json = request.content_type.is_some_and(is_json);
    if !is_json || request.body.truncated || request.body.bytes.is_empty() {
        return Ok(Value::Null);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(request.body.bytes);
    let body = Strict::deserialize(&mut deserializer).and_then(|body| deserializer.end().map(|()| body));
    match body {
        Ok(Strict(value)) if depth(&value, 0) > MAX_DEPTH => Err(HopError::TooLarge("body.depth")),
        Ok(Strict(value)) => Ok(value),
        Err(error) if error.to_string().starts_with("recursion limit") => Err(HopError::TooLarge("body.depth")),
        Err(_) => Err(HopError::Malformed("body.json")),
    }
}

/// `application/json` in any case and with any parameters (RFC 9110 §8.3.1).
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn depth(value: &Value, above: usize) -> usize {
    let here = above.saturating_add(1);
    match value {
        Value::Array(items) => items.iter().map(|item| depth(item, here)).max().unwrap_or(here),
        Value::Object(fields) => fields.iter().map(|(_, field)| depth(field, here)).max().unwrap_or(here),
        _ => here,
    }
}

/// A JSON value in which each key occurs once.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Strict, E> {
        Ok(Strict(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Strict(array.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Strict, A::Error> {
        let mut object = BTreeMap::new();
        while let Some((name, Strict(value))) = fields.next_entry::<String, Strict>()? {
            if object.insert(Value::from(name), value).is_some() {
                return Err(A::Error::custom("a key occurs twice"));
            }
        }
        Ok(Strict(object.into()))
    }
}

/// The deepest nesting that a policy is shown.
const MAX_DEPTH: usize = 64;
