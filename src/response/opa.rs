//! Answers as OPA's plugin for Envoy gives them, but that a denial is never a gRPC error and never a success.

use super::{denial, header, metadata, ok, query};
use crate::{
    decision::{Decision, DecisionId, Denial},
    pb::{CheckResponse, DeniedHttpResponse, HttpStatus, OkHttpResponse, StatusCode},
    policy::{
        Permit, PolicyError,
        answer::{Directives, Form, Reply},
    },
};

/// Encodes a decision: the policy's own word as it is written, and for everything else the reason's status and no body.
pub(super) fn encode(decision: &Decision, id: DecisionId) -> CheckResponse {
    match &decision.verdict {
        Ok(permit) => match decision.findings.observed.iter().rev().find_map(policy_error) {
            Some(error) => {
                let metadata = if let PolicyError::Denied(reply) = error { Some(&reply.metadata) } else { None };
                let dynamic_metadata = Some(metadata::opa(metadata, id));
                CheckResponse { dynamic_metadata, ..ok(permit, Some(OkHttpResponse::default())) }
            }
            None => allow(permit, id),
        },
        Err(Denial::Policy(PolicyError::Denied(reply))) => {
            CheckResponse { dynamic_metadata: Some(metadata::opa(Some(&reply.metadata), id)), ..deny(reply) }
        }
        // The one denial that the plugin gives for anything but the policy's word. It names no decision.
        Err(denial @ Denial::Policy(PolicyError::Request(_))) => {
            let message = denial.to_string();
            let response = DeniedHttpResponse { body: message.clone(), ..with_status(StatusCode::BadRequest.into()) };
            denial::denied(denial::GRPC_PERMISSION_DENIED, &message, response)
        }
        Err(denial) => {
            let (http, grpc) = denial::codes(denial);
            let response = denial::denied(grpc, "", with_status(http.into()));
            CheckResponse { dynamic_metadata: Some(metadata::opa(None, id)), ..response }
        }
    }
}

fn allow(permit: &Permit, id: DecisionId) -> CheckResponse {
    let Directives { form, headers, remove, response_headers, query, query_remove, metadata, .. } = permit.directives();
    let response = (*form == Form::Object).then(|| OkHttpResponse {
        headers: header::add(headers),
        headers_to_remove: remove.clone(),
        response_headers_to_add: header::add(response_headers),
        query_parameters_to_set: query::plain(query),
        query_parameters_to_remove: query_remove.clone(),
    });
    CheckResponse { dynamic_metadata: Some(metadata::opa(Some(metadata), id)), ..ok(permit, response) }
}

fn deny(reply: &Reply) -> CheckResponse {
    // A denial that looks like a success to the client is none.
    let status = reply.status.filter(|status| *status >= 300).map_or_else(|| StatusCode::Forbidden.into(), i32::from);
    let response = DeniedHttpResponse {
        headers: header::add(&reply.headers),
        body: reply.body.clone().unwrap_or_default(),
        ..with_status(status)
    };
    let response = denial::denied(denial::GRPC_PERMISSION_DENIED, "", response);
    match reply.form {
        Form::Boolean => CheckResponse { http_response: None, ..response },
        Form::Object => response,
    }
}

fn with_status(code: i32) -> DeniedHttpResponse {
    DeniedHttpResponse { status: Some(HttpStatus { code }), ..DeniedHttpResponse::default() }
}

fn policy_error(denial: &Denial) -> Option<&PolicyError> {
    if let Denial::Policy(error) = denial { Some(error) } else { None }
}
