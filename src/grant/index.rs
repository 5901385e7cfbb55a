//! Finds the grant that covers a hop, at a cost that other subjects' and other workloads' grants do not change.

use std::{collections::HashMap, sync::Arc};

use spiffe::SpiffeId;

use self::{
    keys::Hashes,
    nearest::Nearest,
    opening::{Activations, Lack, Opening},
    shelf::{Rank, Search, Shelf},
};
use super::{Activation, Dimension, Grant, GrantError, Kind, Reach, Requested, Subject};
use crate::{
    clock::Timestamp,
    fact::Facts,
    inventory::Workload,
    peer::ByPrefix,
    purpose::{Purpose, PurposeError, StatedPurpose},
    resource::Resource,
    revocation::Revocations,
};

mod keys;
mod nearest;
mod opening;
mod shelf;

/// The grants whose audience is this workload, and what opens them.
#[derive(Clone, Debug)]
pub struct Grants {
    index: Arc<Index>,
    activations: Arc<Activations>,
}

#[derive(Debug)]
struct Index {
    audience: SpiffeId,
    /// In the order in which they are chosen.
    grants: Box<[Arc<Grant>]>,
    by_subject: HashMap<SpiffeId, Shelf>,
    by_prefix: ByPrefix<Shelf>,
    by_role: HashMap<String, Shelf>,
    hashes: Hashes,
}

impl Grants {
    /// Indexes those of `grants` that name `audience`, this workload, and the activations.
    pub fn new<'a>(
        audience: SpiffeId,
        grants: impl IntoIterator<Item = &'a Arc<Grant>>,
        activations: impl IntoIterator<Item = &'a Arc<Activation>>,
    ) -> Self {
        let here = grants.into_iter().filter(|grant| grant.audiences().any(|other| *other == audience));
        let here = here.cloned().collect();
        let index = Arc::new(Index::new(audience, here));
        Self { index, activations: Arc::new(Activations::new(activations)) }
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
        let index = &*self.index;
        let search = Search::new(asked, &index.hashes);
        let shelves = index.shelves(asked.acting.peer, around.workload);
        let mut lists = Vec::new();
        shelves.iter().for_each(|shelf| shelf.candidates(&search, |ranks| lists.push(ranks)));

        let mut nearest = Nearest::new(if shelves.is_empty() { Dimension::Subject } else { Dimension::Action });
        let mut active: Option<ActiveGrant> = None;
        for grant in index.unfinished(&lists, asked.now) {
            match self.covers(grant, asked, around) {
                Ok((reach, opening)) => {
                    let covering = Covering::new(grant, reach, opening);
                    match &mut active {
                        Some(active) => active.others.push(covering),
                        None => active = Some(ActiveGrant { chosen: covering, others: Vec::new() }),
                    }
                }
                Err(lack) => nearest.lacks(grant, lack),
            }
        }
        active.ok_or_else(|| {
            for ranks in lists {
                let lack = |grant: &Grant| self.covers(grant, asked, around).err();
                nearest.look(index.finished(ranks, asked.now), lack, |lack| *lack == Lack::End);
            }
            for shelf in shelves {
                shelf.strangers(&search, |ranks, least| {
                    if nearest.is_beyond(least) {
                        let lack = |grant: &Grant| index.meant(grant, asked).err().map(Lack::Misses);
                        nearest.look(index.at(ranks), lack, |lack| *lack == Lack::Misses(least));
                    }
                });
            }
            nearest.error(asked, &index.audience)
        })
    }

    fn covers<'a>(
        &self,
        grant: &'a Grant,
        asked: &Asked<'_>,
        around: &Around<'_>,
    ) -> Result<(&'a Reach, Opening), Lack> {
        let reach = self.index.meant(grant, asked).map_err(Lack::Misses)?;
        Ok((reach, self.activations.open(grant, asked, around)?))
    }
}

impl Index {
    fn new(audience: SpiffeId, mut grants: Vec<Arc<Grant>>) -> Self {
        grants.sort_by(|a, b| a.precedence().cmp(&b.precedence()));
        let mut by_subject = HashMap::<_, Vec<_>>::new();
        for (rank, grant) in (0..).zip(&grants) {
            by_subject.entry(&grant.subject).or_default().push(rank);
        }
        let mut index = Self {
            audience,
            grants: Box::default(),
            by_subject: HashMap::new(),
            by_prefix: ByPrefix::default(),
            by_role: HashMap::new(),
            hashes: Hashes::default(),
        };
        for (subject, ranks) in by_subject {
            let shelf = Shelf::new(ranks, &grants, &index.audience, &index.hashes);
            match subject {
                Subject::Workload(id) => drop(index.by_subject.insert(id.clone(), shelf)),
                Subject::Prefix(prefix) => drop(index.by_prefix.entry(prefix, || shelf)),
                Subject::Role(role) => drop(index.by_role.insert(role.clone(), shelf)),
            }
        }
        Self { grants: grants.into(), ..index }
    }

    /// The grants of whoever calls: of its name, of the prefixes of its name, and of its roles.
    fn shelves(&self, peer: &SpiffeId, workload: Option<&Workload>) -> Vec<&Shelf> {
        let roles = workload.into_iter().flat_map(Workload::distinct_roles);
        let named = self.by_subject.get(peer).into_iter().chain(self.by_prefix.including(peer));
        named.chain(roles.filter_map(|role| self.by_role.get(role))).collect()
    }

    /// Whether a grant has the action, the purpose and the delegation of a hop: the part of it that does.
    fn meant<'a>(&self, grant: &'a Grant, asked: &Asked<'_>) -> Result<&'a Reach, Dimension> {
        #[cfg(test)]
        LOOKED_AT.set(LOOKED_AT.get() + 1);
        let reach = grant.reach.iter().find(|reach| reach.covers(&self.audience, &asked.requested));
        let reach = reach.ok_or(Dimension::Action)?;
        grant.covers(asked).map(|()| reach)
    }

    fn at<'a>(&'a self, ranks: &'a [Rank]) -> impl Iterator<Item = &'a Arc<Grant>> {
        ranks.iter().filter_map(|rank| self.grants.get(usize::try_from(*rank).ok()?))
    }

    /// Those of these lists that are not over, each once, in the order in which they are chosen.
    fn unfinished(&self, lists: &[&[Rank]], now: Timestamp) -> impl Iterator<Item = &Arc<Grant>> {
        let ends = |rank: &Rank| self.at(std::slice::from_ref(rank)).any(|grant| now < grant.expires_at);
        let mut ranks: Vec<_> =
            lists.iter().flat_map(|ranks| ranks.iter().take_while(|rank| ends(rank))).copied().collect();
        ranks.sort_unstable();
        ranks.dedup();
        ranks.into_iter().filter_map(|rank| self.grants.get(usize::try_from(rank).ok()?))
    }

    /// Those of a list that are over, the last that ended first.
    fn finished<'a>(&'a self, ranks: &'a [Rank], now: Timestamp) -> impl Iterator<Item = &'a Arc<Grant>> {
        let ends = |rank: &Rank| self.at(std::slice::from_ref(rank)).any(|grant| now < grant.expires_at);
        let (_, finished) = ranks.split_at(ranks.partition_point(ends));
        self.at(finished)
    }
}

impl Grant {
    /// The least extraordinary comes first, then the first by name.
    fn precedence(&self) -> (Kind, &str) {
        (self.kind, &self.name)
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
    chosen: Covering,
    others: Vec<Covering>,
}

/// A grant that covers a hop, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Covering {
    grant: Arc<Grant>,
    activation: Option<Arc<Activation>>,
    resource: Option<Arc<Resource>>,
    until: Timestamp,
}

impl Covering {
    fn new(grant: &Arc<Grant>, reach: &Reach, opening: Opening) -> Self {
        let Opening { activation, until } = opening;
        Self { grant: Arc::clone(grant), activation, resource: reach.resource.clone(), until }
    }
}

impl ActiveGrant {
    /// The grant that the hop goes under.
    pub const fn grant(&self) -> &Arc<Grant> {
        &self.chosen.grant
    }

    /// What opened it, if it had to be opened.
    pub const fn activation(&self) -> Option<&Arc<Activation>> {
        self.chosen.activation.as_ref()
    }

    /// The resource that the grant names and the hop touches.
    pub const fn resource(&self) -> Option<&Arc<Resource>> {
        self.chosen.resource.as_ref()
    }

    /// The instant at which it no longer covers the hop if nothing else happens: the earliest end of the grant, its activation, and the
    /// facts that it is bound to.
    pub const fn until(&self) -> Timestamp {
        self.chosen.until
    }

    /// The purpose of a hop that cannot state one: the only one that the grant names.
    ///
    /// # Errors
    /// [`PurposeError::Missing`] if it names several.
    pub fn implied_purpose(&self) -> Result<StatedPurpose, PurposeError> {
        match implied(self.grant()) {
            Some(purpose) => Ok(StatedPurpose::implied(purpose.clone())),
            None => Err(PurposeError::Missing),
        }
    }

    /// The same where the hop goes under the first of the covering grants that implies a purpose which `stands`; if none does, as it is.
    ///
    /// So no grant that implies nothing, or what was revoked, stands before another one that alone would have covered the hop.
    #[must_use]
    pub fn implying(mut self, stands: impl Fn(&Purpose) -> bool) -> Self {
        let implies = |covering: &Covering| implied(&covering.grant).is_some_and(&stands);
        if !implies(&self.chosen)
            && let Some(first) = self.others.iter().position(implies)
        {
            let chosen = self.others.remove(first);
            self.others.insert(0, std::mem::replace(&mut self.chosen, chosen));
        }
        self
    }

    /// All grants that cover the hop, the chosen one first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Grant>> {
        self.opened().map(|(grant, _)| grant)
    }

    /// The same, each with what opened it.
    pub fn opened(&self) -> impl Iterator<Item = (&Arc<Grant>, Option<&Arc<Activation>>)> {
        let all = std::iter::once(&self.chosen).chain(&self.others);
        all.map(|covering| (&covering.grant, covering.activation.as_ref()))
    }
}

fn implied(grant: &Grant) -> Option<&Purpose> {
    match grant.purposes() {
        [purpose] => Some(purpose),
        _ => None,
    }
}

#[cfg(test)]
std::thread_local! {
    /// How many grants this thread has held against hops.
    static LOOKED_AT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests;
