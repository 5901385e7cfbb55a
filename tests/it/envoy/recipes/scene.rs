//! A recipe at work: a workload, the Envoy before it, the Hopguard that this asks, and everybody's certificates.

use std::{fs, net::SocketAddr, path::Path};

use aws_lc_rs::digest;
use hopguard::{
    clock::{Clock, Timestamp},
    dev::{Authority, Process, Sidecar, Svid, WorkloadApi},
    peer::id,
};
use rustix::process::Signal;
use serde_json::Value;
use spiffe::TrustDomain;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    adapt,
    recipe::{FRONTEND, Recipe, TRUST_DOMAIN, Way},
    tunnel,
};
use crate::{
    envoy::{
        client::{Reply, Wire},
        leaf::{DAY, Leaf},
        live,
        recorder::Recorder,
    },
    harness::{chain::Ca, envoy_pem, until},
};

/// All of it; dropping it ends every process of it.
pub(super) struct Scene {
    pub(super) workload: Recorder,
    recipe: &'static Recipe,
    authority: Authority,
    /// Another root of the same trust domain, which signs intermediates too.
    ca: Ca,
    now: Timestamp,
    address: SocketAddr,
    admin: SocketAddr,
    sidecar: Option<Sidecar>,
    _envoy: Process,
    _agent: WorkloadApi,
    folder: TempDir,
}

impl Scene {
    /// Nothing here is slower than a loaded machine.
    pub(super) async fn start(recipe: &'static Recipe) -> Self {
        Self::waiting(recipe, Some("10s")).await
    }

    /// With an Envoy that waits that long, or as long as the recipe says.
    pub(super) async fn waiting(recipe: &'static Recipe, patience: Option<&str>) -> Self {
        let (folder, now) = (tempfile::tempdir().unwrap(), Clock::default().now());
        let path = |name: &str| folder.path().join(name);
        let authority = Authority::new(TrustDomain::new(TRUST_DOMAIN).unwrap(), now, now.after(30 * DAY)).unwrap();
        let own = mint(&authority, recipe.this, now);
        let agent = WorkloadApi::start(&path("agent.sock")).unwrap();
        agent.set_svids(&[(&own, &authority)]).unwrap();
        let ca = Ca::root("another root", now);
        agent.set_bundles([(format!("spiffe://{TRUST_DOMAIN}"), [authority.root(), ca.der()].concat())]);
        for name in ["documents", "policy", "trust", "tls", "state"] {
            fs::create_dir(path(name)).unwrap();
        }
        own.write(&path("tls/own")).unwrap();
        fs::rename(path("tls/own.pem"), path("tls/tls.crt")).unwrap();
        fs::rename(path("tls/own.key"), path("tls/tls.key")).unwrap();
        for name in ["trust/roots.pem", "trust/root-cert.pem"] {
            fs::write(path(name), format!("{}\n{}", authority.pem(), ca.pem())).unwrap();
        }
        // A deadline that is no shorter than Envoy's patience would be answered by Envoy alone.
        let deadline = patience.map(|_| "9s");
        let config = adapt::hopguard(recipe, folder.path(), &agent.endpoint(), deadline);
        fs::write(path("hopguard.yaml"), config).unwrap();
        fs::write(path("documents/documents.yaml"), adapt::documents(recipe, now)).unwrap();
        fs::write(path("policy/authz.rego"), recipe.read("authz.rego")).unwrap();
        if recipe.name == "plain-envoy" {
            for name in ["svid.yaml", "roots.yaml"] {
                let text = recipe.read(name).replace("/etc/envoy", &folder.path().display().to_string());
                fs::write(path(name), text).unwrap();
            }
        }
        let workload = Recorder::start().await;
        let text = adapt::envoy(recipe, folder.path(), workload.address(), patience);
        let executable = Path::new(env!("CARGO_BIN_EXE_hopguard"));
        let (config, stem) = (path("hopguard.yaml"), path("hopguard"));
        let (sidecar, (envoy, admin, address)) = tokio::join!(
            Sidecar::start(executable, &config, &stem),
            live::start(folder.path(), "envoy", &text, recipe.listener),
        );
        let sidecar = Some(sidecar.unwrap_or_else(|error| panic!("{}: {error}", recipe.name)));
        Self { workload, recipe, authority, ca, now, address, admin, sidecar, _envoy: envoy, _agent: agent, folder }
    }

    /// Sends a request for a checkout as `who`, or as somebody without a certificate, over a connection of its own.
    pub(super) async fn send(&self, who: Option<&str>, line: &str, headers: &[&str]) -> Reply {
        let leaf: Option<Leaf> = who.map(|who| mint(&self.authority, who, self.now).into());
        let request = self.request(line, headers);
        match self.recipe.way {
            Way::Tls => Wire::open(self.address, leaf.as_ref()).await.send(request).await,
            // What is forged outside of the tunnel is as good as what is forged inside.
            Way::Tunnel(to) => tunnel::send(self.address, leaf.as_ref(), to, &self.forgeries()[0], &request).await,
        }
    }

    /// Sends a request as the frontend with a certificate below an intermediate, which is shown too, of a root that is trusted or of another.
    pub(super) async fn send_below_an_intermediate(&self, is_trusted: bool, line: &str) -> Option<Reply> {
        let other = Ca::root("nobody's root", self.now);
        let sub = if is_trusted { self.ca.sub("an intermediate") } else { other.sub("an intermediate") };
        let mut wire = Wire::show(self.address, &sub.svid(FRONTEND).with(&[&sub])).await?;
        let reply = wire.send(self.request(line, &[])).await;
        (reply.status != 0).then_some(reply)
    }

    /// What comes back for a request without TLS; nothing if the connection just ends.
    pub(super) async fn in_the_clear(&self, line: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(self.request(line, &["connection: close"]).as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        // However it ends, it has ended.
        let _ = stream.read_to_end(&mut heard).await;
        String::from_utf8_lossy(&heard).into_owned()
    }

    /// What comes back for bytes of `who` at another listener, until the connection ends.
    pub(super) async fn say(&self, address: SocketAddr, who: &str, bytes: &[u8]) -> Vec<u8> {
        let leaf: Leaf = mint(&self.authority, who, self.now).into();
        let mut wire = Wire::open(address, Some(&leaf)).await;
        wire.say(bytes).await;
        wire.ended().await
    }

    /// Headers that would make whoever is believed for them the frontend: with its own certificate, which is no secret; with a quote that
    /// is never closed, so that what Envoy writes behind it is inside; and as a second entry.
    pub(super) fn forgeries(&self) -> [String; 3] {
        let svid = mint(&self.authority, FRONTEND, self.now);
        let hash = digest::digest(&digest::SHA256, &svid.certificate().unwrap());
        let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let pem = envoy_pem(svid.certificate_pem());
        let name = "x-forwarded-client-cert";
        [
            format!("{name}: By=spiffe://prod.internal/forged;Hash={hash};Cert=\"{pem}\";URI={FRONTEND}"),
            format!("{name}: By=forged;Subject=\""),
            format!("{name}: By=forged;URI={FRONTEND}\r\nX-Forwarded-Client-Cert: URI={FRONTEND};By=forged"),
        ]
    }

    /// The audit record of a decision.
    pub(super) async fn record(&self, decision: &str) -> Value {
        until("the audit record", async || self.records().into_iter().find(|it| it["decision_id"] == decision)).await
    }

    /// The audit records that are whole.
    pub(super) fn records(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|record| record["decision_id"].is_string()).collect()
    }

    /// How many decisions there were.
    pub(super) fn checks(&self) -> usize {
        self.records().len()
    }

    /// Where another listener is.
    pub(super) async fn listener(&self, name: &str) -> SocketAddr {
        until(name, async || live::listener(self.admin, name).await).await
    }

    /// Waits until the frontend is served.
    pub(super) async fn served(&self) {
        let served = async || (self.send(Some(FRONTEND), "GET /charges", &[]).await.status == 200).then_some(());
        until("that it is served", served).await;
    }

    pub(super) fn sidecar(&self) -> &Sidecar {
        self.sidecar.as_ref().expect("a Hopguard")
    }

    /// Waits until Hopguard, which was told so, stands still.
    pub(super) async fn stands_still(&self) {
        let stat = format!("/proc/{}/stat", self.sidecar().process().id().unwrap());
        until("standing still", async || fs::read_to_string(&stat).unwrap().contains(") T ").then_some(())).await;
    }

    /// Ends Hopguard as the kernel does, and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        let sidecar = self.sidecar.take().expect("a Hopguard");
        sidecar.process().signal(Signal::KILL);
        sidecar.stop().await;
    }

    fn request(&self, line: &str, headers: &[&str]) -> String {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        format!("{line} HTTP/1.1\r\nhost: {}\r\nx-hop-purpose: checkout\r\n{headers}\r\n", self.recipe.host)
    }
}

fn mint(authority: &Authority, id: &str, now: Timestamp) -> Svid {
    authority.mint(&id::parse(id).unwrap(), now, now.after(DAY / 24)).unwrap()
}
