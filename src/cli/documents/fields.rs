//! The fields of a document as it is written, read and set by their paths.

use crate::{
    store::write::render::{mapping, string},
    yaml::{Entry, Kind, Node, Position},
};

/// A document of this kind and name.
pub(crate) fn document<'a>(kind: &str, name: &str, spec: impl IntoIterator<Item = (&'a str, Node)>) -> Node {
    mapping([
        ("apiVersion", string("hopguard.dev/v1alpha1")),
        ("kind", string(kind)),
        ("metadata", mapping([("name", string(name))])),
        ("spec", mapping(spec)),
    ])
}

/// The value at a path, if it is there.
pub(crate) fn at<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, key| match &node.kind {
        Kind::Mapping(entries) => entries.iter().find(|entry| entry.key == **key).map(|entry| &entry.value),
        _ => None,
    })
}

/// The scalar at a path, as it is written.
pub(crate) fn text<'a>(node: &'a Node, path: &[&str]) -> Option<&'a str> {
    match &at(node, path)?.kind {
        Kind::Plain(text) | Kind::Quoted(text) => Some(text),
        _ => None,
    }
}

/// The document with another value for a field of its `spec`; a new one comes last.
pub(crate) fn with(node: &Node, key: &str, value: Node) -> Node {
    change_spec(node, |entries| match entries.iter_mut().find(|entry| entry.key == key) {
        Some(entry) => entry.value = value,
        None => entries.push(Entry { key: key.to_owned(), at: Position::default(), value }),
    })
}

/// The document without a field of its `spec`.
pub(crate) fn without(node: &Node, key: &str) -> Node {
    change_spec(node, |entries| entries.retain(|entry| entry.key != key))
}

fn change_spec(node: &Node, change: impl FnOnce(&mut Vec<Entry>)) -> Node {
    let mut node = node.clone();
    if let Kind::Mapping(entries) = &mut node.kind
        && let Some(spec) = entries.iter_mut().find(|entry| entry.key == "spec")
        && let Kind::Mapping(entries) = &mut spec.value.kind
    {
        change(entries);
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::write::render;

    #[test]
    fn fields_are_set_and_taken_away() {
        let node = document("Fact", "a", [("key", string("a.b")), ("source", string("ci"))]);
        assert_eq!(text(&node, &["spec", "key"]), Some("a.b"));
        let node = without(&with(&with(&node, "key", string("c")), "maxAge", string("5m")), "source");
        let text =
            "apiVersion: hopguard.dev/v1alpha1\nkind: Fact\nmetadata:\n  name: a\nspec:\n  key: c\n  maxAge: \"5m\"\n";
        assert_eq!(render::document(&node), text);
        assert_eq!(at(&node, &["spec", "key", "further"]), None);
    }
}
