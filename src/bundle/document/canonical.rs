//! The form in which [OPA] digests a document, whatever white space and order it was written in.
//!
//! Objects have their keys in the order of their bytes; numbers stay as they are written; strings are escaped as Go's encoder escapes them
//! where it leaves HTML alone.
//!
//! [OPA]: https://www.openpolicyagent.org/docs/latest/management-bundles/#signature-format

use super::Tree;

impl Tree<'_> {
    /// Gives the form piece by piece.
    pub(crate) fn canonical(&self, out: &mut impl FnMut(&[u8])) {
        match self {
            Self::Null => out(b"null"),
            Self::Bool(true) => out(b"true"),
            Self::Bool(false) => out(b"false"),
            Self::Number(text) => out(text.as_bytes()),
            Self::Text(text) => string(text, out),
            Self::List(items) => {
                out(b"[");
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out(b",");
                    }
                    item.canonical(out);
                }
                out(b"]");
            }
            Self::Object(members) => {
                out(b"{");
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        out(b",");
                    }
                    string(key, out);
                    out(b":");
                    value.canonical(out);
                }
                out(b"}");
            }
        }
    }
}

fn string(text: &str, out: &mut impl FnMut(&[u8])) {
    let mut written = String::with_capacity(text.len().saturating_add(2));
    written.push('"');
    for character in text.chars() {
        match character {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '\u{8}' => written.push_str("\\b"),
            '\u{c}' => written.push_str("\\f"),
            '\u{0}'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                written.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => written.push(character),
        }
    }
    written.push('"');
    out(written.as_bytes());
}
