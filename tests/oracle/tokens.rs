//! `io.jwt`: tokens of every algorithm, whole, changed byte by byte and hostile.
//!
//! Where Hopguard differs on purpose it never verifies what OPA does not, and says no, or nothing, where OPA would say yes:
//!
//! - bounds: a token of more than 16 KiB, keys of more than 64 KiB or 100 keys, signatures that would take more than about a millisecond,
//!   JSON deeper than 64 or with numbers beyond a double;
//! - ES signatures under a curve other than the algorithm's, or of another width, in `io.jwt.verify_es*`; PS signatures with another salt
//!   than the hash is long, in `io.jwt.verify_ps*`; RSA keys of fewer than 2048 bits or more than 8192; curve P-224;
//! - key sets with a private key, and those that something follows: an error;
//! - `cty` or `iss` that is no string: an error, where OPA ends the connection.

mod keys;
mod made;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use self::{keys::Keys, made::token};
use crate::{dice::Dice, question::Question};

/// Every algorithm that has signatures.
const ALGORITHMS: [&str; 13] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512",
];

#[test]
fn every_algorithm_verifies_the_same_tokens() {
    let keys = Keys::new();
    let mut asked = 0;
    for named in ALGORITHMS {
        let mut question = Question::call(&format!("io.jwt.verify_{}", named.to_lowercase()), 2);
        for signed in ALGORITHMS {
            let whole = keys.sign(&json!({"alg": signed, "kid": signed}), &json!({"sub": "a"}), signed);
            let secret = named.starts_with("HS");
            let texts =
                if secret { vec![keys.secret().to_owned(), "other".to_owned(), String::new()] } else { keys.texts() };
            for text in &texts {
                question.ask(&json!([whole, text]));
            }
        }
        asked += question.done();
    }
    assert!(asked > 1000);
}

#[test]
fn a_token_that_was_changed_is_judged_the_same() {
    let keys = Keys::new();
    let mut dice = Dice::new(1);
    for algorithm in ["RS256", "PS256", "ES256", "EdDSA", "HS256"] {
        let mut verify = Question::call(&format!("io.jwt.verify_{}", algorithm.to_lowercase()), 2);
        let mut both = Question::call("io.jwt.decode_verify", 2);
        let whole = keys.sign(&json!({"alg": algorithm, "typ": "JWT"}), &json!({"sub": "a", "exp": 4e9}), algorithm);
        let key = keys.text(algorithm);
        let constraint = if algorithm.starts_with("HS") { "secret" } else { "cert" };
        for _ in 0..150 {
            let changed = dice.change(&whole);
            verify.ask(&json!([changed, key]));
            both.ask(&json!([changed, {constraint: key}]));
        }
        verify.done();
        both.done();
    }
}

#[test]
fn every_token_is_decoded_the_same() {
    let mut question = Question::call("io.jwt.decode", 1);
    for header in made::headers() {
        question.ask(&json!([token(header.as_bytes(), br#"{"a":1}"#, b"\x00\xff")]));
    }
    for payload in made::payloads() {
        question.ask(&json!([token(br#"{"alg":"none"}"#, &payload, b"")]));
    }
    let inner = token(br#"{"alg":"HS256","x":1}"#, br#"{"inner":true}"#, b"\x01");
    for payload in [inner.clone(), format!("\"{inner}\""), format!("'\"{inner}\"'"), format!("{inner}."), String::new()]
    {
        for cty in ["JWT", "jwt", "JWT ", ""] {
            question.ask(&json!([token(json!({"cty": cty}).to_string().as_bytes(), payload.as_bytes(), b"")]));
        }
    }
    for whole in made::texts() {
        question.ask(&json!([whole]));
    }
    for other in [json!(null), json!(1), json!(["a.b.c"]), json!({}), json!(true)] {
        question.ask(&json!([other]));
    }
    let mut dice = Dice::new(2);
    let whole = token(br#"{"alg":"ES256","kid":"k"}"#, br#"{"iss":"a","aud":["b","c"],"exp":1.5e3}"#, b"signature");
    for _ in 0..600 {
        question.ask(&json!([dice.change(&whole)]));
    }
    question.done();
}

#[test]
fn deep_or_long_tokens_are_not_decoded() {
    let mut question = Question::call("io.jwt.decode", 1);
    let nested = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    for payload in [
        nested,
        r#"{"a":1e999}"#.to_owned(),
        // No value is so near to nothing.
        r#"{"a":1e-400}"#.to_owned(),
        format!(r#"{{"a":{}}}"#, "1".repeat(500)),
        format!(r#"{{"a":"{}"}}"#, "x".repeat(20_000)),
    ] {
        question.bounded(&json!([token(b"{}", payload.as_bytes(), b"")]));
    }
    question.done();
}

#[test]
fn headers_are_held_against_the_same_rules() {
    let keys = Keys::new();
    let mut both = Question::call("io.jwt.decode_verify", 2);
    let mut verify = Question::call("io.jwt.verify_es256", 2);
    let key = keys.text("ES256");
    for header in made::headers() {
        // A type that OPA does not look for.
        if serde_json::from_str::<Value>(&header)
            .is_ok_and(|header| header.get("cty").is_some_and(|cty| !cty.is_string()))
        {
            continue;
        }
        let whole = keys.sign_text(&header, r#"{"a":1}"#, "ES256");
        both.ask(&json!([whole, {"cert": key}]));
        verify.ask(&json!([whole, key]));
        let unsigned = token(header.as_bytes(), br#"{"a":1}"#, b"");
        both.ask(&json!([unsigned, {"cert": key}]));
        both.ask(&json!([unsigned, {"secret": "x"}]));
        verify.ask(&json!([unsigned, key]));
    }
    both.done();
    verify.done();
}

#[test]
fn claims_are_held_against_the_same_constraints() {
    let keys = Keys::new();
    let mut question = Question::call("io.jwt.decode_verify", 2);
    let secret = keys.secret();
    let claims = [
        json!({}),
        json!({"iss": "a"}),
        json!({"iss": ""}),
        json!({"aud": "a"}),
        json!({"aud": ""}),
        json!({"aud": ["b", "a", 1]}),
        json!({"aud": []}),
        json!({"aud": [["a"]]}),
        json!({"aud": null}),
        json!({"aud": {"a": "a"}}),
        json!({"exp": 100}),
        json!({"exp": 100.5}),
        json!({"exp": 4_000_000_000_u64}),
        json!({"exp": "100"}),
        json!({"exp": null}),
        json!({"exp": -1}),
        json!({"exp": 1e17}),
        json!({"nbf": 100}),
        json!({"nbf": 100.5}),
        json!({"nbf": 4_000_000_000_u64}),
        json!({"nbf": "x"}),
        json!({"nbf": false}),
        json!({"iss": "a", "aud": "a", "exp": 200, "nbf": 100}),
        json!({"exp": 99, "nbf": "x"}),
        json!({"aud": "b", "exp": "x"}),
    ];
    let constraints = [
        json!({}),
        json!({"iss": "a"}),
        json!({"iss": "b"}),
        json!({"iss": ""}),
        json!({"iss": 1}),
        json!({"aud": "a"}),
        json!({"aud": ""}),
        json!({"aud": ["a"]}),
        json!({"alg": "HS256"}),
        json!({"alg": "HS384"}),
        json!({"alg": ""}),
        json!({"alg": null}),
        json!({"time": 100_000_000_000_u64}),
        json!({"time": 99_999_999_999_u64}),
        json!({"time": 100_500_000_000_u64}),
        json!({"time": 100_500_000_000.5}),
        json!({"time": 0}),
        json!({"time": -1}),
        json!({"time": "1"}),
        json!({"time": 1e300}),
        json!({"iss": "a", "aud": "a", "time": 150_000_000_000_u64, "alg": "HS256"}),
        json!({"issuer": "a"}),
        json!({"cert": ""}),
        json!({"secret": ""}),
        json!({"secret": 1}),
    ];
    for claims in &claims {
        let whole = keys.sign(&json!({"alg": "HS256"}), claims, "HS256");
        for constraint in &constraints {
            let mut constraint = constraint.clone();
            if constraint.get("secret").is_none() {
                constraint["secret"] = json!(secret);
            }
            question.ask(&json!([whole, constraint]));
        }
    }
    let whole = keys.sign(&json!({"alg": "HS256"}), &json!({}), "HS256");
    for other in [
        json!({}),
        json!([]),
        json!("x"),
        json!(null),
        json!({"cert": 1}),
        json!({"cert": keys.text("ES256"), "secret": "x"}),
    ] {
        question.ask(&json!([whole, other]));
    }
    assert!(question.done() > 600);
}

#[test]
fn a_token_in_a_token_is_verified_level_by_level() {
    let keys = Keys::new();
    let mut question = Question::call("io.jwt.decode_verify", 2);
    for inner in ["HS256", "HS512", "ES256", "none"] {
        let claims = json!({"exp": 4e9});
        let inside = if inner == "none" {
            token(br#"{"alg":"none"}"#, claims.to_string().as_bytes(), b"")
        } else {
            keys.sign(&json!({"alg": inner}), &claims, inner)
        };
        for cty in ["JWT", "jwt", "Jwt", "JWS", ""] {
            for inside in [inside.clone(), format!("\"{inside}\"")] {
                let header = json!({"alg": "HS256", "cty": cty}).to_string();
                let whole = keys.sign_text(&header, &inside, "HS256");
                question.ask(&json!([whole, {"secret": keys.secret()}]));
                question.ask(&json!([whole, {"secret": keys.secret(), "alg": "HS256"}]));
            }
        }
    }
    question.done();
}

#[test]
fn the_key_of_a_set_is_chosen_the_same() {
    let keys = Keys::new();
    let mut both = Question::call("io.jwt.decode_verify", 2);
    let mut verify = Question::call("io.jwt.verify_es256", 2);
    let other = Keys::new();
    for set in made::sets(&keys, &other) {
        for kid in [json!(null), json!(""), json!("k"), json!("l"), json!("m")] {
            let mut header = json!({"alg": "ES256"});
            if !kid.is_null() {
                header["kid"] = kid;
            }
            let whole = keys.sign(&header, &json!({"a": 1}), "ES256");
            both.ask(&json!([whole, {"cert": set}]));
            verify.ask(&json!([whole, set]));
        }
    }
    assert!(both.done() > 100);
    verify.done();
}

#[test]
fn private_keys_are_refused_where_opa_would_use_them() {
    let keys = Keys::new();
    let mut question = Question::call("io.jwt.decode_verify", 2);
    let whole = keys.sign(&json!({"alg": "ES256"}), &json!({"a": 1}), "ES256");
    let mut private = keys.jwk("ES256");
    private["d"] = json!(URL_SAFE_NO_PAD.encode([7; 32]));
    let body = json!([whole, {"cert": private.to_string()}]);
    assert_eq!(question.hopguard(&body).strict, crate::opa::Outcome::Error);
    assert_eq!(question.hopguard(&body).lenient, crate::opa::Outcome::Undefined);
    let verified = json!([true, {"alg": "ES256"}, {"a": "1"}]);
    assert_eq!(question.opa(&body).strict, crate::opa::Outcome::Value(verified));
}
