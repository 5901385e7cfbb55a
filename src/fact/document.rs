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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::grant::field::spec;

    const FACT: &str = "{key: device.posture, subject: spiffe://td/a, value: {ok: true, level: 3}, source: mdm, \
                        observedAt: 2026-11-20T09:00:00Z, maxAge: 5m}";

    fn edited(from: &str, to: &str) -> Result<Fact, Vec<String>> {
        assert!(FACT.contains(from), "{from}");
        spec(&FACT.replace(from, to), read)
    }

    #[test]
    fn reads_every_field() {
        let fact = spec(FACT, read).unwrap();
        assert_eq!((fact.name.as_str(), fact.key.as_str(), fact.source.as_str()), ("it", "device.posture", "mdm"));
        assert_eq!(fact.subject.unwrap().to_string(), "spiffe://td/a");
        assert_eq!(fact.value, json!({"ok": true, "level": 3}));
        assert_eq!(fact.observed_at.to_string(), "2026-11-20T09:00:00Z");
        assert_eq!(fact.max_age, Duration::from_secs(300));
        assert_eq!(edited("subject: spiffe://td/a, ", "").unwrap().subject, None);
    }

    #[test]
    fn says_where_and_how_to_repair_what_is_wrong() {
        for (from, to, problem) in [
            ("key: device.posture, ", "", "1:1: key: is required"),
            ("device.posture", "Device", "1:7: key: a fact's key is lower-case words joined by dots"),
            ("spiffe://td/a", "spiffe://td", "1:32: subject: the path is missing"),
            ("spiffe://td/a", "\"\"", "1:32: subject: must not be empty"),
            ("subject: spiffe://td/a", "subject: ", "1:23: subject: is empty: give it a value or leave it out"),
            ("value: {ok: true, level: 3}", "value: null", "1:47: value: is empty: give it a value or leave it out"),
            ("value: {ok: true, level: 3}, ", "", "1:1: value: is required"),
            ("3}", "0x3}", "1:72: value: is a number to readers of YAML and not to those of JSON"),
            ("3}", "[[[[[[[[3]]]]]]]]}", "1:54: value: is nested deeper than 8"),
            ("source: mdm, ", "", "1:1: source: is required"),
            ("2026-11-20T09:00:00Z", "yesterday", "1:101: observedAt: expected a time in UTC"),
            ("maxAge: 5m", "maxAge: 0s", "1:131: maxAge: must be between 1ms and 1d"),
            ("maxAge: 5m", "maxAge: 25h", "1:131: maxAge: must be between 1ms and 1d"),
            ("maxAge: 5m", "maxAge: -5m", "1:131: maxAge: expected a duration"),
            ("maxAge: 5m", "maxAge: 300", "1:131: maxAge: expected a duration"),
            (", maxAge: 5m", "", "1:1: maxAge: is required"),
            ("maxAge: 5m", "maxAge: 5m, ttl: 1m", "1:135: unknown field `ttl`"),
        ] {
            let problems = edited(from, to).unwrap_err();
            assert!(problems[0].starts_with(&format!("a.yaml:{problem}")), "{from} -> {to}: {problems:#?}");
            assert_eq!(problems.len(), 1, "{problems:#?}");
        }
        let long = format!("value: [{}]", "\"0123456789\", ".repeat(1_500));
        let problems = edited("value: {ok: true, level: 3}", &long).unwrap_err();
        assert!(problems[0].ends_with("value: has more than 16384 bytes as JSON"), "{problems:?}");
    }

    #[test]
    fn one_that_is_disputed_is_never_fresh() {
        let fact = spec(FACT, read).unwrap();
        let now = fact.observed_at;
        assert!(fact.is_fresh(None, now) && !fact.disputed().is_fresh(None, now));
        assert!(!fact.disputed().is_fresh(None, Timestamp::MIN.after(Duration::from_secs(86_400))));
    }
}
