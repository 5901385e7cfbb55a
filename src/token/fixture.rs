//! A workload, the domains and issuers that it trusts, and tokens of theirs that are good until a test spoils them.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use serde_json::{Value, json};
use spiffe::{SpiffeId, TrustDomain};

use super::*;
use crate::{
    dev::TokenIssuer,
    trust::{
        TrustBundle,
        jwk::{Algorithm, JwtKeys, Uses},
    },
};

/// 2026-11-20T09:00:00Z, in seconds.
pub(crate) const NOW: i64 = 1_795_165_200;
/// The workload that decides.
pub(crate) const THIS: &str = "spiffe://prod.example/ledger";
/// The caller.
pub(crate) const WEB: &str = "spiffe://prod.example/web";
/// The header of bearers.
pub(crate) const BEARER: &str = "authorization";
/// The header of transaction tokens.
pub(crate) const TXN: &str = "txn-token";

/// The own trust domain, with a key for each algorithm.
pub(crate) static PROD: LazyLock<TokenIssuer> = LazyLock::new(|| issuer("key", Algorithm::ALL.as_slice()));
/// Another trust domain, whose keys have the names of the own one's.
pub(crate) static FRIEND: LazyLock<TokenIssuer> =
    LazyLock::new(|| issuer("key", &[Algorithm::ES256, Algorithm::ES384]));
/// An issuer of people's tokens.
pub(crate) static LOGIN: LazyLock<TokenIssuer> =
    LazyLock::new(|| issuer("login", &[Algorithm::ES256, Algorithm::RS256]));
/// An issuer of transaction tokens with keys of its own.
pub(crate) static DESK: LazyLock<TokenIssuer> = LazyLock::new(|| issuer("desk", &[Algorithm::ES256]));

fn issuer(name: &str, algorithms: &[Algorithm]) -> TokenIssuer {
    TokenIssuer::with_algorithms(name, algorithms.iter().copied()).unwrap()
}

/// What a workload verifies with.
pub(crate) struct Scene {
    pub(crate) rules: Rules,
    pub(crate) trust: Trust,
    pub(crate) issuers: IssuerKeys,
    pub(crate) this: SpiffeId,
    /// Nanoseconds from `NOW`.
    pub(crate) later: i64,
}

impl Scene {
    /// Every kind of token is configured; none is required.
    pub(crate) fn new() -> Self {
        Self {
            rules: rules(),
            trust: trust([bundle("prod.example", &PROD), bundle("friend.example", &FRIEND)]),
            issuers: [("https://login.example", &LOGIN), ("https://desk.example", &DESK)]
                .into_iter()
                .map(|(name, issuer)| (name.to_owned(), key_set(issuer)))
                .collect(),
            this: SpiffeId::new(THIS).unwrap(),
            later: 0,
        }
    }

    pub(crate) fn with(edit: impl FnOnce(&mut Self)) -> Self {
        let mut scene = Self::new();
        edit(&mut scene);
        scene
    }

    pub(crate) fn at(mut self, seconds: i64) -> Self {
        self.later = seconds * 1_000_000_000;
        self
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_nanos(NOW * 1_000_000_000 + self.later)
    }

    pub(crate) fn verifier(&self, cache: usize) -> Verifier {
        Verifier::new(Arc::new(self.rules.clone()), Arc::new(TokenCache::new(cache)))
    }

    /// What `headers` come to.
    pub(crate) fn tokens(&self, headers: &[(&str, &str)]) -> Tokens {
        self.tokens_by(&self.verifier(16), headers)
    }

    pub(crate) fn tokens_by(&self, verifier: &Verifier, headers: &[(&str, &str)]) -> Tokens {
        let presented: Vec<_> = headers.iter().filter_map(|(header, value)| Presented::read(header, value)).collect();
        verifier.verify(&presented, &self.this, &self.trust, &self.issuers, self.now())
    }

    /// The one token in `header`, or the reason and detail of the denial; judged twice, from the cache if it got there.
    pub(crate) fn verify(&self, header: &str, token: &str) -> Result<Arc<VerifiedToken>, (&'static str, &'static str)> {
        let value = if header == BEARER { format!("Bearer {token}") } else { token.to_owned() };
        let verifier = self.verifier(16);
        let tokens = self.tokens_by(&verifier, &[(header, &value)]);
        assert_eq!(self.tokens_by(&verifier, &[(header, &value)]), tokens, "the cache changes nothing");
        match tokens.error() {
            Some(error) => {
                assert_eq!(tokens.verified().count(), 0);
                assert!(!error.to_string().contains(token) || token.is_empty(), "an error shows no token");
                Err((reason(error), error.detail()))
            }
            None => Ok(Arc::clone(tokens.verified().next().expect("a token"))),
        }
    }
}

/// The reason that a denial has for an error.
pub(crate) fn reason(error: &TokenError) -> &'static str {
    match error.why {
        Why::Missing => "token_missing",
        Why::Malformed(_) => "token_malformed",
        Why::Untrusted(_) => "token_untrusted",
        Why::Stale(_) => "trust_stale",
        Why::Signature => "token_signature",
        Why::NotYetValid { .. } => "token_not_yet_valid",
        Why::Expired { .. } => "token_expired",
        Why::Lifetime { .. } => "token_lifetime",
        Why::Audience(_) => "token_audience",
    }
}

pub(crate) fn rules() -> Rules {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    Rules {
        leeway: Duration::ZERO,
        audiences: vec!["https://ledger.prod.example".into()],
        jwt_svid: Some(JwtSvidRules {
            header: BEARER.into(),
            required: false,
            max_lifetime: minutes(60),
            strict_audience: true,
            one_time: false,
        }),
        transaction: Some(TransactionRules {
            header: TXN.into(),
            audience: TrustDomain::new("prod.example").unwrap(),
            issuers: vec![TransactionIssuer {
                issuer: "spiffe://prod.example/txn".into(),
                keys: KeySource::bundle_of("spiffe://prod.example/txn").unwrap(),
            }],
            required: false,
            max_lifetime: minutes(5),
            one_time: false,
            compat: false,
        }),
        oidc: vec![OidcRules {
            issuer: "https://login.example".into(),
            header: BEARER.into(),
            required: false,
            max_lifetime: minutes(24 * 60),
            audiences: vec!["ledger".into()],
            algorithms: vec![Algorithm::ES256],
            one_time: false,
        }],
    }
}

pub(crate) fn trust(bundles: impl IntoIterator<Item = TrustBundle>) -> Trust {
    Trust::new(bundles.into_iter().map(Arc::new)).unwrap()
}

pub(crate) fn bundle(trust_domain: &str, issuer: &TokenIssuer) -> TrustBundle {
    let (keys, _) = JwtKeys::from_jwks(&issuer.jwks("jwt-svid"), Uses::SpiffeBundle).unwrap();
    TrustBundle::from_pem(TrustDomain::new(trust_domain).unwrap(), b"", None).unwrap().with_jwt_keys(keys)
}

pub(crate) fn key_set(issuer: &TokenIssuer) -> KeySet {
    let (keys, _) = JwtKeys::from_jwks(&issuer.jwks("sig"), Uses::Plain).unwrap();
    KeySet { keys, stale_at: None }
}

/// The claims of a good JWT-SVID, with `changes`.
pub(crate) fn svid_claims(changes: Value) -> Value {
    changed(json!({"sub": WEB, "aud": THIS, "exp": NOW + 300, "iat": NOW - 10}), changes)
}

/// The claims of a good transaction token, with `changes`.
pub(crate) fn txn_claims(changes: Value) -> Value {
    let claims = json!({
        "iss": "spiffe://prod.example/txn", "aud": "prod.example", "iat": NOW - 10, "exp": NOW + 60, "txn": "t-1", "sub": "alice",
        "scope": "billing.invoice", "req_wl": WEB, "tctx": {"amount": 5}, "rctx": {"req_ip": "192.0.2.1"},
    });
    changed(claims, changes)
}

/// The claims of a good OIDC token, with `changes`.
pub(crate) fn oidc_claims(changes: Value) -> Value {
    let claims =
        json!({"iss": "https://login.example", "sub": "alice", "aud": "ledger", "exp": NOW + 300, "iat": NOW - 10});
    changed(claims, changes)
}

/// `object` with other members; those that are `ABSENT` are taken away.
pub(crate) fn changed(mut object: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    let members = object.as_object_mut().unwrap();
    for (name, value) in changes {
        if value == ABSENT { drop(members.remove(&name)) } else { drop(members.insert(name, value)) }
    }
    object
}

/// Stands for a member that is not there.
pub(crate) const ABSENT: &str = "(absent)";

/// A JWT-SVID of the own trust domain with other claims.
pub(crate) fn svid(changes: Value) -> String {
    PROD.sign(json!({}), &svid_claims(changes)).unwrap()
}

/// A transaction token with other claims.
pub(crate) fn txn(changes: Value) -> String {
    PROD.sign(json!({"typ": "txntoken+jwt"}), &txn_claims(changes)).unwrap()
}

/// An OIDC token with other claims.
pub(crate) fn oidc(changes: Value) -> String {
    LOGIN.sign(json!({}), &oidc_claims(changes)).unwrap()
}
