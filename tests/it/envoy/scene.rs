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
        Sidecar, TRUST_DOMAIN, ask,
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
    leaf::{Authorities, DAY, Leaf},
    recorder::Recorder,
};
use crate::harness::until;

/// A way in: the configuration as it is rendered for everybody, but for one setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// As it is rendered.
    Inbound,
    /// Headers joined and repaired, as Envoy shows them by default.
    Joined,
    /// Open when Hopguard gives no answer.
    Open,
    /// Clients without a certificate come in.
    Optional,
    /// Headers with underscores come in.
    Underscores,
    /// Connections may become websockets.
    Websockets,
    /// A client's word for the client's certificate comes in.
    Forwards,
    /// Envoy buffers 32 bytes of a body.
    Bodies,
    /// Envoy answers under another workload's name.
    Elsewhere,
    /// The cluster of Hopguard has a name that is no HTTP/2 authority, and none is set.
    Unnamed,
}

impl Door {
    pub(super) const ALL: [Self; 10] = [
        Self::Inbound,
        Self::Joined,
        Self::Open,
        Self::Optional,
        Self::Underscores,
        Self::Websockets,
        Self::Forwards,
        Self::Bodies,
        Self::Elsewhere,
        Self::Unnamed,
    ];

    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Changes the one setting.
    fn adapt(self, listener: &mut Value, folder: &Path) {
        let chain = &mut listener["filter_chains"][0];
        let tls = &mut chain["transport_socket"]["typed_config"];
        match self {
            Self::Optional => tls["require_client_certificate"] = json!(false),
            Self::Elsewhere => {
                let common = tls["common_tls_context"].as_object_mut().unwrap();
                common.remove("tls_certificate_sds_secret_configs").unwrap();
                let [certificate, key] =
                    ["orders.pem", "orders.key"].map(|name| json!({"filename": folder.join(name)}));
                common
                    .insert("tls_certificates".into(), json!([{"certificate_chain": certificate, "private_key": key}]));
            }
            _ => {}
        }
        let manager = &mut chain["filters"][0]["typed_config"];
        let authz = &mut manager["http_filters"][0]["typed_config"];
        match self {
            Self::Joined => authz["encode_raw_headers"] = json!(false),
            Self::Bodies => {
                authz["with_request_body"] = json!({"max_request_bytes": 32, "allow_partial_message": true});
            }
            Self::Unnamed => authz["grpc_service"]["envoy_grpc"] = json!({"cluster_name": ODD_CLUSTER}),
            Self::Underscores => {
                manager["common_http_protocol_options"]["headers_with_underscores_action"] = json!("ALLOW");
            }
            Self::Websockets => manager["upgrade_configs"] = json!([{"upgrade_type": "websocket"}]),
            Self::Forwards => manager["forward_client_cert_details"] = json!("ALWAYS_FORWARD_ONLY"),
            Self::Inbound | Self::Open | Self::Optional | Self::Elsewhere => {}
        }
        manager["access_log"] = json!([{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": folder.join("access.log"),
                "log_format": {"json_format": {
                    "decision_id": "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:decision_id)%",
                    "reason": "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:reason)%",
                    "allowed": "%DYNAMIC_METADATA(envoy.filters.http.ext_authz:allowed)%",
                    "details": "%RESPONSE_CODE_DETAILS%",
                }},
            },
        }]);
    }
}

/// What is different about a scene of one's own.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// `limits` of Hopguard, in YAML.
    pub(super) limits: &'static str,
    /// How long Envoy waits for an answer.
    pub(super) patience: Duration,
}

impl Default for Setting {
    /// Nothing that a loaded machine could exceed.
    fn default() -> Self {
        Self { limits: "{deadline: 10s, request_bytes: 16KiB}", patience: Duration::from_secs(10) }
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
        for name in ["payments", "orders"] {
            authorities.svid(name).write(&folder.path().join(name)).unwrap();
        }
        write_files(folder.path(), &authorities, now, &setting);
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

fn write_files(folder: &Path, authorities: &Authorities, now: Timestamp, setting: &Setting) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    fs::create_dir(folder.join("documents")).unwrap();
    fs::create_dir(folder.join("policy")).unwrap();
    let socket = folder.join("check.sock");
    let (socket, limits) = (socket.display(), setting.limits);
    write("roots.pem", &authorities.pem());
    write(
        "hopguard.yaml",
        &format!(
            "self: spiffe://{TRUST_DOMAIN}/payments
listen: [{{address: \"unix:{socket}\"}}]
admin: {{address: \"127.0.0.1:0\"}}
trust: [{{trust_domain: {TRUST_DOMAIN}, pem: roots.pem}}]
store: {{directory: documents}}
policy: {{directory: policy, timeout: 500ms}}
audit: {{file: audit.jsonl}}
limits: {limits}
"
        ),
    );
    write("documents/all.yaml", &documents(now));
    write("policy/authz.rego", POLICY);
}

/// Whatever lies under `/public` may be read, `/pay` may be posted to, and `/feed` may become a websocket.
fn documents(now: Timestamp) -> String {
    let now = Timestamp::from_seconds(now.seconds() - 60);
    let at = |days: u32| now.after(days * DAY);
    let purpose = "---
apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: checkout}
spec: {name: checkout, owner: team-shop}
";
    let grant = |name: &str, actions: &str, from: Timestamp, until: Timestamp| {
        format!(
            "---
apiVersion: hopguard.dev/v1alpha1
kind: Grant
metadata: {{name: {name}}}
spec:
  type: standing
  subject: {{spiffeId: spiffe://{TRUST_DOMAIN}/orders}}
  audience: spiffe://{TRUST_DOMAIN}/payments
  actions: {actions}
  purposes: [checkout]
  owner: team-shop
  requestedBy: bob@example.com
  approver: alice@example.com
  notBefore: {from}
  expiresAt: {until}
  reviewBy: {from}
"
        )
    };
    let (begun, over) = (Timestamp::from_seconds(now.seconds() - 30 * 86_400), Timestamp::from_seconds(now.seconds()));
    [
        purpose.to_owned(),
        grant("reads", "[{methods: [GET, POST], paths: [/public, \"/public/**\"]}]", now, at(30)),
        grant("feeds", "[{methods: [GET], paths: [/feed], upgrade: [websocket]}]", now, at(30)),
        grant("calls", "[{grpc: [pay.v1.Pay/Charge]}]", now, at(30)),
        grant("late", "[{methods: [GET], paths: [/late]}]", at(1), at(30)),
        grant("over", "[{methods: [GET], paths: [/over]}]", begun, over),
    ]
    .concat()
}

/// Says yes, unless the query asks for something else.
const POLICY: &str = r#"package hopguard.authz

wish := input.parsed_query.policy[0]

decision := true if not wish

decision := {"allowed": false, "reason": "not today"} if wish == "no"

decision := true if {
	wish == "broken"
	1 / to_number(input.parsed_query.by[0]) > 0
}

decision := true if {
	wish == "slow"
	some a in digits
	some b in digits
	some c in digits
	some d in digits
	some e in digits
	some f in digits
	some g in digits
	0 > a + b + c + d + e + f + g
}

decision := input.parsed_body.amount < 10 if wish == "body"

digits := [1, 2, 3, 4, 5, 6, 7, 8, 9]
"#;

const ODD_CLUSTER: &str = "outbound|9000||authz";
