//! One value, read as the type that its reader wants.

use std::{collections::BTreeMap, fmt::Display, ops::RangeInclusive, time::Duration};

use super::{
    Entry, Kind, Mapping, Node, Position, Reader, nearest, quote,
    read::{index_path, key_path},
    scalar,
};
use crate::clock::Timestamp;

/// A value that may be absent; reading it as a type gives `None` if it is absent or wrong, and reports the latter.
#[derive(Clone, Debug)]
pub struct Value<'a> {
    pub(super) reader: &'a Reader,
    pub(super) path: String,
    pub(super) node: Option<&'a Node>,
}

impl<'a> Value<'a> {
    /// The node, if the value is there.
    pub fn node(&self) -> Option<&'a Node> {
        self.node
    }

    /// Says whether the value is there.
    pub fn is_present(&self) -> bool {
        self.node.is_some()
    }

    /// The dotted path of the field.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where the value is; the file as a whole if it is absent.
    pub fn at(&self) -> Position {
        self.node.map(|node| node.at).unwrap_or_default()
    }

    /// Adds a problem with this value.
    pub fn problem(&self, message: impl Into<String>) {
        self.reader.report(self.at(), &self.path, message);
    }

    /// A string; the empty one is refused.
    pub fn string(&self) -> Option<String> {
        self.non_empty().map(str::to_owned)
    }

    /// A string that may be empty.
    pub fn text(&self) -> Option<String> {
        self.str().map(str::to_owned)
    }

    /// What `parse` makes of a string; its error is the problem.
    pub fn parsed<T, E: Display>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        parse(self.non_empty()?).map_err(|error| self.problem(error.to_string())).ok()
    }

    /// One of a closed list of words.
    pub fn one_of<T: Clone>(&self, words: &[(&str, T)]) -> Option<T> {
        let written = self.non_empty()?;
        let found = words.iter().find(|(word, _)| *word == written);
        if found.is_none() {
            let list = words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            let meant = nearest(written, words.iter().map(|(word, _)| *word));
            let hint = meant.map(|word| format!(": did you mean `{word}`?")).unwrap_or_default();
            self.problem(format!("{} is not one of {list}{hint}", quote(written)));
        }
        found.map(|(_, value)| value.clone())
    }

    /// `true` or `false`, without quotes.
    pub fn boolean(&self) -> Option<bool> {
        self.plain("`true` or `false`", |text| match text {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }

    /// A whole decimal number, without quotes.
    pub fn integer(&self) -> Option<i64> {
        self.plain("a whole number", scalar::integer)
    }

    /// A whole decimal number within a range.
    pub fn integer_in(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let number = self.integer()?;
        self.within(&number, &range, |bound| bound.to_string())
    }

    /// A duration such as `90s`, `15m`, `24h`, `30d` or `5ms`.
    pub fn duration(&self) -> Option<Duration> {
        self.quantity("a duration such as `90s`, `15m`, `24h`, `30d` or `5ms`", scalar::duration)
    }

    /// A duration within a range.
    pub fn duration_in(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let duration = self.duration()?;
        self.within(&duration, &range, |bound| scalar::show_duration(*bound))
    }

    /// A size in bytes, such as `256MiB`.
    pub fn size(&self) -> Option<u64> {
        self.quantity("a size such as `512B`, `64KiB`, `256MiB` or `1GiB`", scalar::size)
    }

    /// A size in bytes within a range.
    pub fn size_in(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let size = self.size()?;
        self.within(&size, &range, |bound| scalar::show_size(*bound))
    }

    /// A time in [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339#section-5.6), in UTC.
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.quantity("a time in UTC such as `2026-11-20T09:00:00Z`", Timestamp::parse)
    }

    /// A list, each item read by `read`; items that are wrong are left out, and reported.
    pub fn list<T>(&self, mut read: impl FnMut(Self) -> Option<T>) -> Option<Vec<T>> {
        let Kind::Sequence(items) = &self.node?.kind else {
            return self.expected("a list");
        };
        let value =
            |(index, node)| Value { reader: self.reader, path: index_path(&self.path, index), node: Some(node) };
        Some(items.iter().enumerate().filter_map(|item| read(value(item))).collect())
    }

    /// A mapping with free keys, each value read by `read`; values that are wrong are left out, and reported.
    pub fn entries<T>(&self, mut read: impl FnMut(Self) -> Option<T>) -> Option<BTreeMap<String, T>> {
        let Kind::Mapping(entries) = &self.node?.kind else {
            return self.expected("a mapping");
        };
        let value = |entry: &'a Entry| {
            let path = key_path(&self.path, &entry.key);
            Value { reader: self.reader, path, node: Some(&entry.value) }
        };
        Some(entries.iter().filter_map(|entry| Some((entry.key.clone(), read(value(entry))?))).collect())
    }

    /// A mapping with known fields; if the value is absent or wrong, so are all its fields, without further problems.
    pub fn mapping(self) -> Mapping<'a> {
        let entries = match self.node.map(|node| &node.kind) {
            None => None,
            Some(Kind::Mapping(entries)) => Some(entries.as_slice()),
            Some(_) => self.expected("a mapping"),
        };
        Mapping { reader: self.reader, at: self.at(), path: self.path, entries, known: Vec::new() }
    }

    fn str(&self) -> Option<&'a str> {
        match &self.node?.kind {
            Kind::Quoted(text) => Some(text),
            Kind::Plain(text) => match scalar::other_than_string(text) {
                None => Some(text),
                Some(other) => {
                    self.problem(format!("{} is {other}, not a string: quote it", quote(text)));
                    None
                }
            },
            _ => self.expected("a string"),
        }
    }

    fn non_empty(&self) -> Option<&'a str> {
        let text = self.str()?;
        if text.is_empty() {
            self.problem("must not be empty");
        }
        Some(text).filter(|text| !text.is_empty())
    }

    /// A scalar that must not be quoted.
    fn plain<T>(&self, wanted: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        match &self.node?.kind {
            Kind::Plain(text) => read(text).or_else(|| self.expected(wanted)),
            Kind::Quoted(text) if read(text).is_some() => {
                self.problem(format!("expected {wanted}, found a string: leave out the quotes"));
                None
            }
            _ => self.expected(wanted),
        }
    }

    /// A scalar that may be quoted, since it cannot be mistaken for something else.
    fn quantity<T>(&self, wanted: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        match &self.node?.kind {
            Kind::Plain(text) | Kind::Quoted(text) => read(text).or_else(|| self.expected(wanted)),
            _ => self.expected(wanted),
        }
    }

    fn within<T: PartialOrd + Copy>(
        &self,
        value: &T,
        range: &RangeInclusive<T>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        if !range.contains(value) {
            self.problem(format!("must be between {} and {}", show(range.start()), show(range.end())));
        }
        range.contains(value).then_some(*value)
    }

    fn expected<T>(&self, wanted: &str) -> Option<T> {
        let found = match &self.node?.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Plain(text) | Kind::Quoted(text) => quote(text),
            Kind::Sequence(_) => "a list".to_owned(),
            Kind::Mapping(_) => "a mapping".to_owned(),
            Kind::Refused => return None,
        };
        self.problem(format!("expected {wanted}, found {found}"));
        None
    }
}
