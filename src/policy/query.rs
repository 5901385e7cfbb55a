//! The query as policies know it: names to lists of values, decoded as a form is (WHATWG URL, `application/x-www-form-urlencoded`).

use std::collections::BTreeMap;

use crate::hop::HopError;

/// Reads a query. Values of one name keep their order.
///
/// # Errors
/// A malformed escape, an escape of what is not UTF-8, or `;`, which some servers take for a separator and some do not.
pub(super) fn parse(query: &str) -> Result<BTreeMap<String, Vec<String>>, HopError> {
    let mut parsed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if query.contains(';') {
        return Err(HopError::Ambiguous("query.semicolon"));
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
pub(super) fn decode(text: &str, form: bool) -> Result<String, HopError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err(HopError::Malformed("query.escape"));
                };
                u8::try_from(high << 4 | low).map_err(|_| HopError::Malformed("query.escape"))?
            }
            b'+' if form => b' ',
            byte => byte,
        });
    }
    String::from_utf8(decoded).map_err(|_| HopError::Malformed("query.escape"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_a_form_is() {
        let parsed = parse("a=1&a=2&b&=v&c=x+y%20z").unwrap();
        let expected: [(&str, &[&str]); 4] = [("", &["v"]), ("a", &["1", "2"]), ("b", &[""]), ("c", &["x y z"])];
        let parsed: Vec<(&str, Vec<&str>)> =
            parsed.iter().map(|(name, values)| (name.as_str(), values.iter().map(String::as_str).collect())).collect();
        assert_eq!(parsed, expected.map(|(name, values)| (name, values.to_vec())));
    }

    #[test]
    fn what_servers_read_differently_is_refused() {
        assert_eq!(parse("a=1;b=2"), Err(HopError::Ambiguous("query.semicolon")));
        for query in ["a=%", "a=%z", "a=%zz", "%C3=1"] {
            assert_eq!(parse(query), Err(HopError::Malformed("query.escape")), "{query}");
        }
    }
}
