//! Which kinds of token there are, and on what terms; a kind that no rule names does not exist.

use std::time::Duration;

use spiffe::TrustDomain;

use super::error::Kind;
use crate::{
    peer::id::{self, InvalidId},
    trust::jwk::Algorithm,
};

/// The terms of every kind of token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// How long after its end, and before its `nbf`, a token still counts: at most 5 s, whatever this says.
    pub leeway: Duration,
    /// What tokens may call this workload, besides its own SPIFFE ID.
    pub audiences: Vec<String>,
    /// The terms of JWT-SVIDs.
    pub jwt_svid: Option<JwtSvidRules>,
    /// The terms of transaction tokens.
    pub transaction: Option<TransactionRules>,
    /// The terms of each OIDC issuer's tokens.
    pub oidc: Vec<OidcRules>,
}

impl Rules {
    /// The headers that may hold a token, in lower case; one that several kinds share, as often.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        let jwt_svid = self.jwt_svid.iter().map(|rules| &rules.header);
        let transaction = self.transaction.iter().map(|rules| &rules.header);
        let oidc = self.oidc.iter().map(|rules| &rules.header);
        jwt_svid.chain(transaction).chain(oidc).map(String::as_str)
    }

    /// Whether `header`, in lower case, may hold a token.
    pub fn names(&self, header: &str) -> bool {
        self.headers().any(|name| name == header)
    }

    pub(super) fn leeway(&self) -> Duration {
        self.leeway.min(MAX_LEEWAY)
    }
}

/// The terms of JWT-SVIDs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtSvidRules {
    /// The header that holds one, in lower case.
    pub header: String,
    /// Whether every hop needs one.
    pub required: bool,
    /// For how long one may live.
    pub max_lifetime: Duration,
    /// Whether one that is meant for others too is refused.
    pub strict_audience: bool,
    /// Whether one counts once.
    pub one_time: bool,
}

/// The terms of transaction tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRules {
    /// The header that holds one, in lower case.
    pub header: String,
    /// The trust domain in which they are valid.
    pub audience: TrustDomain,
    /// Who issues them.
    pub issuers: Vec<TransactionIssuer>,
    /// Whether every hop needs one.
    pub required: bool,
    /// For how long one may live.
    pub max_lifetime: Duration,
    /// Whether one counts once.
    pub one_time: bool,
    /// Whether the names of older drafts are understood.
    pub compat: bool,
}

/// An issuer of transaction tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionIssuer {
    /// What `iss` says, exactly.
    pub issuer: String,
    /// Where its keys are.
    pub keys: KeySource,
}

/// Where the keys of an issuer are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// In the bundle of this trust domain: that of an issuer `spiffe://<trust domain>/…`.
    TrustDomain(TrustDomain),
    /// Under its name, among the keys of issuers.
    Issuer,
}

impl KeySource {
    /// The bundle of the trust domain that an issuer `spiffe://<trust domain>/…` is of.
    pub fn bundle_of(issuer: &str) -> Result<Self, InvalidId> {
        Ok(Self::TrustDomain(id::parse(issuer)?.trust_domain().clone()))
    }
}

/// The terms of one OIDC issuer's tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcRules {
    /// What `iss` says, exactly.
    pub issuer: String,
    /// The header that holds one, in lower case.
    pub header: String,
    /// Whether every hop needs one of this issuer.
    pub required: bool,
    /// For how long one may live.
    pub max_lifetime: Duration,
    /// What its tokens may call this workload, besides the names that all may.
    pub audiences: Vec<String>,
    /// What it signs with.
    pub algorithms: Vec<Algorithm>,
    /// Whether one counts once.
    pub one_time: bool,
}

/// The terms that one token is on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule<'a> {
    JwtSvid(&'a JwtSvidRules),
    Transaction(&'a TransactionRules),
    Oidc(&'a OidcRules),
}

impl Rule<'_> {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Self::JwtSvid(_) => Kind::JwtSvid,
            Self::Transaction(_) => Kind::Transaction,
            Self::Oidc(_) => Kind::Oidc,
        }
    }

    pub(super) const fn max_lifetime(self) -> Duration {
        match self {
            Self::JwtSvid(rules) => rules.max_lifetime,
            Self::Transaction(rules) => rules.max_lifetime,
            Self::Oidc(rules) => rules.max_lifetime,
        }
    }

    pub(super) const fn one_time(self) -> bool {
        match self {
            Self::JwtSvid(rules) => rules.one_time,
            Self::Transaction(rules) => rules.one_time,
            Self::Oidc(rules) => rules.one_time,
        }
    }
}

/// The most leeway that clocks are given.
pub const MAX_LEEWAY: Duration = Duration::from_secs(5);
