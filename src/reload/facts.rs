//! Facts in a directory of their own: read by themselves whenever they change, whatever becomes of everything else.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{compile::lines, fingerprint::Look, store::same};
use crate::store::{FactDocuments, FactsDirectory};

/// The last good facts.
#[derive(Debug, Default)]
pub(super) struct FactFiles {
    place: Option<Place>,
    told: Option<Arc<FactDocuments>>,
    problems: Vec<String>,
}

#[derive(Debug)]
struct Place {
    path: PathBuf,
    directory: FactsDirectory,
    seen: Option<Look>,
}

impl FactFiles {
    /// The facts of a directory, none of which has been read yet.
    pub(super) fn new(path: Option<&Path>) -> Self {
        let place = |path: &Path| Place { path: path.to_owned(), directory: FactsDirectory::new(path), seen: None };
        Self { place: path.map(place), ..Self::default() }
    }

    /// Where they are.
    pub(super) fn path(&self) -> Option<&Path> {
        self.place.as_ref().map(|place| place.path.as_path())
    }

    /// All that are there, if any were ever read.
    pub(super) const fn told(&self) -> Option<&Arc<FactDocuments>> {
        self.told.as_ref()
    }

    /// What is wrong with the directory as it is now.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Reads them if they have changed. `true`: other facts are there. A directory that cannot be read takes none away: each goes stale by
    /// itself.
    pub(super) fn read(&mut self, forced: bool) -> bool {
        let Some(place) = &mut self.place else { return false };
        let look = Look::at([place.path.as_path()]);
        if place.seen == Some(look) && !forced {
            return false;
        }
        place.seen = Some(look).filter(|look| !look.is_too_fresh());
        match place.directory.read() {
            Ok(read) => {
                self.problems = read.problems.iter().map(ToString::to_string).collect();
                let is_other = self.told.as_ref().is_none_or(|told| !same(&told.facts, &read.facts));
                if is_other {
                    self.told = Some(Arc::new(read));
                }
                is_other
            }
            Err(problems) => {
                place.seen = None;
                self.problems = lines(&problems);
                false
            }
        }
    }
}
