//! Says in words what a key means.

use super::{
    key::{Holds, Key, Presence},
    table::CONFIG,
};
use crate::yaml::{nearest, quote};

/// There is no such key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no key {key}{hint}")]
pub struct UnknownKey {
    key: String,
    hint: String,
}

/// Explains one key, named by its path such as `policy.timeout` or `trust.pem`, or all keys in one line each.
///
/// # Errors
/// [`UnknownKey`] if there is none of that name.
pub fn explain(path: Option<&str>) -> Result<String, UnknownKey> {
    let Some(path) = path else {
        return Ok(overview("", CONFIG));
    };
    let path = without_indices(path);
    let key = find(&path)?;
    let presence = match key.presence {
        Presence::Required => "required".to_owned(),
        Presence::Unless(unless) => format!("required, unless {unless}"),
        Presence::Default(_) if key.is_needed() => "required".to_owned(),
        Presence::Default(default) => format!("default: {default}"),
        Presence::Optional(absent) => format!("default: {absent}"),
        Presence::Later(Some(accepted)) => format!("not built yet; only `{accepted}` is accepted"),
        Presence::Later(None) => "not built yet".to_owned(),
    };
    let mut text = format!("{path}\n  {}\n", key.meaning);
    if !matches!(key.presence, Presence::Later(_)) {
        text.push_str(&format!("  {}\n", key.holds.describe()));
    }
    if let Holds::Word(_, later @ [_, ..]) = key.holds {
        text.push_str(&format!("  not built yet: {}\n", later.join(", ")));
    }
    text.push_str(&format!("  {presence}\n"));
    for (preset, default) in key.presets {
        text.push_str(&format!("  default under `preset: {}`: {default}\n", preset.as_str()));
    }
    if !key.inner().is_empty() {
        text.push('\n');
        text.push_str(&overview(&format!("{path}."), key.inner()));
    }
    Ok(text)
}

/// One line for each key, with those below it.
fn overview(prefix: &str, keys: &[Key]) -> String {
    keys.iter()
        .map(|key| {
            let path = format!("{prefix}{}", key.name);
            let later = if key.is_built() { "" } else { "not built yet: " };
            let inner = overview(&format!("{path}."), key.inner());
            format!("{path:COLUMN$}  {later}{}\n{inner}", key.meaning)
        })
        .collect()
}

fn find(path: &str) -> Result<&'static Key, UnknownKey> {
    let mut keys = CONFIG;
    let mut found = None;
    for name in path.split('.') {
        let Some(key) = keys.iter().find(|key| key.name == name) else {
            let meant = nearest(name, keys.iter().map(|key| key.name));
            let hint = meant.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
            return Err(UnknownKey { key: quote(path), hint });
        };
        keys = key.inner();
        found = Some(key);
    }
    found.ok_or_else(|| UnknownKey { key: quote(path), hint: String::new() })
}

/// `trust[0].pem` and `trust[].pem` are `trust.pem`.
fn without_indices(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|c| {
            inside = *c == '[' || (inside && *c != ']');
            !inside && *c != ']'
        })
        .collect()
}

const COLUMN: usize = 28;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explains_a_key() {
        let expected = "policy.timeout\n  the longest that one evaluation may take\n  a duration from 1ms to 1s\n  default: 10ms\n  default under `preset: opa-envoy`: 1s\n";
        assert_eq!(explain(Some("policy.timeout")).unwrap(), expected);
    }

    #[test]
    fn explains_a_section_with_its_keys() {
        let text = explain(Some("trust[0]")).unwrap();
        assert!(text.starts_with("trust\n"));
        assert!(text.contains("trust.pem "));
        assert!(
            text.contains("trust.federation.bootstrap    the bundle by which the server is first authenticated"),
            "{text}"
        );
    }

    #[test]
    fn says_what_is_not_built_yet() {
        assert!(explain(Some("audit.inputs")).unwrap().ends_with("not built yet; only `digest` is accepted\n"));
    }

    #[test]
    fn lists_all_keys() {
        assert!(explain(None).unwrap().lines().count() > 80);
    }

    #[test]
    fn suggests_the_key_that_is_meant() {
        let error = explain(Some("policy.timout")).unwrap_err();
        assert_eq!(error.to_string(), "there is no key `policy.timout`: did you mean `timeout`?");
        assert!(explain(Some("")).is_err());
    }
}
