//! Suggestions cover what was observed, say what they left out, and load only once a person has filled them in.

use std::fs;

use super::*;
use crate::{
    clock::Timestamp,
    store::{Directory, Documents, Rules},
};

const RECORD: &str = r#"{"schema":"hopguard.dev/audit/v1alpha1","time":"2026-11-20T09:00:00Z","answered":"allow","reason":"grant_missing","observed":["grant_missing"],"modes":{"ceiling":"observe"},"hop":{"method":"GET","path":"/x"},"self":"spiffe://prod.example/b","peer":{"spiffe_id":"spiffe://prod.example/a"},"tokens":[],"actor":{"effective":"spiffe://prod.example/a","chain":[]},"purpose":{"name":"shop.order","binding":"declared"},"grant":null}"#;

fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(RECORD.to_owned(), |record, (from, to)| {
        assert!(record.contains(from), "{from}");
        record.replace(from, to)
    })
}

fn suggested(records: &[String], purpose: Option<&str>) -> Suggestions {
    let mut suggestions = Suggestions::new(purpose.map(str::to_owned));
    suggestions.read("a.jsonl", records.join("\n").as_bytes()).unwrap();
    suggestions
}

fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T09:00:00Z").unwrap()
}

fn form() -> Form {
    Form {
        owner: Some("team-shop".to_owned()),
        approver: Some("alice@example.com".to_owned()),
        requested_by: Some("bob@example.com".to_owned()),
    }
}

fn documents(suggestions: &Suggestions) -> String {
    suggestions.documents(&Written::default(), &form(), now())
}

/// What documents come to, once a person has filled in what is empty.
fn filled(text: &str) -> Documents {
    let text = text
        .replace("kind: \"\"", "kind: service")
        .replace("description: \"\"", "description: d")
        .replace("justification: \"\"", "justification: j");
    load(&text)
}

fn load(text: &str) -> Documents {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    Directory::new(folder.path(), Rules::default()).read(now()).unwrap()
}

/// What was left out.
fn left_out(records: &[String]) -> Vec<LeftOut> {
    let suggestions = suggested(records, None);
    assert_eq!(suggestions.grants(), 0, "{}", documents(&suggestions));
    suggestions.left_out.keys().cloned().collect()
}

#[test]
fn a_hop_without_a_grant_suggests_one_for_just_it() {
    let suggestions = suggested(&[edited(&[]), edited(&[("20T09", "19T07"), ("/x", "/z")])], None);
    let text = documents(&suggestions);
    let documents = filled(&text);
    assert_eq!(documents.problems, [], "{text}");
    assert_eq!((documents.grants.len(), documents.workloads.len()), (1, 2));
    let grant = &documents.grants[0];
    assert_eq!((grant.name(), grant.owner(), grant.approver()), ("a-b-shop-order", "team-shop", "alice@example.com"));
    assert_eq!(grant.purposes()[0].as_str(), "shop.order");
    assert!(text.contains("    - {methods: [GET], paths: [\"/x\", \"/z\"]}\n"), "{text}");
    assert!(
        text.contains("# would have covered 2 hops between 2026-11-19T07:00:00Z and 2026-11-20T09:00:00Z\n"),
        "{text}"
    );
}

#[test]
fn nothing_loads_before_a_person_has_filled_it_in() {
    for form in [Form::default(), form()] {
        let text = suggested(&[edited(&[])], None).documents(&Written::default(), &form, now());
        let documents = load(&text);
        assert!(documents.grants.is_empty() && documents.workloads.is_empty(), "{text}");
        assert!(documents.problems.iter().any(|problem| problem.message == "must not be empty"), "{text}");
    }
}

#[test]
fn each_caller_workload_purpose_and_subject_has_a_grant_of_its_own() {
    let human = [
        ("\"chain\":[]", r#""chain":["alice","spiffe://prod.example/a"]"#),
        ("\"tokens\":[]", r#""tokens":[{"kind":"oidc","issuer":"https://login.example","subject":"alice"}]"#),
    ];
    let records = [
        edited(&[]),
        edited(&[("\"spiffe://prod.example/a\"", "\"spiffe://prod.example/c\"")]),
        edited(&[("prod.example/b", "prod.example/d")]),
        edited(&[("shop.order", "shop")]),
        edited(&human),
    ];
    let text = documents(&suggested(&records, None));
    let documents = filled(&text);
    assert_eq!((documents.problems.len(), documents.grants.len(), documents.workloads.len()), (0, 5, 4), "{text}");
    assert!(
        text.contains(r#"onBehalfOf: {from: [{issuer: "https://login.example", subjects: ["alice"]}], maxDepth: 1}"#),
        "{text}"
    );
    assert_eq!(text.matches("purposeBinding: declared").count(), 1);
}

#[test]
fn a_connection_and_a_grpc_call_are_what_they_are() {
    let records = [
        edited(&[("\"path\":\"/x\"", "\"path\":null,\"port\":5432"), ("\"GET\"", "\"\"")]),
        edited(&[("/x", "/ledger.v1.Ledger/Read"), ("GET", "POST")]),
    ];
    let text = documents(&suggested(&records, None));
    assert_eq!(filled(&text).problems, []);
    assert!(text.contains("    - {grpc: [\"ledger.v1.Ledger/Read\"]}\n    - {tcp: {ports: [5432]}}\n"), "{text}");
}

#[test]
fn a_purpose_that_no_document_knows_yet_is_suggested_and_one_that_is_missing_has_to_be_said() {
    let unknown = edited(&[
        ("{\"name\":\"shop.order\",\"binding\":\"declared\"}", "null"),
        (
            "\"observed\":[",
            "\"detail\":\"purpose.unknown\",\"message\":\"no document defines the purpose `new.one`\",\"observed\":[\"purpose_unknown\",",
        ),
    ]);
    let missing = edited(&[
        ("{\"name\":\"shop.order\",\"binding\":\"declared\"}", "null"),
        ("\"observed\":[", "\"observed\":[\"purpose_missing\","),
    ]);
    assert!(documents(&suggested(std::slice::from_ref(&unknown), None)).contains("purposes: [\"new.one\"]"));
    assert_eq!(left_out(std::slice::from_ref(&missing)), [LeftOut::NoPurpose]);
    let text = documents(&suggested(&[missing], Some("shop")));
    assert!(
        text.contains("purposes: [\"shop\"]") && text.contains("; 1 of them did not state their purpose"),
        "{text}"
    );
    let odd = unknown.replace("new.one", "New One");
    assert_eq!(left_out(std::slice::from_ref(&odd)), [LeftOut::NoPurpose]);
    assert_eq!(suggested(&[odd], Some("shop")).grants(), 0, "what was said is not replaced by what was assumed");
}

#[test]
fn what_was_denied_for_another_reason_gets_no_grant() {
    let denied = |reason: &str| LeftOut::Denied(reason.to_owned());
    for (edits, expected) in [
        (&[("[\"grant_missing\"]", "[\"peer_expired\",\"grant_missing\"]")][..], denied("peer_expired")),
        (&[("[\"grant_missing\"]", "[\"token_not_held\",\"grant_missing\"]")], denied("token_not_held")),
        (&[("\"reason\":\"grant_missing\"", "\"reason\":\"revoked\""), ("allow", "deny")], denied("revoked")),
        (
            &[("\"reason\":\"grant_missing\"", "\"reason\":\"policy_denied\""), ("allow", "deny")],
            denied("policy_denied"),
        ),
        (&[("grant_missing", "grant_expired")], denied("grant_expired")),
        (&[("[\"grant_missing\"]", "[\"hop_ambiguous\",\"grant_missing\"]")], LeftOut::Ambiguous),
        (&[("\"/x\"", "null")], LeftOut::Ambiguous),
        (&[("/x", "/**")], LeftOut::Wildcard),
        (&[("\"GET\"", "\"GET, paths: [/**]\"")], LeftOut::Spelling),
        (&[("\"peer\":{\"spiffe_id\":\"spiffe://prod.example/a\"}", "\"peer\":null")], LeftOut::NoCaller),
        (&[("{\"effective\":\"spiffe://prod.example/a\",\"chain\":[]}", "null")], LeftOut::NoCaller),
        (&[("\"chain\":[]", "\"chain\":[\"alice\",\"spiffe://prod.example/a\"]")], LeftOut::NoCaller),
        (&[("\"self\":\"spiffe://prod.example/b\"", "\"self\":\"\"")], LeftOut::NoAudience),
        (&[("\"answered\"", "\"public\":true,\"answered\"")], LeftOut::Public),
    ] {
        assert_eq!(left_out(&[edited(edits)]), [expected], "{edits:?}");
    }
}

#[test]
fn what_a_grant_covers_needs_no_other_and_what_nobody_asked_about_may() {
    let covered = edited(&[
        ("\"grant\":null", "\"grant\":{\"name\":\"a-b\"}"),
        ("\"observed\":[\"grant_missing\"]", "\"observed\":[]"),
        ("\"reason\":\"grant_missing\"", "\"reason\":null"),
    ]);
    let suggestions = suggested(std::slice::from_ref(&covered), None);
    assert_eq!((suggestions.grants(), suggestions.covered), (0, 1));
    let skipped =
        covered.replace("{\"name\":\"a-b\"}", "null").replace("\"ceiling\":\"observe\"", "\"ceiling\":\"skip\"");
    assert_eq!(suggested(&[skipped], None).grants(), 1);
    let narrowed = edited(&[("[\"grant_missing\"]", "[\"grant_missing\",\"policy_denied\"]")]);
    assert!(documents(&suggested(&[narrowed], None)).contains("; policy denied 1 of them"));
}

#[test]
fn it_is_said_what_was_left_out_and_what_could_not_be_read() {
    let records = [
        edited(&[]),
        edited(&[("/x", "/**")]),
        edited(&[("/x", "/*")]),
        "nonsense".to_owned(),
        r#"{"schema":"hopguard.dev/audit/v1alpha1","seq":2,"time":"2026-11-20T09:00:00Z","lost":7}"#.to_owned(),
    ];
    assert_eq!(
        suggested(&records, None).summary(),
        [
            "3 records: 0 needed no further grant, 1 would have needed 1 grant",
            "left out 2: with `*` in their path, which a grant would take for a wildcard",
            "missing from the log, as it says itself: 7 records",
            "no records, and passed over: 1 line",
            "a.jsonl:4: is no record, so it is passed over",
        ]
    );
}

#[test]
fn what_is_there_is_not_suggested_again_and_keeps_its_name() {
    let there = "kind: Purpose\nmetadata: {name: shop}\nspec: {name: shop}\n---\nkind: Workload\nmetadata: {name: x}\nspec: {spiffeId: spiffe://prod.example/a}\n---\nkind: Workload\nmetadata: {name: b}\nspec: {spiffeId: spiffe://prod.example/other}\n---\nkind: Grant\nmetadata: {name: a-b-shop-order}\nspec: {}\n";
    let there = Written::of([("a.yaml", there)]).unwrap();
    let text = suggested(&[edited(&[])], None).documents(&there, &form(), now());
    assert!(text.contains("metadata: {name: a-b-shop-order-2}"), "{text}");
    assert!(!text.contains("name: \"shop\",") && text.contains("name: \"shop.order\","), "{text}");
    assert!(
        !text.contains("spec: {spiffeId: \"spiffe://prod.example/a\"") && text.contains("metadata: {name: b-2}"),
        "{text}"
    );
}

#[test]
fn whatever_a_token_says_stays_within_its_quotes() {
    let subject = "a\\\",\\\"b]}]}\u{202e}é # x";
    let records = [edited(&[
        ("\"chain\":[]", &format!("\"chain\":[\"{subject}\",\"spiffe://prod.example/a\"]")),
        (
            "\"tokens\":[]",
            &format!("\"tokens\":[{{\"kind\":\"transaction\",\"issuer\":\"i\",\"subject\":\"{subject}\"}}]"),
        ),
    ])];
    let text = documents(&suggested(&records, None));
    assert!(text.is_ascii() && text.contains(r#"subjects: ["a\",\"b]}]}\U0000202e\U000000e9 # x"]"#), "{text}");
    let documents = filled(&text);
    assert_eq!((documents.problems.len(), documents.grants.len()), (0, 1), "{text}");
}

#[test]
fn a_flood_of_callers_is_bounded() {
    let records: Vec<_> =
        (0..=MAX_GROUPS).map(|index| edited(&[("example/a\"", &*format!("example/a{index}\""))])).collect();
    let suggestions = suggested(&records, None);
    assert_eq!((suggestions.grants(), suggestions.left_out[&LeftOut::Full]), (MAX_GROUPS, 1));
}
