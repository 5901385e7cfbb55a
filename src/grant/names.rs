//! The names in an action: each is spelled as a canonical hop spells it, or it does not load.

use std::net::Ipv6Addr;

/// A method: an upper-case name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Method(pub(super) Box<str>);

impl Method {
    /// Reads a name, or says how it would be one.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "CONNECT" => Err("`connect` is not built yet"),
            "*" => Err("there is no wildcard for methods; name each of them"),
            _ if is_spelled(text, |byte| byte.is_ascii_uppercase(), b"-_0123456789") => Ok(Self(text.into())),
            _ => Err("a method is an upper-case name"),
        }
    }
}

/// A gRPC method, kept as its path: `/ledger.v1.Ledger/Read`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GrpcPath(pub(super) Box<str>);

impl GrpcPath {
    /// Reads `ledger.v1.Ledger/Read`, or says how it would be a method.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let is_name = |name: &str| is_spelled(name, |byte| byte.is_ascii_alphabetic() || byte == b'_', b"0123456789");
        match text.split_once('/') {
            Some((service, method)) if service.split('.').all(is_name) && is_name(method) => {
                Ok(Self(format!("/{text}").into()))
            }
            _ => Err("a gRPC method is named whole and without wildcards, as in `ledger.v1.Ledger/Read`"),
        }
    }
}

/// A protocol that a connection is upgraded to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upgrade(pub(super) Box<str>);

impl Upgrade {
    /// Reads a name, or says how it would be one.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            // What follows would be hops of their own that nobody decides.
            "h2c" => Err("an upgrade to `h2c` would carry hops that are not decided"),
            _ if is_spelled(text, |byte| byte.is_ascii_lowercase(), b"-_.+/0123456789") => Ok(Self(text.into())),
            _ => Err("an upgrade is the name of a protocol in lower case, as in `websocket`"),
        }
    }
}

/// A host, with its port unless that is the default one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host(pub(super) Box<str>);

impl Host {
    /// Reads a host, or says how it would be one.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        // The colons of an IPv6 address are inside its brackets.
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
            _ => (text, None),
        };
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Err("a host is written in lower case")
        } else if matches!(port, Some("80" | "443")) {
            Err("a host is written without its default port")
        } else if text.len() <= MAX_HOST && is_host(name) && port.is_none_or(is_port) {
            Ok(Self(text.into()))
        } else {
            Err("a host is one name or address, without wildcards, and its port if that is not the default one")
        }
    }
}

fn is_host(name: &str) -> bool {
    if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address);
    }
    name.split('.').all(|label| is_spelled(label, |byte| byte.is_ascii_alphanumeric() || byte == b'_', b"-"))
}

fn is_port(port: &str) -> bool {
    port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port)
}

fn is_spelled(text: &str, first: impl Fn(u8) -> bool, further: &[u8]) -> bool {
    text.len() <= MAX_NAME
        && text.bytes().next().is_some_and(&first)
        && text.bytes().all(|byte| first(byte) || further.contains(&byte))
}

const MAX_HOST: usize = 261;
const MAX_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_an_upper_case_name() {
        assert!(["GET", "M-SEARCH", "PATCH"].iter().all(|name| Method::parse(name).is_ok()));
        assert!(["", "get", "Get", "GET ", "*", "GET,POST", "-GET"].iter().all(|name| Method::parse(name).is_err()));
    }

    #[test]
    fn connect_is_not_built_yet() {
        assert!(Method::parse("CONNECT").is_err_and(|message| message.ends_with("is not built yet")));
    }

    #[test]
    fn a_grpc_method_is_named_whole() {
        assert_eq!(GrpcPath::parse("ledger.v1.Ledger/Read").unwrap().0.as_ref(), "/ledger.v1.Ledger/Read");
        let wrong = ["", "Ledger", "Ledger/*", "*/Read", "/Ledger/Read", "Ledger/Read/", "a..b/C", "a.b/C?d", "a/b/c"];
        for name in wrong {
            assert!(GrpcPath::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_upgrade_is_a_protocol_in_lower_case() {
        assert!(Upgrade::parse("websocket").is_ok());
        assert!(["", "WebSocket", "websocket, h2c", "*", "h2c"].iter().all(|name| Upgrade::parse(name).is_err()));
    }

    #[test]
    fn a_host_is_canonical() {
        for host in ["ledger", "ledger.prod.example", "ledger_1:8443", "10.0.0.1:8080", "[::1]", "[fd00::1]:9000"] {
            assert_eq!(*Host::parse(host).unwrap().0, *host);
        }
        for host in [
            "",
            "Ledger",
            "ledger:80",
            "ledger:443",
            "[::1]:443",
            "ledger:",
            "ledger:0",
            "ledger:08443",
            "ledger:99999",
            "ledger.",
            ".ledger",
            "a..b",
            "*",
            "*.prod.example",
            "a,b",
            "user@ledger",
            "http://ledger",
            "ledger/",
            "-a",
            "::1",
            "[::1",
            "[0::1]",
            "[::FF]",
            "[]",
            "ledger ",
            "lédger",
        ] {
            assert!(Host::parse(host).is_err(), "{host}");
        }
    }
}
