//! The host in its one canonical form: lower case, without the scheme's default port.

use std::{borrow::Cow, net::Ipv6Addr};

use super::HopError;

/// Reads an authority (RFC 3986 §3.2) and refuses what two parsers could read differently: userinfo, a list, a trailing dot, an odd port, odd labels.
pub(super) fn canonical<'a>(raw: &'a str, scheme: &str) -> Result<Cow<'a, str>, HopError> {
    let (name, port) = split_port(raw).ok_or(AMBIGUOUS)?;
    let is_name = match name.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|literal| literal.parse::<Ipv6Addr>().is_ok()),
        None => name.len() <= MAX_NAME && name.split('.').all(is_label),
    };
    let is_default = |port| matches!((scheme, port), ("http", 80) | ("https", 443));
    let port = port.map(parse_port).transpose()?;
    if !is_name {
        return Err(AMBIGUOUS);
    }
    let kept = if port.is_some_and(is_default) { name } else { raw };
    if kept.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Ok(Cow::Owned(kept.to_ascii_lowercase()));
    }
    Ok(Cow::Borrowed(kept))
}

fn split_port(raw: &str) -> Option<(&str, Option<&str>)> {
    if raw.starts_with('[') {
        let end = raw.find(']')?.checked_add(1)?;
        let (name, rest) = raw.split_at_checked(end)?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((name, Some(port))),
            None => rest.is_empty().then_some((name, None)),
        };
    }
    match raw.split_once(':') {
        Some((name, port)) => Some((name, Some(port))),
        None => Some((raw, None)),
    }
}

/// A port is written in one way only: no sign, no leading zero, not empty.
fn parse_port(text: &str) -> Result<u16, HopError> {
    let port: u16 = text.parse().map_err(|_| AMBIGUOUS)?;
    if port == 0 || port.to_string() != text {
        return Err(AMBIGUOUS);
    }
    Ok(port)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

const AMBIGUOUS: HopError = HopError::Ambiguous("host.syntax");
const MAX_NAME: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_compare_in_lower_case_without_the_default_port() {
        let rows = [
            ("a.example", "https", "a.example"),
            ("A.Example", "https", "a.example"),
            ("a.example:443", "https", "a.example"),
            ("a.example:443", "http", "a.example:443"),
            ("a.example:80", "http", "a.example"),
            ("A.example:8443", "https", "a.example:8443"),
            ("127.0.0.1:80", "http", "127.0.0.1"),
            ("[::1]:443", "https", "[::1]"),
            ("[::1]", "https", "[::1]"),
            ("under_score", "http", "under_score"),
            ("xn--bcher-kva.example", "http", "xn--bcher-kva.example"),
        ];
        for (raw, scheme, expected) in rows {
            assert_eq!(canonical(raw, scheme).unwrap(), expected, "{raw}");
        }
    }

    #[test]
    fn odd_hosts_are_ambiguous() {
        let long = "a.".repeat(127) + "a";
        let label = "a".repeat(64);
        let rows = [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "a:",
            "a:0",
            "a:00443",
            "a:+443",
            "a:65536",
            "a:443:443",
            "user@a",
            "a,b",
            "a b",
            "é.example",
            "[::1",
            "::1",
            "[::1]x",
            "[::g]",
            "[]",
            "a/b",
            "a%2e",
            "[127.0.0.1]",
            &long,
            &label,
        ];
        for raw in rows {
            assert_eq!(canonical(raw, "https"), Err(AMBIGUOUS), "{raw}");
        }
    }
}
