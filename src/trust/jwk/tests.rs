#![expect(clippy::needless_pass_by_value, reason = "a value is written where it is used")]

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::*;
use crate::dev::TokenIssuer;

static ISSUER: LazyLock<TokenIssuer> = LazyLock::new(|| TokenIssuer::with_algorithms("k", Algorithm::ALL).unwrap());

fn jwk(algorithm: Algorithm) -> Value {
    let set = ISSUER.jwks("sig");
    let kid = ISSUER.kid(algorithm);
    set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid.as_str()).unwrap().clone()
}

/// The key for `algorithm` with members replaced, or removed where the new one is null.
fn edited(algorithm: Algorithm, changes: Value) -> Value {
    let mut jwk = jwk(algorithm);
    let members = jwk.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() { drop(members.remove(name)) } else { drop(members.insert(name.clone(), value.clone())) }
    }
    jwk
}

fn plain(keys: Value) -> (JwtKeys, Vec<Ignored>) {
    JwtKeys::from_jwks(&json!({"keys": keys}), Uses::Plain).unwrap()
}

fn bytes(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn each_key_serves_its_own_algorithm_alone() {
    let (keys, ignored) = JwtKeys::from_jwks(&ISSUER.jwks("sig"), Uses::Plain).unwrap();
    assert_eq!((keys.len(), ignored), (9, vec![]));
    for signed in Algorithm::ALL {
        let token = ISSUER.sign(json!({"alg": signed.as_str()}), &json!({})).unwrap();
        let (input, signature) = token.rsplit_once('.').unwrap();
        let signature = bytes(&signature.into());
        for algorithm in Algorithm::ALL {
            for (_, key) in keys.keys.iter() {
                let verified = key.verify(algorithm, input.as_bytes(), &signature);
                assert_eq!(verified, algorithm == signed && key.algorithm() == signed, "{signed} as {algorithm}");
            }
        }
    }
}

#[test]
fn a_key_without_alg_serves_what_its_type_implies() {
    for (given, implied) in [
        (Algorithm::ES256, Algorithm::ES256),
        (Algorithm::ES384, Algorithm::ES384),
        (Algorithm::ES512, Algorithm::ES512),
        (Algorithm::RS256, Algorithm::RS256),
        (Algorithm::PS512, Algorithm::RS256),
    ] {
        let (keys, _) = plain(json!([edited(given, json!({"alg": null, "kid": "a"}))]));
        assert_eq!(keys.get("a").unwrap().algorithm(), implied);
    }
}

#[test]
fn leaves_out_a_key_that_is_not_sound_and_keeps_the_others() {
    let modulus = bytes(&jwk(Algorithm::RS256)["n"]);
    let padded = base64(&[&[0], &modulus[..]].concat());
    let even = base64(&[&modulus[..255], &[modulus[255] & 0xfe]].concat());
    let short = base64(&[&modulus[..127], &[1]].concat());
    let almost = base64(&[&[0x7f], &modulus[1..]].concat());
    let long = base64(&[&[1], &[0xff; 1024][..]].concat());
    let x = bytes(&jwk(Algorithm::ES256)["x"]);
    let off_curve = base64(&[&x[..31], &[x[31] ^ 1]].concat());
    let wide = base64(&[&[0], &x[..]].concat());
    let narrow = base64(&x[..31]);
    let rsa = |changes| edited(Algorithm::RS256, changes);
    let ec = |changes| edited(Algorithm::ES256, changes);
    for (key, why) in [
        (rsa(json!({"n": padded})), Why::Malformed),
        (rsa(json!({"n": even})), Why::Weak),
        (rsa(json!({"n": short})), Why::Weak),
        (rsa(json!({"n": almost})), Why::Weak),
        (rsa(json!({"n": long})), Why::Weak),
        (rsa(json!({"n": ""})), Why::Malformed),
        (rsa(json!({"n": null})), Why::Malformed),
        (rsa(json!({"n": 3})), Why::Malformed),
        (rsa(json!({"n": "AQ=="})), Why::Malformed),
        (rsa(json!({"e": "AQ"})), Why::Weak),
        (rsa(json!({"e": "Ag"})), Why::Weak),
        (rsa(json!({"e": "Aw"})), Why::Weak),
        (rsa(json!({"e": "__8"})), Why::Weak),
        (rsa(json!({"e": "AAEAAQ"})), Why::Malformed),
        (rsa(json!({"e": "AQAAAAAB"})), Why::Weak),
        (rsa(json!({"e": "AQAC"})), Why::Weak),
        (rsa(json!({"e": "AQAB="})), Why::Malformed),
        (rsa(json!({"alg": "ES256"})), Why::Algorithm),
        (rsa(json!({"alg": "HS256"})), Why::Algorithm),
        (rsa(json!({"alg": "none"})), Why::Algorithm),
        (rsa(json!({"alg": "rs256"})), Why::Algorithm),
        (rsa(json!({"alg": "RSA-OAEP"})), Why::Algorithm),
        (rsa(json!({"alg": 5})), Why::Algorithm),
        (ec(json!({"x": off_curve})), Why::Malformed),
        (ec(json!({"x": wide})), Why::Malformed),
        (ec(json!({"x": narrow})), Why::Malformed),
        (ec(json!({"y": null})), Why::Malformed),
        (ec(json!({"x": base64(&[0; 32]), "y": base64(&[0; 32])})), Why::Malformed),
        (ec(json!({"alg": "ES384"})), Why::Algorithm),
        (ec(json!({"alg": "RS256"})), Why::Algorithm),
        (ec(json!({"crv": "P-384"})), Why::Algorithm),
        (ec(json!({"crv": "P-384", "alg": null})), Why::Malformed),
        (ec(json!({"crv": "secp256k1"})), Why::Type),
        (ec(json!({"crv": null})), Why::Type),
        (ec(json!({"kty": "OKP"})), Why::Type),
        (ec(json!({"kty": "oct"})), Why::Type),
        (ec(json!({"kty": "ec"})), Why::Type),
        (ec(json!({"kty": null})), Why::Type),
        (ec(json!({"key_ops": ["sign"]})), Why::Operations),
        (ec(json!({"key_ops": []})), Why::Operations),
        (ec(json!({"key_ops": "verify"})), Why::Operations),
        (ec(json!({"use": "enc"})), Why::Use),
        (ec(json!({"use": "jwt-svid"})), Why::Use),
        (ec(json!({"use": ["sig"]})), Why::Use),
        (ec(json!({"kid": null})), Why::KeyId),
        (ec(json!({"kid": ""})), Why::KeyId),
        (ec(json!({"kid": 7})), Why::KeyId),
        (ec(json!({"kid": "k".repeat(257)})), Why::KeyId),
    ] {
        let (keys, ignored) = plain(json!([key, edited(Algorithm::ES384, json!({"kid": "good"}))]));
        assert_eq!(ignored, [Ignored { position: 1, why }], "{key}");
        assert_eq!(keys.len(), 1);
        assert!(keys.get("good").is_some());
    }
}

#[test]
fn accepts_what_other_members_say() {
    for changes in [
        json!({"use": null}),
        json!({"key_ops": ["sign", "verify"]}),
        json!({"x5c": ["?"], "x5t": 1, "extra": {}}),
        json!({"kid": "k".repeat(256)}),
    ] {
        assert_eq!(plain(json!([edited(Algorithm::ES256, changes)])).0.len(), 1);
    }
}

#[test]
fn of_two_keys_with_one_name_neither_counts() {
    let twins = json!([
        edited(Algorithm::ES256, json!({"kid": "a"})),
        edited(Algorithm::ES384, json!({"kid": "b"})),
        edited(Algorithm::RS256, json!({"kid": "a", "kty": "unknown"})),
    ]);
    let (keys, ignored) = plain(twins);
    assert_eq!(keys.algorithms().collect::<Vec<_>>(), [("b", Algorithm::ES384)]);
    assert_eq!(ignored, [1, 3].map(|position| Ignored { position, why: Why::DuplicateKeyId }));
}

#[test]
fn a_bundle_gives_only_its_keys_for_tokens() {
    let key = |r#use: Value| edited(Algorithm::ES256, json!({"kid": r#use.to_string(), "use": r#use}));
    let bundle = json!({"keys": [
        key(json!("jwt-svid")), key(json!("x509-svid")), key(json!("wit-svid")), key(json!("JWT-SVID")), key(json!("sig")), key(json!(null)),
    ]});
    let (keys, ignored) = JwtKeys::from_jwks(&bundle, Uses::SpiffeBundle).unwrap();
    assert_eq!(keys.algorithms().collect::<Vec<_>>(), [("\"jwt-svid\"", Algorithm::ES256)]);
    assert_eq!(ignored, [3, 4, 5, 6].map(|position| Ignored { position, why: Why::Use }));
}

#[test]
fn refuses_a_document_that_is_no_set_of_public_keys() {
    let set = |document: Value| JwtKeys::from_jwks(&document, Uses::Plain).map(|(keys, _)| keys.len());
    assert_eq!(set(json!({})), Err(JwkError::NoKeys));
    assert_eq!(set(json!([])), Err(JwkError::NoKeys));
    assert_eq!(set(json!({"keys": {}})), Err(JwkError::NoKeys));
    assert_eq!(set(json!({"keys": null})), Err(JwkError::NoKeys));
    assert_eq!(set(json!({"keys": [jwk(Algorithm::ES256), 1]})), Err(JwkError::NotAKey { position: 2 }));
    assert_eq!(set(json!({"keys": []})), Ok(0));
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        let mut changes = json!({"use": "enc"});
        changes[member] = json!("AQAB");
        let keys = json!({"keys": [jwk(Algorithm::ES384), edited(Algorithm::RS256, changes)]});
        assert_eq!(set(keys), Err(JwkError::Private { position: 2 }), "{member}");
    }
    let many = |count: usize| {
        let keys: Vec<_> = (0..count).map(|n| edited(Algorithm::ES256, json!({"kid": n.to_string()}))).collect();
        set(json!({"keys": keys}))
    };
    assert_eq!(many(100), Ok(100));
    assert_eq!(many(101), Err(JwkError::TooMany));
}

#[test]
fn reads_the_text_of_a_set_strictly() {
    let parse = |text: &[u8]| JwtKeys::parse(text, Uses::Plain).map(|(keys, _)| keys.len());
    let text = ISSUER.jwks("sig").to_string();
    assert_eq!(parse(text.as_bytes()), Ok(9));
    assert_eq!(parse(br#"{"keys":[],"keys":[]}"#), Err(JwkError::Json(JsonError::DuplicateKey)));
    assert_eq!(parse(format!("{text}{text}").as_bytes()), Err(JwkError::Json(JsonError::Syntax)));
    assert_eq!(parse(&[b' '; MAX_TEXT + 1]), Err(JwkError::TooLarge));
}

#[test]
fn the_revision_is_that_of_the_content() {
    let (a, b) = (jwk(Algorithm::ES256), jwk(Algorithm::RS256));
    let revision = |keys: Value| plain(keys).0.revision().to_string();
    let both = revision(json!([a, b]));
    assert_eq!(both, revision(json!([b, a])));
    assert_eq!(both, revision(json!([a, {"kty": "oct", "kid": "x"}, b])));
    assert_ne!(both, revision(json!([a])));
    assert_ne!(revision(json!([a])), revision(json!([edited(Algorithm::ES256, json!({"kid": "b"}))])));
    assert_ne!(revision(json!([b])), revision(json!([edited(Algorithm::RS256, json!({"alg": "PS256"}))])));
    assert_eq!(revision(json!([])), JwtKeys::default().revision().to_string());
}
