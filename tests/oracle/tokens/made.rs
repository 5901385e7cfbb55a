//! Headers, payloads, texts and key sets that make a reader choose.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::keys::Keys;

/// A token of these three parts.
pub(crate) fn token(header: &[u8], payload: &[u8], signature: &[u8]) -> String {
    [header, payload, signature].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

pub(crate) fn headers() -> Vec<String> {
    let texts = [
        "{}",
        "",
        "[]",
        "null",
        "1",
        "\"a\"",
        "{",
        "{}{}",
        " {\"alg\":\"ES256\"} \n",
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"ES256","alg":"none"}"#,
        r#"{"alg":"none","alg":"ES256"}"#,
        r#"{"ALG":"ES256"}"#,
        r#"{"alg":"es256"}"#,
        r#"{"alg":"ES384"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"None"}"#,
        r#"{"alg":""}"#,
        r#"{"alg":null}"#,
        r#"{"alg":1}"#,
        r#"{"alg":["ES256"]}"#,
        r#"{"alg":"ES256","kid":null}"#,
        r#"{"alg":"ES256","kid":1}"#,
        r#"{"alg":"ES256","kid":""}"#,
        r#"{"alg":"ES256","kid":"k"}"#,
        r#"{"alg":"ES256","typ":1}"#,
        r#"{"alg":"ES256","typ":"x"}"#,
        r#"{"alg":"ES256","cty":"x"}"#,
        r#"{"alg":"ES256","enc":"A128GCM"}"#,
        r#"{"alg":"ES256","enc":null}"#,
        r#"{"alg":"ES256","crit":[]}"#,
        r#"{"alg":"ES256","crit":null}"#,
        r#"{"alg":"ES256","crit":"b64"}"#,
        r#"{"alg":"ES256","crit":[1]}"#,
        r#"{"alg":"ES256","crit":[1,"b64"],"b64":false}"#,
        r#"{"alg":"ES256","crit":["x",1]}"#,
        r#"{"alg":"ES256","crit":["x",1],"x":1}"#,
        r#"{"alg":"ES256","crit":["b64"]}"#,
        r#"{"alg":"ES256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"ES256","crit":["alg"]}"#,
        r#"{"alg":"ES256","crit":["kid","exp"],"exp":1}"#,
        r#"{"alg":"ES256","jwk":{"kty":"oct"},"jku":"https://a.example","x5c":[]}"#,
        "{\"alg\":\"ES256\",\"a\":\"\\ud800\"}",
        "{\"alg\":\"ES256\",\"a\":\"\\ud83d\\ude00\\u0000\"}",
        r#"{"alg":"ES256","a":01}"#,
        r#"{"alg":"ES256",}"#,
        "\u{feff}{\"alg\":\"ES256\"}",
        r#"{"alg":"ES256","a":{"b":[{"c":null}]}}"#,
    ];
    texts.map(str::to_owned).to_vec()
}

pub(crate) fn payloads() -> Vec<Vec<u8>> {
    let mut payloads: Vec<Vec<u8>> = headers().into_iter().map(String::into_bytes).collect();
    let bytes: [&[u8]; 15] = [
        b"{\"a\":\"\xff\xfe\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"a\":\"\xf0\x9f\x98\"}",
        b"{\"\xff\":1}",
        b"\xff{}",
        b"{\"a\":9007199254740993}",
        b"{\"a\":18446744073709551616}",
        b"{\"a\":-9223372036854775809}",
        b"{\"a\":123456789012345678901234567890}",
        b"{\"a\":1.10}",
        b"{\"a\":1e2,\"b\":1E-2,\"c\":1e+3}",
        b"{\"a\":0.1e1}",
        b"{\"a\":\"\\/\\b\\f\\n\\r\\t\\\"\\\\\\u00e9\"}",
        b"{\"a\":\"\x7f\"}",
        b"{\"a\":\"\x00\"}",
    ];
    payloads.extend(bytes.map(<[u8]>::to_vec));
    payloads
}

/// Texts that are a token to few.
pub(crate) fn texts() -> Vec<String> {
    let (header, payload) = (URL_SAFE_NO_PAD.encode("{}"), URL_SAFE_NO_PAD.encode("{\"a\":1}"));
    vec![
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "a".to_owned(),
        header.clone(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.A"),
        format!("{header}.{payload}.AA"),
        format!("{header}.{payload}.AB"),
        format!("{header}.{payload}.AA=="),
        format!("{header}.{payload}.AA="),
        format!("{header}.{payload}.AAA="),
        format!("{header}.{payload}.AAA\n"),
        format!("{header}.{payload}.AA\n"),
        format!("{header}.{payload}.AA\r\nAA"),
        format!("{header}.{payload}.\n\n"),
        format!("{header}.{payload}.AA==\n"),
        format!("{header}.{payload}.A A"),
        format!("{header}.{payload}.+/8"),
        format!("{header}.{payload}.-_8"),
        format!("{header}.{payload}.AA.AA"),
        format!("{header}=.{payload}.AA"),
        format!("{header}.{payload}=.AA"),
        format!("{header}.{payload}==.AA"),
        format!("\u{e9}.{payload}.AA"),
        format!(" {header}.{payload}.AA"),
    ]
}

/// Key sets in which there is something to choose, or something is wrong.
pub(crate) fn sets(keys: &Keys, other: &Keys) -> Vec<String> {
    let (good, bad) = (keys.jwk("ES256"), other.jwk("ES256"));
    let with = |jwk: &Value, fields: Value| {
        let mut jwk = jwk.clone();
        for (name, value) in fields.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    };
    let without = |jwk: &Value, name: &str| {
        let mut jwk = jwk.clone();
        jwk.as_object_mut().unwrap().remove(name);
        jwk
    };
    let x = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
    let keys_of = [
        json!([]),
        json!([good]),
        json!([bad]),
        json!([bad, good]),
        json!([with(&good, json!({"kid": "k"}))]),
        json!([with(&good, json!({"kid": "k"})), with(&bad, json!({"kid": "l"}))]),
        json!([with(&bad, json!({"kid": "k"})), with(&good, json!({"kid": "k"}))]),
        json!([with(&bad, json!({"kid": "k"})), with(&good, json!({"kid": "l"}))]),
        json!([with(&good, json!({"kid": "k", "alg": "ES384"}))]),
        json!([with(&good, json!({"alg": "ES384"}))]),
        json!([with(&good, json!({"alg": "ES256"}))]),
        json!([with(&good, json!({"alg": "RSA-OAEP"})), good]),
        json!([with(&good, json!({"alg": "none", "kid": "k"})), good]),
        json!([with(&good, json!({"alg": "ES256K"}))]),
        json!([with(&good, json!({"alg": "Ed25519"}))]),
        json!([with(&good, json!({"alg": "HS1"}))]),
        json!([with(&good, json!({"alg": ""}))]),
        json!([with(&good, json!({"alg": null}))]),
        json!([with(&good, json!({"alg": 1}))]),
        json!([with(&good, json!({"kid": null}))]),
        json!([with(&good, json!({"kid": 1}))]),
        json!([with(&good, json!({"use": "enc", "key_ops": ["encrypt"]}))]),
        json!([with(&good, json!({"use": 1}))]),
        json!([with(&good, json!({"use": null}))]),
        json!([with(&good, json!({"key_ops": "verify"}))]),
        json!([with(&good, json!({"key_ops": [1]}))]),
        json!([with(&good, json!({"key_ops": ["x"]}))]),
        json!([with(&good, json!({"key_ops": null}))]),
        json!([with(&good, json!({"x5c": []}))]),
        json!([with(&good, json!({"x5c": null}))]),
        json!([with(&good, json!({"x5c": ["AAAA"]}))]),
        json!([with(&good, json!({"x5t": 1}))]),
        json!([with(&good, json!({"x5t": "x", "x5t#S256": "y", "x5u": "z"}))]),
        json!([with(&good, json!({"x": "AAAA"}))]),
        json!([with(&good, json!({"x": good["y"]}))]),
        json!([with(&good, json!({"x": 1}))]),
        json!([with(&good, json!({"x": "????"}))]),
        json!([with(&good, json!({"crv": "P-384"}))]),
        json!([with(&good, json!({"crv": "secp256k1"}))]),
        json!([with(&good, json!({"crv": "Ed25519"}))]),
        json!([with(&good, json!({"crv": 1}))]),
        json!([with(&good, json!({"kty": "RSA"}))]),
        json!([with(&good, json!({"kty": "ec"}))]),
        json!([with(&good, json!({"kty": null}))]),
        json!([with(&good, json!({"more": {"a": [1]}}))]),
        json!([without(&good, "kty")]),
        json!([without(&good, "crv")]),
        json!([without(&good, "x")]),
        json!([without(&good, "y")]),
        json!([good, 1]),
        json!([good, null]),
        json!([good, {}]),
        json!([good, {"kty": "oct", "k": ""}]),
        json!([good, {"kty": "oct", "k": "AA"}]),
        json!([good, {"kty": "oct"}]),
        json!([good, {"kty": "RSA", "n": "", "e": "AQAB"}]),
        json!([good, {"kty": "RSA", "n": "AAAA", "e": "AQAB"}]),
        json!([good, {"kty": "RSA", "n": "AQAB", "e": "AA"}]),
        json!([good, {"kty": "RSA", "n": "AQAB", "e": "Ag"}]),
        json!([good, {"kty": "RSA", "n": "AQAB", "e": "AQAAAAAAAAAB"}]),
        json!([good, {"kty": "RSA", "n": "AQAB", "e": "AQ"}]),
        json!([good, {"kty": "RSA", "n": "AQAB"}]),
        json!([good, {"kty": "OKP", "crv": "Ed25519", "x": x(&[1; 32])}]),
        json!([good, {"kty": "OKP", "crv": "Ed25519", "x": x(&[1; 31])}]),
        json!([good, {"kty": "OKP", "crv": "X25519", "x": x(&[9; 32])}]),
        json!([good, {"kty": "OKP", "crv": "Ed448", "x": x(&[9; 57])}]),
        json!([good, {"kty": "OKP", "crv": "P-256", "x": x(&[9; 32])}]),
        json!([good, {"kty": "OKP", "x": x(&[9; 32])}]),
        json!({"a": good}),
        json!(null),
        json!("x"),
    ];
    let mut sets: Vec<String> = keys_of.iter().map(|keys| json!({"keys": keys}).to_string()).collect();
    let pem = keys.text("ES256");
    sets.extend([
        good.to_string(),
        bad.to_string(),
        with(&good, json!({"alg": "ES256", "kid": "k"})).to_string(),
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        json!([good]).to_string(),
        "null".to_owned(),
        format!("{} ", good),
        pem.clone(),
        format!("{pem}\n"),
        format!("{pem}{pem}"),
        format!("x\n{pem}"),
        format!("x{pem}"),
        pem.replace("PUBLIC KEY", "CERTIFICATE"),
        pem.replace("PUBLIC KEY", "RSA PUBLIC KEY"),
        pem.replace("END PUBLIC", "END"),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', " \n"),
        pem.replace('\n', ""),
        pem.trim_end().to_owned(),
    ]);
    sets
}
