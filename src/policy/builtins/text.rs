//! The builtins over texts as OPA answers them: letters change case one by one, and no text grows beyond what a builtin may make.

use super::{
    super::engine::Value,
    arguments::{affordable, any, bound, count, error, few, fits, integer, items, object, text, wrong},
    native::{Failure, Native},
};

pub(super) const TEXT: &[Native] = &[
    Native { name: "concat", arity: 2, call: concat },
    Native { name: "indexof", arity: 2, call: index_of },
    Native { name: "indexof_n", arity: 2, call: index_of_n },
    Native { name: "lower", arity: 1, call: |arguments| recased(arguments, str::to_ascii_lowercase, lower) },
    Native { name: "replace", arity: 3, call: replace },
    Native { name: "split", arity: 2, call: split },
    Native { name: "strings.any_prefix_match", arity: 2, call: |arguments| any_begins(arguments, str::to_owned) },
    Native { name: "strings.any_suffix_match", arity: 2, call: |arguments| any_begins(arguments, backwards) },
    Native { name: "strings.count", arity: 2, call: occurrences },
    Native { name: "strings.replace_n", arity: 2, call: replace_n },
    Native { name: "strings.split_n", arity: 3, call: split_n },
    Native { name: "substring", arity: 3, call: substring },
    Native { name: "trim", arity: 2, call: |arguments| trimmed(arguments, true, true) },
    Native { name: "trim_left", arity: 2, call: |arguments| trimmed(arguments, true, false) },
    Native { name: "trim_right", arity: 2, call: |arguments| trimmed(arguments, false, true) },
    Native { name: "upper", arity: 1, call: |arguments| recased(arguments, str::to_ascii_uppercase, upper) },
];

fn concat(arguments: &[Value]) -> Result<Value, Failure> {
    let between = text(arguments, 0)?;
    let mut out = String::new();
    for (index, item) in items(arguments, 1)?.into_iter().enumerate() {
        let Value::String(item) = item else { return Err(wrong(2, "a collection of strings")) };
        if index > 0 {
            out.push_str(between);
        }
        out.push_str(item);
        fits(out.len())?;
    }
    Ok(Value::from(out))
}

fn index_of(arguments: &[Value]) -> Result<Value, Failure> {
    let (subject, sought) = (text(arguments, 0)?, text(arguments, 1)?);
    if sought.is_empty() {
        return error("nothing is sought");
    }
    Ok(match subject.find(sought) {
        Some(at) => count(subject.get(..at).unwrap_or_default().chars().count()),
        None => Value::from(-1_i64),
    })
}

/// Also where they overlap.
fn index_of_n(arguments: &[Value]) -> Result<Value, Failure> {
    let (subject, sought) = (text(arguments, 0)?, text(arguments, 1)?);
    let Some(first) = sought.chars().next() else { return error("nothing is sought") };
    let (mut found, mut rest, mut passed) = (Vec::new(), subject, 0_usize);
    let mut steps = 0_usize;
    while let Some(at) = rest.find(sought) {
        passed = passed.saturating_add(rest.get(..at).unwrap_or_default().chars().count());
        found.push(count(passed));
        few(found.len())?;
        steps = steps.saturating_add(at).saturating_add(sought.len());
        affordable(steps, 1)?;
        passed = passed.saturating_add(1);
        rest = rest.get(at.saturating_add(first.len_utf8())..).unwrap_or_default();
    }
    Ok(found.into())
}

fn recased(arguments: &[Value], ascii: fn(&str) -> String, change: fn(char) -> char) -> Result<Value, Failure> {
    let subject = text(arguments, 0)?;
    if subject.is_ascii() {
        return Ok(Value::from(ascii(subject)));
    }
    if subject.len() > LONGEST_RECASED {
        return bound("the text has letters beyond ASCII, and more than a builtin may change");
    }
    Ok(Value::from(subject.chars().map(change).collect::<String>()))
}

/// Go knows no letters that become several, and none that depend on their neighbours.
fn lower(char: char) -> char {
    let mut lower = char.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(lower), None) => lower,
        _ if char == 'İ' => 'i',
        _ => char,
    }
}

fn upper(char: char) -> char {
    let mut upper = char.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => upper,
        // Greek letters with an iota below them, whose capitals have it beside them.
        _ => match char {
            '\u{1f80}'..='\u{1faf}' if u32::from(char) & 8 == 0 => shifted(char, 8),
            '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => shifted(char, 9),
            _ => char,
        },
    }
}

fn shifted(char: char, by: u32) -> char {
    char::from_u32(u32::from(char).saturating_add(by)).unwrap_or(char)
}

fn replace(arguments: &[Value]) -> Result<Value, Failure> {
    let (subject, old, new) = (text(arguments, 0)?, text(arguments, 1)?, text(arguments, 2)?);
    if old.is_empty() {
        return replaced(subject, &[(old, new)]);
    }
    let (mut out, mut rest) = (String::new(), subject);
    while let Some((before, after)) = rest.split_once(old) {
        out.push_str(before);
        out.push_str(new);
        fits(out.len())?;
        rest = after;
    }
    out.push_str(rest);
    fits(out.len())?;
    Ok(Value::from(out))
}

fn replace_n(arguments: &[Value]) -> Result<Value, Failure> {
    let (patterns, subject) = (object(arguments, 0)?, text(arguments, 1)?);
    let mut pairs = Vec::with_capacity(patterns.len());
    for (old, new) in patterns.iter_sorted() {
        let (Value::String(old), Value::String(new)) = (old, new) else {
            return Err(wrong(1, "an object of strings"));
        };
        pairs.push((old.as_ref(), new.as_ref()));
    }
    replaced(subject, &pairs)
}

/// At each place the first pattern that fits; one that is empty fits everywhere once.
fn replaced(subject: &str, pairs: &[(&str, &str)]) -> Result<Value, Failure> {
    let lengths = pairs.iter().fold(pairs.len(), |sum, (old, _)| sum.saturating_add(old.len()));
    affordable(subject.len(), lengths)?;
    if !subject.is_ascii() && pairs.iter().any(|(old, _)| old.is_empty()) {
        return bound("nothing stands between the bytes of a character too, and what came of it would be no text");
    }
    let (mut out, mut rest, mut nothing_before) = (String::new(), subject, false);
    loop {
        let fitting = pairs.iter().find(|(old, _)| rest.starts_with(old) && !(nothing_before && old.is_empty()));
        nothing_before = fitting.is_some_and(|(old, _)| old.is_empty());
        match fitting {
            Some((old, new)) => {
                out.push_str(new);
                rest = rest.get(old.len()..).unwrap_or_default();
                if rest.is_empty() && !nothing_before && !pairs.iter().any(|(old, _)| old.is_empty()) {
                    break;
                }
            }
            None => {
                let mut chars = rest.chars();
                let Some(char) = chars.next() else { break };
                out.push(char);
                rest = chars.as_str();
            }
        }
        fits(out.len())?;
    }
    fits(out.len())?;
    Ok(Value::from(out))
}

fn split(arguments: &[Value]) -> Result<Value, Failure> {
    Ok(parts(text(arguments, 0)?, text(arguments, 1)?, usize::MAX)?
        .into_iter()
        .map(Value::from)
        .collect::<Vec<_>>()
        .into())
}

/// The first parts, or the last if the number is negative.
fn split_n(arguments: &[Value]) -> Result<Value, Failure> {
    let (subject, between, number) = (text(arguments, 0)?, text(arguments, 1)?, integer(arguments, 2)?);
    let most = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
    let found = if number >= 0 {
        let mut found = parts(subject, between, most.saturating_add(1))?;
        found.truncate(most);
        found
    } else {
        let found = parts(subject, between, usize::MAX)?;
        found.get(found.len().saturating_sub(most)..).unwrap_or_default().to_vec()
    };
    Ok(found.into_iter().map(Value::from).collect::<Vec<_>>().into())
}

/// Nothing splits a text into its characters.
fn parts<'a>(subject: &'a str, between: &str, most: usize) -> Result<Vec<&'a str>, Failure> {
    let mut found = Vec::new();
    if between.is_empty() {
        for (at, char) in subject.char_indices() {
            few(found.len())?;
            let is_last = found.len().saturating_add(1) == most;
            let end = if is_last { subject.len() } else { at.saturating_add(char.len_utf8()) };
            found.push(subject.get(at..end).unwrap_or_default());
            if is_last {
                break;
            }
        }
        return Ok(found);
    }
    for part in subject.splitn(most, between) {
        few(found.len())?;
        found.push(part);
    }
    Ok(found)
}

fn occurrences(arguments: &[Value]) -> Result<Value, Failure> {
    let (subject, sought) = (text(arguments, 0)?, text(arguments, 1)?);
    Ok(count(match sought {
        "" => subject.chars().count().saturating_add(1),
        sought => subject.matches(sought).count(),
    }))
}

fn substring(arguments: &[Value]) -> Result<Value, Failure> {
    let (subject, offset, length) = (text(arguments, 0)?, integer(arguments, 1)?, integer(arguments, 2)?);
    let Ok(offset) = usize::try_from(offset) else { return error("the offset is negative") };
    // A negative length takes the rest.
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Ok(Value::from(subject.chars().skip(offset).take(length).collect::<String>()))
}

fn trimmed(arguments: &[Value], left: bool, right: bool) -> Result<Value, Failure> {
    let (mut subject, cut) = (text(arguments, 0)?, text(arguments, 1)?);
    affordable(subject.len(), cut.len())?;
    let is_cut = |char| cut.contains(char);
    if left {
        subject = subject.trim_start_matches(is_cut);
    }
    if right {
        subject = subject.trim_end_matches(is_cut);
    }
    Ok(Value::from(subject))
}

/// Whether any text begins with any other, both turned round before.
fn any_begins(arguments: &[Value], turn: fn(&str) -> String) -> Result<Value, Failure> {
    let mut subjects = texts(arguments, 0, turn)?;
    let beginnings = texts(arguments, 1, turn)?;
    few(subjects.len().max(beginnings.len()))?;
    // What shares a beginning stands together behind it.
    subjects.sort_unstable();
    let begins = |beginning: &String| {
        let at = subjects.partition_point(|subject| subject < beginning);
        subjects.get(at).is_some_and(|subject| subject.starts_with(beginning.as_str()))
    };
    Ok(Value::Bool(beginnings.iter().any(begins)))
}

fn texts(arguments: &[Value], place: usize, turn: fn(&str) -> String) -> Result<Vec<String>, Failure> {
    if let Value::String(text) = any(arguments, place)? {
        return Ok(vec![turn(text)]);
    }
    items(arguments, place)?
        .into_iter()
        .map(|item| match item {
            Value::String(item) => Ok(turn(item)),
            _ => Err(wrong(place.saturating_add(1), "a collection of strings")),
        })
        .collect()
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

/// The longest text whose letters are looked up one by one.
const LONGEST_RECASED: usize = 64 * 1024;
