//! What a builtin is given, read as OPA reads it: a wrong type is an error, never a conversion.

use regorus::value::{Object, Set};

use super::{
    super::{engine::Value, number},
    native::Failure,
};

/// An error of the argument at `place`, counted from one, which is not `what` a builtin takes.
pub(crate) fn wrong(place: usize, what: &str) -> Failure {
    Failure::Error(format!("argument {place} must be {what}"))
}

/// An error that says no more than `message`.
pub(crate) fn error<T>(message: &str) -> Result<T, Failure> {
    Err(Failure::Error(message.to_owned()))
}

/// More than a builtin may cost.
pub(crate) fn bound<T>(message: &str) -> Result<T, Failure> {
    Err(Failure::Bound(message.to_owned()))
}

/// The argument at `place`, counted from zero.
pub(crate) fn any(arguments: &[Value], place: usize) -> Result<&Value, Failure> {
    arguments.get(place).ok_or_else(|| wrong(place.saturating_add(1), "there"))
}

/// A text.
pub(crate) fn text(arguments: &[Value], place: usize) -> Result<&str, Failure> {
    match any(arguments, place)? {
        Value::String(text) => Ok(text),
        _ => Err(wrong(place.saturating_add(1), "a string")),
    }
}

/// The items of an array.
pub(crate) fn array(arguments: &[Value], place: usize) -> Result<&[Value], Failure> {
    match any(arguments, place)? {
        Value::Array(items) => Ok(items.as_slice()),
        _ => Err(wrong(place.saturating_add(1), "an array")),
    }
}

/// The items of an array or, in their order, of a set.
pub(crate) fn items(arguments: &[Value], place: usize) -> Result<Vec<&Value>, Failure> {
    members(any(arguments, place)?).ok_or_else(|| wrong(place.saturating_add(1), "an array or a set"))
}

/// The items of what is an array or a set.
pub(crate) fn members(value: &Value) -> Option<Vec<&Value>> {
    match value {
        Value::Array(items) => Some(items.iter().collect()),
        Value::Set(items) => Some(items.iter_sorted().collect()),
        _ => None,
    }
}

/// A whole number that fits a machine word.
pub(crate) fn integer(arguments: &[Value], place: usize) -> Result<i64, Failure> {
    match any(arguments, place)? {
        // To OPA `1.0` is a whole number, and `1e0` is none.
        value @ Value::Number(number) if number.is_integer() && number::is_fraction(value) => {
            bound("how the number was written is not known")
        }
        Value::Number(number) => number.as_i64().ok_or_else(|| wrong(place.saturating_add(1), "a whole number")),
        _ => Err(wrong(place.saturating_add(1), "a number")),
    }
}

/// The entries of an object.
pub(crate) fn object(arguments: &[Value], place: usize) -> Result<&Object, Failure> {
    match any(arguments, place)? {
        Value::Object(entries) => Ok(entries),
        _ => Err(wrong(place.saturating_add(1), "an object")),
    }
}

/// A set of what there is.
pub(crate) fn set(items: impl IntoIterator<Item = Value>) -> Value {
    items.into_iter().collect::<Set>().into_value()
}

/// An object of what there is.
pub(crate) fn entries(items: impl IntoIterator<Item = (Value, Value)>) -> Value {
    items.into_iter().collect::<Object>().into_value()
}

/// A count as a value.
pub(crate) fn count(number: usize) -> Value {
    Value::from(u64::try_from(number).unwrap_or(u64::MAX))
}

/// The longest text that a builtin makes.
pub(crate) const LONGEST: usize = 1024 * 1024;

/// The most items that a builtin makes.
pub(crate) const MOST: usize = 16_384;

/// The most steps, each a byte or two compared, that a builtin takes.
pub(crate) const STEPS: usize = 4_000_000;

/// Refuses what would take more than [`STEPS`].
pub(crate) fn affordable(length: usize, times: usize) -> Result<(), Failure> {
    if length.saturating_mul(times) > STEPS { bound("it would take longer than a builtin may") } else { Ok(()) }
}

/// Refuses more items than [`MOST`].
pub(crate) fn few(items: usize) -> Result<(), Failure> {
    if items > MOST { bound("the result would have more items than a builtin may make") } else { Ok(()) }
}

/// Refuses a text longer than [`LONGEST`].
pub(crate) fn fits(length: usize) -> Result<(), Failure> {
    if length > LONGEST { bound("the result would be longer than a builtin may make") } else { Ok(()) }
}
