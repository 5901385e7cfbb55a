//! Strict hops: what is malformed, too large or ambiguous, the same in both header modes.

use std::collections::BTreeMap;

use super::*;
use crate::pb::{HeaderMap, HeaderValue, attribute_context};

type Entries<'a> = &'a [(&'a str, &'a [u8])];

pub(super) fn rules() -> Rules {
    Rules {
        escapes: Escapes::default(),
        max_headers: 8,
        purpose_header: "x-hop-purpose".to_owned(),
        keep_headers: BTreeSet::new(),
        token_headers: BTreeSet::from(["authorization".to_owned(), "x-token".to_owned()]),
        tcp: false,
        strict: Strict::Enforce,
        public: Public::default(),
    }
}

pub(super) fn plain() -> HttpRequest {
    HttpRequest {
        method: "GET".to_owned(),
        path: "/a?b=1".to_owned(),
        host: "A.example:443".to_owned(),
        scheme: "https".to_owned(),
        ..HttpRequest::default()
    }
}

pub(super) fn header(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

pub(super) fn check(http: HttpRequest) -> CheckRequest {
    let request = attribute_context::Request { http: Some(http), ..Default::default() };
    CheckRequest { attributes: Some(AttributeContext { request: Some(request), ..Default::default() }) }
}

fn decode(http: HttpRequest) -> Result<(), HopError> {
    Hop::decode(&check(http), &rules()).map(|_| ())
}

fn request(check: &CheckRequest) -> Box<Http<'_>> {
    match Hop::decode(check, &rules()).unwrap().request {
        Request::Http(request) => request,
        Request::Tcp(_) => panic!("not a request"),
    }
}

/// The verdict with these headers, which must be the same however Envoy writes them.
fn with(entries: Entries<'_>) -> Result<(), HopError> {
    let header = |(key, value): &(&str, &[u8])| HeaderValue {
        key: (*key).to_owned(),
        raw_value: value.to_vec(),
        ..HeaderValue::default()
    };
    let map = HeaderMap { headers: entries.iter().map(header).collect() };
    let joined: BTreeMap<String, String> = Headers::Raw(&map)
        .all_joined()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into_owned()))
        .collect();
    let raw = decode(HttpRequest { header_map: Some(map), ..plain() });
    assert_eq!(decode(HttpRequest { headers: joined, ..plain() }), raw, "{entries:?}");
    raw
}

#[test]
fn a_plain_hop_is_taken_in_its_canonical_form() {
    let check = check(plain());
    let hop = Hop::decode(&check, &rules()).unwrap();
    let Request::Http(request) = hop.request else { panic!("not a request") };
    let line = request.line.unwrap();
    assert_eq!((line.method, line.target.path.as_ref(), line.host.as_ref()), ("GET", "/a", "a.example"));
    assert!(hop.ambiguities.is_empty());
    assert_eq!(hop.credentials.purpose, Single::Absent);
    assert_eq!(hop.credentials.certificate, "");
}

#[test]
fn what_every_hop_has_must_be_there() {
    let malformed = |check: &CheckRequest| Hop::decode(check, &rules()).map(|_| ()).unwrap_err().detail();
    assert_eq!(malformed(&CheckRequest::default()), "hop.attributes");
    let tcp = CheckRequest { attributes: Some(AttributeContext::default()) };
    assert_eq!(malformed(&tcp), "hop.request");
    let empty = AttributeContext { request: Some(attribute_context::Request::default()), ..Default::default() };
    assert_eq!(malformed(&CheckRequest { attributes: Some(empty) }), "hop.http");
}

#[test]
fn methods_are_upper_case_tokens() {
    let method = |method: &str| decode(HttpRequest { method: method.to_owned(), ..plain() });
    for good in ["GET", "M-SEARCH", "VERSION-CONTROL"] {
        assert_eq!(method(good), Ok(()), "{good}");
    }
    for odd in ["get", "Get", "GEt"] {
        assert_eq!(method(odd), Err(HopError::Ambiguous("method.case")), "{odd}");
    }
    for broken in ["", "GE T", "GET\n", "GÉT", &"A".repeat(33)] {
        assert_eq!(method(broken), Err(HopError::Malformed("method.syntax")), "{broken}");
    }
}

#[test]
fn a_header_that_must_stand_alone_must_stand_alone() {
    let rows: [(Entries<'_>, &str); 12] = [
        (&[("txn-token", b"a"), ("txn-token", b"b")], "header.txn_token"),
        (&[("txn-token", b"a,b")], "header.txn_token"),
        (&[("content-length", b"1"), ("content-length", b"1")], "header.content_length"),
        (&[("content-type", b"a/b"), ("content-type", b"c/d")], "header.content_type"),
        (&[("authorization", b"Bearer a"), ("authorization", b"Bearer b")], "header.authorization"),
        (&[("authorization", b"Basic a"), ("authorization", b"bearer b")], "header.authorization"),
        (&[("authorization", b"Basic a, Bearer b")], "header.authorization"),
        (&[("authorization", b"Bearer \xff")], "header.authorization"),
        (&[("content-type", b"a/\xff")], "header.content_type"),
        (&[("x-hop-purpose", b"\xff")], "header.purpose"),
        (&[("host", b"other.example")], "headers.pseudo"),
        (&[(":path", b"/other")], "headers.pseudo"),
    ];
    for (entries, detail) in rows {
        assert_eq!(with(entries), Err(HopError::Ambiguous(detail)), "{entries:?}");
    }
}

#[test]
fn headers_that_may_repeat_may_repeat() {
    let rows: [Entries<'_>; 5] = [
        &[("authorization", b"Digest a=1, b=2")],
        &[("accept", b"a"), ("accept", b"b")],
        &[("x-note", b"h\xe9llo")],
        &[("cookie", b"a=1"), ("cookie", b"b=2")],
        &[(":path", b"/a?b=1"), (":method", b"GET"), (":authority", b"A.example:443")],
    ];
    for entries in rows {
        assert_eq!(with(entries), Ok(()), "{entries:?}");
    }
}

#[test]
fn a_connection_header_must_not_make_a_proxy_drop_another() {
    for good in ["close", "Keep-Alive", "Upgrade, HTTP2-Settings", "te", ""] {
        assert_eq!(with(&[("connection", good.as_bytes())]), Ok(()), "{good}");
    }
    for bad in ["x-hopguard-peer", "close, authorization", "close;x", "keep-alive\u{a0}"] {
        assert_eq!(with(&[("connection", bad.as_bytes())]), Err(HopError::Ambiguous("header.connection")), "{bad}");
    }
}

#[test]
fn too_many_headers_are_too_large() {
    let names: Vec<String> = (0..9).map(|number| format!("x-{number}")).collect();
    let entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"1"[..])).collect();
    assert_eq!(with(&entries), Err(HopError::TooLarge("headers.count")));
    assert_eq!(with(&entries[..8]), Ok(()));
}

#[test]
fn headers_come_in_one_form_with_lower_case_names() {
    let both = HttpRequest {
        headers: BTreeMap::from([("a".to_owned(), "1".to_owned())]),
        header_map: Some(HeaderMap::default()),
        ..plain()
    };
    assert_eq!(decode(both), Err(HopError::Malformed("headers.both_forms")));
    assert_eq!(with(&[("X-Hop-Purpose", b"a")]), Err(HopError::Malformed("headers.name_case")));
}

#[test]
fn several_entries_of_xfcc_cannot_hide_behind_a_quote() {
    let header =
        |value: &[u8]| HeaderValue { key: XFCC.to_owned(), raw_value: value.to_vec(), ..HeaderValue::default() };
    let map = HeaderMap { headers: vec![header(b"Subject=\"a"), header(b"b\"")] };
    let check = check(HttpRequest { header_map: Some(map), ..plain() });
    assert_eq!(Hop::decode(&check, &rules()).unwrap().credentials.xfcc.as_deref(), Some(","));
}

#[test]
fn a_cut_body_shows() {
    let body = |text: &str, headers: &[(&str, &str)]| {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let check = check(HttpRequest { body: text.to_owned(), headers, ..plain() });
        request(&check).body.truncated
    };
    assert!(!body("{}", &[("content-length", "2")]));
    assert!(body("{}", &[("content-length", "3")]));
    assert!(body("{}", &[("x-envoy-auth-partial-body", "true")]));
    assert!(!body("{}", &[("x-envoy-auth-partial-body", "false")]));
    // Envoy buffers none, and forwards it all the same.
    assert!(body("", &[("content-length", "3")]));
}

#[test]
fn an_upgrade_is_told_in_lower_case() {
    let headers = BTreeMap::from([
        ("upgrade".to_owned(), "WebSocket".to_owned()),
        ("connection".to_owned(), "Upgrade".to_owned()),
    ]);
    let check = check(HttpRequest { headers, ..plain() });
    assert_eq!(request(&check).upgrade.as_deref(), Some("websocket"));
}

#[test]
fn a_connection_is_a_hop_only_where_that_is_configured() {
    let socket =
        crate::pb::SocketAddress { port_specifier: Some(PortSpecifier::PortValue(5432)), ..Default::default() };
    let address = crate::pb::Address { address: Some(Address::SocketAddress(socket)) };
    let destination = attribute_context::Peer { address: Some(address), ..Default::default() };
    let attributes = AttributeContext { destination: Some(destination), ..Default::default() };
    let tcp = CheckRequest { attributes: Some(attributes) };
    let rules = Rules { tcp: true, ..rules() };
    assert!(matches!(Hop::decode(&tcp, &rules).unwrap().request, Request::Tcp(Tcp { port: Some(5432), .. })));
    assert_eq!(Outline::of(&tcp).port, Some(5432));
    assert_eq!(Hop::decode(&tcp, &self::rules()).map(|_| ()).unwrap_err().detail(), "hop.request");
    let nowhere = CheckRequest { attributes: Some(AttributeContext::default()) };
    assert_eq!(Hop::decode(&nowhere, &rules).map(|_| ()).unwrap_err().detail(), "hop.port");
}

#[test]
fn headers_that_hold_tokens_stand_alone() {
    let token = |entries: Entries<'_>| with(entries);
    assert_eq!(token(&[("x-token", b"a")]), Ok(()));
    assert_eq!(token(&[("x-token", b"a"), ("x-token", b"b")]), Err(HopError::Ambiguous("header.token")));
    assert_eq!(token(&[("x-token", b"a,b")]), Err(HopError::Ambiguous("header.token")));
    assert_eq!(token(&[("x-token", b"a\xff")]), Err(HopError::Ambiguous("header.token")));
    // No scheme of it is a token's.
    assert_eq!(token(&[("authorization", b"Digest a=1, b=2")]), Ok(()));
}

fn observing() -> Rules {
    Rules { strict: Strict::Observe, tcp: true, ..rules() }
}

/// What is in doubt about a hop, where that is let through.
fn doubts(http: HttpRequest) -> Vec<&'static str> {
    let check = check(http);
    let hop = Hop::decode(&check, &observing()).unwrap();
    hop.ambiguities.iter().map(HopError::detail).collect()
}

#[test]
fn an_observed_hop_goes_on_without_what_is_in_doubt() {
    let rows: [(HttpRequest, &str); 9] = [
        (HttpRequest { method: String::new(), ..plain() }, "method.syntax"),
        (HttpRequest { method: "get".to_owned(), ..plain() }, "method.case"),
        (HttpRequest { method: "GE T".to_owned(), ..plain() }, "method.syntax"),
        (HttpRequest { path: String::new(), ..plain() }, "path.not_origin_form"),
        (HttpRequest { path: "/a/../b".to_owned(), ..plain() }, "path.dot_segment"),
        (HttpRequest { host: String::new(), ..plain() }, "host.syntax"),
        (HttpRequest { headers: header(":path", "/b"), ..plain() }, "headers.pseudo"),
        (HttpRequest { headers: header("host", "b"), ..plain() }, "headers.pseudo"),
        (HttpRequest { headers: header(":method", "PUT"), ..plain() }, "headers.pseudo"),
    ];
    for (http, detail) in rows {
        assert_eq!(doubts(http.clone()), [detail], "{http:?}");
        let check = check(http);
        let Request::Http(request) = Hop::decode(&check, &observing()).unwrap().request else { panic!("no request") };
        assert!(request.line.is_none(), "{detail}");
    }
    assert_eq!(doubts(HttpRequest::default()), ["method.syntax", "path.not_origin_form", "host.syntax"]);
    assert_eq!(doubts(plain()), Vec::<&str>::new());
}

#[test]
fn an_ambiguous_header_of_an_observed_hop_counts_as_absent() {
    let rows = [
        ("x-token", "a,b", "header.token"),
        ("x-token", "a!", "header.token"),
        ("authorization", "Bearer a,Bearer b", "header.authorization"),
        ("txn-token", "a,b", "header.txn_token"),
        ("content-type", "a/b,c/d", "header.content_type"),
        ("x-hop-purpose", "a!", "header.purpose"),
        ("connection", "x-token", "header.connection"),
        ("X-Token", "a", "headers.name_case"),
    ];
    for (name, value, detail) in rows {
        let check = check(HttpRequest { headers: header(name, value), ..plain() });
        let hop = Hop::decode(&check, &observing()).unwrap();
        assert_eq!(hop.ambiguities, [HopError::Ambiguous(detail)], "{name}: {value}");
        assert_eq!((hop.credentials.tokens.len(), &hop.credentials.purpose), (0, &Single::Absent), "{name}: {value}");
        let Request::Http(request) = hop.request else { panic!("no request") };
        assert!(request.line.is_some() && request.content_type.is_none(), "{name}: {value}");
    }
}

#[test]
fn an_observed_hop_may_lack_what_envoy_never_leaves_out() {
    let nothing = CheckRequest::default();
    let hop = Hop::decode(&nothing, &observing()).unwrap();
    assert!(matches!(hop.request, Request::Tcp(Tcp { port: None, attributes: None })));
    assert_eq!(hop.ambiguities, [HopError::Ambiguous("hop.attributes"), HopError::Ambiguous("hop.port")]);
    let empty = AttributeContext { request: Some(attribute_context::Request::default()), ..Default::default() };
    let empty = CheckRequest { attributes: Some(empty) };
    let hop = Hop::decode(&empty, &observing()).unwrap();
    assert!(matches!(hop.request, Request::Http(request) if request.line.is_none()));
    assert_eq!(hop.ambiguities[0], HopError::Ambiguous("hop.http"));
    // Whether connections are hops at all is no doubt.
    let strict = Rules { tcp: false, ..observing() };
    assert_eq!(Hop::decode(&nothing, &strict).map(|_| ()), Err(HopError::Malformed("hop.attributes")));
}

#[test]
fn what_is_too_large_or_in_two_forms_is_refused_of_an_observed_hop_too() {
    let refused = |http: HttpRequest| Hop::decode(&check(http), &observing()).map(|_| ()).unwrap_err();
    let many = (0..9).map(|number| (format!("x-{number}"), String::new())).collect();
    assert_eq!(refused(HttpRequest { headers: many, ..plain() }), HopError::TooLarge("headers.count"));
    let long = HttpRequest { path: format!("/{}", "a".repeat(8192)), ..plain() };
    assert_eq!(refused(long), HopError::TooLarge("path.too_long"));
    let both = HttpRequest { headers: header("a", "1"), header_map: Some(HeaderMap::default()), ..plain() };
    assert_eq!(refused(both), HopError::Malformed("headers.both_forms"));
}
