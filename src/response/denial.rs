//! A denial in Hopguard's own style: the reason's status and a short body, or what the policy said instead.

use super::{Reveal, header};
use crate::{
    decision::{DecisionId, Denial, Status},
    pb::{self, CheckResponse, DeniedHttpResponse, HttpStatus, StatusCode, check_response::HttpResponse},
    policy::{PolicyError, answer::Reply},
};

/// Encodes a denial.
pub(super) fn encode(denial: &Denial, id: DecisionId, reveal: Reveal) -> CheckResponse {
    let (http, grpc) = codes(denial);
    let nothing = Reply::default();
    let reply = if let Denial::Policy(PolicyError::Denied(reply)) = denial { reply } else { &nothing };
    let mut headers = reply.headers.clone();
    if reply.body.is_none() {
        headers.retain(|(name, _)| name != CONTENT_TYPE);
        headers.push((CONTENT_TYPE.to_owned(), "application/json".to_owned()));
    }
    let status = reply.status.map_or_else(|| http.into(), i32::from);
    let body = reply.body.clone().unwrap_or_else(|| body(denial, id, reveal));
    let headers = header::add(&headers);
    denied(grpc, "", DeniedHttpResponse { status: Some(HttpStatus { code: status }), headers, body })
}

/// A denial in anybody's style; `grpc` is never OK.
pub(super) fn denied(grpc: i32, message: &str, response: DeniedHttpResponse) -> CheckResponse {
    let code = if grpc == super::GRPC_OK { GRPC_PERMISSION_DENIED } else { grpc };
    CheckResponse {
        status: Some(pb::Status { code, message: message.to_owned() }),
        http_response: Some(HttpResponse::DeniedResponse(response)),
        dynamic_metadata: None,
    }
}

/// The status of a denial's reason, and its counterpart in gRPC.
pub(super) fn codes(denial: &Denial) -> (StatusCode, i32) {
    match denial.reason().status() {
        Status::BadRequest => (StatusCode::BadRequest, GRPC_INVALID_ARGUMENT),
        Status::Unauthorized => (StatusCode::Unauthorized, GRPC_UNAUTHENTICATED),
        Status::Forbidden => (StatusCode::Forbidden, GRPC_PERMISSION_DENIED),
        Status::ServiceUnavailable => (StatusCode::ServiceUnavailable, GRPC_UNAVAILABLE),
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

const CONTENT_TYPE: &str = "content-type";

/// Codes of `google.rpc.Code`.
const GRPC_INVALID_ARGUMENT: i32 = 3;
pub(super) const GRPC_PERMISSION_DENIED: i32 = 7;
pub(super) const GRPC_UNAVAILABLE: i32 = 14;
const GRPC_UNAUTHENTICATED: i32 = 16;
