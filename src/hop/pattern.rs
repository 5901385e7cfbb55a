//! Path patterns: they match canonical paths and are canonical themselves.

use std::fmt;

pub(crate) use self::by_pattern::ByPattern;

mod by_pattern;

/// A pattern for the paths of hops: `/v1/ledgers/*`.
///
/// `*` matches one segment that is not empty, `**` everything after the slash before it; anything else only itself. A trailing slash counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    segments: Box<[Segment]>,
    /// Whether the pattern ends with `**`.
    open: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Any,
    Exactly(Box<str>),
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// How it would be one.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let Some(path) = text.strip_prefix('/') else {
            return Err("a path begins with `/`");
        };
        if text.len() > MAX_PATTERN {
            return Err("a path pattern has at most 2048 bytes");
        }
        let (path, open) = match path.strip_suffix("**") {
            Some("") => {
                return Ok(Self { segments: Box::default(), open: true });
            }
            Some(before) => (before.strip_suffix('/').ok_or(WILDCARD)?, true),
            None => (path, false),
        };
        let count = path.split('/').count();
        let segments = path.split('/').enumerate().map(|(at, segment)| {
            // Only what ends with a slash has an empty last segment.
            if segment.is_empty() && (open || at + 1 < count) {
                return Err("a path has no empty segment (`//`)");
            }
            Segment::parse(segment)
        });
        Ok(Self { segments: segments.collect::<Result<_, _>>()?, open })
    }

    /// Whether it ends with `**`: it matches paths that nobody has thought of.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Whether a canonical path, without its query, is one of those meant.
    pub fn matches(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else {
            return false;
        };
        let mut asked = path.split('/');
        self.segments.iter().all(|segment| asked.next().is_some_and(|asked| segment.matches(asked)))
            && asked.next().is_some() == self.open
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            write!(f, "/{}", if let Segment::Exactly(text) = segment { text } else { "*" })?;
        }
        f.write_str(if self.open { "/**" } else { "" })
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "*" => Ok(Self::Any),
            "." | ".." => Err("a path has no dot segments"),
            _ => literal(text).map(|()| Self::Exactly(text.into())),
        }
    }

    fn matches(&self, asked: &str) -> bool {
        match self {
            Self::Any => !asked.is_empty(),
            Self::Exactly(text) => **text == *asked,
        }
    }
}

/// Checks that a segment is spelled as a canonical path spells it (RFC 3986 §3.3, §6.2.2).
fn literal(text: &str) -> Result<(), &'static str> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => escaped(bytes.next(), bytes.next())?,
            b'*' => return Err(WILDCARD),
            b'?' => return Err("a path pattern has no query; leave out `?` and what follows"),
            b'#' => return Err("a path has no fragment; leave out `#` and what follows"),
            b'{' | b'}' => return Err("write `*` for a segment that varies"),
            b'\\' | b';' => return Err("a hop whose path has `\\` or `;` is refused before any grant is asked"),
            _ if is_unreserved(byte) || b"!$&'()+,=:@".contains(&byte) => byte,
            _ => return Err("escape this character with `%` and two upper-case hex digits for each byte"),
        });
    }
    std::str::from_utf8(&decoded).map(drop).map_err(|_| "the escapes are not UTF-8")
}

/// The byte that an escape stands for. `%25`, `%2F` and `%3B` are data in the workloads whose `hop.escapes` admits them, and in no hop of any other.
fn escaped(high: Option<u8>, low: Option<u8>) -> Result<u8, &'static str> {
    let digit = |byte: Option<u8>| match byte {
        Some(byte @ b'0'..=b'9') => Ok(byte - b'0'),
        Some(byte @ b'A'..=b'F') => Ok(byte - b'A' + 10),
        _ => Err("an escape is `%` and two upper-case hex digits"),
    };
    let byte = digit(high)? << 4 | digit(low)?;
    match byte {
        b'\\' => Err("a hop whose path has `%5C` is refused before any grant is asked"),
        _ if byte.is_ascii_control() => {
            Err("a hop whose path escapes a control character is refused before any grant is asked")
        }
        _ if is_unreserved(byte) => Err("a letter, a digit, `-`, `.`, `_` or `~` is written without an escape"),
        _ => Ok(byte),
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

const MAX_PATTERN: usize = 2048;
const WILDCARD: &str = "`*` stands for one whole segment, and `**` for the rest, only at the end";

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        PathPattern::parse(pattern).unwrap().matches(path)
    }

    #[test]
    fn a_literal_matches_only_itself() {
        assert!(matches("/", "/"));
        assert!(matches("/v1/ledgers", "/v1/ledgers"));
        for path in ["/", "/v1", "/v1/ledger", "/v1/ledgers/7", "/V1/ledgers", "/v1/ledgers%20", "", "v1/ledgers"] {
            assert!(!matches("/v1/ledgers", path), "{path}");
        }
    }

    #[test]
    fn a_trailing_slash_counts() {
        assert!(matches("/a/", "/a/"));
        assert!(!matches("/a/", "/a"));
        assert!(!matches("/a", "/a/"));
        assert!(!matches("/a/*", "/a/"));
        assert!(!matches("/a/*", "/a/b/"));
        assert!(matches("/a/*/", "/a/b/"));
        assert!(!matches("/*", "/"));
    }

    #[test]
    fn a_star_matches_one_segment() {
        assert!(matches("/v1/*/entries", "/v1/7/entries"));
        assert!(matches("/v1/*/entries", "/v1/a%2Fb/entries"));
        assert!(matches("/*", "/*"));
        for path in ["/v1/entries", "/v1//entries", "/v1/7/8/entries", "/v1/7/entries/9"] {
            assert!(!matches("/v1/*/entries", path), "{path}");
        }
    }

    #[test]
    fn two_stars_match_the_rest() {
        assert!(["/a/", "/a/b", "/a/b/", "/a/b/c"].iter().all(|path| matches("/a/**", path)));
        assert!(["/a", "/ab", "/", "/b/a/"].iter().all(|path| !matches("/a/**", path)));
        assert!(["/", "/a", "/a/b/"].iter().all(|path| matches("/**", path)));
        assert!(matches("/*/**", "/a/"));
        assert!(!matches("/*/**", "/"));
    }

    #[test]
    fn what_other_tools_read_as_a_pattern_is_itself() {
        assert!(matches("/a.b/$(c)/+", "/a.b/$(c)/+"));
        assert!(!matches("/a.b/$(c)/+", "/axb/$(c)/+"));
        assert!(matches("/caf%C3%A9/a%40b", "/caf%C3%A9/a%40b"));
    }

    #[test]
    fn refuses_a_pattern_that_no_canonical_path_could_match() {
        for (pattern, fix) in [
            ("", "begins with"),
            ("v1", "begins with"),
            ("*", "begins with"),
            ("https://ledger/v1", "begins with"),
            ("//", "empty segment"),
            ("/a//b", "empty segment"),
            ("/a//", "empty segment"),
            ("//**", "empty segment"),
            ("/a//**", "empty segment"),
            ("/.", "dot segments"),
            ("/a/../b", "dot segments"),
            ("/a*", "whole segment"),
            ("/***", "whole segment"),
            ("/a**", "whole segment"),
            ("/**/a", "whole segment"),
            ("/**/", "whole segment"),
            ("/a?b=c", "no query"),
            ("/a#b", "no fragment"),
            ("/{id}", "segment that varies"),
            ("/a;b", "before any grant"),
            ("/a\\b", "before any grant"),
            ("/a%5Cb", "before any grant"),
            ("/a%00", "control character"),
            ("/a%7F", "control character"),
            ("/%2E%2E/b", "without an escape"),
            ("/%41", "without an escape"),
            ("/a%2fb", "upper-case hex"),
            ("/a%", "upper-case hex"),
            ("/a%2", "upper-case hex"),
            ("/a%GG", "upper-case hex"),
            ("/a%FF", "not UTF-8"),
            ("/a b", "escape this character"),
            ("/café", "escape this character"),
            ("/a\n", "escape this character"),
        ] {
            let message = PathPattern::parse(pattern).expect_err(pattern);
            assert!(message.contains(fix), "{pattern}: {message}");
        }
        assert!(PathPattern::parse(&format!("/{}", "a".repeat(2048))).is_err());
    }
}
