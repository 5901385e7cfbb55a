//! Finds what takes access away in a file that does not load, so that a mistake beside it keeps nobody in.

use super::document::{Document, Reading, decode};
use crate::yaml::nearest;

/// What a file that does not load takes away.
#[derive(Debug, Default)]
pub(super) struct Salvage {
    /// What can be read of it.
    pub(super) withdrawing: Vec<Document>,
    /// Revocations that cannot.
    pub(super) unread: Vec<Unread>,
}

/// A `Revocation` that cannot be read, and every name that it might have.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unread(Vec<String>);

impl Unread {
    /// Whether it is one of those that have been read before, and act.
    pub(super) fn is_any_of(&self, known: &[&str]) -> bool {
        self.0.iter().any(|name| known.contains(&name.as_str()))
    }
}

/// Reads each document of a file by itself. What stands between two marks is one, wherever they are: not even quotes hide a mark
/// ([YAML 1.2](https://yaml.org/spec/1.2.2/#914-explicit-documents)), so a mistake in one document ends with it.
pub(super) fn salvage(file: &str, content: &[u8], reading: &Reading<'_>) -> Salvage {
    let mut salvage = Salvage::default();
    if !reading.withdraws() {
        return salvage;
    }
    for Piece { lines_above, content } in pieces(content) {
        let decoded = std::str::from_utf8(content).ok().and_then(|text| decode(file, text, reading).ok());
        match decoded {
            Some(documents) => {
                let withdrawing = documents.into_iter().filter(|document| document.body.withdraws());
                salvage.withdrawing.extend(withdrawing.map(|document| Document { lines_above, ..document }));
            }
            None => salvage.unread.extend(revocation(&String::from_utf8_lossy(content))),
        }
    }
    salvage
}

/// A part of a file.
struct Piece<'a> {
    lines_above: usize,
    content: &'a [u8],
}

fn pieces(content: &[u8]) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest, mut lines_above) = (Vec::new(), content, 0);
    let (mut lines, mut length) = (0_usize, 0_usize);
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if is_mark(line) {
            let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            pieces.push(Piece { lines_above, content: piece });
            (rest, lines_above, length) = (after, lines, 0);
        }
        lines = lines.saturating_add(1);
        length = length.saturating_add(line.len());
    }
    pieces.push(Piece { lines_above, content: rest });
    pieces
}

/// Whether a line begins a document or ends one.
fn is_mark(line: &[u8]) -> bool {
    let rest = line.strip_prefix(b"---").or_else(|| line.strip_prefix(b"..."));
    rest.is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

/// What cannot be read, if it is meant to be a `Revocation`, however that is spelled.
fn revocation(text: &str) -> Option<Unread> {
    let is_meant = |kind: &str| nearest(kind, KINDS) == Some("Revocation");
    values_of("kind", text).any(is_meant).then(|| Unread(values_of("name", text).map(str::to_owned).collect()))
}

/// Every word that stands behind such a key.
fn values_of<'a>(key: &'a str, text: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(key).skip(1).filter_map(|behind| {
        let value = behind.trim_start_matches(['"', '\'', ' ', '\t']).strip_prefix(':')?;
        let value = value.trim_start_matches(['"', '\'', ' ', '\t', '\r', '\n']);
        let is_inner = |character: char| character.is_alphanumeric() || matches!(character, '-' | '.' | '_');
        value.split(|character| !is_inner(character)).next().filter(|word| !word.is_empty())
    })
}

const KINDS: [&str; 7] = ["Workload", "Purpose", "Resource", "Grant", "Activation", "Revocation", "Fact"];

#[cfg(test)]
mod tests;
