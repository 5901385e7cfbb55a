//! Finds the grant that covers a hop, at a cost that other subjects' and other workloads' grants do not change.

use std::{collections::HashMap, sync::Arc};

use spiffe::SpiffeId;

use super::{Dimension, Grant, GrantError, Needed, Requested, State};
use crate::{clock::Timestamp, purpose::Purpose};

/// The grants whose audience is this workload.
#[derive(Clone, Debug)]
pub struct Grants(Arc<Index>);

#[derive(Debug)]
struct Index {
    audience: SpiffeId,
    /// Each list is in the order in which grants are chosen.
    by_subject: HashMap<SpiffeId, Vec<Arc<Grant>>>,
}

impl Grants {
    /// Indexes those of `grants` that name `audience`, this workload.
    pub fn new<'a>(audience: SpiffeId, grants: impl IntoIterator<Item = &'a Arc<Grant>>) -> Self {
        let mut by_subject: HashMap<_, Vec<_>> = HashMap::new();
        for grant in grants {
            if grant.audiences.contains(&audience) {
                by_subject.entry(grant.subject.clone()).or_default().push(Arc::clone(grant));
            }
        }
        for grants in by_subject.values_mut() {
            grants.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        }
        Self(Arc::new(Index { audience, by_subject }))
    }

    /// Finds the grant that covers this hop: of those that do, the least extraordinary, then the first by name.
    ///
    /// # Errors
    /// The nearest reason why none does: [`GrantError::Pending`] before [`GrantError::Expired`] where only time is missing, else
    /// [`GrantError::Missing`].
    pub fn covering(
        &self,
        subject: &SpiffeId,
        requested: &Requested<'_>,
        purpose: &Purpose,
        now: Timestamp,
    ) -> Result<ActiveGrant, GrantError> {
        let Index { audience, by_subject } = &*self.0;
        let grants = by_subject.get(subject).map_or(&[][..], Vec::as_slice);
        let mut nearest = if grants.is_empty() { Dimension::Subject } else { Dimension::Action };
        let mut active: Option<ActiveGrant> = None;
        let mut pending: Option<&Arc<Grant>> = None;
        let mut expired: Option<&Arc<Grant>> = None;
        for grant in grants.iter().filter(|grant| grant.actions.iter().any(|action| action.covers(requested))) {
            nearest = Dimension::Purpose;
            if !grant.purposes.iter().any(|granted| granted.includes(purpose)) {
                continue;
            }
            match grant.state(now) {
                State::Active => match &mut active {
                    Some(active) => active.others.push(Arc::clone(grant)),
                    None => active = Some(ActiveGrant { grant: Arc::clone(grant), others: Vec::new() }),
                },
                State::Expired if expired.is_none_or(|other| other.expires_at < grant.expires_at) => {
                    expired = Some(grant);
                }
                State::Pending if pending.is_none_or(|other| grant.not_before < other.not_before) => {
                    pending = Some(grant);
                }
                State::Expired | State::Pending => {}
            }
        }
        active.ok_or_else(|| match (pending, expired) {
            (Some(grant), _) => GrantError::Pending(Arc::clone(grant)),
            (None, Some(grant)) => GrantError::Expired(Arc::clone(grant)),
            (None, None) => GrantError::Missing(Box::new(Needed::new(nearest, subject, audience, requested, purpose))),
        })
    }
}

/// The grant that covers a hop, found by [`Grants::covering`] and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveGrant {
    grant: Arc<Grant>,
    others: Vec<Arc<Grant>>,
}

impl ActiveGrant {
    /// The grant that the hop goes under.
    pub const fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }

    /// All grants that cover the hop, the chosen one first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Grant>> {
        std::iter::once(&self.grant).chain(&self.others)
    }
}

#[cfg(test)]
mod tests;
