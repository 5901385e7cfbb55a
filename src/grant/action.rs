//! What a grant lets its subject do, matched exactly.

use super::names::{GrpcPath, Host, Method, Upgrade};
use crate::hop::PathPattern;

/// What a hop asks for, in canonical form (the grant stage repairs nothing).
#[derive(Clone, Copy, Debug)]
pub enum Requested<'a> {
    /// A request.
    Http(Call<'a>),
    /// A connection to this port.
    Tcp(u16),
    /// A hop whose method, path, host or port can be read in more than one way: no action is meant by it.
    Unclear,
}

/// A request that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
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

impl Call<'_> {
    /// Whether it calls a gRPC method, whichever that is.
    pub(super) fn is_grpc(&self) -> bool {
        self.method == "POST"
            && self.upgrade.is_none()
            && self.content_type.is_some_and(|value| value.starts_with("application/grpc"))
    }
}

/// One kind of hop that a grant covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub(super) shape: Shape,
    /// Absent: any host.
    pub(super) hosts: Option<Vec<Host>>,
}

/// The shape of a hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One of these gRPC methods.
    Grpc(Vec<GrpcPath>),
    /// One of these methods on one of these paths; with `upgrades`, only if it upgrades its connection to one of these.
    Http { methods: Vec<Method>, paths: Vec<PathPattern>, upgrades: Vec<Upgrade> },
    /// A connection to one of these ports.
    Tcp(Vec<u16>),
}

impl Action {
    /// Whether this is what the hop asks for.
    pub fn covers(&self, requested: &Requested<'_>) -> bool {
        match (&self.shape, requested) {
            (Shape::Tcp(ports), Requested::Tcp(port)) => ports.contains(port),
            (Shape::Grpc(_) | Shape::Http { .. }, Requested::Http(call)) => self.covers_call(call),
            (Shape::Tcp(_), Requested::Http(_))
            | (Shape::Grpc(_) | Shape::Http { .. }, Requested::Tcp(_))
            | (_, Requested::Unclear) => false,
        }
    }

    fn covers_call(&self, call: &Call<'_>) -> bool {
        let host = |host: &Host| *host.0 == *call.host;
        self.hosts.as_ref().is_none_or(|hosts| hosts.iter().any(host)) && self.shape.covers(call)
    }
}

#[cfg(test)]
impl Action {
    /// One method on one path, at any host.
    pub(crate) fn http(method: &str, path: &str) -> Self {
        let (methods, paths) = (vec![Method::parse(method).unwrap()], vec![PathPattern::parse(path).unwrap()]);
        Self { shape: Shape::Http { methods, paths, upgrades: vec![] }, hosts: None }
    }
}

impl Shape {
    fn covers(&self, call: &Call<'_>) -> bool {
        match self {
            Self::Grpc(paths) => call.is_grpc() && paths.iter().any(|path| *path.0 == *call.path),
            Self::Http { methods, paths, upgrades } => {
                let upgrade = match call.upgrade {
                    None => upgrades.is_empty(),
                    Some(protocol) => upgrades.iter().any(|upgrade| *upgrade.0 == *protocol),
                };
                upgrade
                    && methods.iter().any(|method| *method.0 == *call.method)
                    && paths.iter().any(|pattern| pattern.matches(call.path))
            }
            Self::Tcp(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(methods: &[&str], paths: &[&str], upgrades: &[&str]) -> Action {
        let shape = Shape::Http {
            methods: methods.iter().map(|name| Method::parse(name).unwrap()).collect(),
            paths: paths.iter().map(|path| PathPattern::parse(path).unwrap()).collect(),
            upgrades: upgrades.iter().map(|name| Upgrade::parse(name).unwrap()).collect(),
        };
        Action { shape, hosts: None }
    }

    fn grpc(name: &str) -> Action {
        Action { shape: Shape::Grpc(vec![GrpcPath::parse(name).unwrap()]), hosts: None }
    }

    const READ: Call<'_> =
        Call { method: "GET", path: "/v1/ledgers/7", host: "ledger", content_type: None, upgrade: None };
    const CALL: Call<'_> = Call {
        method: "POST",
        path: "/ledger.v1.Ledger/Read",
        host: "ledger",
        content_type: Some("application/grpc"),
        upgrade: None,
    };

    #[test]
    fn covers_each_of_its_methods_on_each_of_its_paths() {
        let action = http(&["GET", "PUT"], &["/v1/ledgers/*", "/healthz"], &[]);
        assert!(action.covers(&Requested::Http(READ)));
        assert!(action.covers(&Requested::Http(Call { method: "PUT", path: "/healthz", ..READ })));
        assert!(!action.covers(&Requested::Http(Call { method: "DELETE", ..READ })));
        assert!(!action.covers(&Requested::Http(Call { path: "/v1/ledgers", ..READ })));
    }

    #[test]
    fn methods_are_exact() {
        for method in ["get", "Get", "GETS", "HEAD", "CONNECT", ""] {
            assert!(!http(&["GET"], &["/**"], &[]).covers(&Requested::Http(Call { method, ..READ })), "{method}");
        }
    }

    #[test]
    fn hosts_are_exact_and_without_any_of_them_every_host_is_meant() {
        let mut action = http(&["GET"], &["/**"], &[]);
        assert!(action.covers(&Requested::Http(Call { host: "anything:1", ..READ })));
        action.hosts = Some(vec![Host::parse("ledger").unwrap(), Host::parse("ledger:8443").unwrap()]);
        assert!(action.covers(&Requested::Http(READ)));
        assert!(action.covers(&Requested::Http(Call { host: "ledger:8443", ..READ })));
        for host in ["", "ledger.", "LEDGER", "ledger.prod", "ledger:8444", "ledge"] {
            assert!(!action.covers(&Requested::Http(Call { host, ..READ })), "{host}");
        }
    }

    #[test]
    fn an_upgrade_needs_an_action_that_names_it() {
        let feed = Call { upgrade: Some("websocket"), ..READ };
        assert!(http(&["GET"], &["/**"], &["websocket"]).covers(&Requested::Http(feed)));
        assert!(!http(&["GET"], &["/**"], &[]).covers(&Requested::Http(feed)));
        assert!(!http(&["GET"], &["/**"], &["spdy"]).covers(&Requested::Http(feed)));
        assert!(
            !http(&["GET"], &["/**"], &["websocket"])
                .covers(&Requested::Http(Call { upgrade: Some("WebSocket"), ..READ }))
        );
    }

    #[test]
    fn an_action_for_an_upgrade_covers_nothing_else() {
        assert!(!http(&["GET"], &["/**"], &["websocket"]).covers(&Requested::Http(READ)));
    }

    #[test]
    fn a_grpc_action_covers_exactly_that_method() {
        let action = grpc("ledger.v1.Ledger/Read");
        assert!(action.covers(&Requested::Http(CALL)));
        assert!(action.covers(&Requested::Http(Call { content_type: Some("application/grpc+proto"), ..CALL })));
        for hop in [
            Call { method: "GET", ..CALL },
            Call { path: "/ledger.v1.Ledger/Write", ..CALL },
            Call { path: "/ledger.v1.Ledger/Read/", ..CALL },
            Call { content_type: None, ..CALL },
            Call { content_type: Some("application/json"), ..CALL },
            Call { upgrade: Some("websocket"), ..CALL },
        ] {
            assert!(!action.covers(&Requested::Http(hop)), "{hop:?}");
        }
    }

    #[test]
    fn a_port_is_covered_by_name_alone() {
        let action = Action { shape: Shape::Tcp(vec![5432, 6379]), hosts: None };
        assert!(action.covers(&Requested::Tcp(6379)));
        assert!(!action.covers(&Requested::Tcp(543)));
        assert!(!action.covers(&Requested::Http(READ)));
        assert!(!http(&["GET"], &["/**"], &[]).covers(&Requested::Tcp(5432)));
        assert!(!grpc("ledger.v1.Ledger/Read").covers(&Requested::Tcp(5432)));
    }

    #[test]
    fn nothing_covers_what_can_be_read_in_more_than_one_way() {
        let tcp = Action { shape: Shape::Tcp(vec![0]), hosts: None };
        for action in [http(&["GET"], &["/**"], &[]), grpc("ledger.v1.Ledger/Read"), tcp] {
            assert!(!action.covers(&Requested::Unclear), "{action:?}");
        }
    }
}
