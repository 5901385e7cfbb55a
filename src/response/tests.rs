//! Answers are never empty, and only a permit makes one an OK.

use super::*;
use crate::{
    clock::Timestamp,
    decision::{DecisionIds, Fault},
    hop::{HopError, Outline},
};

fn denied(denial: impl Into<Denial>, reveal: Reveal) -> CheckResponse {
    let decision = Decision::denied(Timestamp::from_seconds(0), Outline::default(), denial);
    encode(&decision, DecisionIds::new().unwrap().next(), &CheckRequest::default(), reveal, |_| false)
}

fn body(response: &CheckResponse) -> serde_json::Value {
    let Some(HttpResponse::DeniedResponse(denied)) = &response.http_response else { panic!("not a denied response") };
    serde_json::from_str(&denied.body).unwrap()
}

#[test]
fn a_denial_is_never_an_allow_in_any_envoy() {
    let faults = [Fault::AuditUnavailable, Fault::Deadline, Fault::Internal, Fault::NotReady, Fault::Overloaded];
    let denials =
        faults.map(Denial::from).into_iter().chain([HopError::Malformed("x").into(), HopError::Ambiguous("x").into()]);
    for response in denials.map(|denial| denied(denial, Reveal::None)).chain([last_resort()]) {
        assert_ne!(response.status.as_ref().unwrap().code, GRPC_OK);
        let Some(HttpResponse::DeniedResponse(denied)) = response.http_response else {
            panic!("not a denied response")
        };
        assert!(matches!(denied.status.unwrap().code, 400 | 401 | 403 | 503));
    }
}

#[test]
fn a_caller_is_told_as_much_as_is_configured() {
    let denial = HopError::Ambiguous("path.dot_segment");
    let none = body(&denied(denial, Reveal::None));
    assert_eq!(none["error"], "hop_denied");
    assert_eq!(none["decision"].as_str().unwrap().len(), 32);
    assert_eq!(none.as_object().unwrap().len(), 2);
    let reason = body(&denied(denial, Reveal::Reason));
    assert_eq!(reason["reason"], "hop_ambiguous");
    assert_eq!(reason.as_object().unwrap().len(), 3);
    let full = body(&denied(denial, Reveal::Full));
    assert_eq!(full["detail"], "path.dot_segment");
    assert!(full["message"].as_str().unwrap().contains("more than one way"));
}

#[test]
fn metadata_is_there_whatever_the_answer() {
    let fields = denied(Fault::NotReady, Reveal::None).dynamic_metadata.unwrap().fields;
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["allowed", "decision_id", "grant", "peer", "purpose", "reason", "revision", "valid_until"]);
    assert_eq!(fields["reason"].kind, Some(Kind::StringValue("not_ready".to_owned())));
    assert_eq!(fields["allowed"].kind, Some(Kind::BoolValue(false)));
}
