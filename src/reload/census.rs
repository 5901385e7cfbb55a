//! Counts documents as they stand at one time, for metrics.

use super::indexes::Indexes;
use crate::{
    clock::Timestamp,
    grant::{Approval, Grant, Kind, State},
    store::Documents,
    telemetry::Census,
};

/// What there is at `now`; `told` is how many facts come from elsewhere.
pub(super) fn census(documents: &Documents, told: usize, indexes: &Indexes, now: Timestamp) -> Census {
    let mut census = Census::default();
    for grant in &documents.grants {
        let state = grant.state(now);
        *match state {
            State::Expired => &mut census.expired,
            _ if indexes.revocations.grant(grant.name(), now).is_some() => &mut census.revoked,
            _ if grant.approval() == Approval::Lacking => &mut census.unsigned,
            State::Pending => &mut census.pending,
            State::Active => &mut census.active,
        } += 1;
        let is_overdue = state != State::Expired && grant.review_by().is_some_and(|by| by <= now);
        census.overdue += usize::from(is_overdue);
    }
    let open = documents.activations.iter().filter(|activation| {
        activation.from <= now && now < activation.until && activation.approval == Approval::Sufficient
    });
    for activation in open {
        match kind(documents, &activation.grant) {
            Some(Kind::Eligible) => census.open_eligible += 1,
            Some(Kind::BreakGlass) => census.open_break_glass += 1,
            Some(Kind::Standing | Kind::Jit | Kind::Exception) | None => {}
        }
    }
    census.revocations = documents.revocations.iter().filter(|revocation| revocation.acts(now)).count();
    census.fresh = indexes.facts.all().filter(|fact| fact.is_fresh(None, now)).count();
    census.stale = (documents.facts.len() + told).saturating_sub(census.fresh);
    census
}

/// The type of the grant of that name.
fn kind(documents: &Documents, name: &str) -> Option<Kind> {
    let place = documents.grants.binary_search_by(|grant| grant.name().cmp(name)).ok()?;
    documents.grants.get(place).map(|grant| Grant::kind(grant))
}
