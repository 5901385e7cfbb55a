//! Finds the grant that covers a hop, at a cost that other subjects' and other workloads' grants do not change.

use std::{collections::HashMap, sync::Arc};

use spiffe::SpiffeId;

use super::{Dimension, Grant, GrantError, Needed, Reach, Requested, State, Subject};
use crate::{
    clock::Timestamp,
    purpose::{PurposeError, StatedPurpose},
};

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
            if let Subject::Workload(subject) = &grant.subject
                && grant.audiences().any(|other| *other == audience)
            {
                by_subject.entry(subject.clone()).or_default().push(Arc::clone(grant));
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
    /// The nearest reason why none does: [`GrantError::NotHeld`] where only the relay is missing, [`GrantError::Pending`] before
    /// [`GrantError::Expired`] where only time is, else [`GrantError::Missing`].
    pub fn covering(&self, asked: &Asked<'_>) -> Result<ActiveGrant, GrantError> {
        let Index { audience, by_subject } = &*self.0;
        let grants = by_subject.get(asked.acting.peer).map_or(&[][..], Vec::as_slice);
        let mut nearest = Nearest::new(if grants.is_empty() { Dimension::Subject } else { Dimension::Action });
        let mut active: Option<ActiveGrant> = None;
        let reaches = |reach: &Reach| {
            reach.audiences.contains(audience) && reach.actions.iter().any(|action| action.covers(&asked.requested))
        };
        for grant in grants.iter().filter(|grant| grant.reach.iter().any(reaches)) {
            if let Err(lacks) = grant.covers(asked) {
                nearest.lacks(lacks);
                continue;
            }
            match grant.state(asked.now) {
                State::Active if !grant.lets_relay(&asked.acting) => {
                    nearest.not_held.get_or_insert(grant);
                }
                State::Active => match &mut active {
                    Some(active) => active.others.push(Arc::clone(grant)),
                    None => active = Some(ActiveGrant { grant: Arc::clone(grant), others: Vec::new() }),
                },
                State::Expired => nearest.expired(grant),
                State::Pending => nearest.pending(grant),
            }
        }
        active.ok_or_else(|| nearest.error(asked, audience))
    }
}

/// What a hop asks of the grants.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Who acts, and for whom.
    pub acting: Acting<'a>,
    /// What is asked for.
    pub requested: Requested<'a>,
    /// What for; absent if the hop does not say.
    pub purpose: Option<&'a StatedPurpose>,
    /// When.
    pub now: Timestamp,
}

/// Who acts, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Acting<'a> {
    /// The effective actor: whose grants count.
    pub peer: &'a SpiffeId,
    /// On whose behalf: the subject's issuer and name, and how many have acted.
    pub behalf: Option<(&'a str, &'a str, usize)>,
    /// Who holds a token that the peer only relays.
    pub relayed: Option<&'a str>,
}

/// What came nearest to covering a hop.
struct Nearest<'a> {
    dimension: Dimension,
    not_held: Option<&'a Arc<Grant>>,
    pending: Option<&'a Arc<Grant>>,
    expired: Option<&'a Arc<Grant>>,
}

impl<'a> Nearest<'a> {
    const fn new(dimension: Dimension) -> Self {
        Self { dimension, not_held: None, pending: None, expired: None }
    }

    fn lacks(&mut self, dimension: Dimension) {
        self.dimension = self.dimension.max(dimension);
    }

    /// The last that ended.
    fn expired(&mut self, grant: &'a Arc<Grant>) {
        if self.expired.is_none_or(|other| other.expires_at < grant.expires_at) {
            self.expired = Some(grant);
        }
    }

    /// The first that begins.
    fn pending(&mut self, grant: &'a Arc<Grant>) {
        if self.pending.is_none_or(|other| grant.not_before < other.not_before) {
            self.pending = Some(grant);
        }
    }

    fn error(&self, asked: &Asked<'_>, audience: &SpiffeId) -> GrantError {
        match (self.not_held, self.pending, self.expired) {
            (Some(grant), ..) => GrantError::NotHeld {
                grant: Arc::clone(grant),
                holder: asked.acting.relayed.unwrap_or_default().to_owned(),
            },
            (None, Some(grant), _) => GrantError::Pending(Arc::clone(grant)),
            (None, None, Some(grant)) => GrantError::Expired(Arc::clone(grant)),
            (None, None, None) => GrantError::Missing(Box::new(Needed::new(self.dimension, asked, audience))),
        }
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

    /// The purpose of a hop that cannot state one: the only one that the grant names.
    ///
    /// # Errors
    /// [`PurposeError::Missing`] if it names several.
    pub fn implied_purpose(&self) -> Result<StatedPurpose, PurposeError> {
        match self.grant.purposes() {
            [purpose] => Ok(StatedPurpose::implied(purpose.clone())),
            _ => Err(PurposeError::Missing),
        }
    }

    /// All grants that cover the hop, the chosen one first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Grant>> {
        std::iter::once(&self.grant).chain(&self.others)
    }
}

#[cfg(test)]
mod tests;
