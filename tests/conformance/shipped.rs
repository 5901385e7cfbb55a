//! The Envoy configuration that is shipped for SPIRE, with nothing changed but addresses and patience.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use hopguard::dev::{Upstream, ask};
use serde_json::Value;
use tokio::process::Command;

use crate::{
    child::Child,
    folder::Folder,
    gate::{Connection, ENVOY},
    guard::{Guard, Plan as Guarded},
    scene::{Federated, upstream_authority},
    spire::{Agent, FRIEND, HOME, Plan},
    svid::Svid,
    until::until,
};

#[tokio::test]
async fn the_shipped_configuration_has_every_chain_proved_that_spire_issues() {
    let folder = Folder::new();
    let (root, key) = upstream_authority(folder.path());
    let scene = Federated::start_as(Plan::new(HOME).below(&root, &key), &folder).await;
    let (orders, visitor) = tokio::join!(scene.home.agent.svid(), scene.visitors.svid());
    assert_eq!([orders.chain().len(), visitor.chain().len()], [2, 1]);
    let source = scene.home.agent.source();
    let guard = Guarded::default()
        .trusting(HOME, &source)
        .trusting(FRIEND, &source)
        .with("peer: {xfcc: {sanitize_set: true}}")
        .granting(&orders.id())
        .granting(&visitor.id());
    let guard = guard.start(&folder.path().join("guard")).await;
    let envoy = Shipped::start(folder.path(), &scene.home.agent, &guard).await;
    assert_eq!(envoy.call(&orders, &[]).await, "allowed");
    assert_eq!(envoy.call(&visitor, &[]).await, "allowed");
    assert_eq!(envoy.call(&scene.home.server.mint("stranger", "5m").await, &[]).await, "grant_missing");

    // What a caller writes into the header that Envoy writes itself is thrown away.
    let forged = format!("URI={}", orders.id());
    let forged = [("x-forwarded-client-cert", forged.as_str())];
    assert_eq!(envoy.call(&visitor, &forged).await, "allowed");
    assert_eq!(envoy.call(&scene.friend.mint("stranger", "5m").await, &forged).await, "grant_missing");
}

/// An Envoy that runs `deploy/envoy/spire-sds.yaml`.
struct Shipped {
    address: SocketAddr,
    _child: Child,
    _upstream: Upstream,
}

impl Shipped {
    async fn start(folder: &Path, agent: &Agent, guard: &Guard) -> Self {
        let upstream = Upstream::start("payments").await.unwrap();
        let config = folder.join("shipped.yaml");
        fs::write(&config, adapted(&guard.socket(), &agent.socket(), upstream.address())).unwrap();
        let admin = folder.join("shipped.admin");
        let mut command = Command::new(&*ENVOY);
        command.arg("-c").arg(config).arg("--admin-address-path").arg(&admin);
        command.args(["--disable-hot-restart", "--concurrency", "1", "-l", "warning"]);
        let mut child = Child::start(command, &folder.join("shipped.log"));
        let address = until("the shipped Envoy", || {
            assert!(!child.has_ended(), "Envoy ended:\n{}", child.said());
            listener(admin.clone())
        })
        .await;
        Self { address, _child: child, _upstream: upstream }
    }

    /// Reads the ledger over a connection of its own.
    async fn call(&self, svid: &Svid, headers: &[(&str, &str)]) -> String {
        Connection::open(self.address, svid).await.call(headers).await.outcome().to_owned()
    }
}

/// The address of its one listener, as soon as that has its certificates.
async fn listener(admin: PathBuf) -> Option<SocketAddr> {
    let admin = fs::read_to_string(admin).ok()?.trim().parse().ok()?;
    let (status, body) = ask::get(admin, "/ready").await.ok()?;
    if !status.is_success() || !body.starts_with(b"LIVE") {
        return None;
    }
    let (_, listeners) = ask::get(admin, "/listeners?format=json").await.ok()?;
    let listeners: Value = serde_json::from_slice(&listeners).unwrap();
    let socket = listeners.pointer("/listener_statuses/0/local_address/socket_address")?;
    let port = u16::try_from(socket["port_value"].as_u64()?).unwrap();
    Some(([127, 0, 0, 1], port).into())
}

/// The file with the addresses of this run.
fn adapted(hopguard: &Path, agent: &Path, workload: SocketAddr) -> String {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/envoy/spire-sds.yaml");
    let mut text = fs::read_to_string(shipped).unwrap();
    for (written, meant) in [
        ("/run/hopguard/check.sock", hopguard.display().to_string()),
        ("/run/spire/agent.sock", agent.display().to_string()),
        ("{address: 0.0.0.0, port_value: 8443}", "{address: 127.0.0.1, port_value: 0}".to_owned()),
        ("port_value: 9901", "port_value: 0".to_owned()),
        ("port_value: 8080", format!("port_value: {}", workload.port())),
        // A busy machine is no outage.
        ("timeout: 0.25s\n", "timeout: 10s\n".to_owned()),
    ] {
        assert!(text.contains(written), "`{written}` is not in it any more");
        text = text.replace(written, &meant);
    }
    text
}
