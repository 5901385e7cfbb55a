//! Durations as OPA reads them: Go's units, and days, weeks and years of 24 hours, 7 days and 365 days.

/// The nanoseconds, if they fit.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.split_at_checked(1)? {
        ("-", rest) => (true, rest),
        ("+", rest) => (false, rest),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() || text.len() > LONGEST {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (amount, unit);
        (amount, rest) = until(rest, |char| !char.is_ascii_digit() && char != '.');
        (unit, rest) = until(rest, |char| char.is_ascii_digit() || char == '.');
        total = total.checked_add(part(amount, unit)?)?;
        if total > LIMIT {
            return None;
        }
    }
    match (negative, i64::try_from(total)) {
        (false, Ok(total)) => Some(total),
        (true, Ok(total)) => Some(total.saturating_neg()),
        (true, Err(_)) => Some(i64::MIN),
        (false, Err(_)) => None,
    }
}

fn until(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at_checked(text.find(is_end).unwrap_or(text.len())).unwrap_or((text, ""))
}

fn part(amount: &str, unit: &str) -> Option<u64> {
    let hours = match unit {
        "d" => 24.0,
        "w" => 7.0 * 24.0,
        "y" => 365.0 * 24.0,
        _ => return sized(amount, nanoseconds(unit)?),
    };
    // OPA makes hours of them, written as short as can be.
    let amount: f64 = amount.parse().ok()?;
    let hours = amount * hours;
    if hours.is_finite() { sized(&hours.to_string(), HOUR) } else { None }
}

const fn nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit.as_bytes() {
        b"ns" => 1,
        b"us" | [0xc2, 0xb5, b's'] | [0xce, 0xbc, b's'] => 1000,
        b"ms" => 1_000_000,
        b"s" => 1_000_000_000,
        b"m" => 60_000_000_000,
        b"h" => HOUR,
        _ => return None,
    })
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "Go rounds a fraction in this way"
)]
fn sized(amount: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    if fraction.contains('.') || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let size = whole.checked_mul(unit).filter(|size| whole <= LIMIT && *size <= LIMIT)?;
    // As many digits as an integer holds count.
    let (mut digits, mut scale) = (0_u64, 1.0_f64);
    for digit in fraction.bytes() {
        let next = digits.checked_mul(10).and_then(|digits| digits.checked_add(u64::from(digit.wrapping_sub(b'0'))));
        let Some(next) = next.filter(|next| *next <= LIMIT) else { break };
        (digits, scale) = (next, scale * 10.0);
    }
    if digits == 0 {
        return Some(size);
    }
    size.checked_add((digits as f64 * (unit as f64 / scale)) as u64).filter(|size| *size <= LIMIT)
}

const HOUR: u64 = 3_600_000_000_000;
const LIMIT: u64 = 1 << 63;
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_read_as_opa_reads_it() {
        for (text, expected) in [
            ("1h30m", 5_400_000_000_000),
            ("-1.5h", -5_400_000_000_000),
            ("1d2h", 93_600_000_000_000),
            ("1.5d", 129_600_000_000_000),
            ("1µs", 1000),
            ("0", 0),
            (".5s", 500_000_000),
            ("-9223372036854775808ns", i64::MIN),
            ("106751d", 9_223_286_400_000_000_000),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        for text in
            ["", "1", "h", "1x", "1h-30m", "1 h", "9223372036854775808ns", "3000000h", "1..5s", ".s", "-", "--1s"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
