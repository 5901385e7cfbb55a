//! Documents as they were last read: what cannot be read now takes nothing away, and what was taken back acts at once.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{compile::lines, fingerprint::Look};
use crate::{
    clock::Timestamp,
    inventory::WorkloadState,
    store::{Directory, Documents},
    yaml::Problems,
};

/// The documents, wherever they come from.
#[derive(Debug, Default)]
pub(super) struct Store {
    source: Source,
    documents: Option<Arc<Documents>>,
    problems: Vec<String>,
    /// Since when there is a revocation that was never read.
    unread_since: Option<Timestamp>,
    /// A change that does not act yet.
    pending: Option<Change>,
    /// Another number for other documents: what acts can differ where what loaded does not.
    generation: u64,
}

#[derive(Debug, Default)]
enum Source {
    #[default]
    Nowhere,
    Directory(Box<Place>),
}

/// A directory, and what it showed when it was last read.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    directory: Directory,
    seen: Option<Look>,
    read: Option<Instant>,
}

/// A change of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// When it was published.
    pub(super) published: Timestamp,
    /// Whether it takes access away by name.
    pub(super) withdraws: bool,
}

impl Store {
    /// The documents of a directory, none of which has been read yet.
    pub(super) fn of_directory(path: &Path) -> Self {
        let place = Place { path: path.to_owned(), directory: Directory::new(path), seen: None, read: None };
        Self { source: Source::Directory(Box::new(place)), ..Self::default() }
    }

    /// Whether there is a place where documents should be.
    pub(super) const fn is_somewhere(&self) -> bool {
        !matches!(self.source, Source::Nowhere)
    }

    /// The documents, if any were ever read.
    pub(super) const fn documents(&self) -> Option<&Arc<Documents>> {
        self.documents.as_ref()
    }

    /// What is wrong with the place as it is now.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The instant from which what was taken back may not be known; `None`: it is.
    pub(super) fn stale_at(&self, max_stale: Duration) -> Option<Timestamp> {
        self.unread_since.map(|since| since.after(max_stale))
    }

    /// Another number for other documents.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// The change that acts from now on, if there was one.
    pub(super) const fn take_change(&mut self) -> Option<Change> {
        self.pending.take()
    }

    /// Reads what has changed, or everything if `forced`.
    ///
    /// # Errors
    /// Why nothing can be read at all: what was read before stays.
    pub(super) fn read(&mut self, forced: bool, now: Timestamp) -> Result<(), Problems> {
        let Source::Directory(place) = &mut self.source else { return Ok(()) };
        let look = Look::at([place.path.as_path()]);
        if place.seen == Some(look) && !forced && !place.is_due(!self.problems.is_empty()) {
            return Ok(());
        }
        place.read = Some(Instant::now());
        place.seen = Some(look).filter(|look| !look.is_too_fresh());
        match place.directory.read() {
            Ok(documents) => {
                self.take(documents, look.newest(), now);
                Ok(())
            }
            Err(problems) => {
                place.seen = None;
                self.problems = lines(&problems);
                Err(problems)
            }
        }
    }

    /// Whether there is something to read again although nothing shows that it has changed.
    pub(super) fn is_due(&self) -> bool {
        match &self.source {
            Source::Nowhere => false,
            Source::Directory(place) => place.is_due(!self.problems.is_empty()),
        }
    }

    /// Goes back to `before`, which went together with everything else, but keeps what was taken away since.
    pub(super) fn hold(&mut self, before: Option<Arc<Documents>>) {
        if let (Some(before), Some(newer)) = (before, &self.documents)
            && !Arc::ptr_eq(&before, newer)
        {
            self.documents = Some(Arc::new(without(&before, newer)));
            self.generation += 1;
        }
        if let Source::Directory(place) = &mut self.source {
            place.seen = None;
        }
    }

    fn take(&mut self, documents: Documents, published: Timestamp, now: Timestamp) {
        self.problems = documents.problems.iter().map(ToString::to_string).collect();
        self.unread_since = documents.unread_revocations.then(|| self.unread_since.unwrap_or(now));
        let before = self.documents.as_deref();
        if before.is_some_and(|before| is_same(before, &documents)) {
            return;
        }
        // What was there before this process was has not waited for anything.
        self.pending = before.map(|before| {
            let withdraws = withdraws(before, &documents);
            let earlier = self.pending.unwrap_or(Change { published, withdraws });
            Change { published: earlier.published.min(published), withdraws: earlier.withdraws || withdraws }
        });
        self.documents = Some(Arc::new(documents));
        self.generation += 1;
    }
}

impl Place {
    fn is_due(&self, has_problems: bool) -> bool {
        self.seen.is_none() || (has_problems && self.read.is_none_or(|read| read.elapsed() >= AGAIN))
    }
}

/// Whether two readings act in the same way.
fn is_same(one: &Documents, other: &Documents) -> bool {
    one.revision == other.revision
        && same(&one.revocations, &other.revocations)
        && same(&one.workloads, &other.workloads)
        && same(&one.activations, &other.activations)
        && same(&one.resources, &other.resources)
        && same(&one.facts, &other.facts)
        && same(&one.grants, &other.grants)
        && one.vocabulary == other.vocabulary
}

/// Whether two lists say the same.
pub(super) fn same<T: PartialEq>(one: &[Arc<T>], other: &[Arc<T>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| Arc::ptr_eq(one, other) || one == other)
}

/// Whether `after` takes something away by name that `before` did not.
fn withdraws(before: &Documents, after: &Documents) -> bool {
    !added(before, after, |it| &it.revocations, |it| &it.name).is_empty()
        || added(before, after, |it| &it.workloads, |it| &it.name).iter().any(|it| it.state != WorkloadState::Active)
}

/// `before`, without what `newer` takes away by name.
fn without(before: &Documents, newer: &Documents) -> Documents {
    let mut documents = before.clone();
    documents.revocations.extend(added(before, newer, |it| &it.revocations, |it| &it.name));
    let workloads = added(before, newer, |it| &it.workloads, |it| &it.name);
    documents.workloads.extend(workloads.into_iter().filter(|it| it.state != WorkloadState::Active));
    documents
}

/// What a list of `after` has that the one of `before` has not.
fn added<T: PartialEq>(
    before: &Documents,
    after: &Documents,
    list: impl Fn(&Documents) -> &[Arc<T>],
    name: impl Fn(&T) -> &str,
) -> Vec<Arc<T>> {
    let mut known: HashMap<&str, Vec<&Arc<T>>> = HashMap::new();
    for each in list(before) {
        known.entry(name(each)).or_default().push(each);
    }
    let is_new = |each: &&Arc<T>| !known.get(name(each)).is_some_and(|known| known.contains(each));
    list(after).iter().filter(is_new).cloned().collect()
}

/// How often what has a problem is read again although nothing shows that it has changed.
const AGAIN: Duration = Duration::from_secs(10);
