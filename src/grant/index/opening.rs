//! Whether a grant that has a hop's action, purpose and delegation counts right now, and for how long.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use super::{
    super::{Activation, Approval, Condition, Dimension, FactLack, Grant, Inactive, Kind, State},
    Around, Asked, Overdue,
};
use crate::{clock::Timestamp, revocation::Revocation};

/// The activations that count once their time has come, by the name of the grant, the one that ends last first.
#[derive(Debug)]
pub(super) struct Activations(HashMap<String, Vec<Arc<Activation>>>);

/// Why a grant counts, and for how long.
pub(super) struct Opening {
    pub(super) activation: Option<Arc<Activation>>,
    pub(super) until: Timestamp,
}

/// Why a grant does not count.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// Nothing, but it was taken back.
    Revoked(Arc<Revocation>),
    /// Only the peer's name among its relays.
    Holding,
    /// It is not open, or what it is bound to is not so.
    Inactive(Inactive),
    /// Nobody has signed it who has to.
    Signatures,
    /// It has yet to begin.
    Begin,
    /// It is over.
    End,
    /// It is for something else, or revoked beside what else it lacks.
    Misses(Dimension),
}

impl Activations {
    pub(super) fn new<'a>(activations: impl IntoIterator<Item = &'a Arc<Activation>>) -> Self {
        let mut by_grant: HashMap<_, Vec<_>> = HashMap::new();
        for activation in activations.into_iter().filter(|activation| activation.approval == Approval::Sufficient) {
            by_grant.entry(activation.grant.clone()).or_default().push(Arc::clone(activation));
        }
        for activations in by_grant.values_mut() {
            activations.sort_by(|a: &Arc<Activation>, b| (Reverse(a.until), &a.name).cmp(&(Reverse(b.until), &b.name)));
        }
        Self(by_grant)
    }

    /// Opens the grant for a hop.
    ///
    /// # Errors
    /// What it lacks; if that is several things, the one that takes longest to come.
    pub(super) fn open(&self, grant: &Grant, asked: &Asked<'_>, around: &Around<'_>) -> Result<Opening, Lack> {
        let opened = self.opened(grant, asked, around);
        match around.revocations.grant(&grant.name, asked.now) {
            None => opened,
            Some(revocation) if opened.is_ok() => Err(Lack::Revoked(Arc::clone(revocation))),
            Some(_) => Err(Lack::Misses(Dimension::Revoked)),
        }
    }

    fn opened(&self, grant: &Grant, asked: &Asked<'_>, around: &Around<'_>) -> Result<Opening, Lack> {
        match grant.state(asked.now) {
            State::Active => {}
            State::Expired => return Err(Lack::End),
            State::Pending => return Err(Lack::Begin),
        }
        match grant.approval {
            Approval::Sufficient => {}
            Approval::Lacking => return Err(Lack::Signatures),
        }
        let opening = self.active(grant, asked, around).map_err(Lack::Inactive)?;
        if grant.lets_relay(&asked.acting) { Ok(opening) } else { Err(Lack::Holding) }
    }

    fn active(&self, grant: &Grant, asked: &Asked<'_>, around: &Around<'_>) -> Result<Opening, Inactive> {
        let mut until = grant.expires_at;
        if let (Overdue::Deny, Some(review_by)) = (around.overdue, grant.review_by) {
            if review_by <= asked.now {
                return Err(Inactive::Overdue(review_by));
            }
            until = until.min(review_by);
        }
        let activation = match grant.kind {
            Kind::Standing | Kind::Jit | Kind::Exception => None,
            Kind::Eligible | Kind::BreakGlass => {
                let activation = self.of(grant, asked.now).ok_or(Inactive::Closed)?;
                until = until.min(activation.until);
                Some(Arc::clone(activation))
            }
        };
        for condition in &grant.conditions {
            let met = condition.met_until(asked, around);
            until = until.min(met.map_err(|lack| Inactive::Fact { key: condition.fact.clone(), lack })?);
        }
        Ok(Opening { activation, until })
    }

    /// The one that is open now and ends last.
    fn of(&self, grant: &Grant, now: Timestamp) -> Option<&Arc<Activation>> {
        let unfinished = self.0.get(&grant.name)?.iter().take_while(|activation| now < activation.until);
        unfinished.into_iter().find(|activation| activation.from <= now)
    }
}

impl Condition {
    /// Until when the fact is as it has to be, if nobody tells another.
    fn met_until(&self, asked: &Asked<'_>, around: &Around<'_>) -> Result<Timestamp, FactLack> {
        let fact = around.facts.get(&self.fact, Some(asked.acting.peer)).ok_or(FactLack::Missing)?;
        if !fact.is_fresh(self.max_age, asked.now) {
            Err(FactLack::Stale)
        } else if fact.value != self.equals {
            Err(FactLack::Differs)
        } else {
            Ok(fact.stale_at(self.max_age))
        }
    }
}
