//! `object.subset` as OPA answers it: an object in an object, a set in a set, an array as a run of another, a set among an array's items.

use super::{
    super::{
        super::engine::Value,
        arguments::{any, bound, error},
        native::Failure,
    },
    DEEPEST,
};

pub(super) fn subset(arguments: &[Value]) -> Result<Value, Failure> {
    let (whole, part) = (any(arguments, 0)?, any(arguments, 1)?);
    let mut room = ROOM;
    match (whole, part) {
        (Value::Array(items), Value::Set(sought)) => {
            // Each item counts, also one that stands there twice.
            spend(&mut room, items.len())?;
            let found = items.iter().filter(|item| sought.contains(item)).count();
            Ok(Value::Bool(!items.is_empty() && found >= sought.len()))
        }
        _ => match holds(whole, part, &mut room, 0)? {
            Some(holds) => Ok(Value::Bool(holds)),
            None => error("both must be objects, sets or arrays, or an array and a set"),
        },
    }
}

/// Whether one collection holds another of its kind.
fn holds(whole: &Value, part: &Value, room: &mut usize, depth: usize) -> Result<Option<bool>, Failure> {
    if depth > DEEPEST {
        return bound("the values are deeper than a builtin may compare");
    }
    Ok(Some(match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            spend(room, part.len())?;
            for (key, value) in part.iter() {
                let Some(other) = whole.get(key) else { return Ok(Some(false)) };
                if value != other && holds(other, value, room, depth.saturating_add(1))? != Some(true) {
                    return Ok(Some(false));
                }
            }
            true
        }
        (Value::Set(whole), Value::Set(part)) => part.is_subset(whole),
        (Value::Array(whole), Value::Array(part)) => {
            spend(room, whole.len().saturating_mul(part.len().max(1)))?;
            part.is_empty() || whole.as_slice().windows(part.len()).any(|run| run == part.as_slice())
        }
        _ => return Ok(None),
    }))
}

fn spend(room: &mut usize, cost: usize) -> Result<(), Failure> {
    match room.checked_sub(cost) {
        Some(left) => *room = left,
        None => return bound("the values are larger than a builtin may compare"),
    }
    Ok(())
}

const ROOM: usize = 1_000_000;
