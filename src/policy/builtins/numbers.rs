//! The builtins that make numbers, or as many items as a number says: none larger than it may be.

mod units;

use super::{
    super::{engine::Value, number},
    arguments::{any, bound, error, few, integer, items, text, wrong},
    native::{Failure, Native},
};

pub(super) const NUMBERS: &[Native] = &[
    Native { name: "bits.lsh", arity: 2, call: shift_left },
    Native { name: "bits.rsh", arity: 2, call: shift_right },
    Native { name: "ceil", arity: 1, call: |arguments| rounded(arguments, true) },
    Native { name: "floor", arity: 1, call: |arguments| rounded(arguments, false) },
    Native { name: "format_int", arity: 2, call: format },
    Native { name: "numbers.range", arity: 2, call: |arguments| range(arguments, 1) },
    Native { name: "numbers.range_step", arity: 3, call: range_step },
    Native { name: "product", arity: 1, call: product },
    Native { name: "to_number", arity: 1, call: to_number },
    Native { name: "units.parse", arity: 1, call: units::parse },
    Native { name: "units.parse_bytes", arity: 1, call: units::parse_bytes },
];

fn rounded(arguments: &[Value], up: bool) -> Result<Value, Failure> {
    let Value::Number(number) = any(arguments, 0)? else { return Err(wrong(1, "a number")) };
    if number.as_f64().is_some_and(|number| number > -1.0 && number < 0.0) {
        return bound("OPA rounds between minus one and zero in a way of its own");
    }
    Ok(Value::from(if up { number.ceil() } else { number.floor() }))
}

fn range_step(arguments: &[Value]) -> Result<Value, Failure> {
    let step = integer(arguments, 2)?;
    if step <= 0 {
        // Of numbers only: that the others are none is said first.
        integer(arguments, 0)?;
        integer(arguments, 1)?;
        return error("the step is not positive");
    }
    range(arguments, step)
}

fn range(arguments: &[Value], step: i64) -> Result<Value, Failure> {
    let (from, to) = (whole(arguments, 0)?, whole(arguments, 1)?);
    let step = step.unsigned_abs();
    let number = from.abs_diff(to).checked_div(step).unwrap_or_default();
    few(usize::try_from(number).unwrap_or(usize::MAX))?;
    let towards = |index: u64| {
        let by = i128::from(index.saturating_mul(step));
        Value::from(if from <= to { i128::from(from).saturating_add(by) } else { i128::from(from).saturating_sub(by) })
    };
    Ok((0..=number).map(towards).collect::<Vec<_>>().into())
}

/// A whole number that fits a machine word; one that does not is too far away.
fn whole(arguments: &[Value], place: usize) -> Result<i64, Failure> {
    integer(arguments, place).or_else(|error| match any(arguments, place)? {
        Value::Number(number) if number.is_integer() => bound("the number is too large"),
        _ => Err(error),
    })
}

fn shift_left(arguments: &[Value]) -> Result<Value, Failure> {
    let (number, by) = shifted(arguments)?;
    let width = number.as_number().ok().and_then(|number| number.as_big()).map_or(0, |number| number.bits());
    if by.saturating_add(width) > WIDEST {
        return bound("the number would be larger than a builtin may make");
    }
    let shifted = number.as_number().ok().and_then(|number| number.lsh(any(arguments, 1).ok()?.as_number().ok()?));
    shifted.map(Value::from).ok_or_else(|| wrong(1, "a whole number"))
}

fn shift_right(arguments: &[Value]) -> Result<Value, Failure> {
    let (number, by) = shifted(arguments)?;
    let number = number.as_number().map_err(|_| wrong(1, "a number"))?;
    if by > WIDEST {
        // Nothing is left of it but its sign.
        return Ok(Value::from(if number.as_i64().is_some_and(|number| number >= 0) || number.is_positive() {
            0_i64
        } else {
            -1
        }));
    }
    let shifted = any(arguments, 1)?.as_number().ok().and_then(|by| number.rsh(by));
    shifted.map(Value::from).ok_or_else(|| wrong(1, "a whole number"))
}

/// The number, and how far it is shifted.
fn shifted(arguments: &[Value]) -> Result<(&Value, u64), Failure> {
    let number = any(arguments, 0)?;
    if !number.as_number().is_ok_and(|number| number.is_integer()) {
        return Err(wrong(1, "a whole number"));
    }
    match any(arguments, 1)? {
        Value::Number(by) if by.is_integer() => match by.as_u64() {
            Some(by) => Ok((number, by)),
            None if by.is_positive() => bound("the number is shifted too far"),
            None => Err(wrong(2, "not negative")),
        },
        _ => Err(wrong(2, "a whole number")),
    }
}

fn product(arguments: &[Value]) -> Result<Value, Failure> {
    let items = items(arguments, 0)?;
    let Value::Number(mut product) = Value::from(1_u64) else { return error("one is no number") };
    for item in items {
        let Value::Number(number) = item else { return Err(wrong(1, "a collection of numbers")) };
        product = product.mul(number).map_err(|_| Failure::Error("the product is too large".to_owned()))?;
        if product.as_big().is_some_and(|product| product.bits() > WIDEST) {
            return bound("the product is larger than a builtin may make");
        }
    }
    Ok(Value::from(product))
}

fn format(arguments: &[Value]) -> Result<Value, Failure> {
    let Value::Number(number) = any(arguments, 0)? else { return Err(wrong(1, "a number")) };
    let Value::Number(base) = any(arguments, 1)? else { return Err(wrong(2, "a number")) };
    let radix = match base.as_u64() {
        Some(radix @ (2 | 8 | 10 | 16)) => u32::try_from(radix).unwrap_or(10),
        _ => return Err(wrong(2, "2, 8, 10 or 16")),
    };
    // A fraction is cut off.
    let whole = if number.is_positive() { number.floor() } else { number.ceil() };
    match whole.as_big() {
        // OPA rounds what 64 bits do not hold.
        Some(whole) if whole.bits() > 64 => bound("the number is larger than 64 bits"),
        Some(whole) => Ok(Value::from(whole.to_str_radix(radix))),
        None => bound("the number is larger than a builtin may write"),
    }
}

/// A number as it may be written in JSON. What else Go reads as one (`0x1p-2`, `1_000`, `.5`) is no value that a document could hold.
fn to_number(arguments: &[Value]) -> Result<Value, Failure> {
    match any(arguments, 0)? {
        Value::Null | Value::Bool(false) => Ok(Value::from(0_u64)),
        Value::Bool(true) => Ok(Value::from(1_u64)),
        Value::Number(number) => Ok(Value::from(number.clone())),
        Value::String(_) => parsed(text(arguments, 0)?),
        _ => Err(wrong(1, "null, a boolean, a number or a string")),
    }
}

fn parsed(text: &str) -> Result<Value, Failure> {
    if text.len() > LONGEST_NUMBER {
        return bound("the number is longer than a builtin may read");
    }
    let digits = text.trim_start_matches(['+', '-']);
    let odd = text.starts_with('+')
        || digits.starts_with('.')
        || digits.ends_with('.')
        || digits.contains(['x', 'X', '_', 'p', 'P']);
    let leads =
        digits.len() > 1 && digits.starts_with('0') && digits.chars().nth(1).is_some_and(|next| next.is_ascii_digit());
    let words = ["inf", "infinity", "nan"];
    if words.iter().any(|word| digits.eq_ignore_ascii_case(word)) {
        return error("it is no number");
    }
    match text.parse::<f64>() {
        Ok(value) if !value.is_finite() => error("the number is out of range"),
        Ok(0.0)
            if digits.chars().take_while(|char| !matches!(char, 'e' | 'E')).any(|char| matches!(char, '1'..='9')) =>
        {
            bound("the number is too small to be told from zero")
        }
        Ok(_) if odd || leads => bound("the number is not written as JSON writes it"),
        Ok(_) => number::read(text).map_or_else(|| bound("no value is exactly this number"), Ok),
        Err(_) if odd => bound("the number is not written as JSON writes it"),
        Err(_) => error("it is no number"),
    }
}

/// The most bits of a number that a builtin makes or writes: 4,932 digits.
pub(super) const WIDEST: u64 = 16_384;

/// The longest number that is read: to read one takes the square of its length.
const LONGEST_NUMBER: usize = 4096;
