//! An endpoint's address is `https`, without user information, and read in one way only (SPIFFE Federation §5.2.1.1 and §5.2.2.1).

use std::{fmt, str::FromStr};

use http::{Uri, uri::Scheme};
use rustls_pki_types::ServerName;

pub use loopback::LoopbackUrl;

mod loopback;

/// An `https` URL.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    server_name: ServerName<'static>,
    port: u16,
    authority: String,
    target: String,
}

impl HttpsUrl {
    /// The host: a DNS name or an address.
    pub fn server_name(&self) -> ServerName<'static> {
        self.server_name.clone()
    }

    /// The port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Host and port, as they are written.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Whether both lead to the same server.
    pub fn is_same_server(&self, other: &Self) -> bool {
        (&self.server_name, self.port) == (&other.server_name, other.port)
    }

    /// What `location`, found here, leads to: a URL, or a path on the same server.
    pub fn join(&self, location: &str) -> Result<Self, UrlError> {
        match location.strip_prefix('/') {
            // `//host/path` is another server, in the scheme of this one.
            Some(rest) if rest.starts_with('/') => format!("https:{location}").parse(),
            Some(_) => format!("https://{}{location}", self.authority).parse(),
            None => location.parse(),
        }
    }
}

impl FromStr for HttpsUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        read(text, &Scheme::HTTPS, 443)
    }
}

/// Reads a URL of that scheme, which has that port by default.
fn read(text: &str, scheme: &Scheme, default_port: u16) -> Result<HttpsUrl, UrlError> {
    if text.len() > MAX_URL {
        return Err(UrlError::TooLong);
    }
    // Readers differ on what these mean, or whether they are there at all.
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'#')) {
        return Err(UrlError::Character);
    }
    let uri: Uri = text.parse().map_err(|_| UrlError::Syntax)?;
    if uri.scheme() != Some(scheme) {
        return Err(UrlError::Scheme);
    }
    let authority = uri.authority().ok_or(UrlError::Syntax)?;
    if authority.as_str().contains('@') {
        return Err(UrlError::UserInfo);
    }
    let host = authority.host();
    let port = match authority.as_str().strip_prefix(host).and_then(|rest| rest.strip_prefix(':')) {
        None => default_port,
        Some(digits) => port(digits).ok_or(UrlError::Port)?,
    };
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let server_name = match ServerName::try_from(literal.unwrap_or(host)) {
        Ok(name @ ServerName::IpAddress(_)) => name.to_owned(),
        // With a dot at its end a name is the same for DNS, and another for a certificate.
        Ok(name @ ServerName::DnsName(_)) if literal.is_none() && !host.ends_with('.') => name.to_owned(),
        _ => return Err(UrlError::Host),
    };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{}{query}", uri.path());
    Ok(HttpsUrl { server_name, port, authority: authority.as_str().to_owned(), target })
}

/// A port in digits alone.
fn port(digits: &str) -> Option<u16> {
    let port = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    (port != 0).then_some(port)
}

/// Without the query, which may hold a secret.
impl fmt::Display for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or("/");
        write!(f, "https://{}{path}", self.authority)
    }
}

impl fmt::Debug for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpsUrl({self})")
    }
}

/// Why a text is not the address of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// A character that no such URL needs.
    #[error("the URL has a space, a fragment, or a character that has to be escaped")]
    Character,
    /// The host is no name and no address.
    #[error("the host is neither a DNS name nor an IP address")]
    Host,
    /// It would be asked in plain text, and is elsewhere.
    #[error("plain `http` is for this machine only: use `https`, or `localhost`")]
    NotHere,
    /// The port is not one.
    #[error("the port is not between 1 and 65535")]
    Port,
    /// The scheme is another one, or there is none.
    #[error("the scheme is not `https`")]
    Scheme,
    /// It is no URL.
    #[error("this is not a URL")]
    Syntax,
    /// It is too long.
    #[error("the URL is longer than {MAX_URL} bytes")]
    TooLong,
    /// It has a user name or a password.
    #[error("the URL has user information; remove what is before the `@`")]
    UserInfo,
}

const MAX_URL: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> HttpsUrl {
        text.parse().unwrap()
    }

    #[test]
    fn reads_names_addresses_and_ports() {
        for (text, authority, port, target) in [
            ("https://td.test", "td.test", 443, "/"),
            ("https://td.test:8443/", "td.test:8443", 8443, "/"),
            ("HTTPS://td.test/a/b?c=d", "td.test", 443, "/a/b?c=d"),
            ("https://127.0.0.1:1/x", "127.0.0.1:1", 1, "/x"),
            ("https://[::1]:8443/x", "[::1]:8443", 8443, "/x"),
            ("https://td.test?x", "td.test", 443, "/?x"),
        ] {
            let url = url(text);
            assert_eq!((url.authority(), url.port(), url.target()), (authority, port, target), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_endpoint() {
        for (text, error) in [
            ("http://td.test", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Syntax),
            ("file://td.test/x", UrlError::Scheme),
            ("unix:///run/x.sock", UrlError::Syntax),
            ("ftp://td.test", UrlError::Scheme),
            ("td.test", UrlError::Scheme),
            ("/bundle", UrlError::Scheme),
            ("https:", UrlError::Scheme),
            ("https:///x", UrlError::Syntax),
            ("", UrlError::Syntax),
            ("https://a@td.test", UrlError::UserInfo),
            ("https://a:b@td.test/x", UrlError::UserInfo),
            ("https://@td.test/", UrlError::UserInfo),
            ("https://td.test:/", UrlError::Port),
            ("https://td.test:0/", UrlError::Port),
            ("https://td.test:65536/", UrlError::Port),
            ("https://td.test:+1/", UrlError::Port),
            ("https://td.test./", UrlError::Host),
            ("https://[td.test]/", UrlError::Host),
            ("https://[::1/", UrlError::Syntax),
            ("https://2130706433/", UrlError::Host),
            ("https://127.1/", UrlError::Host),
            ("https://td..test/", UrlError::Host),
            ("https://td.test/#x", UrlError::Character),
            ("https://td.test/ x", UrlError::Character),
            ("https://td.test\\@evil.test/", UrlError::Character),
            ("https://t\u{e4}.test/", UrlError::Character),
            ("https://td.test/\n", UrlError::Character),
        ] {
            assert_eq!(text.parse::<HttpsUrl>(), Err(error), "{text:?}");
        }
        assert_eq!(format!("https://td.test/{}", "x".repeat(MAX_URL)).parse::<HttpsUrl>(), Err(UrlError::TooLong));
    }

    #[test]
    fn joins_locations() {
        let from = url("https://td.test:8443/a/b?c");
        for (location, expected) in [
            ("/x?y", "https://td.test:8443/x?y"),
            ("//other.test/x", "https://other.test/x"),
            ("https://other.test:1/x", "https://other.test:1/x"),
        ] {
            assert_eq!(from.join(location), Ok(url(expected)), "{location}");
        }
        for location in ["", "x", "../x", "?x", "http://td.test/x", "http:/x", "//a@td.test/x", "\\\\td.test"] {
            assert!(from.join(location).is_err(), "{location}");
        }
    }

    #[test]
    fn prints_no_query() {
        let url = url("https://td.test/x?token=secret");
        assert_eq!(format!("{url} {url:?}"), "https://td.test/x HttpsUrl(https://td.test/x)");
    }
}
