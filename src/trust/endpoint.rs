//! A Workload API is asked on this machine only: what it says is believed, and nothing on the way proves who said it.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use spiffe::transport::Endpoint as Address;

/// The endpoint of a SPIFFE Workload API ([SPIFFE Workload Endpoint] §4).
///
/// [SPIFFE Workload Endpoint]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_Endpoint.md
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// A unix socket.
    Unix(PathBuf),
    /// Loopback TCP.
    Tcp(SocketAddr),
}

impl Endpoint {
    /// Reads `unix:/path`, `unix:///path` or `tcp://127.0.0.1:port`. An escape stands for what it escapes.
    ///
    /// # Errors
    /// Anything else, and TCP to other machines.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        match Address::parse(text) {
            Ok(Address::Unix(path)) => unescape(&path).map(Self::Unix).ok_or(EndpointError::Path),
            Ok(Address::Tcp { host, port }) if host.is_loopback() => Ok(Self::Tcp(SocketAddr::new(host, port))),
            Ok(Address::Tcp { .. }) => Err(EndpointError::NotLoopback),
            Ok(_) => Err(EndpointError::Scheme),
            Err(error) => Err(EndpointError::Syntax(error.to_string())),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

/// Why a text is not the endpoint of a Workload API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It is not an endpoint's URI.
    #[error("{0}; write `unix:/path`")]
    Syntax(String),
    /// It is an endpoint that is neither a unix socket nor TCP.
    #[error("a Workload API is a unix socket: write `unix:/path`")]
    Scheme,
    /// It is TCP to another machine.
    #[error("nothing proves what comes over TCP from another machine: write `unix:/path`, or a loopback address")]
    NotLoopback,
    /// It has an escape that is none, or that of no text.
    #[error("the path has a `%` that begins no escape: write `%25`")]
    Path,
}

/// The path that a URI's path escapes.
fn unescape(path: &Path) -> Option<PathBuf> {
    let mut bytes = Vec::new();
    let mut rest = path.to_str()?.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok().filter(|path| !path.contains('\0')).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sockets_and_loopback() {
        let unix = |path: &str| Ok(Endpoint::Unix(path.into()));
        for (text, expected) in [
            ("unix:/run/spire/agent.sock", unix("/run/spire/agent.sock")),
            ("unix:///run/spire/agent.sock", unix("/run/spire/agent.sock")),
            ("unix:/run/with space/agent.sock", unix("/run/with space/agent.sock")),
            ("unix:/run/%25/agent.sock", unix("/run/%/agent.sock")),
            ("tcp://127.0.0.1:8081", Ok(Endpoint::Tcp(([127, 0, 0, 1], 8081).into()))),
            ("tcp://[::1]:8081", Ok(Endpoint::Tcp("[::1]:8081".parse().unwrap()))),
            ("tcp://10.0.0.1:8081", Err(EndpointError::NotLoopback)),
            ("unix:/run/%zz", Err(EndpointError::Path)),
            ("unix:/run/%00", Err(EndpointError::Path)),
            ("unix:/run/%ff", Err(EndpointError::Path)),
        ] {
            assert_eq!(Endpoint::parse(text), expected, "{text}");
        }
        for text in
            ["", "/run/agent.sock", "unix:", "unix:run", "unix://host/run", "http://127.0.0.1:1", "tcp://localhost:1"]
        {
            assert!(matches!(Endpoint::parse(text), Err(EndpointError::Syntax(_))), "{text}");
        }
    }

    #[test]
    fn is_written_as_it_is_read() {
        for text in ["unix:/run/spire/agent.sock", "tcp://127.0.0.1:8081", "tcp://[::1]:8081"] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), text);
        }
    }
}
