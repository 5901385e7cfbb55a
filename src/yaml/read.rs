//! Reads nodes as typed values and collects every problem on the way.

use std::{cell::RefCell, sync::Arc};

use super::{Mapping, Node, Position, Problem, Problems, Value, problem::quote};

/// Reads one file: hands out typed values and keeps the problems until [`finish`](Self::finish).
///
/// ```
/// use hopguard::yaml::Reader;
///
/// let reader = Reader::new("owner.yaml");
/// let documents = reader.parse("name: ledger\nteam: payments\n");
/// let mut owner = reader.mapping(&documents[0]);
/// let name = owner.required("name").string();
/// let team = owner.optional("team").string();
/// owner.finish();
/// assert_eq!(reader.finish(name.zip(team)).unwrap(), ("ledger".to_owned(), "payments".to_owned()));
/// ```
#[derive(Debug)]
pub struct Reader {
    file: Arc<str>,
    problems: RefCell<Vec<Problem>>,
}

impl Reader {
    /// A reader for a file of this name.
    pub fn new(file: &str) -> Self {
        Self { file: file.into(), problems: RefCell::default() }
    }

    /// Reads a node as a mapping.
    pub fn mapping<'a>(&'a self, node: &'a Node) -> Mapping<'a> {
        self.value(node).mapping()
    }

    /// Reads a node as any value.
    pub fn value<'a>(&'a self, node: &'a Node) -> Value<'a> {
        Value { reader: self, path: String::new(), node: Some(node) }
    }

    /// Adds a problem.
    pub fn report(&self, at: Position, field: &str, message: impl Into<String>) {
        let mut problems = self.problems.borrow_mut();
        let message = match problems.len() {
            0..MAX_PROBLEMS => message.into(),
            MAX_PROBLEMS => "there are more problems: repair these first".to_owned(),
            _ => return,
        };
        problems.push(Problem {
            file: Arc::clone(&self.file),
            line: at.line,
            column: at.column,
            field: field.to_owned(),
            message,
            excerpt: None,
        });
    }

    /// Says whether nothing was wrong up to here.
    pub fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// Hands over what was read, if all of it was right.
    ///
    /// # Errors
    /// Every problem, in the order of the file.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Problems> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        match value {
            Some(value) if problems.is_empty() => Ok(value),
            None if problems.is_empty() => Err(Problem::of_file(&self.file, "the file is incomplete").into()),
            _ => Err(Problems(problems)),
        }
    }
}

/// The path of a key: `spec.owner`, or `labels["app/tier"]` for a key that is no plain word.
pub(super) fn key_path(path: &str, key: &str) -> String {
    if key.is_empty() || key.len() > MAX_WORD || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)) {
        let shown = quote(key);
        return format!("{path}[\"{}\"]", shown.trim_matches('`'));
    }
    let dot = if path.is_empty() { "" } else { "." };
    format!("{path}{dot}{key}")
}

/// The path of an item of a list.
pub(super) fn index_path(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// The most problems that are reported of one file.
const MAX_PROBLEMS: usize = 100;

/// The longest key that is shown as a plain word.
const MAX_WORD: usize = 64;
