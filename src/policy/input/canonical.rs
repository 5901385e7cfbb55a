//! A document as text: JSON with sorted keys, without blanks, and with every number in full, so that no two documents share a text.

use crate::policy::engine::Value;

/// Writes a document down. Its depth is bounded where it is built.
pub(in crate::policy) fn text(document: &Value) -> Vec<u8> {
    let mut text = Vec::new();
    write(document, &mut text);
    text
}

fn write(value: &Value, text: &mut Vec<u8>) {
    match value {
        Value::Null => text.extend_from_slice(b"null"),
        Value::Bool(true) => text.extend_from_slice(b"true"),
        Value::Bool(false) => text.extend_from_slice(b"false"),
        // The engine's own JSON rounds what does not fit into a double.
        Value::Number(number) => text.extend_from_slice(number.format_decimal().as_bytes()),
        Value::String(string) => quote(string, text),
        Value::Array(items) => list(items.iter(), text),
        Value::Set(items) => list(items.iter_sorted(), text),
        Value::Object(fields) => {
            text.push(b'{');
            for (index, (name, field)) in fields.iter_sorted().enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                write(name, text);
                text.push(b':');
                write(field, text);
            }
            text.push(b'}');
        }
        Value::Undefined => text.extend_from_slice(b"undefined"),
    }
}

fn list<'a>(items: impl Iterator<Item = &'a Value>, text: &mut Vec<u8>) {
    text.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            text.push(b',');
        }
        write(item, text);
    }
    text.push(b']');
}

fn quote(string: &str, text: &mut Vec<u8>) {
    text.push(b'"');
    for byte in string.bytes() {
        match byte {
            b'"' | b'\\' => text.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                let digit = |number: u8| char::from_digit(number.into(), 16).map_or(b'0', |digit| digit as u8);
                text.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
            byte => text.push(byte),
        }
    }
    text.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_number_is_written_in_full() {
        for number in ["18446744073709551617", "-9007199254740993", "0.1", "1.5", "0"] {
            assert_eq!(text(&Value::from_numeric_string(number).unwrap()), number.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn the_text_is_json_that_reads_back(string in ".{0,12}", number in any::<i64>()) {
            let value = serde_json::json!({string.as_str(): [string, number, null, true, {}, []], "b": false});
            let written = text(&Value::from(value.clone()));
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&written).unwrap(), value);
        }
    }
}
