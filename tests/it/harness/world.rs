//! Who signs tokens for a workload, and tokens of every kind that are good until a test spoils them.

use std::sync::LazyLock;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hopguard::{clock::Timestamp, dev::TokenIssuer, trust::jwk::Algorithm};
use serde_json::{Value, json};

use super::{Grant, documents};

/// The own trust domain.
pub(crate) static OWN: LazyLock<TokenIssuer> = LazyLock::new(|| {
    use Algorithm::{ES256, ES384, ES512, PS256, RS256};
    TokenIssuer::with_algorithms("key", [ES256, ES384, ES512, PS256, RS256]).unwrap()
});
/// Another trust domain, whose keys have names of the own one's.
pub(crate) static FRIEND: LazyLock<TokenIssuer> =
    LazyLock::new(|| TokenIssuer::with_algorithms("key", [Algorithm::ES256]).unwrap());
/// An issuer of people's tokens.
pub(crate) static LOGIN: LazyLock<TokenIssuer> =
    LazyLock::new(|| TokenIssuer::with_algorithms("login", [Algorithm::ES256, Algorithm::ES384]).unwrap());
/// Who could sign anything, and is known to nobody.
pub(crate) static NOBODY: LazyLock<TokenIssuer> =
    LazyLock::new(|| TokenIssuer::with_algorithms("key", [Algorithm::ES256]).unwrap());

/// Another trusted domain.
pub(crate) const FRIENDLY: &str = "friend.example";
/// Who issues people's tokens.
pub(crate) const LOGIN_ISSUER: &str = "https://login.example";
/// Stands for a member that is not there.
pub(crate) const ABSENT: &str = "(absent)";
/// What the peer may do on its own behalf.
pub(crate) const ALONE: &str = "/alone";
/// What the peer may do for `alice`, with a purpose that it states itself.
pub(crate) const FOR_ALICE: &str = "/for/alice";
/// What the peer may do for `alice`, with a purpose that a token was signed for.
pub(crate) const SIGNED: &str = "/signed/alice";

/// A workload and its caller, in a trust domain that issues tokens.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) domain: &'static str,
    /// The workload that decides.
    pub(crate) this: String,
    /// The workload that calls it.
    pub(crate) caller: String,
    pub(crate) now: Timestamp,
}

impl World {
    /// A time so many seconds from now, as tokens write it.
    pub(crate) fn at(&self, seconds: i64) -> i64 {
        self.now.seconds() + seconds
    }

    /// Who issues transaction tokens.
    pub(crate) fn desk(&self) -> String {
        format!("spiffe://{}/txn", self.domain)
    }

    /// The claims of a good JWT-SVID of the caller, with `changes`.
    pub(crate) fn svid_claims(&self, changes: Value) -> Value {
        changed(json!({"sub": self.caller, "aud": self.this, "exp": self.at(600), "iat": self.at(-10)}), changes)
    }

    /// The claims of a good transaction token of the caller, with `changes`.
    pub(crate) fn txn_claims(&self, changes: Value) -> Value {
        let claims = json!({
            "iss": self.desk(), "aud": self.domain, "iat": self.at(-10), "exp": self.at(200), "txn": "t-1", "sub": "alice",
            "scope": "checkout", "req_wl": self.caller, "tctx": {"amount": 5}, "rctx": {"req_ip": "192.0.2.1"},
        });
        changed(claims, changes)
    }

    /// The claims of a good OIDC token of `alice`, with `changes`.
    pub(crate) fn oidc_claims(&self, changes: Value) -> Value {
        let claims =
            json!({"iss": LOGIN_ISSUER, "sub": "alice", "aud": "payments", "exp": self.at(600), "iat": self.at(-10)});
        changed(claims, changes)
    }

    /// A JWT-SVID of the caller with other claims.
    pub(crate) fn svid(&self, changes: Value) -> String {
        OWN.sign(json!({}), &self.svid_claims(changes)).unwrap()
    }

    /// A JWT-SVID with other fields in its header.
    pub(crate) fn headed(&self, header: Value) -> String {
        OWN.sign(header, &self.svid_claims(json!({}))).unwrap()
    }

    /// A transaction token with other claims.
    pub(crate) fn txn(&self, changes: Value) -> String {
        OWN.sign(json!({"typ": "txntoken+jwt"}), &self.txn_claims(changes)).unwrap()
    }

    /// An OIDC token with other claims.
    pub(crate) fn oidc(&self, changes: Value) -> String {
        LOGIN.sign(json!({}), &self.oidc_claims(changes)).unwrap()
    }

    /// Every kind of token, none of them required: sections of the configuration, and the files that they name.
    pub(crate) fn settings(&self) -> [(&'static str, String); 5] {
        let Self { domain, .. } = self;
        [
            (
                "trust",
                format!(
                    "[{{trust_domain: {domain}, bundle: own.json}}, {{trust_domain: {FRIENDLY}, bundle: friend.json}}]"
                ),
            ),
            ("audiences", "[\"https://payments.prod.example\"]".to_owned()),
            ("tokens.jwt_svid", "{}".to_owned()),
            ("tokens.transaction", format!("{{audience: {domain}, issuers: [{{issuer: \"{}\"}}]}}", self.desk())),
            ("tokens.oidc", format!("[{}]", oidc(""))),
        ]
    }

    /// The files that the settings name; `roots` are those of the own trust domain, in DER.
    pub(crate) fn files(&self, roots: &[&[u8]]) -> [(&'static str, String); 3] {
        let mut keys = OWN.jwks("jwt-svid")["keys"].as_array().unwrap().clone();
        keys.extend(weak());
        [
            ("own.json", bundle(roots, &keys)),
            ("friend.json", bundle(&[], FRIEND.jwks("jwt-svid")["keys"].as_array().unwrap())),
            ("login.json", LOGIN.jwks("sig").to_string()),
        ]
    }

    /// What administrators wrote: purposes, and what the caller may do alone and for others.
    pub(crate) fn documents(&self) -> String {
        let grant = |path: &str| Grant::to(path, self.now).subject(&self.caller).audience(&self.this).methods("GET");
        let behalf = |path: &str| {
            grant(path).on_behalf_of(&self.desk(), &["alice"]).on_behalf_of(LOGIN_ISSUER, &["alice"]).max_depth(2)
        };
        let grants = [grant(ALONE), behalf(FOR_ALICE).binding("declared"), behalf(SIGNED)];
        ["checkout", "checkout.gift", "refund"].map(documents::purpose).concat()
            + &grants.iter().map(Grant::yaml).collect::<String>()
    }
}

/// The terms of `https://login.example`, and more.
pub(crate) fn oidc(more: &str) -> String {
    format!(
        "{{issuer: \"{LOGIN_ISSUER}\", audiences: [payments], algorithms: [ES256], jwks: {{file: login.json}}{more}}}"
    )
}

/// A SPIFFE bundle document.
pub(crate) fn bundle(roots: &[&[u8]], keys: &[Value]) -> String {
    let roots = roots.iter().map(|der| json!({"use": "x509-svid", "kty": "EC", "x5c": [STANDARD.encode(der)]}));
    json!({"keys": roots.chain(keys.iter().cloned()).collect::<Vec<_>>()}).to_string()
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

/// Keys that would verify what is signed with the proper ones, or by anybody, were they taken as they are.
fn weak() -> [Value; 5] {
    let keys = OWN.jwks("jwt-svid");
    let key = |algorithm: Algorithm| {
        let keys = keys["keys"].as_array().unwrap();
        keys.iter().find(|key| key["alg"] == algorithm.as_str()).unwrap().clone()
    };
    let octets = |key: &Value, name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let with = |key: &Value, kid: &str, name: &str, octets: &[u8]| {
        changed(key.clone(), json!({"kid": kid, name: URL_SAFE_NO_PAD.encode(octets)}))
    };
    let (rsa, ec) = (key(Algorithm::RS256), key(Algorithm::ES256));
    let (n, x, y) = (octets(&rsa, "n"), octets(&ec, "x"), octets(&ec, "y"));
    [
        with(&rsa, "weak-short", "n", &[&n[..127], &[1]].concat()),
        with(&rsa, "weak-padded", "n", &[&[0], &n[..]].concat()),
        with(&rsa, "weak-one", "e", &[1]),
        with(&ec, "weak-point", "y", &[&y[..31], &[y[31] ^ 1]].concat()),
        with(&ec, "weak-width", "x", &[&[0], &x[..]].concat()),
    ]
}
