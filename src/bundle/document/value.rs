//! What policies see of a document: integers are exact, whatever their size, and each key is kept once.

use std::{borrow::Cow, collections::HashMap};

use super::{Tree, json::STRETCH};
use crate::{
    pause::pause,
    policy::{self, Value},
};

impl Tree<'_> {
    /// The value for the engine.
    pub(crate) fn into_value(self) -> Value {
        Keys::default().value(self)
    }
}

/// The keys so far: a document of many entries names the same ones in each.
#[derive(Default)]
struct Keys {
    known: HashMap<String, Value>,
    /// How many values there were.
    values: usize,
}

impl Keys {
    fn value(&mut self, tree: Tree<'_>) -> Value {
        self.values = self.values.wrapping_add(1);
        if self.values.is_multiple_of(STRETCH) {
            pause();
        }
        match tree {
            Tree::Null => Value::Null,
            Tree::Bool(value) => Value::Bool(value),
            Tree::Number(text) => number(&text),
            Tree::Text(text) => Value::from(text.as_ref()),
            Tree::List(items) => Value::from(items.into_iter().map(|item| self.value(item)).collect::<Vec<_>>()),
            Tree::Object(members) => {
                let mut object = Value::new_object();
                // Nothing else can be in the place of what was just made.
                if let Ok(object) = object.as_object_mut() {
                    object.extend(members.into_iter().map(|(key, value)| (self.key(key), self.value(value))));
                }
                frozen(object)
            }
        }
    }

    fn key(&mut self, key: Cow<'_, str>) -> Value {
        if key.len() > MAX_SHARED {
            return Value::from(key.as_ref());
        }
        if let Some(value) = self.known.get(key.as_ref()) {
            return value.clone();
        }
        let value = Value::from(key.as_ref());
        if self.known.len() < MAX_KEYS {
            self.known.insert(key.into_owned(), value.clone());
        }
        value
    }
}

/// An object in its compact form, in which it is looked up soonest.
fn frozen(value: Value) -> Value {
    match value {
        Value::Object(object) => match std::sync::Arc::try_unwrap(object) {
            Ok(object) => object.into_value(),
            Err(shared) => Value::Object(shared),
        },
        other => other,
    }
}

/// A number that was read as one already, so that none is lost here.
fn number(text: &str) -> Value {
    if let Ok(number) = text.parse::<u64>() {
        return Value::from(number);
    }
    if let Ok(number) = text.parse::<i64>() {
        return Value::from(number);
    }
    policy::number(text).or_else(|| Value::from_numeric_string(text).ok()).unwrap_or(Value::Undefined)
}

/// The longest key that is kept for the next object.
const MAX_SHARED: usize = 64;
/// How many are kept.
const MAX_KEYS: usize = 4096;
