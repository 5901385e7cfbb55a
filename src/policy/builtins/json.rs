//! `json.marshal` and its kin as OPA writes and reads JSON (Go's `encoding/json`), for texts of a size that takes no longer than a builtin
//! may.

use std::collections::BTreeMap;

use super::{
    super::{
        engine::Value,
        json::{self, Dialect, JsonError},
    },
    arguments::{any, bound, error, text},
    native::{Failure, Native},
    sprintf::shown,
};

pub(super) const JSON: &[Native] = &[
    Native { name: "json.is_valid", arity: 1, call: is_valid },
    Native { name: "json.marshal", arity: 1, call: marshal },
    Native { name: "json.unmarshal", arity: 1, call: unmarshal },
];

fn marshal(arguments: &[Value]) -> Result<Value, Failure> {
    let mut out = String::new();
    write(any(arguments, 0)?, &mut out, 0)?;
    Ok(Value::from(out))
}

fn write(value: &Value, out: &mut String, depth: usize) -> Result<(), Failure> {
    if depth > DEEPEST || out.len() > LONGEST {
        return bound("the value is deeper or longer than a builtin may write");
    }
    let inner = depth.saturating_add(1);
    match value {
        Value::String(text) => quote(text, out),
        Value::Array(items) => list(items.iter(), out, inner)?,
        Value::Set(items) => list(items.iter_sorted(), out, inner)?,
        Value::Object(entries) => {
            let mut fields = BTreeMap::new();
            for (key, value) in entries.iter() {
                let name = match key {
                    Value::String(name) => name.to_string(),
                    key => {
                        let mut name = String::new();
                        write(key, &mut name, inner)?;
                        name
                    }
                };
                if fields.insert(name, value).is_some() {
                    return bound("two keys are written alike");
                }
            }
            out.push('{');
            for (index, (name, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                quote(&name, out);
                out.push(':');
                write(value, out, inner)?;
            }
            out.push('}');
        }
        other => out.push_str(&shown(other)?),
    }
    Ok(())
}

fn list<'a>(items: impl Iterator<Item = &'a Value>, out: &mut String, depth: usize) -> Result<(), Failure> {
    out.push('[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out, depth)?;
    }
    out.push(']');
    Ok(())
}

/// As Go does by default, also safe within HTML.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{0}'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            char => out.push(char),
        }
    }
    out.push('"');
}

fn unmarshal(arguments: &[Value]) -> Result<Value, Failure> {
    let text = read(text(arguments, 0)?)?;
    json::read(text.as_bytes(), Dialect::Go).or_else(|why| match why {
        JsonError::Syntax | JsonError::Repeated => error("the text is no JSON"),
        JsonError::TooDeep | JsonError::Number => bound("the text is JSON, but no value holds it"),
    })
}

fn is_valid(arguments: &[Value]) -> Result<Value, Failure> {
    let Value::String(text) = any(arguments, 0)? else { return Ok(Value::Bool(false)) };
    let text = match read(text) {
        Err(Failure::Error(_)) => return Ok(Value::Bool(false)),
        read => read?,
    };
    Ok(Value::Bool(serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()))
}

/// Refuses what takes too long, and what only one side reads.
fn read(text: &str) -> Result<&str, Failure> {
    if text.len() > LONGEST {
        return bound("the text is longer than a builtin may read");
    }
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth = depth.saturating_add(1),
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth >= DEEPEST {
            return bound("the text is deeper than a builtin may read");
        }
    }
    if text.trim().is_empty() { error("there is no JSON") } else { Ok(text) }
}

/// The longest text that is read or written: about a millisecond.
const LONGEST: usize = 128 * 1024;

const DEEPEST: usize = 127;
