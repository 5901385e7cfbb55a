//! A Rego object under construction.

use std::collections::BTreeMap;

use crate::policy::engine::Value;

/// An object of named fields.
#[derive(Debug, Default)]
pub(super) struct Object(BTreeMap<Value, Value>);

impl Object {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// An object of texts.
    pub(super) fn of<const N: usize>(fields: [(&str, &str); N]) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    pub(super) fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    pub(super) fn some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// A text, unless it is empty: proto JSON leaves defaults out.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.put(name, value);
        }
    }

    /// A map of texts, unless it is empty.
    pub(super) fn texts(&mut self, name: &str, values: &BTreeMap<String, String>) {
        if !values.is_empty() {
            self.put(
                name,
                Self(values.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect()),
            );
        }
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        object.0.into()
    }
}
