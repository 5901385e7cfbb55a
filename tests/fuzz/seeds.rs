//! Makes the fixtures and the seeds of each corpus anew: `cargo run -p hopguard-fuzz --bin seeds`, in the repository's root.
#![allow(clippy::unwrap_used, reason = "a generator fails by panicking")]

use std::{fs, path::Path, time::Duration};

use hopguard::{
    clock::Timestamp,
    dev::{Authority, TokenIssuer},
    pb::{
        AttributeContext, CheckRequest,
        attribute_context::{HttpRequest, Peer, Request},
    },
    peer::id,
};
use hopguard_fuzz::{FRONTEND, LOGIN, NOW, PAYMENTS, TRUST_DOMAIN, now, trust_domain};
use prost::Message;
use serde_json::{Value, json};

fn main() {
    let (fixtures, corpus) = (Path::new("tests/fuzz/fixtures"), Path::new("tests/fuzz/corpus"));
    let year = Duration::from_secs(365 * 86_400);
    let from = Timestamp::from_seconds(NOW - 86_400);
    let authority = Authority::new(trust_domain(), from, from.after(year)).unwrap();
    let svid = authority.mint(&id::parse(FRONTEND).unwrap(), now(), now().after(Duration::from_secs(3600))).unwrap();
    let (own, login) = (TokenIssuer::new(TRUST_DOMAIN).unwrap(), TokenIssuer::new("login").unwrap());

    let mut keys = vec![json!({"kty": "EC", "use": "x509-svid", "x5c": [base64(authority.root())]})];
    keys.extend(own.jwks("jwt-svid")["keys"].as_array().unwrap().iter().cloned());
    let bundle = json!({"spiffe_sequence": 1, "spiffe_refresh_hint": 300, "keys": keys}).to_string();
    let login_keys = login.jwks("sig").to_string();
    let leaf = svid.certificate().unwrap();
    let text = percent(svid.certificate_pem());
    let tokens = [
        own.sign(json!({"typ": "JWT"}), &claims(json!({"sub": FRONTEND, "aud": [PAYMENTS], "jti": "1"}))).unwrap(),
        own.sign(
            json!({"typ": "txntoken+jwt"}),
            &claims(json!({
                "iss": format!("spiffe://{TRUST_DOMAIN}/txn"), "aud": TRUST_DOMAIN, "txn": "t-1", "sub": "alice",
                "scope": "checkout", "req_wl": FRONTEND, "act": {"sub": FRONTEND}, "tctx": {}, "rctx": {}
            })),
        )
        .unwrap(),
        login.sign(json!({}), &claims(json!({"iss": LOGIN, "sub": "alice", "aud": "payments"}))).unwrap(),
    ];
    let xfcc =
        format!("By={PAYMENTS};Hash={};Cert=\"{text}\";Subject=\"O=a\\\"b\\,c\";URI={FRONTEND}", "00".repeat(32));

    let write = |path: &Path, bytes: &[u8]| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    for (name, bytes) in [
        ("bundle.json", bundle.as_bytes()),
        ("login.json", login_keys.as_bytes()),
        ("leaf.der", leaf.as_ref()),
        ("leaf.txt", text.as_bytes()),
        ("jwt_svid.txt", tokens[0].as_bytes()),
        ("transaction.txt", tokens[1].as_bytes()),
        ("oidc.txt", tokens[2].as_bytes()),
    ] {
        write(&fixtures.join(name), bytes);
    }
    let map = json!({"trust_domains": {TRUST_DOMAIN: serde_json::from_str::<Value>(&bundle).unwrap()}}).to_string();
    for (name, bytes) in [
        ("certificate/leaf", leaf.as_ref()),
        ("certificate/root", authority.root().as_ref()),
        ("certificate/text", text.as_bytes()),
        ("token/jwt_svid", tokens[0].as_bytes()),
        ("token/transaction", tokens[1].as_bytes()),
        ("token/oidc", tokens[2].as_bytes()),
        ("bundle/document", bundle.as_bytes()),
        ("bundle/map", map.as_bytes()),
        ("bundle/keys", login_keys.as_bytes()),
        ("xfcc/text", xfcc.as_bytes()),
        ("xfcc/two", format!("URI={FRONTEND},URI={PAYMENTS}").as_bytes()),
        ("xfcc/json", format!("[{{\"by\":\"{PAYMENTS}\",\"hash\":\"00\",\"uri\":\"{FRONTEND}\"}}]").as_bytes()),
        ("check/allowed", &check(&text, "/charge").encode_to_vec()),
        ("check/odd", &check(&text, "/charge/%2e%2e/admin").encode_to_vec()),
        ("check/empty", &CheckRequest::default().encode_to_vec()),
    ] {
        write(&corpus.join(name), bytes);
    }
}

/// The times of a token, and these claims.
fn claims(mut claims: Value) -> Value {
    let times = json!({"iat": NOW, "exp": NOW + 600});
    claims.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
    claims
}

fn check(certificate: &str, path: &str) -> CheckRequest {
    let headers = [("x-hop-purpose", "checkout"), ("x-request-id", "1")];
    let http = HttpRequest {
        method: "POST".to_owned(),
        path: path.to_owned(),
        host: "payments".to_owned(),
        scheme: "https".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        ..HttpRequest::default()
    };
    let source = Peer { certificate: certificate.to_owned(), principal: FRONTEND.to_owned(), ..Peer::default() };
    let destination = Peer { principal: PAYMENTS.to_owned(), ..Peer::default() };
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(source),
            destination: Some(destination),
            request: Some(Request { http: Some(http), ..Request::default() }),
            ..AttributeContext::default()
        }),
    }
}

/// As Envoy writes it into `source.certificate`.
fn percent(pem: &str) -> String {
    pem.bytes()
        .map(|byte| match byte {
            b'-' => "-".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Standard base64, as `x5c` wants it (RFC 7517 §4.7).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes
        .chunks(3)
        .flat_map(|chunk| {
            let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            (0..4).map(move |place| {
                if place > chunk.len() { '=' } else { char::from(ALPHABET[(word >> (18 - 6 * place) & 63) as usize]) }
            })
        })
        .collect()
}
