//! A SPIRE agent: the Workload API and the SDS of one trust domain, for the programs that are registered.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use rustix::process::geteuid;
use spiffe::{WorkloadApiClient, X509Svid};

use super::{programs::Program, server::Server};
use crate::{child::Child, svid::Svid, until::until};

/// A program that is a workload.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(super) name: &'static str,
    pub(super) selectors: Vec<(&'static str, String)>,
    pub(super) federates_with: Vec<&'static str>,
}

impl Workload {
    /// The workload `name` is whatever runs this program as this user.
    pub(crate) fn new(name: &'static str, program: &Path) -> Self {
        // The agent sees the file that is run, not the name that it was found by.
        let program = fs::canonicalize(program).unwrap().display().to_string();
        let user = geteuid().as_raw().to_string();
        Self { name, selectors: vec![("uid", user), ("path", program)], federates_with: Vec::new() }
    }

    /// The workload `name` is this test.
    pub(crate) fn this_test(name: &'static str) -> Self {
        Self::new(name, &env::current_exe().unwrap())
    }

    /// The same, which is told the bundle of `domain` too.
    pub(crate) fn federated_with(mut self, domain: &'static str) -> Self {
        self.federates_with.push(domain);
        self
    }
}

/// An agent, running or stopped.
#[derive(Debug)]
pub(crate) struct Agent {
    folder: PathBuf,
    child: Option<Child>,
}

impl Agent {
    /// Starts an agent of `server` for these workloads; this test must be one of them.
    pub(crate) async fn start(server: &Server, workloads: Vec<Workload>) -> Self {
        let folder = server.folder().join("agent");
        fs::create_dir_all(folder.join("data")).unwrap();
        server.write_bundle("pem", &folder.join("bootstrap.pem")).await;
        let (token, ()) = tokio::join!(server.join_token(), server.register(&workloads));
        fs::write(folder.join("agent.conf"), config(server, &folder)).unwrap();
        let mut agent = Self { folder, child: None };
        agent.run(&["-joinToken", &token]);
        agent.answers().await;
        agent
    }

    /// The socket of the Workload API, and of SDS.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join("api.sock")
    }

    /// The socket as configurations name it.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// The agent as a source of trust.
    pub(crate) fn source(&self) -> String {
        format!("workload_api: \"{}\"", self.endpoint())
    }

    /// A client of the Workload API that is not ours: who else sees what Hopguard sees?
    pub(crate) async fn client(&self) -> WorkloadApiClient {
        WorkloadApiClient::connect_to(self.endpoint()).await.unwrap()
    }

    /// The X.509-SVID of this test.
    pub(crate) async fn svid(&self) -> Svid {
        Svid::from(&until("an SVID from the agent", || svid(self.endpoint())).await)
    }

    /// A JWT-SVID of this test.
    pub(crate) async fn token(&self, audiences: &[&str]) -> String {
        self.client().await.fetch_jwt_token(audiences, None).await.unwrap()
    }

    /// Stops it as the kernel does.
    pub(crate) async fn kill(&mut self) {
        self.child.take().expect("a running agent").kill().await;
    }

    /// Starts it again, with what it kept on disk.
    pub(crate) async fn revive(&mut self) {
        self.run(&[]);
        self.answers().await;
    }

    fn run(&mut self, words: &[&str]) {
        let mut command = Program::Agent.command();
        command.args(["run", "-config"]).arg(self.folder.join("agent.conf")).args(words);
        self.child = Some(Child::start(command, &self.folder.join("agent.log")));
    }

    /// Waits until this test has its SVID.
    async fn answers(&mut self) {
        let endpoint = self.endpoint();
        let child = self.child.as_mut().expect("a running agent");
        until("an SVID from the agent", || {
            assert!(!child.has_ended(), "the agent ended:\n{}", child.said());
            svid(endpoint.clone())
        })
        .await;
    }
}

async fn svid(endpoint: String) -> Option<X509Svid> {
    WorkloadApiClient::connect_to(endpoint).await.ok()?.fetch_x509_svid().await.ok()
}

fn config(server: &Server, folder: &Path) -> String {
    let (folder, domain, port) = (folder.display(), server.domain(), server.port());
    format!(
        r#"agent {{
  data_dir = "{folder}/data"
  server_address = "127.0.0.1"
  server_port = {port}
  socket_path = "{folder}/api.sock"
  trust_bundle_path = "{folder}/bootstrap.pem"
  trust_domain = "{domain}"
  log_level = "INFO"
  experimental {{
    sync_interval = "1s"
  }}
}}
plugins {{
  NodeAttestor "join_token" {{ plugin_data {{}} }}
  KeyManager "disk" {{ plugin_data {{
    directory = "{folder}/data"
  }} }}
  WorkloadAttestor "unix" {{ plugin_data {{
    discover_workload_path = true
    workload_size_limit = -1
  }} }}
}}
"#
    )
}
