//! Turns a decision into what Envoy is told. An OK is built in one place only.
//!
//! Envoy looks at `status.code` alone, and takes an empty message for an allow: every answer sets it. A denial is never a gRPC error and
//! never `error_response`, because `failure_mode_allow` would turn either into an allow.

mod denial;
mod header;
mod metadata;
mod opa;
mod query;
mod removal;

use self::{
    header::overwrite,
    query::{Query, query},
    removal::{headers_to_remove, spellings_to_remove},
};
use crate::{
    decision::{Decision, DecisionId},
    pb::{
        self, CheckRequest, CheckResponse, DeniedHttpResponse, HttpStatus, OkHttpResponse, StatusCode,
        check_response::HttpResponse,
    },
    policy::{
        Permit,
        answer::{Directives, Style},
    },
};

/// How decisions are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// How much of the reason a denied caller is told.
    pub reveal: Reveal,
    /// In whose style.
    pub style: Style,
}

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
    rules: Rules,
    keep_headers: impl Fn(&str) -> bool + 'a,
) -> CheckResponse {
    match rules.style {
        Style::Hopguard => {
            let response = match &decision.verdict {
                Ok(permit) => allow(permit, id, check, keep_headers),
                Err(denial) => denial::encode(denial, id, rules.reveal),
            };
            CheckResponse { dynamic_metadata: Some(metadata::of(decision, id)), ..response }
        }
        Style::Opa { .. } => opa::encode(decision, id),
    }
}

/// The answer when even the decision's own encoding has failed: a denial that needs nothing.
pub fn last_resort() -> CheckResponse {
    let code = StatusCode::ServiceUnavailable.into();
    let denied = DeniedHttpResponse { status: Some(HttpStatus { code }), ..DeniedHttpResponse::default() };
    CheckResponse {
        status: Some(pb::Status { code: denial::GRPC_UNAVAILABLE, message: String::new() }),
        http_response: Some(HttpResponse::DeniedResponse(denied)),
        dynamic_metadata: None,
    }
}

/// The only place that builds an OK, and it takes a permit to do so.
fn ok(_: &Permit, response: Option<OkHttpResponse>) -> CheckResponse {
    CheckResponse {
        status: Some(pb::Status { code: GRPC_OK, message: String::new() }),
        http_response: response.map(HttpResponse::OkResponse),
        dynamic_metadata: None,
    }
}

/// What the policy wants done, and after it what nobody else may say.
fn allow(permit: &Permit, id: DecisionId, check: &CheckRequest, keep_headers: impl Fn(&str) -> bool) -> CheckResponse {
    let ours = [
        ("x-hopguard-decision", Some(id.to_string())),
        ("x-hopguard-peer", permit.peer().map(ToString::to_string)),
        ("x-hopguard-actor", permit.actor().map(ToString::to_string)),
        ("x-hopguard-purpose", permit.purpose().map(ToString::to_string)),
        ("x-hopguard-grant", permit.grant().map(|grant| grant.name().to_owned())),
        // Loud: the upstream is told on what its caller got in.
        ("x-hopguard-break-glass", permit.break_glass().map(str::to_owned)),
    ];
    let Directives { headers, remove, response_headers, .. } = permit.directives();
    // What nothing stands for is removed, whether or not the client sent it.
    let absent = ours.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| (*name).to_owned());
    let mut headers_to_remove = headers_to_remove(check, keep_headers);
    headers_to_remove.extend(absent);
    headers_to_remove.extend(remove.iter().cloned());
    let touched: Vec<&String> = headers.iter().map(|(name, _)| name).chain(remove).collect();
    headers_to_remove.extend(spellings_to_remove(check, &touched));
    let Query { set, remove } = query(check, permit.directives());
    let mut headers = header::set(headers);
    headers.extend(ours.into_iter().filter_map(|(name, value)| Some(overwrite(name, value?))));
    let response = OkHttpResponse {
        headers,
        headers_to_remove,
        response_headers_to_add: header::add(response_headers),
        query_parameters_to_set: set,
        query_parameters_to_remove: remove,
    };
    ok(permit, Some(response))
}

const GRPC_OK: i32 = 0;

#[cfg(test)]
mod tests;
