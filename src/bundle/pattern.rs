//! The patterns that OPA's options take for files ([`filepath.Match`]), where a star stays within one part of a path.
//!
//! [`filepath.Match`]: https://pkg.go.dev/path/filepath#Match

/// A pattern of `*`, `?`, `[a-z]`, `[^a-z]` and `\` before a character that means itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Any characters but a slash.
    Star,
    /// One character but a slash.
    Any,
    One(char),
    /// One of these ranges, or none of them; never a slash.
    Class {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
}

impl Pattern {
    /// Reads a pattern; none if it is malformed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            pieces.push(match character {
                '*' => Piece::Star,
                '?' => Piece::Any,
                '\\' => Piece::One(characters.next()?),
                '[' => class(&mut characters)?,
                other => Piece::One(other),
            });
        }
        Some(Self(pieces))
    }

    /// Whether it fits all of `text`.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut piece, mut at) = (0_usize, 0_usize);
        // Where the last star stands, and how far it reaches so far: no earlier one need be tried again.
        let mut star: Option<(usize, usize)> = None;
        loop {
            let character = text.get(at).copied();
            match (self.0.get(piece), character) {
                (None, None) => return true,
                (Some(Piece::Star), _) => {
                    star = Some((piece, at));
                    piece += 1;
                    continue;
                }
                (Some(one), Some(character)) if one.fits(character) => {
                    piece += 1;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            match star {
                Some((from, reach)) if text.get(reach).is_some_and(|character| *character != '/') => {
                    star = Some((from, reach + 1));
                    piece = from + 1;
                    at = reach + 1;
                }
                _ => return false,
            }
        }
    }
}

impl Piece {
    fn fits(&self, character: char) -> bool {
        match self {
            Self::One(one) => *one == character,
            Self::Star | Self::Any => character != '/',
            Self::Class { ranges, negated } => {
                let is_in = ranges.iter().any(|(low, high)| (*low..=*high).contains(&character));
                character != '/' && is_in != *negated
            }
        }
    }
}

/// What stands in brackets, up to and with the closing one.
fn class(characters: &mut std::str::Chars<'_>) -> Option<Piece> {
    let negated = characters.as_str().starts_with('^');
    if negated {
        characters.next();
    }
    let mut ranges = Vec::new();
    loop {
        if characters.as_str().starts_with(']') && !ranges.is_empty() {
            characters.next();
            return Some(Piece::Class { ranges, negated });
        }
        let low = member(characters)?;
        let high = if characters.as_str().starts_with('-') {
            characters.next();
            member(characters)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

fn member(characters: &mut std::str::Chars<'_>) -> Option<char> {
    match characters.next()? {
        '-' | ']' => None,
        '\\' => characters.next(),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn matches_as_opa_does() {
        for (pattern, text, fits) in [
            ("*.rego", "a.rego", true),
            ("*.rego", "a/b.rego", false),
            ("a/*", "a/b", true),
            ("a/*", "a/b/c", false),
            ("*/*", "a/b", true),
            (".*", ".git", true),
            (".*", "a", false),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[^a]b", "/b", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("*a*b*", "xxayybz", true),
            ("*ab", "aab", true),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(Pattern::parse(pattern).unwrap().matches(text), fits, "{pattern} {text}");
        }
        for malformed in ["[", "[]", "[]a]", "[^]", "a\\", "[a-]", "[-a]"] {
            assert_eq!(Pattern::parse(malformed), None, "{malformed}");
        }
    }
}
