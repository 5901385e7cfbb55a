//! What a policy is shown, held against what the OPA-Envoy plugin shows it: the cases that the real one was run against.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use hopguard::{
    clock::Timestamp,
    delegation::Tokens,
    hop::{Escapes, Hop, Public, Rules, Strict},
    pb::check_request_from_json,
    policy::{Descriptors, Entrypoint, Exposed, Gate, Input, Options, Policy, PolicyError, Source, Style, View},
};
use serde_json::Value;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

#[test]
fn a_policy_is_shown_what_the_plugin_shows_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance");
    let cases =
        fs::read(folder.join("opa_envoy_cases.json")).expect("the cases stand beside the checkout, in ../shared");
    let cases: Vec<Value> = serde_json::from_slice(&cases).unwrap();
    let descriptors = Descriptors::decode(&fs::read(folder.join("combined.pb")).unwrap()).unwrap();
    // Only a policy that says in its metadata what it was shown tells anything about that.
    let echoes = cases.iter().filter(|case| {
        case["expect"]["dynamic_metadata"].get("parsed_path").is_some()
            || case["expect"]["dynamic_metadata"].get("attributes").is_some()
            || case["expect"]["http_status"] == 400
                && case["policy"].as_str().is_some_and(|policy| policy.contains("parsed_query"))
    });
    let mut ran = 0;
    let mut differ = Vec::new();
    for case in echoes {
        let got = shown(case, &descriptors);
        let expect = &case["expect"];
        let agrees = match &got {
            Ok(metadata) => *metadata == expect["dynamic_metadata"],
            Err(message) => {
                expect["http_status"] == 400
                    && ["body_contains", "status_message_contains"]
                        .iter()
                        .all(|key| expect[key].as_str().is_none_or(|part| message.contains(part)))
            }
        };
        if !agrees {
            differ.push(format!("{}: expected {expect}, got {got:?}", case["name"]));
        }
        ran += 1;
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(ran >= 50, "{ran} cases");
}

/// The metadata that the case's policy answers with, or the refusal to ask it.
fn shown(case: &Value, descriptors: &Descriptors) -> Result<Value, String> {
    let config = &case["config"];
    let view = View {
        style: Style::Opa,
        skip_body: config["skip-request-body-parse"] == true,
        exposed: Exposed::All,
        descriptors: config.get("proto-descriptor").map(|_| descriptors.clone()),
    };
    let path = case["path"].as_str().unwrap_or("envoy/authz/allow");
    let entrypoint = Entrypoint::from_path(path).unwrap();
    let options = Options { gate: Gate::Compatible, view, ..Options::new(entrypoint, Duration::from_secs(5)) };
    let source = Source::module("policy.rego", case["policy"].as_str().unwrap());
    let policy = Policy::compile(&source, &options).map_err(|problems| problems.to_string())?;
    let check = check_request_from_json(&case["request"].to_string())?;
    let rules = Rules {
        escapes: Escapes::default(),
        max_headers: 100,
        purpose_header: "x-hop-purpose".to_owned(),
        keep_headers: BTreeSet::new(),
        token_headers: BTreeSet::new(),
        tcp: true,
        strict: Strict::Observe,
        public: Public::default(),
    };
    let hop = Hop::decode(&check, &rules).map_err(|error| error.to_string())?;
    let input = Input {
        request: &hop.request,
        credentials: &rules.token_headers,
        this: None,
        peer: None,
        workload: None,
        tokens: Tokens::default(),
        actor: None,
        purpose: None,
        resource: None,
        grant: None,
        facts: None,
        now: NOW,
    };
    let said = |error: PolicyError| error.to_string();
    let document = policy.show(&input).map_err(said)?;
    let answer = policy.ask(document.value().clone(), NOW).map_err(said)?;
    let answer = serde_json::to_value(&answer).unwrap();
    Ok(answer["dynamic_metadata"].clone())
}
