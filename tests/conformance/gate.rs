//! The Envoy of `payments`: mutual TLS with what SPIRE gives it over SDS, and Hopguard asked about every request.

use std::{
    collections::BTreeMap,
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use bytes::Bytes;
use hopguard::dev::{
    Answer, Call, Upstream,
    envoy::{self, CheckAddress, Envoy, Inbound, Listener, Search},
};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use crate::{
    guard::{Guard, PAYMENTS},
    spire::Agent,
    svid::{Svid, authority},
    tls,
};

/// The Envoy of every scenario.
pub(crate) static ENVOY: LazyLock<PathBuf> = LazyLock::new(|| {
    let near = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
    let search = Search { named: env::var_os("ENVOY_BIN"), path: env::var_os("PATH"), near };
    envoy::find(&search).unwrap_or_else(|error| panic!("{error}"))
});

/// A listener of Envoy.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    name: &'static str,
    hopguard: CheckAddress,
    tells_the_chain: bool,
}

impl Door {
    /// A door that asks a Hopguard on this socket.
    pub(crate) fn new(name: &'static str, guard: &Guard) -> Self {
        Self { name, hopguard: CheckAddress::Unix(guard.socket()), tells_the_chain: false }
    }

    /// A door that asks a Hopguard over mutual TLS, as `payments` too.
    pub(crate) fn over_tls(name: &'static str, hopguard: SocketAddr) -> Self {
        Self { name, hopguard: CheckAddress::Tcp(hopguard), tells_the_chain: false }
    }

    /// The same, which tells Hopguard in `x-forwarded-client-cert` the chain that the caller showed, and lets in no other such header.
    pub(crate) fn telling_the_chain(self) -> Self {
        Self { tells_the_chain: true, ..self }
    }

    fn adapt(&self, listener: &mut Value, cluster: &mut Value) {
        take_svids_from_spire(listener);
        if self.tells_the_chain {
            let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
            manager["forward_client_cert_details"] = json!("SANITIZE_SET");
            manager["set_current_client_cert_details"] = json!({"uri": true, "chain": true});
        }
        if matches!(self.hopguard, CheckAddress::Tcp(_)) {
            assert_eq!(cluster["name"], self.name);
            let mut tls = common_tls("spiffe://home.test", &["h2"]);
            // As a client Envoy offers no more than TLS 1.2 unless it is told to.
            tls["tls_params"] =
                json!({"tls_minimum_protocol_version": "TLSv1_3", "tls_maximum_protocol_version": "TLSv1_3"});
            cluster["transport_socket"] = json!({
                "name": "envoy.transport_sockets.tls",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                    "common_tls_context": tls,
                },
            });
        }
    }
}

/// A running Envoy, with a listener for each Hopguard that is asked.
#[derive(Debug)]
pub(crate) struct Gate {
    addresses: BTreeMap<&'static str, SocketAddr>,
    _envoy: Envoy,
    _upstream: Upstream,
}

impl Gate {
    /// Starts the Envoy of `payments`, which the agent must know by its program.
    pub(crate) async fn start(folder: &Path, agent: &Agent, doors: &[Door]) -> Self {
        let upstream = Upstream::start("payments").await.unwrap();
        let listeners = doors.iter().map(|door| Listener {
            // A busy machine is no outage.
            timeout: Duration::from_secs(10),
            ..Listener::new(door.name, door.hopguard.clone())
        });
        let inbound = Inbound {
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            roots: PathBuf::new(),
            upstream: upstream.address(),
            listeners: listeners.collect(),
        };
        let mut config = inbound.bootstrap(Path::new(""));
        let mut resources = config["static_resources"].take();
        for (index, door) in doors.iter().enumerate() {
            let mut listener = resources["listeners"][index].take();
            door.adapt(&mut listener, &mut resources["clusters"][index]);
            resources["listeners"][index] = listener;
        }
        resources["clusters"].as_array_mut().unwrap().push(spire(&agent.socket()));
        config["static_resources"] = resources;
        let envoy = Envoy::start_with(&ENVOY, &config, &folder.join("envoy")).await;
        let envoy = envoy.unwrap_or_else(|error| panic!("{error}"));
        let mut addresses = BTreeMap::new();
        for door in doors {
            addresses.insert(door.name, envoy.listener(door.name).await.unwrap());
        }
        Self { addresses, _envoy: envoy, _upstream: upstream }
    }

    /// Reads the ledger through a door over a connection of its own, with further headers.
    pub(crate) async fn call(&self, door: &str, svid: &Svid, headers: &[(&str, &str)]) -> Answer {
        self.open(door, svid).await.call(headers).await
    }

    /// Opens a connection through a door, to be kept.
    pub(crate) async fn open(&self, door: &str, svid: &Svid) -> Connection {
        Connection::open(self.addresses[door], svid).await
    }

    /// The authority that has signed what Envoy shows now.
    pub(crate) async fn shown_authority(&self, door: &str, svid: &Svid) -> String {
        let stream = tls::connect(self.addresses[door], PAYMENTS, Some(svid), "h2").await.unwrap();
        let chain = stream.get_ref().1.peer_certificates().expect("a server shows a certificate");
        authority(&chain[0])
    }
}

/// A connection to `payments`, by whoever opened it.
#[derive(Debug)]
pub(crate) struct Connection(http1::SendRequest<Full<Bytes>>);

impl Connection {
    /// Opens one at this address.
    pub(crate) async fn open(address: SocketAddr, svid: &Svid) -> Self {
        let stream = tls::connect(address, PAYMENTS, Some(svid), "http/1.1").await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        // It ends with its sender; how, the answers tell.
        tokio::spawn(async { drop(connection.await) });
        Self(sender)
    }

    /// Reads the ledger, with further headers.
    pub(crate) async fn call(&mut self, headers: &[(&str, &str)]) -> Answer {
        let mut call = Call::new("test", "payments", "/ledger").purpose("checkout");
        call.headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.0.ready().await.unwrap();
        let response = self.0.send_request(call.request().unwrap().map(Full::new)).await.unwrap();
        let (head, body) = response.into_parts();
        Answer::read(&http::Response::from_parts(head, body.collect().await.unwrap().to_bytes()))
    }
}

/// The workload's own SVID, and every bundle that it is told: each trust domain's SVIDs count by that domain's roots alone.
fn take_svids_from_spire(listener: &mut Value) {
    let tls = &mut listener["filter_chains"][0]["transport_socket"]["typed_config"];
    let params = tls["common_tls_context"]["tls_params"].take();
    tls["common_tls_context"] = common_tls("ALL", &["h2", "http/1.1"]);
    tls["common_tls_context"]["tls_params"] = params;
}

fn common_tls(bundles: &str, protocols: &[&str]) -> Value {
    let from_spire = |name: &str| {
        json!({
            "name": name,
            "sds_config": {"resource_api_version": "V3", "api_config_source": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": SPIRE}}],
            }},
        })
    };
    json!({
        "alpn_protocols": protocols,
        "tls_certificate_sds_secret_configs": [from_spire("default")],
        "validation_context_sds_secret_config": from_spire(bundles),
    })
}

fn spire(socket: &Path) -> Value {
    json!({
        "name": SPIRE,
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }},
        "load_assignment": {
            "cluster_name": SPIRE,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": socket}}}}]}],
        },
    })
}

const SPIRE: &str = "spire";
