//! Documents as they are written: each with its file, its kind, its name and the place of every field.

use std::{path::Path, sync::Arc};

use crate::{
    clock::Timestamp,
    store,
    yaml::{self, Kind, Node, Position, Problem, Problems},
};

/// The documents of a directory, in the order of their files.
#[derive(Debug, Default)]
pub struct Written {
    documents: Vec<Document>,
}

/// One document: whatever it says, if it says a kind and a name.
#[derive(Debug)]
pub struct Document {
    /// The file that it is in.
    pub file: Arc<str>,
    /// Its kind.
    pub kind: String,
    /// Its `metadata.name`.
    pub name: String,
    /// Where that is.
    pub at: Position,
    spec: Node,
}

impl Written {
    /// Reads the files of a directory that the store would read.
    ///
    /// # Errors
    /// Every file that cannot be read, and everything in them that is no YAML.
    pub fn read(directory: &Path) -> Result<Self, Problems> {
        let refused = |path: &Path, message: &str| Problem::of_file(&path.display().to_string(), message);
        let (mut sources, mut problems) = (Vec::new(), Vec::new());
        for (name, content) in store::contents(directory).map_err(|message| refused(directory, &message))? {
            let path = directory.join(name);
            match content.and_then(|bytes| String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())) {
                Ok(source) => sources.push((path.display().to_string(), source)),
                Err(message) => problems.push(refused(&path, &message)),
            }
        }
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        Self::of(sources.iter().map(|(file, source)| (file.as_str(), source.as_str())))
    }

    /// Reads sources, each with the name of its file.
    ///
    /// # Errors
    /// Everything in them that is no YAML.
    pub fn of<'a>(sources: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Problems> {
        let (mut written, mut problems) = (Self::default(), Vec::new());
        for (file, source) in sources {
            match yaml::parse(file, source) {
                Ok(nodes) => {
                    let file: Arc<str> = file.into();
                    written.documents.extend(nodes.into_iter().filter_map(|node| Document::of(&file, node)));
                }
                Err(Problems(found)) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(written) } else { Err(Problems(problems)) }
    }

    /// All of them.
    pub fn all(&self) -> &[Document] {
        &self.documents
    }

    /// Those of one kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Document> {
        self.documents.iter().filter(move |document| document.kind == kind)
    }
}

impl Document {
    fn of(file: &Arc<str>, node: Node) -> Option<Self> {
        let kind = text_of(get(&node, "kind")?)?.to_owned();
        let name = get(get(&node, "metadata")?, "name")?;
        let (name, at) = (text_of(name)?.to_owned(), name.at);
        let Kind::Mapping(entries) = node.kind else { return None };
        let spec = entries.into_iter().find(|entry| entry.key == "spec")?.value;
        Some(Self { file: Arc::clone(file), kind, name, at, spec })
    }

    /// A field of its `spec`, by the names on the way to it.
    pub fn field(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(&self.spec, |node, key| get(node, key))
    }

    /// A field that is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        text_of(get(&self.spec, key)?)
    }

    /// A field that is a time.
    pub fn time(&self, key: &str) -> Option<Timestamp> {
        self.text(key).and_then(Timestamp::parse)
    }

    /// The items of a field that is a list; the field itself, if it is one value.
    pub fn items(&self, key: &str) -> &[Node] {
        get(&self.spec, key).map(items_of).unwrap_or_default()
    }

    /// The items that are text, each with its place.
    pub fn texts(&self, key: &str) -> impl Iterator<Item = (&str, Position)> {
        self.items(key).iter().filter_map(|item| Some((text_of(item)?, item.at)))
    }

    /// Where a field is; the name of the document, if the field is not there.
    pub fn place(&self, key: &str) -> Position {
        get(&self.spec, key).map_or(self.at, |node| node.at)
    }
}

/// A field of a mapping.
pub(super) fn get<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    match &node.kind {
        Kind::Mapping(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
        _ => None,
    }
}

/// What a scalar says.
pub(super) fn text_of(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Plain(text) | Kind::Quoted(text) => Some(text),
        _ => None,
    }
}

/// The items of a list; one value is a list of one.
pub(super) fn items_of(node: &Node) -> &[Node] {
    match &node.kind {
        Kind::Sequence(items) => items,
        Kind::Plain(_) | Kind::Quoted(_) => std::slice::from_ref(node),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SOURCE: &str = "
kind: Grant
metadata: {name: a}
spec: {audience: spiffe://a.example/b, purposes: [x, z], subject: {role: reader}, expiresAt: 2026-11-20T09:00:00Z}
---
kind: Purpose
metadata: {name: b}
spec: {}
---
metadata: {name: without-a-kind}
";

    #[test]
    fn every_field_has_its_place() {
        let written = Written::of([("a.yaml", SOURCE)]).unwrap();
        assert_eq!(written.all().len(), 2);
        let grant = written.of_kind("Grant").next().unwrap();
        assert_eq!((&*grant.file, grant.name.as_str(), grant.at.line, grant.at.column), ("a.yaml", "a", 3, 18));
        assert_eq!(text_of(grant.field(&["subject", "role"]).unwrap()), Some("reader"));
        assert_eq!(grant.texts("purposes").map(|(text, at)| (text, at.line)).collect::<Vec<_>>(), [("x", 4), ("z", 4)]);
        assert_eq!(grant.texts("audience").count(), 1);
        assert_eq!(grant.time("expiresAt"), Timestamp::parse("2026-11-20T09:00:00Z"));
        assert_eq!(grant.place("reviewBy"), grant.at);
        assert!(grant.field(&["subject", "role", "x"]).is_none());
    }

    #[test]
    fn what_the_store_does_not_read_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a.yaml", SOURCE), (".b.yaml", SOURCE), ("c.yaml.request", SOURCE), ("d.YML", "")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        assert_eq!(Written::read(folder.path()).unwrap().all().len(), 2);
        fs::write(folder.path().join("e.yaml"), "a: 1\na: 2\n").unwrap();
        assert!(Written::read(folder.path()).unwrap_err().to_string().contains("e.yaml:2:1"));
        assert!(Written::read(&folder.path().join("nowhere")).unwrap_err().to_string().contains("cannot be read"));
    }
}
