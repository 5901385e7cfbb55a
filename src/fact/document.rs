//! Reads the `spec` of a `Fact` document.

use std::time::Duration;

use super::Fact;
use crate::{
    clock::Timestamp,
    grant::field::{key, line},
    peer::id,
    yaml::{Mapping, Value},
};

/// Reads a `spec`; what is wrong with it is with its reader, and then there may be nothing.
pub(crate) fn read(name: Option<String>, mut spec: Mapping<'_>) -> Option<Fact> {
    let key = spec.required("key").parsed(key);
    let about = spec.optional("subject");
    let subject = about.parsed(id::parse_workload);
    let is_about_all = !spec.has("subject");
    let value = value(&spec.required("value"));
    let source = spec.required("source").parsed(line);
    let observed_at = spec.required("observedAt").timestamp();
    let max_age = spec.required("maxAge").duration_in(MIN_AGE..=MAX_AGE);
    spec.finish();
    // What is about one workload must not become true of all.
    if subject.is_none() && !is_about_all {
        return None;
    }
    Some(Fact {
        name: name?,
        key: key?,
        subject,
        value: value?,
        source: source?,
        observed_at: observed_at?,
        max_age: max_age?,
    })
}

impl Fact {
    /// What is left of it where another document says something of the same thing: never fresh. That it is there keeps what is so of
    /// everybody from being taken for what is so of its subject.
    pub(crate) fn disputed(&self) -> Self {
        Self { value: serde_json::Value::Null, observed_at: Timestamp::MIN, ..self.clone() }
    }
}

/// Any value that is one; every hop may have to show it to a policy, so it is small.
fn value(field: &Value<'_>) -> Option<serde_json::Value> {
    let value = field.json()?;
    if depth(&value) > MAX_DEPTH {
        field.problem(format!("is nested deeper than {MAX_DEPTH}"));
    } else if value.to_string().len() > MAX_VALUE {
        field.problem(format!("has more than {MAX_VALUE} bytes as JSON"));
    }
    Some(value)
}

fn depth(value: &serde_json::Value) -> usize {
    let inner = match value {
        serde_json::Value::Array(items) => items.iter().map(depth).max(),
        serde_json::Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    inner.unwrap_or_default().saturating_add(1)
}

const MIN_AGE: Duration = Duration::from_millis(1);
const MAX_AGE: Duration = Duration::from_hours(24);
const MAX_DEPTH: usize = 8;
const MAX_VALUE: usize = 16 * 1024;
