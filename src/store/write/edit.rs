//! Changes one document of a file and no other: what comes out is read again, and is what was meant, or nothing comes out.

use super::render;
use crate::yaml::{self, Kind, Node, Position};

/// The file with its document at `index` (empty ones are not counted) replaced.
///
/// Where only scalars differ everything else stays as it is written, comments included; else this document is written anew. `None` if the
/// file is written in a way that this cannot change.
pub(crate) fn replace(source: &str, index: usize, wanted: &Node) -> Option<String> {
    let nodes = yaml::parse("", source).ok()?;
    let old = nodes.get(index)?;
    let is_meant = |text: &String| {
        yaml::parse("", text).is_ok_and(|new| {
            let mut pairs = new.iter().zip(&nodes).enumerate();
            new.len() == nodes.len()
                && pairs.all(|(at, (new, old))| new.is_same(if at == index { wanted } else { old }))
        })
    };
    let mut scalars = Vec::new();
    let in_place = differ_in_scalars(old, wanted, &mut scalars).then(|| in_place(source, scalars)).flatten();
    in_place.filter(is_meant).or_else(|| {
        let (start, end) = lines_of(source, old)?;
        let lines = || source.split_inclusive('\n');
        let before: String = lines().take(start).collect();
        let after: String = lines().skip(end).collect();
        Some(format!("{before}{}{after}", render::document(wanted))).filter(is_meant)
    })
}

/// The file without its document at `index`, and the comments above it.
pub(crate) fn remove(source: &str, index: usize) -> Option<String> {
    let nodes = yaml::parse("", source).ok()?;
    let (start, end) = lines_of(source, nodes.get(index)?)?;
    let lines: Vec<_> = source.split_inclusive('\n').collect();
    let marker = lines.iter().take(start).rposition(|line| is_marker(line));
    let without: String = match marker {
        Some(marker) => lines.iter().take(marker).chain(lines.iter().skip(end)).copied().collect(),
        // The first document needs no mark before it, and then neither does the second.
        None => lines.iter().skip(end.saturating_add(1)).copied().collect(),
    };
    let rest: Vec<_> = nodes.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, node)| node).collect();
    let is_meant = yaml::parse("", &without)
        .is_ok_and(|new| new.len() == rest.len() && new.iter().zip(rest).all(|(new, old)| new.is_same(old)));
    is_meant.then_some(without)
}

/// Whether two values differ in nothing but scalars, and in which.
fn differ_in_scalars<'a>(old: &'a Node, new: &'a Node, found: &mut Vec<(&'a Node, &'a Node)>) -> bool {
    if old.is_same(new) {
        return true;
    }
    match (&old.kind, &new.kind) {
        (Kind::Plain(_) | Kind::Quoted(_), Kind::Plain(_) | Kind::Quoted(_)) => {
            found.push((old, new));
            true
        }
        (Kind::Sequence(a), Kind::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(old, new)| differ_in_scalars(old, new, found))
        }
        (Kind::Mapping(a), Kind::Mapping(b)) => {
            let same_keys = a.len() == b.len() && a.iter().zip(b).all(|(old, new)| old.key == new.key);
            same_keys && a.iter().zip(b).all(|(old, new)| differ_in_scalars(&old.value, &new.value, found))
        }
        _ => false,
    }
}

fn in_place(source: &str, mut scalars: Vec<(&Node, &Node)>) -> Option<String> {
    // From the end, so that the places before it stay true.
    scalars.sort_by_key(|(old, _)| std::cmp::Reverse(old.at));
    let mut text = source.to_owned();
    for (old, new) in scalars {
        let at = offset(source, old.at)?;
        let (before, rest) = text.split_at_checked(at)?;
        let after = match &old.kind {
            Kind::Plain(written) => rest.strip_prefix(written.as_str())?,
            Kind::Quoted(written) => ['"', '\'']
                .into_iter()
                .find_map(|quote| rest.strip_prefix(quote)?.strip_prefix(written.as_str())?.strip_prefix(quote))?,
            _ => return None,
        };
        let document = render::document(new);
        let written = document.strip_suffix('\n').filter(|line| !line.contains('\n'))?;
        text = format!("{before}{written}{after}");
    }
    Some(text)
}

fn offset(source: &str, at: Position) -> Option<usize> {
    let line = at.line.checked_sub(1)?;
    let start: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let text = source.split_inclusive('\n').nth(line)?;
    let (column, _) = text.char_indices().nth(at.column.checked_sub(1)?)?;
    start.checked_add(column)
}

/// The lines of a document, from its first value to the mark that ends it.
fn lines_of(source: &str, node: &Node) -> Option<(usize, usize)> {
    let start = node.at.line.checked_sub(1)?;
    let rest = source.split_inclusive('\n').skip(start);
    let length = rest.take_while(|line| !is_marker(line)).count();
    (length > 0).then(|| (start, start.saturating_add(length)))
}

fn is_marker(line: &str) -> bool {
    let line = line.trim_end();
    ["---", "..."]
        .iter()
        .any(|mark| line.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# ours
kind: A
spec:
  until: 2026-11-20T09:00:00Z   # agreed
  who: \"8812\"
---
# theirs
kind: B
spec: {until: 2026-11-21T09:00:00Z, who: 'alice'}
--- # and these
kind: C
";

    /// The value of a document with some text of it exchanged.
    fn wanted(index: usize, from: &str, to: &str) -> Node {
        assert!(FILE.contains(from));
        yaml::parse("", &FILE.replacen(from, to, 1)).unwrap().remove(index)
    }

    #[test]
    fn a_scalar_is_changed_where_it_stands() {
        for (index, from, to) in [
            (0, "2026-11-20T09:00:00Z", "2026-11-20T10:30:00Z"),
            (0, "\"8812\"", "\"8813\""),
            (1, "2026-11-21T09:00:00Z", "2026-11-22T00:00:00Z"),
            (1, "'alice'", "bob"),
        ] {
            assert_eq!(replace(FILE, index, &wanted(index, from, to)).unwrap(), FILE.replacen(from, to, 1));
        }
    }

    #[test]
    fn a_document_with_another_shape_is_written_anew_and_its_neighbours_stay() {
        let node = wanted(1, "who: 'alice'", "who: [alice, bob]");
        let written = FILE.replace(
            "spec: {until: 2026-11-21T09:00:00Z, who: 'alice'}",
            "spec:\n  until: 2026-11-21T09:00:00Z\n  who: [alice, bob]",
        );
        assert_eq!(replace(FILE, 1, &node).unwrap(), written);
    }

    #[test]
    fn a_document_is_taken_out_with_its_comments() {
        let (a, rest) = FILE.split_once("---\n").unwrap();
        let (b, c) = rest.split_once("--- # and these\n").unwrap();
        assert_eq!(remove(FILE, 0).unwrap(), rest);
        assert_eq!(remove(FILE, 1).unwrap(), format!("{a}--- # and these\n{c}"));
        assert_eq!(remove(FILE, 2).unwrap(), format!("{a}---\n{b}"));
        assert_eq!(remove(FILE, 3), None);
    }

    #[test]
    fn what_cannot_be_changed_safely_is_not_changed() {
        let on_the_mark = "--- {kind: A}\n---\nkind: B\n";
        let node = yaml::parse("", "kind: [C]").unwrap().remove(0);
        assert_eq!(replace(on_the_mark, 0, &node), None);
        assert_eq!(replace("kind: &a b", 0, &node), None);
        // But where the place of a scalar is clear, it is.
        let node = yaml::parse("", "kind: C").unwrap().remove(0);
        assert_eq!(replace(on_the_mark, 0, &node).unwrap(), "--- {kind: C}\n---\nkind: B\n");
    }
}
