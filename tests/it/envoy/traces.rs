//! One trace from the client through a real Envoy to Hopguard: each span is the child of the one before, and all name the same trace.

use std::{fs, path::Path};

use hopguard::{
    clock::Clock,
    dev::{
        Sidecar,
        envoy::{CheckAddress, Envoy, Inbound, Listener},
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    ENVOY,
    client::{Reply, Wire},
    files,
    leaf::{Authorities, Leaf},
    recorder::Recorder,
    run,
    scene::{Setting, request},
};
use crate::harness::{Collector, Told, until};

/// The client's own span.
const CLIENT: &str = "00f067aa0ba902b7";

#[test]
fn client_envoy_and_hopguard_are_one_trace() {
    run(async {
        let mesh = Mesh::start().await;
        let trace = trace(1);
        let reply = mesh.send(&[&format!("traceparent: 00-{trace}-{CLIENT}-01"), "tracestate: a=1"]).await;
        assert_eq!(reply.status, 200);
        let told = mesh.collector.trace(&trace, 3).await;
        let named = |name: &str| {
            let found = told.iter().find(|told| told.span.name == name);
            found.unwrap_or_else(|| panic!("no {name} in {told:#?}")).clone()
        };
        let (check, asks) = (named("hopguard.check"), named("async envoy.service.auth.v3.Authorization.Check egress"));
        let came = told.iter().find(|told| told.parent() == CLIENT).expect("Envoy's span of the request");
        assert_eq!(asks.parent(), came.id(), "Envoy asks while it serves the request");
        assert_eq!(check.parent(), asks.id(), "and is answered while it asks");
        assert_eq!([&came.service, &asks.service, &check.service], ["payments-envoy", "payments-envoy", "hopguard"]);
        assert_eq!(check.span.trace_state, "a=1");
        assert!(asks.span.start_time_unix_nano <= check.span.end_time_unix_nano);
        let record = mesh.record(&check).await;
        assert_eq!(record["trace_id"], trace);
        assert_eq!(record["answered"], "allow");
        // The workload comes after Envoy in the same trace.
        let heads = mesh.workload.heads(&trace);
        assert_eq!(heads.len(), 1);
        assert!(heads[0].values("traceparent")[0].starts_with(&format!("00-{trace}-")), "{heads:?}");
    });
}

#[test]
fn a_denial_is_in_the_trace_that_envoy_began() {
    run(async {
        let mesh = Mesh::start().await;
        assert_eq!(mesh.wire().await.send(request("GET /nowhere", &[])).await.status, 403);
        let check = until("a span of Hopguard's", async || {
            mesh.collector.told().into_iter().find(|told| told.span.name == "hopguard.check")
        })
        .await;
        assert_eq!(check.attribute("hopguard.answered").as_deref(), Some("deny"));
        let told = mesh.collector.trace(&check.trace(), 3).await;
        assert!(told.iter().any(|told| told.id() == check.parent() && told.service == "payments-envoy"), "{told:#?}");
        assert_eq!(mesh.record(&check).await["trace_id"], check.trace());
    });
}

#[test]
fn what_the_client_does_not_keep_is_kept_nowhere() {
    run(async {
        let mesh = Mesh::start().await;
        let [unsampled, sampled] = [trace(2), trace(3)];
        assert_eq!(mesh.send(&[&format!("traceparent: 00-{unsampled}-{CLIENT}-00")]).await.status, 200);
        assert_eq!(mesh.send(&[&format!("traceparent: 00-{sampled}-{CLIENT}-01")]).await.status, 200);
        mesh.collector.trace(&sampled, 3).await;
        let told = mesh.collector.told();
        assert!(told.iter().all(|told| told.trace() == sampled), "{told:#?}");
    });
}

#[test]
fn no_trace_state_is_too_long_for_an_answer() {
    run(async {
        // An Envoy that lets through what it has no answer about.
        let mesh = Mesh::start().await;
        for size in [8_000, 17_000, 50_000, 1_000_000, 8_000_000] {
            let member = |number: usize| format!("k{number}={}", "x".repeat(250));
            let state: Vec<String> = (0..size / 256).map(member).collect();
            let (parent, state) = (format!("traceparent: 00-{}-{CLIENT}-01", trace(4)), state.join(","));
            let reply = mesh.send(&[&parent, &format!("tracestate: {state}")]).await;
            assert!(reply.status == 200 && size < 16_000 || reply.decision().is_some(), "{size}: {reply:?}");
        }
        let stats = mesh.envoy.stats("http.inbound.ext_authz").await.unwrap();
        for none in ["error: 0", "failure_mode_allowed: 0"] {
            assert!(stats.contains(&format!("http.inbound.ext_authz.{none}\n")), "{stats}");
        }
    });
}

/// A workload behind an Envoy that tells of everything it does, and a Hopguard that tells as much as it is asked to.
struct Mesh {
    collector: Collector,
    workload: Recorder,
    envoy: Envoy,
    _sidecar: Sidecar,
    orders: Leaf,
    folder: TempDir,
}

impl Mesh {
    async fn start() -> Self {
        let (folder, now) = (tempfile::tempdir().unwrap(), Clock::default().now());
        let (collector, workload) = (Collector::start().await, Recorder::start().await);
        let authorities = Authorities::new(now);
        let answers = format!("telemetry: {{otlp: {{endpoint: \"{}\"}}}}", collector.endpoint);
        files::write(folder.path(), &authorities, now, &Setting { answers: answers.leak(), ..Setting::default() });
        let (executable, path) = (Path::new(env!("CARGO_BIN_EXE_hopguard")), |name: &str| folder.path().join(name));
        let sidecar = Sidecar::start(executable, &path("hopguard.yaml"), &path("hopguard")).await.unwrap();
        let inbound = Inbound {
            certificate: path("payments.pem"),
            key: path("payments.key"),
            roots: path("roots.pem"),
            upstream: workload.address(),
            listeners: vec![Listener {
                timeout: Setting::default().patience,
                dangerous_failure_mode_allow: true,
                ..Listener::new("inbound", CheckAddress::Unix(path("check.sock")))
            }],
        };
        let secret = path("envoy.svid.json");
        fs::write(&secret, inbound.secret().to_string()).unwrap();
        let config = traced(inbound.bootstrap(&secret), &collector);
        let envoy = Envoy::start_with(&ENVOY, &config, &path("envoy")).await.unwrap();
        let orders = authorities.svid("orders").into();
        Self { collector, workload, envoy, _sidecar: sidecar, orders, folder }
    }

    async fn wire(&self) -> Wire {
        Wire::open(self.envoy.listener("inbound").await.unwrap(), Some(&self.orders)).await
    }

    async fn send(&self, headers: &[&str]) -> Reply {
        self.wire().await.send(request("GET /public", headers)).await
    }

    /// The record of the decision that a span is of.
    async fn record(&self, check: &Told) -> Value {
        let decision = check.attribute("hopguard.decision_id").unwrap();
        until("a record", async || {
            let text = fs::read_to_string(self.folder.path().join("audit.jsonl")).ok()?;
            let mut records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            records.find(|record| record["decision_id"] == decision)
        })
        .await
    }
}

/// The same Envoy, which tells `collector` of each request, and of each at once.
fn traced(mut config: Value, collector: &Collector) -> Value {
    let port: u16 = collector.endpoint.rsplit(':').next().unwrap().parse().unwrap();
    let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let resources = &mut config["static_resources"];
    let manager = &mut resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    manager["max_request_headers_kb"] = json!(8192);
    manager["tracing"] = json!({
        "random_sampling": {"value": 100},
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
                "grpc_service": {"envoy_grpc": {"cluster_name": "collector"}, "timeout": "5s"},
                "service_name": "payments-envoy",
            },
        },
    });
    resources["clusters"].as_array_mut().unwrap().push(json!({
        "name": "collector",
        "type": "STATIC",
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }},
        "load_assignment": {
            "cluster_name": "collector",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }));
    config["layered_runtime"] = json!({"layers": [
        {"name": "traces", "static_layer": {"tracing.opentelemetry.min_flush_spans": 1}},
    ]});
    config
}

/// A trace of its own for each test.
fn trace(number: u32) -> String {
    format!("{number:032x}")
}
