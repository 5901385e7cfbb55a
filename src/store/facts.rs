//! A directory of facts and of nothing else, so that whoever observes what is so cannot say who may do what.

use std::{path::PathBuf, sync::Arc};

use super::{Documents, assemble, document::Reading, files::Files, scan::contents};
use crate::{
    fact::Fact,
    yaml::{Problem, Problems},
};

/// A directory of `Fact` documents, and what its files held when they last loaded.
#[derive(Debug)]
pub struct FactsDirectory {
    path: PathBuf,
    files: Files,
}

/// What the facts of a directory are.
#[derive(Clone, Debug)]
pub struct FactDocuments {
    /// Every fact, each key and subject once, by name.
    pub facts: Vec<Arc<Fact>>,
    /// The SHA-256, in lower-case hex, of what they were read from.
    pub revision: String,
    /// What is wrong: files that keep their last good facts, and facts that are refused alone.
    pub problems: Vec<Problem>,
}

impl FactsDirectory {
    /// A directory of which nothing has been read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), files: Files::default() }
    }

    /// Reads the files of the directory as [`Directory`](super::Directory) does; one with anything but facts in it does not load.
    ///
    /// # Errors
    /// The directory cannot be read, or holds too much: the caller keeps the facts that it has, and each goes stale by itself.
    pub fn read(&mut self) -> Result<FactDocuments, Problems> {
        let contents =
            contents(&self.path).map_err(|message| Problem::of_file(&self.path.display().to_string(), message))?;
        let label = |name: &std::ffi::OsStr| self.path.join(name).display().to_string();
        self.files.update(contents, label, &Reading::FACTS);
        Ok(self.files.facts())
    }
}

impl FactDocuments {
    /// Puts them together with those beside the other documents. Of what both say of one thing, neither counts.
    pub fn beside(&self, documents: &Documents) -> (Vec<Arc<Fact>>, Vec<Problem>) {
        assemble::unite_facts(&self.facts, &documents.facts)
    }
}
