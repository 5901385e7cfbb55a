//! `json.patch` as OPA patches (RFC 6902, also of sets, with paths that need no leading slash), within what a builtin may make.

use super::{
    super::{
        super::engine::Value,
        arguments::{any, array, bound, error},
        native::Failure,
    },
    DEEPEST, below,
    paths::parse,
};

pub(super) fn patch(arguments: &[Value]) -> Result<Value, Failure> {
    let operations = array(arguments, 1)?;
    if operations.len() > MOST_OPERATIONS {
        return bound("there are more operations than a builtin may apply");
    }
    let mut document = Document { root: any(arguments, 0)?.clone(), room: ROOM };
    operations.iter().try_for_each(|operation| document.apply(operation))?;
    match document.root {
        Value::Undefined => error("the whole document was removed"),
        root => Ok(root),
    }
}

struct Document {
    root: Value,
    /// How many values may still be copied.
    room: usize,
}

impl Document {
    fn apply(&mut self, operation: &Value) -> Result<(), Failure> {
        let Value::Object(fields) = operation else { return error("an operation is no object") };
        let field = |name| fields.get(&Value::from(name));
        let path = |name| match field(name) {
            Some(path) => parse(path),
            None => error("an operation lacks its path"),
        };
        let value = || field("value").map_or_else(|| error("an operation lacks its value"), Ok);
        let to = path("path")?;
        let Some(Value::String(kind)) = field("op") else { return error("an operation does not say what to do") };
        match kind.as_ref() {
            "add" => self.add(&to, value()?.clone()),
            "remove" => self.remove(&to),
            "replace" => {
                self.remove(&to)?;
                self.add(&to, value()?.clone())
            }
            "move" => {
                let from = path("from")?;
                let moved = self.find(&from)?.clone();
                self.remove(&from)?;
                self.add(&to, moved)
            }
            "copy" => {
                let copied = self.find(&path("from")?)?.clone();
                self.add(&to, copied)
            }
            "test" if self.find(&to)? == value()? => Ok(()),
            "test" => error("a test fails"),
            _ => error("an operation is not known"),
        }
    }

    fn find(&self, path: &[Value]) -> Result<&Value, Failure> {
        if matches!(self.root, Value::Undefined) {
            return error("the whole document was removed");
        }
        path.iter().try_fold(&self.root, |value, key| {
            let found = match value {
                Value::Array(items) => items.get(index(items.len(), key)?),
                other => below(other, key),
            };
            found.map_or_else(|| error("a path does not exist"), Ok)
        })
    }

    fn add(&mut self, path: &[Value], value: Value) -> Result<(), Failure> {
        // What is copied is shared, but what reads it later reads it as often as it stands there.
        self.charge(&value, 0)?;
        let Some((last, parents)) = path.split_last() else {
            self.root = value;
            return Ok(());
        };
        match self.open(parents)? {
            Value::Object(_) if matches!(last, Value::Undefined) => error("a key is undefined"),
            parent @ Value::Object(_) => {
                if let Ok(fields) = parent.as_object_mut() {
                    fields.insert(last.clone(), value);
                }
                Ok(())
            }
            parent @ Value::Set(_) => {
                if *last != value {
                    return error("an item of a set is its own key");
                }
                if let Ok(items) = parent.as_set_mut() {
                    items.insert(value);
                }
                Ok(())
            }
            parent @ Value::Array(_) => {
                let mut items = parent.as_array().map(|items| items.to_vec()).unwrap_or_default();
                let at = index(items.len(), last)?;
                if at > items.len() {
                    return error("a place lies beyond the end");
                }
                items.insert(at, value);
                *parent = Value::from(items);
                Ok(())
            }
            _ => error("a path leads into something without parts"),
        }
    }

    fn remove(&mut self, path: &[Value]) -> Result<(), Failure> {
        self.find(path)?;
        let Some((last, parents)) = path.split_last() else {
            self.root = Value::Undefined;
            return Ok(());
        };
        match self.open(parents)? {
            parent @ Value::Object(_) => {
                if let Ok(fields) = parent.as_object_mut() {
                    fields.remove(last);
                }
            }
            parent @ Value::Set(_) => {
                if let Ok(items) = parent.as_set_mut() {
                    items.remove(last);
                }
            }
            parent @ Value::Array(_) => {
                let mut items = parent.as_array().map(|items| items.to_vec()).unwrap_or_default();
                let at = index(items.len(), last)?;
                if at < items.len() {
                    items.remove(at);
                }
                *parent = Value::from(items);
            }
            _ => return error("a path leads into something without parts"),
        }
        Ok(())
    }

    /// The value at a path, to be changed: each collection on the way may be copied for it.
    fn open(&mut self, path: &[Value]) -> Result<&mut Value, Failure> {
        self.find(path)?;
        let room = &mut self.room;
        let mut value = &mut self.root;
        spend(room, length(value))?;
        for key in path {
            let next = match value {
                Value::Object(_) => value.as_object_mut().ok().and_then(|fields| fields.get_mut(key)),
                Value::Array(_) => {
                    let items = value.as_array_mut().ok();
                    items.and_then(|items| index(items.len(), key).ok().and_then(|at| items.get_mut(at)))
                }
                Value::Set(_) => return bound("what a set holds is not patched in its place"),
                _ => None,
            };
            let Some(next) = next else { return error("a path does not exist") };
            spend(room, length(next))?;
            value = next;
        }
        Ok(value)
    }

    fn charge(&mut self, value: &Value, depth: usize) -> Result<(), Failure> {
        spend(&mut self.room, 1)?;
        if depth > DEEPEST {
            return bound("a value is deeper than a builtin may copy");
        }
        let inner = depth.saturating_add(1);
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.charge(item, inner)),
            Value::Set(items) => items.iter().try_for_each(|item| self.charge(item, inner)),
            Value::Object(fields) => fields.iter().try_for_each(|(_, item)| self.charge(item, inner)),
            _ => Ok(()),
        }
    }
}

fn spend(room: &mut usize, cost: usize) -> Result<(), Failure> {
    match room.checked_sub(cost) {
        Some(left) => *room = left,
        None => return bound("the operations copy more than a builtin may"),
    }
    Ok(())
}

fn length(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.len(),
        Value::Set(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    }
}

/// A place in an array; `-` is the one after its end.
fn index(length: usize, key: &Value) -> Result<usize, Failure> {
    let number = match key {
        Value::Number(number) => number.as_i64(),
        Value::String(text) if text.as_ref() == "-" => return Ok(length),
        Value::String(text) if text.as_ref() != "0" && text.starts_with('0') => None,
        Value::String(text) if text.starts_with('+') => None,
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    match number.and_then(|number| usize::try_from(number).ok()) {
        Some(index) => Ok(index),
        None => error("a place in an array is no number"),
    }
}

const MOST_OPERATIONS: usize = 1024;

/// How many values all operations together may copy.
const ROOM: usize = 65_536;
