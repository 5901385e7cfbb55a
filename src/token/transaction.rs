//! A transaction token says what a whole call chain is for; it names the workloads that asked for it, and admits none ([Txn-Tokens]).
//!
//! [Txn-Tokens]: https://datatracker.ietf.org/doc/draft-ietf-oauth-transaction-tokens/10/

use serde_json::{Map, Value};

use super::{
    claims::Claims,
    error::{Audience, Claim, Kind, Malformed, Untrusted, Vouching, Why},
    jws::{Extra, Jws},
    jwt_svid::workload,
    rules::{KeySource, TransactionRules},
    verified::Stated,
};

/// Reads what it says of itself; the claims of older drafts get their present names, if those are understood.
///
/// Older drafts call `scope` `purp` and `tctx` `azd`, and their `typ` is `txn_token`; a token has either name, not both. What a draft left out
/// is not made up: without `req_wl` there is no holder, and without an `iat` no knowing how long it lives.
pub(super) fn read(jws: &mut Jws<'_>, rules: &TransactionRules) -> Result<Stated, Why> {
    if jws.extra != Extra::Nothing {
        return Err(Malformed::Header.into());
    }
    match jws.typ.as_deref() {
        Some("txntoken+jwt") => {}
        Some("txn_token") if rules.compat => {}
        _ => return Err(Malformed::Type.into()),
    }
    if rules.compat {
        rename(&mut jws.claims, "purp", Claim::Scope)?;
        rename(&mut jws.claims, "azd", Claim::TransactionContext)?;
    }
    let claims = Claims(&jws.claims);
    let iss = claims.text(Claim::Issuer)?;
    let subject = claims.required_text(Claim::Subject)?.to_owned();
    let txn = claims.required_text(Claim::Transaction)?.to_owned();
    let jti = claims.text(Claim::Id)?.map(str::to_owned);
    let audiences = claims.texts(Claim::Audience)?.into_iter().map(str::to_owned).collect();
    let scope = scope(claims)?;
    let requesting = claims.texts(Claim::RequestingWorkload)?;
    let requesting = requesting.into_iter().map(|text| workload(text, Claim::RequestingWorkload));
    let requesting_workload = requesting.collect::<Result<_, _>>()?;
    claims.object(Claim::TransactionContext)?;
    claims.object(Claim::RequestContext)?;
    let times = claims.times()?;
    if times.issued.is_none() {
        return Err(Malformed::from(Claim::IssuedAt).into());
    }

    let issuer = match (iss, &rules.issuers[..]) {
        (Some(iss), issuers) => issuers.iter().find(|issuer| issuer.issuer == iss),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let issuer = issuer.ok_or(Untrusted::Issuer)?;
    let vouching = match &issuer.keys {
        KeySource::TrustDomain(trust_domain) => Vouching::TrustDomain(trust_domain.clone()),
        KeySource::Issuer => Vouching::Issuer(issuer.issuer.clone()),
    };
    Ok(Stated {
        kind: Kind::Transaction,
        vouching,
        issuer: issuer.issuer.clone(),
        subject,
        spiffe_id: None,
        jti,
        txn: Some(txn),
        audiences,
        scope,
        requesting_workload,
        times,
    })
}

/// Whether it is meant for the trust domain, and no other.
pub(super) fn is_meant(stated: &Stated, rules: &TransactionRules) -> Result<(), Audience> {
    match &stated.audiences[..] {
        [only] if only == rules.audience.as_str() => Ok(()),
        _ => Err(Audience::NotTheTrustDomain),
    }
}

fn rename(claims: &mut Map<String, Value>, old: &str, claim: Claim) -> Result<(), Malformed> {
    match claims.remove(old) {
        Some(_) if claims.contains_key(claim.name()) => Err(claim.into()),
        Some(value) => {
            claims.insert(claim.name().to_owned(), value);
            Ok(())
        }
        None => Ok(()),
    }
}

/// The values of `scope`: visible ASCII without quote and backslash, one space between them (RFC 6749 §3.3).
fn scope(claims: Claims<'_>) -> Result<Vec<String>, Malformed> {
    let is_value =
        |value: &&str| !value.is_empty() && value.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~'));
    let values: Vec<_> = claims.required_text(Claim::Scope)?.split(' ').collect();
    if values.iter().all(is_value) {
        Ok(values.into_iter().map(str::to_owned).collect())
    } else {
        Err(Claim::Scope.into())
    }
}
