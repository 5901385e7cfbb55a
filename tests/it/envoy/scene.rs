//! A workload behind a real Envoy that asks a real Hopguard, with several doors that differ in one setting each.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use hopguard::{
    clock::{Clock, Timestamp},
    dev::{
        Sidecar, ask,
        envoy::{CheckAddress, Envoy, Inbound, Listener},
    },
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;

use super::{
    ENVOY,
    client::{Http2, Reply, Wire},
    door::{Door, ODD_CLUSTER},
    files,
    leaf::{Authorities, Leaf},
    recorder::Recorder,
};
use crate::harness::{World, until};

/// What is different about a scene of one's own.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// `limits` of Hopguard, in YAML.
    pub(super) limits: &'static str,
    /// How long Envoy waits for an answer.
    pub(super) patience: Duration,
    /// Whether tokens are configured, with documents that know of them.
    pub(super) tokens: bool,
    /// The policy, and what else the configuration says of answers, in YAML.
    pub(super) policy: &'static str,
    pub(super) answers: &'static str,
    /// What the configuration says of documents, in YAML.
    pub(super) ceiling: &'static str,
    /// Further files beside the configuration, and what takes the place of those that are usual.
    pub(super) files: Vec<(&'static str, String)>,
}

impl Default for Setting {
    /// Nothing that a loaded machine could exceed.
    fn default() -> Self {
        Self {
            limits: "{deadline: 10s, request_bytes: 16KiB}",
            patience: Duration::from_secs(10),
            tokens: false,
            policy: files::POLICY,
            answers: "response: {}",
            ceiling: "",
            files: Vec::new(),
        }
    }
}

/// The whole of it; dropping it ends every process of it.
pub(super) struct Scene {
    pub(super) authorities: Authorities,
    pub(super) now: Timestamp,
    pub(super) workload: Recorder,
    envoy: Envoy,
    addresses: Vec<SocketAddr>,
    sidecar: Option<Sidecar>,
    orders: Leaf,
    folder: TempDir,
}

impl Scene {
    /// The scene of all tests that leave it as it was; it ends with the last of them that runs.
    pub(super) async fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Scene>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(scene) = shared.upgrade() {
            return scene;
        }
        let scene = Arc::new(Self::start(Setting::default()).await);
        *shared = Arc::downgrade(&scene);
        scene
    }

    /// A scene of one's own.
    pub(super) async fn start(setting: Setting) -> Self {
        let (folder, now) = (tempfile::tempdir().unwrap(), Clock::default().now());
        let authorities = Authorities::new(now);
        let workload = Recorder::start().await;
        files::write(folder.path(), &authorities, now, &setting);
        let (sidecar, envoy) =
            tokio::join!(serve(folder.path()), start_envoy(folder.path(), workload.address(), setting.patience));
        let mut addresses = Vec::new();
        for door in Door::ALL {
            addresses.push(envoy.listener(&door.name()).await.unwrap());
        }
        let orders = authorities.svid("orders").into();
        Self { authorities, now, workload, envoy, addresses, sidecar: Some(sidecar), orders, folder }
    }

    pub(super) fn address(&self, door: Door) -> SocketAddr {
        let index = Door::ALL.iter().position(|other| *other == door).unwrap();
        self.addresses[index]
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The SVID of `orders`, which grants are for.
    pub(super) fn orders(&self) -> &Leaf {
        &self.orders
    }

    /// Who signs tokens for `payments` and `orders`.
    pub(super) fn world(&self) -> World {
        files::world(self.now)
    }

    /// A connection of `orders`.
    pub(super) async fn wire(&self, door: Door) -> Wire {
        Wire::open(self.address(door), Some(&self.orders)).await
    }

    /// An HTTP/2 connection of `orders`.
    pub(super) async fn http2(&self, door: Door) -> Http2 {
        Http2::open(self.address(door), &self.orders).await
    }

    /// Sends bytes as `orders`, over a connection of their own.
    pub(super) async fn send(&self, door: Door, request: impl AsRef<[u8]>) -> Reply {
        self.wire(door).await.send(request).await
    }

    /// The line of Envoy's access log for a decision.
    pub(super) async fn logged(&self, decision: &str) -> Value {
        self.line("access.log", decision).await
    }

    /// The audit record of a decision.
    pub(super) async fn record(&self, decision: &str) -> Value {
        self.line("audit.jsonl", decision).await
    }

    /// How many hops Hopguard has denied for `reason`, or allowed if there is none.
    pub(super) async fn counted(&self, reason: Option<&str>) -> u64 {
        let labels = match reason {
            Some(reason) => format!("answered=\"deny\",reason=\"{reason}\""),
            None => "answered=\"allow\",reason=\"none\"".to_owned(),
        };
        let (_, text) = ask::get(self.sidecar().admin(), "/metrics").await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        let wanted = format!("hopguard_decisions_total{{{labels}}} ");
        text.lines().find_map(|line| line.strip_prefix(&wanted)).expect(&wanted).parse().unwrap()
    }

    /// Envoy's statistics of a door.
    pub(super) async fn stats(&self, door: Door) -> String {
        self.envoy.stats(&format!("http.{}.ext_authz", door.name())).await.unwrap()
    }

    pub(super) fn sidecar(&self) -> &Sidecar {
        self.sidecar.as_ref().expect("a Hopguard")
    }

    /// Ends Hopguard as the kernel does, and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        let sidecar = self.sidecar.take().expect("a Hopguard");
        sidecar.process().signal(Signal::KILL);
        // It is waited for with its end already sure.
        sidecar.stop().await;
    }

    /// Starts Hopguard again where it was.
    pub(super) async fn revive(&mut self) {
        self.sidecar = Some(serve(self.folder.path()).await);
    }

    /// Stops Hopguard in the middle of whatever it does, and waits until it stands still.
    pub(super) async fn freeze(&self) {
        let process = self.sidecar().process();
        process.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", process.id().unwrap());
        until("standing still", async || fs::read_to_string(&stat).unwrap().contains(") T ").then_some(())).await;
    }

    /// Lets Hopguard go on.
    pub(super) fn thaw(&self) {
        self.sidecar().process().signal(Signal::CONT);
    }

    async fn line(&self, file: &str, decision: &str) -> Value {
        let path = self.path(file);
        until(&format!("a line of {file} on {decision}"), async || {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let lines = text.lines().filter(|line| line.contains(decision));
            // The last line may still be on its way.
            lines
                .filter_map(|line| serde_json::from_str(line).ok())
                .find(|line: &Value| line["decision_id"] == decision)
        })
        .await
    }
}

/// A request as bytes: HTTP/1.1 for a purpose, with further header lines, and without a body.
pub(super) fn request(line: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("{line} HTTP/1.1\r\nhost: payments\r\nx-hop-purpose: checkout\r\n{headers}\r\n")
}

async fn serve(folder: &Path) -> Sidecar {
    let executable = Path::new(env!("CARGO_BIN_EXE_hopguard"));
    Sidecar::start(executable, &folder.join("hopguard.yaml"), &folder.join("hopguard")).await.unwrap()
}

async fn start_envoy(folder: &Path, upstream: SocketAddr, patience: Duration) -> Envoy {
    let listener = |door: Door| Listener {
        timeout: patience,
        dangerous_failure_mode_allow: door == Door::Open,
        ..Listener::new(door.name(), CheckAddress::Unix(folder.join("check.sock")))
    };
    let inbound = Inbound {
        certificate: folder.join("payments.pem"),
        key: folder.join("payments.key"),
        roots: folder.join("roots.pem"),
        upstream,
        listeners: Door::ALL.into_iter().map(listener).collect(),
    };
    let secret = folder.join("envoy.svid.json");
    fs::write(&secret, inbound.secret().to_string()).unwrap();
    let mut config = inbound.bootstrap(&secret);
    for (index, door) in Door::ALL.into_iter().enumerate() {
        door.adapt(&mut config["static_resources"]["listeners"][index], folder);
        if door == Door::Unnamed {
            let cluster = &mut config["static_resources"]["clusters"][index];
            cluster["name"] = json!(ODD_CLUSTER);
            cluster["load_assignment"]["cluster_name"] = json!(ODD_CLUSTER);
        }
    }
    Envoy::start_with(&ENVOY, &config, &folder.join("envoy")).await.unwrap()
}
