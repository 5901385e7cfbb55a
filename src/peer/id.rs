//! A SPIFFE ID has one spelling: what `parse` accepts is equal as an ID exactly when it is equal as text.
//!
//! SPIFFE lets a parser fold the case of scheme and trust domain ([SPIFFE-ID] §2.4). Policies, logs and Envoy's matchers compare text,
//! so a spelling that would have to be folded is refused here instead.
//!
//! [SPIFFE-ID]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md

use spiffe::{SpiffeId, SpiffeIdError, TrustDomain};

/// Reads a SPIFFE ID in its canonical spelling, at most 2048 bytes long (SPIFFE-ID §2). The path may be absent.
pub fn parse(raw: &str) -> Result<SpiffeId, InvalidId> {
    if raw.is_empty() {
        return Err(InvalidId::Empty);
    }
    if raw.len() > MAX_ID {
        return Err(InvalidId::TooLong);
    }
    let id = SpiffeId::new(raw)?;
    if !is_spelled(&id, raw) {
        return Err(InvalidId::NonCanonical);
    }
    Ok(id)
}

/// Reads the SPIFFE ID of a workload: a path is required, as the ID of a trust domain names its authority (X509-SVID §3.1).
pub fn parse_workload(raw: &str) -> Result<SpiffeId, InvalidId> {
    let id = parse(raw)?;
    if id.path().is_empty() {
        return Err(InvalidId::RootPath);
    }
    Ok(id)
}

/// Reads the bare name of a trust domain (`prod.example`), at most 255 bytes long (SPIFFE-ID §2.1, §2.3).
pub fn parse_trust_domain(raw: &str) -> Result<TrustDomain, InvalidId> {
    if raw.contains(['/', ':']) {
        return Err(InvalidId::BadChar);
    }
    let id = parse(&format!("{SCHEME}{raw}"))?;
    Ok(id.trust_domain().clone())
}

/// Why a text is not a SPIFFE ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// There is no text.
    #[error("a SPIFFE ID is not empty")]
    Empty,
    /// The text is longer than 2048 bytes.
    #[error("a SPIFFE ID has at most 2048 bytes")]
    TooLong,
    /// The text does not begin with `spiffe://`.
    #[error("a SPIFFE ID begins with `spiffe://`")]
    Scheme,
    /// There is no trust domain.
    #[error("the trust domain is missing")]
    NoTrustDomain,
    /// The trust domain is longer than 255 bytes.
    #[error("a trust domain has at most 255 bytes")]
    TrustDomainTooLong,
    /// A character is not allowed where it stands.
    #[error(
        "a SPIFFE ID holds letters, digits, `.`, `-` and `_`, and `/` between segments: no port, query, fragment or escape"
    )]
    BadChar,
    /// The path has an empty segment.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// The path has a segment `.` or `..`.
    #[error("the path has a segment `.` or `..`")]
    DotSegment,
    /// The path ends with a slash.
    #[error("the path ends with `/`")]
    TrailingSlash,
    /// The ID is another spelling of a valid one.
    #[error("scheme and trust domain are written in lower case")]
    NonCanonical,
    /// The ID names a trust domain, not a workload.
    #[error("the path is missing: this is the ID of a trust domain, not of a workload")]
    RootPath,
}

impl InvalidId {
    /// The stable code, below the reason of a denial.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Empty => "id.empty",
            Self::TooLong => "id.too_long",
            Self::Scheme => "id.scheme",
            Self::NoTrustDomain => "id.no_trust_domain",
            Self::TrustDomainTooLong => "id.td_too_long",
            Self::BadChar => "id.bad_char",
            Self::EmptySegment => "id.empty_segment",
            Self::DotSegment => "id.dot_segment",
            Self::TrailingSlash => "id.trailing_slash",
            Self::NonCanonical => "id.non_canonical",
            Self::RootPath => "id.root_path",
        }
    }
}

impl From<SpiffeIdError> for InvalidId {
    fn from(error: SpiffeIdError) -> Self {
        match error {
            SpiffeIdError::Empty => Self::Empty,
            SpiffeIdError::MissingTrustDomain => Self::NoTrustDomain,
            SpiffeIdError::WrongScheme => Self::Scheme,
            SpiffeIdError::EmptySegment => Self::EmptySegment,
            SpiffeIdError::DotSegment => Self::DotSegment,
            SpiffeIdError::TrailingSlash => Self::TrailingSlash,
            SpiffeIdError::SpiffeIdTooLong { .. } => Self::TooLong,
            SpiffeIdError::TrustDomainTooLong { .. } => Self::TrustDomainTooLong,
            // The enum is open: what a later version refuses is refused.
            SpiffeIdError::BadTrustDomainChar | SpiffeIdError::BadPathSegmentChar | _ => Self::BadChar,
        }
    }
}

/// Whether `raw`, byte for byte, is how `id` is written.
pub(crate) fn is_spelled(id: &SpiffeId, raw: &str) -> bool {
    raw.strip_prefix(SCHEME).and_then(|rest| rest.strip_prefix(id.trust_domain_name())) == Some(id.path())
}

const SCHEME: &str = "spiffe://";
const MAX_ID: usize = 2048;

/// Hostile IDs, with the numbers of `facts/spiffe.md` §3.1; zero is in no catalogue.
#[cfg(test)]
pub(crate) fn hostile() -> impl Iterator<Item = (u8, String, &'static str)> {
    let rows = [
        (1, "", "id.empty"),
        (2, "spiffe:/td/x", "id.scheme"),
        (2, "spiffe:td/x", "id.scheme"),
        (2, "td/x", "id.scheme"),
        (4, "Spiffe://td/x", "id.non_canonical"),
        (4, "SPIFFE://td/x", "id.non_canonical"),
        (5, "spiffe://TD/x", "id.non_canonical"),
        (5, "spiffe://tD/x", "id.non_canonical"),
        (0, "spiffe://", "id.no_trust_domain"),
        (0, "spiffe:///x", "id.no_trust_domain"),
        (0, "spiffe://td", "id.root_path"),
        (7, "spiffe://td/", "id.trailing_slash"),
        (7, "spiffe://td/x/", "id.trailing_slash"),
        (7, "spiffe://td//x", "id.empty_segment"),
        (7, "spiffe://td/x//y", "id.empty_segment"),
        (8, "spiffe://td/.", "id.dot_segment"),
        (8, "spiffe://td/./x", "id.dot_segment"),
        (8, "spiffe://td/..", "id.dot_segment"),
        (8, "spiffe://td/../x", "id.dot_segment"),
        (8, "spiffe://td/x/..", "id.dot_segment"),
        (10, "spiffe://td:443/x", "id.bad_char"),
        (10, "spiffe://u@td/x", "id.bad_char"),
        (10, "spiffe://u:p@td/x", "id.bad_char"),
        (10, "spiffe://[::1]/x", "id.bad_char"),
        (11, "spiffe://td/x?y", "id.bad_char"),
        (11, "spiffe://td/x#f", "id.bad_char"),
        (11, "spiffe://td?x", "id.bad_char"),
        (14, "spiffe://td/x\n", "id.bad_char"),
        (14, "spiffe://td/x ", "id.bad_char"),
        (14, " spiffe://td/x", "id.scheme"),
        (14, "spiffe://td\t/x", "id.bad_char"),
        (14, "spiffe://td/x\0y", "id.bad_char"),
        (14, "\u{feff}spiffe://td/x", "id.scheme"),
        (17, "https://td/x", "id.scheme"),
        (17, "sparfe://td/x", "id.scheme"),
        (17, "CN=spiffe://td/x", "id.scheme"),
        (19, "spiffe://t\u{430}d/x", "id.bad_char"),
        (19, "spiffe://td\u{ff0f}x", "id.bad_char"),
        (19, "spiffe://td\\x", "id.bad_char"),
        (0, "spiffe://td/%2e%2e/x", "id.bad_char"),
        (0, "spiffe://t%64/x", "id.bad_char"),
        (20, "spiffe://td/a,b", "id.bad_char"),
        (20, "spiffe://td/a;b", "id.bad_char"),
        (20, "spiffe://td/a=b", "id.bad_char"),
        (20, "spiffe://td/a\"b", "id.bad_char"),
    ];
    let rows = rows.into_iter().map(|(row, raw, detail)| (row, raw.to_owned(), detail));
    rows.chain([
        (16, format!("spiffe://{}/x", "d".repeat(256)), "id.td_too_long"),
        (0, format!("spiffe://td/{}", "p".repeat(2048)), "id.too_long"),
    ])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accepts_the_canonical_spelling() {
        for raw in [
            "spiffe://td",
            "spiffe://td/x",
            "spiffe://td/.x",
            "spiffe://td/..x",
            "spiffe://td/...",
            "spiffe://1.2.3.4/x",
            "spiffe://a_b-c.d/X_y-Z.9",
        ] {
            assert_eq!(parse(raw).map(|id| id.to_string()).as_deref(), Ok(raw));
        }
    }

    #[test]
    fn refuses_every_hostile_row() {
        for (row, raw, expected) in hostile() {
            assert_eq!(parse_workload(&raw).map_err(InvalidId::detail), Err(expected), "row {row}: {raw:?}");
        }
    }

    #[test]
    fn refuses_every_other_character() {
        for char in (0..=0xff_u8).map(char::from) {
            let domain = matches!(char, 'a'..='z' | '0'..='9' | '.' | '-' | '_' | '/');
            let path = domain || char.is_ascii_uppercase();
            assert_eq!(parse(&format!("spiffe://t{char}d/x")).is_ok(), domain, "{char:?} in a trust domain");
            assert_eq!(parse(&format!("spiffe://td/x{char}y")).is_ok(), path, "{char:?} in a path");
        }
    }

    #[test]
    fn bounds_the_length() {
        let id = |domain: usize, path: usize| format!("spiffe://{}/{}", "d".repeat(domain), "p".repeat(path));
        assert!(parse(&id(255, 1)).is_ok());
        assert_eq!(parse(&id(256, 1)), Err(InvalidId::TrustDomainTooLong));
        assert!(parse(&id(2, 2048 - 12)).is_ok());
        assert_eq!(parse(&id(2, 2048 - 11)), Err(InvalidId::TooLong));
    }

    #[test]
    fn a_workload_has_a_path() {
        assert!(parse_workload("spiffe://td/x").is_ok());
        assert_eq!(parse_workload("spiffe://td"), Err(InvalidId::RootPath));
    }

    #[test]
    fn a_trust_domain_is_a_bare_name() {
        assert_eq!(parse_trust_domain("prod.example").map(|td| td.to_string()).as_deref(), Ok("prod.example"));
        assert_eq!(parse_trust_domain(""), Err(InvalidId::NoTrustDomain));
        assert_eq!(parse_trust_domain("Prod.example"), Err(InvalidId::NonCanonical));
        assert_eq!(parse_trust_domain(&"d".repeat(256)), Err(InvalidId::TrustDomainTooLong));
        for raw in ["spiffe://td", "spiffe://td/../..?x", "td/x", "td/", "td:443", "a b"] {
            assert_eq!(parse_trust_domain(raw), Err(InvalidId::BadChar), "{raw:?}");
        }
    }
    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn reading_printing_and_reading_is_the_identity(raw in "spiffe://[a-z0-9._\\-]{1,9}(/[a-zA-Z0-9._\\-]{1,5}){0,3}") {
            if let Ok(id) = parse(&raw) {
                prop_assert_eq!(id.to_string(), raw.as_str());
                prop_assert_eq!(parse(&id.to_string()), Ok(id));
            }
        }

        #[test]
        fn what_is_read_is_printed_as_it_was(raw in "([sS]piffe:|/|[a-cA-C.]|\\PC){0,20}") {
            if let Ok(id) = parse(&raw) {
                prop_assert_eq!(id.to_string(), raw);
            }
        }
    }
}
