//! A directory of documents: read whole or not at all, each file by itself.

use std::path::PathBuf;

use super::{Documents, Rules, document::Reading, files::Files, scan::contents};
use crate::{
    approval::Approvals,
    clock::Timestamp,
    yaml::{Problem, Problems},
};

/// A directory, and what its files held when they last loaded.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    files: Files,
    rules: Rules,
}

impl Directory {
    /// A directory of which nothing has been read yet.
    pub fn new(path: impl Into<PathBuf>, rules: Rules) -> Self {
        Self { path: path.into(), files: Files::default(), rules }
    }

    /// Takes up who may sign, for what is read from now on.
    pub fn approve_by(&mut self, approvals: Approvals) {
        self.rules.approvals = approvals;
    }

    /// Reads the `*.yaml` and `*.yml` files of the directory, but not of those in it, nor those whose name begins with a dot. Only what has
    /// changed is decoded. `now` is when signatures have to be good.
    ///
    /// # Errors
    /// The directory cannot be read, or holds too much. Neither is a removal: the caller keeps the documents that it has.
    pub fn read(&mut self, now: Timestamp) -> Result<Documents, Problems> {
        let contents =
            contents(&self.path).map_err(|message| Problem::of_file(&self.path.display().to_string(), message))?;
        let label = |name: &std::ffi::OsStr| self.path.join(name).display().to_string();
        self.files.update(contents, label, &Reading::of(&self.rules));
        Ok(self.files.documents(&self.rules.approvals, now))
    }
}

#[cfg(test)]
mod tests;
