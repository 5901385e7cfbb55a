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
    any: bool,
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
        let mut index = Index { any: !by_scope.is_empty(), ..Index::default() };
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
        !self.0.any
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::id;

    const API: &str = "spiffe://prod.example/ns/billing/sa/api";

    fn workload(name: &str, scope: &str, role: &str) -> Workload {
        Workload {
            name: name.to_owned(),
            scope: match IdPrefix::parse(scope) {
                Ok(prefix) => Scope::Prefix(prefix),
                Err(_) => Scope::Workload(id::parse(scope).unwrap()),
            },
            kind: WorkloadKind::Service,
            owner: "team-billing".to_owned(),
            roles: vec![role.to_owned()],
            labels: BTreeMap::from([("tier".to_owned(), "1".to_owned())]),
            state: WorkloadState::Active,
        }
    }

    fn inventory(workloads: impl IntoIterator<Item = Workload>) -> Inventory {
        Inventory::new(workloads.into_iter().map(Arc::new))
    }

    #[test]
    fn the_most_specific_speaks_of_a_workload() {
        let inventory = inventory([
            workload("all", "spiffe://prod.example/", "a"),
            workload("api", API, "c"),
            workload("billing", "spiffe://prod.example/ns/billing/", "b"),
        ]);
        let role = |text: &str| inventory.of(&id::parse(text).unwrap()).map(|workload| workload.roles[0].clone());
        assert_eq!(role(API).as_deref(), Some("c"));
        assert_eq!(role("spiffe://prod.example/ns/billing/sa/other").as_deref(), Some("b"));
        assert_eq!(role("spiffe://prod.example/ns/billing-old/sa/api").as_deref(), Some("a"));
        assert_eq!(role("spiffe://other.example/ns/billing/sa/api"), None);
        assert!(!inventory.is_empty() && Inventory::default().is_empty());
    }

    #[test]
    fn two_that_speak_of_the_same_give_nothing_and_the_worst_state_counts() {
        let suspended = Workload { state: WorkloadState::Suspended, ..workload("b", API, "reader") };
        for workloads in [[workload("a", API, "reader"), suspended.clone()], [suspended, workload("a", API, "reader")]]
        {
            let inventory = inventory(workloads);
            let id = id::parse(API).unwrap();
            let known = inventory.of(&id).unwrap();
            assert_eq!((known.name.as_str(), known.roles.len(), known.labels.len()), ("a", 0, 0));
            assert_eq!(inventory.suspended(&id).unwrap().state, WorkloadState::Suspended);
        }
    }

    #[test]
    fn a_suspended_prefix_suspends_whom_it_includes_also_where_another_document_does_not() {
        let prefix = "spiffe://prod.example/ns/billing/";
        let inventory = inventory([
            Workload { state: WorkloadState::Offboarded, ..workload("billing", prefix, "a") },
            workload("api", API, "b"),
        ]);
        let suspended = |text: &str| inventory.suspended(&id::parse(text).unwrap()).is_some();
        assert!(suspended(API));
        assert!(suspended("spiffe://prod.example/ns/billing/sa/other"));
        assert!(!suspended("spiffe://prod.example/ns/ledger/sa/api"));
    }

    #[test]
    fn a_role_that_is_listed_twice_is_one() {
        let roles = ["b", "a", "b"].map(ToOwned::to_owned).to_vec();
        let workload = Workload { roles, ..workload("api", API, "") };
        assert_eq!(workload.distinct_roles().collect::<Vec<_>>(), ["b", "a"]);
    }
}
