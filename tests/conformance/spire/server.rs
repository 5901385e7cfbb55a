//! A SPIRE server: the authority of one trust domain, and the endpoint that others fetch its bundle from.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::net::{TcpStream, UnixStream};

use super::{agent::Workload, programs::Program};
use crate::{child::Child, svid::Svid};

/// What is different about a server.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    domain: &'static str,
    jwt_key: &'static str,
    plugins: String,
    profile: String,
}

impl Plan {
    /// A server with SPIRE's defaults: P-256 everywhere, a root of its own, and a bundle endpoint that shows an SVID.
    pub(crate) fn new(domain: &'static str) -> Self {
        Self { domain, jwt_key: "ec-p256", plugins: String::new(), profile: "profile \"https_spiffe\" {}".to_owned() }
    }

    /// The same, whose JWT-SVIDs are signed by RSA.
    pub(crate) fn with_rsa_tokens(self) -> Self {
        Self { jwt_key: "rsa-2048", ..self }
    }

    /// The same, below an authority whose certificate and key are in these files.
    pub(crate) fn below(self, certificate: &Path, key: &Path) -> Self {
        let plugins = format!(
            "UpstreamAuthority \"disk\" {{ plugin_data {{
    cert_file_path = \"{}\"
    key_file_path = \"{}\"
  }} }}",
            certificate.display(),
            key.display()
        );
        Self { plugins, ..self }
    }

    /// The same, whose bundle endpoint shows the certificate in these files, for a host name.
    pub(crate) fn with_web_endpoint(self, certificate: &Path, key: &Path) -> Self {
        let profile = format!(
            "profile \"https_web\" {{ serving_cert_file {{
        cert_file_path = \"{}\"
        key_file_path = \"{}\"
        file_sync_interval = \"1h\"
      }} }}",
            certificate.display(),
            key.display()
        );
        Self { profile, ..self }
    }

    /// Starts it in a folder of its own.
    pub(crate) async fn start(self, folder: &Path) -> Server {
        let folder = folder.join(self.domain);
        fs::create_dir_all(folder.join("data")).unwrap();
        // A port that was free may be taken before the server has it.
        for _ in 0..ATTEMPTS {
            if let Some(server) = self.attempt(&folder).await {
                return server;
            }
        }
        panic!("`{}` did not start:\n{}", self.domain, fs::read_to_string(folder.join("server.log")).unwrap());
    }

    async fn attempt(&self, folder: &Path) -> Option<Server> {
        let (port, endpoint) = (free_port(), free_port());
        let config = folder.join("server.conf");
        fs::write(&config, self.config(folder, port, endpoint)).unwrap();
        let mut command = Program::Server.command();
        command.args(["run", "-config"]).arg(&config);
        let child = Child::start(command, &folder.join("server.log"));
        let socket = folder.join("server.sock");
        let mut server = Server { domain: self.domain, folder: folder.to_owned(), socket, port, endpoint, child };
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && !server.child.has_ended() {
            if server.answers().await {
                return Some(server);
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    fn config(&self, folder: &Path, port: u16, endpoint: u16) -> String {
        let Self { domain, jwt_key, plugins, profile } = self;
        let folder = folder.display();
        format!(
            r#"server {{
  bind_address = "127.0.0.1"
  bind_port = {port}
  socket_path = "{folder}/server.sock"
  trust_domain = "{domain}"
  data_dir = "{folder}/data"
  log_level = "INFO"
  ca_ttl = "1h"
  default_x509_svid_ttl = "10m"
  default_jwt_svid_ttl = "5m"
  jwt_key_type = "{jwt_key}"
  experimental {{
    cache_reload_interval = "1s"
  }}
  federation {{
    bundle_endpoint {{
      address = "127.0.0.1"
      port = {endpoint}
      refresh_hint = "10s"
      {profile}
    }}
  }}
}}
plugins {{
  DataStore "sql" {{ plugin_data {{
    database_type = "sqlite3"
    connection_string = "{folder}/data/entries.sqlite3"
  }} }}
  NodeAttestor "join_token" {{ plugin_data {{}} }}
  KeyManager "disk" {{ plugin_data {{
    keys_path = "{folder}/data/keys.json"
  }} }}
  {plugins}
}}
"#
        )
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    domain: &'static str,
    folder: PathBuf,
    socket: PathBuf,
    port: u16,
    endpoint: u16,
    child: Child,
}

impl Server {
    pub(crate) fn domain(&self) -> &'static str {
        self.domain
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where agents find it.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The SPIFFE ID of a workload of this trust domain.
    pub(crate) fn id(&self, name: &str) -> String {
        format!("spiffe://{}/{name}", self.domain)
    }

    /// Where others fetch the bundle, by one of this machine's names.
    pub(crate) fn endpoint(&self, host: &str) -> String {
        format!("https://{host}:{}", self.endpoint)
    }

    /// Writes the bundle into a file, as `pem` or as `spiffe` has it.
    pub(crate) async fn write_bundle(&self, format: &str, file: &Path) {
        fs::write(file, self.ask(&["bundle", "show", "-format", format]).await).unwrap();
    }

    /// Mints an X.509-SVID.
    pub(crate) async fn mint(&self, name: &str, ttl: &str) -> Svid {
        let folder = tempfile::tempdir_in(&self.folder).unwrap();
        let write = folder.path().to_str().unwrap();
        self.ask(&["x509", "mint", "-spiffeID", &self.id(name), "-ttl", ttl, "-write", write]).await;
        Svid::read(folder.path())
    }

    /// Mints a JWT-SVID.
    pub(crate) async fn mint_token(&self, name: &str, audiences: &[&str], ttl: &str) -> String {
        let id = self.id(name);
        let mut words = vec!["jwt", "mint", "-spiffeID", &id, "-ttl", ttl];
        words.extend(audiences.iter().flat_map(|audience| ["-audience", audience]));
        self.ask(&words).await.trim().to_owned()
    }

    /// Makes a token by which one agent may join as `node`.
    pub(super) async fn join_token(&self) -> String {
        let node = self.id(NODE);
        let said = self.ask(&["token", "generate", "-spiffeID", &node, "-ttl", "600", "-output", "json"]).await;
        let said: Value = serde_json::from_str(&said).unwrap();
        said["value"].as_str().unwrap_or_else(|| panic!("no token in {said}")).to_owned()
    }

    /// Registers the workloads of the agent.
    pub(super) async fn register(&self, workloads: &[Workload]) {
        let entry = |(place, workload): (usize, &Workload)| {
            let federated: Vec<_> = workload.federates_with.iter().map(|domain| format!("spiffe://{domain}")).collect();
            json!({
                "entry_id": entry_id(place),
                "parent_id": self.id(NODE),
                "spiffe_id": self.id(workload.name),
                "selectors": workload.selectors.iter().map(|(kind, value)| {
                    json!({"type": "unix", "value": format!("{kind}:{value}")})
                }).collect::<Vec<_>>(),
                "federates_with": federated,
            })
        };
        let entries: Vec<_> = workloads.iter().enumerate().map(entry).collect();
        let file = self.folder.join("entries.json");
        fs::write(&file, json!({"entries": entries}).to_string()).unwrap();
        self.ask(&["entry", "create", "-data", file.to_str().unwrap()]).await;
    }

    /// Knows the workload at this place among the registered ones no more.
    pub(crate) async fn deregister(&self, place: usize) {
        self.ask(&["entry", "delete", "-entryID", &entry_id(place)]).await;
    }

    /// Believes `other`, and fetches its bundle from then on.
    pub(crate) async fn federate(&self, other: &Self) {
        let bundle = self.folder.join("federated.json");
        other.write_bundle("spiffe", &bundle).await;
        self.ask(&[
            "federation",
            "create",
            "-trustDomain",
            other.domain,
            "-bundleEndpointURL",
            &other.endpoint("127.0.0.1"),
            "-bundleEndpointProfile",
            "https_spiffe",
            "-endpointSpiffeID",
            &other.id("spire/server"),
            "-trustDomainBundleFormat",
            "spiffe",
            "-trustDomainBundlePath",
            bundle.to_str().unwrap(),
        ])
        .await;
    }

    /// Believes `other` no more, and tells nobody of it.
    pub(crate) async fn forget(&self, other: &Self) {
        self.ask(&["federation", "delete", "-id", other.domain]).await;
        let id = format!("spiffe://{}", other.domain);
        self.ask(&["bundle", "delete", "-id", &id, "-mode", "dissociate"]).await;
    }

    /// Runs a command of `spire-server` against it.
    pub(super) async fn ask(&self, words: &[&str]) -> String {
        self.try_ask(words).await.unwrap_or_else(|said| panic!("{said}"))
    }

    async fn try_ask(&self, words: &[&str]) -> Result<String, String> {
        let socket = ["-socketPath", self.socket.to_str().unwrap()];
        Program::Server.try_ask(&[words, &socket].concat()).await
    }

    async fn answers(&self) -> bool {
        let endpoint = SocketAddr::from(([127, 0, 0, 1], self.endpoint));
        let agents = SocketAddr::from(([127, 0, 0, 1], self.port));
        UnixStream::connect(&self.socket).await.is_ok()
            && TcpStream::connect(agents).await.is_ok()
            && TcpStream::connect(endpoint).await.is_ok()
    }
}

fn entry_id(place: usize) -> String {
    format!("workload-{place}")
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// The name under which the agent joins.
pub(super) const NODE: &str = "node";
const ATTEMPTS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
