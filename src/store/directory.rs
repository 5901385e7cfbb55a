//! A directory of documents: read whole or not at all, each file by itself.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use super::{
    Documents,
    assemble::{Assembled, Source, assemble},
    file::{Digest, File, sha256},
};
use crate::yaml::{self, Problem, Problems};

/// A directory, and what its files held when they last loaded.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    files: BTreeMap<OsString, File>,
}

type Contents = BTreeMap<OsString, Result<Vec<u8>, String>>;

impl Directory {
    /// A directory of which nothing has been read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), files: BTreeMap::new() }
    }

    /// Reads the `*.yaml` and `*.yml` files of the directory, but not of those in it, nor those whose name begins with a dot. Only what has
    /// changed is decoded.
    ///
    /// # Errors
    /// The directory cannot be read, holds too much, or a document in it takes access away by a kind that is not built. None of these is a
    /// removal: the caller keeps the documents that it has.
    pub fn read(&mut self) -> Result<Documents, Problems> {
        let contents =
            self.contents().map_err(|message| Problem::of_file(&self.path.display().to_string(), message))?;
        self.files.retain(|name, _| contents.contains_key(name));
        for (name, content) in contents {
            let label = self.label(&name);
            self.files.entry(name).or_default().update(&label, content);
        }
        let problems = self.problems();
        if self.files.values().any(File::withholds) {
            return Err(Problems(problems));
        }
        Ok(self.documents(problems))
    }

    fn documents(&self, mut problems: Vec<Problem>) -> Documents {
        let labels: Vec<_> = self.files.keys().map(|name| self.label(name)).collect();
        let good: Vec<_> =
            labels.iter().zip(self.files.values()).filter_map(|(label, file)| Some((label, file.good()?))).collect();
        let sources: Vec<_> = good
            .iter()
            .flat_map(|(label, good)| good.documents.iter().map(|document| Source { label, document }))
            .collect();
        let Assembled { vocabulary, grants, problems: refused } = assemble(&sources);
        problems.extend(refused);
        let revision = revision(good.iter().map(|(_, good)| good.digest));
        Documents {
            vocabulary,
            grants,
            activations: vec![],
            revocations: vec![],
            workloads: vec![],
            resources: vec![],
            facts: vec![],
            revision,
            problems,
            unread_revocations: false,
        }
    }

    /// What is wrong with the files, and what comes of it.
    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, file) in self.files.iter().filter(|(_, file)| !file.problems().is_empty()) {
            let outcome = match (file.withholds(), file.good()) {
                (true, _) => {
                    "holds a document that takes access away and cannot be honoured, so the directory does not load"
                }
                (false, Some(_)) => "does not load, so the documents that it held before go on counting",
                (false, None) => "does not load, so its documents do not count",
            };
            problems.extend_from_slice(file.problems());
            problems.push(Problem::of_file(&self.label(name), outcome));
        }
        problems
    }

    fn label(&self, name: &OsStr) -> String {
        self.path.join(name).display().to_string()
    }

    /// Reads all files as they are at one time: Kubernetes swaps the whole content of a mounted volume by its link `..data`.
    fn contents(&self) -> Result<Contents, String> {
        let generation = || fs::read_link(self.path.join("..data")).ok();
        for _ in 0..MAX_ATTEMPTS {
            let before = generation();
            let contents = self.scan()?;
            if generation() == before {
                return Ok(contents);
            }
        }
        Err("changes faster than it can be read".to_owned())
    }

    fn scan(&self) -> Result<Contents, String> {
        let unreadable = |error: io::Error| format!("cannot be read: {error}");
        let mut contents = Contents::new();
        let mut total = 0;
        for (index, entry) in fs::read_dir(&self.path).map_err(unreadable)?.enumerate() {
            let name = entry.map_err(unreadable)?.file_name();
            if index == MAX_ENTRIES {
                return Err(format!("has more than {MAX_ENTRIES} entries"));
            }
            if is_document(&name) {
                let content = content(&self.path.join(&name));
                total += content.as_ref().map_or(0, Vec::len);
                contents.insert(name, content);
            }
            if total > MAX_TOTAL {
                return Err(format!("holds more than {MAX_TOTAL} bytes of documents"));
            }
        }
        Ok(contents)
    }
}

fn is_document(name: &OsStr) -> bool {
    let extension = Path::new(name).extension();
    !name.as_encoded_bytes().starts_with(b".")
        && extension
            .is_some_and(|extension| extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml"))
}

/// Reads one file, through links. What is no file is not opened: a pipe would never end.
fn content(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut content = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > MAX_FILE {
        return Err(format!("has more than {MAX_FILE} bytes: split it"));
    }
    Ok(content)
}

fn revision(digests: impl Iterator<Item = Digest>) -> String {
    let mut digests: Vec<_> = digests.collect();
    digests.sort_unstable();
    crate::hex::encode(&sha256(digests.as_flattened()))
}

const MAX_ATTEMPTS: usize = 5;
const MAX_ENTRIES: usize = 4096;
const MAX_FILE: u64 = yaml::MAX_BYTES as u64;
const MAX_TOTAL: usize = 64 << 20;

#[cfg(test)]
mod tests;
