//! What is touched, and who owns the risk: a named part of one workload's interface.

use spiffe::SpiffeId;

use crate::grant::Action;

pub(crate) mod document;

/// A `Resource` document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The name of its document, which grants name.
    pub name: String,
    /// Whose interface it is part of.
    pub audience: SpiffeId,
    /// Which part.
    pub actions: Vec<Action>,
    /// Who owns the risk.
    pub owner: String,
    /// How much of it there is.
    pub sensitivity: Sensitivity,
}

/// How much depends on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sensitivity {
    /// Little.
    Low,
    /// Something.
    Medium,
    /// Much.
    High,
}
