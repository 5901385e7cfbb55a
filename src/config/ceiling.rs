//! Where documents come from if not from a directory, and which of them count.

use std::{path::PathBuf, time::Duration};

use crate::{
    approval::Approvals,
    feed::bundle::Subscription,
    grant::{MaxTtl, Overdue},
    store::Rules,
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

impl Ceiling {
    /// What documents have to keep to, where these people may sign.
    pub fn rules(&self, approvals: Approvals) -> Rules {
        Rules { max_ttl: self.max_ttl, max_activation: self.max_activation, approvals }
    }
}
