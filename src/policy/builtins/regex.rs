//! The `regex` builtins as OPA answers them (Go's RE2), each pattern compiled once.

mod class;
mod template;
mod translate;

use super::{
    super::engine::Value,
    arguments::{self, MOST, fits, integer, text},
    native::{Failure, Native},
    patterns::{self, Kind, Pattern, Translated},
};

pub(super) const REGEX: &[Native] = &[
    Native { name: "regex.find_all_string_submatch_n", arity: 3, call: find_submatches },
    Native { name: "regex.find_n", arity: 3, call: find },
    Native { name: "regex.is_valid", arity: 1, call: is_valid },
    Native { name: "regex.match", arity: 2, call: matches },
    Native { name: "regex.replace", arity: 3, call: replace },
    Native { name: "regex.split", arity: 2, call: split },
    Native { name: "regex.template_match", arity: 4, call: template_match },
];

/// The matcher's way to write a pattern of Go's.
pub(super) fn translate(pattern: &str) -> Result<Translated, Failure> {
    translate::translate(pattern)
}

fn is_valid(arguments: &[Value]) -> Result<Value, Failure> {
    let Value::String(pattern) = arguments::any(arguments, 0)? else { return Ok(Value::Bool(false)) };
    match patterns::compiled(Kind::Regex, pattern) {
        Ok(_) => Ok(Value::Bool(true)),
        Err(Failure::Error(_)) => Ok(Value::Bool(false)),
        // That we do not match it says nothing about whether it is one.
        Err(bound) => Err(bound),
    }
}

fn matches(arguments: &[Value]) -> Result<Value, Failure> {
    let (pattern, subject) = (text(arguments, 0)?, text(arguments, 1)?);
    let pattern = patterns::compiled(Kind::Regex, pattern)?;
    pattern.charge(subject.len())?;
    Ok(Value::Bool(pattern.regex.is_match(subject)))
}

fn template_match(arguments: &[Value]) -> Result<Value, Failure> {
    let (pattern, subject) = (text(arguments, 0)?, text(arguments, 1)?);
    let pattern = template::expand(pattern, text(arguments, 2)?, text(arguments, 3)?)?;
    let pattern = patterns::compiled(Kind::Regex, &pattern)?;
    pattern.charge(subject.len())?;
    Ok(Value::Bool(pattern.regex.is_match(subject)))
}

fn find(arguments: &[Value]) -> Result<Value, Failure> {
    let (pattern, subject, most) = (text(arguments, 0)?, text(arguments, 1)?, integer(arguments, 2)?);
    let pattern = patterns::compiled(Kind::Regex, pattern)?;
    let found = spans(&pattern, subject, limit(most))?;
    Ok(found.into_iter().map(|found| Value::from(found.as_str())).collect::<Vec<_>>().into())
}

fn find_submatches(arguments: &[Value]) -> Result<Value, Failure> {
    let (pattern, subject, most) = (text(arguments, 0)?, text(arguments, 1)?, integer(arguments, 2)?);
    let pattern = patterns::compiled(Kind::Regex, pattern)?;
    let mut found = Vec::new();
    for (index, captures) in pattern.regex.captures_iter(subject).take(limit(most)).enumerate() {
        if index.saturating_mul(captures.len()) > MOST {
            return arguments::bound("there are more matches than a builtin may make");
        }
        pattern.charge_searches(subject.len(), index)?;
        let groups = captures.iter().map(|group| Value::from(group.map_or("", |group| group.as_str())));
        found.push(Value::from(groups.collect::<Vec<_>>()));
    }
    pattern.charge(subject.len())?;
    Ok(found.into())
}

fn split(arguments: &[Value]) -> Result<Value, Failure> {
    let (pattern, subject) = (text(arguments, 0)?, text(arguments, 1)?);
    let compiled = patterns::compiled(Kind::Regex, pattern)?;
    if !pattern.is_empty() && subject.is_empty() {
        return Ok(Value::from(vec![Value::from("")]));
    }
    let (mut parts, mut begin, mut end) = (Vec::new(), 0, 0);
    let part = |begin, end| Value::from(subject.get(begin..end).unwrap_or_default());
    for found in spans(&compiled, subject, usize::MAX)? {
        end = found.start();
        if found.end() != 0 {
            parts.push(part(begin, end));
        }
        begin = found.end();
    }
    if end != subject.len() {
        parts.push(part(begin, subject.len()));
    }
    Ok(parts.into())
}

fn replace(arguments: &[Value]) -> Result<Value, Failure> {
    let (subject, pattern, value) = (text(arguments, 0)?, text(arguments, 1)?, text(arguments, 2)?);
    let pattern = patterns::compiled(Kind::Regex, pattern)?;
    let pieces = template::pieces(value, &pattern.names)?;
    let (mut out, mut begin) = (String::new(), 0);
    pattern.charge(subject.len())?;
    for (index, captures) in pattern.regex.captures_iter(subject).enumerate() {
        pattern.charge_searches(subject.len(), index)?;
        let Some(found) = captures.get(0) else { continue };
        out.push_str(subject.get(begin..found.start()).unwrap_or_default());
        for piece in &pieces {
            out.push_str(piece.text(&captures));
            fits(out.len())?;
        }
        begin = found.end();
    }
    out.push_str(subject.get(begin..).unwrap_or_default());
    fits(out.len())?;
    Ok(Value::from(out))
}

fn spans<'a>(pattern: &Pattern, subject: &'a str, most: usize) -> Result<Vec<regex::Match<'a>>, Failure> {
    pattern.charge(subject.len())?;
    let mut spans = Vec::new();
    for found in pattern.regex.find_iter(subject).take(most) {
        if spans.len() >= MOST {
            return arguments::bound("there are more matches than a builtin may make");
        }
        pattern.charge_searches(subject.len(), spans.len())?;
        spans.push(found);
    }
    Ok(spans)
}

/// How many matches are asked for: all, if the number is negative.
fn limit(most: i64) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX)
}
