use serde_json::json;

use super::*;
use crate::dev::TokenIssuer;

/// Whether `token` verifies, by a verifier that already verified it in `before`.
fn after(before: &Scene, later: Scene, token: &str) -> Result<(), &'static str> {
    let value = format!("Bearer {token}");
    let verifier = before.verifier(16);
    assert_eq!(before.tokens_by(&verifier, &[(BEARER, &value)]).error(), None);
    assert_eq!(verifier.cache.len(), 1);
    let tokens = later.tokens_by(&verifier, &[(BEARER, &value)]);
    assert_eq!(tokens, later.tokens(&[(BEARER, &value)]), "as without a cache");
    tokens.error().map_or(Ok(()), |error| Err(reason(error)))
}

#[test]
fn a_token_that_is_remembered_ends_all_the_same() {
    let token = svid(json!({}));
    assert_eq!(after(&Scene::new(), Scene::new().at(299), &token), Ok(()));
    assert_eq!(after(&Scene::new(), Scene::new().at(300), &token), Err("token_expired"));
    let begins = svid(json!({"nbf": NOW}));
    assert_eq!(after(&Scene::new(), Scene::new().at(-1), &begins), Err("token_not_yet_valid"));
    let long = svid(json!({"iat": ABSENT, "exp": NOW + 3600}));
    assert_eq!(after(&Scene::new(), Scene::new().at(-1), &long), Err("token_lifetime"));
}

#[test]
fn a_key_that_was_removed_verifies_no_more() {
    let token = svid(json!({}));
    let with = |bundles: Vec<crate::trust::TrustBundle>| Scene::with(|scene| scene.trust = trust(bundles));
    let keyless = bundle("prod.example", &PROD).with_jwt_keys(Default::default());
    assert_eq!(after(&Scene::new(), with(vec![keyless]), &token), Err("token_untrusted"));
    assert_eq!(after(&Scene::new(), with(vec![]), &token), Err("token_untrusted"));
    assert_eq!(after(&Scene::new(), with(vec![bundle("prod.example", &FRIEND)]), &token), Err("token_signature"));
    let stale = bundle("prod.example", &PROD).with_stale_at(Some(Timestamp::from_seconds(NOW)));
    assert_eq!(after(&Scene::new(), with(vec![stale]), &token), Err("trust_stale"));
    let one_more = TokenIssuer::new("new").unwrap();
    let only_new = bundle("prod.example", &one_more);
    assert_eq!(after(&Scene::new(), with(vec![only_new]), &token), Err("token_untrusted"));
}

#[test]
fn a_workload_with_another_name_is_not_meant() {
    let token = svid(json!({}));
    let renamed = Scene::with(|scene| scene.this = SpiffeId::new("spiffe://prod.example/other").unwrap());
    assert_eq!(after(&Scene::new(), renamed, &token), Err("token_audience"));
}

#[test]
fn what_was_remembered_under_other_rules_is_verified_again() {
    let cache = Arc::new(TokenCache::new(16));
    let scene = Scene::new();
    let value = format!("Bearer {}", svid(json!({"aud": [THIS, "x"]})));
    let lax = Scene::with(|scene| scene.rules.jwt_svid.as_mut().unwrap().strict_audience = false);
    let lax_verifier = Verifier::new(Arc::new(lax.rules.clone()), Arc::clone(&cache));
    assert_eq!(lax.tokens_by(&lax_verifier, &[(BEARER, &value)]).error(), None);
    let verifier = Verifier::new(Arc::new(scene.rules.clone()), cache);
    assert_eq!(scene.tokens_by(&verifier, &[(BEARER, &value)]).error().map(reason), Some("token_audience"));
}

#[test]
fn a_token_is_remembered_for_its_header() {
    let scene = Scene::with(|scene| {
        let mut second = scene.rules.oidc[0].clone();
        second.header = "x-person".into();
        second.one_time = true;
        scene.rules.oidc.push(second);
    });
    let verifier = scene.verifier(16);
    let token = oidc(json!({}));
    let one_time = |header, value: &str| {
        let verified = scene.tokens_by(&verifier, &[(header, value)]).oidc.unwrap().unwrap();
        verified.one_time().is_some()
    };
    assert!(!one_time(BEARER, &format!("Bearer {token}")));
    assert!(one_time("x-person", &token), "on the terms of the header that it is in");
    assert!(!one_time(BEARER, &format!("Bearer {token}")));
}

#[test]
fn failures_are_not_remembered_and_the_cache_is_bounded() {
    let scene = Scene::new();
    let verifier = scene.verifier(8);
    scene.tokens_by(&verifier, &[(BEARER, "Bearer rubbish"), (TXN, &txn(json!({"aud": "x"})))]);
    assert_eq!(verifier.cache.len(), 0);
    for n in 0..200 {
        let value = format!("Bearer {}", svid(json!({"jti": n.to_string(), "pad": "x".repeat(1000)})));
        assert_eq!(scene.tokens_by(&verifier, &[(BEARER, &value)]).error(), None);
    }
    assert!(verifier.cache.len() <= 8, "{}", verifier.cache.len());
    let forgetful = scene.verifier(0);
    assert_eq!(scene.tokens_by(&forgetful, &[(BEARER, &format!("Bearer {}", svid(json!({}))))]).error(), None);
    assert!(forgetful.cache.is_empty());
}

#[test]
fn one_time_keys_tell_tokens_apart() {
    let scene = Scene::with(|scene| {
        scene.rules.jwt_svid.as_mut().unwrap().one_time = true;
        scene.rules.transaction.as_mut().unwrap().one_time = true;
        scene.rules.oidc[0].one_time = true;
    });
    let key = |header: &str, token: &str| *scene.verify(header, token).unwrap().one_time().unwrap();
    let token = svid(json!({}));
    assert_eq!(key(BEARER, &token), key(BEARER, &svid(json!({}))), "signed again, it is the same token");
    assert_ne!(key(BEARER, &token), key(BEARER, &svid(json!({"exp": NOW + 299}))));
    let named = |id: &str, exp: i64| svid(json!({"jti": id, "exp": NOW + exp}));
    assert_eq!(key(BEARER, &named("a", 100)), key(BEARER, &named("a", 200)), "the name decides");
    assert_ne!(key(BEARER, &named("a", 100)), key(BEARER, &named("b", 100)));
    assert_ne!(key(BEARER, &named("a", 100)), key(BEARER, &oidc(json!({"jti": "a"}))), "names are an issuer's own");
    let same_transaction = |exp: i64| txn(json!({"txn": "t", "exp": NOW + exp}));
    assert_ne!(key(TXN, &same_transaction(50)), key(TXN, &same_transaction(51)), "a transaction has many tokens");
}
