//! Where a grant stands right now, as far as documents say it.

use std::sync::Arc;

use crate::{
    cli::documents::{Desk, Failure},
    clock::Timestamp,
    fact::Facts,
    grant::{Activation, Approval, Condition, Grant, Kind, State, Subject},
    inventory::Inventory,
    revocation::Revocations,
};

/// Where a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// It covers hops.
    Active,
    /// It covers hops, and somebody should have looked at it.
    Overdue,
    /// It has yet to begin, or to be signed.
    Pending,
    /// It waits for an activation.
    Closed,
    /// A fact that it needs is not so.
    Inactive,
    /// It was taken back.
    Revoked,
    /// It is over.
    Expired,
}

impl Stands {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Overdue => "overdue",
            Self::Pending => "pending",
            Self::Closed => "closed",
            Self::Inactive => "inactive",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

/// Where a grant stands, and why.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) state: Stands,
    pub(crate) why: String,
}

/// What grants are held against.
#[derive(Debug)]
pub(crate) struct Standings<'a> {
    desk: &'a Desk,
    revocations: Revocations,
    inventory: Inventory,
    facts: Facts,
}

impl<'a> Standings<'a> {
    /// Puts together what the documents say.
    pub(crate) fn new(desk: &'a Desk) -> Result<Self, Failure> {
        let documents = &desk.documents;
        Ok(Self {
            desk,
            revocations: Revocations::new(documents.revocations.iter().cloned()),
            inventory: Inventory::new(documents.workloads.iter().cloned()),
            facts: desk.place.facts(documents)?,
        })
    }

    /// Where a grant stands: the first thing that is in its way.
    pub(crate) fn of(&self, grant: &Grant) -> Standing {
        let now = self.desk.now;
        let stands = |state, why: String| Standing { state, why };
        if grant.state(now) == State::Expired {
            return stands(Stands::Expired, format!("since {}", grant.expires_at()));
        }
        if let Some(why) = self.taken_back(grant, now) {
            return stands(Stands::Revoked, why);
        }
        if grant.approval() == Approval::Lacking {
            return stands(Stands::Pending, "signatures are missing".to_owned());
        }
        if grant.state(now) == State::Pending {
            return stands(Stands::Pending, format!("begins at {}", grant.not_before()));
        }
        if let Some(why) = grant.conditions().iter().find_map(|condition| self.unmet(condition, grant, now)) {
            return stands(Stands::Inactive, why);
        }
        if matches!(grant.kind(), Kind::Eligible | Kind::BreakGlass) {
            return match self.opened(grant, now) {
                Some(by) => stands(Stands::Active, format!("opened by {} until {}", by.requested_by, by.until)),
                None => stands(Stands::Closed, "no activation opens it".to_owned()),
            };
        }
        match grant.review_by().filter(|by| *by <= now) {
            Some(by) => stands(Stands::Overdue, format!("to be reviewed by {by}")),
            None => stands(Stands::Active, String::new()),
        }
    }

    /// The activation that opens a grant for longest.
    pub(crate) fn opened(&self, grant: &Grant, now: Timestamp) -> Option<&Arc<Activation>> {
        let opens = |activation: &&Arc<Activation>| {
            activation.grant == grant.name()
                && activation.approval == Approval::Sufficient
                && activation.from <= now
                && now < activation.until
        };
        self.desk.documents.activations.iter().filter(opens).max_by_key(|activation| activation.until)
    }

    fn taken_back(&self, grant: &Grant, now: Timestamp) -> Option<String> {
        let revoked = self.revocations.grant(grant.name(), now);
        let subject = match grant.subject() {
            Subject::Workload(id) => Some(id),
            Subject::Prefix(_) | Subject::Role(_) => None,
        };
        let revoked = revoked.or_else(|| subject.and_then(|id| self.revocations.workload(id, now)));
        // One purpose that is left is enough for it to cover something.
        let purposes: Option<Vec<_>> =
            grant.purposes().iter().map(|purpose| self.revocations.purpose(purpose, now)).collect();
        let revoked = revoked.or_else(|| purposes?.into_iter().next());
        let by = revoked.map(|revocation| match revocation.until {
            Some(until) => format!("by {} until {until}", revocation.name),
            None => format!("by {}", revocation.name),
        });
        by.or_else(|| {
            let suspended = self.inventory.suspended(subject?)?;
            Some(format!("by the workload {}, which is not active", suspended.name))
        })
    }

    fn unmet(&self, condition: &Condition, grant: &Grant, now: Timestamp) -> Option<String> {
        let subject = match grant.subject() {
            Subject::Workload(id) => Some(id),
            Subject::Prefix(_) | Subject::Role(_) => None,
        };
        let key = &condition.fact;
        match self.facts.get(key, subject) {
            // Of many workloads each may have its own.
            None if subject.is_none() => None,
            None => Some(format!("nobody says what {key} is")),
            Some(fact) if !fact.is_fresh(condition.max_age, now) => Some(format!("{key} is stale")),
            Some(fact) if fact.value != condition.equals => Some(format!("{key} is {}", fact.value)),
            Some(_) => None,
        }
    }
}
