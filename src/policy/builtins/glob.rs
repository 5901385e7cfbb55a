//! `glob.match` as OPA matches (gobwas/glob), each pattern compiled once.

mod pattern;

use super::{
    super::engine::Value,
    arguments::{self, text},
    native::{Failure, Native},
    patterns::{self, Kind},
};

pub(super) const GLOB: &[Native] = &[
    Native { name: "glob.match", arity: 3, call: matches },
    Native { name: "glob.quote_meta", arity: 1, call: quote },
];

fn matches(arguments: &[Value]) -> Result<Value, Failure> {
    let pattern = text(arguments, 0)?;
    let delimiters = delimiters(arguments::any(arguments, 1)?)?;
    let subject = text(arguments, 2)?;
    let pattern = patterns::compiled(Kind::Glob(&delimiters), pattern)?;
    pattern.charge(subject.len())?;
    Ok(Value::Bool(pattern.regex.is_match(subject)))
}

/// None at all for `null`, the dot for an empty array.
pub(super) fn delimiters(value: &Value) -> Result<String, Failure> {
    match value {
        Value::Null => Ok(String::new()),
        Value::Array(items) if items.is_empty() => Ok(".".to_owned()),
        Value::Array(items) if items.len() > MOST_DELIMITERS => arguments::bound("there are too many delimiters"),
        Value::Array(items) => items
            .iter()
            .map(|item| {
                let mut chars = item.as_string().ok()?.chars();
                chars.next().filter(|_| chars.next().is_none())
            })
            .collect::<Option<String>>()
            .ok_or_else(|| arguments::wrong(2, "an array of single characters")),
        _ => Err(arguments::wrong(2, "an array or null")),
    }
}

/// The regular expression that says the same as a glob.
pub(super) fn translate(pattern: &str, delimiters: &str) -> Result<patterns::Translated, Failure> {
    pattern::translate(pattern, delimiters)
}

fn quote(arguments: &[Value]) -> Result<Value, Failure> {
    let mut quoted = String::new();
    for char in text(arguments, 0)?.chars() {
        if matches!(char, '*' | '?' | '\\' | '[' | ']' | '{' | '}') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    Ok(Value::from(quoted))
}

const MOST_DELIMITERS: usize = 64;
