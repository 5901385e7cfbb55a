//! How each part of the snapshot stands, for `/readyz?verbose`.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use crate::{clock::Timestamp, feed::bundle};

/// A part of the snapshot, loaded on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The configuration file.
    Config,
    /// The directory of facts.
    Facts,
    /// The policy's directory.
    Policy,
    /// The documents.
    Store,
    /// The trust bundles.
    Trust,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 5] = [Self::Config, Self::Facts, Self::Policy, Self::Store, Self::Trust];

    /// The name in logs, metrics and `/readyz?verbose`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Facts => "facts",
            Self::Policy => "policy",
            Self::Store => "store",
            Self::Trust => "trust",
        }
    }
}

/// How one part stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartStatus {
    /// What is served; absent if nothing has loaded yet.
    pub revision: Option<String>,
    /// When this was first so.
    pub since: String,
    /// Why what is on disk is not what is served; empty if it is.
    pub problems: Vec<String>,
    /// When what is served ceases to be relied on, unless something better comes before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_at: Option<String>,
}

/// How all parts stand, and the bundles that some are made of.
#[derive(Debug, Default)]
pub struct Status {
    parts: Mutex<BTreeMap<Part, PartStatus>>,
    bundles: Mutex<Vec<bundle::Status>>,
}

impl Status {
    /// All parts.
    pub fn parts(&self) -> BTreeMap<Part, PartStatus> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All bundles, as they were a second ago at most.
    pub fn bundles(&self) -> Vec<bundle::Status> {
        self.bundles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells how bundles stand now.
    pub fn tell_bundles(&self, bundles: Vec<bundle::Status>) {
        *self.bundles.lock().unwrap_or_else(PoisonError::into_inner) = bundles;
    }

    /// Whether each of these parts, if it has been tried, is served as it is on disk.
    pub fn is_clean(&self, of: &[Part]) -> bool {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        of.iter().filter_map(|part| parts.get(part)).all(|part| part.problems.is_empty())
    }

    /// Tells until when a part is relied on as it is.
    pub fn tell_stale(&self, part: Part, stale_at: Option<Timestamp>) {
        if let Some(known) = self.parts.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&part) {
            known.stale_at = stale_at.map(|at| at.to_string());
        }
    }

    /// Notes how a part stands now. `true`: that is news.
    pub fn note(&self, part: Part, revision: Option<String>, problems: Vec<String>, now: Timestamp) -> bool {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = parts.get(&part).is_some_and(|known| known.revision == revision && known.problems == problems);
        if !known {
            let stale_at = parts.get(&part).and_then(|known| known.stale_at.clone());
            parts.insert(part, PartStatus { revision, since: now.to_string(), problems, stale_at });
        }
        !known
    }
}
