//! The workloads that are known: who owns each, in which roles it acts, and whether it still may.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use spiffe::SpiffeId;

use crate::peer::{ByPrefix, IdPrefix};

/// The workloads that are known.
#[derive(Clone, Debug, Default)]
pub struct Inventory(Arc<Index>);

#[derive(Debug, Default)]
struct Index {
    exactly: HashMap<SpiffeId, Arc<Workload>>,
    below: ByPrefix<Arc<Workload>>,
    empty: bool,
}

impl Inventory {
    /// Takes in what is known.
    ///
    /// Where several speak of the same workload or prefix, none of them gives a role or a label, and the worst state counts.
    pub fn new(workloads: impl IntoIterator<Item = Arc<Workload>>) -> Self {
        let mut by_scope: BTreeMap<Scope, Arc<Workload>> = BTreeMap::new();
        for workload in workloads {
            match by_scope.get_mut(&workload.scope) {
                Some(other) => *other = Arc::new(other.contested(&workload)),
                None => drop(by_scope.insert(workload.scope.clone(), workload)),
            }
        }
        let mut index = Index { empty: by_scope.is_empty(), ..Index::default() };
        for (scope, workload) in by_scope {
            match scope {
                Scope::Workload(id) => drop(index.exactly.insert(id, workload)),
                Scope::Prefix(prefix) => drop(index.below.entry(&prefix, || workload)),
            }
        }
        Self(Arc::new(index))
    }

    /// What is known of a workload: what is said of itself, else of the longest prefix of its name.
    pub fn of(&self, id: &SpiffeId) -> Option<&Arc<Workload>> {
        self.speaking_of(id).last()
    }

    /// What says that a workload may not act, whether of itself or of a prefix of its name: the most specific.
    ///
    /// A suspended prefix suspends all below it, also what is known by its own name.
    pub fn suspended(&self, id: &SpiffeId) -> Option<&Arc<Workload>> {
        self.speaking_of(id).filter(|workload| workload.state != WorkloadState::Active).last()
    }

    /// Whether nothing is known of any workload.
    pub fn is_empty(&self) -> bool {
        self.0.empty
    }

    /// The most specific last.
    fn speaking_of(&self, id: &SpiffeId) -> impl Iterator<Item = &Arc<Workload>> {
        self.0.below.including(id).chain(self.0.exactly.get(id))
    }
}

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

impl Workload {
    /// Its roles, each once.
    pub fn distinct_roles(&self) -> impl Iterator<Item = &str> {
        let roles = self.roles.iter().enumerate();
        roles.filter(|(at, role)| !self.roles.iter().take(*at).any(|before| before == *role)).map(|(_, role)| &**role)
    }

    /// What is left where `other` speaks of the same: whom to believe is not known, so neither gives anything.
    fn contested(&self, other: &Self) -> Self {
        let named = if self.name <= other.name { self } else { other };
        Self { roles: vec![], labels: BTreeMap::new(), state: self.state.max(other.state), ..named.clone() }
    }
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

/// Whether a workload may act, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkloadState {
    /// It may.
    Active,
    /// Not now.
    Suspended,
    /// Never again.
    Offboarded,
}
