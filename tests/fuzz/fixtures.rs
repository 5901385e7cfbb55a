//! What the targets hold hostile input against: one trust domain, one workload, one moment, made once by `seeds`.
#![allow(clippy::unwrap_used, reason = "what is broken here is the fuzzer, and it must stop")]

use std::sync::{Arc, LazyLock};

use hopguard::{
    clock::Timestamp,
    token::{
        IssuerKeys, JwtSvidRules, KeySet, KeySource, OidcRules, Rules, TokenCache, TransactionIssuer, TransactionRules,
        Verifier,
    },
    trust::{
        Trust, TrustBundle, document,
        jwk::{Algorithm, JwtKeys, Uses},
    },
};
use spiffe::{SpiffeId, TrustDomain};

/// The one trust domain.
pub const TRUST_DOMAIN: &str = "prod.example";
/// Who calls.
pub const FRONTEND: &str = "spiffe://prod.example/frontend";
/// Who is called.
pub const PAYMENTS: &str = "spiffe://prod.example/payments";
/// Who issues tokens of people.
pub const LOGIN: &str = "https://login.example";
/// The moment: 2026-11-21T12:00:00Z.
pub const NOW: i64 = 1_795_262_400;

/// The bundle of the trust domain, as a SPIFFE bundle document.
pub const BUNDLE: &[u8] = include_bytes!("fixtures/bundle.json");
/// The keys of the issuer of people's tokens.
pub const LOGIN_KEYS: &[u8] = include_bytes!("fixtures/login.json");
/// The caller's leaf, DER.
pub const LEAF: &[u8] = include_bytes!("fixtures/leaf.der");
/// The caller's leaf, as Envoy writes it.
pub const LEAF_TEXT: &str = include_str!("fixtures/leaf.txt");
/// A JWT-SVID, a transaction token and a person's token that hold.
pub const TOKENS: [&str; 3] = [
    include_str!("fixtures/jwt_svid.txt"),
    include_str!("fixtures/transaction.txt"),
    include_str!("fixtures/oidc.txt"),
];

/// The moment.
pub fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

/// The trust domain.
pub fn trust_domain() -> TrustDomain {
    TrustDomain::new(TRUST_DOMAIN).unwrap()
}

/// The bundle of the trust domain.
pub fn bundle() -> &'static Arc<TrustBundle> {
    static SHARED: LazyLock<Arc<TrustBundle>> =
        LazyLock::new(|| Arc::new(document::parse(trust_domain(), BUNDLE).unwrap().bundle));
    &SHARED
}

/// Trust in that domain alone.
pub fn trust() -> &'static Trust {
    static SHARED: LazyLock<Trust> = LazyLock::new(|| Trust::new([Arc::clone(bundle())]).unwrap());
    &SHARED
}

/// This workload.
pub fn this() -> SpiffeId {
    SpiffeId::new(PAYMENTS).unwrap()
}

/// A verifier of every kind of token.
pub fn tokens() -> &'static (Verifier, IssuerKeys) {
    static SHARED: LazyLock<(Verifier, IssuerKeys)> = LazyLock::new(|| {
        let hour = std::time::Duration::from_secs(3600);
        let jwt_svid = JwtSvidRules {
            header: "authorization".to_owned(),
            required: false,
            max_lifetime: hour,
            strict_audience: true,
            one_time: true,
        };
        let issuer = TransactionIssuer {
            issuer: format!("spiffe://{TRUST_DOMAIN}/txn"),
            keys: KeySource::TrustDomain(trust_domain()),
        };
        let transaction = TransactionRules {
            header: "txn-token".to_owned(),
            audience: trust_domain(),
            issuers: vec![issuer],
            required: false,
            max_lifetime: hour,
            one_time: false,
            compat: true,
        };
        let oidc = OidcRules {
            issuer: LOGIN.to_owned(),
            header: "authorization".to_owned(),
            required: false,
            max_lifetime: hour,
            audiences: vec!["payments".to_owned()],
            algorithms: vec![Algorithm::ES256, Algorithm::RS256],
            one_time: false,
        };
        let rules =
            Rules { jwt_svid: Some(jwt_svid), transaction: Some(transaction), oidc: vec![oidc], ..Rules::default() };
        let (keys, _) = JwtKeys::parse(LOGIN_KEYS, Uses::Plain).unwrap();
        let issuers = [(LOGIN.to_owned(), KeySet { keys, stale_at: None })].into_iter().collect();
        (Verifier::new(Arc::new(rules), Arc::new(TokenCache::new(16))), issuers)
    });
    &SHARED
}
