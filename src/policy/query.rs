//! Queries and forms as policies know them: names to lists of values (WHATWG URL, `application/x-www-form-urlencoded`).

use std::collections::BTreeMap;

/// Names and their values, which keep their order.
pub(super) type Form = BTreeMap<String, Vec<String>>;

/// Why a query, a form or a path is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::policy) enum QueryError {
    /// `%` without two hex digits behind it; what stands there, at most three characters.
    #[error("invalid URL escape {0:?}")]
    Escape(String),
    /// Escapes of what is not UTF-8.
    #[error("an escape is not UTF-8")]
    NotUtf8,
    /// `;`, which some servers take for a separator and some do not.
    #[error("invalid semicolon separator in query")]
    Semicolon,
    /// More than 10,000 parameters.
    #[error("number of URL query parameters exceeded limit")]
    TooMany,
}

/// Reads a query or a form.
///
/// # Errors
/// The first thing in it that servers read differently, or cannot read.
pub(super) fn parse(query: &str) -> Result<Form, QueryError> {
    let mut parsed = Form::new();
    if query.bytes().filter(|byte| *byte == b'&').count() >= MAX_PARAMETERS {
        return Err(QueryError::TooMany);
    }
    if query.contains(';') {
        return Err(QueryError::Semicolon);
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parsed.entry(decode(name, true)?).or_default().push(decode(value, true)?);
    }
    Ok(parsed)
}

/// Decodes percent escapes, and `+` as a space where `form` says so.
///
/// # Errors
/// A malformed escape, or one of what is not UTF-8.
pub(super) fn decode(text: &str, form: bool) -> Result<String, QueryError> {
    if !text.bytes().any(|byte| byte == b'%' || (form && byte == b'+')) {
        return Ok(text.to_owned());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let at = text.len().saturating_sub(bytes.len()).saturating_sub(1);
                let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else { return Err(malformed(text, at)) };
                u8::try_from(high << 4 | low).map_err(|_| malformed(text, at))?
            }
            b'+' if form => b' ',
            byte => byte,
        });
    }
    String::from_utf8(decoded).map_err(|_| QueryError::NotUtf8)
}

fn malformed(text: &str, at: usize) -> QueryError {
    QueryError::Escape(text.get(at..).unwrap_or_default().chars().take(3).collect())
}

/// As Go bounds them.
const MAX_PARAMETERS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_a_form_is() {
        let parsed = parse("a=1&a=2&b&=v&c=x+y%20z&").unwrap();
        let expected: [(&str, &[&str]); 4] = [("", &["v"]), ("a", &["1", "2"]), ("b", &[""]), ("c", &["x y z"])];
        let parsed: Vec<(&str, Vec<&str>)> =
            parsed.iter().map(|(name, values)| (name.as_str(), values.iter().map(String::as_str).collect())).collect();
        assert_eq!(parsed, expected.map(|(name, values)| (name, values.to_vec())));
    }

    #[test]
    fn what_servers_read_differently_is_refused() {
        assert_eq!(parse("a=1;b=2"), Err(QueryError::Semicolon));
        for (query, escape) in [("a=%", "%"), ("a=%z", "%z"), ("a=%zzz", "%zz"), ("%c=1", "%c"), ("a=%é", "%é")] {
            assert_eq!(parse(query), Err(QueryError::Escape(escape.to_owned())), "{query}");
        }
        assert_eq!(parse("%C3=1"), Err(QueryError::NotUtf8));
    }

    #[test]
    fn parameters_are_bounded() {
        assert!(parse(&"a&".repeat(9_999)).is_ok());
        assert_eq!(parse(&"a&".repeat(10_000)), Err(QueryError::TooMany));
    }

    #[test]
    fn a_plus_is_a_space_in_forms_only() {
        assert_eq!(decode("a+b%2B", true), Ok("a b+".to_owned()));
        assert_eq!(decode("a+b%2b", false), Ok("a+b+".to_owned()));
    }
}
