//! Turns a decision into what Envoy is told. An OK is built in one place only.
//!
//! Envoy looks at `status.code` alone, and takes an empty message for an allow: every answer sets it. A denial is never a gRPC error and
//! never `error_response`, because `failure_mode_allow` would turn either into an allow.

mod removal;

use prost_types::{Struct, Value, value::Kind};

use self::removal::headers_to_remove;
use crate::{
    decision::{Decision, DecisionId, Denial, Reason, Status},
    pb::{
        self, CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValue, HeaderValueOption, HttpStatus,
        OkHttpResponse, StatusCode, check_response::HttpResponse, header_value_option::HeaderAppendAction,
    },
    policy::Permit,
};

/// How much of the reason a denied caller is told (`response.reveal`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reveal {
    /// Nothing: the decision's ID is enough to find the rest in the audit log.
    #[default]
    None,
    /// The reason's code.
    Reason,
    /// The operator's sentence too: for development.
    Full,
}

/// Encodes the answer to `check`. Headers that `keep_headers` names are not removed.
pub fn encode<'a>(
    decision: &Decision,
    id: DecisionId,
    check: &CheckRequest,
    reveal: Reveal,
    keep_headers: impl Fn(&str) -> bool + 'a,
) -> CheckResponse {
    let response = match &decision.verdict {
        Ok(permit) => allow(permit, id, check, keep_headers),
        Err(denial) => deny(denial, id, reveal),
    };
    CheckResponse { dynamic_metadata: Some(metadata(decision, id)), ..response }
}

/// The answer when even the decision's own encoding has failed: a denial that needs nothing.
pub fn last_resort() -> CheckResponse {
    let code = StatusCode::ServiceUnavailable.into();
    let denied = DeniedHttpResponse { status: Some(HttpStatus { code }), ..DeniedHttpResponse::default() };
    CheckResponse {
        status: Some(pb::Status { code: GRPC_UNAVAILABLE, message: String::new() }),
        http_response: Some(HttpResponse::DeniedResponse(denied)),
        dynamic_metadata: None,
    }
}

/// The only place that builds an OK, and it takes a permit to do so.
fn allow(permit: &Permit, id: DecisionId, check: &CheckRequest, keep_headers: impl Fn(&str) -> bool) -> CheckResponse {
    let headers = [
        ("x-hopguard-decision", Some(id.to_string())),
        ("x-hopguard-peer", permit.peer().map(ToString::to_string)),
        ("x-hopguard-actor", permit.actor().map(ToString::to_string)),
        ("x-hopguard-purpose", permit.purpose().map(ToString::to_string)),
        ("x-hopguard-grant", permit.grant().map(|grant| grant.name().to_owned())),
    ];
    // What nothing stands for is removed, whether or not the client sent it.
    let absent = headers.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| (*name).to_owned());
    let mut remove = headers_to_remove(check, keep_headers);
    remove.extend(absent);
    let ok = OkHttpResponse {
        headers: headers.into_iter().filter_map(|(name, value)| Some(set(name, value?))).collect(),
        headers_to_remove: remove,
        response_headers_to_add: Vec::new(),
    };
    CheckResponse {
        status: Some(pb::Status { code: GRPC_OK, message: String::new() }),
        http_response: Some(HttpResponse::OkResponse(ok)),
        dynamic_metadata: None,
    }
}

fn deny(denial: &Denial, id: DecisionId, reveal: Reveal) -> CheckResponse {
    let (http, grpc) = match denial.reason().status() {
        Status::BadRequest => (StatusCode::BadRequest, GRPC_INVALID_ARGUMENT),
        Status::Unauthorized => (StatusCode::Unauthorized, GRPC_UNAUTHENTICATED),
        Status::Forbidden => (StatusCode::Forbidden, GRPC_PERMISSION_DENIED),
        Status::ServiceUnavailable => (StatusCode::ServiceUnavailable, GRPC_UNAVAILABLE),
    };
    let denied = DeniedHttpResponse {
        status: Some(HttpStatus { code: http.into() }),
        headers: vec![HeaderValueOption {
            header: Some(HeaderValue {
                key: "content-type".to_owned(),
                value: "application/json".to_owned(),
                raw_value: Vec::new(),
            }),
            append: None,
            append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        }],
        body: body(denial, id, reveal),
    };
    CheckResponse {
        status: Some(pb::Status { code: grpc, message: String::new() }),
        http_response: Some(HttpResponse::DeniedResponse(denied)),
        dynamic_metadata: None,
    }
}

fn body(denial: &Denial, id: DecisionId, reveal: Reveal) -> String {
    let mut body = serde_json::json!({ "error": "hop_denied", "decision": id.to_string() });
    let fields = match reveal {
        Reveal::None => vec![],
        Reveal::Reason => vec![("reason", Some(denial.reason().as_str().to_owned()))],
        Reveal::Full => vec![
            ("reason", Some(denial.reason().as_str().to_owned())),
            ("detail", denial.detail().map(str::to_owned)),
            ("message", Some(denial.to_string())),
        ],
    };
    if let Some(object) = body.as_object_mut() {
        object.extend(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
    }
    body.to_string()
}

/// Overwrites in every Envoy: `append` is what decides there, `append_action` is what the field is documented to be.
fn set(name: &str, value: String) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue { key: name.to_owned(), value, raw_value: Vec::new() }),
        append: Some(false),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
    }
}

fn metadata(decision: &Decision, id: DecisionId) -> Struct {
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let null = || Value { kind: Some(Kind::NullValue(0)) };
    let optional = |value: Option<String>| value.map_or_else(null, |value| text(&value));
    let permit = decision.verdict.as_ref().ok();
    let findings = &decision.findings;
    let fields = [
        ("decision_id", text(&id.to_string())),
        ("allowed", Value { kind: Some(Kind::BoolValue(decision.is_allowed())) }),
        ("reason", optional(decision.reason().map(|reason: Reason| reason.as_str().to_owned()))),
        ("peer", optional(decision.peer().map(|peer| peer.id().to_string()))),
        ("purpose", optional(findings.purpose.as_ref().map(|purpose| purpose.purpose().to_string()))),
        ("grant", optional(findings.grant.as_ref().map(|grant| grant.grant().name().to_owned()))),
        ("revision", optional(decision.revisions.as_ref().map(|revisions| revisions.snapshot.clone()))),
        ("valid_until", optional(permit.and_then(Permit::valid_until).map(|end| end.to_string()))),
    ];
    Struct { fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() }
}

/// Codes of `google.rpc.Code`.
const GRPC_OK: i32 = 0;
const GRPC_INVALID_ARGUMENT: i32 = 3;
const GRPC_PERMISSION_DENIED: i32 = 7;
const GRPC_UNAVAILABLE: i32 = 14;
const GRPC_UNAUTHENTICATED: i32 = 16;

#[cfg(test)]
mod tests;
