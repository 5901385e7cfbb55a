//! Why no grant covers a hop, and what would be needed.

use std::{fmt, sync::Arc};

use spiffe::SpiffeId;

use super::{Grant, Requested};
use crate::purpose::Purpose;

/// Why no grant covers a hop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// Only time is missing: this grant, the last that would have covered the hop, is over.
    #[error("grant `{}` ended at {}", .0.name(), .0.expires_at())]
    Expired(Arc<Grant>),
    /// No grant covers the hop at any time.
    #[error("{0}")]
    Missing(Box<Needed>),
    /// Only time is missing: this grant, the first that will cover the hop, has yet to begin.
    #[error("grant `{}` begins at {}", .0.name(), .0.not_before())]
    Pending(Arc<Grant>),
}

impl GrantError {
    /// The stable code below the reason.
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Expired(_) => "grant.expires_at",
            Self::Missing(needed) => needed.nearest.detail(),
            Self::Pending(_) => "grant.not_before",
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
    /// What for.
    pub purpose: Purpose,
}

impl Needed {
    pub(super) fn new(
        nearest: Dimension,
        subject: &SpiffeId,
        audience: &SpiffeId,
        requested: &Requested<'_>,
        purpose: &Purpose,
    ) -> Self {
        let Requested { method, path, host, upgrade, .. } = requested;
        let upgrade = upgrade.map_or_else(String::new, |protocol| format!(" (upgrade to {protocol})"));
        let action = format!("{method} {path} at host {host}{upgrade}");
        let action = action.chars().flat_map(char::escape_debug).take(MAX_ACTION).collect();
        Self { nearest, subject: subject.clone(), audience: audience.clone(), action, purpose: purpose.clone() }
    }
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nearest, subject, audience, action, purpose } = self;
        let lack = match nearest {
            Dimension::Subject => "no grant names this subject and audience",
            Dimension::Action => "no grant between the two has this action",
            Dimension::Purpose => "no grant for this action has this purpose",
        };
        write!(f, "{lack}; needed: subject `{subject}`, audience `{audience}`, action `{action}`, purpose `{purpose}`")
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
}

impl Dimension {
    /// The stable code below the reason.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Subject => "grant.subject",
            Self::Action => "grant.action",
            Self::Purpose => "grant.purpose",
        }
    }
}

const MAX_ACTION: usize = 256;
