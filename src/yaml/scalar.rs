//! What a plain scalar means, to YAML 1.2 and to readers that still follow YAML 1.1.

use std::time::Duration;

/// Says whether the core schema reads the scalar as null.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Says what a plain scalar is if it is not a string, in YAML 1.2's
/// [core schema](https://yaml.org/spec/1.2.2/#1032-tag-resolution).
pub(super) fn other_than_string(text: &str) -> Option<&'static str> {
    if is_null(text) {
        return Some("null");
    }
    if matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE") {
        return Some("a boolean");
    }
    is_number(text).then_some("a number")
}

/// Says whether a plain scalar is a string in that schema.
pub fn is_string(text: &str) -> bool {
    other_than_string(text).is_none()
}

/// Says what YAML 1.1 reads in a plain scalar that YAML 1.2 reads otherwise.
pub(super) fn other_in_yaml_1_1(text: &str) -> Option<&'static str> {
    if ["y", "n", "yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Some("a boolean");
    }
    let number = text.trim_start_matches(['+', '-']);
    if number.starts_with("0o") && digits(number.trim_start_matches("0o")) {
        return Some("a string");
    }
    let radix = number.strip_prefix("0b").is_some_and(|rest| rest.chars().all(|c| matches!(c, '0' | '1' | '_')))
        || number
            .strip_prefix("0x")
            .is_some_and(|rest| rest.contains('_') && rest.chars().all(|c| c.is_ascii_hexdigit() || c == '_'));
    let octal = number.len() > 1 && number.starts_with('0') && digits(number);
    (radix || octal || is_grouped(number) || is_sexagesimal(number)).then_some("another number")
}

/// Reads a duration: a whole number with one of the units `ms`, `s`, `m`, `h`, `d`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3_600).map(Duration::from_secs),
        "d" => number.checked_mul(86_400).map(Duration::from_secs),
        _ => None,
    }
}

/// Reads a size in bytes: a whole number with one of the units `B`, `KiB`, `MiB`, `GiB`.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    match unit {
        "B" => Some(number),
        "KiB" => number.checked_mul(1 << 10),
        "MiB" => number.checked_mul(1 << 20),
        "GiB" => number.checked_mul(1 << 30),
        _ => None,
    }
}

/// Writes a duration in the largest unit that fits it exactly; what is finer than a millisecond is left out.
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let (number, unit) =
        largest(millis, &[(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")]);
    format!("{number}{unit}")
}

/// Writes a size in the largest unit that fits it exactly.
pub fn show_size(bytes: u64) -> String {
    let (number, unit) = largest(bytes.into(), &[(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")]);
    format!("{number}{unit}")
}

fn largest(number: u128, units: &[(u128, &'static str)]) -> (u128, &'static str) {
    let fits = units.iter().find(|(unit, _)| number >= *unit && number.is_multiple_of(*unit)).or_else(|| units.last());
    fits.map_or((number, ""), |(unit, name)| (number / unit, *name))
}

/// Reads a whole decimal number.
pub(super) fn integer(text: &str) -> Option<i64> {
    let number = text.strip_prefix('-').unwrap_or(text);
    (digits(number) && (number == "0" || !number.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let (number, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    Some((number.parse().ok()?, unit))
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, hexadecimal, octal, infinite or not a number.
fn is_number(text: &str) -> bool {
    let number = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(number, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if let Some(rest) = number.strip_prefix("0x") {
        return !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_hexdigit());
    }
    if let Some(rest) = number.strip_prefix("0o") {
        return digits(rest);
    }
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (number, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let only_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    (digits(whole) || (whole.is_empty() && digits(fraction)))
        && only_digits(fraction)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

/// Digits in groups: `1_000`, `1_0.5`.
fn is_grouped(number: &str) -> bool {
    let begins_with_digit = number.trim_start_matches('.').starts_with(|c: char| c.is_ascii_digit());
    let looks_numeric = number.chars().all(|c| c.is_ascii_digit() || matches!(c, '_' | '.' | 'e' | 'E' | '+' | '-'));
    number.contains('_') && begins_with_digit && looks_numeric
}

/// Base sixty: `12:30`, `190:20:30.15`.
fn is_sexagesimal(number: &str) -> bool {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut parts = whole.split(':');
    let Some(first) = parts.next() else { return false };
    let grouped = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let begins_with_digit = first.starts_with(|c: char| c.is_ascii_digit());
    whole.contains(':')
        && begins_with_digit
        && grouped(first)
        && grouped(fraction)
        && parts.all(|part| digits(part) && part.parse::<u8>().is_ok_and(|sixtieth| sixtieth < 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_yaml_1_1_reads_otherwise() {
        for text in [
            "yes",
            "No",
            "ON",
            "off",
            "y",
            "N",
            "0660",
            "007",
            "-010",
            "08",
            "1_000",
            "+1_0",
            "12:30",
            "190:20:30",
            "1:2",
            "20:30.15",
            "0b101",
            "0o17",
            "0x1_f",
            "1_0.5",
        ] {
            assert!(other_in_yaml_1_1(text).is_some(), "{text}");
        }
        for text in [
            "nobody",
            "yes.",
            "0",
            "10",
            "0.5",
            "1e3",
            "0x1f",
            "127.0.0.1:9191",
            "12:60",
            "a_b",
            "_1",
            "1_a",
            "00:0c:29",
            "2026-11-20",
            "2026-11-20T09:00:00Z",
            "true",
            "24h",
            "10:",
            "0x",
        ] {
            assert!(other_in_yaml_1_1(text).is_none(), "{text}");
        }
    }

    #[test]
    fn knows_what_is_not_a_string() {
        for (text, kind) in [
            ("~", "null"),
            ("True", "a boolean"),
            ("false", "a boolean"),
            ("12", "a number"),
            ("-1.5e+3", "a number"),
            (".5", "a number"),
            ("5.", "a number"),
            ("1e3", "a number"),
            ("0x1F", "a number"),
            ("-.inf", "a number"),
            (".NaN", "a number"),
        ] {
            assert_eq!(other_than_string(text), Some(kind), "{text}");
        }
        for text in ["text", "1.2.3", "e3", ".", "-", "1e", "24h", "v1", "0xg", "+", "1 2"] {
            assert_eq!(other_than_string(text), None, "{text}");
        }
    }

    #[test]
    fn reads_durations_and_sizes() {
        assert_eq!(duration("5ms"), Some(Duration::from_millis(5)));
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("15m"), Some(Duration::from_secs(900)));
        assert_eq!(duration("25h"), Some(Duration::from_secs(90_000)));
        assert_eq!(duration("30d"), Some(Duration::from_secs(2_592_000)));
        assert_eq!(size("256MiB"), Some(268_435_456));
        for text in ["", "5", "s", "-5s", "1.5s", "5 s", "5S", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(duration(text), None, "{text}");
        }
        for text in ["1MB", "18446744073709551615KiB", "1"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn writes_durations_and_sizes_as_they_are_read() {
        for text in ["0ms", "5ms", "1500ms", "90s", "15m", "25h", "30d"] {
            assert_eq!(duration(text).map(show_duration).as_deref(), Some(text));
        }
        for text in ["0B", "1B", "64KiB", "1MiB", "3GiB"] {
            assert_eq!(size(text).map(show_size).as_deref(), Some(text));
        }
    }

    #[test]
    fn reads_whole_numbers_in_one_spelling() {
        assert_eq!(integer("0"), Some(0));
        assert_eq!(integer("-12"), Some(-12));
        for text in ["+1", "01", "1e3", "1.0", "", "-", "9223372036854775808"] {
            assert_eq!(integer(text), None, "{text}");
        }
    }
}
