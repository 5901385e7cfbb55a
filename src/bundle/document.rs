//! A data document is read in one way: each key once, every number as it is written, nothing behind its end.

mod canonical;
mod json;
mod merge;
mod value;
mod yaml;

use std::borrow::Cow;

pub(crate) use self::merge::{Conflict, merge};
use super::Limits;
use crate::yaml::{Problem, Problems};

/// What a document says; numbers are still text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree<'a> {
    Null,
    Bool(bool),
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    /// In the order of its keys, each there once.
    Object(Vec<(Cow<'a, str>, Self)>),
}

impl<'a> Tree<'a> {
    /// Reads JSON ([RFC 8259]), strictly.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    ///
    /// [RFC 8259]: https://www.rfc-editor.org/rfc/rfc8259
    pub(crate) fn json(file: &str, bytes: &'a [u8], limits: &Limits) -> Result<Self, Problem> {
        json::read(bytes, limits).map_err(|(at, message)| {
            let (line, column) = place(bytes, at);
            Problem::at(file, line, column, &format!("bundle.data: {message}"))
        })
    }

    /// Reads YAML, strictly: one document.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn yaml(file: &str, bytes: &[u8]) -> Result<Self, Problems> {
        yaml::read(file, bytes)
    }

    /// The member of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let index = members.binary_search_by(|(key, _)| key.as_ref().cmp(name)).ok()?;
        members.get(index).map(|(_, value)| value)
    }

    /// The string that it is.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// The line and column, counted from one, of a place in a text.
fn place(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = bytes.get(..at).unwrap_or(bytes);
    let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end.saturating_add(1));
    let text = String::from_utf8_lossy(before.get(start..).unwrap_or_default());
    (line, text.chars().count().saturating_add(1))
}
