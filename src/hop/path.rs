//! The path in its one canonical form: what is judged is what Envoy forwards, byte for byte but for the case of hex digits.

use std::borrow::Cow;

use super::{Escapes, HopError};

/// A request target, split at its first `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The canonical path: escapes in upper-case hex, nothing decoded.
    pub path: Cow<'a, str>,
    /// What follows the first `?`.
    pub query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Reads an origin-form target (RFC 9112 §3.2.1) and refuses whatever two parsers could read differently.
    ///
    /// Nothing is repaired: a path that is not canonical already, but for the case of its hex digits, is an error.
    pub fn parse(raw: &'a str, escapes: Escapes) -> Result<Self, HopError> {
        if raw.len() > MAX_TARGET {
            return Err(HopError::TooLarge("path.too_long"));
        }
        if !raw.starts_with('/') {
            return Err(HopError::Ambiguous("path.not_origin_form"));
        }
        let (path, query) = match raw.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (raw, None),
        };
        // `!` may stand for a byte that is not UTF-8, in the query too.
        if query.is_some_and(|query| query.bytes().any(|byte| matches!(byte, b'#' | b'!' | 0x7f) || byte <= b' ')) {
            return Err(HopError::Ambiguous("path.query"));
        }
        let mut segments = path.split('/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            let last = segments.peek().is_none();
            judge_segment(segment, last, escapes)?;
        }
        Ok(Self { path: upper_case_escapes(path), query })
    }
}

fn judge_segment(segment: &str, last: bool, escapes: Escapes) -> Result<(), HopError> {
    match segment {
        "" if !last => return Err(HopError::Ambiguous("path.empty_segment")),
        "." | ".." => return Err(HopError::Ambiguous("path.dot_segment")),
        _ => {}
    }
    let mut bytes = segment.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let (Some(high), Some(low)) = (bytes.next().and_then(hex), bytes.next().and_then(hex)) else {
                    return Err(HopError::Ambiguous("path.escape_malformed"));
                };
                let byte = high << 4 | low;
                judge_escape(byte, escapes)?;
                decoded.push(byte);
            }
            b'#' => return Err(HopError::Ambiguous("path.fragment")),
            b'\\' => return Err(HopError::Ambiguous("path.backslash")),
            b';' => return Err(HopError::Ambiguous("path.semicolon")),
            byte if is_path_byte(byte) => decoded.push(byte),
            _ => return Err(HopError::Ambiguous("path.byte")),
        }
    }
    match std::str::from_utf8(&decoded) {
        Ok(_) => Ok(()),
        Err(_) => Err(HopError::Ambiguous("path.escape_not_utf8")),
    }
}

fn judge_escape(byte: u8, escapes: Escapes) -> Result<(), HopError> {
    let admitted = match byte {
        b'/' => escapes.slash,
        b'%' => escapes.percent,
        b';' => escapes.semicolon,
        b'\\' => false,
        byte => !byte.is_ascii_control() && !is_unreserved(byte),
    };
    if admitted { Ok(()) } else { Err(HopError::Ambiguous("path.escape")) }
}

fn upper_case_escapes(path: &str) -> Cow<'_, str> {
    let lower = |triplet: &str| triplet.bytes().any(|byte| byte.is_ascii_lowercase());
    if !path.split('%').skip(1).any(|rest| rest.get(..2).is_some_and(lower)) {
        return Cow::Borrowed(path);
    }
    let mut canonical = String::with_capacity(path.len());
    for (index, part) in path.split('%').enumerate() {
        let (escape, rest) = if index == 0 { ("", part) } else { part.split_at_checked(2).unwrap_or((part, "")) };
        if index > 0 {
            canonical.push('%');
        }
        canonical.push_str(&escape.to_ascii_uppercase());
        canonical.push_str(rest);
    }
    Cow::Owned(canonical)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 §3.3 `pchar`, without `;`, escapes, and `!`: that is what Envoy shows us in place of each byte that is not UTF-8, while it
/// forwards the byte.
fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte) || matches!(byte, b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@')
}

/// The longest target that is read, in bytes.
const MAX_TARGET: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(raw: &str) -> Result<String, &'static str> {
        Target::parse(raw, Escapes::default()).map(|target| target.path.into_owned()).map_err(|error| error.detail())
    }

    #[test]
    fn a_canonical_path_is_taken_as_it_is() {
        for path in ["/", "/a", "/a/", "/a/b.c/~d", "/a:b@c", "/a/*", "/...", "/.a", "/a%20b", "/%C3%A9", "/a=b,c"] {
            assert_eq!(parse(path), Ok(path.to_owned()));
        }
    }

    #[test]
    fn the_path_ends_at_the_first_question_mark() {
        let target = Target::parse("/a?b?c=/../d", Escapes::default()).unwrap();
        assert_eq!((target.path.as_ref(), target.query), ("/a", Some("b?c=/../d")));
    }

    #[test]
    fn escapes_compare_in_upper_case() {
        assert_eq!(parse("/%c3%A9/%2a-%3a"), Ok("/%C3%A9/%2A-%3A".to_owned()));
    }

    #[test]
    fn what_two_parsers_could_read_differently_is_ambiguous() {
        let rows = [
            ("", "path.not_origin_form"),
            ("*", "path.not_origin_form"),
            ("a", "path.not_origin_form"),
            ("http://other/", "path.not_origin_form"),
            ("//admin", "path.empty_segment"),
            ("/a//b", "path.empty_segment"),
            ("/a//", "path.empty_segment"),
            ("/.", "path.dot_segment"),
            ("/a/../b", "path.dot_segment"),
            ("/a/..", "path.dot_segment"),
            ("/a/./b", "path.dot_segment"),
            ("/pub%3f/../admin", "path.dot_segment"),
            ("/%2e%2e/a", "path.escape"),
            ("/.%2E/a", "path.escape"),
            ("/%41", "path.escape"),
            ("/a%2fb", "path.escape"),
            ("/a%5Cb", "path.escape"),
            ("/a%25b", "path.escape"),
            ("/a%3Bb", "path.escape"),
            ("/a%00", "path.escape"),
            ("/a%7F", "path.escape"),
            ("/a%0d%0a", "path.escape"),
            ("/a%", "path.escape_malformed"),
            ("/a%4", "path.escape_malformed"),
            ("/a%zz", "path.escape_malformed"),
            ("/a%4/b", "path.escape_malformed"),
            ("/%C3", "path.escape_not_utf8"),
            ("/%C3/%A9", "path.escape_not_utf8"),
            ("/%C0%AF", "path.escape_not_utf8"),
            ("/%ED%A0%80", "path.escape_not_utf8"),
            ("/a;b", "path.semicolon"),
            ("/a\\b", "path.backslash"),
            ("/a#b", "path.fragment"),
            ("/a?b#c", "path.query"),
            ("/a?b c", "path.query"),
            ("/a b", "path.byte"),
            ("/a\tb", "path.byte"),
            ("/é", "path.byte"),
            ("/a|b", "path.byte"),
            ("/x!!..!!admin!", "path.byte"),
            ("/a?b=!", "path.query"),
        ];
        for (path, detail) in rows {
            assert_eq!(parse(path), Err(detail), "{path}");
        }
    }

    #[test]
    fn admitted_escapes_are_data_and_never_separators() {
        let all = Escapes { slash: true, percent: true, semicolon: true };
        let target = Target::parse("/a%2fb/c%25d/e%3bf", all).unwrap();
        assert_eq!(target.path, "/a%2Fb/c%25d/e%3Bf");
        assert!(Target::parse("/a;b", all).is_err());
        assert!(Target::parse("/a%5cb", all).is_err());
    }

    #[test]
    fn an_endless_path_is_too_large() {
        assert_eq!(parse(&format!("/{}", "a".repeat(8192))), Err("path.too_long"));
    }

    proptest! {
        #[test]
        fn a_canonical_path_is_its_own_canonical_form(raw in "(/[a-zA-Z0-9%/.;é?#]{0,12}){0,4}") {
            if let Ok(path) = parse(&raw) {
                prop_assert_eq!(parse(&path), Ok(path.clone()));
                prop_assert!(raw.eq_ignore_ascii_case(&path) || raw.contains('?'));
            }
        }
    }
}
