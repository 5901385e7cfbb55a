//! A JWT-SVID is about the workload in its `sub`, and only that workload's trust domain can have signed it ([JWT-SVID]).
//!
//! [JWT-SVID]: https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md

use spiffe::SpiffeId;

use super::{
    claims::Claims,
    error::{Audience, Claim, Kind, Malformed, Vouching},
    jws::{Extra, Jws},
    rules::JwtSvidRules,
    verified::Stated,
};
use crate::peer::id;

/// Reads what it says of itself.
pub(super) fn read(jws: &Jws<'_>) -> Result<Stated, Malformed> {
    if jws.extra != Extra::Nothing {
        return Err(Malformed::Header);
    }
    if !matches!(jws.typ.as_deref(), None | Some("JWT" | "JOSE")) {
        return Err(Malformed::Type);
    }
    let claims = Claims(&jws.claims);
    let spiffe_id = workload(claims.required_text(Claim::Subject)?, Claim::Subject)?;
    Ok(Stated {
        kind: Kind::JwtSvid,
        vouching: Vouching::TrustDomain(spiffe_id.trust_domain().clone()),
        issuer: spiffe_id.trust_domain().id_string(),
        subject: spiffe_id.to_string(),
        spiffe_id: Some(spiffe_id),
        jti: claims.text(Claim::Id)?.map(str::to_owned),
        txn: None,
        audiences: claims.texts(Claim::Audience)?.into_iter().map(str::to_owned).collect(),
        scope: Vec::new(),
        requesting_workload: Vec::new(),
        times: claims.times()?,
    })
}

/// Whether it is meant for a workload that has the names that `is_ours` tells.
pub(super) fn is_meant(stated: &Stated, rules: &JwtSvidRules, is_ours: impl Fn(&str) -> bool) -> Result<(), Audience> {
    if !stated.audiences.iter().any(|name| is_ours(name)) {
        Err(Audience::Other)
    } else if rules.strict_audience && !stated.audiences.iter().all(|name| is_ours(name)) {
        Err(Audience::Shared)
    } else {
        Ok(())
    }
}

/// Reads the SPIFFE ID of a workload.
pub(super) fn workload(text: &str, claim: Claim) -> Result<SpiffeId, Malformed> {
    id::parse_workload(text).map_err(|why| Malformed::Id { claim, why })
}
