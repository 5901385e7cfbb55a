//! The workloads that are known: who owns each, in which roles it acts, and whether it still may.

use std::collections::BTreeMap;

use spiffe::SpiffeId;

use crate::peer::IdPrefix;

pub(crate) mod document;

/// Names of workloads: one of them, or all below a prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One workload.
    Workload(SpiffeId),
    /// All whose names begin so.
    Prefix(IdPrefix),
}

/// A `Workload` document: what is known of one workload, or of all below a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The name of its document.
    pub name: String,
    /// Who it is.
    pub scope: Scope,
    /// What it is.
    pub kind: WorkloadKind,
    /// Who answers for it.
    pub owner: String,
    /// The roles that grants may name.
    pub roles: Vec<String>,
    /// What policies see as `input.peer.labels`.
    pub labels: BTreeMap<String, String>,
    /// Whether it still may act.
    pub state: WorkloadState,
}

/// What a workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// It serves.
    Service,
    /// It ends by itself.
    Job,
    /// It decides for itself what to do next.
    Agent,
    /// It builds and ships.
    Ci,
    /// Somebody else runs it.
    Vendor,
}

/// Whether a workload may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadState {
    /// It may.
    Active,
    /// Not now.
    Suspended,
    /// Never again.
    Offboarded,
}
