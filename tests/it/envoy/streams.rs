//! What was allowed once ends with its bound: under the shipped Envoys, whatever goes on after an answer outlives a withdrawn SVID by no more
//! than `hop.max_stream`.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use hopguard::{
    clock::Clock,
    config::Config,
    dev::{Process, Sidecar, TRUST_DOMAIN, WorkloadApi},
    envoy::{Expect, lint},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    client::{Call, Http2, Reply, Wire},
    echo::{Echo, GREETING},
    files,
    leaf::{Authorities, Leaf},
    live::{replaced, start},
    protocols::{UPGRADE, grpc},
    recorder::Recorder,
    run,
    scene::{Setting, request},
};
use crate::{
    envoy_config::unpack,
    harness::{Grant, bundle, until},
};

#[test]
fn what_was_allowed_ends_within_the_bound_after_its_agent_withdraws() {
    run(async {
        let mesh = Mesh::start(Trust::Agent).await;
        outlived_by_no_more_than_the_bound(&mesh, || mesh.agent.deny()).await;
    });
}

#[test]
fn what_was_allowed_ends_within_the_bound_after_its_bundle_is_emptied() {
    run(async {
        let mesh = Mesh::start(Trust::File).await;
        outlived_by_no_more_than_the_bound(&mesh, || mesh.write("bundle.json", &bundle(&[], &[]))).await;
    });
}

#[test]
fn the_record_of_a_connection_names_its_port_and_the_purpose_that_follows_from_its_grant() {
    run(async {
        let mesh = Mesh::start(Trust::File).await;
        let mut wire = mesh.query(&mesh.orders).await;
        assert_eq!(wire.hear(GREETING.len()).await, GREETING);
        drop(wire);
        let record = mesh.record("allow", &json!({"port": mesh.tcp.port()})).await;
        assert_eq!(record["reason"], Value::Null);
        assert_eq!(record["purpose"], json!({"name": "checkout", "binding": "implied"}));
        assert_eq!(record["grant"]["name"], "database");
        assert_eq!(record["peer"]["spiffe_id"], format!("spiffe://{TRUST_DOMAIN}/orders"));
        // The same to Envoy: until when what the answer rests on holds.
        let logged = until("a line of Envoy's on the connection", async || {
            let text = fs::read_to_string(mesh.folder.path().join("tcp.log")).ok()?;
            text.lines().find_map(|line| serde_json::from_str::<Value>(line).ok())
        })
        .await;
        assert!(record["valid_until"].is_string(), "{record}");
        assert_eq!(logged["decision_id"], record["decision_id"]);
        assert_eq!(logged["valid_until"], record["valid_until"]);
    });
}

#[test]
fn a_workload_that_speaks_first_says_nothing_to_whoever_was_not_allowed() {
    run(async {
        let mesh = Mesh::start(Trust::File).await;
        let stranger: Leaf = mesh.authorities.svid("payments").into();
        let mut silent = Wire::open(mesh.tcp, Some(&stranger)).await;
        let mut allowed = mesh.query(&mesh.orders).await;
        assert_eq!(allowed.hear(GREETING.len()).await, GREETING);
        assert_eq!(mesh.bytes.connections(), 1, "whoever has said nothing was not asked about yet");
        silent.say(b"query").await;
        assert_eq!(silent.ended().await, b"");
        let record = mesh.record("deny", &json!({"port": mesh.tcp.port()})).await;
        assert_eq!(record["reason"], "grant_missing");
        assert_eq!(mesh.bytes.connections(), 1);
    });
}

/// Opens one of each, withdraws, and sees each of them end, and no other begin.
async fn outlived_by_no_more_than_the_bound(mesh: &Mesh, withdraw: impl FnOnce()) {
    let since = Instant::now();
    let (mut feed, reply) = mesh.feed().await;
    assert_eq!(reply.status, 101, "{reply:?}");
    assert_eq!(feed.echo(b"allowed once").await, b"allowed once");
    let mut call = mesh.call().await;
    assert_eq!(call.echo(b"\0\0\0\0\x01a").await, b"\0\0\0\0\x01a");
    let mut wire = mesh.query(&mesh.orders).await;
    assert_eq!(wire.hear(GREETING.len() + QUERY.len()).await, [GREETING, QUERY].concat());

    withdraw();
    let withdrawn = Instant::now();
    until("the withdrawal", async || (mesh.feed().await.1.status == 401).then_some(())).await;
    let ends = async {
        let feed = async {
            feed.ended().await;
            since.elapsed()
        };
        let call = async {
            call.ended().await;
            since.elapsed()
        };
        let wire = async {
            wire.ended().await;
            since.elapsed()
        };
        tokio::join!(feed, call, wire)
    };
    let (feed, call, wire) = ends.await;
    let late = withdrawn.elapsed().saturating_sub(BOUND);
    assert!(late < SLACK, "{late:?} after the bound");
    for (what, took) in [("the websocket", feed), ("the call", call), ("the connection", wire)] {
        // Nothing else has ended it.
        assert!(took >= BOUND - EARLY, "{what} ended after {took:?}");
    }

    let (_, reply) = mesh.feed().await;
    assert_eq!(reply.status, 401, "{reply:?}");
    let reply = mesh.http2().await.send(grpc(CALL, "again")).await;
    assert_eq!(reply.headers["grpc-status"], "16", "{reply:?}");
    let connections = mesh.bytes.connections();
    assert_eq!(mesh.query(&mesh.orders).await.ended().await, b"");
    assert_eq!(mesh.bytes.connections(), connections);
    for hop in [json!({"path": "/feed"}), json!({"path": CALL}), json!({"port": mesh.tcp.port()})] {
        assert_eq!(mesh.record("deny", &hop).await["reason"], "peer_untrusted", "{hop}");
    }
}

/// Where trust comes from.
#[derive(Clone, Copy, Debug)]
enum Trust {
    Agent,
    File,
}

/// The shipped Envoys of a workload and of a database, with one Hopguard that both ask.
struct Mesh {
    http: SocketAddr,
    tcp: SocketAddr,
    authorities: Authorities,
    /// The SVID of a caller with grants.
    orders: Leaf,
    agent: WorkloadApi,
    bytes: Echo,
    _feeds: Recorder,
    _calls: Echo,
    _sidecar: Sidecar,
    _envoys: [Process; 2],
    folder: TempDir,
}

impl Mesh {
    async fn start(trust: Trust) -> Self {
        let (folder, now) = (tempfile::tempdir().unwrap(), Clock::default().now());
        let path = |name: &str| folder.path().join(name);
        let authorities = Authorities::new(now);
        files::write(folder.path(), &authorities, now, &Setting::default());
        let agent = WorkloadApi::start(&path("agent.sock")).unwrap();
        agent.set_bundles([(format!("spiffe://{TRUST_DOMAIN}"), authorities.roots().concat())]);
        fs::write(path("bundle.json"), bundle(&authorities.roots(), &[])).unwrap();
        let config = config(folder.path(), trust, &agent);
        fs::write(path("hopguard.yaml"), &config).unwrap();
        let config = Config::parse(&path("hopguard.yaml"), &config).unwrap_or_else(|problems| panic!("{problems}"));

        let (feeds, calls, bytes) = (Recorder::start().await, Echo::of_calls().await, Echo::of_bytes().await);
        unpack(&path("inside"), &authorities, "payments");
        let shipped = |name: &str| fs::read_to_string(path("inside").join(name)).unwrap();
        let live = |text: &str, own: &[(&str, &str)]| {
            let socket = path("check.sock").display().to_string();
            let bound = format!("{}s", BOUND.as_secs());
            // A loaded machine may take longer.
            let all = [("/run/hopguard/check.sock", &*socket), ("900s", &bound), ("timeout: 0.25s", "timeout: 15s")];
            let text = replaced(text, &[&all[..], own].concat());
            assert_eq!(lint(&text, &Expect::from(&config)), Ok(vec![]), "it is as Hopguard is configured");
            text
        };
        let port = |of: &Echo| format!("port_value: {}", of.address().port());
        let plain = shipped("plain.yaml");
        // The cluster for gRPC is the last one.
        let (before, after) = plain.rsplit_once("port_value: 8080").unwrap();
        let plain = live(
            &format!("{before}{}{after}", port(&calls)),
            &[
                ("port_value: 8443", "port_value: 0"),
                ("port_value: 8080", &format!("port_value: {}", feeds.address().port())),
            ],
        );
        let log = format!("idle_timeout: 300s\n                access_log: [{}]", access_log(&path("tcp.log")));
        let tcp = live(
            &shipped("tcp.yaml"),
            &[
                ("port_value: 15432", &port(&bytes)),
                ("port_value: 5432", "port_value: 0"),
                ("idle_timeout: 300s", &log),
            ],
        );
        let inside = path("inside");
        let ((http, _, http_address), (tcp, _, tcp_address)) =
            tokio::join!(start(&inside, "plain", &plain, "inbound"), start(&inside, "tcp", &tcp, "inbound"));

        let [payments, orders] = ["payments", "orders"].map(|name| format!("spiffe://{TRUST_DOMAIN}/{name}"));
        let database = Grant::to("/database", now).subject(&orders).audience(&payments);
        fs::write(path("documents/tcp.yaml"), database.tcp(&tcp_address.port().to_string()).yaml()).unwrap();
        let executable = Path::new(env!("CARGO_BIN_EXE_hopguard"));
        let sidecar = Sidecar::start(executable, &path("hopguard.yaml"), &path("hopguard")).await.unwrap();
        let orders = authorities.svid("orders").into();
        Self {
            http: http_address,
            tcp: tcp_address,
            authorities,
            orders,
            agent,
            bytes,
            _feeds: feeds,
            _calls: calls,
            _sidecar: sidecar,
            _envoys: [http, tcp],
            folder,
        }
    }

    /// Asks for a websocket, over a connection of its own.
    async fn feed(&self) -> (Wire, Reply) {
        let mut wire = Wire::open(self.http, Some(&self.orders)).await;
        let reply = wire.send(request("GET /feed", &UPGRADE)).await;
        (wire, reply)
    }

    async fn http2(&self) -> Http2 {
        Http2::open(self.http, &self.orders).await
    }

    /// A gRPC stream, over a connection of its own.
    async fn call(&self) -> Call {
        self.http2().await.call(grpc(CALL, "call").map(drop)).await
    }

    /// A connection to the database on which the caller has spoken: Envoy asks then.
    async fn query(&self, who: &Leaf) -> Wire {
        let mut wire = Wire::open(self.tcp, Some(who)).await;
        wire.say(QUERY).await;
        wire
    }

    fn write(&self, name: &str, text: &str) {
        let (new, old) = (self.folder.path().join("new"), self.folder.path().join(name));
        fs::write(&new, text).unwrap();
        fs::rename(new, old).unwrap();
    }

    /// The last record of a hop with such fields that was answered so.
    async fn record(&self, answered: &str, hop: &Value) -> Value {
        let fields = hop.as_object().unwrap();
        until("a record", async || {
            let text = fs::read_to_string(self.folder.path().join("audit.jsonl")).ok()?;
            let mut records = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let is_it = |record: &Value| fields.iter().all(|(name, value)| record["hop"][name] == *value);
            records.find(|record| record["answered"] == answered && is_it(record))
        })
        .await
    }
}

fn config(folder: &Path, trust: Trust, agent: &WorkloadApi) -> String {
    let source = match trust {
        Trust::Agent => format!("workload_api: \"{}\"", agent.endpoint()),
        Trust::File => "bundle: bundle.json".to_owned(),
    };
    format!(
        "self: spiffe://{TRUST_DOMAIN}/payments
listen: [{{address: \"unix:{}\"}}]
admin: {{address: \"127.0.0.1:0\"}}
hop: {{tcp: true, max_stream: {}s}}
trust: [{{trust_domain: {TRUST_DOMAIN}, {source}}}]
store: {{directory: documents}}
policy: {{directory: policy, timeout: 500ms}}
audit: {{file: audit.jsonl}}
limits: {{deadline: 10s}}
",
        folder.join("check.sock").display(),
        BOUND.as_secs(),
    )
}

fn access_log(path: &Path) -> Value {
    let told = |key: &str| format!("%DYNAMIC_METADATA(envoy.filters.network.ext_authz:{key})%");
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": {"json_format": {"decision_id": told("decision_id"), "valid_until": told("valid_until")}},
        },
    })
}

/// `hop.max_stream`: long enough to withdraw within it, short enough to wait for.
const BOUND: Duration = Duration::from_secs(3);
/// What a loaded machine adds.
const SLACK: Duration = Duration::from_secs(10);
/// What coarse timers take away.
const EARLY: Duration = Duration::from_millis(100);
const CALL: &str = "/pay.v1.Pay/Charge";
const QUERY: &[u8] = b"query\n";
