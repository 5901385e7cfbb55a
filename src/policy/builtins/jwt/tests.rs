//! Tokens of the standards and of chance; what OPA says of thousands is in tests/oracle.

use ::base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::json;

use super::{super::native::set_now, *};
use crate::clock::Timestamp;

fn call(name: &str, arguments: &[serde_json::Value]) -> Result<serde_json::Value, Failure> {
    let native = JWT.iter().find(|native| native.name == name).unwrap();
    assert_eq!(usize::from(native.arity), arguments.len());
    let arguments: Vec<Value> = arguments.iter().cloned().map(Value::from).collect();
    (native.call)(&arguments).map(|value| serde_json::from_str(&value.to_json_str().unwrap()).unwrap())
}

fn signed(header: &serde_json::Value, claims: &serde_json::Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let encode = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
    let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = encode(&sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn hs256(secret: &str) -> impl Fn(&[u8]) -> Vec<u8> {
    move |message| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), message).as_ref().to_vec()
}

/// A key, and its JWK.
fn es256() -> (EcdsaKeyPair, serde_json::Value) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)});
    (pair, jwk)
}

fn sign_with(pair: &EcdsaKeyPair) -> impl Fn(&[u8]) -> Vec<u8> {
    |message| pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
}

const REFUSED: &str = "[false,{},{}]";

#[test]
fn the_example_of_the_standard_verifies() {
    // RFC 7515 §A.3.
    let key = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert_eq!(call("io.jwt.verify_es256", &[token.into(), key.into()]), Ok(true.into()));
    assert_eq!(call("io.jwt.verify_es384", &[token.into(), key.into()]), Ok(false.into()));
    assert_eq!(call("io.jwt.verify_rs256", &[token.into(), key.into()]), Ok(false.into()));
    assert_eq!(call("io.jwt.decode", &[token.into()]).unwrap()[1]["iss"], "joe");
    let at = |seconds: i64| {
        set_now(Timestamp::from_seconds(seconds));
        call("io.jwt.decode_verify", &[token.into(), json!({"cert": key})]).unwrap()
    };
    assert_eq!(at(1_300_819_379)[0], true);
    assert_eq!(at(1_300_819_380).to_string(), REFUSED);
}

#[test]
fn the_clock_of_the_decision_is_the_clock() {
    let token = signed(&json!({"alg": "HS256"}), &json!({"nbf": 100, "exp": 200}), hs256("s"));
    let ask = |constraints| call("io.jwt.decode_verify", &[token.clone().into(), constraints]).unwrap()[0].clone();
    for (now, expected) in [(99, false), (100, true), (199, true), (200, false)] {
        set_now(Timestamp::from_seconds(now));
        assert_eq!(ask(json!({"secret": "s"})), expected, "{now}");
        assert_eq!(ask(json!({"secret": "s", "time": 150_000_000_000_u64})), true);
    }
}

#[test]
fn what_has_no_signature_never_verifies() {
    let (_, jwk) = es256();
    for alg in ["none", "None", "NONE", "", "HS1", "ECDSA_WITH_P256_AND_SHA256"] {
        let token = signed(&json!({"alg": alg}), &json!({}), |_| Vec::new());
        for constraints in [json!({"secret": "s"}), json!({"cert": jwk.to_string()}), json!({"cert": r#"{"keys":[]}"#})]
        {
            assert_eq!(
                call("io.jwt.decode_verify", &[token.clone().into(), constraints]).unwrap().to_string(),
                REFUSED
            );
        }
        assert_eq!(call("io.jwt.verify_es256", &[token.clone().into(), jwk.to_string().into()]), Ok(false.into()));
        assert_eq!(call("io.jwt.verify_hs256", &[token.into(), "".into()]), Ok(false.into()));
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let (_, jwk) = es256();
    let text = jwk.to_string();
    let token = signed(&json!({"alg": "HS256"}), &json!({}), hs256(&text));
    assert_eq!(call("io.jwt.decode_verify", &[token.into(), json!({"cert": text})]).unwrap().to_string(), REFUSED);
}

#[test]
fn what_is_remembered_changes_no_answer() {
    let (pair, jwk) = es256();
    let (_, other) = es256();
    let token = signed(&json!({"alg": "ES256"}), &json!({"a": 1}), sign_with(&pair));
    let ask = |token: &str, jwk: &serde_json::Value| {
        call("io.jwt.verify_es256", &[token.into(), jwk.to_string().into()]).unwrap()
    };
    for _ in 0..3 {
        assert_eq!(ask(&token, &jwk), true);
        assert_eq!(ask(&token, &other), false);
        assert_eq!(ask(&format!("{token}AA"), &jwk), false);
        assert_eq!(call("io.jwt.verify_eddsa", &[token.clone().into(), jwk.to_string().into()]), Ok(false.into()));
        assert_eq!(
            call("io.jwt.decode_verify", &[token.clone().into(), json!({"cert": jwk.to_string()})]).unwrap()[0],
            true
        );
    }
}

#[test]
fn a_call_spends_no_more_than_it_may_whether_it_is_remembered_or_not() {
    let (pair, _) = es256();
    let token = signed(&json!({"alg": "ES256"}), &json!({}), sign_with(&pair));
    let set = |count: usize| json!({"keys": (0..count).map(|_| es256().1).collect::<Vec<_>>()}).to_string();
    let (few, many) = (set(16), set(17));
    for _ in 0..2 {
        assert_eq!(call("io.jwt.verify_es256", &[token.clone().into(), few.clone().into()]), Ok(false.into()));
        let refused = call("io.jwt.verify_es256", &[token.clone().into(), many.clone().into()]);
        assert!(matches!(refused, Err(Failure::Bound(_))));
    }
    // Keys of other kinds cost nothing.
    assert_eq!(call("io.jwt.verify_rs256", &[token.into(), many.into()]), Ok(false.into()));
}

#[test]
fn long_arguments_are_refused() {
    let token = "a".repeat(MAX_TOKEN + 1);
    for native in JWT {
        let arguments = [Value::from(token.as_str()), Value::from("x")];
        let arguments = &arguments[..native.arity.into()];
        assert!(matches!((native.call)(arguments), Err(Failure::Bound(_))), "{}", native.name);
    }
    let keys = call("io.jwt.verify_es256", &["a.b.c".into(), "k".repeat(64 * 1024 + 1).into()]);
    assert!(matches!(keys, Err(Failure::Bound(_))));
}

#[test]
fn no_message_holds_what_was_given() {
    let secret = "s3cr3t";
    for name in JWT.iter().map(|native| native.name) {
        let token = format!("{secret}.{secret}.{secret}");
        let arguments: &[serde_json::Value] = match name {
            "io.jwt.decode" => &[token.into()],
            "io.jwt.decode_verify" => &[token.into(), json!({"cert": secret})],
            _ => &[token.into(), secret.into()],
        };
        if let Err(failure) = call(name, arguments) {
            assert!(!failure.to_string().contains(secret), "{name}: {failure}");
        }
    }
}
