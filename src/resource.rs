//! What is touched, and who owns the risk: a named part of one workload's interface.

use std::{collections::HashMap, sync::Arc};

use spiffe::SpiffeId;

use crate::grant::{Action, ByAction, Requested};

/// What can be touched, by whose interface it is part of.
#[derive(Clone, Debug, Default)]
pub struct Resources(Arc<HashMap<SpiffeId, ByAction<Vec<Arc<Resource>>>>>);

impl Resources {
    /// Takes them in.
    pub fn new(resources: impl IntoIterator<Item = Arc<Resource>>) -> Self {
        let mut sorted: Vec<_> = resources.into_iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        let mut by_audience = HashMap::<_, ByAction<Vec<_>>>::new();
        for resource in sorted {
            let parts = by_audience.entry(resource.audience.clone()).or_default();
            for action in &resource.actions {
                parts.entries(action, |found| found.push(Arc::clone(&resource)));
            }
        }
        Self(Arc::new(by_audience))
    }

    /// What a hop to this workload touches: the first by name.
    pub fn touched(&self, this: &SpiffeId, requested: &Requested<'_>) -> Option<&Arc<Resource>> {
        let mut first: Option<&Arc<Resource>> = None;
        self.0.get(this)?.named(requested, |_, found| {
            let touched = found.iter().find(|resource| resource.actions.iter().any(|action| action.covers(requested)));
            if let Some(touched) = touched.filter(|touched| first.is_none_or(|first| touched.name < first.name)) {
                first = Some(touched);
            }
        });
        first
    }
}

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

impl Sensitivity {
    /// The word for it in documents, policies and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::Call;

    #[test]
    fn finds_the_first_by_name_of_this_workload_that_has_the_action() {
        let resource = |name: &str, audience: &str, path: &str| {
            Arc::new(Resource {
                name: name.to_owned(),
                audience: SpiffeId::new(audience).unwrap(),
                actions: vec![Action::http("GET", path)],
                owner: "team-ledger".to_owned(),
                sensitivity: Sensitivity::High,
            })
        };
        let (here, there) = ("spiffe://prod.example/ledger", "spiffe://prod.example/orders");
        let resources = Resources::new([
            resource("z-all", here, "/**"),
            resource("b-ledgers", here, "/ledgers/*"),
            resource("a-elsewhere", there, "/ledgers/*"),
        ]);
        let touched = |audience: &str, method: &str, path: &str| {
            let call = Call { method, path, host: "ledger", content_type: None, upgrade: None };
            let found = resources.touched(&SpiffeId::new(audience).unwrap(), &Requested::Http(call));
            found.map(|resource| resource.name.clone())
        };
        assert_eq!(touched(here, "GET", "/ledgers/7").as_deref(), Some("b-ledgers"));
        assert_eq!(touched(here, "GET", "/ledgers").as_deref(), Some("z-all"));
        assert_eq!(touched(here, "PUT", "/ledgers/7"), None);
        assert_eq!(touched(there, "GET", "/ledgers/7").as_deref(), Some("a-elsewhere"));
        assert_eq!(touched("spiffe://prod.example/web", "GET", "/ledgers/7"), None);
    }
}
