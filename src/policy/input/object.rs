//! A Rego object under construction, of which no field is built that the policy does not read.

use std::collections::BTreeMap;

use super::names::Name;
use crate::policy::{Reads, engine::Value};

/// An object of named fields, and what is read of it.
pub(super) struct Object<'r> {
    reads: &'r Reads,
    fields: BTreeMap<Value, Value>,
}

impl<'r> Object<'r> {
    pub(super) const fn new(reads: &'r Reads) -> Self {
        Self { reads, fields: BTreeMap::new() }
    }

    /// What is read below a field; nothing, if the field is not read.
    pub(super) fn reads(&self, name: &Name) -> Option<&'r Reads> {
        self.reads.below(name.text())
    }

    /// Whether a field is named, and not only read with everything else.
    pub(super) fn names(&self, name: &Name) -> bool {
        self.reads.names(name.text())
    }

    /// A field that costs little to make.
    pub(super) fn put(&mut self, name: &Name, value: impl Into<Value>) {
        if self.reads(name).is_some() {
            self.fields.insert(name.key(), value.into());
        }
    }

    /// A field that is made only if it is read.
    pub(super) fn with(&mut self, name: &Name, value: impl FnOnce(&'r Reads) -> Value) {
        if let Some(reads) = self.reads(name) {
            self.fields.insert(name.key(), value(reads));
        }
    }

    /// A field of what is there.
    pub(super) fn some<T>(&mut self, name: &Name, of: Option<T>, value: impl FnOnce(T, &'r Reads) -> Value) {
        if let (Some(of), Some(reads)) = (of, self.reads(name)) {
            self.fields.insert(name.key(), value(of, reads));
        }
    }

    /// A field whose making may fail.
    pub(super) fn try_some<T, E>(
        &mut self,
        name: &Name,
        of: Option<T>,
        value: impl FnOnce(T, &'r Reads) -> Result<Value, E>,
    ) -> Result<(), E> {
        if let (Some(of), Some(reads)) = (of, self.reads(name)) {
            self.fields.insert(name.key(), value(of, reads)?);
        }
        Ok(())
    }

    /// A text, unless it is empty: proto JSON leaves defaults out.
    pub(super) fn text(&mut self, name: &Name, value: &str) {
        if !value.is_empty() {
            self.put_text(name, value);
        }
    }

    /// A text, even if it is empty.
    pub(super) fn put_text(&mut self, name: &Name, value: &str) {
        if self.reads(name).is_some() {
            self.fields.insert(name.key(), value.into());
        }
    }

    /// A map of texts, unless it is empty.
    pub(super) fn texts(&mut self, name: &Name, values: &BTreeMap<String, String>) {
        let values = Some(values).filter(|values| !values.is_empty());
        self.some(name, values, |values, reads| map(values, reads, |text, _| text.as_str().into()));
    }
}

impl From<Object<'_>> for Value {
    fn from(object: Object<'_>) -> Self {
        object.fields.into()
    }
}

/// What is read of a map.
pub(super) fn map<V>(values: &BTreeMap<String, V>, reads: &Reads, value: impl Fn(&V, &Reads) -> Value) -> Value {
    let read = try_map(values, reads, |of, reads| Ok::<_, std::convert::Infallible>(value(of, reads)));
    match read {
        Ok(read) => read,
        Err(never) => match never {},
    }
}

/// What is read of a map whose values may fail to be made.
pub(super) fn try_map<V, E>(
    values: &BTreeMap<String, V>,
    reads: &Reads,
    value: impl Fn(&V, &Reads) -> Result<Value, E>,
) -> Result<Value, E> {
    let mut fields = BTreeMap::new();
    if reads.is_whole() {
        for (name, of) in values {
            fields.insert(name.as_str().into(), value(of, reads)?);
        }
    } else {
        for (name, below) in reads.fields() {
            if let Some(of) = values.get(name) {
                fields.insert(name.into(), value(of, below)?);
            }
        }
    }
    Ok(fields.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::input::names;

    #[test]
    fn what_is_not_read_is_not_built() {
        let mut reads = Reads::default();
        reads.add(&["hop", "path"]);
        names::with(|names| {
            let mut object = Object::new(&reads);
            object.put(&names.peer, 1_u64);
            object.with(&names.tokens, |_| panic!("nobody reads the tokens"));
            object.with(&names.hop, |reads| {
                let mut hop = Object::new(reads);
                hop.text(&names.path, "/a");
                hop.text(&names.method, "GET");
                hop.into()
            });
            assert_eq!(serde_json::to_string(&Value::from(object)).unwrap(), r#"{"hop":{"path":"/a"}}"#);
        });
    }

    #[test]
    fn a_map_shows_the_names_that_are_read() {
        let values = BTreeMap::from([("a".to_owned(), 1_u64), ("b".to_owned(), 2)]);
        let mut reads = Reads::default();
        reads.add(&["b"]);
        reads.add(&["c"]);
        let shown = |reads: &Reads| serde_json::to_string(&map(&values, reads, |value, _| (*value).into())).unwrap();
        assert_eq!(shown(&reads), r#"{"b":2}"#);
        assert_eq!(shown(&Reads::all()), r#"{"a":1,"b":2}"#);
    }
}
