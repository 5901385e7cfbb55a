//! JSON numbers as policies know them: the number that was written, or none; and one whose spelling a text would lose is told from others.

use super::engine::Value;

/// Reads a number whose spelling is JSON's ([RFC 8259] section 6), or nothing where no value is exactly that number.
///
/// What is spelled as a fraction stays one, `1.0` and `1e3` too: OPA keeps how a number is written, and shows it in texts.
///
/// [RFC 8259]: https://www.rfc-editor.org/rfc/rfc8259
pub(crate) fn read(text: &str) -> Option<Value> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, ""));
    // What is written in few bytes may stand for a number of many.
    if text.len() > MAX_DIGITS || exponent.trim_start_matches(['+', '-']).len() > MAX_EXPONENT {
        return None;
    }
    let is_integer = exponent.is_empty() && !mantissa.contains('.') && text != "-0";
    if is_integer && let Ok(number) = text.parse::<i64>() {
        return Some(number.into());
    }
    // Whoever shows it to anybody must be able to: JSON of other makers ends where a double does.
    let double = text.parse::<f64>().ok().filter(|double| double.is_finite())?;
    let exact = Value::from_numeric_string(text).ok()?;
    if is_integer {
        return Some(exact);
    }
    // The engine takes a fraction for the double nearest to it: what is another number must not compare as that one.
    if significant(text) != significant(&format!("{double:e}")) {
        return None;
    }
    let nearest = Value::from(double);
    // A larger one is known by its size.
    (nearest == exact).then_some(nearest).or_else(|| is_large(&exact).then_some(exact))
}

/// Whether another text than its own may have stood for it: OPA would write that one.
pub(super) fn is_respelled(number: &Value) -> bool {
    let is_whole = matches!(number, Value::Number(number) if number.is_integer());
    is_whole && (is_large(number) || is_fraction(number))
}

/// Whether it was written as a fraction, though it may be whole.
pub(super) fn is_fraction(number: &Value) -> bool {
    let of_words = || matches!(number, Value::Number(number) if number.format_decimal_with_width(1).contains('.'));
    !is_large(number) && of_words()
}

/// Whether it is whole, and no 64 bits hold it.
fn is_large(number: &Value) -> bool {
    let Value::Number(number) = number else { return false };
    number.is_integer() && number.as_i64().is_none() && number.as_u64().is_none()
}

/// The longest number that no 64 bits hold, in bytes.
const MAX_DIGITS: usize = 400;

/// The most digits of an exponent.
const MAX_EXPONENT: usize = 3;

/// The digits that a number is made of, without its sign, its point, its exponent, and zeros at either end.
fn significant(text: &str) -> String {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_that_is_spelled_as_a_fraction_is_the_same_number_and_told_from_others() {
        for (spelled, whole) in
            [("1.0", "1"), ("1e3", "1000"), ("1E+2", "100"), ("-0", "0"), ("-2.50e1", "-25"), ("0.0", "0")]
        {
            let (spelled, whole) = (read(spelled).unwrap(), read(whole).unwrap());
            assert_eq!(spelled, whole);
            assert!(is_respelled(&spelled) && is_fraction(&spelled), "{spelled}");
            assert!(!is_respelled(&whole) && !is_fraction(&whole), "{whole}");
        }
        for fraction in ["0.5", "100.50", "-1e-7"] {
            let fraction = read(fraction).unwrap();
            assert!(is_fraction(&fraction) && !is_respelled(&fraction), "{fraction}");
        }
        for large in ["18446744073709551616", "1e30"] {
            let large = read(large).unwrap();
            assert!(is_respelled(&large) && !is_fraction(&large), "{large}");
        }
    }

    #[test]
    fn integers_are_exact_whatever_their_size() {
        assert_ne!(read("9007199254740993"), read("9007199254740992"));
        assert_ne!(read("18446744073709551617"), read("18446744073709551616"));
        assert_eq!(read("1e30"), read("1000000000000000000000000000000"));
        assert_eq!(read("1e16"), read("10000000000000000"));
    }

    #[test]
    fn what_no_value_is_exactly_is_no_number() {
        for text in
            ["100.0000000000000000001", "0.1000000000000000055511151231257827", "9007199254740993.0", "1e-400", "1e309"]
        {
            assert_eq!(read(text), None, "{text}");
        }
        for text in [format!("1{}", "0".repeat(400)), "1e1000000000".to_owned(), "1e-1000000000".to_owned()] {
            assert_eq!(read(&text), None);
        }
    }
}
