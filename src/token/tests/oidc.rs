use serde_json::{Value, json};

use super::*;
use crate::trust::jwk::Algorithm;

fn verdict(token: &str) -> (&'static str, &'static str) {
    Scene::new().verify(BEARER, token).expect_err("a denial")
}

fn headed(header: Value) -> String {
    LOGIN.sign(header, &oidc_claims(json!({}))).unwrap()
}

#[test]
fn tells_what_it_says() {
    let verified = Scene::new().verify(BEARER, &oidc(json!({"jti": "j", "scope": "openid", "groups": ["a"]}))).unwrap();
    assert_eq!(verified.kind(), Kind::Oidc);
    assert_eq!((verified.issuer(), verified.subject()), ("https://login.example", "alice"));
    assert_eq!((verified.id(), verified.spiffe_id()), (Some("j"), None));
    assert_eq!(verified.scope(), &[] as &[String]);
    assert_eq!(verified.claims()["groups"], json!(["a"]));
}

#[test]
fn issuers_may_say_what_nobody_reads() {
    for header in [
        json!({"x5t": "x"}),
        json!({"x5t#S256": "x"}),
        json!({"nonce": "x"}),
        json!({"typ": "JWT"}),
        json!({"typ": "at+jwt"}),
        json!({"typ": "application/at+jwt"}),
    ] {
        assert!(Scene::new().verify(BEARER, &headed(header.clone())).is_ok(), "{header}");
    }
    for field in ["jwk", "jku", "x5c", "x5u", "crit", "cty", "zip", "b64"] {
        assert_eq!(verdict(&headed(json!({field: "x"}))), ("token_malformed", "jwt.header"), "{field}");
    }
    for typ in ["txntoken+jwt", "wit+jwt", "dpop+jwt", "logout+jwt", "jwt"] {
        assert_eq!(verdict(&headed(json!({"typ": typ}))), ("token_malformed", "jwt.typ"), "{typ}");
    }
}

#[test]
fn an_issuer_signs_with_what_it_was_configured_to() {
    assert_eq!(verdict(&headed(json!({"alg": "RS256"}))), ("token_untrusted", "jwt.alg"));
    let both = Scene::with(|scene| scene.rules.oidc[0].algorithms.push(Algorithm::RS256));
    assert!(both.verify(BEARER, &headed(json!({"alg": "RS256"}))).is_ok());
    let swapped = headed(json!({"alg": "RS256", "kid": "login-ES256"}));
    assert_eq!(both.verify(BEARER, &swapped), Err(("token_untrusted", "jwt.alg")));
    let none = Scene::with(|scene| scene.rules.oidc[0].algorithms.clear());
    assert_eq!(none.verify(BEARER, &oidc(json!({}))), Err(("token_untrusted", "jwt.alg")));
}

#[test]
fn its_keys_are_its_issuers() {
    let impostor = PROD.sign(json!({}), &oidc_claims(json!({}))).unwrap();
    assert_eq!(verdict(&impostor), ("token_untrusted", "jwt.unknown_key"));
    let impostor = PROD.sign(json!({"kid": "login-ES256"}), &oidc_claims(json!({}))).unwrap();
    assert_eq!(verdict(&impostor), ("token_signature", "jwt.signature"));
    let gone = Scene::with(|scene| scene.issuers = IssuerKeys::default());
    assert_eq!(gone.verify(BEARER, &oidc(json!({}))), Err(("token_untrusted", "jwt.no_keys")));
    let withdrawn = [("https://login.example".to_owned(), KeySet::default())];
    let withdrawn = Scene::with(|scene| scene.issuers = withdrawn.into_iter().collect());
    assert_eq!(withdrawn.verify(BEARER, &oidc(json!({}))), Err(("token_untrusted", "jwt.no_keys")));
}

#[test]
fn it_is_meant_for_this_workload_among_others() {
    for aud in [json!("ledger"), json!(["account", "ledger"]), json!(THIS), json!("https://ledger.prod.example")] {
        assert!(Scene::new().verify(BEARER, &oidc(json!({"aud": aud}))).is_ok(), "{aud}");
    }
    for aud in [json!("Ledger"), json!("ledger2"), json!(["account"]), json!("ledger/")] {
        assert_eq!(verdict(&oidc(json!({"aud": aud}))), ("token_audience", "jwt.aud"), "{aud}");
    }
    for aud in [json!(ABSENT), json!([]), json!([""]), json!(["ledger", 1]), json!(null)] {
        assert_eq!(verdict(&oidc(json!({"aud": aud}))), ("token_malformed", "jwt.aud"), "{aud}");
    }
    assert_eq!(
        verdict(&svid(json!({"aud": "ledger"}))),
        ("token_audience", "jwt.aud"),
        "the name is for its tokens alone"
    );
}

#[test]
fn its_subject_is_a_person() {
    assert!(Scene::new().verify(BEARER, &oidc(json!({"sub": "a".repeat(255)}))).is_ok());
    for sub in [
        json!(ABSENT),
        json!(""),
        json!(1),
        json!(null),
        json!("a".repeat(256)),
        json!("a\u{0}b"),
        json!("a\r\nb"),
        json!("SPIFFE://td/web"),
    ] {
        let detail = if sub == "a\u{0}b" { "jwt.json" } else { "jwt.sub" };
        assert_eq!(verdict(&oidc(json!({"sub": sub}))), ("token_malformed", detail), "{sub:.20}");
    }
}
