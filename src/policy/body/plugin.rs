//! Bodies as the OPA-Envoy plugin reads them, and its refusals: a policy moved over from it is asked the same.

use std::collections::BTreeMap;

use super::{
    Descriptors, GrpcError, MediaType, MultipartError, QueryError, arrays,
    grpc::{self, Grpc},
    lists,
    multipart::{self, Lines},
    query,
};
use crate::{
    hop::HopError,
    pb::attribute_context::HttpRequest,
    policy::{
        engine::Value,
        json::{self, Dialect, JsonError},
    },
};

/// Why the plugin does not ask its policy: it answers 400 with this, whatever the policy says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::policy) enum RequestError {
    /// The path, the query or a form.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A `content-length` that is no number; at most 32 characters of it.
    #[error("strconv.ParseInt: parsing {0:?}: invalid syntax")]
    ContentLength(String),
    /// A body, or a part of one.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A gRPC call to no method's path.
    #[error("invalid parsed path")]
    GrpcPath,
    /// A gRPC message.
    #[error(transparent)]
    Grpc(#[from] GrpcError),
    /// A media type whose parameters cannot be read.
    #[error("mime: invalid media parameter")]
    MediaType,
    /// The parts of a body.
    #[error(transparent)]
    Multipart(#[from] MultipartError),
    /// More than is read, of which the plugin knows no bound.
    #[error(transparent)]
    TooLarge(HopError),
}

/// What the plugin says of a body.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::policy) struct Parsed {
    pub(in crate::policy) body: Value,
    pub(in crate::policy) truncated: bool,
}

impl Parsed {
    pub(in crate::policy) const NOTHING: Self = Self { body: Value::Null, truncated: false };
    const CUT: Self = Self { body: Value::Null, truncated: true };

    const fn whole(body: Value) -> Self {
        Self { body, truncated: false }
    }
}

/// Reads a body. Header names and media types are compared as the plugin compares them: exactly, the latter anywhere in the value.
pub(in crate::policy) fn parse(
    http: &HttpRequest,
    path: &[String],
    descriptors: Option<&Descriptors>,
) -> Result<Parsed, RequestError> {
    let header = |name: &str| http.headers.get(name).map(String::as_str);
    if header("x-envoy-auth-partial-body") == Some("true") {
        return Ok(Parsed::CUT);
    }
    let Some(content_type) = header("content-type") else { return Ok(Parsed::NOTHING) };
    let Some(kind) = KINDS.into_iter().find(|(name, _)| content_type.contains(name)).map(|(_, kind)| kind) else {
        return Ok(Parsed::NOTHING);
    };
    if kind == Kind::Grpc {
        return match descriptors {
            Some(descriptors) if !http.raw_body.is_empty() => grpc(&http.raw_body, path, descriptors),
            _ => Ok(Parsed::NOTHING),
        };
    }
    let body = if http.body.is_empty() { http.raw_body.as_slice() } else { http.body.as_bytes() };
    if body.is_empty() {
        return Ok(Parsed::NOTHING);
    }
    if let Some(length) = header("content-length")
        && is_cut(length, body.len())?
    {
        return Ok(Parsed::CUT);
    }
    match kind {
        Kind::Json => json(body).map(Parsed::whole),
        Kind::Form => form(body).map(Parsed::whole),
        Kind::Multipart => multipart(body, content_type).map(Parsed::whole),
        Kind::Grpc => Ok(Parsed::NOTHING),
    }
}

fn is_cut(length: &str, there: usize) -> Result<bool, RequestError> {
    let length: i64 = length.parse().map_err(|_| RequestError::ContentLength(length.chars().take(32).collect()))?;
    // No other negative number is more than is there either.
    Ok(usize::try_from(length).is_ok_and(|length| length > there))
}

fn json(text: &[u8]) -> Result<Value, RequestError> {
    json::read(text, Dialect::Go).map_err(|error| match error {
        JsonError::TooDeep => RequestError::TooLarge(HopError::TooLarge("body.depth")),
        error => error.into(),
    })
}

fn form(body: &[u8]) -> Result<Value, RequestError> {
    let text = std::str::from_utf8(body).map_err(|_| QueryError::NotUtf8)?;
    Ok(lists(query::parse(text)?))
}

fn multipart(body: &[u8], content_type: &str) -> Result<Value, RequestError> {
    let parameters = MediaType::parse(content_type).ok_or(RequestError::MediaType)?.parameters;
    let Some(boundary) = parameters.get("boundary") else { return Ok(Value::Null) };
    let mut values: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for part in multipart::parts(body, boundary, Lines::Go)? {
        let value = if part.content_type.contains("application/json") {
            json(part.value)?
        } else {
            json::replaced(part.value).into()
        };
        values.entry(part.name).or_default().push(value);
    }
    Ok(arrays(values))
}

fn grpc(body: &[u8], path: &[String], descriptors: &Descriptors) -> Result<Parsed, RequestError> {
    let [service, method] = path else { return Err(RequestError::GrpcPath) };
    match grpc::read(body, service, method, descriptors) {
        Ok(Grpc::Message(value, _)) => Ok(Parsed::whole(value)),
        Ok(Grpc::Cut) => Ok(Parsed::CUT),
        Ok(Grpc::Compressed | Grpc::Unknown) => Ok(Parsed::NOTHING),
        Err(GrpcError::TooDeep) => Err(RequestError::TooLarge(HopError::TooLarge("body.depth"))),
        Err(error) => Err(error.into()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Grpc,
    Form,
    Multipart,
}

/// The first that is found counts.
const KINDS: [(&str, Kind); 4] = [
    ("application/json", Kind::Json),
    ("application/grpc", Kind::Grpc),
    ("application/x-www-form-urlencoded", Kind::Form),
    ("multipart/form-data", Kind::Multipart),
];
