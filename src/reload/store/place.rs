//! A directory of documents, which is read again only where it shows that it has changed.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{
    approval::Approvals,
    clock::Timestamp,
    reload::{compile::lines, fingerprint::Look},
    store::{Directory, Documents, Rules},
};

/// A directory, and what it showed when it was last read.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    directory: Directory,
    seen: Option<Look>,
    read: Option<Instant>,
}

/// What was read, and when the newest of it was there.
type Read = Result<(Documents, Timestamp), Vec<String>>;

impl Place {
    /// A directory of which nothing has been read yet.
    pub(super) fn new(path: &Path, rules: Rules) -> Self {
        Self { path: path.to_owned(), directory: Directory::new(path, rules), seen: None, read: None }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is read again although it may not have changed.
    pub(super) fn is_due(&self, has_problems: bool) -> bool {
        self.seen.is_none() || (has_problems && self.read.is_none_or(|read| read.elapsed() >= AGAIN))
    }

    /// Reads it again at the next opportunity.
    pub(super) const fn forget(&mut self) {
        self.seen = None;
    }

    /// Takes up who may sign: what they signed is looked at again.
    pub(super) fn approve_by(&mut self, approvals: Approvals) {
        self.directory.approve_by(approvals);
        self.forget();
    }

    /// Reads it if it has changed, or it is time to try again.
    pub(super) fn read(&mut self, forced: bool, has_problems: bool, now: Timestamp) -> Option<Read> {
        let look = Look::at([self.path.as_path()]);
        if self.seen == Some(look) && !self.is_due(has_problems) && !forced {
            return None;
        }
        self.read = Some(Instant::now());
        // What changes within the same tick of the file system's clock would not show.
        self.seen = Some(look).filter(|look| !look.is_too_fresh());
        match self.directory.read(now) {
            Ok(documents) => Some(Ok((documents, look.newest()))),
            Err(problems) => {
                self.seen = None;
                Some(Err(lines(&problems)))
            }
        }
    }
}

/// How often what has a problem is read again although nothing shows that it has changed.
const AGAIN: Duration = Duration::from_secs(10);
