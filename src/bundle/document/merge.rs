//! Documents that stand at one place are one object, if no two of them say anything about the same thing.

use crate::policy::Value;

/// Where two documents say something about the same thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict(pub(crate) Vec<String>);

/// Puts `value` at `path` into `data`, which is an object.
pub(crate) fn merge(data: &mut Value, path: &[&str], value: Value) -> Result<(), Conflict> {
    let whole = path.iter().rev().fold(value, |value, part| {
        let mut object = Value::new_object();
        if let Ok(members) = object.as_object_mut() {
            members.insert(Value::from(*part), value);
        }
        object
    });
    into(data, whole).map_err(|mut path| {
        path.reverse();
        Conflict(path)
    })
}

/// The path of what is in both is given from its end.
fn into(one: &mut Value, other: Value) -> Result<(), Vec<String>> {
    let (Ok(one), Ok(_)) = (one.as_object_mut(), other.as_object()) else { return Err(Vec::new()) };
    let Value::Object(other) = other else { return Err(Vec::new()) };
    let other = std::sync::Arc::try_unwrap(other).unwrap_or_else(|shared| (*shared).clone());
    for (key, value) in other {
        match one.get_mut(&key) {
            Some(existing) => into(existing, value).map_err(|mut path| {
                path.push(key.as_string().map(|key| key.to_string()).unwrap_or_default());
                path
            })?,
            None => drop(one.insert(key, value)),
        }
    }
    Ok(())
}
