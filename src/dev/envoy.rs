//! The Envoy beside a workload: mutual TLS in, Hopguard asked per request, and what was judged is what goes on.

mod find;
mod running;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};

pub use self::{
    find::{Search, find},
    running::Envoy,
};

/// What the Envoy of one workload is made of.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// The workload's certificate; Envoy takes up a renewed one when the file is replaced.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub key: PathBuf,
    /// The authorities whose clients may connect at all.
    pub roots: PathBuf,
    /// The workload itself: plain HTTP/1.1.
    pub upstream: SocketAddr,
    /// The ports to listen on.
    pub listeners: Vec<Listener>,
}

/// One mutual-TLS port of loopback, and whom it asks.
#[derive(Clone, Debug)]
pub struct Listener {
    /// What [`Envoy::listener`] finds it by.
    pub name: String,
    /// The Hopguard that is asked about every request.
    pub hopguard: CheckAddress,
    /// How long Envoy waits for the answer.
    pub timeout: Duration,
    /// Lets requests through when Hopguard gives no answer.
    pub dangerous_failure_mode_allow: bool,
}

impl Listener {
    /// A listener with the settings to run with: nothing passes unasked, and 250 ms for the answer.
    pub fn new(name: impl Into<String>, hopguard: CheckAddress) -> Self {
        Self { name: name.into(), hopguard, timeout: Duration::from_millis(250), dangerous_failure_mode_allow: false }
    }
}

/// Where a Hopguard answers `Check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckAddress {
    /// A unix socket.
    Unix(PathBuf),
    /// A loopback port.
    Tcp(SocketAddr),
}

impl Inbound {
    /// The bootstrap configuration. `secret` is the file that [`Inbound::secret`] is written to.
    pub fn bootstrap(&self, secret: &Path) -> Value {
        let listeners: Vec<_> = self.listeners.iter().map(|listener| self.listener(listener, secret)).collect();
        let authorizers = self.listeners.iter().map(authorizer);
        let clusters: Vec<_> = authorizers.chain([cluster(UPSTREAM, &socket_address(self.upstream))]).collect();
        json!({
            // Nobody asks for it, but Envoy takes no secret without.
            "node": {"id": "workload", "cluster": "hopguard"},
            "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
            "static_resources": {"listeners": listeners, "clusters": clusters},
        })
    }

    /// The secret file: by way of it, rather than named in the bootstrap, Envoy watches the certificate.
    pub fn secret(&self) -> Value {
        json!({"resources": [{
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            "name": SECRET,
            "tls_certificate": {
                "certificate_chain": {"filename": self.certificate},
                "private_key": {"filename": self.key},
            },
        }]})
    }

    fn listener(&self, listener: &Listener, secret: &Path) -> Value {
        json!({
            "name": listener.name,
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{
                "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": self.mutual_tls(secret)},
                "filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": connection_manager(listener),
                }],
            }],
        })
    }

    fn mutual_tls(&self, secret: &Path) -> Value {
        json!({
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": true,
            // A resumed session would not present its certificate again.
            "disable_stateless_session_resumption": true,
            "disable_stateful_session_resumption": true,
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"},
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [{
                    "name": SECRET,
                    "sds_config": {"resource_api_version": "V3", "path_config_source": {"path": secret}},
                }],
                "validation_context": {"trusted_ca": {"filename": self.roots}},
            },
        })
    }
}

fn connection_manager(listener: &Listener) -> Value {
    json!({
        "@type":
            "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": listener.name,
        // Hopguard refuses a path that can be read in two ways, so Envoy must not repair one, before or after.
        "normalize_path": false,
        "merge_slashes": false,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        // Rewritten otherwise, before it was asked about; left as it is, Envoy itself refuses it.
        "http_protocol_options": {"allow_absolute_url": false},
        "common_http_protocol_options": {
            "headers_with_underscores_action": "REJECT_REQUEST",
            "max_stream_duration": seconds(MAX_STREAM),
            "max_connection_duration": seconds(MAX_STREAM),
        },
        // The peer is who holds the connection, whatever its headers say.
        "use_remote_address": true,
        "forward_client_cert_details": "SANITIZE",
        "route_config": {
            "name": "inbound",
            // Without a route Envoy answers 404 and asks nobody, so everything has one.
            "virtual_hosts": [{
                "name": "all",
                "domains": ["*"],
                "routes": [{
                    "match": {"prefix": "/"},
                    "route": {"cluster": UPSTREAM, "timeout": seconds(Duration::from_secs(15))},
                }],
            }],
        },
        // Nothing that changes a request may stand between the question and the router.
        "http_filters": [
            {"name": "envoy.filters.http.ext_authz", "typed_config": ask_hopguard(listener)},
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            },
        ],
    })
}

fn ask_hopguard(listener: &Listener) -> Value {
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        "transport_api_version": "V3",
        "grpc_service": {
            // Without an authority Envoy sends the cluster's name, and HTTP/2 servers refuse some names.
            "envoy_grpc": {"cluster_name": listener.name, "authority": "hopguard"},
            "timeout": seconds(listener.timeout),
        },
        "failure_mode_allow": listener.dangerous_failure_mode_allow,
        "failure_mode_allow_header_add": true,
        "status_on_error": {"code": "ServiceUnavailable"},
        "include_peer_certificate": true,
        // Each header on its own, byte for byte, instead of joined and repaired.
        "encode_raw_headers": true,
        "clear_route_cache": false,
        "validate_mutations": true,
        "decoder_header_mutation_rules": {
            // Hopguard never writes these; an answer that tries is an error, not half applied.
            "disallow_system": true,
            "disallow_expression": {"regex": "^(x-forwarded-.*|authorization|cookie|host)$"},
            "allow_expression": {"regex": "^x-envoy-original-path$"},
            "disallow_is_error": true,
        },
    })
}

/// The cluster of the Hopguard that a listener asks: it has the listener's name.
fn authorizer(listener: &Listener) -> Value {
    let address = match &listener.hopguard {
        CheckAddress::Unix(path) => json!({"pipe": {"path": path}}),
        CheckAddress::Tcp(address) => socket_address(*address),
    };
    let mut cluster = cluster(&listener.name, &address);
    if let Some(fields) = cluster.as_object_mut() {
        let options = json!({
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        });
        let extensions = json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options});
        fields.insert("typed_extension_protocol_options".to_owned(), extensions);
    }
    cluster
}

fn cluster(name: &str, address: &Value) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": seconds(Duration::from_millis(250)),
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    })
}

fn socket_address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

fn seconds(span: Duration) -> String {
    format!("{}s", span.as_secs_f64())
}

const UPSTREAM: &str = "workload";
const SECRET: &str = "svid";
/// What `hop.max_stream` declares.
const MAX_STREAM: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(listener: Listener) -> Value {
        let inbound = Inbound {
            certificate: "svids/web.pem".into(),
            key: "svids/web.key".into(),
            roots: "trust/roots.pem".into(),
            upstream: ([127, 0, 0, 1], 8080).into(),
            listeners: vec![listener],
        };
        inbound.bootstrap(Path::new("envoy/web.svid.json"))
    }

    const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

    #[test]
    fn nothing_passes_when_nobody_answers() {
        let config = rendered(Listener::new("inbound", CheckAddress::Unix("/tmp/web.sock".into())));
        let authz = config.pointer(&format!("{MANAGER}/http_filters/0/typed_config")).unwrap();
        assert_eq!(authz["failure_mode_allow"], false);
        assert_eq!(authz["status_on_error"]["code"], "ServiceUnavailable");
        assert_eq!(authz["grpc_service"]["timeout"], "0.25s");
    }

    #[test]
    fn asks_right_before_the_router_and_changes_nothing_itself() {
        let config = rendered(Listener::new("inbound", CheckAddress::Tcp(([127, 0, 0, 1], 9191).into())));
        let manager = config.pointer(MANAGER).unwrap();
        let filters: Vec<_> = manager["http_filters"].as_array().unwrap().iter().map(|f| &f["name"]).collect();
        assert_eq!(filters, ["envoy.filters.http.ext_authz", "envoy.filters.http.router"]);
        assert_eq!(manager["normalize_path"], false);
        assert_eq!(manager["path_with_escaped_slashes_action"], "KEEP_UNCHANGED");
    }

    #[test]
    fn a_client_without_a_certificate_does_not_get_in() {
        let config = rendered(Listener::new("inbound", CheckAddress::Unix("/tmp/web.sock".into())));
        let tls =
            config.pointer("/static_resources/listeners/0/filter_chains/0/transport_socket/typed_config").unwrap();
        assert_eq!(tls["require_client_certificate"], true);
        assert_eq!(tls["common_tls_context"]["validation_context"]["trusted_ca"]["filename"], "trust/roots.pem");
    }
}
