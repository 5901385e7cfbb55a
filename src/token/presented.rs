//! What a header holds is one token, nothing, or a denial: which of them does not hang on who reads it.

/// The header of a hop that holds a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented<'a> {
    /// The name of the header, in lower case.
    pub header: &'a str,
    /// What it holds.
    pub value: PresentedValue<'a>,
}

/// What the header holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PresentedValue<'a> {
    /// A token, or what passes for one.
    Token(&'a str),
    /// The scheme of a token, and not one token: never as if nothing were there.
    NoToken,
}

impl<'a> Presented<'a> {
    /// Reads the one value of a header that may hold a token.
    ///
    /// In `authorization` only the scheme `Bearer` means one, in any case, before one space and one token ([RFC 6750 §2.1]); any other scheme is
    /// the application's, and `None`. Any other header holds a token and nothing else.
    ///
    /// [RFC 6750 §2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    pub fn read(header: &'a str, value: &'a str) -> Option<Self> {
        if header != "authorization" {
            return Some(Self { header, value: PresentedValue::Token(value) });
        }
        // A reader behind us may skip what stands before the scheme, so this does not hide one.
        let trimmed = value.trim_start_matches(|char: char| !is_token_char(char));
        let (scheme, rest) = trimmed.split_at(trimmed.find(|char| !is_token_char(char)).unwrap_or(trimmed.len()));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let token = rest.strip_prefix(' ').filter(|token| is_alone(token) && trimmed.len() == value.len());
        Some(Self { header, value: token.map_or(PresentedValue::NoToken, PresentedValue::Token) })
    }
}

impl std::fmt::Debug for PresentedValue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(..)",
            Self::NoToken => "NoToken",
        })
    }
}

/// Whether this is one word.
fn is_alone(token: &str) -> bool {
    !token.is_empty() && !token.contains(|char: char| char.is_whitespace() || char.is_control())
}

/// The characters of a scheme (RFC 9110 §5.6.2).
fn is_token_char(char: char) -> bool {
    char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char)
}

#[cfg(test)]
mod tests {
    use super::{PresentedValue::*, *};

    fn authorization(value: &str) -> Option<PresentedValue<'_>> {
        Presented::read("authorization", value).map(|presented| presented.value)
    }

    #[test]
    fn a_bearer_is_one_token_after_one_space() {
        for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER a.b.c", "bEaReR a.b.c"] {
            assert_eq!(authorization(value), Some(Token("a.b.c")), "{value:?}");
        }
        for value in [
            "Bearer",
            "Bearer ",
            "Bearer  a.b.c",
            "Bearer\ta.b.c",
            "Bearer a.b.c ",
            "Bearer a.b.c d",
            "Bearer a.b.c\t",
            " Bearer a.b.c",
            "\tbearer a.b.c",
            "Bearer, Basic x",
            "Bearer=a.b.c",
            "Bearer:a.b.c",
            "\u{a0}Bearer a.b.c",
            "Bearer\u{a0}a.b.c",
        ] {
            assert_eq!(authorization(value), Some(NoToken), "{value:?}");
        }
    }

    #[test]
    fn other_schemes_are_the_applications() {
        for value in ["", " ", "Basic YTpi", "xBearer a.b.c", "Bearerx a.b.c", "Bearer-x a", "DPoP a.b.c", "a.b.c"] {
            assert_eq!(authorization(value), None, "{value:?}");
        }
    }

    #[test]
    fn any_other_header_holds_a_token_alone() {
        for value in ["a.b.c", "Bearer a.b.c", ""] {
            assert_eq!(Presented::read("txn-token", value).unwrap().value, Token(value));
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let presented = Presented::read("txn-token", "secret").unwrap();
        assert!(!format!("{presented:?}").contains("secret"));
    }
}
