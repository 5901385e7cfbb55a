//! One value has one spelling ([RFC 8785]), so what somebody signed is what everybody reads.
//!
//! [RFC 8785]: https://www.rfc-editor.org/rfc/rfc8785

use std::fmt::Write;

use serde_json::{Map, Number, Value};

/// Writes JSON in the one way of [RFC 8785](https://www.rfc-editor.org/rfc/rfc8785): no spaces, keys by their UTF-16 code units, numbers as
/// ECMAScript writes doubles.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut text = String::new();
    write(value, &mut text);
    text.into_bytes()
}

fn write(value: &Value, to: &mut String) {
    match value {
        Value::Null => to.push_str("null"),
        Value::Bool(true) => to.push_str("true"),
        Value::Bool(false) => to.push_str("false"),
        Value::Number(number) => to.push_str(&of_number(number)),
        Value::String(text) => string(text, to),
        Value::Array(items) => {
            to.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(index, to);
                write(item, to);
            }
            to.push(']');
        }
        Value::Object(fields) => object(fields, to),
    }
}

fn object(fields: &Map<String, Value>, to: &mut String) {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    to.push('{');
    for (index, (key, value)) in fields.into_iter().enumerate() {
        separate(index, to);
        string(key, to);
        to.push(':');
        write(value, to);
    }
    to.push('}');
}

fn separate(index: usize, to: &mut String) {
    if index > 0 {
        to.push(',');
    }
}

fn string(text: &str, to: &mut String) {
    to.push('"');
    for character in text.chars() {
        match character {
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\u{8}' => to.push_str("\\b"),
            '\t' => to.push_str("\\t"),
            '\n' => to.push_str("\\n"),
            '\u{c}' => to.push_str("\\f"),
            '\r' => to.push_str("\\r"),
            control if control < ' ' => {
                // Writing to a string does not fail.
                let _ = write!(to, "\\u{:04x}", u32::from(control));
            }
            other => to.push(other),
        }
    }
    to.push('"');
}

/// A number of this type is finite; one whose spelling goes beyond the doubles is kept apart from all that have a canonical form.
fn of_number(number: &Number) -> String {
    match number.as_f64() {
        Some(double) if double.is_finite() => show_double(double),
        _ => number.to_string(),
    }
}

/// Writes a finite double as ECMAScript's
/// [`Number::toString`](https://tc39.es/ecma262/multipage/ecmascript-data-types-and-values.html#sec-numeric-types-number-tostring).
pub(super) fn show_double(double: f64) -> String {
    let (digits, point) = decimal(double);
    if digits.is_empty() {
        return "0".to_owned();
    }
    let sign = if double < 0.0 { "-" } else { "" };
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let split = |at: i32| digits.split_at_checked(usize::try_from(at).unwrap_or(0)).unwrap_or((&digits, ""));
    let number = match point {
        _ if count <= point && point <= 21 => format!("{digits}{}", zeros(point.saturating_sub(count))),
        1..=21 => {
            let (whole, fraction) = split(point);
            format!("{whole}.{fraction}")
        }
        -5..=0 => format!("0.{}{digits}", zeros(point.saturating_neg())),
        _ => {
            let (first, rest) = split(1);
            let dot = if rest.is_empty() { "" } else { "." };
            format!("{first}{dot}{rest}e{:+}", point.saturating_sub(1))
        }
    };
    format!("{sign}{number}")
}

/// The fewest digits that are no other double, and where the point is: `0.digits × 10^point`. Zero has none.
pub(super) fn decimal(double: f64) -> (String, i32) {
    let shortest = format!("{:e}", double.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_matches('0').to_owned();
    let digits = even_of_two(double, &digits, exponent).unwrap_or(digits);
    (digits, exponent.parse::<i32>().unwrap_or(0).saturating_add(1))
}

/// Of two that are as short and as near, ECMAScript takes the even one and the standard library the greater one.
fn even_of_two(double: f64, digits: &str, exponent: &str) -> Option<String> {
    let (last, rest) = digits.as_bytes().split_last()?;
    let below = match last {
        b'3' => '2',
        b'5' => '4',
        b'7' => '6',
        b'9' => '8',
        _ => return None,
    };
    let even = format!("{}{below}", str::from_utf8(rest).ok()?);
    let point = even.len().checked_sub(1)?;
    let is_same = format!("{even}e{}", exponent.parse::<i64>().ok()?.checked_sub(i64::try_from(point).ok()?)?);
    let exact = format!("{:.EXACT$e}", double.abs());
    let exact: String = exact.split_once('e')?.0.chars().filter(char::is_ascii_digit).collect();
    let is_between = exact.trim_end_matches('0').strip_prefix(even.as_str()) == Some("5");
    (is_between && is_same.parse() == Ok(double.abs())).then_some(even)
}

/// No double has more digits behind its first one.
const EXACT: usize = 766;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(json: &str) -> String {
        String::from_utf8(canonical(&serde_json::from_str(json).unwrap())).unwrap()
    }

    #[test]
    fn writes_the_example_of_the_standard() {
        let source = r#"{
          "numbers": [1E30, 4.50, 2e-3, 0.000000000000000000000000001],
          "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
          "literals": [null, true, false]
        }"#;
        let expected =
            r#"{"literals":[null,true,false],"numbers":[1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
        assert_eq!(text(source), expected);
    }

    #[test]
    fn keys_are_in_the_order_of_their_utf_16_code_units() {
        let source = r#"{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"}"#;
        let sorted = text(source);
        let order =
            ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"].map(|name| sorted.find(name).unwrap());
        assert!(order.is_sorted(), "{sorted}");
    }

    /// [RFC 8785, appendix B](https://www.rfc-editor.org/rfc/rfc8785#appendix-B).
    #[test]
    fn numbers_are_written_as_the_standard_lists_them() {
        for (bits, expected) in [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            assert_eq!(show_double(f64::from_bits(bits)), expected);
        }
    }

    #[test]
    fn what_looks_alike_in_another_notation_is_written_alike() {
        for (one, other) in [("10", "1e1"), ("0.10", "0.1"), ("-0", "0"), ("1.0", "1"), ("[ ]", "[]")] {
            assert_eq!(text(one), text(other));
        }
        assert_eq!(text(r#"{"b": {}, "a": ["\u007f\u001b"]}"#), "{\"a\":[\"\u{7f}\\u001b\"],\"b\":{}}");
    }
    proptest! {
        #[test]
        fn a_number_is_read_as_what_was_written(bits: u64) {
            let double = f64::from_bits(bits);
            prop_assume!(double.is_finite());
            prop_assert_eq!(show_double(double).parse(), Ok(double));
        }

        /// Between 2^50 and 2^51 the doubles are a quarter apart, so one digit behind the point tells them from each other.
        #[test]
        fn of_two_that_are_as_near_the_even_one_is_written(whole in 1_u64 << 50..1 << 51, negative: bool) {
            let sign = if negative { "-" } else { "" };
            let shown = |fraction: &str| show_double(format!("{sign}{whole}.{fraction}").parse().unwrap());
            prop_assert_eq!(shown("25"), format!("{sign}{whole}.2"));
            prop_assert_eq!(shown("75"), format!("{sign}{whole}.8"));
            prop_assert_eq!(shown("5"), format!("{sign}{whole}.5"));
        }

        #[test]
        fn texts_and_keys_are_read_as_what_was_written(texts in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..8)) {
            let value = Value::Object(texts.into_iter().map(|(key, text)| (key, Value::String(text))).collect());
            prop_assert_eq!(serde_json::from_slice::<Value>(&canonical(&value)).unwrap(), value);
        }
    }
}
