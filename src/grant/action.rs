//! What a grant lets its subject do, matched exactly.

use super::{
    names::{GrpcPath, Host, Method, Upgrade},
    path::PathPattern,
};

/// What a hop asks for, in canonical form (the grant stage repairs nothing).
#[derive(Clone, Copy, Debug)]
pub struct Requested<'a> {
    /// The method, as it was sent.
    pub method: &'a str,
    /// The canonical path, without the query.
    pub path: &'a str,
    /// The canonical host: lower-case, without the default port.
    pub host: &'a str,
    /// The one `content-type`, if there is one.
    pub content_type: Option<&'a str>,
    /// The protocol that the connection would be upgraded to, in lower case; absent for an ordinary hop.
    pub upgrade: Option<&'a str>,
}

/// One kind of call that a grant covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub(super) call: Call,
    /// Absent: any host.
    pub(super) hosts: Option<Vec<Host>>,
}

/// The shape of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// One of these gRPC methods.
    Grpc(Vec<GrpcPath>),
    /// One of these methods on one of these paths; with `upgrades`, only if it upgrades its connection to one of these.
    Http { methods: Vec<Method>, paths: Vec<PathPattern>, upgrades: Vec<Upgrade> },
}

impl Action {
    /// Whether this is what the hop asks for.
    pub fn covers(&self, requested: &Requested<'_>) -> bool {
        let host = |host: &Host| *host.0 == *requested.host;
        self.hosts.as_ref().is_none_or(|hosts| hosts.iter().any(host)) && self.call.covers(requested)
    }
}

impl Call {
    fn covers(&self, requested: &Requested<'_>) -> bool {
        match self {
            Self::Grpc(paths) => {
                requested.method == "POST"
                    && requested.upgrade.is_none()
                    && requested.content_type.is_some_and(|value| value.starts_with("application/grpc"))
                    && paths.iter().any(|path| *path.0 == *requested.path)
            }
            Self::Http { methods, paths, upgrades } => {
                let upgrade = match requested.upgrade {
                    None => upgrades.is_empty(),
                    Some(protocol) => upgrades.iter().any(|upgrade| *upgrade.0 == *protocol),
                };
                upgrade
                    && methods.iter().any(|method| *method.0 == *requested.method)
                    && paths.iter().any(|pattern| pattern.matches(requested.path))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(methods: &[&str], paths: &[&str], upgrades: &[&str]) -> Action {
        let call = Call::Http {
            methods: methods.iter().map(|name| Method::parse(name).unwrap()).collect(),
            paths: paths.iter().map(|path| PathPattern::parse(path).unwrap()).collect(),
            upgrades: upgrades.iter().map(|name| Upgrade::parse(name).unwrap()).collect(),
        };
        Action { call, hosts: None }
    }

    fn grpc(name: &str) -> Action {
        Action { call: Call::Grpc(vec![GrpcPath::parse(name).unwrap()]), hosts: None }
    }

    const READ: Requested<'_> =
        Requested { method: "GET", path: "/v1/ledgers/7", host: "ledger", content_type: None, upgrade: None };
    const CALL: Requested<'_> = Requested {
        method: "POST",
        path: "/ledger.v1.Ledger/Read",
        host: "ledger",
        content_type: Some("application/grpc"),
        upgrade: None,
    };

    #[test]
    fn covers_each_of_its_methods_on_each_of_its_paths() {
        let action = http(&["GET", "PUT"], &["/v1/ledgers/*", "/healthz"], &[]);
        assert!(action.covers(&READ));
        assert!(action.covers(&Requested { method: "PUT", path: "/healthz", ..READ }));
        assert!(!action.covers(&Requested { method: "DELETE", ..READ }));
        assert!(!action.covers(&Requested { path: "/v1/ledgers", ..READ }));
    }

    #[test]
    fn methods_are_exact() {
        for method in ["get", "Get", "GETS", "HEAD", "CONNECT", ""] {
            assert!(!http(&["GET"], &["/**"], &[]).covers(&Requested { method, ..READ }), "{method}");
        }
    }

    #[test]
    fn hosts_are_exact_and_without_any_of_them_every_host_is_meant() {
        let mut action = http(&["GET"], &["/**"], &[]);
        assert!(action.covers(&Requested { host: "anything:1", ..READ }));
        action.hosts = Some(vec![Host::parse("ledger").unwrap(), Host::parse("ledger:8443").unwrap()]);
        assert!(action.covers(&READ));
        assert!(action.covers(&Requested { host: "ledger:8443", ..READ }));
        for host in ["", "ledger.", "LEDGER", "ledger.prod", "ledger:8444", "ledge"] {
            assert!(!action.covers(&Requested { host, ..READ }), "{host}");
        }
    }

    #[test]
    fn an_upgrade_needs_an_action_that_names_it() {
        let feed = Requested { upgrade: Some("websocket"), ..READ };
        assert!(http(&["GET"], &["/**"], &["websocket"]).covers(&feed));
        assert!(!http(&["GET"], &["/**"], &[]).covers(&feed));
        assert!(!http(&["GET"], &["/**"], &["spdy"]).covers(&feed));
        assert!(!http(&["GET"], &["/**"], &["websocket"]).covers(&Requested { upgrade: Some("WebSocket"), ..READ }));
    }

    #[test]
    fn an_action_for_an_upgrade_covers_nothing_else() {
        assert!(!http(&["GET"], &["/**"], &["websocket"]).covers(&READ));
    }

    #[test]
    fn a_grpc_action_covers_exactly_that_method() {
        let action = grpc("ledger.v1.Ledger/Read");
        assert!(action.covers(&CALL));
        assert!(action.covers(&Requested { content_type: Some("application/grpc+proto"), ..CALL }));
        for hop in [
            Requested { method: "GET", ..CALL },
            Requested { path: "/ledger.v1.Ledger/Write", ..CALL },
            Requested { path: "/ledger.v1.Ledger/Read/", ..CALL },
            Requested { content_type: None, ..CALL },
            Requested { content_type: Some("application/json"), ..CALL },
            Requested { upgrade: Some("websocket"), ..CALL },
        ] {
            assert!(!action.covers(&hop), "{hop:?}");
        }
    }
}
