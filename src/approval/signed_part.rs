//! What of a document is signed: all that it says, and nothing that is added to it later.

use serde_json::{Map, Number, Value};

use super::canonical::{decimal, show_double};
use crate::yaml::{Entry, Kind, Node, Position, is_string, quote};

/// The part of a document that its signatures are for, as JSON:
/// `{apiVersion, kind, metadata: {name}, spec without signatures, reviewedBy, reviewedAt}`, everything as it is written.
///
/// # Errors
/// What cannot be signed, since another reader could take it for something else.
pub fn signed_part(document: &Node) -> Result<Value, Unsignable> {
    let metadata = required(document, document, "metadata", "metadata")?;
    let name = required(document, metadata, "name", "metadata.name")?;
    let mut spec = value(required(document, document, "spec", "spec")?, "spec")?;
    if let Value::Object(fields) = &mut spec {
        fields.retain(|key, _| !ADDED_LATER.contains(&key.as_str()));
    }
    let field = |key: &str| value(required(document, document, key, key)?, key);
    Ok(Value::Object(Map::from_iter([
        ("apiVersion".to_owned(), field("apiVersion")?),
        ("kind".to_owned(), field("kind")?),
        ("metadata".to_owned(), Value::Object(Map::from_iter([("name".to_owned(), value(name, "metadata.name")?)]))),
        ("spec".to_owned(), spec),
    ])))
}

/// Why a document cannot be signed, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Unsignable {
    /// Where it is.
    pub at: Position,
    /// The dotted path of the field.
    pub field: String,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl Unsignable {
    fn new(at: Position, field: &str, message: impl Into<String>) -> Self {
        Self { at, field: field.to_owned(), message: message.into() }
    }
}

fn required<'a>(document: &Node, node: &'a Node, key: &str, path: &str) -> Result<&'a Node, Unsignable> {
    let Kind::Mapping(entries) = &node.kind else {
        return Err(Unsignable::new(node.at, path, "is required"));
    };
    let entry = entries.iter().find(|entry| entry.key == key);
    entry.map(|entry| &entry.value).ok_or_else(|| Unsignable::new(document.at, path, "is required"))
}

fn value(node: &Node, path: &str) -> Result<Value, Unsignable> {
    match &node.kind {
        Kind::Null => Ok(Value::Null),
        Kind::Quoted(text) => Ok(Value::String(text.clone())),
        Kind::Plain(text) if is_string(text) => Ok(Value::String(text.clone())),
        Kind::Plain(text) => match text.as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => number(text).map(Value::Number).map_err(|message| Unsignable::new(node.at, path, message)),
        },
        Kind::Sequence(items) => {
            let item = |(index, item)| value(item, &format!("{path}[{index}]"));
            items.iter().enumerate().map(item).collect::<Result<_, _>>().map(Value::Array)
        }
        Kind::Mapping(entries) => {
            let entry = |entry: &Entry| Ok((entry.key.clone(), value(&entry.value, &format!("{path}.{}", entry.key))?));
            entries.iter().map(entry).collect::<Result<_, _>>().map(Value::Object)
        }
        Kind::Refused => Err(Unsignable::new(node.at, path, "cannot be read")),
    }
}

/// A number that is written in JSON's way and that a double keeps to its last digit; then it has one canonical form, and no other number
/// has it too.
fn number(text: &str) -> Result<Number, String> {
    // Its grammar is what is asked here: the number that it reads may be one beside the nearest.
    if serde_json::from_str::<Number>(text).is_err() {
        return Err(format!("{} cannot be signed: write it as JSON does, or quote it", quote(text)));
    }
    let double = text.parse().unwrap_or(f64::INFINITY);
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_whole && double.abs() > LARGEST {
        return Err(format!(
            "{} cannot be signed, since not everybody can read whole numbers beyond 2^53 exactly: quote it",
            quote(text)
        ));
    }
    let whole = text.parse::<i64>().ok().map(Number::from);
    let Some(number) = whole.or_else(|| Number::from_f64(double)) else {
        return Err(format!("{} is too large to be signed: quote it", quote(text)));
    };
    if written(text) == Some(decimal(double)) {
        return Ok(number);
    }
    Err(format!(
        "{} cannot be signed, since not everybody can read all of its digits: write {}, or quote it",
        quote(text),
        quote(&show_double(double))
    ))
}

/// The digits of a JSON number as it is written, and where the point is: `0.digits × 10^point`.
fn written(text: &str) -> Option<(String, i32)> {
    let text = text.trim_start_matches('-');
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let leading = all.len().checked_sub(digits.len())?;
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return Some((String::new(), 1));
    }
    let point = i32::try_from(whole.len()).ok()?.checked_sub(i32::try_from(leading).ok()?)?;
    Some((digits.to_owned(), point.checked_add(exponent.parse::<i32>().ok()?)?))
}

const ADDED_LATER: [&str; 3] = ["signatures", "reviewedBy", "reviewedAt"];
/// 2^53: beyond it not every whole number is a double.
const LARGEST: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{approval::canonical, yaml};

    fn part(source: &str) -> Result<String, String> {
        let nodes = yaml::parse("a.yaml", source).unwrap();
        let part = signed_part(&nodes[0]).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(canonical(&part)).unwrap())
    }

    fn spec(spec: &str) -> Result<String, String> {
        let head = "apiVersion: hopguard.dev/v1alpha1\nkind: Grant\nmetadata: {name: a}\n";
        let whole = part(&format!("{head}spec: {spec}\n"))?;
        let (_, spec) = whole.split_once("\"spec\":").unwrap();
        Ok(spec.strip_suffix('}').unwrap().to_owned())
    }

    #[test]
    fn signs_all_that_a_document_says() {
        let source = "
kind: Activation
apiVersion: hopguard.dev/v1alpha1
metadata: {name: open-ledger}
spec:
  until: 2026-11-20T10:00:00Z
  grant: ledger
  reviewedBy: carol@example.com
  reviewedAt: 2026-11-20T10:00:00Z
  signatures: [{by: alice@example.com, signature: x}]
";
        assert_eq!(
            part(source).unwrap(),
            r#"{"apiVersion":"hopguard.dev/v1alpha1","kind":"Activation","metadata":{"name":"open-ledger"},"spec":{"grant":"ledger","until":"2026-11-20T10:00:00Z"}}"#
        );
    }

    #[test]
    fn leaves_out_what_is_added_later_at_its_own_place_only() {
        assert_eq!(
            spec("{signatures: [], a: {signatures: [], reviewedBy: x}}").unwrap(),
            r#"{"a":{"reviewedBy":"x","signatures":[]}}"#
        );
    }

    #[test]
    fn notation_does_not_matter_and_meaning_does() {
        assert_eq!(spec("{a: 'x', b: 1}").unwrap(), spec("\n  b: 1\n  a: x # why").unwrap());
        assert_eq!(spec("{a: 1.50}").unwrap(), spec("{a: 1.5}").unwrap());
        assert_ne!(spec("{a: 1}").unwrap(), spec("{a: '1'}").unwrap());
        assert_ne!(spec("{a: true}").unwrap(), spec("{a: 'true'}").unwrap());
        assert_ne!(spec("{a: null}").unwrap(), spec("{}").unwrap());
    }

    #[test]
    fn refuses_numbers_that_two_readers_could_read_differently() {
        for number in [
            "0",
            "-0",
            "5432",
            "9007199254740992",
            "-9007199254740992",
            "0.1",
            "1e3",
            "0.00",
            "120",
            "1.7976931348623157e308",
            "5e-324",
        ] {
            assert!(spec(&format!("{{a: {number}}}")).is_ok(), "{number}");
        }
        for number in [
            "9007199254740993",
            "9007199254740994",
            "-9007199254740993",
            "99999999999999999999999",
            "0.1000000000000000000001",
            "1.00000000000000000000001",
            "1e400",
            "1e-400",
            "1e99999999999",
            "0x10",
            "+5",
            ".5",
            "5.",
            ".inf",
            ".nan",
            "True",
        ] {
            let error = spec(&format!("{{a: [{number}]}}")).unwrap_err();
            assert!(error.starts_with("spec.a[0]: ") && error.contains("quote it"), "{number}: {error}");
        }
    }

    #[test]
    fn a_document_without_its_head_cannot_be_signed() {
        for key in ["apiVersion", "kind", "metadata", "spec"] {
            let whole = "apiVersion: v\nkind: Grant\nmetadata: {name: a}\nspec: {}\n";
            let without: String =
                whole.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect();
            assert!(part(whole).is_ok());
            assert_eq!(part(&without).unwrap_err(), format!("{key}: is required"));
        }
        assert_eq!(part("metadata: {}\nspec: {}\n").unwrap_err(), "metadata.name: is required");
    }
}
