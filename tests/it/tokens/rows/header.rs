//! What a token's header says: which algorithm, which key, and nothing else.

use aws_lc_rs::hmac;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hopguard::trust::jwk::Algorithm;
use serde_json::{Value, json};

use super::{Expected, Row};
use crate::harness::{FRIEND, FRIENDLY, OWN, World};

pub(super) fn rows(world: &World) -> Vec<Row> {
    [algorithms(world), confused(world), fields(world), keys(world), weak_keys(world)].concat()
}

fn algorithms(world: &World) -> Vec<Row> {
    const MALFORMED: Expected = Err(("token_malformed", "jwt.alg"));
    let mut rows: Vec<Row> =
        ["none", "None", "nOnE", "", "HS256", "HS384", "HS512", "EdDSA", "ES256K", "es256", "RS1", "ES256 "]
            .into_iter()
            .map(|alg| {
                let token = world.headed(json!({"alg": alg, "kid": "key-ES256"}));
                Row::svid(&[61, 110], format!("alg `{alg}`"), &token, MALFORMED)
            })
            .collect();
    for (name, header) in [
        ("no alg", r#"{"kid":"key-ES256"}"#),
        ("alg null", r#"{"alg":null,"kid":"key-ES256"}"#),
        ("several alg", r#"{"alg":["ES256"],"kid":"key-ES256"}"#),
    ] {
        rows.push(Row::svid(&[61], name, &raw(world, header), MALFORMED));
    }
    let unsigned = world.headed(json!({"alg": "none", "kid": "key-ES256"}));
    let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
    rows.push(Row::svid(&[61], "alg none and no signature", &unsigned, MALFORMED));
    for algorithm in [Algorithm::ES256, Algorithm::ES384, Algorithm::ES512, Algorithm::PS256, Algorithm::RS256] {
        let token = world.headed(json!({"alg": algorithm.as_str()}));
        rows.push(Row::svid(&[110], format!("a valid {algorithm}"), &token, Ok(())));
    }
    for (key, alg) in [("key-RS256", "PS256"), ("key-PS256", "RS256"), ("key-ES256", "ES384"), ("key-RS256", "ES256")] {
        let token = world.headed(json!({"alg": alg, "kid": key}));
        rows.push(Row::svid(&[61], format!("{alg} with {key}"), &token, Err(("token_untrusted", "jwt.alg"))));
    }
    rows
}

/// A public key is no secret, whichever of its texts is taken for one.
fn confused(world: &World) -> Vec<Row> {
    let jwks = OWN.jwks("jwt-svid");
    let [ec, rsa] = ["key-ES256", "key-RS256"].map(|kid| {
        let keys = jwks["keys"].as_array().unwrap();
        (kid, keys.iter().find(|key| key["kid"] == kid).unwrap().clone())
    });
    let mut rows = Vec::new();
    for (kid, jwk) in [ec, rsa] {
        let modulus = jwk.get("n").or_else(|| jwk.get("x")).and_then(Value::as_str).unwrap();
        let der = URL_SAFE_NO_PAD.decode(modulus).unwrap();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(&der));
        for (name, secret) in [("JWK", jwk.to_string().into_bytes()), ("PEM", pem.into_bytes()), ("octets", der)] {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
            let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed =
                format!("{}.{}", encode(json!({"alg": "HS256", "kid": kid})), encode(world.svid_claims(json!({}))));
            let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes())));
            let name = format!("HS256 with the {name} of {kid}");
            rows.push(Row::svid(&[61, 109], name, &token, Err(("token_malformed", "jwt.alg"))));
        }
    }
    rows
}

fn fields(world: &World) -> Vec<Row> {
    let malformed = Err(("token_malformed", "jwt.header"));
    let mut rows: Vec<Row> =
        ["jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256", "crit", "b64", "cty", "zip", "nonce", "enc", "KID", "Alg"]
            .into_iter()
            .map(|field| {
                let value = if field == "crit" { json!(["exp"]) } else { json!("x") };
                Row::svid(&[113], format!("header field {field}"), &world.headed(json!({field: value})), malformed)
            })
            .collect();
    for (name, header) in [
        ("alg twice", r#"{"alg":"ES256","alg":"ES256","kid":"key-ES256"}"#),
        ("none, then alg", r#"{"alg":"none","kid":"key-ES256","alg":"ES256"}"#),
        ("kid twice", r#"{"alg":"ES256","kid":"key-ES256","kid":"key-ES256"}"#),
        ("typ twice", r#"{"alg":"ES256","kid":"key-ES256","typ":"JWT","typ":"JWT"}"#),
        ("kid twice, once escaped", r#"{"alg":"ES256","kid":"key-ES256","\u006bid":"key-ES256"}"#),
    ] {
        rows.push(Row::svid(&[112], name, &raw(world, header), malformed));
    }
    for typ in ["JWT", "JOSE"] {
        rows.push(Row::svid(&[113], format!("typ {typ}"), &world.headed(json!({"typ": typ})), Ok(())));
    }
    for typ in ["jwt", "wit+jwt", "wpt+jwt", "txntoken+jwt", "at+jwt", "dpop+jwt", ""] {
        let token = world.headed(json!({"typ": typ}));
        rows.push(Row::svid(&[113], format!("typ `{typ}`"), &token, Err(("token_malformed", "jwt.typ"))));
    }
    rows
}

fn keys(world: &World) -> Vec<Row> {
    let malformed = Err(("token_malformed", "jwt.kid"));
    let unknown = Err(("token_untrusted", "jwt.unknown_key"));
    let mut rows = vec![Row::svid(&[68, 115], "no kid", &raw(world, r#"{"alg":"ES256"}"#), malformed)];
    for (kid, expected) in [
        (json!(null), malformed),
        (json!(""), malformed),
        (json!(1), malformed),
        (json!(["key-ES256"]), malformed),
        (json!("k".repeat(4096)), malformed),
        (json!("no-such-key"), unknown),
        (json!("../../dev/null"), unknown),
        (json!("' OR 1=1 --"), unknown),
        (json!("https://login.example/jwks.json"), unknown),
        (json!("KEY-ES256"), unknown),
        (json!("login-ES256"), unknown),
    ] {
        rows.push(Row::svid(&[68, 115], format!("kid {kid:.40}"), &world.headed(json!({"kid": kid})), expected));
    }
    let theirs = format!("spiffe://{FRIENDLY}/web");
    let friends = |claims: Value| FRIEND.sign(json!({}), &world.svid_claims(claims)).unwrap();
    let wrong = Err(("token_signature", "jwt.signature"));
    let only_ours = OWN.sign(json!({"alg": "RS256"}), &world.svid_claims(json!({"sub": theirs}))).unwrap();
    let relayed = Err(("grant_missing", "grant.on_behalf_of"));
    rows.extend([
        Row::svid(&[68, 115], "theirs, of theirs", &friends(json!({"sub": theirs})), relayed),
        Row::svid(&[68, 115, 116], "a namesake of the key, of theirs", &friends(json!({})), wrong),
        Row::svid(&[68, 115, 116], "a namesake of the key, of ours", &world.svid(json!({"sub": theirs})), wrong),
        Row::svid(&[68, 115, 116], "a key of ours for theirs", &only_ours, unknown),
    ]);
    rows
}

/// Keys that were published and are not worth trusting: whoever takes them as they are lets these in.
fn weak_keys(world: &World) -> Vec<Row> {
    let ignored = Err(("token_untrusted", "jwt.unknown_key"));
    let signed = |alg: &str, kid: &str| world.headed(json!({"alg": alg, "kid": kid}));
    let (short, padded) = (signed("RS256", "weak-short"), signed("RS256", "weak-padded"));
    let (point, width) = (signed("ES256", "weak-point"), signed("ES256", "weak-width"));
    let one = forged(&signed("RS256", "weak-one"));
    [
        ("RSA of 1024 bits", short),
        ("a padded modulus", padded),
        ("an exponent of 1", one),
        ("a point off the curve", point),
        ("a wide coordinate", width),
    ]
    .map(|(name, token)| Row::svid(&[72, 134], name, &token, ignored))
    .into()
}

/// With an exponent of 1 a signature is what it says (RFC 8017 §8.2.2), so anybody can write one.
fn forged(token: &str) -> String {
    const SHA256_INFO: [u8; 19] = [48, 49, 48, 13, 6, 9, 96, 134, 72, 1, 101, 3, 4, 2, 1, 5, 0, 4, 32];
    let (signed, _) = token.rsplit_once('.').unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, signed.as_bytes());
    let filling = [255; 256 - 3 - SHA256_INFO.len() - 32];
    let signature = [&[0, 1], &filling[..], &[0], &SHA256_INFO, digest.as_ref()].concat();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Good claims under a header in any spelling, signed.
fn raw(world: &World, header: &str) -> String {
    let claims = world.svid_claims(json!({})).to_string();
    OWN.sign_raw(Algorithm::ES256, header.as_bytes(), claims.as_bytes()).unwrap()
}
