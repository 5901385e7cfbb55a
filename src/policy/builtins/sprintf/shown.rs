//! How a value reads in Rego, which is what `sprintf` writes of one that is neither a text nor a number.

use super::super::{
    super::{engine::Value, number},
    arguments::bound,
    native::Failure,
};

/// The value, written.
pub(in super::super) fn shown(value: &Value) -> Result<String, Failure> {
    let mut out = String::new();
    write(value, &mut out, 0)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String, depth: usize) -> Result<(), Failure> {
    if depth > DEEPEST || out.len() > LONGEST {
        return bound("the value is deeper or longer than a builtin may write");
    }
    let inner = depth.saturating_add(1);
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Undefined => return bound("undefined cannot be written"),
        Value::String(text) => quote(text, '"', out)?,
        Value::Number(number) => {
            if number::is_respelled(value) {
                return bound("how the number was written is not known");
            }
            if number.as_f64().is_some_and(|number| number != 0.0 && number.abs() < 1e-6) {
                return bound("how the fraction was written is not known");
            }
            out.push_str(&number.format_decimal());
        }
        Value::Array(items) => {
            out.push('[');
            each(items.iter(), out, |item, out| write(item, out, inner))?;
            out.push(']');
        }
        Value::Set(items) if items.is_empty() => out.push_str("set()"),
        Value::Set(items) => {
            out.push('{');
            each(items.iter_sorted(), out, |item, out| write(item, out, inner))?;
            out.push('}');
        }
        Value::Object(entries) => {
            out.push('{');
            each(entries.iter_sorted(), out, |(key, item), out| {
                write(key, out, inner)?;
                out.push_str(": ");
                write(item, out, inner)
            })?;
            out.push('}');
        }
    }
    Ok(())
}

fn each<T>(
    items: impl Iterator<Item = T>,
    out: &mut String,
    write: impl Fn(T, &mut String) -> Result<(), Failure>,
) -> Result<(), Failure> {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(item, out)?;
    }
    Ok(())
}

/// The text in quotes, as Go writes it in a program.
pub(super) fn quote(text: &str, mark: char, out: &mut String) -> Result<(), Failure> {
    out.push(mark);
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            char if char == mark => {
                out.push('\\');
                out.push(mark);
            }
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            ' '..='~' => out.push(char),
            '\u{0}'..='\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(char))),
            char if char.is_alphanumeric() || char == '\u{fffd}' => out.push(char),
            char if hidden(char) => out.push_str(&match u32::from(char) {
                short @ ..=0xffff => format!("\\u{short:04x}"),
                long => format!("\\U{long:08x}"),
            }),
            // Whether Go would print it is a matter of its tables.
            _ => return bound("the text has characters that cannot be quoted for sure"),
        }
    }
    out.push(mark);
    Ok(())
}

/// Controls, and spaces other than the plain one.
fn hidden(char: char) -> bool {
    char.is_control()
        || char.is_whitespace()
        || matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' | '\u{e000}'..='\u{f8ff}')
}

const DEEPEST: usize = 128;

/// The longest that is written: about a millisecond.
const LONGEST: usize = 128 * 1024;
