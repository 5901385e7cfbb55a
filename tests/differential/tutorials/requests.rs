//! Requests as callers of each tutorial's service send them, and as they should not.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::now;
use crate::draw::Draw;

/// Any request: some of what policies look at, and some of what they do not expect.
pub(super) fn plain(draw: &mut Draw) -> Value {
    let paths = [
        "/orders/17",
        "/orders",
        "/books/a/b",
        "/books/1",
        "/shop",
        "/store/1",
        "/office",
        "/",
        "",
        "/orders/%31",
        "//orders",
        "/Orders/1",
        "/orders/17?x=1&x=2",
        "/%zz",
        "/books/\u{e9}",
    ];
    let mut headers = json!({});
    for (name, values) in [
        ("x-user", &["ada", "bea", "root", "mallory", "", "web"][..]),
        ("user-agent", &["curl/8", "Crawler 1.0", ""][..]),
        ("x-internal", &["1"][..]),
    ] {
        if draw.chance(65) {
            headers[name] = draw.of(values).into();
        }
    }
    let mut request = json!({"attributes": {"request": {"http": {
        "method": draw.of(&["GET", "POST", "PUT", "DELETE", "get"]), "path": draw.of(&paths), "host": "shop.example", "headers": headers,
    }}}});
    if draw.chance(80) {
        let address = draw.of(&["10.1.1.1", "192.168.7.7", "203.0.113.1", "::1", "nowhere"]);
        request["attributes"]["source"] = json!({"address": {"socketAddress": {"address": address, "portValue": 1}}});
    }
    if draw.chance(60) {
        let principal = draw.of(&["spiffe://example.org/ns/web", "spiffe://example.org/root", "web", ""]);
        request["attributes"]["source"]["principal"] = principal.into();
    }
    request
}

pub(super) fn quickstart(draw: &mut Draw) -> Value {
    let mut request = plain(draw);
    let paths = ["/books/1", "/books/1/2", "/books", "/books/7", "/", "/Books/1"];
    let http = &mut request["attributes"]["request"]["http"];
    http["path"] = draw.of(&paths).into();
    http["method"] = draw.of(&["GET", "POST", "DELETE", "PUT"]).into();
    let seconds = now().seconds();
    let mut claims = json!({"role": draw.of(&["visitor", "clerk", "clerk", "other"]), "desk": draw.of(&["7", "1"])});
    if draw.chance(40) {
        claims["exp"] = (seconds + if draw.chance(70) { 3600 } else { -3600 }).into();
    }
    if draw.chance(30) {
        claims["nbf"] = (seconds + if draw.chance(70) { -3600 } else { 3600 }).into();
    }
    if draw.chance(10) {
        claims = json!({"role": 7});
    }
    let algorithm = if draw.chance(85) { "HS256" } else { draw.of(&["none", "HS512", "RS256"]) };
    let secret = if draw.chance(85) { "a shared secret of the shop" } else { "another" };
    let signed = [json!({"alg": algorithm, "typ": "JWT"}), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signed = signed.join(".");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
    let scheme = draw.of(&["Bearer", "Bearer", "bearer", "Basic"]);
    if draw.chance(95) {
        http["headers"]["authorization"] = format!("{scheme} {signed}.{signature}").into();
    }
    if draw.chance(50) {
        let price = [json!(-1), json!(5), json!("5"), json!(null)][draw.below(4)].clone();
        with_json(draw, http, &json!({"price": price}).to_string());
    }
    request
}

pub(super) fn payment(draw: &mut Draw) -> Value {
    let mut request = plain(draw);
    let http = &mut request["attributes"]["request"]["http"];
    http["path"] = draw.of(&["/payments", "/payments", "/payments/1?a=1", "/payments?a=1&a=2", "/other"]).into();
    http["method"] = draw.of(&["POST", "POST", "POST", "GET", "PUT"]).into();
    let mut body = json!({"currency": draw.of(&["EUR", "EUR", "USD", "XXX"]), "amount": draw.below(1200), "items": []});
    for _ in 0..draw.below(3) {
        let item = json!({"count": draw.below(20), "price": draw.below(60)});
        body["items"].as_array_mut().unwrap().push(item);
    }
    if draw.chance(30) {
        body["note"] = draw.of(&["for the books", "", "<script>", "caf\u{e9}"]).into();
    }
    if draw.chance(15) {
        let field = draw.of(&["amount", "items", "currency", "note"]);
        body[field] = [json!(null), json!("17"), json!({"a": 1}), json!(1e300), json!(true)][draw.below(5)].clone();
    }
    let text = match draw.below(20) {
        0 => "{\"amount\": 5, ".to_owned(),
        1 => "[]".to_owned(),
        2 => String::new(),
        3 => body.to_string().replacen("{", "{\"amount\": 1, ", 1),
        _ => body.to_string(),
    };
    with_json(draw, http, &text);
    request
}

fn with_json(draw: &mut Draw, http: &mut Value, text: &str) {
    http["headers"]["content-type"] =
        draw.of(&["application/json", "application/json", "application/json; charset=utf-8", "text/plain"]).into();
    let length = if draw.chance(90) { text.len() } else { text.len() + 5 };
    http["headers"]["content-length"] = length.to_string().into();
    http["body"] = text.into();
}

pub(super) fn lending(draw: &mut Draw) -> Value {
    let mut request = plain(draw);
    let http = &mut request["attributes"]["request"]["http"];
    http["path"] = draw
        .of(&["/library.Shelf/Lend", "/library.Shelf/Lend", "/library.Shelf/List", "/library.Other/Lend", "/x"])
        .into();
    http["method"] = "POST".into();
    http["headers"]["content-type"] =
        draw.of(&["application/grpc", "application/grpc", "application/grpc+proto", "text/plain"]).into();
    let mut message = Vec::new();
    let mut text = |tag: u8, text: &str| {
        message.extend([tag, u8::try_from(text.len()).unwrap()]);
        message.extend(text.bytes());
    };
    text(0x0a, draw.of(&["ada", "bea", "mallory"]));
    for _ in 0..draw.below(3) {
        text(0x1a, draw.of(&["a novel", "reference 1", ""]));
    }
    message.extend([0x10, u8::try_from(draw.below(30)).unwrap()]);
    let declared = u32::try_from(message.len()).unwrap() + if draw.chance(10) { 3 } else { 0 };
    let mut frame = vec![u8::from(draw.chance(10))];
    frame.extend(declared.to_be_bytes());
    frame.extend(message);
    http["rawBody"] = STANDARD.encode(frame).into();
    request
}
