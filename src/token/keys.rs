//! A token is held against the keys of whoever vouches for it, and of nobody else.

use std::collections::BTreeMap;

use super::error::{Untrusted, Vouching, Why};
use crate::{
    clock::Timestamp,
    trust::{Trust, jwk::JwtKeys},
};

/// The keys of issuers that publish them by themselves, by `iss`.
#[derive(Clone, Debug, Default)]
pub struct IssuerKeys(BTreeMap<String, KeySet>);

impl IssuerKeys {
    /// The keys of `issuer`, if any were ever had.
    pub fn get(&self, issuer: &str) -> Option<&KeySet> {
        self.0.get(issuer)
    }

    /// All issuers and their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &KeySet)> {
        self.0.iter().map(|(issuer, keys)| (issuer.as_str(), keys))
    }
}

impl FromIterator<(String, KeySet)> for IssuerKeys {
    fn from_iter<I: IntoIterator<Item = (String, KeySet)>>(issuers: I) -> Self {
        Self(issuers.into_iter().collect())
    }
}

/// The keys of one issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet {
    /// The keys; none: the issuer withdrew them, or none were had yet.
    pub keys: JwtKeys,
    /// When they cease to be relied on, if their source has gone away.
    pub stale_at: Option<Timestamp>,
}

/// The keys that `vouching` says are its own, if they can be relied on at `now`.
pub(super) fn of<'a>(
    vouching: &Vouching,
    trust: &'a Trust,
    issuers: &'a IssuerKeys,
    now: Timestamp,
) -> Result<&'a JwtKeys, Why> {
    let (keys, stale) = match vouching {
        Vouching::TrustDomain(trust_domain) => {
            let bundle = trust.bundle(trust_domain).ok_or_else(|| Untrusted::TrustDomain(trust_domain.clone()))?;
            (bundle.jwt_keys(), bundle.is_stale(now))
        }
        Vouching::Issuer(issuer) => {
            let set = issuers.get(issuer).ok_or_else(|| Untrusted::NoKeys(vouching.clone()))?;
            (&set.keys, set.stale_at.is_some_and(|stale_at| now >= stale_at))
        }
    };
    if stale {
        return Err(Why::Stale(vouching.clone()));
    }
    if keys.is_empty() {
        return Err(Untrusted::NoKeys(vouching.clone()).into());
    }
    Ok(keys)
}
