//! Finds the grant that covers a hop, at a cost that other subjects' and other workloads' grants do not change.

use std::{collections::HashMap, sync::Arc};

use spiffe::SpiffeId;

use self::{
    nearest::Nearest,
    opening::{Activations, Opening},
};
use super::{Activation, Dimension, Grant, GrantError, Reach, Requested, Subject};
use crate::{
    clock::Timestamp,
    fact::Facts,
    inventory::Workload,
    peer::ByPrefix,
    purpose::{PurposeError, StatedPurpose},
    resource::Resource,
    revocation::Revocations,
};

mod nearest;
mod opening;

/// The grants whose audience is this workload, and what opens them.
#[derive(Clone, Debug)]
pub struct Grants {
    index: Arc<Index>,
    activations: Arc<Activations>,
}

#[derive(Debug)]
struct Index {
    audience: SpiffeId,
    by_subject: HashMap<SpiffeId, Vec<Arc<Grant>>>,
    by_prefix: ByPrefix<Vec<Arc<Grant>>>,
    by_role: HashMap<String, Vec<Arc<Grant>>>,
}

impl Grants {
    /// Indexes those of `grants` that name `audience`, this workload, and the activations.
    pub fn new<'a>(
        audience: SpiffeId,
        grants: impl IntoIterator<Item = &'a Arc<Grant>>,
        activations: impl IntoIterator<Item = &'a Arc<Activation>>,
    ) -> Self {
        let mut index =
            Index { audience, by_subject: HashMap::new(), by_prefix: ByPrefix::default(), by_role: HashMap::new() };
        for grant in grants {
            if grant.audiences().any(|other| *other == index.audience) {
                let list = match &grant.subject {
                    Subject::Workload(id) => index.by_subject.entry(id.clone()).or_default(),
                    Subject::Prefix(prefix) => index.by_prefix.entry(prefix, Vec::new),
                    Subject::Role(role) => index.by_role.entry(role.clone()).or_default(),
                };
                list.push(Arc::clone(grant));
            }
        }
        Self { index: Arc::new(index), activations: Arc::new(Activations::new(activations)) }
    }

    /// The same grants with other activations: the index of the grants is shared.
    #[must_use]
    pub fn with_activations<'a>(&self, activations: impl IntoIterator<Item = &'a Arc<Activation>>) -> Self {
        Self { index: Arc::clone(&self.index), activations: Arc::new(Activations::new(activations)) }
    }

    /// Finds the grant that covers this hop: of those that do, the least extraordinary, then the first by name.
    ///
    /// # Errors
    /// The nearest reason why none does: [`GrantError::Revoked`] where one would, had it not been taken back, [`GrantError::NotHeld`]
    /// where only the relay is missing, [`GrantError::Inactive`], [`GrantError::Unsigned`], [`GrantError::Pending`] and
    /// [`GrantError::Expired`] where only that is missing, else [`GrantError::Missing`].
    pub fn covering(&self, asked: &Asked<'_>, around: &Around<'_>) -> Result<ActiveGrant, GrantError> {
        if around.inventory_required && around.workload.is_none() {
            return Err(GrantError::Unknown(asked.acting.peer.clone()));
        }
        let Index { audience, by_subject, by_prefix, by_role } = &*self.index;
        let roles = around.workload.into_iter().flat_map(Workload::distinct_roles);
        let mut grants: Vec<_> = by_subject
            .get(asked.acting.peer)
            .into_iter()
            .chain(by_prefix.including(asked.acting.peer))
            .chain(roles.filter_map(|role| by_role.get(role)))
            .flatten()
            .collect();
        grants.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        let mut nearest = Nearest::new(if grants.is_empty() { Dimension::Subject } else { Dimension::Action });
        let mut active: Option<ActiveGrant> = None;
        for grant in grants {
            let Some(reach) = grant.reach.iter().find(|reach| reach.covers(audience, &asked.requested)) else {
                continue;
            };
            if let Err(lacks) = grant.covers(asked) {
                nearest.misses(lacks);
                continue;
            }
            match self.activations.open(grant, asked, around) {
                Ok(opening) => match &mut active {
                    Some(active) => active.others.push(Arc::clone(grant)),
                    None => active = Some(ActiveGrant::new(grant, reach, opening)),
                },
                Err(lack) => nearest.lacks(grant, lack),
            }
        }
        active.ok_or_else(|| nearest.error(asked, audience))
    }
}

impl Reach {
    fn covers(&self, audience: &SpiffeId, requested: &Requested<'_>) -> bool {
        self.audiences.contains(audience) && self.actions.iter().any(|action| action.covers(requested))
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

/// What else counts, beside the grants.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// What the inventory knows of the effective actor.
    pub workload: Option<&'a Workload>,
    /// What is so right now.
    pub facts: &'a Facts,
    /// What was taken back.
    pub revocations: &'a Revocations,
    /// What becomes of a grant that nobody has looked at again in time.
    pub overdue: Overdue,
    /// Whether the inventory has to know who acts.
    pub inventory_required: bool,
}

/// What becomes of a grant that nobody has looked at again in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overdue {
    /// It does not cover anything.
    Deny,
    /// It is reported.
    #[default]
    Report,
}

/// The grant that covers a hop, found by [`Grants::covering`] and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveGrant {
    grant: Arc<Grant>,
    activation: Option<Arc<Activation>>,
    resource: Option<Arc<Resource>>,
    until: Timestamp,
    others: Vec<Arc<Grant>>,
}

impl ActiveGrant {
    fn new(grant: &Arc<Grant>, reach: &Reach, opening: Opening) -> Self {
        let Opening { activation, until } = opening;
        Self { grant: Arc::clone(grant), activation, resource: reach.resource.clone(), until, others: Vec::new() }
    }

    /// The grant that the hop goes under.
    pub const fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }

    /// What opened it, if it had to be opened.
    pub const fn activation(&self) -> Option<&Arc<Activation>> {
        self.activation.as_ref()
    }

    /// The resource that the grant names and the hop touches.
    pub const fn resource(&self) -> Option<&Arc<Resource>> {
        self.resource.as_ref()
    }

    /// The instant at which it no longer covers the hop if nothing else happens: the earliest end of the grant, its activation, and the
    /// facts that it is bound to.
    pub const fn until(&self) -> Timestamp {
        self.until
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
