//! The body as policies know it: read by its media type, in one way only.

mod grpc;
mod media_type;
mod multipart;
pub(super) mod plugin;

use std::collections::BTreeMap;

pub use self::grpc::Descriptors;
pub(super) use self::plugin::RequestError;
use self::{
    grpc::{Followed, Grpc, GrpcError},
    media_type::MediaType,
    multipart::{Lines, MultipartError},
};
use super::{
    engine::Value,
    json::{self, Dialect, JsonError},
    query::{self, QueryError},
};
use crate::hop::{HopError, Http};

/// Reads the body for `parsed_body`: null unless its media type is one that is read, and it is there whole.
///
/// # Errors
/// A body that is malformed, nests too deeply, or could be read in another way by whoever gets it.
pub(super) fn parse(request: &Http<'_>, descriptors: Option<&Descriptors>) -> Result<Value, HopError> {
    let body = request.body.bytes;
    let Some(content_type) = request.content_type.filter(|_| !request.body.truncated && !body.is_empty()) else {
        return Ok(Value::Null);
    };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        essence if is_json(essence) => json(body),
        "application/x-www-form-urlencoded" => form(body),
        "multipart/form-data" => multipart(body, content_type),
        "application/grpc" | "application/grpc+proto" => {
            descriptors.map_or(Ok(Value::Null), |descriptors| grpc(request, descriptors))
        }
        _ => Ok(Value::Null),
    }
}

/// `application/json`, and everything that says so behind a plus (RFC 6839 §3.1).
fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence.ends_with("+json")
}

fn json(text: &[u8]) -> Result<Value, HopError> {
    json::read(text, Dialect::Strict).map_err(|error| match error {
        JsonError::TooDeep => HopError::TooLarge("body.depth"),
        JsonError::Number => HopError::TooLarge("body.number"),
        JsonError::Repeated | JsonError::Syntax => HopError::Malformed("body.json"),
    })
}

fn form(body: &[u8]) -> Result<Value, HopError> {
    let text = std::str::from_utf8(body).map_err(|_| HopError::Malformed("body.form"))?;
    query::parse(text).map(lists).map_err(|error| match error {
        QueryError::TooMany => HopError::TooLarge("body.parameters"),
        QueryError::Escape(_) | QueryError::NotUtf8 | QueryError::Semicolon => HopError::Malformed("body.form"),
    })
}

fn multipart(body: &[u8], content_type: &str) -> Result<Value, HopError> {
    const MALFORMED: HopError = HopError::Malformed("body.multipart");
    let parameters = MediaType::parse(content_type).ok_or(MALFORMED)?.parameters;
    let boundary = parameters.get("boundary").ok_or(MALFORMED)?;
    let parts = multipart::parts(body, boundary, Lines::Strict).map_err(|error| match error {
        MultipartError::TooMany => HopError::TooLarge("body.parts"),
        MultipartError::Between | MultipartError::Encoded | MultipartError::Headers | MultipartError::Unfinished => {
            MALFORMED
        }
    })?;
    let mut values: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for part in parts {
        let essence = part.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let value = match std::str::from_utf8(part.value) {
            _ if is_json(&essence) => json(part.value)?,
            Ok(text) => Value::from(text),
            // A file: that it is there can be told, what is in it cannot.
            Err(_) => Value::Null,
        };
        values.entry(part.name).or_default().push(value);
    }
    Ok(arrays(values))
}

fn grpc(request: &Http<'_>, descriptors: &Descriptors) -> Result<Value, HopError> {
    if request.http.raw_body.is_empty() {
        // Envoy has put `!` in the place of what is not UTF-8: `pack_as_bytes` is missing.
        return Err(HopError::Malformed("body.grpc_not_bytes"));
    }
    let path = request.line.as_ref().and_then(|line| line.target.path.strip_prefix('/')?.split_once('/'));
    let Some((service, method)) = path else { return Ok(Value::Null) };
    match grpc::read(&request.http.raw_body, service, method, descriptors) {
        Ok(Grpc::Message(value, Followed::ByNothing)) => Ok(value),
        Ok(Grpc::Unknown) => Ok(Value::Null),
        Ok(Grpc::Compressed) => Err(HopError::Malformed("body.grpc_compressed")),
        Ok(Grpc::Message(_, Followed::BySomething) | Grpc::Cut) | Err(GrpcError::Short | GrpcError::Message) => {
            Err(HopError::Malformed("body.grpc"))
        }
        Err(GrpcError::TooDeep) => Err(HopError::TooLarge("body.depth")),
    }
}

/// Names to lists of texts.
pub(super) fn lists(form: query::Form) -> Value {
    let texts = |(name, values): (String, Vec<String>)| {
        (Value::from(name), Value::from(values.into_iter().map(Value::from).collect::<Vec<_>>()))
    };
    form.into_iter().map(texts).collect::<BTreeMap<_, _>>().into()
}

fn arrays(values: BTreeMap<String, Vec<Value>>) -> Value {
    values.into_iter().map(|(name, values)| (Value::from(name), Value::from(values))).collect::<BTreeMap<_, _>>().into()
}

#[cfg(test)]
mod tests;
