//! Decision documents, live: what Envoy is told in either style, and what is written down of it.

use hopguard::pb::{CheckResponse, check_response::HttpResponse};
use prost_types::value::Kind;
use serde_json::json;

use crate::harness::{ALONE, Guard, Setup};

/// Answers as OPA's plugin does, with a policy that says what it is asked to say.
fn opa() -> Setup {
    let setup = Setup::new().with_tokens().set("mode", "{proof: observe, ceiling: skip}").set("response.style", "opa");
    setup.policy(WISHES);
    setup
}

async fn told(guard: &Guard, path: &str) -> CheckResponse {
    guard.check(guard.hop().method("GET").path(path).request()).await.0
}

/// The metadata, as text.
fn metadata(response: &CheckResponse) -> Vec<(String, String)> {
    let fields = response.dynamic_metadata.iter().flat_map(|metadata| metadata.fields.clone());
    let text = |kind| match kind {
        Some(Kind::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    fields.map(|(name, value)| (name, text(value.kind))).collect()
}

#[tokio::test]
async fn opas_style_tells_what_the_policy_said_and_nothing_else() {
    let guard = opa().start().await;
    for (path, code) in [("/yes", 0), ("/no", 7)] {
        let response = told(&guard, path).await;
        assert_eq!((response.status.as_ref().unwrap().code, &response.http_response), (code, &None), "{path}");
        let [(name, id)] = &metadata(&response)[..] else { panic!("{response:?}") };
        assert_eq!((name.as_str(), id.len()), ("decision_id", 36));
    }
    let response = told(&guard, "/rich").await;
    let Some(HttpResponse::OkResponse(ok)) = &response.http_response else { panic!("{response:?}") };
    let names: Vec<&str> = ok.headers.iter().map(|option| option.header.as_ref().unwrap().key.as_str()).collect();
    assert_eq!(
        (names, ok.headers_to_remove.as_slice()),
        (vec!["X-User", "x-forwarded-for"], &["x-user".to_owned()][..])
    );
    assert_eq!(metadata(&response)[1], ("tenant".to_owned(), "blue".to_owned()));

    let response = told(&guard, "/busy").await;
    let Some(HttpResponse::DeniedResponse(denied)) = &response.http_response else { panic!("{response:?}") };
    assert_eq!((denied.status.unwrap().code, denied.body.as_str(), denied.headers.len()), (429, "later", 1));
    assert_eq!(response.status.as_ref().unwrap().code, 7);
}

#[tokio::test]
async fn what_the_plugin_fails_over_is_a_denial_that_says_nothing() {
    let guard = opa().start().await;
    for (path, status, reason) in
        [("/undefined", 403, "policy_undefined"), ("/broken", 503, "policy_error"), ("/type", 503, "policy_error")]
    {
        let response = told(&guard, path).await;
        assert_ne!(response.status.as_ref().unwrap().code, 0, "{path}");
        let Some(HttpResponse::DeniedResponse(denied)) = &response.http_response else {
            panic!("{path}: {response:?}")
        };
        assert_eq!(
            (denied.status.unwrap().code, denied.body.as_str(), denied.headers.len()),
            (status, "", 0),
            "{path}"
        );
        let metadata = metadata(&response);
        let record = crate::harness::until("the record", async || {
            guard.setup().records().into_iter().find(|record| record["decision_id"] == metadata[0].1.as_str())
        })
        .await;
        assert_eq!((&record["reason"], &record["answered"]), (&json!(reason), &json!("deny")));
    }
}

#[tokio::test]
async fn a_header_that_no_policy_may_touch_is_a_fault_that_names_it() {
    let setup = Setup::new().with_tokens().set("response.protected_headers", "[x-tenant]");
    setup.policy(
        r#"
decision := {"allowed": true, "headers": {"x_tenant": "secret-of-a-caller"}}
"#,
    );
    let guard = setup.start().await;
    let answer = guard.hop().method("GET").path(ALONE).send().await.denied("policy_error");
    let record = guard.record(&answer).await;
    let message = record["message"].as_str().unwrap();
    assert!(message.contains("`x_tenant`") && !record.to_string().contains("secret-of-a-caller"), "{record}");
}

#[tokio::test]
async fn a_token_can_be_kept_from_the_workload_only_where_that_is_freed() {
    for (freed, removed) in [("[]", false), ("[authorization, txn-token]", true)] {
        let setup = Setup::new().with_tokens().set("response.allow_headers", freed);
        setup.policy(
            r#"
decision := {"allowed": true, "request_headers_to_remove": ["Authorization", "txn-token"]}
"#,
        );
        let guard = setup.start().await;
        let answer = guard.hop().method("GET").path(ALONE).send().await;
        if removed {
            let removed = &answer.ok().headers_to_remove;
            assert!(
                ["authorization", "txn-token"].iter().all(|name| removed.iter().any(|it| it == name)),
                "{removed:?}"
            );
        } else {
            answer.denied("policy_error");
        }
    }
}

#[tokio::test]
async fn answers_in_opas_style_are_for_hops_that_nobody_proves() {
    let ended = Setup::new().set("response.style", "opa").refused().await;
    assert_eq!(ended.code, Some(3), "{}", ended.setup.said());
    assert!(ended.setup.said().contains("answers in OPA's style"), "{}", ended.setup.said());
}

const WISHES: &str = r#"
decision := true if input.attributes.request.http.path == "/yes"

decision := false if input.attributes.request.http.path == "/no"

decision := {"allowed": true, "headers": {"x-forwarded-for": "1.2.3.4", "X-User": "alice"}, "request_headers_to_remove": ["x-user"], "dynamic_metadata": {"tenant": "blue"}, "unknown": 1} if {
	input.attributes.request.http.path == "/rich"
}

decision := {"allowed": false, "http_status": 429, "body": "later", "headers": {"retry-after": "5"}} if {
	input.attributes.request.http.path == "/busy"
}

decision := true if {
	input.attributes.request.http.path == "/broken"
	1 / (count(input.attributes.request.http.path) - 7) > 0
}

decision := {"allowed": false, "body": null} if input.attributes.request.http.path == "/type"
"#;
