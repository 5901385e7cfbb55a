//! Envoy asks over mutual TLS: Hopguard answers the Envoy that its listener names and no other, and Envoy believes no other Hopguard.

use std::{fs, net::SocketAddr, path::Path};

use hopguard::{
    clock::Clock,
    dev::{Process, Sidecar, TRUST_DOMAIN, WorkloadApi, ask},
};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    client::{Reply, Wire},
    files,
    leaf::Authorities,
    live::{replaced, start},
    recorder::Recorder,
    run,
    scene::{Setting, request},
};
use crate::{
    envoy_config::{over_tls, unpack},
    harness::until,
};

#[test]
fn the_envoy_that_is_named_asks_and_is_answered() {
    run(async {
        let scene = Scene::start().await;
        let envoy = scene.envoy("payments", "payments").await;
        let reply = scene.send(&envoy, "GET /public/x").await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let reply = scene.send(&envoy, "GET /vault").await;
        assert!(reply.status == 403 && reply.decision().is_some(), "{reply:?}");
        assert_eq!((scene.refused().await, scene.checks().await, scene.workload.hits()), (0, 2, 1));
    });
}

#[test]
fn another_workloads_envoy_is_refused_before_it_has_asked() {
    run(async {
        let scene = Scene::start().await;
        let envoy = scene.envoy("orders", "payments").await;
        let reply = scene.send(&envoy, "GET /public/x").await;
        assert_eq!((reply.status, reply.decision()), (503, None), "{reply:?}");
        until("that it is counted", async || (scene.refused().await >= 1).then_some(())).await;
        assert_eq!((scene.checks().await, scene.workload.hits()), (0, 0));
    });
}

#[test]
fn an_answer_of_somebody_else_is_believed_no_more_than_none() {
    run(async {
        let scene = Scene::start().await;
        let envoy = scene.envoy("payments", "orders").await;
        let reply = scene.send(&envoy, "GET /public/x").await;
        assert_eq!((reply.status, reply.decision()), (503, None), "{reply:?}");
        let stats = "cluster.hopguard.ssl.fail_verify_san";
        let (_, body) = ask::get(envoy.admin, &format!("/stats?filter=^{stats}$")).await.unwrap();
        let failed = str::from_utf8(&body).unwrap().trim().strip_prefix(&format!("{stats}: ")).unwrap().to_owned();
        assert_ne!(failed, "0");
        assert_eq!((scene.checks().await, scene.workload.hits()), (0, 0));
    });
}

/// A Hopguard that only the Envoy of `payments` may ask, over mutual TLS.
struct Scene {
    address: SocketAddr,
    authorities: Authorities,
    workload: Recorder,
    sidecar: Sidecar,
    _agent: WorkloadApi,
    folder: TempDir,
}

/// An Envoy, as the README shows it.
struct Envoy {
    address: SocketAddr,
    admin: SocketAddr,
    _process: Process,
}

impl Scene {
    async fn start() -> Self {
        let (folder, now) = (tempfile::tempdir().unwrap(), Clock::default().now());
        let path = |name: &str| folder.path().join(name);
        let (authorities, workload) = (Authorities::new(now), Recorder::start().await);
        files::write(folder.path(), &authorities, now, &Setting::default());
        let agent = WorkloadApi::start(&path("agent.sock")).unwrap();
        authorities.issue("payments", &agent);
        let endpoint = agent.endpoint();
        let payments = format!("spiffe://{TRUST_DOMAIN}/payments");
        let config = format!(
            "self: {payments}
listen: [{{address: \"127.0.0.1:0\", mtls: {{workload_api: \"{endpoint}\"}}, allow: {{spiffe_ids: [\"{payments}\"]}}}}]
admin: {{address: \"127.0.0.1:0\"}}
trust: [{{trust_domain: {TRUST_DOMAIN}, workload_api: \"{endpoint}\"}}]
store: {{directory: documents}}
policy: {{directory: policy, timeout: 500ms}}
audit: {{file: audit.jsonl}}
limits: {{deadline: 10s}}
"
        );
        fs::write(path("hopguard.yaml"), config).unwrap();
        let executable = Path::new(env!("CARGO_BIN_EXE_hopguard"));
        let sidecar = Sidecar::start(executable, &path("hopguard.yaml"), &path("hopguard")).await.unwrap();
        let address = until("a listener with mutual TLS", async || {
            let said = fs::read_to_string(sidecar.process().log()).ok()?;
            let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut listening = lines.filter(|line| line["fields"]["mtls"] == true);
            listening.next()?["fields"]["address"].as_str()?.parse().ok()
        })
        .await;
        Self { address, authorities, workload, sidecar, _agent: agent, folder }
    }

    /// An Envoy that asks as `who`, and believes the answers of `whom`.
    async fn envoy(&self, who: &str, whom: &str) -> Envoy {
        let folder = self.folder.path().join("inside");
        unpack(&folder, &self.authorities, who);
        let text = over_tls(&fs::read_to_string(folder.join("plain.yaml")).unwrap());
        let text = replaced(
            &text,
            &[
                ("/etc/envoy", &folder.display().to_string()),
                ("type: STRICT_DNS", "type: STATIC"),
                (
                    "address: hopguard.prod.svc, port_value: 9443",
                    &format!("address: 127.0.0.1, port_value: {}", self.address.port()),
                ),
                ("spiffe://prod.example/ns/shop/sa/api", &format!("spiffe://{TRUST_DOMAIN}/{whom}")),
                ("port_value: 8080", &format!("port_value: {}", self.workload.address().port())),
                ("port_value: 8443", "port_value: 0"),
                // A loaded machine may take longer.
                ("timeout: 0.25s", "timeout: 15s"),
                ("connect_timeout: 1s", "connect_timeout: 10s"),
            ],
        );
        let (process, admin, address) = start(&folder, "plain", &text, "inbound").await;
        Envoy { address, admin, _process: process }
    }

    /// Sends a request of `orders`, over a connection of its own.
    async fn send(&self, envoy: &Envoy, line: &str) -> Reply {
        let orders = self.authorities.svid("orders").into();
        Wire::open(envoy.address, Some(&orders)).await.send(request(line, &[])).await
    }

    /// How many connections were refused.
    async fn refused(&self) -> u64 {
        self.metrics()
            .await
            .iter()
            .find_map(|line| line.strip_prefix("hopguard_askers_refused_total ")?.parse().ok())
            .unwrap()
    }

    /// How many Checks were decided.
    async fn checks(&self) -> u64 {
        let decided =
            |line: &String| line.strip_prefix("hopguard_decisions_total{")?.rsplit(' ').next()?.parse::<u64>().ok();
        self.metrics().await.iter().filter_map(decided).sum()
    }

    async fn metrics(&self) -> Vec<String> {
        let (_, text) = ask::get(self.sidecar.admin(), "/metrics").await.unwrap();
        String::from_utf8(text.to_vec()).unwrap().lines().map(str::to_owned).collect()
    }
}
