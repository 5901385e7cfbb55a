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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::{clock::Timestamp, store::Texts};

    fn fact(name: &str, key: &str, value: &str) -> String {
        format!(
            "apiVersion: hopguard.dev/v1alpha1\nkind: Fact\nmetadata: {{name: {name}}}\nspec: {{key: {key}, value: {value}, \
             source: ci, observedAt: 2026-11-20T09:00:00Z, maxAge: 5m}}\n"
        )
    }

    const STOP: &str = "---\napiVersion: hopguard.dev/v1alpha1\nkind: Revocation\nmetadata: {name: stop}\nspec: {target: \
                        {grant: a}, reason: lost, at: 2026-11-20T09:00:00Z}\n";

    fn said(documents: &FactDocuments) -> Vec<String> {
        documents.facts.iter().map(|fact| format!("{}={}", fact.key, fact.value)).collect()
    }

    fn write(folder: &Path, name: &str, text: &str) {
        fs::write(folder.join(name), text).unwrap();
    }

    #[test]
    fn nothing_but_facts_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut directory = FactsDirectory::new(folder.path());
        write(folder.path(), "a.yaml", &fact("a", "ci.run", "running"));
        write(folder.path(), "b.yaml", &fact("b", "incident", "3"));
        let first = directory.read().unwrap();
        assert_eq!(
            (said(&first), first.problems.len()),
            (vec!["ci.run=\"running\"".to_owned(), "incident=3".to_owned()], 0)
        );
        write(folder.path(), "a.yaml", &(fact("a", "ci.run", "done") + STOP));
        let documents = directory.read().unwrap();
        assert_eq!(said(&documents), said(&first));
        let problems: Vec<_> = documents.problems.iter().map(ToString::to_string).collect();
        assert!(
            problems[0].ends_with(
                "a.yaml:7:7: kind: only documents of kind `Fact` are read from this directory: move it to the others"
            ),
            "{problems:?}"
        );
        assert_eq!(problems.len(), 2);
        write(folder.path(), "a.yaml", &fact("a", "ci.run", "done"));
        let documents = directory.read().unwrap();
        assert_eq!(
            (said(&documents), documents.problems.len()),
            (vec!["ci.run=\"done\"".to_owned(), "incident=3".to_owned()], 0)
        );
        assert_ne!(documents.revision, first.revision);
    }

    #[test]
    fn a_directory_that_cannot_be_read_is_an_outage() {
        let folder = tempfile::tempdir().unwrap();
        let mut directory = FactsDirectory::new(folder.path().join("nowhere"));
        assert!(directory.read().unwrap_err().to_string().contains("nowhere: cannot be read: "));
    }

    #[test]
    fn what_two_places_say_of_one_thing_is_not_so() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "a.yaml", &(fact("a", "ci.run", "running") + "---\n" + &fact("b", "incident", "3")));
        let facts = FactsDirectory::new(folder.path()).read().unwrap();
        let texts = [("c".to_owned(), fact("c", "ci.run", "running") + "---\n" + &fact("d", "window", "open"))];
        let now = Timestamp::parse("2026-11-20T09:00:00Z").unwrap();
        let documents = Texts::new(crate::store::Rules::default()).read(texts.into(), now);
        let (united, problems) = facts.beside(&documents);
        let fresh: Vec<_> =
            united.iter().filter(|fact| fact.is_fresh(None, now)).map(|fact| fact.key.as_str()).collect();
        assert_eq!((united.len(), fresh), (3, vec!["incident", "window"]));
        assert_eq!(problems.len(), 1);
        assert!(problems[0].to_string().contains("2 documents say what `ci.run` is, so none of them counts: keep one"));
    }
}
