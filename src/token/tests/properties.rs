use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::trust::jwk::Algorithm;

#[test]
fn no_token_verifies_with_a_bit_flipped() {
    let scene = Scene::new();
    let verifier = scene.verifier(16);
    for (header, token) in [(BEARER, svid(json!({}))), (TXN, txn(json!({}))), (BEARER, oidc(json!({})))] {
        let value = |token: &str| if header == BEARER { format!("Bearer {token}") } else { token.to_owned() };
        assert_eq!(scene.tokens_by(&verifier, &[(header, &value(&token))]).verified().count(), 1);
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut bytes = token.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(flipped) = String::from_utf8(bytes) else { continue };
                let tokens = scene.tokens_by(&verifier, &[(header, &value(&flipped))]);
                assert!(tokens.error().is_some(), "bit {bit} of byte {at} flipped in a token of kind {header}");
            }
        }
    }
}

#[test]
fn a_rewritten_signature_is_still_the_same_token() {
    // The order of P-256: with r, s an ECDSA signature is also r, n - s, and whoever holds the token can compute that.
    const N: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let token = svid(json!({}));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for (s, n) in signature[32..].iter_mut().zip(N).rev() {
        let difference = i16::from(n) - i16::from(*s) - borrow;
        borrow = i16::from(difference < 0);
        *s = difference.rem_euclid(256) as u8;
    }
    let rewritten = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert_ne!(rewritten, token);
    let scene = Scene::with(|scene| scene.rules.jwt_svid.as_mut().unwrap().one_time = true);
    let [one, two] = [&token, &rewritten].map(|token| scene.verify(BEARER, token).unwrap());
    assert_eq!(one.one_time(), two.one_time());
    assert_ne!(one.sha256(), two.sha256());
}

/// Any JSON, with the names that matter more often than others.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        (NOW - 4000..NOW + 4000).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        prop::sample::select(vec![THIS, WEB, "prod.example", "https://login.example", "ledger", "ES256", "JWT"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn some_of(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::collection::btree_map(prop::sample::select(names), any_json(), 0..4)
        .prop_map(|members| Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}

const CLAIMS: &[&str] =
    &["sub", "aud", "exp", "iat", "nbf", "iss", "jti", "txn", "scope", "req_wl", "tctx", "rctx", "act", "cnf", "x"];
const HEADERS: &[&str] = &["alg", "kid", "typ", "x5t", "crit"];

fn merged(mut base: Value, changes: &Value) -> Value {
    let members: &Map<String, Value> = changes.as_object().unwrap();
    base.as_object_mut().unwrap().extend(members.clone());
    base
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_verifies_says_what_it_must(header in some_of(HEADERS), claims in some_of(CLAIMS), base in 0..3) {
        let scene = Scene::new();
        let (place, issuer, typ, claims) = match base {
            0 => (BEARER, &PROD, json!({}), merged(svid_claims(json!({})), &claims)),
            1 => (TXN, &PROD, json!({"typ": "txntoken+jwt"}), merged(txn_claims(json!({})), &claims)),
            _ => (BEARER, &LOGIN, json!({}), merged(oidc_claims(json!({})), &claims)),
        };
        let token = issuer.sign(merged(typ, &header), &claims).unwrap();
        if let Ok(token) = scene.verify(place, &token) {
            let now = scene.now();
            prop_assert!(token.expires() > now && token.expires().since(now) <= Duration::from_secs(86_400));
            prop_assert!(!token.subject().is_empty() && !token.audiences().is_empty());
            let ours = [THIS, "https://ledger.prod.example", "prod.example", "ledger"];
            prop_assert!(token.audiences().iter().any(|name| ours.contains(&name.as_str())));
            prop_assert_eq!(token.kind() == Kind::JwtSvid, token.spiffe_id().is_some());
            prop_assert_eq!(token.kind() == Kind::Transaction, !token.requesting_workload().is_empty());
            prop_assert_eq!(Value::Object(token.claims().clone()), claims);
        }
    }

    #[test]
    fn rubbish_is_no_token(rubbish in ".{0,200}", parts in prop::collection::vec("[A-Za-z0-9_=+/-]{0,60}", 0..6)) {
        let scene = Scene::new();
        for token in [rubbish, parts.join(".")] {
            prop_assert!(scene.tokens(&[(TXN, &token)]).transaction.is_err());
            if let Some(presented) = Presented::read(BEARER, &token) {
                let tokens = scene.verifier(0).verify(&[presented], &scene.this, &scene.trust, &scene.issuers, scene.now());
                prop_assert!(tokens.error().is_some());
            }
        }
    }

    #[test]
    fn a_cache_changes_no_answer(steps in prop::collection::vec((0_usize..6, -400_i64..400, 0..4, 0_usize..2), 1..24)) {
        let tokens = TOKENS.with(Vec::clone);
        let rules = Scene::new().rules;
        let rules = [Arc::new(rules.clone()), Arc::new(Rules { leeway: Duration::from_secs(5), audiences: vec![], ..rules })];
        let cache = Arc::new(TokenCache::new(3));
        for (token, later, world, rule) in steps {
            let scene = Scene::with(|scene| match world {
                0 => {}
                1 => scene.trust = trust([bundle("friend.example", &PROD), bundle("prod.example", &FRIEND)]),
                2 => scene.issuers = IssuerKeys::default(),
                _ => scene.this = SpiffeId::new(WEB).unwrap(),
            }).at(later);
            let (header, value) = &tokens[token];
            let cached = Verifier::new(Arc::clone(&rules[rule]), Arc::clone(&cache));
            let fresh = Verifier::new(Arc::clone(&rules[rule]), Arc::new(TokenCache::new(0)));
            prop_assert_eq!(scene.tokens_by(&cached, &[(header, value)]), scene.tokens_by(&fresh, &[(header, value)]));
        }
    }
}

thread_local! {
    static TOKENS: Vec<(&'static str, String)> = [
        (BEARER, svid(json!({}))),
        (BEARER, svid(json!({"aud": "https://ledger.prod.example", "nbf": NOW - 5}))),
        (BEARER, FRIEND.sign(json!({"alg": Algorithm::ES384.as_str()}), &svid_claims(json!({"sub": "spiffe://friend.example/x"}))).unwrap()),
        (BEARER, oidc(json!({}))),
        (BEARER, oidc(json!({"aud": WEB}))),
        (TXN, txn(json!({}))),
    ].into_iter().map(|(header, token)| (header, if header == BEARER { format!("Bearer {token}") } else { token })).collect();
}
