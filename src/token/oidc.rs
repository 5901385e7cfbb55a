//! An OIDC token is about a person, whom exactly one configured issuer knows ([RFC 7519], [RFC 9068]).
//!
//! [RFC 7519]: https://www.rfc-editor.org/rfc/rfc7519
//! [RFC 9068]: https://www.rfc-editor.org/rfc/rfc9068

use super::{
    claims::Claims,
    error::{Audience, Claim, Kind, Malformed, Untrusted, Vouching, Why},
    jws::Jws,
    rules::OidcRules,
    verified::Stated,
};

/// Reads what it says of itself; that its `iss` is that of `rules` is known.
pub(super) fn read(jws: &Jws<'_>, rules: &OidcRules) -> Result<Stated, Why> {
    // Further header fields that other verifiers might obey were refused, and what is left says nothing.
    if !matches!(jws.typ.as_deref(), None | Some("JWT" | "at+jwt" | "application/at+jwt")) {
        return Err(Malformed::Type.into());
    }
    let claims = Claims(&jws.claims);
    let subject = claims.required_text(Claim::Subject)?;
    // A person named as workloads are could be taken for one wherever names stand alone.
    if subject.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:")) {
        return Err(Malformed::NamedAsWorkload.into());
    }
    if subject.len() > MAX_SUBJECT {
        return Err(Malformed::from(Claim::Subject).into());
    }
    let stated = Stated {
        kind: Kind::Oidc,
        vouching: Vouching::Issuer(rules.issuer.clone()),
        issuer: rules.issuer.clone(),
        subject: subject.to_owned(),
        spiffe_id: None,
        jti: claims.text(Claim::Id)?.map(str::to_owned),
        txn: None,
        audiences: claims.texts(Claim::Audience)?.into_iter().map(str::to_owned).collect(),
        scope: Vec::new(),
        requesting_workload: Vec::new(),
        times: claims.times()?,
    };
    if !rules.algorithms.contains(&jws.algorithm) {
        return Err(Untrusted::Algorithm(jws.algorithm).into());
    }
    Ok(stated)
}

/// Whether it is meant for a workload that has the names that `is_ours` tells, and those of this issuer's rules.
pub(super) fn is_meant(stated: &Stated, rules: &OidcRules, is_ours: impl Fn(&str) -> bool) -> Result<(), Audience> {
    let is_ours = |name: &String| is_ours(name) || rules.audiences.contains(name);
    if stated.audiences.iter().any(is_ours) { Ok(()) } else { Err(Audience::Other) }
}

/// The longest subject (OpenID Connect Core §2).
const MAX_SUBJECT: usize = 255;
