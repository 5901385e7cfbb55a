//! Paths into a document: `json.filter` keeps what they lead to, `json.remove` what they do not.

use std::collections::BTreeMap;

use super::{
    super::{
        super::engine::Value,
        arguments::{any, bound, entries, few, members, object, set, wrong},
        native::Failure,
    },
    DEEPEST,
};

/// A tree of paths: below an end there is nothing more to say.
#[derive(Default)]
struct Paths(BTreeMap<Value, Option<Self>>);

pub(super) fn filter(arguments: &[Value]) -> Result<Value, Failure> {
    object(arguments, 0)?;
    let paths = listed(arguments)?;
    Ok(kept(any(arguments, 0)?, &paths))
}

pub(super) fn remove(arguments: &[Value]) -> Result<Value, Failure> {
    object(arguments, 0)?;
    let paths = listed(arguments)?;
    Ok(without(any(arguments, 0)?, &paths))
}

/// A path as it is written: a text with slashes, or an array of keys.
pub(super) fn parse(path: &Value) -> Result<Vec<Value>, Failure> {
    let segments = match path {
        Value::String(text) if text.is_empty() => Vec::new(),
        Value::String(text) => text
            .trim_start_matches('/')
            .split('/')
            .take(DEEPEST.saturating_add(1))
            .map(|part| Value::from(part.replace("~1", "/").replace("~0", "~")))
            .collect(),
        Value::Array(keys) => keys.to_vec(),
        _ => return Err(wrong(2, "a collection of paths")),
    };
    if segments.len() > DEEPEST { bound("a path is longer than a builtin may follow") } else { Ok(segments) }
}

fn listed(arguments: &[Value]) -> Result<Paths, Failure> {
    let paths = members(any(arguments, 1)?).ok_or_else(|| wrong(2, "an array or a set"))?;
    few(paths.len())?;
    let (mut root, mut total) = (Paths::default(), 0_usize);
    for path in paths {
        let path = parse(path)?;
        total = total.saturating_add(path.len());
        few(total)?;
        add(&mut root, &path);
    }
    Ok(root)
}

fn add(node: &mut Paths, path: &[Value]) {
    match path {
        [] => {}
        [last] => {
            node.0.insert(last.clone(), None);
        }
        [first, rest @ ..] => {
            if let Some(below) = node.0.entry(first.clone()).or_insert_with(|| Some(Paths::default())) {
                add(below, rest);
            }
        }
    }
}

/// What the paths lead to. A path that leads into something without parts keeps it, unless it is an object's.
fn kept(value: &Value, paths: &Paths) -> Value {
    let below = |item: &Value, key: &Value| match paths.0.get(key)? {
        None => Some(item.clone()),
        Some(further) => Some(kept(item, further)),
    };
    match value {
        Value::Object(fields) => {
            entries(fields.iter().filter_map(|(key, item)| Some((key.clone(), below(item, key)?))))
        }
        Value::Array(items) => {
            let items = items.iter().enumerate().filter_map(|(index, item)| below(item, &place(index)));
            items.collect::<Vec<_>>().into()
        }
        Value::Set(items) => set(items.iter().filter_map(|item| below(item, item))),
        other => other.clone(),
    }
}

fn without(value: &Value, paths: &Paths) -> Value {
    let below = |item: &Value, key: &Value| match paths.0.get(key) {
        None => Some(item.clone()),
        Some(None) => None,
        Some(Some(further)) => Some(without(item, further)),
    };
    match value {
        Value::Object(fields) => {
            entries(fields.iter().filter_map(|(key, item)| Some((key.clone(), below(item, key)?))))
        }
        Value::Array(items) => {
            let items = items.iter().enumerate().filter_map(|(index, item)| below(item, &place(index)));
            items.collect::<Vec<_>>().into()
        }
        Value::Set(items) => set(items.iter().filter_map(|item| below(item, item))),
        other => other.clone(),
    }
}

/// Paths name the places of an array by text.
fn place(index: usize) -> Value {
    Value::from(index.to_string())
}
