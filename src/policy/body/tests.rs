//! Bodies as Hopguard reads them, and as the plugin does: rows of one, and the same rows of the other.

use std::collections::BTreeMap;

use super::{
    grpc::tests::{frame, shop},
    plugin::{Parsed, RequestError},
    *,
};
use crate::{
    hop::{Escapes, Hop, Public, Request, Rules, Strict},
    pb::{AttributeContext, CheckRequest, attribute_context, attribute_context::HttpRequest},
};

type Headers<'a> = &'a [(&'a str, &'a str)];

fn request(headers: Headers<'_>, body: &[u8]) -> HttpRequest {
    HttpRequest {
        method: "POST".to_owned(),
        path: "/shop.Orders/Place".to_owned(),
        host: "a.example".to_owned(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        raw_body: body.to_vec(),
        ..HttpRequest::default()
    }
}

fn of_hop(http: HttpRequest) -> Result<String, HopError> {
    let rules = Rules {
        escapes: Escapes::default(),
        max_headers: 100,
        purpose_header: "x-hop-purpose".to_owned(),
        keep_headers: Default::default(),
        token_headers: Default::default(),
        tcp: false,
        strict: Strict::Enforce,
        public: Public::default(),
    };
    let request = attribute_context::Request { http: Some(http), ..Default::default() };
    let check = CheckRequest { attributes: Some(AttributeContext { request: Some(request), ..Default::default() }) };
    let hop = Hop::decode(&check, &rules).unwrap();
    let Request::Http(request) = hop.request else { panic!("no request") };
    parse(&request, Some(&shop())).map(|value| serde_json::to_string(&value).unwrap())
}

fn hopguard(content_type: &str, body: &[u8]) -> Result<String, HopError> {
    of_hop(request(&[("content-type", content_type)], body))
}

/// What the plugin shows of a body, with a `+` in front if it takes it for cut; or its refusal.
fn opa(headers: Headers<'_>, body: &[u8]) -> Result<String, RequestError> {
    let path = ["shop.Orders".to_owned(), "Place".to_owned()];
    plugin::parse(&request(headers, body), &path, Some(&shop())).map(|Parsed { body, truncated }| {
        format!("{}{}", if truncated { "+" } else { "" }, serde_json::to_string(&body).unwrap())
    })
}

#[test]
fn a_body_is_read_by_its_media_type() {
    let order = frame(b"\x0a\x03tea");
    let parts = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
        --x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f\"\r\n\r\n\xff\r\n\
        --x\r\nContent-Disposition: form-data; name=b\r\nContent-Type: application/json\r\n\r\n{\"c\":1}\r\n--x--\r\n";
    let rows: [(&str, &[u8], &str); 13] = [
        ("application/json", b"{\"a\":1}", r#"{"a":1}"#),
        ("Application/JSON; charset=utf-8", b"[1]", "[1]"),
        ("application/problem+json", b"{\"a\":1}", r#"{"a":1}"#),
        ("application/jsonx", b"{\"a\":1}", "null"),
        ("text/plain; v=application/json", b"{\"a\":1}", "null"),
        ("application/x-www-form-urlencoded", b"a=1&a=x+y&b", r#"{"a":["1","x y"],"b":[""]}"#),
        ("multipart/form-data; boundary=x", parts, r#"{"a":["1",null],"b":[{"c":1}]}"#),
        ("application/grpc", &order, r#"{"itemName":"tea"}"#),
        ("application/grpc+proto", &order, r#"{"itemName":"tea"}"#),
        ("application/grpc-web", &order, "null"),
        ("application/json", b"", "null"),
        ("text/plain", b"x", "null"),
        ("", b"x", "null"),
    ];
    for (content_type, body, shown) in rows {
        assert_eq!(hopguard(content_type, body).as_deref(), Ok(shown), "{content_type}");
    }
    assert_eq!(of_hop(request(&[], b"{}")).as_deref(), Ok("null"));
    let cut = request(&[("content-type", "application/json"), ("x-envoy-auth-partial-body", "true")], b"{\"a\"");
    assert_eq!(of_hop(cut).as_deref(), Ok("null"));
}

#[test]
fn a_body_that_readers_disagree_on_is_refused() {
    let cut = [&frame(b"\x0a\x03tea")[..], b"x"].concat();
    let deep = [b"[".repeat(65), b"]".repeat(65)].concat();
    let long = "9".repeat(401);
    let rows: [(&str, &[u8], HopError); 14] = [
        ("application/json", b"{\"a\":1,\"a\":2}", HopError::Malformed("body.json")),
        ("application/json", b"{\"a\":1} x", HopError::Malformed("body.json")),
        ("application/json", b"\"\xff\"", HopError::Malformed("body.json")),
        ("application/json", &deep, HopError::TooLarge("body.depth")),
        ("application/json", long.as_bytes(), HopError::TooLarge("body.number")),
        ("application/x-www-form-urlencoded", b"a=1;b=2", HopError::Malformed("body.form")),
        ("application/x-www-form-urlencoded", b"a=%zz", HopError::Malformed("body.form")),
        ("application/x-www-form-urlencoded", b"a=\xff", HopError::Malformed("body.form")),
        ("multipart/form-data", b"x", HopError::Malformed("body.multipart")),
        ("multipart/form-data; boundary=x", b"--x\n", HopError::Malformed("body.multipart")),
        ("application/grpc", b"\0\0", HopError::Malformed("body.grpc")),
        ("application/grpc", b"\x01\0\0\0\0", HopError::Malformed("body.grpc_compressed")),
        ("application/grpc", b"\0\0\0\0\x09x", HopError::Malformed("body.grpc")),
        ("application/grpc", &cut, HopError::Malformed("body.grpc")),
    ];
    for (content_type, body, error) in rows {
        assert_eq!(hopguard(content_type, body), Err(error), "{content_type}: {body:?}");
    }
    let text = HttpRequest { body: "x".to_owned(), ..request(&[("content-type", "application/grpc")], b"") };
    assert_eq!(of_hop(text), Err(HopError::Malformed("body.grpc_not_bytes")));
}

#[test]
fn the_plugins_reading_is_the_plugins() {
    let json = ("content-type", "application/json");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let order = frame(b"\x0a\x03tea");
    let rows: [(Headers<'_>, &[u8], &str); 19] = [
        (&[], b"{}", "null"),
        (&[json], b"", "null"),
        (&[json], b"{\"a\":1,\"a\":2}", r#"{"a":2}"#),
        (&[json], b"\"\xff\"", "\"\u{fffd}\""),
        (&[("content-type", "Application/JSON")], b"{", "null"),
        (&[("content-type", "application/problem+json")], b"{", "null"),
        (&[("content-type", "text/x; v=application/json")], b"[1]", "[1]"),
        (&[json, ("content-length", "3")], b"{}", "+null"),
        (&[json, ("content-length", "1")], b"{}", "{}"),
        (&[json, ("content-length", "-1")], b"{}", "{}"),
        (&[json, ("content-length", "-7")], b"{}", "{}"),
        (&[json, ("x-envoy-auth-partial-body", "true")], b"{", "+null"),
        (&[("x-envoy-auth-partial-body", "true")], b"", "+null"),
        (&[form], b"a=1&a=2", r#"{"a":["1","2"]}"#),
        (&[("content-type", "multipart/form-data")], b"x", "null"),
        (&[("content-type", "application/grpc-web"), ("content-length", "x")], &order, r#"{"itemName":"tea"}"#),
        (&[("content-type", "application/grpc")], b"\x01\0\0\0\0", "null"),
        (&[("content-type", "application/grpc")], b"\0\0\0\0\x09x", "+null"),
        (
            &[("content-type", "multipart/form-data; boundary=x")],
            b"--x\nContent-Disposition: form-data; name=a\n\n\xff\n--x--",
            "{\"a\":[\"\u{fffd}\"]}",
        ),
    ];
    for (headers, body, shown) in rows {
        assert_eq!(opa(headers, body).as_deref(), Ok(shown), "{headers:?}: {body:?}");
    }
}

#[test]
fn the_plugins_refusals_say_what_the_plugin_says() {
    let json = ("content-type", "application/json");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let rows: [(Headers<'_>, &[u8], &str); 9] = [
        (&[json], b"{\"a\":1} x", "invalid JSON"),
        (&[json, ("content-length", "x")], b"{}", "strconv.ParseInt: parsing \"x\": invalid syntax"),
        (&[form], b"a=%zz", "invalid URL escape \"%zz\""),
        (&[form], b"a=1;b=2", "invalid semicolon separator in query"),
        (&[("content-type", "multipart/form-data; boundary")], b"x", "mime: invalid media parameter"),
        (&[("content-type", "multipart/form-data; boundary=x")], b"--x\r\n", "multipart: the last boundary is missing"),
        (
            &[("content-type", "multipart/form-data; boundary=x")],
            b"--x\r\nContent-Disposition: form-data; name=a\r\nContent-Type: application/json\r\n\r\n{\r\n--x--",
            "invalid JSON",
        ),
        (&[("content-type", "application/grpc")], b"\0", "less than 5 bytes"),
        (&[("content-type", "application/grpc")], b"\0\0\0\0\x01\xff", "the gRPC message cannot be read"),
    ];
    for (headers, body, error) in rows {
        assert_eq!(opa(headers, body).map_err(|error| error.to_string()), Err(error.to_owned()), "{headers:?}");
    }
    let grpc = request(&[("content-type", "application/grpc")], b"\0\0\0\0\0");
    assert_eq!(plugin::parse(&grpc, &[String::new()], Some(&shop())), Err(RequestError::GrpcPath));
    assert_eq!(plugin::parse(&grpc, &[String::new()], None), Ok(Parsed::NOTHING));
    let deep = [b"[".repeat(65), b"]".repeat(65)].concat();
    assert_eq!(opa(&[json], &deep), Err(RequestError::TooLarge(HopError::TooLarge("body.depth"))));
}

#[test]
fn the_text_of_a_body_counts_before_its_bytes() {
    let both = HttpRequest { body: "1".to_owned(), ..request(&[("content-type", "application/json")], b"2") };
    assert_eq!(plugin::parse(&both, &[], None).map(|parsed| parsed.body), Ok(Value::from(1_u64)));
    let headers: BTreeMap<_, _> = [("content-type".to_owned(), "application/json".to_owned())].into();
    assert_eq!(of_hop(HttpRequest { headers, ..both }).as_deref(), Ok("1"));
}
