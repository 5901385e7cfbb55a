//! Versions as OPA reads them (semver 2.0.0, with a `v` before it if there is one).

use std::cmp::Ordering;

use super::{
    super::engine::Value,
    arguments::{any, error, text},
    native::{Failure, Native},
};

pub(super) const SEMVER: &[Native] = &[
    Native { name: "semver.compare", arity: 2, call: compare },
    Native { name: "semver.is_valid", arity: 1, call: is_valid },
];

/// A version without its metadata, which no comparison looks at.
struct Version<'a> {
    numbers: [i64; 3],
    pre: Option<&'a str>,
}

impl<'a> Version<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, metadata) = text.split_once('+').map_or((text, None), |(text, metadata)| (text, Some(metadata)));
        let (text, pre) = text.split_once('-').map_or((text, None), |(text, pre)| (text, Some(pre)));
        if !metadata.is_none_or(is_identifiers) || !pre.is_none_or(|pre| is_identifiers(pre) && !leads(pre)) {
            return None;
        }
        let mut parts = text.split('.').map(number);
        let numbers = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(Self { numbers, pre })
    }

    fn order(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre, other.pre) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(two)) => one.split('.').map(Part::of).cmp(two.split('.').map(Part::of)),
        })
    }
}

/// An identifier before a release: numbers come before words.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    /// By its value: more digits are more, because none leads with zero.
    Number(usize, &'a str),
    Word(&'a str),
}

impl<'a> Part<'a> {
    fn of(text: &'a str) -> Self {
        if is_digits(text) { Self::Number(text.len(), text) } else { Self::Word(text) }
    }
}

fn compare(arguments: &[Value]) -> Result<Value, Failure> {
    let (one, other) = (text(arguments, 0)?, text(arguments, 1)?);
    match (Version::parse(one), Version::parse(other)) {
        (Some(one), Some(other)) => Ok(Value::from(match one.order(&other) {
            Ordering::Less => -1_i64,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        })),
        _ => error("an argument is no version"),
    }
}

fn is_valid(arguments: &[Value]) -> Result<Value, Failure> {
    Ok(Value::Bool(matches!(any(arguments, 0)?, Value::String(text) if Version::parse(text).is_some())))
}

fn number(text: &str) -> Option<i64> {
    (is_digits(text) && (text.len() == 1 || !text.starts_with('0'))).then(|| text.parse().ok())?
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_identifiers(text: &str) -> bool {
    text.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

/// Whether a number among the identifiers leads with zero.
fn leads(text: &str) -> bool {
    text.split('.').any(|part| part.len() > 1 && part.starts_with('0') && is_digits(part))
}
