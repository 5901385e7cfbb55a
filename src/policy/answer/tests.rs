//! Each form of a decision, in both styles: what is read of it, and what is no decision at all.

use super::*;

/// How a decision, written in JSON, is read. A set is `{"$set": [...]}`.
fn read_as(style: Style, json: &str) -> Result<Directives, PolicyError> {
    let rules = Rules::new(style, ["txn-token", "x-hop-purpose"], ["x-tenant"], ["x-envoy-peer", "cookie"]);
    read(&value(json), &rules)
}

fn strict(json: &str) -> Result<Directives, PolicyError> {
    read_as(Style::Hopguard, json)
}

fn opa(json: &str) -> Result<Directives, PolicyError> {
    read_as(Style::Opa { dry_run: false }, json)
}

fn value(json: &str) -> Value {
    Value::from_json_str(json).unwrap()
}

/// A permit with these fields besides.
fn yes(fields: &str) -> String {
    format!("{{\"allowed\": true, {fields}}}")
}

fn no(fields: &str) -> String {
    format!("{{\"allowed\": false, {fields}}}")
}

fn reply(answer: Result<Directives, PolicyError>) -> Reply {
    match answer {
        Err(PolicyError::Denied(reply)) => *reply,
        other => panic!("not a denial: {other:?}"),
    }
}

#[track_caller]
fn is_fault(answer: Result<Directives, PolicyError>, expected: &str) {
    match answer {
        Err(PolicyError::Fault(message)) => assert!(message.contains(expected), "{message}"),
        other => panic!("not a fault ({expected}): {other:?}"),
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn only_a_plain_yes_permits() {
    for read in [strict, opa] {
        assert_eq!(read("true"), Ok(Directives::default()));
        assert_eq!(read("{\"allowed\": true}"), Ok(Directives { form: Form::Object, ..Directives::default() }));
        assert_eq!(reply(read("false")), Reply::default());
        assert_eq!(reply(read("{\"allowed\": false}")), Reply { form: Form::Object, ..Reply::default() });
        for neither in ["null", "1", "\"true\"", "[true]", "[]"] {
            is_fault(read(neither), "neither a boolean nor an object");
        }
        is_fault(read("{}"), "no `allowed`");
        is_fault(read("{\"allow\": true}"), "`allow");
        for value in ["null", "\"true\"", "1", "[true]", "{}"] {
            is_fault(read(&format!("{{\"allowed\": {value}}}")), "`allowed` is not a boolean");
        }
    }
    for style in [Style::Hopguard, Style::Opa { dry_run: true }] {
        let rules = Rules::new(style, [], [], []);
        assert_eq!(read(&Value::Undefined, &rules), Err(PolicyError::Undefined));
        let set: Value = std::collections::BTreeSet::from([Value::Bool(true)]).into();
        is_fault(read(&set, &rules), "neither a boolean nor an object");
    }
}

#[test]
fn every_field_is_carried_out_as_it_is_written() {
    let fields = r#""reason": "because", "headers": {"X-User": "alice", "x-tag": ["b", "a"]},
        "response_headers_to_add": [{"set-cookie": "a=1"}, {"set-cookie": "b=2"}],
        "request_headers_to_remove": ["X-Debug"], "query_parameters_to_set": {"for": ["alice", "bob"]},
        "query_parameters_to_remove": ["debug"], "dynamic_metadata": {"k": [1, true, null, {"n": 2.5}]},
        "body": "ignored", "http_status": 200"#;
    for (read, user, debug) in [
        (strict as fn(&str) -> _, "x-user", "x-debug"),
        // As they come.
        (opa, "X-User", "X-Debug"),
    ] {
        let directives = read(&yes(fields)).unwrap();
        assert_eq!(directives.headers, pairs(&[(user, "alice"), ("x-tag", "b"), ("x-tag", "a")]));
        assert_eq!(directives.response_headers, pairs(&[("set-cookie", "a=1"), ("set-cookie", "b=2")]));
        assert_eq!(directives.remove, [debug]);
        assert_eq!(directives.query, pairs(&[("for", "alice"), ("for", "bob")]));
        assert_eq!(directives.query_remove, ["debug"]);
        assert_eq!(directives.reason.as_deref(), Some("because"));
        let metadata = serde_json::to_string(directives.metadata.fields()).unwrap();
        assert_eq!(metadata, r#"{"k":[1.0,true,null,{"n":2.5}]}"#);
    }
    let fields = r#""reason": "no", "headers": {"www-authenticate": "Bearer"}, "body": "", "http_status": 401, "dynamic_metadata": {"a": 1}"#;
    for read in [strict, opa] {
        let reply = reply(read(&no(fields)));
        assert_eq!((reply.status, reply.body.as_deref()), (Some(401), Some("")));
        assert_eq!(reply.headers, pairs(&[("www-authenticate", "Bearer")]));
        assert_eq!((reply.metadata.fields().len(), reply.reason.as_deref()), (1, Some("no")));
    }
}

#[test]
fn a_set_is_an_array_in_its_order() {
    let decision = |field: &str, set: Value| {
        let fields = [(Value::from("allowed"), Value::Bool(true)), (Value::from(field), set)];
        Value::from(std::collections::BTreeMap::from(fields))
    };
    let set = || Value::from(std::collections::BTreeSet::from([Value::from("b"), Value::from("a")]));
    for style in [Style::Hopguard, Style::Opa { dry_run: false }] {
        let read = |decision: &Value| read(decision, &Rules::new(style, [], [], [])).unwrap();
        assert_eq!(read(&decision("request_headers_to_remove", set())).remove, ["a", "b"]);
        let header = std::collections::BTreeMap::from([(Value::from("x-tag"), set())]);
        let headers = std::collections::BTreeSet::from([Value::from(header)]);
        let headers = read(&decision("headers", Value::from(headers))).headers;
        assert_eq!(headers, pairs(&[("x-tag", "a"), ("x-tag", "b")]));
    }
}

/// Values of a wrong type for each field.
const WRONG: &[(&str, &[&str])] = &[
    (
        "headers",
        &[
            "null",
            "1",
            "\"a\"",
            "{\"a\": 1}",
            "{\"a\": null}",
            "{\"a\": [\"b\", 1]}",
            "[\"a\"]",
            "[[]]",
            "[{\"a\": {}}]",
        ],
    ),
    ("dynamic_metadata", &["null", "1", "\"a\"", "[]", "true"]),
];
const WRONG_FOR_YES: &[(&str, &[&str])] = &[
    ("request_headers_to_remove", &["null", "\"a\"", "{}", "[1]", "[\"a\", null]"]),
    ("response_headers_to_add", &["null", "1", "\"a\"", "{\"a\": 1}", "[\"a\"]"]),
    ("query_parameters_to_remove", &["null", "\"a\"", "{}", "[1]"]),
    ("query_parameters_to_set", &["null", "1", "[]", "[{\"a\": \"b\"}]", "{\"a\": 1}", "{\"a\": [1]}", "{\"a\": {}}"]),
];
const WRONG_FOR_NO: &[(&str, &[&str])] = &[
    ("body", &["null", "1", "{}", "[\"a\"]"]),
    (
        "http_status",
        &["null", "\"403\"", "true", "403.5", "0", "99", "418", "425", "451", "599", "9999", "-1", "1e300", "[403]"],
    ),
];

#[test]
fn what_is_used_has_its_type() {
    for (field, values) in WRONG {
        for value in *values {
            let field = format!("\"{field}\": {value}");
            for read in [strict, opa] {
                assert!(matches!(read(&yes(&field)), Err(PolicyError::Fault(_))), "{field}");
                assert!(matches!(read(&no(&field)), Err(PolicyError::Fault(_))), "{field}");
            }
        }
    }
}

#[test]
fn what_is_not_used_has_its_type_all_the_same_but_in_opas_style() {
    for (fields, used, unused) in [(WRONG_FOR_YES, yes as fn(&str) -> _, no as fn(&str) -> _), (WRONG_FOR_NO, no, yes)]
    {
        for (field, values) in fields {
            for value in *values {
                let field = format!("\"{field}\": {value}");
                assert!(matches!(strict(&used(&field)), Err(PolicyError::Fault(_))), "{field}");
                assert!(matches!(strict(&unused(&field)), Err(PolicyError::Fault(_))), "{field}");
                assert!(matches!(opa(&used(&field)), Err(PolicyError::Fault(_))), "{field}");
                assert!(matches!(opa(&unused(&field)), Ok(_) | Err(PolicyError::Denied(_))), "{field}");
            }
        }
    }
    is_fault(strict(&yes("\"reason\": 1")), "`reason`");
    assert_eq!(opa(&yes("\"reason\": 1")).unwrap().reason, None);
}

#[test]
fn an_unknown_field_is_a_fault_but_in_opas_style() {
    for field in ["\"header\": {}", "\"Headers\": {}", "\"status_code\": 403", "\"\": 1"] {
        is_fault(strict(&yes(field)), "unknown field");
        is_fault(strict(&no(field)), "unknown field");
        assert!(opa(&yes(field)).is_ok(), "{field}");
    }
    let keys = [(Value::from("allowed"), Value::Bool(true)), (Value::from(1_u64), Value::Null)];
    let decision = Value::from(std::collections::BTreeMap::from(keys));
    is_fault(read(&decision, &Rules::default()), "not a string");
    assert!(read(&decision, &Rules::new(Style::Opa { dry_run: false }, [], [], [])).is_ok());
}

#[test]
fn a_denials_status_is_never_a_success() {
    for status in ["400", "401", "404", "429", "431", "500", "503", "511"] {
        let reply = reply(strict(&no(&format!("\"http_status\": {status}"))));
        assert_eq!(reply.status.map(|status| status.to_string()).as_deref(), Some(status));
    }
    for status in ["100", "200", "204", "302", "307"] {
        is_fault(strict(&no(&format!("\"http_status\": {status}"))), "4xx or 5xx");
        // The answer makes 403 of those below 300.
        assert_eq!(
            reply(opa(&no(&format!("\"http_status\": {status}")))).status.map(|it| it.to_string()).as_deref(),
            Some(status)
        );
    }
}

#[test]
fn nobody_touches_what_carries_the_hop() {
    let protected = [
        ":path",
        ":authority",
        "host",
        "Host",
        "connection",
        "keep-alive",
        "proxy-connection",
        "content-length",
        "Content_Length",
        "transfer-encoding",
        "transfer.encoding",
        "te",
        "trailer",
        "upgrade",
        "http2-settings",
        "authorization",
        "AUTHORIZATION",
        "proxy-authorization",
        "txn-token",
        "txn_token",
        "x-hop-purpose",
        "x_hop_purpose",
        "x-forwarded-for",
        "x-forwarded-client-cert",
        "X_Forwarded_Proto",
        "x-envoy-original-path",
        "x-envoy-internal",
        "x-hopguard-peer",
        "x_hopguard_peer",
        "X-Hopguard_Admin",
        "x-hopguard.peer",
        "x~hopguard!peer",
        "x-tenant",
        "x_tenant",
        "x-original-url",
        "x-rewrite-url",
        "x-envoy-internal",
        "x-http-method-override",
    ];
    for name in protected {
        for field in ["headers", "response_headers_to_add"] {
            for decision in [yes, no] {
                let decision = decision(&format!("\"{field}\": {{\"{name}\": \"secret\"}}"));
                is_fault(strict(&decision), "may not touch");
                let message = strict(&decision).unwrap_err().to_string();
                assert!(message.contains(name) && !message.contains("secret"), "{message}");
            }
        }
        is_fault(strict(&yes(&format!("\"request_headers_to_remove\": [\"{name}\"]"))), "may not touch");
    }
    for name in [
        "x-user",
        "x-hop",
        "x-forwarded",
        "x-envoy",
        "x-hopguards",
        "x-envoy-peer",
        "cookie",
        "set-cookie",
        "content-type",
        "x-request-id",
    ] {
        assert!(strict(&yes(&format!("\"headers\": {{\"{name}\": \"a\"}}"))).is_ok(), "{name}");
        assert!(strict(&yes(&format!("\"request_headers_to_remove\": [\"{name}\"]"))).is_ok(), "{name}");
    }
}

#[test]
fn opas_style_protects_only_what_is_configured() {
    for name in [":path", "host", "authorization", "x-forwarded-for", "txn-token", "x-hopguard-peer"] {
        assert!(opa(&yes(&format!("\"headers\": {{\"{name}\": \"a\"}}"))).is_ok(), "{name}");
        assert!(opa(&yes(&format!("\"request_headers_to_remove\": [\"{name}\"]"))).is_ok(), "{name}");
    }
    for name in ["x-tenant", "X_Tenant"] {
        is_fault(opa(&yes(&format!("\"headers\": {{\"{name}\": \"a\"}}"))), "may not touch");
        is_fault(opa(&yes(&format!("\"request_headers_to_remove\": [\"{name}\"]"))), "may not touch");
    }
}

#[test]
fn a_header_is_one_header() {
    for read in [strict, opa] {
        for name in ["", "a b", "a:b", "a\\r\\nb", "\u{e4}", "a\\u0000", ":"] {
            for field in ["headers", "response_headers_to_add"] {
                is_fault(read(&yes(&format!("\"{field}\": {{\"{name}\": \"v\"}}"))), "not the name of a header");
            }
        }
        for value in ["a\\r\\nset-cookie: b", "a\\n", "a\\u0000b", "a\\u007f", "\\u001b[1m"] {
            for decision in [yes, no] {
                let answer = read(&decision(&format!("\"headers\": {{\"x-a\": [\"fine\", \"{value}\"]}}")));
                is_fault(answer, "no header can have");
            }
        }
        for value in ["", "a b", "a\\tb", "\u{e4}\u{20ac}"] {
            assert!(read(&yes(&format!("\"headers\": {{\"x-a\": \"{value}\"}}"))).is_ok(), "{value}");
        }
    }
    for value in [" a", "a ", "\\ta"] {
        is_fault(strict(&yes(&format!("\"headers\": {{\"x-a\": \"{value}\"}}"))), "no header can have");
    }
    is_fault(strict(&yes("\"request_headers_to_remove\": [\"a b\"]")), "not the name of a header");
}

#[test]
fn nothing_is_both_set_and_removed_nor_in_two_spellings() {
    for (fields, expected) in [
        (r#""headers": {"x-a": "1"}, "request_headers_to_remove": ["x-a"]"#, "would remove it"),
        (r#""headers": {"x-a": "1"}, "request_headers_to_remove": ["X_A"]"#, "would remove it"),
        (r#""headers": {"x-a": "1", "x_a": "2"}"#, "two spellings"),
        (r#""headers": [{"x-a": "1"}, {"x.a": "2"}]"#, "two spellings"),
        (r#""query_parameters_to_set": {"a": "1"}, "query_parameters_to_remove": ["a"]"#, "would remove it"),
        (r#""query_parameters_to_set": {"": "1"}"#, "no name"),
        (r#""query_parameters_to_remove": [""]"#, "no name"),
    ] {
        is_fault(strict(&yes(fields)), expected);
        assert!(opa(&yes(fields)).is_ok(), "{fields}");
    }
    let twice = strict(&yes(r#""headers": [{"X-A": "1"}, {"x-a": "2"}]"#)).unwrap();
    assert_eq!(twice.headers, pairs(&[("x-a", "1"), ("x-a", "2")]));
}

/// A field of a decision of so many entries, bytes or levels.
type Field<'f> = &'f dyn Fn(usize) -> String;

#[test]
fn everything_is_bounded() {
    let list = |item: &dyn Fn(usize) -> String, count: usize| (0..count).map(item).collect::<Vec<_>>().join(", ");
    let headers = |count| format!("\"headers\": {{{}}}", list(&|n| format!("\"x-{n}\": \"\""), count));
    let values = |count| format!("\"headers\": {{\"x-a\": [{}]}}", list(&|_| "\"\"".to_owned(), count));
    let removed = |count| format!("\"request_headers_to_remove\": [{}]", list(&|n| format!("\"x-{n}\""), count));
    let query = |count| format!("\"query_parameters_to_set\": {{{}}}", list(&|n| format!("\"q{n}\": \"\""), count));
    let long = |bytes| {
        format!(
            "\"response_headers_to_add\": {{\"x-a\": [{}]}}",
            list(&|_| format!("\"{}\"", "a".repeat(bytes / 8)), 8)
        )
    };
    let body = |bytes| format!("\"body\": \"{}\"", "a".repeat(bytes));
    let deep =
        |depth: usize| format!("\"dynamic_metadata\": {{\"a\": {}1{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    let wide = |bytes| format!("\"dynamic_metadata\": {{\"a\": \"{}\"}}", "a".repeat(bytes));
    let name = |bytes| format!("\"headers\": {{\"{}\": \"\"}}", "a".repeat(bytes));
    let rows: [(Field<'_>, usize, usize, usize, usize); 9] = [
        (&headers, 64, 65, 1024, 1025),
        (&values, 64, 65, 1024, 1025),
        (&removed, 64, 65, 1024, 1025),
        (&query, 64, 65, 1024, 1025),
        (&long, 32_000, 33_000, 261_000, 263_000),
        (&deep, 16, 17, 30, 31),
        (&wide, 65_000, 66_000, 1_048_000, 1_049_000),
        (&name, 256, 257, 256, 257),
        (&body, 65_536, 65_537, 1_048_576, 1_048_577),
    ];
    for (index, (field, fits, exceeds, fits_opa, exceeds_opa)) in rows.into_iter().enumerate() {
        let decision = if index == 8 { no } else { yes };
        let is_read = |answer| matches!(answer, Ok(_) | Err(PolicyError::Denied(_)));
        assert!(is_read(strict(&decision(&field(fits)))), "{index}");
        assert!(!is_read(strict(&decision(&field(exceeds)))), "{index}");
        assert!(is_read(opa(&decision(&field(fits_opa)))), "{index}");
        assert!(!is_read(opa(&decision(&field(exceeds_opa)))), "{index}");
    }
    is_fault(strict(&yes(&format!("\"headers\": {{\"x-a\": \"{}\"}}", "a".repeat(8193)))), "no header can have");
    let reason = strict(&yes(&format!("\"reason\": \"{}\"", "\u{e4}".repeat(300)))).unwrap().reason.unwrap();
    assert_eq!(reason.chars().count(), 256);
}

#[test]
fn metadata_is_what_envoy_can_hold() {
    let metadata = |json: &str| format!("\"dynamic_metadata\": {json}");
    let big = yes(&metadata("{\"n\": 12345678901234567891}"));
    is_fault(strict(&big), "write it as a string");
    let nearest = opa(&big).unwrap().metadata;
    assert_eq!(nearest.fields().get("n").and_then(serde_json::Value::as_f64), Some(12_345_678_901_234_567_891.0));
    let keyed = std::collections::BTreeMap::from([(Value::from(1_u64), Value::Bool(true))]);
    let decision = [(Value::from("allowed"), Value::Bool(true)), (Value::from("dynamic_metadata"), Value::from(keyed))];
    let decision = Value::from(std::collections::BTreeMap::from(decision));
    is_fault(read(&decision, &Rules::default()), "not a string");
    let opa = read(&decision, &Rules::new(Style::Opa { dry_run: false }, [], [], [])).unwrap();
    assert!(opa.metadata.fields().contains_key("1"));
}

#[test]
fn only_opas_style_runs_dry() {
    assert!(Style::Opa { dry_run: true }.dry_run().is_some());
    assert!(Style::Opa { dry_run: false }.dry_run().is_none());
    assert!(Style::Hopguard.dry_run().is_none());
}
