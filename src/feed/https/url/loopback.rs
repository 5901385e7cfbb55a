//! Plain text is for this machine alone: `localhost`, or an address that never leaves it.

use std::{fmt, net::IpAddr, str::FromStr};

use http::uri::Scheme;
use rustls_pki_types::ServerName;

use super::{HttpsUrl, UrlError, read};

/// An `http` URL of a server on this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct LoopbackUrl(HttpsUrl);

impl LoopbackUrl {
    /// Host, port and target, to be asked in plain text.
    pub(crate) const fn parts(&self) -> &HttpsUrl {
        &self.0
    }
}

impl FromStr for LoopbackUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let url = read(text, &Scheme::HTTP, 80)?;
        let is_here = match url.server_name() {
            ServerName::IpAddress(address) => IpAddr::from(address).to_canonical().is_loopback(),
            ServerName::DnsName(name) => name.as_ref().eq_ignore_ascii_case("localhost"),
            _ => false,
        };
        if is_here { Ok(Self(url)) } else { Err(UrlError::NotHere) }
    }
}

/// Without the query, which may hold a secret.
impl fmt::Display for LoopbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.target().split('?').next().unwrap_or("/");
        write!(f, "http://{}{path}", self.0.authority())
    }
}

impl fmt::Debug for LoopbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoopbackUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_on_this_machine() {
        for (text, port) in [
            ("http://localhost/x", 80),
            ("http://LOCALHOST:8080/x", 8080),
            ("http://127.0.0.1:1/x", 1),
            ("http://127.9.9.9/x", 80),
            ("http://[::1]:443/x", 443),
        ] {
            let url: LoopbackUrl = text.parse().unwrap();
            assert_eq!((url.parts().port(), url.parts().target()), (port, "/x"), "{text}");
        }
        let url: LoopbackUrl = "http://localhost:8080/x?secret".parse().unwrap();
        assert_eq!(format!("{url} {url:?}"), "http://localhost:8080/x LoopbackUrl(http://localhost:8080/x)");
    }

    #[test]
    fn refuses_every_other_place() {
        for (text, error) in [
            ("https://localhost/x", UrlError::Scheme),
            ("http://localhost.test/x", UrlError::NotHere),
            ("http://bundles.test/x", UrlError::NotHere),
            ("http://0.0.0.0/x", UrlError::NotHere),
            ("http://169.254.169.254/x", UrlError::NotHere),
            ("http://[::ffff:169.254.169.254]/x", UrlError::NotHere),
            ("http://10.0.0.1/x", UrlError::NotHere),
            ("http://a@localhost/x", UrlError::UserInfo),
            ("http://localhost@evil.test/x", UrlError::UserInfo),
            ("http://127.1/x", UrlError::Host),
            ("unix:///run/x", UrlError::Syntax),
            ("file:///x", UrlError::Syntax),
        ] {
            assert_eq!(text.parse::<LoopbackUrl>(), Err(error), "{text}");
        }
    }
}
