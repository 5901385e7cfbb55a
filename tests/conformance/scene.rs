//! The trust domains of a scenario: the home domain of `payments` and `orders`, and perhaps a friend's, which tell each other their bundles.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};

use crate::{
    folder::Folder,
    gate::ENVOY,
    spire::{Agent, FRIEND, HOME, Plan, Server, Workload},
};

/// The home domain. `orders` is this test; `payments` are the Envoy and the Hopguard of it.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) agent: Agent,
    pub(crate) server: Server,
}

/// Two domains. `visitor` of the friend's is this test too.
#[derive(Debug)]
pub(crate) struct Federated {
    pub(crate) home: Home,
    pub(crate) visitors: Agent,
    pub(crate) friend: Server,
}

impl Home {
    pub(crate) async fn start(folder: &Folder) -> Self {
        Self::start_as(Plan::new(HOME), folder).await
    }

    /// Starts one that is different.
    pub(crate) async fn start_as(plan: Plan, folder: &Folder) -> Self {
        let server = plan.start(folder.path()).await;
        let agent = Agent::start(&server, workloads()).await;
        Self { agent, server }
    }
}

impl Federated {
    /// Starts both; the friend's tokens are signed by RSA.
    pub(crate) async fn start(folder: &Folder) -> Self {
        Self::start_as(Plan::new(HOME), folder).await
    }

    /// Starts both, with a home domain that is different.
    pub(crate) async fn start_as(ours: Plan, folder: &Folder) -> Self {
        let theirs = Plan::new(FRIEND).with_rsa_tokens();
        let (server, friend) = tokio::join!(ours.start(folder.path()), theirs.start(folder.path()));
        tokio::join!(server.federate(&friend), friend.federate(&server));
        let workloads = workloads().into_iter().map(|workload| workload.federated_with(FRIEND)).collect();
        let visitor = vec![Workload::this_test("visitor").federated_with(HOME)];
        let (agent, visitors) = tokio::join!(Agent::start(&server, workloads), Agent::start(&friend, visitor));
        Self { home: Home { agent, server }, visitors, friend }
    }
}

fn workloads() -> Vec<Workload> {
    vec![
        Workload::this_test("orders"),
        Workload::new("payments", &ENVOY),
        Workload::new("payments", Path::new(env!("CARGO_BIN_EXE_hopguard"))),
    ]
}

/// The place of the Hopguard among them.
pub(crate) const GUARD: usize = 2;

/// A root that SPIRE stands below, as files: the certificate and its key.
pub(crate) fn upstream_authority(folder: &Path) -> (PathBuf, PathBuf) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "upstream authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let [root, root_key] = ["upstream.pem", "upstream.key"].map(|name| folder.join(name));
    fs::write(&root, certificate.pem()).unwrap();
    fs::write(&root_key, key.serialize_pem()).unwrap();
    (root, root_key)
}
