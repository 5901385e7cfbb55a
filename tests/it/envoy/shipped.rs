//! The shipped configurations, live: what only a proved peer may say does not come in from outside, and the mesh knows the edge by its SVID.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use hopguard::{
    clock::Clock,
    dev::{Process, Sidecar, TRUST_DOMAIN, ask},
    envoy::{Expect, lint},
};
use tempfile::TempDir;

use super::{
    client::{Reply, Wire},
    files,
    leaf::Authorities,
    live::{replaced, start},
    recorder::{Head, Recorder},
    run,
    scene::Setting,
};
use crate::envoy_config::unpack;

#[test]
fn outside_clients_speak_none_of_the_meshs_words() {
    run(async {
        let edge = Edge::before_the_workload().await;
        let reply = edge.send("/public/x", &[&FORGED[..], &["x-mark: words", "x-note: kept"]].concat()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let head = edge.head("words");
        assert_eq!(head.values("x-hop-purpose"), ["checkout"]);
        assert_eq!(head.values("x-note"), ["kept"]);
        let gone = |name: &str| name.contains("hopguard") || name == "txn-token" || name == "x-forwarded-client-cert";
        let kept: Vec<_> = head.headers().into_iter().filter(|(name, _)| gone(name)).collect();
        assert_eq!(kept, []);
    });
}

#[test]
fn underscores_are_no_way_around() {
    run(async {
        let edge = Edge::before_the_workload().await;
        for twin in ["x_hop_purpose: refund", "txn_token: forged", "x_hopguard_peer: me", "x-hopguard_peer: me"] {
            let reply = edge.send("/public/x", &[twin]).await;
            assert_eq!(reply.status, 400, "{twin}: {reply:?}");
        }
        assert_eq!(edge.workload.hits(), 0);
    });
}

#[test]
fn the_mesh_knows_the_edge_by_its_svid_and_grants_it_what_outsiders_get() {
    run(async {
        let edge = Edge::before_the_mesh().await;
        let reply = edge.send("/public/x", &[&FORGED[..], &["x-mark: mesh"]].concat()).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let head = edge.head("mesh");
        assert_eq!(head.values("x-hopguard-peer"), [format!("spiffe://{TRUST_DOMAIN}/orders")]);
        assert_eq!(head.values("x-hopguard-purpose"), ["checkout"]);
        assert_eq!(head.values("x-hopguard-forged"), [""; 0]);
        let [certificate] = &head.values("x-forwarded-client-cert")[..] else { panic!("{head:?}") };
        assert!(certificate.contains(&format!("URI=spiffe://{TRUST_DOMAIN}/orders")), "{certificate}");
        assert!(!certificate.contains("admin"), "{certificate}");
        let reply = edge.send("/vault", &FORGED).await;
        assert!(reply.status == 403 && reply.decision().is_some(), "{reply:?}");
    });
}

#[test]
fn the_linter_finds_nothing_in_what_a_live_envoy_tells_of_itself() {
    run(async {
        let mesh = Mesh::start().await;
        let (_, dump) = ask::get(mesh.admin, "/config_dump").await.unwrap();
        let expect = Expect { deadline: Duration::from_secs(5), ..Expect::default() };
        assert_eq!(lint(str::from_utf8(&dump).unwrap(), &expect), Ok(vec![]));
    });
}

/// The edge, with what is behind it; dropping it ends every process of it.
struct Edge {
    address: SocketAddr,
    workload: Recorder,
    _behind: Option<(Sidecar, Process)>,
    _envoy: Process,
    _folder: TempDir,
}

impl Edge {
    /// The edge calls the workload itself, in plain text: what it sends is seen as it is sent.
    async fn before_the_workload() -> Self {
        let (folder, workload) = (tempfile::tempdir().unwrap(), Recorder::start().await);
        let authorities = Authorities::new(Clock::default().now());
        unpack(folder.path(), &authorities, "orders");
        let edge = edge(folder.path(), workload.address());
        // The cluster's, which is the last of both.
        let (before, socket) = edge.rsplit_once("      transport_socket:\n").unwrap();
        let (_, after) = socket.split_once("      load_assignment:\n").unwrap();
        let plain = format!("{before}      load_assignment:\n{after}");
        let (envoy, _, address) = start(folder.path(), "edge", &plain, "outside").await;
        Self { address, workload, _behind: None, _envoy: envoy, _folder: folder }
    }

    /// The edge calls the shipped Envoy of a workload, which asks Hopguard.
    async fn before_the_mesh() -> Self {
        let mesh = Mesh::start().await;
        let outside = mesh.folder.path().join("outside");
        unpack(&outside, &mesh.authorities, "orders");
        let (envoy, _, address) = start(&outside, "edge", &edge(&outside, mesh.address), "outside").await;
        let Mesh { workload, folder, sidecar, envoy: inbound, .. } = mesh;
        Self { address, workload, _behind: Some((sidecar, inbound)), _envoy: envoy, _folder: folder }
    }

    /// Sends a request over a connection without a certificate.
    async fn send(&self, path: &str, headers: &[&str]) -> Reply {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let request = format!("GET {path} HTTP/1.1\r\nhost: shop.example\r\n{headers}\r\n");
        Wire::open(self.address, None).await.send(request).await
    }

    fn head(&self, mark: &str) -> Head {
        let heads = self.workload.heads(mark);
        let [head] = &heads[..] else { panic!("{heads:?}") };
        head.clone()
    }
}

/// The shipped Envoy of a workload, and the Hopguard that it asks.
struct Mesh {
    address: SocketAddr,
    admin: SocketAddr,
    workload: Recorder,
    authorities: Authorities,
    sidecar: Sidecar,
    envoy: Process,
    folder: TempDir,
}

impl Mesh {
    async fn start() -> Self {
        let (folder, workload) = (tempfile::tempdir().unwrap(), Recorder::start().await);
        let now = Clock::default().now();
        let authorities = Authorities::new(now);
        files::write(folder.path(), &authorities, now, &Setting::default());
        let executable = Path::new(env!("CARGO_BIN_EXE_hopguard"));
        let config = folder.path().join("hopguard.yaml");
        let sidecar = Sidecar::start(executable, &config, &folder.path().join("hopguard")).await.unwrap();
        let inside = folder.path().join("inside");
        unpack(&inside, &authorities, "payments");
        let socket = folder.path().join("check.sock").display().to_string();
        let port = format!("port_value: {}", workload.address().port());
        let own = [
            ("/run/hopguard/check.sock", &*socket),
            ("port_value: 8080", &port),
            ("port_value: 8443", "port_value: 0"),
            // A loaded machine may take longer.
            ("timeout: 0.25s", "timeout: 10s"),
        ];
        let plain = fs::read_to_string(inside.join("plain.yaml")).unwrap();
        let plain = replaced(&plain, &own);
        let (envoy, admin, address) = start(&inside, "plain", &plain, "inbound").await;
        Self { address, admin, workload, authorities, sidecar, envoy, folder }
    }
}

/// The shipped edge with what it asks its reader to make their own.
fn edge(folder: &Path, upstream: SocketAddr) -> String {
    let text = fs::read_to_string(folder.join("edge.yaml")).unwrap();
    replaced(
        &text,
        &[
            ("port_value: 443", "port_value: 0"),
            ("type: STRICT_DNS", "type: STATIC"),
            (
                "address: shop.prod.svc, port_value: 8443",
                &format!("address: 127.0.0.1, port_value: {}", upstream.port()),
            ),
            ("spiffe://prod.example/ns/shop/sa/api", &format!("spiffe://{TRUST_DOMAIN}/payments")),
            ("value: storefront", "value: checkout"),
        ],
    )
}

/// What an outside client would be somebody else with.
const FORGED: [&str; 6] = [
    "x-hop-purpose: refund",
    "Txn-Token: forged",
    "X-Hopguard-Peer: spiffe://hopguard.test/admin",
    "x-hopguard-forged: me",
    "x-hopguard-decision: allowed",
    "x-forwarded-client-cert: By=spiffe://a/b;Hash=00;URI=spiffe://a/admin",
];
