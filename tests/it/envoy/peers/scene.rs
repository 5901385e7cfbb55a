//! One Envoy with a door for each way in which it may treat certificates and their header, and a Hopguard for each way to take its word.

use std::{fs, net::SocketAddr, path::PathBuf};

use hopguard::{
    dev::envoy::{CheckAddress, Envoy, Inbound, Listener},
    peer::id,
};
use serde_json::{Value, json};

use super::super::{
    ENVOY,
    client::{Reply, Wire},
    recorder::Recorder,
};
use crate::{
    harness::{FRONTEND, Guard, PAYMENTS, Setup, chain::Shown},
    peers::{case::outcomes, world::World},
};

/// A way in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Door {
    /// Which of the Hopguards is asked.
    pub(super) guard: usize,
    /// What Envoy holds certificates against.
    pub(super) tls: Tls,
    /// `forward_client_cert_details`.
    pub(super) forward: &'static str,
    /// Whether the header has the URI, beside the certificates.
    pub(super) uri: bool,
    /// Whether the header is JSON.
    pub(super) json: bool,
    /// Whether Envoy shows headers joined, as it does by default.
    pub(super) joined: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Tls {
    /// The roots that Hopguard trusts too.
    Verified,
    /// Roots, but whoever fails comes in: `ACCEPT_UNTRUSTED`.
    AcceptUntrusted,
    /// Nothing at all.
    Unverified,
}

impl Door {
    /// What is right but for what is said: certificates are verified, and the header is Envoy's.
    pub(super) fn to(guard: usize) -> Self {
        Self { guard, tls: Tls::Verified, forward: "SANITIZE_SET", uri: true, json: false, joined: false }
    }

    fn adapt(self, listener: &mut Value) {
        let chain = &mut listener["filter_chains"][0];
        let common = &mut chain["transport_socket"]["typed_config"]["common_tls_context"];
        match self.tls {
            Tls::Verified => {}
            Tls::AcceptUntrusted => {
                common["validation_context"]["trust_chain_verification"] = json!("ACCEPT_UNTRUSTED")
            }
            Tls::Unverified => drop(common.as_object_mut().unwrap().remove("validation_context").unwrap()),
        }
        let manager = &mut chain["filters"][0]["typed_config"];
        manager["forward_client_cert_details"] = json!(self.forward);
        let format = if self.json { "JSON" } else { "TEXT" };
        manager["set_current_client_cert_details"] =
            json!({"cert": true, "chain": true, "uri": self.uri, "subject": self.uri, "format": format});
        manager["http_filters"][0]["typed_config"]["encode_raw_headers"] = json!(!self.joined);
    }
}

/// All of it; dropping it ends every process of it.
pub(super) struct Scene {
    pub(super) guards: Vec<Guard>,
    pub(super) workload: Recorder,
    addresses: Vec<SocketAddr>,
    _envoy: Envoy,
}

impl Scene {
    pub(super) async fn start(world: &World, setups: Vec<Setup>, doors: &[Door]) -> Self {
        let mut guards = Vec::new();
        for setup in setups {
            guards.push(setup.start().await);
        }
        let workload = Recorder::start().await;
        let envoy = envoy(world, &guards, doors, workload.address()).await;
        let mut addresses = Vec::new();
        for index in 0..doors.len() {
            addresses.push(envoy.listener(&name(index)).await.unwrap());
        }
        Self { guards, workload, addresses, _envoy: envoy }
    }

    /// Sends a request that may happen if its caller is the frontend. None: Envoy lets nobody in who shows this.
    pub(super) async fn send(&self, door: usize, shown: &Shown, headers: &[&str]) -> Option<Reply> {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let head = "POST /charge HTTP/1.1\r\nhost: payments\r\nx-hop-purpose: checkout\r\ncontent-length: 0\r\n";
        let mut wire = Wire::show(self.addresses[door], shown).await?;
        let reply = wire.send(format!("{head}{headers}\r\n")).await;
        (reply.status != 0).then_some(reply)
    }

    /// What became of each reply of a door's: `allow`, reason and detail, `refused`, or a status that is not Hopguard's.
    pub(super) async fn outcomes(&self, guard: usize, replies: &[Option<Reply>]) -> Vec<String> {
        let ids: Vec<String> = replies.iter().flatten().filter_map(Reply::decision).collect();
        let known = outcomes(&self.guards[guard], &ids).await;
        let outcome = |reply: &Option<Reply>| match reply {
            None => "refused".to_owned(),
            Some(reply) if reply.status == 200 => "allow".to_owned(),
            Some(reply) => match reply.decision() {
                Some(id) => known[&id].clone(),
                None => format!("status {}", reply.status),
            },
        };
        replies.iter().map(outcome).collect()
    }
}

fn name(index: usize) -> String {
    format!("door{index}")
}

async fn envoy(world: &World, guards: &[Guard], doors: &[Door], upstream: SocketAddr) -> Envoy {
    let setup = guards[0].setup();
    let path = |name: &str| -> PathBuf { setup.path(name) };
    let own = setup.authority().mint(&id::parse(PAYMENTS).unwrap(), setup.now(), setup.now().after(HOUR)).unwrap();
    own.write(&path("payments")).unwrap();
    setup.write("envoy.pem", &world.anchors());
    let listener = |(index, door): (usize, &Door)| Listener {
        timeout: PATIENCE,
        ..Listener::new(name(index), CheckAddress::Unix(guards[door.guard].setup().socket()))
    };
    let inbound = Inbound {
        certificate: path("payments.pem"),
        key: path("payments.key"),
        roots: path("envoy.pem"),
        upstream,
        listeners: doors.iter().enumerate().map(listener).collect(),
    };
    fs::write(path("svid.json"), inbound.secret().to_string()).unwrap();
    let mut config = inbound.bootstrap(&path("svid.json"));
    for (index, door) in doors.iter().enumerate() {
        door.adapt(&mut config["static_resources"]["listeners"][index]);
    }
    Envoy::start_with(&ENVOY, &config, &path("envoy")).await.unwrap()
}

/// A Hopguard that trusts `world` as it says there, with other rules for evidence.
pub(super) fn setup(world: &World, evidence: &str, sanitized: bool) -> Setup {
    world
        .trusted_by(Setup::new())
        .set("peer.evidence", &format!("[{evidence}]"))
        .set("peer.xfcc", &format!("{{sanitize_set: {sanitized}}}"))
}

/// A Hopguard that takes Envoy's word for the frontend's trust domain alone, and permits nobody who was proved any better.
pub(super) fn asserting(world: &World, evidence: &str) -> Setup {
    let setup = setup(world, evidence, true).set("peer.asserted", "{trust_domains: [prod.example]}");
    setup.policy(&format!(
        "decision := true if {{\n\tinput.peer.assurance == \"asserted\"\n\tinput.peer.spiffe_id == \"{FRONTEND}\"\n}}"
    ));
    setup
}

const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
