//! Tokens say what their issuers signed, for this hop, now: every one that is presented verifies, or the hop is denied.
//!
//! A token kind exists only if a rule names it. Each token is given to one verifier, which is chosen before anything is verified, and there
//! is no second try. The first check that fails is the reason: malformed, untrusted, signature, not yet valid, expired, lifetime, audience.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use spiffe::SpiffeId;

use crate::{clock::Timestamp, lookups::Lookups, peer::id, trust::Trust};

pub use cache::TokenCache;
pub use error::{Audience, Claim, Kind, Malformed, TokenError, Untrusted, Vouching, Why};
pub use keys::{IssuerKeys, KeySet};
pub use presented::{Presented, PresentedValue};
pub use rules::{JwtSvidRules, KeySource, MAX_LEEWAY, OidcRules, Rules, TransactionIssuer, TransactionRules};
pub use verified::{OneTimeKey, VerifiedToken};

use claims::Claims;
use jws::Jws;
use rules::Rule;
use verified::Stated;

mod cache;
mod claims;
mod error;
mod jws;
mod jwt_svid;
mod keys;
mod oidc;
mod presented;
mod rules;
mod transaction;
mod verified;

/// Verifies the tokens of a hop.
#[derive(Clone, Debug)]
pub struct Verifier {
    rules: Arc<Rules>,
    cache: Arc<TokenCache>,
}

/// The tokens of a hop: of each kind at most one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Which workload presents itself, beside its certificate.
    pub jwt_svid: Result<Option<Arc<VerifiedToken>>, TokenError>,
    /// What the call chain is for.
    pub transaction: Result<Option<Arc<VerifiedToken>>, TokenError>,
    /// On whose behalf.
    pub oidc: Result<Option<Arc<VerifiedToken>>, TokenError>,
}

impl Tokens {
    /// The tokens that were verified.
    pub fn verified(&self) -> impl Iterator<Item = &Arc<VerifiedToken>> {
        [&self.jwt_svid, &self.transaction, &self.oidc].into_iter().flatten().flatten()
    }

    /// The first error, in the order of the kinds.
    pub fn error(&self) -> Option<&TokenError> {
        [&self.jwt_svid, &self.transaction, &self.oidc].into_iter().find_map(|token| token.as_ref().err())
    }
}

/// What a token is held against.
#[derive(Clone, Copy)]
struct World<'a> {
    this: &'a SpiffeId,
    trust: &'a Trust,
    issuers: &'a IssuerKeys,
    now: Timestamp,
}

impl Verifier {
    /// Verifies tokens by `rules`; `cache` may be shared with the verifiers before and after.
    pub const fn new(rules: Arc<Rules>, cache: Arc<TokenCache>) -> Self {
        Self { rules, cache }
    }

    /// How often a token was known.
    pub fn lookups(&self) -> &Lookups {
        self.cache.lookups()
    }

    /// Verifies at `now` the tokens that were presented to `this` workload; what stands in a header that no rule names is no token.
    pub fn verify(
        &self,
        presented: &[Presented<'_>],
        this: &SpiffeId,
        trust: &Trust,
        issuers: &IssuerKeys,
        now: Timestamp,
    ) -> Tokens {
        let world = World { this, trust, issuers, now };
        let mut tokens = Tokens { jwt_svid: Ok(None), transaction: Ok(None), oidc: Ok(None) };
        for presented in presented {
            let Some(unknown) = self.kind_of_unknown(presented.header) else { continue };
            let verified = match presented.value {
                PresentedValue::Token(token) => self.verify_one(presented.header, token, unknown, world),
                PresentedValue::NoToken => Err(TokenError { kind: unknown, why: Malformed::Scheme.into() }),
            };
            let kind = verified.as_ref().map_or_else(|error| error.kind, |token| token.kind());
            let slot = match kind {
                Kind::JwtSvid => &mut tokens.jwt_svid,
                Kind::Transaction => &mut tokens.transaction,
                Kind::Oidc => &mut tokens.oidc,
            };
            match slot {
                Ok(None) => *slot = verified.map(Some),
                Ok(Some(_)) => *slot = Err(TokenError { kind, why: Malformed::Several.into() }),
                Err(_) => {}
            }
        }
        self.miss(&mut tokens);
        tokens
    }

    /// Finds required tokens that are not there.
    fn miss(&self, tokens: &mut Tokens) {
        let missing = |kind| Err(TokenError { kind, why: Why::Missing });
        let Rules { jwt_svid, transaction, oidc, .. } = &*self.rules;
        if jwt_svid.as_ref().is_some_and(|rules| rules.required) && tokens.jwt_svid == Ok(None) {
            tokens.jwt_svid = missing(Kind::JwtSvid);
        }
        if transaction.as_ref().is_some_and(|rules| rules.required) && tokens.transaction == Ok(None) {
            tokens.transaction = missing(Kind::Transaction);
        }
        for rules in oidc.iter().filter(|rules| rules.required) {
            let there = tokens.oidc.as_ref().map(|token| token.as_ref().map(|token| token.issuer()));
            if there.is_ok_and(|issuer| issuer != Some(&rules.issuer)) {
                tokens.oidc = missing(Kind::Oidc);
            }
        }
    }

    /// What a token in `header` is called that cannot be told apart; `None`: no rule names the header.
    fn kind_of_unknown(&self, header: &str) -> Option<Kind> {
        if self.rules.transaction.as_ref().is_some_and(|rules| rules.header == header) {
            Some(Kind::Transaction)
        } else if self.rules.jwt_svid.as_ref().is_some_and(|rules| rules.header == header) {
            Some(Kind::JwtSvid)
        } else {
            self.rules.oidc.iter().any(|rules| rules.header == header).then_some(Kind::Oidc)
        }
    }

    fn verify_one(
        &self,
        header: &str,
        token: &str,
        unknown: Kind,
        world: World<'_>,
    ) -> Result<Arc<VerifiedToken>, TokenError> {
        let unreadable = |malformed: Malformed| TokenError { kind: unknown, why: malformed.into() };
        if token.len() > MAX_TOKEN {
            return Err(unreadable(Malformed::TooLong));
        }
        let sha256 = verified::array(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(known) = self.cache.get(&sha256, &self.rules, header)
            && let Some(rule) = self.rule(header, known.kind(), Some(known.issuer()))
            && let Ok(keys) = keys::of(&known.stated.vouching, world.trust, world.issuers, world.now)
            && **keys.revision() == *known.keys_revision
        {
            self.cache.lookups().note(true);
            let judged = self.judge(&known.stated, rule, world);
            return judged.map(|()| known).map_err(|why| TokenError { kind: rule.kind(), why });
        }

        self.cache.lookups().note(false);
        let mut jws = Jws::read(token).map_err(unreadable)?;
        let issuer = Claims(&jws.claims).text(Claim::Issuer).map_err(unreadable)?;
        let oidc = self.rule(header, Kind::Oidc, issuer).filter(|_| unknown != Kind::Transaction);
        let Some(rule) = oidc.or_else(|| self.rule(header, unknown, None)) else {
            return Err(TokenError { kind: unknown, why: Untrusted::Issuer.into() });
        };
        let kind = rule.kind();
        let verified = self.verify_signed(&mut jws, rule, sha256, world).map_err(|why| TokenError { kind, why })?;
        self.judge(&verified.stated, rule, world).map_err(|why| TokenError { kind, why })?;
        let verified = Arc::new(verified);
        let entry = cache::Entry {
            rules: Arc::clone(&self.rules),
            header: header.into(),
            token: Arc::clone(&verified),
            length: token.len(),
        };
        self.cache.insert(sha256, entry);
        Ok(verified)
    }

    /// The terms for a token of `kind` in `header`; an OIDC token is on those of its issuer.
    fn rule(&self, header: &str, kind: Kind, issuer: Option<&str>) -> Option<Rule<'_>> {
        match kind {
            Kind::JwtSvid => self.rules.jwt_svid.as_ref().filter(|rules| rules.header == header).map(Rule::JwtSvid),
            Kind::Transaction => {
                self.rules.transaction.as_ref().filter(|rules| rules.header == header).map(Rule::Transaction)
            }
            Kind::Oidc => {
                let mut oidc = self.rules.oidc.iter();
                oidc.find(|rules| rules.header == header && Some(&*rules.issuer) == issuer).map(Rule::Oidc)
            }
        }
    }

    /// Verifies that those who may say what the token says said it.
    fn verify_signed(
        &self,
        jws: &mut Jws<'_>,
        rule: Rule<'_>,
        sha256: [u8; 32],
        world: World<'_>,
    ) -> Result<VerifiedToken, Why> {
        let stated = match rule {
            Rule::JwtSvid(_) => jwt_svid::read(jws)?,
            Rule::Transaction(rules) => transaction::read(jws, rules)?,
            Rule::Oidc(rules) => oidc::read(jws, rules)?,
        };
        let keys = keys::of(&stated.vouching, world.trust, world.issuers, world.now)?;
        let key = keys.get(&jws.kid).ok_or_else(|| Untrusted::UnknownKey(stated.vouching.clone()))?;
        if key.algorithm() != jws.algorithm {
            return Err(Untrusted::Algorithm(jws.algorithm).into());
        }
        if !key.verify(jws.algorithm, jws.signed.as_bytes(), &jws.signature) {
            return Err(Why::Signature);
        }
        Ok(VerifiedToken {
            one_time: rule.one_time().then(|| OneTimeKey::of(&stated, jws)),
            valid_until: stated.times.expires.after(self.rules.leeway()),
            keys_revision: Arc::clone(keys.revision()),
            claims: std::mem::take(&mut jws.claims),
            kid: std::mem::take(&mut jws.kid),
            algorithm: jws.algorithm,
            stated,
            sha256,
        })
    }

    /// Judges what was signed: whether it holds now, and here.
    fn judge(&self, stated: &Stated, rule: Rule<'_>, world: World<'_>) -> Result<(), Why> {
        stated.times.check(self.rules.leeway(), rule.max_lifetime(), world.now)?;
        let is_ours = |name: &str| {
            id::is_spelled(world.this, name) || self.rules.audiences.iter().any(|audience| audience == name)
        };
        match rule {
            Rule::JwtSvid(rules) => jwt_svid::is_meant(stated, rules, is_ours)?,
            Rule::Transaction(rules) => transaction::is_meant(stated, rules)?,
            Rule::Oidc(rules) => oidc::is_meant(stated, rules, is_ours)?,
        }
        Ok(())
    }
}

/// The longest token.
const MAX_TOKEN: usize = 8 * 1024;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
