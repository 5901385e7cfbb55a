//! The fields of a mapping: what must be there, what may be, and nothing else.

use super::{Entry, Kind, Position, Reader, Value, nearest, quote, read::key_path};

/// The fields of a mapping. Ask for every field before [`finish`](Self::finish): what was not asked for is unknown.
#[derive(Clone, Debug)]
#[must_use = "`finish` refuses the unknown fields"]
pub struct Mapping<'a> {
    pub(super) reader: &'a Reader,
    pub(super) path: String,
    pub(super) at: Position,
    /// `None` if it is no mapping, which has been reported.
    pub(super) entries: Option<&'a [Entry]>,
    pub(super) known: Vec<&'static str>,
}

impl<'a> Mapping<'a> {
    /// A mapping without fields, in place of a value that may be absent.
    pub fn empty_of(value: &Value<'a>) -> Self {
        Self { reader: value.reader, path: value.path.clone(), at: value.at(), entries: Some(&[]), known: Vec::new() }
    }

    /// The value of a field that must be there.
    pub fn required(&mut self, key: &'static str) -> Value<'a> {
        let value = self.optional(key);
        if self.entries.is_some() && self.entry(key).is_none() {
            self.reader.report(self.at, &value.path, "is required");
        }
        value
    }

    /// The value of a field that may be absent; present and empty (`null`) is a problem, since something was meant.
    pub fn optional(&mut self, key: &'static str) -> Value<'a> {
        let mut value = self.nullable(key);
        if let Some(entry) = self.entry(key).filter(|entry| entry.value.kind == Kind::Null) {
            self.reader.report(entry.at, &value.path, "is empty: give it a value or leave it out");
            value.node = None;
        }
        value
    }

    /// The value of a field that may be absent or `null`, which is the same.
    pub fn nullable(&mut self, key: &'static str) -> Value<'a> {
        let mut value = self.value(key);
        value.node = value.node.filter(|node| node.kind != Kind::Null);
        value
    }

    /// The value of a field as it is written, `null` included.
    pub fn value(&mut self, key: &'static str) -> Value<'a> {
        self.known.push(key);
        let node = self.entry(key).map(|entry| &entry.value);
        let path = key_path(&self.path, key);
        #[cfg(test)]
        super::asked::note(&path);
        Value { reader: self.reader, path, node }
    }

    /// A field that is a mapping; absent, it is an empty one, so that the fields it requires are missed here.
    pub fn section(&mut self, key: &'static str) -> Self {
        let is_absent = self.entries.is_some() && !self.has(key);
        let section = self.optional(key).mapping();
        if is_absent { Self { at: self.at, entries: Some(&[]), ..section } } else { section }
    }

    /// Refuses a field whose capability is not built; `what` says what it belongs to.
    pub fn not_built(&mut self, key: &'static str, what: &str) {
        self.known.push(key);
        if let Some(entry) = self.entry(key) {
            let message = format!("`{key}` is not built yet: {what}");
            self.reader.report(entry.at, &key_path(&self.path, key), message);
        }
    }

    /// Says whether a field is there, whatever its value.
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Where the mapping begins.
    pub fn at(&self) -> Position {
        self.at
    }

    /// Adds a problem with the mapping as a whole; if it is none, that has been reported.
    pub fn problem(&self, message: impl Into<String>) {
        if self.entries.is_some() {
            self.reader.report(self.at, &self.path, message);
        }
    }

    /// The fields that were not asked for, by their paths.
    pub fn unread(&self) -> Vec<String> {
        let entries = self.entries.unwrap_or_default().iter();
        let unread = entries.filter(|entry| !self.known.contains(&entry.key.as_str()));
        unread.map(|entry| key_path(&self.path, &entry.key)).collect()
    }

    /// Refuses every field that was not asked for.
    pub fn finish(self) {
        for entry in self.entries.unwrap_or_default() {
            if self.known.contains(&entry.key.as_str()) {
                continue;
            }
            let meant = nearest(&entry.key, self.known.iter().copied());
            let hint = meant.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
            self.reader.report(entry.at, &self.path, format!("unknown field {}{hint}", quote(&entry.key)));
        }
    }

    fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.entries?.iter().find(|entry| entry.key == key)
    }
}
