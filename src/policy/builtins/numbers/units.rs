//! Amounts with units: `units.parse` and `units.parse_bytes`, exact for what a number can hold.

use super::super::{
    super::engine::Value,
    arguments::{bound, error, text},
    native::Failure,
};

/// Decimal and binary units; only the first letter's case tells `m` from `M`.
pub(super) fn parse(arguments: &[Value]) -> Result<Value, Failure> {
    let plain = cleaned(text(arguments, 0)?)?;
    let (amount, unit) = amount_and_unit(&plain)?;
    let mut chars = unit.chars();
    let unit = chars.next().map_or_else(String::new, |first| format!("{first}{}", chars.as_str().to_lowercase()));
    match (unit.as_str(), scale(&unit.to_lowercase())) {
        ("m", _) => scaled(amount, 1, true),
        (_, Some(scale)) => scaled(amount, scale, false),
        (_, None) => error("the unit is not known"),
    }
}

/// As the other, in any case, and without what is left of a byte.
pub(super) fn parse_bytes(arguments: &[Value]) -> Result<Value, Failure> {
    let plain = cleaned(&text(arguments, 0)?.to_lowercase())?;
    let (amount, unit) = amount_and_unit(&plain)?;
    let unit = unit.strip_suffix('b').filter(|unit| !unit.is_empty()).unwrap_or(unit);
    let Some(scale) = scale(unit) else { return error("the unit is not known") };
    let Value::Number(total) = scaled(amount, scale, false)? else { return error("the amount is no number") };
    Ok(Value::from(if total.is_positive() { total.floor() } else { total.ceil() }))
}

fn cleaned(text: &str) -> Result<String, Failure> {
    if text.len() > LONGEST {
        return bound("the amount is longer than a builtin may read");
    }
    let plain = text.replace('"', "");
    if plain.contains(' ') { error("an amount has no spaces") } else { Ok(plain) }
}

fn scale(unit: &str) -> Option<i128> {
    Some(match unit {
        "" => 1,
        "k" => 1000,
        "ki" => 1 << 10,
        "m" => 1_000_000,
        "mi" => 1 << 20,
        "g" => 1_000_000_000,
        "gi" => 1 << 30,
        "t" => 1_000_000_000_000,
        "ti" => 1 << 40,
        "p" => 1_000_000_000_000_000,
        "pi" => 1 << 50,
        "e" => 1_000_000_000_000_000_000,
        "ei" => 1 << 60,
        _ => return None,
    })
}

/// Where a number ends and its unit begins. A unit that begins with `e` is no exponent.
fn amount_and_unit(text: &str) -> Result<(&str, &str), Failure> {
    let (mut end, mut chars) = (text.len(), text.char_indices().peekable());
    while let Some((at, char)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let is_number = match char {
            '0'..='9' | '.' | '+' | '-' => true,
            'e' | 'E' => next.is_some_and(|next| next.is_ascii_digit() || matches!(next, '+' | '-')),
            _ => false,
        };
        if !is_number {
            end = at;
            break;
        }
    }
    match text.split_at_checked(end) {
        Some(("", _)) | None => error("there is no amount"),
        Some(parts) => Ok(parts),
    }
}

/// The amount times its unit, or a thousandth of it; exact, or nothing.
fn scaled(amount: &str, scale: i128, milli: bool) -> Result<Value, Failure> {
    let (mantissa, exponent) = amount.split_once(['e', 'E']).unwrap_or((amount, "0"));
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = format!("{whole}{fraction}");
    let Ok(exponent) = exponent.parse::<i32>() else { return error("the amount is no number") };
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return error("the amount is no number");
    }
    let places = i32::try_from(fraction.len()).unwrap_or(i32::MAX).saturating_sub(exponent).saturating_add(if milli {
        3
    } else {
        0
    });
    let beyond = || Failure::Bound("the amount is larger, or finer, than a builtin may read".to_owned());
    let number = plain.parse::<i128>().ok().and_then(|number| number.checked_mul(scale)).ok_or_else(beyond)?;
    let power = 10_i128.checked_pow(places.unsigned_abs()).ok_or_else(beyond)?;
    let number = if negative { number.saturating_neg() } else { number };
    if places <= 0 {
        return number.checked_mul(power).map(Value::from).ok_or_else(beyond);
    }
    match number.checked_rem(power) {
        Some(0) => Ok(Value::from(number.checked_div(power).unwrap_or_default())),
        // Ten places at most, as OPA writes it.
        _ if places > 10 => Err(beyond()),
        _ => {
            let width = usize::try_from(places).unwrap_or(0);
            let (whole, rest) =
                (number.checked_div(power).unwrap_or_default(), number.checked_rem(power).unwrap_or_default());
            let sign = if negative && whole == 0 { "-" } else { "" };
            let written = format!("{sign}{whole}.{:0width$}", rest.unsigned_abs());
            Value::from_numeric_string(&written).map_err(|_| beyond())
        }
    }
}

const LONGEST: usize = 128;
