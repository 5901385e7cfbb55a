//! What an administrator approved: the ceiling under every hop.

use std::{sync::Arc, time::Duration};

use spiffe::SpiffeId;

use crate::{
    clock::Timestamp,
    peer::IdPrefix,
    purpose::{Binding, Purpose},
    resource::Resource,
};

pub(crate) use self::by_action::ByAction;
pub use self::{
    action::{Action, Call, Requested},
    activation::Activation,
    error::{Dimension, FactLack, GrantError, Inactive, Needed},
    index::{Acting, ActiveGrant, Around, Asked, Grants, Overdue},
    limits::MaxTtl,
};

mod action;
pub(crate) mod activation;
mod by_action;
pub(crate) mod document;
mod error;
pub(crate) mod field;
#[cfg(test)]
pub(crate) mod fixture;
mod index;
mod limits;
mod names;
mod routes;

/// One approval, already valid: who may do what at which workload for which purpose, who answers for it, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    name: String,
    kind: Kind,
    subject: Subject,
    /// What may be called: its own audience and actions, or those of the resources that it names.
    reach: Vec<Reach>,
    purposes: Vec<Purpose>,
    /// How firmly a hop's purpose must be bound to it.
    purpose_binding: Binding,
    /// Absent: for undelegated hops only.
    on_behalf_of: Option<OnBehalfOf>,
    /// Who may present tokens that another workload holds.
    relays: Vec<SpiffeId>,
    owner: String,
    requested_by: String,
    approver: String,
    ticket: Option<String>,
    justification: Option<String>,
    not_before: Timestamp,
    expires_at: Timestamp,
    review_by: Option<Timestamp>,
    exit_criteria: Vec<ExitCriterion>,
    /// What has to be so all the while.
    conditions: Vec<Condition>,
    /// Who may open it; of an `eligible` one only.
    activators: Vec<String>,
    signatures: Vec<Signature>,
    approval: Approval,
}

impl Grant {
    /// The name of its document.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its `type`.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Who may call.
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What may be called.
    pub fn reach(&self) -> &[Reach] {
        &self.reach
    }

    /// Who may be called.
    pub fn audiences(&self) -> impl Iterator<Item = &SpiffeId> {
        self.reach.iter().flat_map(|reach| &reach.audiences)
    }

    /// What for. Each includes its descendants.
    pub fn purposes(&self) -> &[Purpose] {
        &self.purposes
    }

    /// Who answers for it.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Who asked for it.
    pub fn requested_by(&self) -> &str {
        &self.requested_by
    }

    /// Who approved it; never who asked.
    pub fn approver(&self) -> &str {
        &self.approver
    }

    /// The ticket behind it.
    pub fn ticket(&self) -> Option<&str> {
        self.ticket.as_deref()
    }

    /// Why it was asked for.
    pub fn justification(&self) -> Option<&str> {
        self.justification.as_deref()
    }

    /// Its first instant.
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The instant at which it is over.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// When somebody has to look at it again.
    pub const fn review_by(&self) -> Option<Timestamp> {
        self.review_by
    }

    /// What has to happen before an exception can end.
    pub fn exit_criteria(&self) -> &[ExitCriterion] {
        &self.exit_criteria
    }

    /// What has to be so while it covers anything.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Who may open it.
    pub fn activators(&self) -> &[String] {
        &self.activators
    }

    /// Who signed it.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Whether those are the signatures that it needs.
    pub const fn approval(&self) -> Approval {
        self.approval
    }

    /// Whether it covers a hop whose action it has, whenever that is.
    ///
    /// # Errors
    /// What it lacks.
    fn covers(&self, asked: &Asked<'_>) -> Result<(), Dimension> {
        let binding = match (asked.purpose, &asked.requested) {
            (Some(stated), _) if self.purposes.iter().any(|granted| granted.includes(stated.purpose())) => {
                stated.binding()
            }
            // A connection states nothing; what it is for follows from the grant.
            (None, Requested::Tcp(_)) => Binding::Implied,
            (Some(_), _) | (None, Requested::Http(_) | Requested::Unclear) => return Err(Dimension::Purpose),
        };
        let firm = match self.purpose_binding {
            Binding::Signed => binding == Binding::Signed,
            Binding::Declared | Binding::Implied => true,
        };
        if !firm {
            return Err(Dimension::Binding);
        }
        let delegated = match (&self.on_behalf_of, asked.acting.behalf) {
            (None, None) => true,
            (Some(behalf), Some((issuer, subject, depth))) => behalf.includes(issuer, subject, depth),
            (Some(_), None) | (None, Some(_)) => false,
        };
        if delegated { Ok(()) } else { Err(Dimension::Delegation) }
    }

    /// Whether the peer may present what it presents.
    fn lets_relay(&self, acting: &Acting<'_>) -> bool {
        acting.relayed.is_none() || self.relays.contains(acting.peer)
    }

    /// Where it stands in time.
    pub fn state(&self, now: Timestamp) -> State {
        if now < self.not_before {
            State::Pending
        } else if now < self.expires_at {
            State::Active
        } else {
            State::Expired
        }
    }
}

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One workload.
    Workload(SpiffeId),
    /// All whose names begin so.
    Prefix(IdPrefix),
    /// All that the inventory gives this role.
    Role(String),
}

/// Part of what a grant opens: these actions at each of these workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Who may be called.
    pub audiences: Vec<SpiffeId>,
    /// With what.
    pub actions: Vec<Action>,
    /// The resource that the grant names instead of these.
    pub resource: Option<Arc<Resource>>,
}

/// What has to be so while a grant covers anything: a fact, fresh, with this value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The key of the fact.
    pub fact: String,
    /// The value that it has to have.
    pub equals: serde_json::Value,
    /// How long the fact counts, if it does not say less itself.
    pub max_age: Option<Duration>,
}

/// A signature below a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Whose it is said to be.
    pub by: String,
    /// The signature in its armour, as `ssh-keygen -Y sign` writes it.
    pub armoured: String,
}

/// Whether a document has the signatures that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// It has them, or needs none.
    Sufficient,
    /// It does not count before somebody signs it.
    Lacking,
}

/// What a document calls `type`: how extraordinary a grant is, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Ordinary and lasting, reviewed.
    Standing,
    /// Approved in advance, and opened for a task by those whom it lists.
    Eligible,
    /// Approved for one task.
    Jit,
    /// A debt, with what has to happen before it is paid.
    Exception,
    /// Sealed, and opened in an emergency.
    BreakGlass,
}

impl Kind {
    /// Its name in documents and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standing => "standing",
            Self::Eligible => "eligible",
            Self::Jit => "jit",
            Self::Exception => "exception",
            Self::BreakGlass => "break_glass",
        }
    }

    /// The longest time between the beginning and the end of such a grant.
    pub const fn max_ttl(self) -> Duration {
        Duration::from_secs(match self {
            Self::Standing | Self::Eligible | Self::BreakGlass => 365 * DAY,
            Self::Jit => DAY,
            Self::Exception => 90 * DAY,
        })
    }
}

/// On whose behalf a grant lets its subject act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnBehalfOf {
    /// Any of these.
    from: Vec<Delegators>,
    /// How many may have acted, one after the other, the subject's own included.
    max_depth: usize,
}

/// Subjects, by the name of who vouches for them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Delegators {
    issuer: String,
    subjects: Vec<String>,
}

impl OnBehalfOf {
    fn includes(&self, issuer: &str, subject: &str, depth: usize) -> bool {
        let named = |from: &Delegators| from.issuer == issuer && from.subjects.iter().any(|name| name == subject);
        depth <= self.max_depth && self.from.iter().any(named)
    }
}

/// Where a grant stands in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its time has come and is not over.
    Active,
    /// It is over.
    Expired,
    /// It has yet to begin.
    Pending,
}

/// What has to happen before an exception can end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitCriterion {
    /// What.
    pub what: String,
    /// Who sees to it.
    pub owner: String,
}

const DAY: u64 = 24 * 60 * 60;
