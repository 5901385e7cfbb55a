//! Reads any value as JSON, so that one text has one value: what JSON could not hold exactly is refused.

use serde_json::{Map, Number, Value as Json};

use super::{Kind, Node, Position, Value, scalar};

/// Reads a node as JSON: plain `true`, `false`, `null` and numbers are what they look like, everything quoted is a string.
///
/// A whole number is an integer however it is written, as canonical JSON ([RFC 8785](https://www.rfc-editor.org/rfc/rfc8785#section-3.2.2.3))
/// has it too: `1.0` and `1` are one value.
///
/// # Errors
/// The first value that is no JSON; what the parser has refused already has no message.
fn json(node: &Node) -> Result<Json, NotJson> {
    let refuse = |message: &'static str| NotJson { at: node.at, message: Some(message) };
    match &node.kind {
        Kind::Null => Ok(Json::Null),
        Kind::Plain(text) => plain(text).map_err(refuse),
        Kind::Quoted(text) => string(text).map(Json::String).map_err(refuse),
        Kind::Sequence(items) => items.iter().map(json).collect::<Result<_, _>>().map(Json::Array),
        Kind::Mapping(entries) => {
            let field = |entry: &super::Entry| {
                let key = string(&entry.key).map_err(|message| NotJson { at: entry.at, message: Some(message) })?;
                Ok((key, json(&entry.value)?))
            };
            entries.iter().map(field).collect::<Result<Map<_, _>, _>>().map(Json::Object)
        }
        Kind::Refused => Err(NotJson { at: node.at, message: None }),
    }
}

/// What is no JSON, and where.
#[derive(Clone, Copy, Debug)]
struct NotJson {
    /// Where it is.
    at: Position,
    /// What to write instead; absent if that has been reported.
    message: Option<&'static str>,
}

impl Value<'_> {
    /// Any value, as JSON.
    pub fn json(&self) -> Option<Json> {
        let NotJson { at, message } = match json(self.node?) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        if let Some(message) = message {
            self.reader.report(at, &self.path, message);
        }
        None
    }
}

fn plain(text: &str) -> Result<Json, &'static str> {
    match text {
        "true" => Ok(Json::Bool(true)),
        "false" => Ok(Json::Bool(false)),
        "True" | "TRUE" | "False" | "FALSE" => Err("is written in lower case, or quoted"),
        _ if scalar::is_string(text) => string(text).map(Json::String),
        _ => number(text).map(Json::Number),
    }
}

fn string(text: &str) -> Result<String, &'static str> {
    // Other readers of JSON end a string there.
    if text.contains('\0') { Err("holds the character U+0000: leave it out") } else { Ok(text.to_owned()) }
}

fn number(text: &str) -> Result<Number, &'static str> {
    let spelled: Result<Number, _> = serde_json::from_str(text);
    let Ok(number) = spelled else {
        return Err("is a number to readers of YAML and not to those of JSON: write it in decimal, or quote it");
    };
    if number.is_i64() || number.is_u64() {
        return Ok(number);
    }
    match number.as_f64() {
        Some(double) if double.abs() >= TWO_TO_THE_53 => Err("is too large to be kept exactly: quote it"),
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and has at most 53 bits")]
        Some(double) if double.fract() == 0.0 => Ok(Number::from(double as i64)),
        _ => Ok(number),
    }
}

/// Beyond it, not every whole number is a double.
const TWO_TO_THE_53: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::Reader, *};

    fn read(source: &str) -> Result<Json, String> {
        let reader = Reader::new("a.yaml");
        let nodes = reader.parse(source);
        let value = nodes.first().and_then(|node| reader.value(node).json());
        reader.finish(value).map_err(|problems| problems.to_string())
    }

    #[test]
    fn plain_scalars_are_typed_and_quoted_ones_are_strings() {
        let source = "[true, \"true\", 7, '7', ~, x, -1.5, 1e3, 18446744073709551615, \"\", |-\n a\n b\n]\n";
        let source = source.replace(", |-\n a\n b\n", "");
        let expected = json!([true, "true", 7, "7", null, "x", -1.5, 1000, u64::MAX, ""]);
        assert_eq!(read(&source), Ok(expected));
        assert_eq!(read("a: |\n  b\nc: {d: [], e: {}}\n"), Ok(json!({"a": "b\n", "c": {"d": [], "e": {}}})));
    }

    #[test]
    fn a_whole_number_is_one_value_however_it_is_written() {
        for text in ["5", "5.0", "5e0", "0.5e1"] {
            assert_eq!(read(&format!("[{text}]")), Ok(json!([5])), "{text}");
        }
        assert_eq!(read("[-0, -0.0]"), Ok(json!([0, 0])));
    }

    #[test]
    fn what_json_cannot_hold_is_refused_where_it_is() {
        for text in ["0x1f", "+1", ".5", "5.", ".inf", "-.INF", ".nan", "1e999"] {
            let problem = read(&format!("a:\n  b: {text}\n")).unwrap_err();
            assert!(problem.starts_with("a.yaml:2:6: is a number to readers of YAML"), "{text}: {problem}");
        }
        for text in ["18446744073709551616", "1e300", "-9007199254740993.5"] {
            assert_eq!(
                read(&format!("[{text}]")).unwrap_err(),
                "a.yaml:1:2: is too large to be kept exactly: quote it"
            );
        }
        assert_eq!(read("[True]").unwrap_err(), "a.yaml:1:2: is written in lower case, or quoted");
        for text in ["a: \"x\\0\"", "\"x\\0\": a"] {
            assert!(read(text).unwrap_err().contains("holds the character U+0000"), "{text}");
        }
    }

    #[test]
    fn what_was_refused_is_not_reported_twice() {
        assert_eq!(
            read("[a, &b c]").unwrap_err(),
            "a.yaml:1:5: [1]: anchors are refused: write the value out where it is needed"
        );
    }
}
