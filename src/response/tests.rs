//! Answers are never empty, and only a permit makes one an OK.

use std::time::Duration;

use prost_types::value::Kind;

use super::*;
use crate::{
    clock::Timestamp,
    decision::{DecisionIds, Denial, Fault},
    hop::{HopError, Outline},
    pb::{HeaderValueOption, header_value_option::HeaderAppendAction},
    policy::{
        PolicyError, Value,
        answer::{self, DryRun},
    },
};

fn denied(denial: impl Into<Denial>, reveal: Reveal) -> CheckResponse {
    let decision = Decision::denied(Timestamp::from_seconds(0), Outline::default(), denial);
    let rules = Rules { reveal, style: Style::Hopguard };
    encode(&decision, DecisionIds::new().unwrap().next(), &CheckRequest::default(), rules, |_| false)
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
    assert_eq!(none["decision"].as_str().unwrap().len(), 36);
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

const OPENED: &str = "x-hopguard-break-glass";
const DRY: Style = Style::Opa { dry_run: true };
const OPA: Style = Style::Opa { dry_run: false };

/// What is answered where a policy decides so, in JSON.
fn answered(style: Style, decision: &str) -> CheckResponse {
    concluded(style, answer::read(&Value::from_json_str(decision).unwrap(), &rules(style)))
}

fn rules(style: Style) -> answer::Rules {
    answer::Rules::new(style, [], [], [])
}

/// What is answered where a policy came to this.
fn concluded(style: Style, read: Result<Directives, PolicyError>) -> CheckResponse {
    let decision = Decision::denied(Timestamp::from_seconds(0), Outline::default(), Fault::Internal);
    let verdict = read.map(Permit::of).map_err(Denial::from);
    let decision = Decision { verdict, ..decision };
    let decision = style.dry_run().into_iter().fold(decision, Decision::dry_run);
    let rules = Rules { reveal: Reveal::None, style };
    encode(&decision, DecisionIds::new().unwrap().next(), &CheckRequest::default(), rules, |_| false)
}

fn shown(options: &[HeaderValueOption]) -> Vec<(&str, &str, Option<bool>, HeaderAppendAction)> {
    let header = |option: &HeaderValueOption| (option.append, option.append_action());
    let text = options.iter().filter_map(|option| option.header.as_ref());
    let shown = text.zip(options.iter().map(header));
    shown.map(|(text, (append, action))| (text.key.as_str(), text.value.as_str(), append, action)).collect()
}

fn allowed(response: &CheckResponse) -> &OkHttpResponse {
    assert_eq!(response.status.as_ref().unwrap().code, GRPC_OK);
    let Some(HttpResponse::OkResponse(ok)) = &response.http_response else { panic!("not an OK: {response:?}") };
    ok
}

fn denied_with(response: &CheckResponse) -> &DeniedHttpResponse {
    assert_ne!(response.status.as_ref().unwrap().code, GRPC_OK);
    let Some(HttpResponse::DeniedResponse(denied)) = &response.http_response else { panic!("no denial: {response:?}") };
    denied
}

/// The metadata's names, of which the decision's ID must be one.
fn metadata_names(response: &CheckResponse) -> Vec<&str> {
    let fields = &response.dynamic_metadata.as_ref().unwrap().fields;
    let Some(Kind::StringValue(id)) = &fields["decision_id"].kind else { panic!("no ID") };
    assert_eq!(id.len(), 36);
    fields.keys().map(String::as_str).collect()
}

#[test]
fn a_permit_carries_what_the_policy_wants_before_what_only_we_say() {
    let response = answered(
        Style::Hopguard,
        r#"{"allowed": true, "headers": {"x-tag": ["a", "b"], "x-user": "alice"},
            "response_headers_to_add": {"set-cookie": ["a=1", "b=2"]}, "request_headers_to_remove": ["x-debug"],
            "query_parameters_to_set": {"for": "a b"}, "query_parameters_to_remove": ["debug"]}"#,
    );
    let ok = allowed(&response);
    let (overwrite, append) = (HeaderAppendAction::OverwriteIfExistsOrAdd, HeaderAppendAction::AppendIfExistsOrAdd);
    let headers = shown(&ok.headers);
    assert_eq!(
        headers[..3],
        [
            ("x-tag", "a", Some(false), overwrite),
            ("x-tag", "b", Some(true), append),
            ("x-user", "alice", Some(false), overwrite)
        ]
    );
    assert_eq!((headers.len(), headers[3].0, headers[3].2), (4, "x-hopguard-decision", Some(false)));
    assert_eq!(
        shown(&ok.response_headers_to_add),
        [("set-cookie", "a=1", None, append), ("set-cookie", "b=2", None, append)]
    );
    for name in ["x-hopguard-peer", "x-hopguard-actor", "x-hopguard-purpose", "x-hopguard-grant", OPENED, "x-debug"] {
        assert!(ok.headers_to_remove.iter().any(|removed| removed == name), "{name}");
    }
    assert!(!ok.headers_to_remove.iter().any(|removed| removed == "x-tag" || removed == "x-hopguard-decision"));
    assert_eq!(
        (ok.query_parameters_to_set[0].key.as_str(), ok.query_parameters_to_set[0].value.as_str()),
        ("for", "a%20b")
    );
    assert_eq!(ok.query_parameters_to_remove, ["debug"]);
}

#[test]
fn a_policys_metadata_stands_beside_ours_and_never_over_it() {
    let metadata =
        r#""dynamic_metadata": {"tenant": "a", "allowed": "perhaps", "decision_id": "mine", "peer": "root"}"#;
    for (allowed, expected) in [("true", true), ("false", false)] {
        let response = answered(Style::Hopguard, &format!("{{\"allowed\": {allowed}, {metadata}}}"));
        let names = metadata_names(&response);
        assert_eq!(
            names,
            ["allowed", "decision_id", "grant", "peer", "purpose", "reason", "revision", "tenant", "valid_until"]
        );
        let fields = &response.dynamic_metadata.as_ref().unwrap().fields;
        assert_eq!(fields["allowed"].kind, Some(Kind::BoolValue(expected)));
        assert_eq!(fields["peer"].kind, Some(Kind::NullValue(0)));
        assert_eq!(fields["tenant"].kind, Some(Kind::StringValue("a".to_owned())));
    }
}

#[test]
fn a_denial_is_told_in_the_policys_words_where_it_has_any() {
    let json = |response: &CheckResponse| {
        let denied = denied_with(response);
        (denied.status.unwrap().code, denied.body.contains("hop_denied"), shown(&denied.headers).len())
    };
    assert_eq!(json(&answered(Style::Hopguard, "false")), (403, true, 1));
    let busy = answered(Style::Hopguard, r#"{"allowed": false, "http_status": 429, "headers": {"retry-after": "5"}}"#);
    assert_eq!(json(&busy), (429, true, 2));
    let typed = r#"{"allowed": false, "headers": {"content-type": "text/html"}}"#;
    assert_eq!(shown(&denied_with(&answered(Style::Hopguard, typed)).headers)[0].1, "application/json");
    let own = answered(
        Style::Hopguard,
        r#"{"allowed": false, "body": "<p>no", "headers": {"content-type": "text/html", "set-cookie": ["a", "b"]}}"#,
    );
    let denied = denied_with(&own);
    assert_eq!(denied.body, "<p>no");
    let headers: Vec<_> =
        shown(&denied.headers).into_iter().map(|(name, value, append, _)| (name, value, append)).collect();
    assert_eq!(headers, [("content-type", "text/html", None), ("set-cookie", "a", None), ("set-cookie", "b", None)]);
}

#[test]
fn opas_style_says_no_more_than_the_policy() {
    for (decision, code) in [("true", 0), ("false", 7)] {
        let response = answered(OPA, decision);
        assert_eq!(response.status, Some(pb::Status { code, message: String::new() }));
        assert_eq!(response.http_response, None);
        assert_eq!(metadata_names(&response), ["decision_id"]);
    }
    let yes = answered(
        OPA,
        r#"{"allowed": true, "headers": {"x": ["hello", "world"]}, "request_headers_to_remove": ["b", "a"],
            "query_parameters_to_set": {"q": ["1", "2"]}, "query_parameters_to_remove": ["z", "y"],
            "dynamic_metadata": {"test": "foo", "decision_id": "mine"}}"#,
    );
    let ok = allowed(&yes);
    let append = HeaderAppendAction::AppendIfExistsOrAdd;
    assert_eq!(shown(&ok.headers), [("x", "hello", None, append), ("x", "world", None, append)]);
    assert_eq!(
        (&ok.headers_to_remove[..], &ok.query_parameters_to_remove[..]),
        (&["b".to_owned(), "a".to_owned()][..], &["z".to_owned(), "y".to_owned()][..])
    );
    assert_eq!(ok.query_parameters_to_set.len(), 2);
    assert_eq!(metadata_names(&yes), ["decision_id", "test"]);
}

#[test]
fn opas_style_denies_with_the_policys_status_but_never_with_a_success() {
    for (written, told) in
        [("403", 403), ("404", 404), ("302", 302), ("503", 503), ("200", 403), ("204", 403), ("100", 403)]
    {
        let response = answered(OPA, &format!("{{\"allowed\": false, \"http_status\": {written}, \"body\": \"b\"}}"));
        assert_eq!(response.status.as_ref().unwrap().code, 7);
        let denied = denied_with(&response);
        assert_eq!((denied.status.unwrap().code, denied.body.as_str(), denied.headers.len()), (told, "b", 0));
    }
    let plain = answered(OPA, "{\"allowed\": false}");
    assert_eq!((denied_with(&plain).status.unwrap().code, denied_with(&plain).body.as_str()), (403, ""));
}

#[test]
fn what_the_plugin_fails_over_is_a_denial_in_its_style() {
    let rows: [(PolicyError, i32); 4] = [
        (PolicyError::Fault("x".to_owned()), 503),
        (PolicyError::Timeout(Duration::from_millis(1)), 503),
        (PolicyError::Undefined, 403),
        (PolicyError::Hop(HopError::TooLarge("x")), 400),
    ];
    for style in [OPA, DRY] {
        for (error, status) in rows.clone() {
            let response = concluded(style, Err(error));
            let denied = denied_with(&response);
            assert_eq!((denied.status.unwrap().code, denied.body.as_str(), denied.headers.len()), (status, "", 0));
            assert_eq!(metadata_names(&response), ["decision_id"]);
        }
        let response = concluded(style, Err(PolicyError::Request("invalid URL escape \"%zz\"".to_owned())));
        let denied = denied_with(&response);
        let message = "request_parse_error: invalid URL escape \"%zz\"";
        assert_eq!((denied.status.unwrap().code, denied.body.as_str()), (400, message));
        assert_eq!(response.status, Some(pb::Status { code: 7, message: message.to_owned() }));
        assert_eq!(response.dynamic_metadata, None);
    }
}

#[test]
fn a_dry_run_lets_the_policys_no_through_and_writes_it_down() {
    let no = r#"{"allowed": false, "headers": {"x": "1"}, "body": "b", "dynamic_metadata": {"test": "foo"}}"#;
    for (decision, names) in [("false", vec!["decision_id"]), (no, vec!["decision_id", "test"])] {
        let response = answered(DRY, decision);
        assert_eq!(*allowed(&response), OkHttpResponse::default());
        assert_eq!(metadata_names(&response), names);
    }
    let dry_run: DryRun = DRY.dry_run().unwrap();
    let denial = PolicyError::from(answer::Reply::default());
    let decision = Decision::denied(Timestamp::from_seconds(0), Outline::default(), denial.clone()).dry_run(dry_run);
    assert!(decision.is_permit() && !decision.is_allowed());
    assert_eq!(decision.findings.observed, [Denial::from(denial)]);
    for denial in [Denial::from(Fault::Overloaded), HopError::Malformed("x").into(), PolicyError::Undefined.into()] {
        let decision = Decision::denied(Timestamp::from_seconds(0), Outline::default(), denial).dry_run(dry_run);
        assert!(!decision.is_permit());
    }
    assert_eq!(*allowed(&answered(DRY, r#"{"allowed": true, "headers": {}}"#)), OkHttpResponse::default());
}
