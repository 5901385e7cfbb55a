//! Writes YAML that the strict reader reads as the same values.

use crate::yaml::{Entry, Kind, Node, Position, is_deceptive, is_string};

/// A mapping of these fields.
pub(crate) fn mapping<'a>(fields: impl IntoIterator<Item = (&'a str, Node)>) -> Node {
    let entry = |(key, value): (&str, Node)| Entry { key: key.to_owned(), at: Position::default(), value };
    node(Kind::Mapping(fields.into_iter().map(entry).collect()))
}

/// A list.
pub(crate) fn sequence(items: impl IntoIterator<Item = Node>) -> Node {
    node(Kind::Sequence(items.into_iter().collect()))
}

/// A string.
pub(crate) fn string(text: impl Into<String>) -> Node {
    node(Kind::Quoted(text.into()))
}

/// What is written without quotes: a number, a time, a duration.
pub(crate) fn plain(text: &(impl ToString + ?Sized)) -> Node {
    node(Kind::Plain(text.to_string()))
}

/// A JSON value.
pub(crate) fn json(value: &serde_json::Value) -> Node {
    use serde_json::Value;
    match value {
        Value::Null => node(Kind::Null),
        Value::Bool(value) => plain(value),
        Value::Number(number) => plain(number),
        Value::String(text) => string(text),
        Value::Array(items) => sequence(items.iter().map(json)),
        Value::Object(fields) => mapping(fields.iter().map(|(key, value)| (key.as_str(), json(value)))),
    }
}

const fn node(kind: Kind) -> Node {
    Node { at: Position { line: 0, column: 0 }, kind }
}

/// The text of a document, without the line that parts it from others.
pub(crate) fn document(node: &Node) -> String {
    let mut text = String::new();
    match inline(node) {
        Some(inline) => text.push_str(&inline),
        None => block(node, 0, &mut text),
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Writes a list or a mapping from where the line stands.
fn block(node: &Node, indent: usize, out: &mut String) {
    let margin = " ".repeat(indent);
    match &node.kind {
        Kind::Mapping(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                if index > 0 {
                    out.push_str(&margin);
                }
                out.push_str(&scalar(&entry.key));
                out.push(':');
                below(&entry.value, indent, out);
            }
        }
        Kind::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(&margin);
                }
                out.push('-');
                match inline(item) {
                    None if !is_text(item) => {
                        out.push(' ');
                        block(item, indent + 2, out);
                    }
                    _ => below(item, indent, out),
                }
            }
        }
        _ => below(node, indent, out),
    }
}

/// Writes a value behind its key or its dash.
fn below(node: &Node, indent: usize, out: &mut String) {
    if let Some(inline) = inline(node) {
        out.push(' ');
        out.push_str(&inline);
        out.push('\n');
        return;
    }
    let margin = " ".repeat(indent + 2);
    if let Kind::Quoted(text) | Kind::Plain(text) = &node.kind {
        let (body, sign) = text.strip_suffix('\n').map_or((text.as_str(), "|-"), |body| (body, "|"));
        out.push_str(&format!(" {sign}\n"));
        body.split('\n').for_each(|line| out.push_str(&format!("{margin}{line}\n")));
        return;
    }
    out.push('\n');
    out.push_str(&margin);
    block(node, indent + 2, out);
}

/// What fits on the line: scalars, and short lists of them.
fn inline(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Null | Kind::Refused => Some("null".to_owned()),
        Kind::Plain(text) => Some(text.clone()),
        Kind::Quoted(_) if is_text(node) => None,
        Kind::Quoted(text) => Some(scalar(text)),
        Kind::Sequence(items) => {
            let items: Option<Vec<_>> = items.iter().map(|item| is_scalar(item).then(|| inline(item))?).collect();
            Some(format!("[{}]", items?.join(", "))).filter(|line| line.len() <= MAX_LINE)
        }
        Kind::Mapping(entries) if entries.is_empty() => Some("{}".to_owned()),
        Kind::Mapping(_) => None,
    }
}

const fn is_scalar(node: &Node) -> bool {
    matches!(node.kind, Kind::Null | Kind::Plain(_) | Kind::Quoted(_))
}

/// A string of lines that shows as what it is when it is written line by line.
fn is_text(node: &Node) -> bool {
    let Kind::Quoted(text) = &node.kind else { return false };
    let body = text.strip_suffix('\n').unwrap_or(text);
    let shows = |c: char| c == '\n' || !is_hidden(c);
    body.contains('\n') && !body.starts_with([' ', '\t', '\n']) && !body.ends_with('\n') && text.chars().all(shows)
}

/// A string, in quotes only where it needs them.
fn scalar(text: &str) -> String {
    let first = |c: char| c.is_ascii_alphabetic() || c == '/';
    let further = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '@' | '+' | '-' | ':');
    let is_word = ["y", "n", "yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word));
    let is_plain = text.starts_with(first) && text.chars().all(further) && !text.ends_with(':');
    if is_plain && !is_word && is_string(text) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            _ if is_hidden(character) => quoted.push_str(&format!("\\U{:08x}", u32::from(character))),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn is_hidden(character: char) -> bool {
    character.is_control()
        || is_deceptive(character)
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// The longest list that is written on one line.
const MAX_LINE: usize = 100;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::yaml;

    fn read(text: &str) -> Node {
        let mut nodes = yaml::parse("a.yaml", text).unwrap_or_else(|why| panic!("{why}\n{text}"));
        assert_eq!(nodes.len(), 1, "{text}");
        nodes.remove(0)
    }

    #[test]
    fn a_document_is_written_as_people_write_them() {
        let action = mapping([("methods", sequence([string("GET")])), ("paths", sequence([string("/v1/*")]))]);
        let signature = mapping([("by", string("alice@example.com")), ("signature", string("-----BEGIN\nabc=\n"))]);
        let spec = [
            ("type", string("jit")),
            ("subject", mapping([("spiffeId", string("spiffe://a.example/b"))])),
            ("actions", sequence([action])),
            ("notBefore", plain("2026-11-20T09:00:00Z")),
            ("ticket", string("8812")),
            ("signatures", sequence([signature])),
        ];
        let text = document(&mapping([("kind", string("Grant")), ("spec", mapping(spec))]));
        let expected = "kind: Grant
spec:
  type: jit
  subject:
    spiffeId: spiffe://a.example/b
  actions:
    - methods: [GET]
      paths: [\"/v1/*\"]
  notBefore: 2026-11-20T09:00:00Z
  ticket: \"8812\"
  signatures:
    - by: alice@example.com
      signature: |
        -----BEGIN
        abc=
";
        assert_eq!(text, expected);
        read(&text);
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9:/@.-]{0,12}",
            "([a-z# ]{1,6}\n){1,3}[a-z]{0,2}",
            "\\PC{0,12}",
            ".{0,6}",
            proptest::sample::select(vec![
                "no",
                "NULL",
                "0660",
                "12:30",
                "1_000",
                "~",
                "true",
                "- a",
                "a: b",
                "a #b",
                "\u{7f}\u{85}"
            ])
            .prop_map(str::to_owned),
        ]
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (-1_000_000_i64..1_000_000).prop_map(Into::into),
            any_text().prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map(any_text(), inner, 0..4)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(value in any_json()) {
            let written = mapping([("value", json(&value)), ("list", sequence([json(&value)]))]);
            let text = document(&written);
            prop_assert!(read(&text).is_same(&written), "{}", text);
        }
    }
}
