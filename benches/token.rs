//! Tokens: what the first sight of one costs with each algorithm, and every later one.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use divan::Bencher;
use hopguard::{
    clock::Timestamp,
    dev::TokenIssuer,
    token::{IssuerKeys, JwtSvidRules, Presented, Rules, TokenCache, Tokens, Verifier},
    trust::{
        Trust, TrustBundle,
        jwk::{Algorithm, JwtKeys, Uses},
    },
};
use serde_json::json;
use spiffe::{SpiffeId, TrustDomain};

static SCENE: LazyLock<Scene> = LazyLock::new(Scene::new);

/// The first time: read, and its signature verified.
#[divan::bench(args = Algorithm::ALL)]
fn token_cold(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let (token, verifier) = (SCENE.token(algorithm), SCENE.verifier(0));
    assert!(SCENE.verify(&verifier, &token).jwt_svid.is_ok_and(|token| token.is_some()));
    bencher.bench(|| SCENE.verify(&verifier, &token));
}

/// Every later time: its times and audience judged again.
#[divan::bench(args = [Algorithm::ES256, Algorithm::RS256])]
fn token_cached(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let (token, verifier) = (SCENE.token(algorithm), SCENE.verifier(100));
    assert!(SCENE.verify(&verifier, &token).jwt_svid.is_ok_and(|token| token.is_some()));
    bencher.bench(|| SCENE.verify(&verifier, &token));
}

/// What an attacker can have for nothing: a token that nobody signed.
#[divan::bench]
fn token_forged(bencher: Bencher<'_, '_>) {
    let mut token = SCENE.token(Algorithm::ES256);
    token.replace_range(token.len() - 8..token.len() - 4, "AAAA");
    let verifier = SCENE.verifier(100);
    assert!(SCENE.verify(&verifier, &token).jwt_svid.is_err());
    bencher.bench(|| SCENE.verify(&verifier, &token));
}

struct Scene {
    issuer: TokenIssuer,
    trust: Trust,
    this: SpiffeId,
}

impl Scene {
    fn new() -> Self {
        let issuer = TokenIssuer::with_algorithms("bench", Algorithm::ALL).unwrap();
        let (keys, _) = JwtKeys::from_jwks(&issuer.jwks("jwt-svid"), Uses::SpiffeBundle).unwrap();
        let trust_domain = TrustDomain::new("prod.example").unwrap();
        let bundle = TrustBundle::from_pem(trust_domain, b"", None).unwrap().with_jwt_keys(keys);
        let trust = Trust::new([Arc::new(bundle)]).unwrap();
        Self { issuer, trust, this: SpiffeId::new("spiffe://prod.example/ledger").unwrap() }
    }

    fn token(&self, algorithm: Algorithm) -> String {
        let now = NOW.seconds();
        let claims =
            json!({"sub": "spiffe://prod.example/web", "aud": [self.this.to_string()], "iat": now, "exp": now + 300});
        format!("Bearer {}", self.issuer.sign(json!({"alg": algorithm.as_str(), "typ": "JWT"}), &claims).unwrap())
    }

    fn verifier(&self, cache: usize) -> Verifier {
        let jwt_svid = JwtSvidRules {
            header: "authorization".into(),
            required: true,
            max_lifetime: Duration::from_secs(3600),
            strict_audience: true,
            one_time: false,
        };
        let rules = Rules { jwt_svid: Some(jwt_svid), ..Rules::default() };
        Verifier::new(Arc::new(rules), Arc::new(TokenCache::new(cache)))
    }

    fn verify(&self, verifier: &Verifier, value: &str) -> Tokens {
        let presented = Presented::read("authorization", value).unwrap();
        verifier.verify(&[presented], &self.this, &self.trust, &IssuerKeys::default(), NOW)
    }
}

const NOW: Timestamp = Timestamp::from_seconds(1_795_165_200);
