use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::trust::{TrustBundle, jwk::Algorithm};

fn verdict(token: &str) -> (&'static str, &'static str) {
    Scene::new().verify(BEARER, token).expect_err("a denial")
}

fn headed(header: Value) -> String {
    PROD.sign(header, &svid_claims(json!({}))).unwrap()
}

#[test]
fn tells_what_it_says() {
    let token = svid(json!({"jti": "a", "iss": "https://spire.prod.example", "scope": "x", "act": {"sub": "b"}}));
    let verified = Scene::new().verify(BEARER, &token).unwrap();
    assert_eq!(verified.kind(), Kind::JwtSvid);
    assert_eq!((verified.issuer(), verified.subject()), ("spiffe://prod.example", WEB));
    assert_eq!(verified.spiffe_id().unwrap().to_string(), WEB);
    assert_eq!((verified.id(), verified.jti(), verified.txn()), (Some("a"), Some("a"), None));
    assert_eq!((verified.audiences(), verified.scope()), (&[THIS.to_owned()][..], &[][..]));
    assert_eq!(verified.claims()["act"]["sub"], "b");
    assert_eq!(verified.issued(), Some(Timestamp::from_seconds(NOW - 10)));
    assert_eq!(verified.expires(), Timestamp::from_seconds(NOW + 300));
    assert_eq!(verified.valid_until(), Timestamp::from_seconds(NOW + 300));
    assert_eq!((verified.kid(), verified.algorithm()), ("key-ES256", Algorithm::ES256));
    assert_eq!(verified.sha256(), digest(&SHA256, token.as_bytes()).as_ref());
    assert_eq!(verified.one_time(), None);
}

#[test]
fn every_algorithm_verifies() {
    for algorithm in Algorithm::ALL {
        let verified = Scene::new().verify(BEARER, &headed(json!({"alg": algorithm.as_str()})));
        assert_eq!(verified.unwrap().algorithm(), algorithm);
    }
}

#[test]
fn no_algorithm_but_the_keys_own_is_tried() {
    for alg in ["none", "None", "nOnE", "", "HS256", "HS384", "HS512", "EdDSA", "ES256K", "es256"] {
        assert_eq!(verdict(&headed(json!({"alg": alg, "kid": "key-ES256"}))), ("token_malformed", "jwt.alg"), "{alg}");
    }
    for key in Algorithm::ALL {
        for alg in Algorithm::ALL.into_iter().filter(|alg| *alg != key) {
            let token = headed(json!({"alg": alg.as_str(), "kid": PROD.kid(key)}));
            assert_eq!(verdict(&token), ("token_untrusted", "jwt.alg"), "{alg} with the key for {key}");
        }
    }
}

#[test]
fn a_public_key_is_no_secret() {
    use aws_lc_rs::hmac;

    let jwk = PROD.jwks("jwt-svid")["keys"][0].to_string();
    for secret in [jwk.as_bytes(), b"-----BEGIN PUBLIC KEY-----"] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input =
            format!("{}.{}", encode(json!({"alg": "HS256", "kid": "key-ES256"})), encode(svid_claims(json!({}))));
        let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, input.as_bytes())));
        assert_eq!(verdict(&token), ("token_malformed", "jwt.alg"));
    }
}

#[test]
fn the_header_says_no_more_than_it_must() {
    for field in [
        "jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256", "crit", "b64", "cty", "zip", "nonce", "enc", "epk", "iss", "KID",
    ] {
        assert_eq!(verdict(&headed(json!({field: "x"}))), ("token_malformed", "jwt.header"), "{field}");
    }
    for header in [
        r#"{"alg":"ES256","alg":"ES256","kid":"key-ES256"}"#,
        r#"{"alg":"ES256","kid":"key-ES256","kid":"key-ES256"}"#,
        r#"{"alg":"ES256","kid":"key-ES256","typ":"JWT","typ":"JWT"}"#,
    ] {
        let claims = svid_claims(json!({})).to_string();
        let token = PROD.sign_raw(Algorithm::ES256, header.as_bytes(), claims.as_bytes()).unwrap();
        assert_eq!(verdict(&token), ("token_malformed", "jwt.header"), "{header}");
    }
}

#[test]
fn another_kind_of_token_is_none() {
    for typ in [json!("JWT"), json!("JOSE")] {
        assert!(Scene::new().verify(BEARER, &headed(json!({"typ": typ}))).is_ok());
    }
    for typ in ["jwt", "jose", "wit+jwt", "wpt+jwt", "txntoken+jwt", "at+jwt", "dpop+jwt", "", "JWT "] {
        assert_eq!(verdict(&headed(json!({"typ": typ}))), ("token_malformed", "jwt.typ"), "{typ}");
    }
}

#[test]
fn the_key_is_one_of_the_subjects_trust_domain() {
    let malformed = ("token_malformed", "jwt.kid");
    let unknown = ("token_untrusted", "jwt.unknown_key");
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
        assert_eq!(verdict(&headed(json!({"kid": kid}))), expected, "{kid:.40}");
    }
    let theirs = |alg: &str, sub: &str| FRIEND.sign(json!({"alg": alg}), &svid_claims(json!({"sub": sub}))).unwrap();
    assert!(Scene::new().verify(BEARER, &theirs("ES256", "spiffe://friend.example/web")).is_ok());
    assert_eq!(verdict(&theirs("ES256", WEB)), ("token_signature", "jwt.signature"), "the same name, another key");
    let ours = svid(json!({"sub": "spiffe://friend.example/web"}));
    assert_eq!(verdict(&ours), ("token_signature", "jwt.signature"));
    let only_ours = PROD.sign(json!({"alg": "RS256"}), &svid_claims(json!({"sub": "spiffe://friend.example/web"})));
    assert_eq!(verdict(&only_ours.unwrap()), unknown);
    let stranger = svid(json!({"sub": "spiffe://stranger.example/web"}));
    assert_eq!(verdict(&stranger), ("token_untrusted", "td.not_listed"));
}

#[test]
fn keys_that_are_gone_verify_nothing() {
    let token = svid(json!({}));
    let scene = |bundle: TrustBundle| Scene::with(|scene| scene.trust = trust([bundle]));
    let keyless = bundle("prod.example", &PROD).with_jwt_keys(Default::default());
    assert_eq!(scene(keyless).verify(BEARER, &token), Err(("token_untrusted", "jwt.no_keys")));
    let stale = |at: i64| bundle("prod.example", &PROD).with_stale_at(Some(Timestamp::from_seconds(NOW + at)));
    assert_eq!(scene(stale(0)).verify(BEARER, &token), Err(("trust_stale", "td.stale")));
    assert!(scene(stale(1)).verify(BEARER, &token).is_ok());
}

#[test]
fn the_subject_is_a_workload() {
    for sub in [json!(ABSENT), json!(""), json!(7), json!([WEB]), json!(null), json!({"id": WEB}), json!("a\nb")] {
        assert_eq!(verdict(&svid(json!({"sub": sub}))), ("token_malformed", "jwt.sub"), "{sub}");
    }
    for (sub, detail) in [
        ("alice", "id.scheme"),
        ("https://prod.example/web", "id.scheme"),
        (" spiffe://prod.example/web", "id.scheme"),
        ("spiffe://prod.example", "id.root_path"),
        ("SPIFFE://prod.example/web", "id.non_canonical"),
        ("spiffe://PROD.example/web", "id.non_canonical"),
        ("spiffe://prod.example/web/", "id.trailing_slash"),
        ("spiffe://prod.example//web", "id.empty_segment"),
        ("spiffe://prod.example/../web", "id.dot_segment"),
        ("spiffe://prod.example:443/web", "id.bad_char"),
        ("spiffe://u@prod.example/web", "id.bad_char"),
        ("spiffe://prod.example/web?x", "id.bad_char"),
        ("spiffe://prod.example/web#x", "id.bad_char"),
        ("spiffe://prod.example/%77eb", "id.bad_char"),
        ("spiffe://pr\u{43e}d.example/web", "id.bad_char"),
        ("spiffe://prod.example/web ", "id.bad_char"),
        ("spiffe:///web", "id.no_trust_domain"),
    ] {
        assert_eq!(verdict(&svid(json!({"sub": sub}))), ("token_malformed", detail), "{sub}");
    }
}

#[test]
fn it_is_meant_for_this_workload_and_no_other() {
    let ours = ["https://ledger.prod.example", THIS];
    for aud in [json!(THIS), json!([THIS]), json!(ours), json!([ours[0]]), json!(vec![THIS; 32])] {
        assert!(Scene::new().verify(BEARER, &svid(json!({"aud": aud}))).is_ok(), "{aud}");
    }
    let malformed = ("token_malformed", "jwt.aud");
    let other = ("token_audience", "jwt.aud");
    for (aud, expected) in [
        (json!(ABSENT), malformed),
        (json!(null), malformed),
        (json!(""), malformed),
        (json!([]), malformed),
        (json!([""]), malformed),
        (json!(7), malformed),
        (json!([[THIS]]), malformed),
        (json!({"aud": THIS}), malformed),
        (json!([THIS, 1]), malformed),
        (json!(vec![THIS; 33]), malformed),
        (json!("spiffe://prod.example/ledger2"), other),
        (json!("spiffe://prod.example/LEDGER"), other),
        (json!("SPIFFE://prod.example/ledger"), other),
        (json!("spiffe://prod.example/ledger/"), other),
        (json!("spiffe://prod.example/ledge"), other),
        (json!("spiffe://prod.example"), other),
        (json!("xspiffe://prod.example/ledger"), other),
        (json!("https://ledger.prod.example/"), other),
        (json!("https://LEDGER.prod.example"), other),
        (json!("ledger"), other),
        (json!([THIS, "spiffe://prod.example/other"]), other),
        (json!(["spiffe://prod.example/other", ours[0]]), other),
    ] {
        assert_eq!(verdict(&svid(json!({"aud": aud}))), expected, "{aud:.80}");
    }
    let lax = Scene::with(|scene| scene.rules.jwt_svid.as_mut().unwrap().strict_audience = false);
    assert!(lax.verify(BEARER, &svid(json!({"aud": [THIS, "x"]}))).is_ok());
    assert_eq!(lax.verify(BEARER, &svid(json!({"aud": ["x", "y"]}))), Err(other));
}

#[test]
fn other_claims_have_their_types_too() {
    for (name, value) in [
        ("jti", json!(1)),
        ("jti", json!("")),
        ("jti", json!(null)),
        ("iss", json!(1)),
        ("iss", json!(["a"])),
        ("iss", json!(null)),
    ] {
        let detail = if name == "jti" { "jwt.jti" } else { "jwt.iss" };
        assert_eq!(verdict(&svid(json!({name: value}))), ("token_malformed", detail));
    }
}

#[test]
fn claims_are_one_json_object() {
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(3000), "]".repeat(3000));
    let good = svid_claims(json!({})).to_string();
    let inner = good.trim_end_matches('}');
    for claims in [
        "[]".to_owned(),
        "\"x\"".into(),
        "1".into(),
        "null".into(),
        " ".into(),
        format!("\u{feff}{good}"),
        format!("{good}{good}"),
        format!(r#"{inner},"sub":"{WEB}"}}"#),
        format!(r#"{inner},"exp":1}}"#),
        format!(r#"{inner},"x":{{"a":1,"a":1}}}}"#),
        format!(r#"{inner},"x":"\ud800"}}"#),
        format!(r#"{inner},"x":"\u0000"}}"#),
        format!(r#"{inner},"x":NaN}}"#),
        format!(r#"{inner},"x":1e999}}"#),
        format!(r#"{inner},"x":18446744073709551616}}"#),
        deep,
    ] {
        let token =
            PROD.sign_raw(Algorithm::ES256, br#"{"alg":"ES256","kid":"key-ES256"}"#, claims.as_bytes()).unwrap();
        assert_eq!(verdict(&token), ("token_malformed", "jwt.json"), "{claims:.60}");
    }
    let invalid =
        PROD.sign_raw(Algorithm::ES256, br#"{"alg":"ES256","kid":"key-ES256"}"#, b"{\"x\":\"\xff\"}").unwrap();
    assert_eq!(verdict(&invalid), ("token_malformed", "jwt.json"));
}

#[test]
fn a_long_token_is_not_read() {
    let padded = |length: usize| {
        let header = br#"{"alg":"ES256","kid":"key-ES256"}"#;
        let claims = |pad: usize| svid_claims(json!({"pad": "x".repeat(pad)})).to_string();
        let most = (0..3).map(|extra| {
            let mut pad = 0;
            let mut token = PROD.sign_raw(Algorithm::ES256, header, claims(pad).as_bytes()).unwrap();
            while token.len() < length {
                pad += ((length - token.len()) * 3 / 4).max(1) + extra;
                token = PROD.sign_raw(Algorithm::ES256, header, claims(pad).as_bytes()).unwrap();
            }
            token
        });
        most.min_by_key(String::len).unwrap()
    };
    let fits = padded(8 * 1024 - 1);
    assert!(fits.len() <= 8 * 1024 && Scene::new().verify(BEARER, &fits).is_ok(), "{}", fits.len());
    for long in [padded(8 * 1024 + 1), "x".repeat(8193), "x".repeat(10 * 1024 * 1024)] {
        assert_eq!(verdict(&long), ("token_malformed", "limit.token"));
    }
}

#[test]
fn the_signature_is_that_of_header_and_payload() {
    let token = svid(json!({}));
    let other = svid(json!({"sub": "spiffe://prod.example/other", "exp": NOW + 200}));
    let parts: Vec<&str> = token.split('.').collect();
    let others: Vec<&str> = other.split('.').collect();
    let raw = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    let signed = |signature: &[u8]| format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode(signature));
    let der = [&[0x30, 68, 2, 32][..], &raw[..32], &[2, 32], &raw[32..]].concat();
    let wrong = ("token_signature", "jwt.signature");
    for token in [
        signed(&[]),
        signed(&raw[..63]),
        signed(&[&raw[..], &[0]].concat()),
        signed(&[0; 64]),
        signed(&[&[0; 32], &raw[32..]].concat()),
        signed(&[&raw[..32], &[0; 32]].concat()),
        signed(&[0xff; 64]),
        signed(&der),
        format!("{}.{}.{}", parts[0], parts[1], others[2]),
        format!("{}.{}.{}", parts[0], others[1], parts[2]),
        {
            let header = headed(json!({"typ": "JWT"}));
            format!("{}.{}.{}", header.split('.').next().unwrap(), parts[1], parts[2])
        },
    ] {
        assert_eq!(verdict(&token), wrong);
    }
    for token in [
        format!("{token}="),
        format!("{token}\n"),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}.{}", parts[2]),
        format!("{token}.{}.{}", parts[1], parts[2]),
        format!(".{token}"),
        format!("{token}."),
        token.replace('.', ".."),
        json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string(),
    ] {
        let verdict = Scene::new().tokens(&[(BEARER, &format!("Bearer {token}"))]);
        let error = verdict.error().unwrap();
        let detail = if token.ends_with('\n') { "jwt.scheme" } else { "jwt.format" };
        assert_eq!((reason(error), error.detail()), ("token_malformed", detail), "{token}");
    }
}
