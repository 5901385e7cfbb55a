//! Where documents come from if not from a directory, and which of them count.

use std::{path::PathBuf, time::Duration};

use crate::{
    feed::bundle::Subscription,
    grant::{Kind, Overdue},
};

/// Rules for documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ceiling {
    /// The signed bundle of documents; absent if they are in a directory, or none are asked for.
    pub bundle: Option<Subscription>,
    /// How long grants count while a revocation cannot be read, or after a bundle was signed.
    pub max_stale: Duration,
    /// Whether grants count only for peers that a `Workload` names.
    pub inventory_required: bool,
    /// The directory of facts, if they have one of their own.
    pub facts: Option<PathBuf>,
    /// Whether grants and activations count only if they are signed.
    pub approvals_required: bool,
    /// Who may sign.
    pub allowed_signers: Option<PathBuf>,
    /// What becomes of a grant whose review is overdue.
    pub overdue: Overdue,
    /// The longest activation.
    pub max_activation: Duration,
    /// The longest life of a grant.
    pub max_ttl: MaxTtl,
}

/// The longest life of a grant, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxTtl {
    /// Of what lasts until it is reviewed.
    pub standing: Duration,
    /// Of what is opened for a task.
    pub eligible: Duration,
    /// Of what is for one task.
    pub jit: Duration,
    /// Of a debt.
    pub exception: Duration,
    /// Of what is opened in an emergency.
    pub break_glass: Duration,
}

impl MaxTtl {
    /// The longest life of a grant of this type.
    pub const fn of(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Standing => self.standing,
            Kind::Eligible => self.eligible,
            Kind::Jit => self.jit,
            Kind::Exception => self.exception,
            Kind::BreakGlass => self.break_glass,
        }
    }
}
