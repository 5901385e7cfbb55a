//! YAML with positions, read strictly: what two readers could understand differently is refused, and all problems of a file are
//! reported at once.
//!
//! The language is [YAML 1.2](https://yaml.org/spec/1.2.2/) without anchors, aliases, tags, merge keys and duplicate keys, and without the
//! plain scalars that YAML 1.1 reads as something else (`no`, `0660`, `1_000`, `12:30`). [`parse`] gives the documents of a file as
//! [`Node`]s; a [`Reader`] turns them into typed values.

#[cfg(test)]
mod asked;
mod json;
mod mapping;
mod parse;
mod problem;
mod read;
mod scalar;
mod suggest;
mod value;

#[cfg(test)]
pub(crate) use self::asked::asked_during;
pub(crate) use self::problem::is_deceptive;
pub use self::{
    mapping::Mapping,
    problem::{Position, Problem, Problems, quote},
    read::Reader,
    scalar::{is_string, show_duration, show_size},
    suggest::nearest,
    value::Value,
};

/// A value as it is written, with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where the value begins.
    pub at: Position,
    /// What is written there.
    pub kind: Kind,
}

impl Node {
    /// Says whether both are the same value, wherever and with whatever quotes they are written.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Null, Kind::Null) => true,
            (Kind::Plain(a), Kind::Plain(b)) | (Kind::Quoted(a), Kind::Quoted(b)) => a == b,
            (Kind::Plain(plain), Kind::Quoted(quoted)) | (Kind::Quoted(quoted), Kind::Plain(plain)) => {
                plain == quoted && scalar::other_than_string(plain).is_none()
            }
            (Kind::Sequence(a), Kind::Sequence(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b)),
            (Kind::Mapping(a), Kind::Mapping(b)) => {
                let has =
                    |entry: &Entry| b.iter().any(|other| entry.key == other.key && entry.value.is_same(&other.value));
                a.len() == b.len() && a.iter().all(has)
            }
            _ => false,
        }
    }
}

/// The kinds of a [`Node`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar without quotes: a string, a number or a boolean, as its reader wants it.
    Plain(String),
    /// A quoted or block scalar: always a string.
    Quoted(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping: its keys are strings, each there once, in the order of the file.
    Mapping(Vec<Entry>),
    /// Something that has been refused and reported; reading it yields nothing and adds no second problem.
    Refused,
}

/// One key of a mapping with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is.
    pub at: Position,
    /// The value.
    pub value: Node,
}

/// Parses all documents of a file; empty ones are left out.
///
/// # Errors
/// Every problem of the file, up to the first one that hides the rest (such as an unclosed bracket).
pub fn parse(file: &str, source: &str) -> Result<Vec<Node>, Problems> {
    let reader = Reader::new(file);
    let documents = reader.parse(source);
    reader.finish(Some(documents))
}

/// The longest file that is read, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// The deepest nesting of lists and mappings.
pub const MAX_DEPTH: usize = 32;

/// The most values (scalars, lists, mappings and keys) in one file.
pub const MAX_NODES: usize = 100_000;

#[cfg(test)]
mod tests;
