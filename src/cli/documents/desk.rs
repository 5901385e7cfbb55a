//! The documents as they are now, each with the text that it is written in, and what they would be after a change.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Failure, Place, fields,
    place::is_document,
    proposal::{command, shell},
};
use crate::{
    clock::Timestamp,
    grant::{Activation, Grant},
    store::{
        Documents,
        write::{Change, edit, render},
    },
    yaml::{self, Node, Problem, Problems},
};

/// What is there to be changed.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) place: Place,
    /// The directory whose files are changed.
    pub(crate) directory: PathBuf,
    pub(crate) now: Timestamp,
    pub(crate) documents: Documents,
    /// Documents and requests, by the names of their files.
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

/// A document as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The name of its file.
    pub(crate) file: String,
    /// Which of the documents of its file it is.
    index: usize,
    pub(crate) node: Node,
}

impl Desk {
    /// Reads the documents.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub(crate) fn open(place: Place, now: Timestamp) -> Result<Self, Failure> {
        let directory = place.documents.clone();
        Self::of(place, directory, now)
    }

    /// Reads the facts, where those are.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub(crate) fn of_facts(place: Place, now: Timestamp) -> Result<Self, Failure> {
        let directory = place.facts.clone().unwrap_or_else(|| place.documents.clone());
        Self::of(place, directory, now)
    }

    fn of(place: Place, directory: PathBuf, now: Timestamp) -> Result<Self, Failure> {
        let files = files(&directory)
            .map_err(|error| Problem::of_file(&directory.display().to_string(), format!("cannot be read: {error}")))?;
        let mut documents = place.read(&directory, &files, now);
        if directory != place.documents {
            documents.problems.extend(strangers(&directory, &files));
        }
        Ok(Self { place, directory, now, documents, files })
    }

    /// The same directory as it is now.
    pub(crate) fn again(&self) -> Result<Self, Failure> {
        Self::of(self.place.clone(), self.directory.clone(), self.now)
    }

    /// Says what would be wrong after some changes and is not wrong now.
    ///
    /// # Errors
    /// Everything that is: the changes would not do what they say.
    pub(crate) fn check(&self, changes: &[Change]) -> Result<Documents, Failure> {
        self.check_all(changes, |_| true)
    }

    /// The same, but for signatures that are missing: of what is asked for nobody may have signed anything.
    ///
    /// # Errors
    /// Everything else that would be wrong.
    pub(crate) fn check_but_signatures(&self, changes: &[Change]) -> Result<Documents, Failure> {
        self.check_all(changes, |problem| !problem.field.starts_with("spec.signatures"))
    }

    fn check_all(&self, changes: &[Change], counts: impl Fn(&Problem) -> bool) -> Result<Documents, Failure> {
        let documents = self.after(changes);
        let is_old = |problem: &&Problem| {
            let same = |old: &Problem| old.file == problem.file && old.message == problem.message;
            self.documents.problems.iter().any(same)
        };
        let is_changed = |problem: &&Problem| {
            let ends = |change: &Change| Path::new(&*problem.file) == self.directory.join(&change.name);
            changes.iter().any(ends)
        };
        let news: Vec<_> = documents
            .problems
            .iter()
            .filter(|problem| counts(problem) && (is_changed(problem) || !is_old(problem)))
            .cloned()
            .collect();
        if news.is_empty() { Ok(documents) } else { Err(Problems(news).into()) }
    }

    /// What the documents would be after some changes.
    pub(crate) fn after(&self, changes: &[Change]) -> Documents {
        let mut files = self.files.clone();
        for change in changes {
            match &change.becomes {
                Some(content) => files.insert(change.name.clone(), content.clone()),
                None => files.remove(&change.name),
            };
        }
        self.place.read(&self.directory, &files, self.now)
    }

    /// The document of this kind and name, as it is written.
    ///
    /// # Errors
    /// There are several.
    pub(crate) fn find(&self, kind: &str, name: &str) -> Result<Option<Found>, Failure> {
        let mut found = self.all(kind, |node| fields::text(node, &["metadata", "name"]) == Some(name));
        match found.len() {
            0 | 1 => Ok(found.pop()),
            times => Err(Failure::Refused(format!("{times} documents of kind `{kind}` are named `{name}`: keep one"))),
        }
    }

    /// All documents of a kind that are as asked for.
    pub(crate) fn all(&self, kind: &str, is_meant: impl Fn(&Node) -> bool) -> Vec<Found> {
        let documents = self.files.iter().filter(|(file, _)| is_document(file));
        documents
            .flat_map(|(file, content)| in_file(file, content))
            .filter(|found| fields::text(&found.node, &["kind"]) == Some(kind) && is_meant(&found.node))
            .collect()
    }

    /// The request of this name.
    ///
    /// # Errors
    /// It does not load, or is not one document.
    pub(crate) fn request(&self, name: &str) -> Result<Option<Found>, Failure> {
        let file = format!("{name}{REQUEST}");
        let Some(content) = self.files.get(&file) else { return Ok(None) };
        let label = self.directory.join(&file).display().to_string();
        let mut nodes = match std::str::from_utf8(content) {
            Ok(text) => yaml::parse(&label, text)?,
            Err(_) => return Err(Problem::of_file(&label, "is not UTF-8").into()),
        };
        match (nodes.pop(), nodes.is_empty()) {
            (Some(node), true) if fields::text(&node, &["metadata", "name"]) == Some(name) => {
                Ok(Some(Found { file, index: 0, node }))
            }
            _ => Err(Problem::of_file(&label, format!("is not one document of the name `{name}`")).into()),
        }
    }

    /// All requests that can be read.
    pub(crate) fn requests(&self) -> Vec<Found> {
        let requests = self.files.iter().filter(|(file, _)| file.ends_with(REQUEST));
        requests.flat_map(|(file, content)| in_file(file, content)).collect()
    }

    /// The text of a file.
    pub(crate) fn text(&self, file: &str) -> Option<&str> {
        self.files.get(file).and_then(|content| std::str::from_utf8(content).ok())
    }

    /// What a file holds; nothing if it is not there.
    pub(crate) fn content(&self, file: &str) -> Option<Vec<u8>> {
        self.files.get(file).cloned()
    }

    /// Keeps a document as it is beside what it becomes, and says how it comes back: approved, if it was, by its own signatures.
    pub(crate) fn keep(&self, found: &Found, by: &str) -> (Change, String) {
        let name = fields::text(&found.node, &["metadata", "name"]).unwrap_or_default();
        let file = format!("{name}{KEPT}");
        let path = |name: &str| shell(&self.directory.join(name).display().to_string());
        let again = command(["grant", "approve", name, "--by", by], &self.place.named);
        let undo = format!("mv -- {} {} && {again}", path(&file), path(&format!("{name}{REQUEST}")));
        let becomes = Some(render::document(&found.node).into_bytes());
        (Change { was: fs::read(self.directory.join(&file)).ok(), name: file, becomes, mode: MODE }, undo)
    }

    /// The name of a file that is not there yet, for a document of this name.
    pub(crate) fn free_file(&self, name: &str) -> String {
        let other = |number| format!("{name}.{number}.yaml");
        let names = [format!("{name}.yaml")].into_iter().chain((2..MAX_SAME).map(other));
        // If there is none after all, writing finds that it is taken.
        names.into_iter().find(|file| !self.files.contains_key(file)).unwrap_or_else(|| other(MAX_SAME))
    }

    /// A file with one document and nothing else.
    pub(crate) fn create(&self, file: String, node: &Node) -> Change {
        Change { was: self.content(&file), name: file, becomes: Some(render::document(node).into_bytes()), mode: MODE }
    }

    /// A document's file with another text for it.
    ///
    /// # Errors
    /// The file is written in a way that cannot be changed safely.
    pub(crate) fn replace(&self, found: &Found, node: &Node) -> Result<Change, Failure> {
        let becomes = self.text(&found.file).and_then(|text| edit::replace(text, found.index, node));
        let becomes = becomes.ok_or_else(|| self.by_hand(found))?.into_bytes();
        Ok(Change { name: found.file.clone(), was: self.content(&found.file), becomes: Some(becomes), mode: MODE })
    }

    /// A document's file without it; without a file if there is nothing else in it.
    ///
    /// # Errors
    /// The file is written in a way that cannot be changed safely.
    pub(crate) fn remove(&self, found: &Found) -> Result<Change, Failure> {
        let was = self.content(&found.file);
        let is_alone = was.as_ref().is_some_and(|content| in_file(&found.file, content).len() == 1);
        let becomes = if is_alone {
            None
        } else {
            let becomes = self.text(&found.file).and_then(|text| edit::remove(text, found.index));
            Some(becomes.ok_or_else(|| self.by_hand(found))?.into_bytes())
        };
        Ok(Change { name: found.file.clone(), was, becomes, mode: MODE })
    }

    /// The grant of this name.
    pub(crate) fn grant(&self, name: &str) -> Option<&Arc<Grant>> {
        self.documents.grants.iter().find(|grant| grant.name() == name)
    }

    /// The activation of this name.
    pub(crate) fn activation(&self, name: &str) -> Option<&Arc<Activation>> {
        self.documents.activations.iter().find(|activation| activation.name == name)
    }

    fn by_hand(&self, found: &Found) -> Failure {
        let path = self.directory.join(&found.file);
        Failure::Refused(format!(
            "`{}` is written in a way that cannot be changed safely: write the document in a file of its own",
            path.display()
        ))
    }
}

fn in_file(file: &str, content: &[u8]) -> Vec<Found> {
    let nodes = std::str::from_utf8(content).ok().and_then(|text| yaml::parse(file, text).ok()).unwrap_or_default();
    nodes.into_iter().enumerate().map(|(index, node)| Found { file: file.to_owned(), index, node }).collect()
}

/// What is wrong with a directory of facts that holds anything else.
fn strangers(directory: &Path, files: &BTreeMap<String, Vec<u8>>) -> Vec<Problem> {
    let is_fact = |found: &Found| fields::text(&found.node, &["kind"]) == Some("Fact");
    let strange = files.iter().filter(|(file, content)| !in_file(file, content).iter().all(is_fact));
    let why = "holds something that is no `Fact`, so nothing in it counts: move that to the other documents";
    strange.map(|(file, _)| Problem::of_file(&directory.join(file).display().to_string(), why)).collect()
}

/// The documents of a directory, and the requests beside them. What no reader of documents would read is left out.
fn files(directory: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        let path = directory.join(&name);
        let is_meant = is_document(&name) || name.ends_with(REQUEST);
        if is_meant
            && !name.starts_with('.')
            && fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() <= MAX_FILE)
        {
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(files)
}

/// How the name of a file ends that asks for a document; no reader of documents reads it.
pub(crate) const REQUEST: &str = ".yaml.request";
/// How the name of a file ends that holds what a document was before it was changed; nobody reads it.
const KEPT: &str = ".yaml.before";
const MAX_SAME: u32 = 100;
const MAX_FILE: u64 = yaml::MAX_BYTES as u64;
/// Whoever decides reads it, and whoever approves; nobody else writes it.
pub(super) const MODE: u32 = 0o640;
