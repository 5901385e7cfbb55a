//! Why no grant covers a hop, and what would be needed.

use std::{fmt, sync::Arc};

use spiffe::SpiffeId;

use super::{Asked, Call, Grant, Requested};
use crate::{clock::Timestamp, purpose::Purpose, revocation::Revocation};

/// Why no grant covers a hop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Only time is missing: this grant, the last that would have covered the hop, is over.
    #[error("grant `{}` ended at {}", .0.name(), .0.expires_at())]
    Expired(Arc<Grant>),
    /// Only something that can change at any moment is missing: this grant is not open, or what it is bound to is not so.
    #[error("grant `{}` {why}", .grant.name())]
    Inactive {
        /// The grant.
        grant: Arc<Grant>,
        /// What is missing.
        why: Inactive,
    },
    /// No grant covers the hop at any time.
    #[error("{0}")]
    Missing(Box<Needed>),
    /// Nobody was proved who could be named by a grant.
    #[error("nobody was proved whom a grant could name")]
    Nobody,
    /// Only a relay is missing: this grant would have covered the hop if the peer held the token that it presents.
    #[error("the token is held by {holder}, and grant `{}` does not name the peer among its `relays`", .grant.name())]
    NotHeld {
        /// The grant.
        grant: Arc<Grant>,
        /// Who holds the token.
        holder: String,
    },
    /// Only time is missing: this grant, the first that will cover the hop, has yet to begin.
    #[error("grant `{}` begins at {}", .0.name(), .0.not_before())]
    Pending(Arc<Grant>),
    /// This grant alone would have covered the hop, and it was taken back.
    #[error("grant `{}` is revoked (`{}`)", .grant.name(), .revocation.name)]
    Revoked {
        /// The grant.
        grant: Arc<Grant>,
        /// What took it back.
        revocation: Arc<Revocation>,
    },
    /// The inventory does not know who acts, and has to.
    #[error("no Workload document speaks of `{0}`, and `store.inventory` is `required`")]
    Unknown(SpiffeId),
    /// Only signatures are missing: this grant does not count before it is signed.
    #[error("grant `{}` lacks signatures; sign it as an approver other than who asked for it", .0.name())]
    Unsigned(Arc<Grant>),
}

impl GrantError {
    /// The stable code below the reason.
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Expired(_) => "grant.expires_at",
            Self::Inactive { why, .. } => why.detail(),
            Self::Missing(needed) => needed.nearest.detail(),
            Self::Nobody => Dimension::Subject.detail(),
            Self::NotHeld { .. } => "grant.relays",
            Self::Pending(_) => "grant.not_before",
            Self::Revoked { .. } => "revocation.grant",
            Self::Unknown(_) => "workload_unknown",
            Self::Unsigned(_) => "grant.signatures",
        }
    }
}

/// What a grant lacks that can change at any moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inactive {
    /// It counts only while an activation opens it, and none does.
    #[error("is not open; an Activation opens it")]
    Closed,
    /// A fact is not as it has to be.
    #[error("counts only while the fact `{key}` has its value, and {lack}")]
    Fact {
        /// The key of the fact.
        key: String,
        /// What is wrong with it.
        lack: FactLack,
    },
    /// Nobody has looked at it again, and here that ends it.
    #[error("was to be reviewed by {0}")]
    Overdue(Timestamp),
}

/// What is wrong with a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactLack {
    /// It has another value.
    #[error("it has another")]
    Differs,
    /// Nobody has told it, or several have.
    #[error("it is not known")]
    Missing,
    /// It is too long ago that somebody told it, or has yet to come.
    #[error("it is stale")]
    Stale,
}

impl Inactive {
    const fn detail(&self) -> &'static str {
        match self {
            Self::Closed => "grant.activation",
            Self::Fact { lack: FactLack::Differs, .. } => "grant.fact_differs",
            Self::Fact { lack: FactLack::Missing, .. } => "grant.fact_missing",
            Self::Fact { lack: FactLack::Stale, .. } => "grant.fact_stale",
            Self::Overdue(_) => "grant.review_by",
        }
    }
}

/// The grant that a hop would need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// What the nearest of the existing grants lacks.
    pub nearest: Dimension,
    /// Who calls.
    pub subject: SpiffeId,
    /// Who is called.
    pub audience: SpiffeId,
    /// What is asked for: the beginning of method and path.
    pub action: String,
    /// What for, if the hop says.
    pub purpose: Option<Purpose>,
    /// On whose behalf, if on anybody's: issuer and subject.
    pub on_behalf_of: Option<(String, String)>,
}

impl Needed {
    pub(super) fn new(nearest: Dimension, asked: &Asked<'_>, audience: &SpiffeId) -> Self {
        let action = match asked.requested {
            Requested::Http(Call { method, path, host, upgrade, .. }) => {
                let upgrade = upgrade.map_or_else(String::new, |protocol| format!(" (upgrade to {protocol})"));
                format!("{method} {path} at host {host}{upgrade}")
            }
            Requested::Tcp(port) => format!("connection to port {port}"),
            Requested::Unclear => "a hop that can be read in more than one way".to_owned(),
        };
        let on_behalf_of = asked.acting.behalf.map(|(issuer, subject, _)| (excerpt(issuer), excerpt(subject)));
        Self {
            nearest,
            subject: asked.acting.peer.clone(),
            audience: audience.clone(),
            action: excerpt(&action),
            purpose: asked.purpose.map(|stated| stated.purpose().clone()),
            on_behalf_of,
        }
    }
}

fn excerpt(text: &str) -> String {
    text.chars().flat_map(char::escape_debug).take(MAX_ACTION).collect()
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nearest, subject, audience, action, purpose, on_behalf_of } = self;
        let lack = match nearest {
            Dimension::Subject => "no grant names this subject and audience",
            Dimension::Action => "no grant between the two has this action",
            Dimension::Purpose => "no grant for this action has this purpose",
            Dimension::Binding => "the grants for this action and purpose need a purpose that a token was signed for",
            Dimension::Delegation => match on_behalf_of {
                Some(_) => "no grant for this action and purpose has this subject and depth in `onBehalfOf`",
                None => "the grants for this action and purpose have `onBehalfOf`, and nobody's token is presented",
            },
            Dimension::Revoked => "the grants that have all this are revoked, and would not be active now either",
        };
        write!(f, "{lack}; needed: subject `{subject}`, audience `{audience}`, action `{action}`")?;
        if let Some(purpose) = purpose {
            write!(f, ", purpose `{purpose}`")?;
        }
        match on_behalf_of {
            Some((issuer, subject)) => write!(f, ", on behalf of `{subject}` of issuer `{issuer}`"),
            None => Ok(()),
        }
    }
}

/// What the nearest grant lacks, the furthest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// No grant for this workload names the subject.
    Subject,
    /// The subject's grants cover other actions.
    Action,
    /// The grants for this action are for other purposes.
    Purpose,
    /// The grants for this action and purpose need it signed.
    Binding,
    /// The grants for this action and purpose are for other delegations, or for none.
    Delegation,
    /// The grants that have all this are revoked, and not active now in the first place.
    Revoked,
}

impl Dimension {
    /// The stable code below the reason.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Subject => "grant.subject",
            Self::Action => "grant.action",
            Self::Purpose => "grant.purpose",
            Self::Binding => "grant.purpose_binding",
            Self::Delegation => "grant.on_behalf_of",
            Self::Revoked => "grant.revoked",
        }
    }
}

const MAX_ACTION: usize = 256;
