//! Media types and dispositions with their parameters (RFC 9110 §8.3, RFC 2183), in which each parameter has one value.

use std::collections::BTreeMap;

/// A type and its parameters, names in lower case.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MediaType {
    pub(super) essence: String,
    pub(super) parameters: BTreeMap<String, String>,
}

impl MediaType {
    /// Reads `multipart/form-data; boundary=x`, or `form-data; name="x"`.
    ///
    /// A parameter in the extended form of RFC 8187 (`name*=…`) has a value to some readers and none to others: it is an error.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (essence, mut rest) = match text.split_once(';') {
            Some((essence, _)) => (essence, text.get(essence.len()..)?),
            None => (text, ""),
        };
        let essence = essence.trim().to_ascii_lowercase();
        let mut halves = essence.splitn(2, '/');
        if !halves.all(is_token) {
            return None;
        }
        let mut parameters = BTreeMap::new();
        loop {
            rest = rest.trim_start();
            if rest.is_empty() || rest.trim_end() == ";" {
                return Some(Self { essence, parameters });
            }
            let (name, value, after) = parameter(rest)?;
            // Said twice is said once, as long as it is the same.
            if parameters.insert(name, value.clone()).is_some_and(|before| before != value) {
                return None;
            }
            rest = after;
        }
    }
}

/// `; name=value` or `; name="value"`, and what follows.
fn parameter(text: &str) -> Option<(String, String, &str)> {
    let (name, rest) = text.strip_prefix(';')?.trim_start().split_once('=')?;
    let name = name.trim_end();
    if !is_token(name) || name.contains('*') {
        return None;
    }
    let rest = rest.trim_start();
    let (value, rest) = match rest.strip_prefix('"') {
        Some(quoted) => quoted_text(quoted)?,
        None => {
            let end = rest.find(|char: char| !is_token_char(char)).unwrap_or(rest.len());
            let (value, rest) = rest.split_at_checked(end)?;
            if value.is_empty() {
                return None;
            }
            (value.to_owned(), rest)
        }
    };
    Some((name.to_ascii_lowercase(), value, rest))
}

/// What stands before the closing quote, and what follows that.
fn quoted_text(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\r' | '\n' => return None,
            // A backslash before anything else is one that a browser forgot to escape.
            '\\' => match chars.clone().next().filter(|next| SPECIAL.contains(*next)) {
                Some(escaped) => {
                    chars.next();
                    value.push(escaped);
                }
                None => value.push('\\'),
            },
            char => value.push(char),
        }
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_token_char)
}

fn is_token_char(char: char) -> bool {
    char.is_ascii_graphic() && !SPECIAL.contains(char)
}

/// RFC 2045 §5.1 `tspecials`.
const SPECIAL: &str = "()<>@,;:\\\"/[]?=";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_its_essence_and_its_parameters() {
        let parse = |text| MediaType::parse(text).map(|it| (it.essence, it.parameters.into_iter().collect::<Vec<_>>()));
        let one = |essence: &str, name: &str, value: &str| {
            Some((essence.to_owned(), vec![(name.to_owned(), value.to_owned())]))
        };
        assert_eq!(parse("Text/HTML"), Some(("text/html".to_owned(), vec![])));
        assert_eq!(parse("form-data; NAME=a ;"), one("form-data", "name", "a"));
        assert_eq!(parse("form-data;name=\"a \\\"b\\\" \\c;\""), one("form-data", "name", "a \"b\" \\c;"));
        assert_eq!(parse("form-data; name=\"\""), one("form-data", "name", ""));
        assert_eq!(parse("a/b; x=1; X=\"1\""), one("a/b", "x", "1"));
    }

    #[test]
    fn a_parameter_has_one_value() {
        for text in [
            "",
            ";",
            "a/",
            "/b",
            "a/b/c",
            "a b",
            "a; x",
            "a; x=",
            "a; =y",
            "a; x=\"y",
            "a; x=1; x=2",
            "a; x*=u''y",
            "a; x*0=y",
            "a; x=y z",
        ] {
            assert_eq!(MediaType::parse(text), None, "{text}");
        }
    }
}
