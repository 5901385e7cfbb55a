#![expect(clippy::needless_pass_by_value, reason = "a value is written where it is used")]

use aws_lc_rs::{
    digest::{SHA256, SHA512, digest},
    hmac,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json as claims;

use super::*;

const SECRET: &str = "a secret of at least thirty-two bytes";

fn verification() -> Verification {
    Verification::new([("k".to_owned(), Key::new("HS256", SECRET).unwrap())]).unwrap()
}

fn token(header: &serde_json::Value, claims: &serde_json::Value) -> String {
    let encode = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

fn header() -> serde_json::Value {
    claims!({"alg": "HS256", "kid": "k", "typ": "JWT"})
}

fn sha256(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()).as_ref())
}

/// The files of a bundle, and what a signature says of them.
fn files() -> serde_json::Value {
    claims!([
        {"name": "a.rego", "hash": sha256(POLICY), "algorithm": "SHA-256"},
        {"name": "data.json", "hash": sha256(r#"{"x":{"y":1}}"#), "algorithm": "SHA-256"},
    ])
}

const DATA: (&str, &str) = ("data.json", "{ \"x\": {\"y\": 1} }\n");

fn signed(token: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let signatures = claims!({"signatures": [token]}).to_string();
    let all: Vec<(&str, &str)> =
        [(".signatures.json", signatures.as_str())].into_iter().chain(files.iter().copied()).collect();
    tar(&all)
}

fn verify(bytes: &[u8], verification: &Verification) -> Result<Bundle, String> {
    Bundle::read("b", bytes, &Limits::default(), Some(verification), now()).map_err(|problems| problems.to_string())
}

/// The bundle with these claims beside its files.
fn with(more: serde_json::Value) -> Result<Bundle, String> {
    let mut all = claims!({"files": files()});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    verify(&signed(&token(&header(), &all), &[("a.rego", POLICY), DATA]), &verification())
}

#[test]
fn a_bundle_that_its_key_signed_is_read() {
    let bundle =
        with(claims!({"iat": 1_795_262_000, "exp": 1_795_262_401, "nbf": 1_795_262_400, "iss": "ci"})).unwrap();
    assert_eq!(
        bundle.signed(),
        Some(&Signed { key_id: "k".to_owned(), issued_at: Some(Timestamp::from_seconds(1_795_262_000)) })
    );
    let claims = claims!({"files": files(), "keyid": "k"});
    let bytes = signed(&token(&claims!({"alg": "HS256"}), &claims), &[("a.rego", POLICY), DATA]);
    assert!(verify(&bytes, &verification()).is_ok(), "an older signer names the key in the claims");
    let bytes = signed(&token(&claims!({"alg": "HS256", "kid": "other"}), &claims), &[("a.rego", POLICY), DATA]);
    assert!(verify(&bytes, &verification()).unwrap_err().contains("no key with the ID `other`"));
    assert!(verify(&bytes, &verification().with_key_id("k").unwrap()).is_ok(), "a configured ID stands above all");
    let unnamed = claims!({"files": files()});
    let bytes = signed(&token(&claims!({"alg": "HS256"}), &unnamed), &[("a.rego", POLICY), DATA]);
    assert!(verify(&bytes, &verification()).unwrap_err().contains("it names no key"));
    assert!(verify(&bytes, &verification().with_key_id("k").unwrap()).is_ok());
}

#[test]
fn a_bundle_without_its_signature_or_key_is_refused() {
    let unsigned = tar(&[("a.rego", POLICY), DATA]);
    assert!(verify(&unsigned, &verification()).unwrap_err().contains("it has no `.signatures.json`"));
    let signed = signed(&token(&header(), &claims!({"files": files()})), &[("a.rego", POLICY), DATA]);
    assert!(read(&signed).unwrap_err().contains("no key is configured"));
    assert!(verify(&signed, &Verification::dangerous_skip()).unwrap().signed().is_none());
    assert!(verify(&unsigned, &Verification::dangerous_skip()).is_ok());
    let another = Key::new("HS256", &SECRET.to_uppercase()).unwrap();
    let another = Verification::new([("k".to_owned(), another)]).unwrap();
    assert!(verify(&signed, &another).unwrap_err().contains("the key did not make it"));
}

#[test]
fn the_key_decides_on_the_algorithm() {
    let claims = claims!({"files": files()});
    for alg in ["none", "None", "", "HS384", "RS256", "hs256", "ES256"] {
        let header = claims!({"alg": alg, "kid": "k"});
        let error =
            verify(&signed(&token(&header, &claims), &[("a.rego", POLICY), DATA]), &verification()).unwrap_err();
        assert!(error.contains("its algorithm is") && error.contains("the key's is HS256"), "{error}");
    }
    for header in
        [claims!({"alg": "HS256", "kid": "k", "jwk": {}}), claims!({"alg": "HS256", "kid": "k", "crit": ["b64"]})]
    {
        let error =
            verify(&signed(&token(&header, &claims), &[("a.rego", POLICY), DATA]), &verification()).unwrap_err();
        assert!(error.contains("header field"), "{error}");
    }
    let whole = token(&header(), &claims);
    let (message, _) = whole.rsplit_once('.').unwrap();
    for token in [
        String::new(),
        format!("{message}."),
        format!("{message}.AAAA"),
        format!("{whole}="),
        format!("{whole}.AAAA"),
        message.to_owned(),
        format!("{whole}\n"),
    ] {
        assert!(verify(&signed(&token, &[("a.rego", POLICY), DATA]), &verification()).is_err(), "{token}");
    }
}

#[test]
fn what_a_signature_says_is_held_against_what_was_asked_and_when() {
    for (more, said) in [
        (claims!({"exp": 1_795_262_400}), "it has expired"),
        (claims!({"exp": "soon"}), "`exp` is not whole seconds"),
        (claims!({"exp": 1_795_262_400.5}), "`exp` is not whole seconds"),
        (claims!({"nbf": 1_795_262_401}), "it is not valid yet"),
        (claims!({"iat": null}), "`iat` is not whole seconds"),
        (claims!({"scope": "write"}), "its scope is another one"),
        (claims!({"scope": 1}), "its scope is no text"),
        (claims!({"files": null}), "it lists no files"),
        (claims!({"files": [{"name": "a.rego", "hash": "00"}]}), "lacks its name, hash or algorithm"),
        (claims!({"files": [{"name": "a.rego", "hash": "0g", "algorithm": "SHA-256"}]}), "is not hex"),
    ] {
        let error = with(more).unwrap_err();
        assert!(error.starts_with("b: bundle.signature: ") && error.contains(said), "{said}: {error}");
    }
    let scoped = claims!({"files": files(), "scope": "write"});
    let bytes = signed(&token(&header(), &scoped), &[("a.rego", POLICY), DATA]);
    assert!(verify(&bytes, &verification().with_scope("write")).is_ok());
    assert!(verify(&bytes, &verification().with_scope("read")).is_err());
    let key = Key::new("HS256", SECRET).unwrap().with_scope("write");
    assert!(verify(&bytes, &Verification::new([("k".to_owned(), key)]).unwrap()).is_ok());
}

#[test]
fn every_file_is_the_one_that_was_signed() {
    let token = token(&header(), &claims!({"files": files()}));
    for (files, said) in [
        (vec![("a.rego", POLICY)], "`data.json` was signed, and is missing"),
        (vec![("a.rego", POLICY), DATA, ("b.rego", POLICY)], "`b.rego` is not signed"),
        (vec![("a.rego", POLICY), DATA, ("README", "")], "`README` is not signed"),
        (vec![("a.rego", POLICY), DATA, (".manifest", "{}")], "`.manifest` is not signed"),
        (vec![("a.rego", "package a\n"), DATA], "`a.rego` is not what was signed"),
        (vec![("a.rego", POLICY), ("data.json", r#"{"x":{"y":1.0}}"#)], "`data.json` is not what was signed"),
        (vec![("A.rego", POLICY), DATA], "`A.rego` is not signed"),
    ] {
        let error = verify(&signed(&token, &files), &verification()).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
    let bytes = signed(&token, &[("a.rego", POLICY), DATA, ("docs/a.md", "")]);
    let excluding = verification().dangerous_exclude(["docs/*"]).unwrap();
    assert!(verify(&bytes, &excluding).is_ok());
    assert!(verify(&signed(&token, &[("a.rego", POLICY), DATA]), &excluding).is_ok());
    let twice = claims!({"files": [files()[0], files()[1], files()[0]]});
    let bytes = signed(&self::token(&header(), &twice), &[("a.rego", POLICY), DATA]);
    assert!(verify(&bytes, &verification()).unwrap_err().contains("names `a.rego` twice"));
}

#[test]
fn only_digests_that_cannot_be_forged_count() {
    let sha512 = hex::encode(digest(&SHA512, POLICY.as_bytes()).as_ref());
    let with = |algorithm: &str, hash: &str| {
        let claims = claims!({"files": [{"name": "a.rego", "hash": hash, "algorithm": algorithm}]});
        verify(&signed(&token(&header(), &claims), &[("a.rego", POLICY)]), &verification())
    };
    assert!(with("SHA-512", &sha512).is_ok());
    assert!(with("SHA-256", &sha256(POLICY).to_uppercase()).is_ok());
    for algorithm in ["MD5", "SHA-1", "SHA-224", "sha-256", "", "none"] {
        assert!(with(algorithm, &sha256(POLICY)).unwrap_err().contains("only SHA-256"), "{algorithm}");
    }
    assert!(with("SHA-256", "").unwrap_err().contains("is not what was signed"));
    assert!(with("SHA-256", sha256(POLICY).split_at(62).0).unwrap_err().contains("is not what was signed"));
}

#[test]
fn a_signatures_file_holds_exactly_one_signature() {
    let token = token(&header(), &claims!({"files": files()}));
    for (text, said) in [
        (claims!({"signatures": []}), "not exactly one"),
        (claims!({"signatures": [token, token]}), "not exactly one"),
        (claims!({"signatures": [1]}), "no text"),
        (claims!({"signatures": token}), "not a list"),
        (claims!({}), "not a list"),
        (claims!({"signatures": ["A".repeat(9 << 20)]}), "more than 8388608"),
        (claims!({"signatures": [token], "plugin": "mine"}), "by a plugin"),
        (claims!({"signatures": [token], "plugin": 1}), "by a plugin"),
    ] {
        let error = verify(&tar(&[(".signatures.json", &text.to_string()), ("a.rego", POLICY), DATA]), &verification());
        assert!(error.unwrap_err().contains(said), "{text}");
    }
    let twice = format!(r#"{{"signatures": ["{token}"], "signatures": ["{token}"]}}"#);
    assert!(verify(&tar(&[(".signatures.json", &twice), ("a.rego", POLICY), DATA]), &verification()).is_err());
    let opas = claims!({"signatures": [token], "plugin": "_default"}).to_string();
    assert!(verify(&tar(&[(".signatures.json", &opas), ("a.rego", POLICY), DATA]), &verification()).is_ok());
}

#[test]
fn a_key_that_is_not_worth_trusting_is_none() {
    let rsa = include_str!("../../../tests/corpus/bundles/rsa.pub");
    let es256 = include_str!("../../../tests/corpus/bundles/es256.pub");
    for (algorithm, text, said) in [
        ("HS256", "too short", "at least 32 bytes"),
        ("HS512", SECRET, "at least 64 bytes"),
        ("none", rsa, "is not one of"),
        ("EdDSA", rsa, "is not one of"),
        ("RS256", "not PEM", "not one PEM block"),
        ("RS256", es256, "does not fit RS256"),
        ("ES256", rsa, "does not fit ES256"),
        ("ES384", es256, "does not fit ES384"),
        ("RS256", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "does not fit RS256"),
        ("RS256", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", "a private key"),
        ("RS256", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "does not fit RS256"),
    ] {
        let error = Key::new(algorithm, text).unwrap_err().to_string();
        assert!(error.contains(said), "{algorithm}: {error}");
    }
    assert!(!format!("{:?}", Key::new("HS256", SECRET).unwrap()).contains("secret of"));
    assert_eq!(Verification::new([]).unwrap_err(), VerificationError::NoKeys);
    let key = || ("k".to_owned(), Key::new("HS256", SECRET).unwrap());
    assert_eq!(Verification::new([key(), key()]).unwrap_err(), VerificationError::Twice("k".to_owned()));
    assert_eq!(verification().with_key_id("x").unwrap_err(), VerificationError::UnknownKey("x".to_owned()));
    assert_eq!(verification().dangerous_exclude(["["]).unwrap_err(), VerificationError::Pattern("[".to_owned()));
}
