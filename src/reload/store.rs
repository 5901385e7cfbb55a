//! Documents as they were last read: what cannot be read now takes nothing away, and what was taken back acts at once.

mod bundle;
mod changes;
mod place;

use std::{path::Path, sync::Arc};

use self::{bundle::Followed, place::Place};
use super::signers::Signers;
use crate::{
    clock::Timestamp,
    config::{Ceiling, Config},
    feed::Feeds,
    store::Documents,
};

pub(super) use self::{
    bundle::texts,
    changes::{Change, same},
};

/// The documents, wherever they come from.
#[derive(Debug)]
pub(super) struct Store {
    ceiling: Ceiling,
    source: Source,
    signers: Signers,
    documents: Option<Arc<Documents>>,
    problems: Vec<String>,
    /// Since when there is a revocation that was never read.
    unread_since: Option<Timestamp>,
    /// When another source gave what is held.
    elsewhere_until: Option<Timestamp>,
    /// When who may sign was another, if nothing was read since.
    signed: Option<Timestamp>,
    /// A change that does not act yet.
    pending: Option<Change>,
    /// Another number for other documents: what acts can differ where what loaded does not.
    generation: u64,
}

/// Where documents come from.
#[derive(Debug)]
enum Source {
    Nowhere,
    Directory(Box<Place>),
    Bundle(Box<Followed>),
}

impl Store {
    /// The documents that `config` names, none of which has been read yet.
    pub(super) fn new(config: &Config) -> Self {
        Self::signed_by(config, Signers::default())
    }

    fn signed_by(config: &Config, signers: Signers) -> Self {
        let ceiling = config.ceiling.clone();
        let rules = ceiling.rules(signers.approvals(&ceiling));
        let source = match (&config.documents, &ceiling.bundle) {
            (Some(path), _) => Source::Directory(Box::new(Place::new(path, rules))),
            (None, Some(bundle)) => Source::Bundle(Box::new(Followed::new(bundle.clone(), rules))),
            (None, None) => Source::Nowhere,
        };
        Self {
            ceiling,
            source,
            signers,
            documents: None,
            problems: Vec::new(),
            unread_since: None,
            elsewhere_until: None,
            signed: None,
            pending: None,
            generation: 0,
        }
    }

    /// Takes up `config`.
    ///
    /// # Errors
    /// Why the place that it names cannot be read: nothing is given up before.
    pub(super) fn adopt(&mut self, config: &Config, feeds: &Feeds, now: Timestamp) -> Result<(), Vec<String>> {
        let path = match &self.source {
            Source::Directory(place) => Some(place.path()),
            Source::Nowhere | Source::Bundle(_) => None,
        };
        let is_same = path == config.documents.as_deref() && is_same_rule(&self.ceiling, &config.ceiling);
        if !is_same {
            let is_same_file = self.ceiling.allowed_signers == config.ceiling.allowed_signers;
            let signers = if is_same_file { self.signers.clone() } else { Signers::default() };
            let mut store = Self::signed_by(config, signers);
            match store.source {
                Source::Directory(_) => store.read(true, feeds, now),
                // It is followed from now on.
                Source::Nowhere | Source::Bundle(_) => store.read_signers(now),
            }
            let is_unread = store.documents.is_none();
            let is_unsigned = store.ceiling.allowed_signers.is_some() && !store.signers.is_there();
            if is_unsigned || (is_unread && matches!(store.source, Source::Directory(_))) {
                return Err(store.problems());
            }
            if let (Some(before), Some(since)) = (self.unread_since, &mut store.unread_since) {
                *since = before.min(*since);
            }
            if matches!(store.source, Source::Bundle(_)) && is_unread {
                // Until it comes, what was there before it says what was taken back, for as long as what it says itself would.
                store.documents.clone_from(&self.documents);
                store.elsewhere_until = Some(now.after(config.ceiling.max_stale));
            }
            store.generation += self.generation + 1;
            *self = store;
        }
        self.ceiling.clone_from(&config.ceiling);
        Ok(())
    }

    /// Whether there is a place where documents should be.
    pub(super) const fn is_somewhere(&self) -> bool {
        !matches!(self.source, Source::Nowhere)
    }

    /// The files and directories that it is read from.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        let place = match &self.source {
            Source::Directory(place) => Some(place.path()),
            Source::Nowhere | Source::Bundle(_) => None,
        };
        place.into_iter().chain(self.ceiling.allowed_signers.as_deref())
    }

    /// The documents, if any were ever read.
    pub(super) const fn documents(&self) -> Option<&Arc<Documents>> {
        self.documents.as_ref()
    }

    /// What is wrong with the place as it is now.
    pub(super) fn problems(&self) -> Vec<String> {
        let signers = self.signers.problems().iter().map(ToString::to_string);
        let source = match &self.source {
            Source::Bundle(followed) => followed.problem(),
            Source::Nowhere | Source::Directory(_) => None,
        };
        signers.chain(source).chain(self.problems.iter().cloned()).collect()
    }

    /// When what counts was signed, if it came signed.
    pub(super) fn issued(&self) -> Option<Timestamp> {
        match &self.source {
            Source::Bundle(followed) => followed.issued(),
            Source::Nowhere | Source::Directory(_) => None,
        }
    }

    /// The instant from which what was taken back may not be known; `None`: it is.
    pub(super) fn stale_at(&self) -> Option<Timestamp> {
        let since = self.unread_since.into_iter().chain(self.issued());
        since.map(|since| since.after(self.ceiling.max_stale)).chain(self.elsewhere_until).min()
    }

    /// The change that acts from now on, if there was one.
    pub(super) const fn take_change(&mut self) -> Option<Change> {
        self.pending.take()
    }

    /// Another number for other documents.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether there is something to read again although nothing shows that it has changed.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        let is_place_due = match &self.source {
            Source::Nowhere | Source::Bundle(_) => false,
            Source::Directory(place) => place.is_due(self.has_problems()),
        };
        is_place_due || self.signers.is_due(now)
    }

    /// Reads what has changed, or everything if `forced`. What cannot be read stays as it was before.
    pub(super) fn read(&mut self, forced: bool, feeds: &Feeds, now: Timestamp) {
        self.read_signers(now);
        let has_problems = self.has_problems();
        match &mut self.source {
            Source::Nowhere => {}
            Source::Directory(place) => match place.read(forced, has_problems, now) {
                Some(Ok((documents, published))) => self.take(documents, published, now),
                Some(Err(problems)) => self.problems = problems,
                None => {}
            },
            Source::Bundle(followed) => {
                if let Some((documents, published)) = followed.read(forced, feeds, now) {
                    self.elsewhere_until = None;
                    self.take(documents, published, now);
                }
            }
        }
    }

    /// Reads who may sign, if that has changed: what they signed is looked at again then.
    fn read_signers(&mut self, now: Timestamp) {
        if !self.signers.load(self.ceiling.allowed_signers.as_deref(), now) {
            return;
        }
        let approvals = self.signers.approvals(&self.ceiling);
        match &mut self.source {
            Source::Nowhere => {}
            Source::Directory(place) => place.approve_by(approvals),
            Source::Bundle(followed) => followed.approve_by(approvals),
        }
        self.signed = self.signers.changed();
    }

    fn has_problems(&self) -> bool {
        !self.problems.is_empty() || !self.signers.problems().is_empty()
    }

    /// Goes back to `before`, which went together with everything else, but keeps what was taken away since.
    pub(super) fn hold(&mut self, before: Option<Arc<Documents>>) {
        if let (Some(before), Some(newer)) = (before, &self.documents)
            && !Arc::ptr_eq(&before, newer)
        {
            self.documents = Some(Arc::new(changes::without(&before, newer)));
            self.generation += 1;
        }
        if let Source::Directory(place) = &mut self.source {
            place.forget();
        }
    }

    fn take(&mut self, documents: Documents, published: Timestamp, now: Timestamp) {
        // What signatures are worth changes when signers do, not when the document was written.
        let published = self.signed.take().map_or(published, |signed| published.max(signed));
        self.problems = documents.problems.iter().map(ToString::to_string).collect();
        self.unread_since = documents.unread_revocations.then(|| self.unread_since.unwrap_or(now));
        let before = self.documents.as_deref();
        if before.is_some_and(|before| changes::is_same(before, &documents)) {
            return;
        }
        // What was there before this process was has not waited for anything.
        self.pending = before.map(|before| {
            let withdraws = changes::withdraws(before, &documents);
            let earlier = self.pending.unwrap_or(Change { published, withdraws });
            Change { published: earlier.published.min(published), withdraws: earlier.withdraws || withdraws }
        });
        self.documents = Some(Arc::new(documents));
        self.generation += 1;
    }
}

/// Whether documents are read in the same way under both.
fn is_same_rule(one: &Ceiling, other: &Ceiling) -> bool {
    one.bundle == other.bundle
        && one.max_ttl == other.max_ttl
        && one.max_activation == other.max_activation
        && one.approvals_required == other.approvals_required
        && one.allowed_signers == other.allowed_signers
}
