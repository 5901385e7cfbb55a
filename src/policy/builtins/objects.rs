//! The builtins over collections as OPA answers them: none looks at more pairs, or makes more of them, than a builtin may.

mod patch;
mod paths;
mod subset;

use std::collections::BTreeSet;

use super::{
    super::engine::Value,
    arguments::{any, array, bound, entries, few, integer, items, object, set, wrong},
    native::{Failure, Native},
};

pub(super) const OBJECTS: &[Native] = &[
    Native { name: "array.flatten", arity: 1, call: flatten },
    Native { name: "array.slice", arity: 3, call: slice },
    Native { name: "graph.reachable", arity: 2, call: reachable },
    Native { name: "json.filter", arity: 2, call: paths::filter },
    Native { name: "json.patch", arity: 2, call: patch::patch },
    Native { name: "json.remove", arity: 2, call: paths::remove },
    Native { name: "object.get", arity: 3, call: get },
    Native { name: "object.subset", arity: 2, call: subset::subset },
    Native { name: "object.union_n", arity: 1, call: union_n },
    Native { name: "walk", arity: 1, call: walk },
];

/// Every value below one, each with its path.
fn walk(arguments: &[Value]) -> Result<Value, Failure> {
    let mut found = Vec::new();
    let mut room = WALKED;
    visit(any(arguments, 0)?, &mut Vec::new(), &mut found, &mut room)?;
    Ok(found.into())
}

fn visit(value: &Value, path: &mut Vec<Value>, found: &mut Vec<Value>, room: &mut usize) -> Result<(), Failure> {
    let cost = path.len().saturating_add(2);
    let Some(left) = room.checked_sub(cost) else {
        return bound("there is more below the value than a builtin may walk: name the fields");
    };
    *room = left;
    if path.len() > DEEPEST {
        return bound("the value is deeper than a builtin may walk");
    }
    found.push(Value::from(vec![Value::from(path.clone()), value.clone()]));
    let mut below = |key: Value, value: &Value| {
        path.push(key);
        let visited = visit(value, path, found, room);
        path.pop();
        visited
    };
    match value {
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| below(super::arguments::count(index), item))
        }
        Value::Object(entries) => entries.iter_sorted().try_for_each(|(key, item)| below(key.clone(), item)),
        Value::Set(items) => items.iter_sorted().try_for_each(|item| below(item.clone(), item)),
        _ => Ok(()),
    }
}

fn flatten(arguments: &[Value]) -> Result<Value, Failure> {
    let mut flat = Vec::new();
    for item in array(arguments, 0)? {
        match item {
            Value::Array(items) => flat.extend(items.iter().cloned()),
            item => flat.push(item.clone()),
        }
        // The items were there before: only what a few of them repeat is new.
        if flat.len() > FLATTENED {
            return bound("the result would have more items than a builtin may make");
        }
    }
    Ok(flat.into())
}

/// The items from one place to before another, as far as these are there.
fn slice(arguments: &[Value]) -> Result<Value, Failure> {
    let (items, from, to) = (array(arguments, 0)?, integer(arguments, 1)?, integer(arguments, 2)?);
    let to = usize::try_from(to.max(0)).unwrap_or(usize::MAX).min(items.len());
    let from = usize::try_from(from.max(0)).unwrap_or(usize::MAX).min(to);
    Ok(Value::from(items.get(from..to).unwrap_or_default().to_vec()))
}

/// What an array of keys leads to; any other key is one by itself.
fn get(arguments: &[Value]) -> Result<Value, Failure> {
    let found = match any(arguments, 1)? {
        Value::Array(keys) => {
            object(arguments, 0)?;
            keys.iter().try_fold(any(arguments, 0)?, below)
        }
        key => object(arguments, 0)?.get(key),
    };
    Ok(found.map_or_else(|| any(arguments, 2), Ok)?.clone())
}

/// What stands below a value at a key; in a set each item is its own.
pub(super) fn below<'a>(value: &'a Value, key: &Value) -> Option<&'a Value> {
    match value {
        Value::Object(entries) => entries.get(key),
        Value::Set(items) => items.get(key),
        Value::Array(items) => match key {
            Value::Number(index) => items.get(usize::try_from(index.as_u64()?).ok()?),
            _ => None,
        },
        _ => None,
    }
}

/// Objects, laid over each other; where both hold an object, so are these, as long as nothing else lay between.
fn union_n(arguments: &[Value]) -> Result<Value, Failure> {
    let all = array(arguments, 0)?;
    let mut merged = Value::new_object();
    let mut room = MERGED;
    for item in all {
        if item.as_object().is_err() {
            return Err(wrong(1, "an array of objects"));
        }
        merged = over(&merged, item, &mut room, 0)?;
    }
    Ok(merged)
}

fn over(lower: &Value, upper: &Value, room: &mut usize, depth: usize) -> Result<Value, Failure> {
    let (Value::Object(below), Value::Object(above)) = (lower, upper) else { return Ok(upper.clone()) };
    let cost = below.len().saturating_add(above.len());
    match room.checked_sub(cost) {
        Some(left) if depth < DEEPEST => *room = left,
        _ => return bound("the objects are larger or deeper than a builtin may merge"),
    }
    let mut merged: Vec<(Value, Value)> = Vec::with_capacity(cost);
    for (key, value) in below.iter() {
        if !above.contains_key(key) {
            merged.push((key.clone(), value.clone()));
        }
    }
    for (key, value) in above.iter() {
        let value = match below.get(key) {
            Some(lower) => over(lower, value, room, depth.saturating_add(1))?,
            None => value.clone(),
        };
        merged.push((key.clone(), value));
    }
    Ok(entries(merged))
}

/// The vertices of a graph that edges lead to from the first ones, these included.
fn reachable(arguments: &[Value]) -> Result<Value, Failure> {
    let graph = object(arguments, 0)?;
    let mut waiting: Vec<&Value> = items(arguments, 1)?;
    let mut reached: BTreeSet<&Value> = BTreeSet::new();
    let mut followed = waiting.len();
    while let Some(vertex) = waiting.pop() {
        let Some(edges) = graph.get(vertex).filter(|_| !reached.contains(vertex)) else { continue };
        reached.insert(vertex);
        for edge in super::arguments::members(edges).unwrap_or_default() {
            followed = followed.saturating_add(1);
            few(followed)?;
            waiting.push(edge);
        }
    }
    Ok(set(reached.into_iter().cloned()))
}

/// The deepest that a value is looked into.
pub(super) const DEEPEST: usize = 128;

/// How many parts of paths `walk` makes.
const WALKED: usize = 65_536;

const FLATTENED: usize = 65_536;
const MERGED: usize = 65_536;
