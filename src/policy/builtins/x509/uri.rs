//! A plain URI, taken apart as Go does; one that would have to be unescaped is refused.

/// The parts of a URI.
#[derive(Debug, PartialEq)]
pub(super) struct Uri {
    pub(super) text: String,
    pub(super) scheme: String,
    pub(super) opaque: String,
    pub(super) host: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) fragment: String,
    /// Whether there is a path, but no place for a host before it.
    pub(super) omits_host: bool,
}

impl Uri {
    pub(super) fn read(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || PLAIN.contains(&byte)) {
            return None;
        }
        let (rest, fragment) = split(text, '#')?;
        let (scheme, rest) = rest.split_once(':').filter(|(scheme, _)| is_scheme(scheme))?;
        let (rest, query) = split(rest, '?')?;
        let (opaque, host, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                let (host, path) = rest.split_at_checked(end)?;
                ("", host, path)
            }
            None if rest.starts_with('/') => ("", "", rest),
            None => (rest, "", ""),
        };
        let (name, port) = host.split_once(':').unwrap_or((host, "0"));
        if !port.bytes().all(|byte| byte.is_ascii_digit()) || name.contains('@') || !is_domain(host, false) {
            return None;
        }
        if host.is_empty() && path.is_empty() && opaque.is_empty() || path.contains('#') || fragment.contains('#') {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        Some(Self {
            text: format!("{scheme}:{}", text.get(scheme.len().checked_add(1)?..)?),
            omits_host: !rest.starts_with("//") && rest.starts_with('/'),
            opaque: opaque.to_owned(),
            host: host.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            fragment: fragment.to_owned(),
            scheme,
        })
    }
}

/// What is before and behind a mark, which something must follow.
fn split(text: &str, mark: char) -> Option<(&str, &str)> {
    match text.split_once(mark) {
        Some((_, "")) => None,
        Some(parts) => Some(parts),
        None => Some((text, "")),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Whether `text` can be a domain, or nothing; a constraint may begin with a full stop.
pub(super) fn is_domain(text: &str, constraint: bool) -> bool {
    let labels = if constraint { text.strip_prefix('.').unwrap_or(text) } else { text };
    text.is_empty()
        || labels.split('.').all(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_graphic()))
}

/// Beside letters and digits: what no part of a URI escapes.
const PLAIN: &[u8] = b"-._~$&+,/:;=@?#";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_plain_uris_apart() {
        let uri = Uri::read("SPIFFE://acme.example/ns/a?b=c#d").unwrap();
        assert_eq!(
            [&uri.text, &uri.scheme, &uri.host, &uri.path, &uri.query, &uri.fragment],
            ["spiffe://acme.example/ns/a?b=c#d", "spiffe", "acme.example", "/ns/a", "b=c", "d"]
        );
        assert_eq!(Uri::read("urn:uuid:1").unwrap().opaque, "uuid:1");
        assert!(Uri::read("file:/a").unwrap().omits_host);
        for text in [
            "",
            "a",
            "/a",
            "a b:c",
            "a://b/%41",
            "a://[::1]/",
            "a://u@b/",
            "a://b:x/",
            "a://b/?",
            "a://b/#",
            "a://b..c/",
            "1:a",
            "a://b./",
        ] {
            assert_eq!(Uri::read(text), None, "{text}");
        }
    }
}
