//! The document in both styles, whole and in part.

use std::collections::BTreeSet;

use super::*;
use crate::{
    clock::Timestamp,
    delegation::Tokens,
    hop::{Escapes, Hop, Public, Rules, Strict},
    pb::{CheckRequest, check_request_from_json},
};

fn reads(paths: &[&str]) -> Reads {
    let mut reads = Reads::default();
    for path in paths {
        reads.add(&path.split('.').filter(|name| !name.is_empty()).collect::<Vec<_>>());
    }
    reads
}

fn document(json: &str, reads: &Reads, view: &View) -> Result<Value, PolicyError> {
    let check = check_request_from_json(json).unwrap();
    shown(&check, reads, view)
}

fn shown(check: &CheckRequest, reads: &Reads, view: &View) -> Result<Value, PolicyError> {
    let tokens = BTreeSet::from(["authorization".to_owned()]);
    let rules = Rules {
        escapes: Escapes { slash: true, percent: false, semicolon: false },
        max_headers: 100,
        purpose_header: "x-hop-purpose".to_owned(),
        keep_headers: BTreeSet::new(),
        token_headers: tokens.clone(),
        tcp: true,
        strict: if view.style == Style::Opa { Strict::Observe } else { Strict::Enforce },
        public: Public::default(),
    };
    let hop = Hop::decode(check, &rules)?;
    let input = Input {
        request: &hop.request,
        credentials: &tokens,
        this: None,
        peer: None,
        workload: None,
        tokens: Tokens::default(),
        actor: None,
        purpose: None,
        resource: None,
        grant: None,
        facts: None,
        now: Timestamp::from_seconds(7),
    };
    build(&input, reads, view)
}

/// The document as JSON.
fn json(request: &str, reads: &Reads, view: &View) -> Result<String, String> {
    document(request, reads, view)
        .map(|value| serde_json::to_string(&value).unwrap())
        .map_err(|error| error.to_string())
}

fn opa() -> View {
    View { style: Style::Opa, ..View::default() }
}

const REQUEST: &str = r#"{"attributes": {
    "source": {"address": {"socketAddress": {"address": "10.0.0.1", "portValue": 0}}, "principal": "spiffe://a/b"},
    "request": {"time": "1970-01-01T00:00:03.5Z", "http": {
        "method": "GET", "path": "/a%2fb/c%20?x=1&y=%20", "host": "A.example", "size": "-1",
        "headers": {"accept": "*/*", "cookie": "secret", "authorization": "Bearer secret", "x-tenant": "t"}}},
    "contextExtensions": {"k": "v", "l": "w"},
    "metadataContext": {"filterMetadata": {"f": {"n": 1, "m": {"deep": [1.5, null]}}}},
    "tlsSession": {}
}}"#;

#[test]
fn a_document_read_whole_is_whole() {
    let expected = concat!(
        r#"{"attributes":{"contextExtensions":{"k":"v","l":"w"},"#,
        r#""metadataContext":{"filterMetadata":{"f":{"m":{"deep":[1.5,null]},"n":1}}},"#,
        r#""request":{"http":{"headers":{"accept":"*/*","x-tenant":"t"},"host":"A.example","method":"GET","#,
        r#""path":"/a%2fb/c%20?x=1&y=%20","size":-1},"time":{"nanos":500000000,"seconds":3}},"#,
        r#""source":{"address":{"socketAddress":{"address":"10.0.0.1","portValue":0}},"principal":"spiffe://a/b"},"#,
        r#""tlsSession":{}},"grants":[],"hop":{"host":"a.example","method":"GET","path":"/a%2Fb/c%20"},"#,
        r#""now":7000000000,"parsed_body":null,"parsed_path":["a/b","c "],"parsed_query":{"x":["1"],"y":[" "]},"#,
        r#""source_principal":"spiffe://a/b","tokens":{},"truncated_body":false,"#,
        r#""version":{"encoding":"protojson","ext_authz":"v3"}}"#,
    );
    assert_eq!(json(REQUEST, &Reads::all(), &View::default()).as_deref(), Ok(expected));
}

#[test]
fn no_more_is_built_than_is_read() {
    let rows: [(&[&str], &str); 9] = [
        (&[], "{}"),
        (&["peer.spiffe_id"], "{}"),
        (&["hop.path"], r#"{"hop":{"path":"/a%2Fb/c%20"}}"#),
        (&["parsed_query"], r#"{"parsed_query":{"x":["1"],"y":[" "]}}"#),
        (
            &["attributes.request.http.headers.x-tenant", "attributes.request.http.headers.x-other"],
            r#"{"attributes":{"request":{"http":{"headers":{"x-tenant":"t"}}}}}"#,
        ),
        (&["attributes.request.http.headers.cookie"], r#"{"attributes":{"request":{"http":{"headers":{}}}}}"#),
        (
            &["attributes.contextExtensions.l", "now"],
            r#"{"attributes":{"contextExtensions":{"l":"w"}},"now":7000000000}"#,
        ),
        (
            &["attributes.metadataContext.filterMetadata.f.m"],
            r#"{"attributes":{"metadataContext":{"filterMetadata":{"f":{"m":{"deep":[1.5,null]}}}}}}"#,
        ),
        (&["attributes.request.time.seconds"], r#"{"attributes":{"request":{"time":{"seconds":3}}}}"#),
    ];
    for (paths, expected) in rows {
        assert_eq!(json(REQUEST, &reads(paths), &View::default()).as_deref(), Ok(expected), "{paths:?}");
    }
}

#[test]
fn each_part_of_a_document_is_what_it_is_in_the_whole() {
    for view in [View::default(), opa()] {
        let whole = document(REQUEST, &Reads::all(), &view).unwrap();
        for (key, value) in whole.as_object().unwrap().iter() {
            let name = key.as_string().unwrap();
            let part = document(REQUEST, &reads(&[name]), &view).unwrap();
            assert_eq!(part.as_object().unwrap().iter().collect::<Vec<_>>(), [(key, value)], "{name}");
        }
    }
}

#[test]
fn the_plugins_document_is_the_plugins() {
    let expected = concat!(
        r#"{"attributes":{"contextExtensions":{"k":"v","l":"w"},"#,
        r#""metadataContext":{"filterMetadata":{"f":{"m":{"deep":[1.5,null]},"n":1}}},"#,
        r#""request":{"http":{"headers":{"accept":"*/*","authorization":"Bearer secret","cookie":"secret","x-tenant":"t"},"#,
        r#""host":"A.example","method":"GET","path":"/a%2fb/c%20?x=1&y=%20","size":-1},"time":{"nanos":500000000,"seconds":3}},"#,
        r#""source":{"address":{"socketAddress":{"address":"10.0.0.1","portValue":0}},"principal":"spiffe://a/b"},"#,
        r#""tlsSession":{}},"parsed_body":null,"parsed_path":["a","b","c "],"parsed_query":{"x":["1"],"y":[" "]},"#,
        r#""source_principal":"spiffe://a/b","truncated_body":false,"version":{"encoding":"protojson","ext_authz":"v3"}}"#,
    );
    let view = View { exposed: Exposed::All, ..opa() };
    assert_eq!(json(REQUEST, &Reads::all(), &view).as_deref(), Ok(expected));
    let hidden = json(REQUEST, &Reads::all(), &opa()).unwrap();
    assert!(!hidden.contains("secret") && hidden.contains("x-tenant"), "{hidden}");
}

#[test]
fn the_plugin_judges_what_lacks_everything() {
    let version = r#""version":{"encoding":"protojson","ext_authz":"v3"}"#;
    let parsed = r#""parsed_body":null,"parsed_path":[""],"parsed_query":{},"truncated_body":false"#;
    let rows = [
        ("{}", ""),
        (r#"{"attributes":{}}"#, r#""attributes":{},"#),
        (r#"{"attributes":{"request":{}}}"#, r#""attributes":{"request":{}},"#),
        (r#"{"attributes":{"request":{"http":{}}}}"#, r#""attributes":{"request":{"http":{}}},"#),
        (
            r#"{"attributes":{"request":{"http":{"method":"get"}}}}"#,
            r#""attributes":{"request":{"http":{"method":"get"}}},"#,
        ),
    ];
    for (request, attributes) in rows {
        let expected = format!("{{{attributes}{parsed},{version}}}");
        assert_eq!(json(request, &Reads::all(), &opa()), Ok(expected), "{request}");
    }
}

#[test]
fn the_plugin_leaves_raw_headers_as_they_are() {
    let request = r#"{"attributes":{"request":{"http":{"body":"{}","headerMap":{"headers":[
        {"key":"content-type","rawValue":"YXBwbGljYXRpb24vanNvbg=="},{"key":"Cookie","value":"secret"}]}}}}}"#;
    let read = reads(&["attributes", "parsed_body"]);
    let expected = concat!(
        r#"{"attributes":{"request":{"http":{"body":"{}","#,
        r#""headerMap":{"headers":[{"key":"content-type","rawValue":"YXBwbGljYXRpb24vanNvbg=="}]}}}},"parsed_body":null}"#
    );
    assert_eq!(json(request, &read, &opa()).as_deref(), Ok(expected));
}

#[test]
fn what_the_plugin_cannot_read_is_refused_whether_or_not_it_is_looked_at() {
    let rows = [
        (r#""path": "/a?x=1;y=2""#, "request_parse_error: invalid semicolon separator in query"),
        (r#""path": "/100%""#, "request_parse_error: invalid URL escape \"%\""),
        (r#""path": "/%ff""#, "request_parse_error: an escape is not UTF-8"),
        (r#""body": "{", "headers": {"content-type": "application/json"}"#, "request_parse_error: invalid JSON"),
    ];
    for (fields, expected) in rows {
        let request = format!(r#"{{"attributes":{{"request":{{"http":{{{fields}}}}}}}}}"#);
        let error = document(&request, &Reads::default(), &opa()).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.detail()), (expected, Some("request.parse")), "{fields}");
    }
}

#[test]
fn a_body_that_is_skipped_is_not_there() {
    let request = r#"{"attributes":{"request":{"http":{"method":"GET","path":"/","host":"a","body":"{","headers":{"content-type":"application/json"}}}}}"#;
    let read = reads(&["parsed_body", "truncated_body"]);
    for view in [opa(), View::default()] {
        assert!(document(request, &read, &view).is_err());
        assert_eq!(json(request, &read, &View { skip_body: true, ..view }).as_deref(), Ok("{}"));
    }
}

#[test]
fn a_cut_body_is_too_large_for_who_reads_it_unaware() {
    let request = r#"{"attributes":{"request":{"http":{"method":"POST","path":"/","host":"a","body":"{",
        "headers":{"content-type":"application/json","x-envoy-auth-partial-body":"true"}}}}}"#;
    for paths in [&["parsed_body"][..], &["attributes.request.http.body"], &["attributes.request.http.rawBody"]] {
        let error = document(request, &reads(paths), &View::default()).unwrap_err();
        assert_eq!(error, PolicyError::Hop(HopError::TooLarge("body.truncated")), "{paths:?}");
    }
    // All of it, and nothing by name.
    let error = document(request, &Reads::all(), &View::default()).unwrap_err();
    assert_eq!(error, PolicyError::Hop(HopError::TooLarge("body.truncated")));
    let mut named = reads(&["truncated_body"]);
    named.add::<&str>(&[]);
    assert!(document(request, &named, &View::default()).is_ok());
    let aware = json(request, &reads(&["parsed_body", "truncated_body"]), &View::default());
    assert_eq!(aware.as_deref(), Ok(r#"{"parsed_body":null,"truncated_body":true}"#));
    assert_eq!(json(request, &reads(&["hop.method"]), &View::default()).as_deref(), Ok(r#"{"hop":{"method":"POST"}}"#));
}

#[test]
fn an_ambiguous_path_is_absent_from_an_observed_hop() {
    let check =
        check_request_from_json(r#"{"attributes":{"request":{"http":{"method":"GET","path":"/a/../b","host":"a"}}}}"#);
    let check = check.unwrap();
    let rules = Rules {
        escapes: Escapes::default(),
        max_headers: 9,
        purpose_header: String::new(),
        keep_headers: BTreeSet::new(),
        token_headers: BTreeSet::new(),
        tcp: false,
        strict: Strict::Observe,
        public: Public::default(),
    };
    let hop = Hop::decode(&check, &rules).unwrap();
    let input = Input {
        request: &hop.request,
        credentials: &BTreeSet::new(),
        this: None,
        peer: None,
        workload: None,
        tokens: Tokens::default(),
        actor: None,
        purpose: None,
        resource: None,
        grant: None,
        facts: None,
        now: Timestamp::MIN,
    };
    let shown = build(&input, &reads(&["hop", "parsed_path", "parsed_query"]), &View::default()).unwrap();
    assert_eq!(serde_json::to_string(&shown).unwrap(), r#"{"hop":{}}"#);
}

#[test]
fn a_connection_has_a_port_and_no_path() {
    let request = r#"{"attributes":{"destination":{"address":{"socketAddress":{"portValue":5432}}}}}"#;
    let read = reads(&["hop", "parsed_path", "truncated_body"]);
    assert_eq!(json(request, &read, &View::default()).as_deref(), Ok(r#"{"hop":{"port":5432}}"#));
    assert_eq!(json(request, &read, &opa()).as_deref(), Ok(r#"{"parsed_path":[""],"truncated_body":false}"#));
}
