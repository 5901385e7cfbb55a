//! A running Hopguard: the real binary as a child process, asked over its socket.

use std::{
    fs::{self, File},
    net::SocketAddr,
    process::Stdio,
};

use bytes::Bytes;
use hopguard::{
    dev::ask,
    pb::{CheckRequest, authorization_client::AuthorizationClient},
};
use http::StatusCode;
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    net::UnixStream,
    process::{Child, Command},
};
use tonic::transport::{Channel, Endpoint};

use super::{Answer, Hop, Setup, Wire, until};

/// A Hopguard that listens.
pub(crate) struct Guard {
    setup: Setup,
    child: Child,
    admin: SocketAddr,
    client: AuthorizationClient<Channel>,
}

/// How a Hopguard ended, and what it left behind.
pub(crate) struct Ended {
    pub(crate) setup: Setup,
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
}

impl Guard {
    pub(crate) async fn start() -> Self {
        Setup::new().start().await
    }

    pub(super) async fn launch(setup: Setup) -> Self {
        let mut child = spawn(&setup);
        let address = setup.path("admin.address");
        let admin = until("listening", || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended ({ended:?}) and said\n{}", setup.said());
            std::future::ready(fs::read_to_string(&address).ok().and_then(|text| text.parse().ok()))
        })
        .await;
        let client = AuthorizationClient::new(channel(&setup));
        Self { setup, child, admin, client }
    }

    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    pub(crate) fn setup_mut(&mut self) -> &mut Setup {
        &mut self.setup
    }

    /// A hop of the frontend to `/charge`, that may happen.
    pub(crate) fn hop(&self) -> Hop<'_> {
        self.setup.hop().at(self)
    }

    pub(crate) async fn check(&self, request: CheckRequest) -> Answer {
        self.try_check(request).await.expect("a Check is never answered with a gRPC error")
    }

    pub(crate) async fn try_check(&self, request: CheckRequest) -> Result<Answer, tonic::Status> {
        self.client.clone().check(request).await.map(|response| Answer(response.into_inner()))
    }

    /// A connection of its own, to send frames over.
    pub(crate) async fn wire(&self) -> Wire {
        Wire::connect(&self.setup.socket()).await
    }

    /// A client with a connection of its own.
    pub(crate) fn client(&self) -> AuthorizationClient<Channel> {
        AuthorizationClient::new(channel(&self.setup))
    }

    pub(crate) async fn ready(&self) {
        until("readiness", async || self.is_ready().await.then_some(())).await;
    }

    pub(crate) async fn is_ready(&self) -> bool {
        matches!(ask::get(self.admin, "/readyz").await, Ok((StatusCode::OK, _)))
    }

    /// What `/readyz?verbose` says.
    pub(crate) async fn state(&self) -> Value {
        let (_, body) = self.get("/readyz?verbose").await;
        serde_json::from_slice(&body).unwrap()
    }

    /// What is wrong with a part of the snapshot, as `/readyz?verbose` tells it; waits until it tells.
    pub(crate) async fn problems(&self, part: &str) -> String {
        until(&format!("a problem of {part}"), async || {
            let state = self.state().await;
            let problems = state["parts"][part]["problems"].as_array()?;
            let lines: Vec<&str> = problems.iter().filter_map(Value::as_str).collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        })
        .await
    }

    /// Waits until a part of the snapshot is served as it is on disk.
    pub(crate) async fn repaired(&self, part: &str) {
        until(&format!("the repair of {part}"), async || {
            let state = self.state().await;
            let problems = state["parts"][part]["problems"].as_array()?;
            problems.is_empty().then_some(())
        })
        .await;
    }

    /// The value of a metric, named with its labels.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.get("/metrics").await;
        let text = String::from_utf8(text.to_vec()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric `{name}` in\n{text}")).trim().parse().unwrap()
    }

    /// How often Checks were answered for `reason`; `none` is an allow.
    pub(crate) async fn counted(&self, reason: &str) -> u64 {
        let answered = if reason == "none" { "allow" } else { "deny" };
        self.metric(&format!("hopguard_decisions_total{{answered=\"{answered}\",reason=\"{reason}\"}}")).await
    }

    /// The audit record of an answer, as soon as it is on disk.
    pub(crate) async fn record(&self, answer: &Answer) -> Value {
        let id = answer.id();
        until("the audit record", async || self.setup.records().into_iter().find(|it| it["decision_id"] == id)).await
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Bytes) {
        ask::get(self.admin, path).await.unwrap()
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Sends `signal` to the process.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) fn pid(&self) -> Pid {
        let id = self.child.id().expect("it has not been waited for");
        Pid::from_raw(id.try_into().unwrap()).unwrap()
    }

    /// Ends it as Kubernetes does.
    pub(crate) async fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        self.end().await
    }

    /// Ends it as the kernel does when memory is short.
    pub(crate) async fn kill(self) -> Ended {
        self.signal(Signal::KILL);
        self.end().await
    }

    /// Waits for its end.
    pub(crate) async fn end(mut self) -> Ended {
        let code = code(&mut self.child).await;
        Ended { setup: self.setup, code }
    }

    /// What it wrote to standard error.
    pub(crate) fn said(&self) -> String {
        self.setup.said()
    }
}

impl Setup {
    /// The records on disk: whole lines.
    pub(crate) fn records(&self) -> Vec<Value> {
        let text = fs::read(self.log()).unwrap_or_default();
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        text[..whole]
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("a line of JSON"))
            .collect()
    }

    /// What Hopguard wrote to standard error.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.path("hopguard.log")).unwrap_or_default()
    }

    /// Starts Hopguard, which will not serve, and waits for its end.
    pub(crate) async fn refused(self) -> Ended {
        let code = code(&mut spawn(&self)).await;
        Ended { setup: self, code }
    }
}

fn spawn(setup: &Setup) -> Child {
    let (config, address) = (setup.write_config(), setup.path("admin.address"));
    // What an earlier run left would be believed.
    let _ = fs::remove_file(&address);
    let log = File::options().create(true).append(true).open(setup.path("hopguard.log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopguard"));
    command.arg("serve").arg("--config").arg(config).arg("--admin-address-file").arg(&address).args(setup.arguments());
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).kill_on_drop(true);
    command.spawn().unwrap()
}

/// The exit code of a process that is about to end; none if a signal ended it.
async fn code(child: &mut Child) -> Option<i32> {
    until("the end of the process", || std::future::ready(child.try_wait().unwrap())).await.code()
}

/// Connects when it is first used, and again when it has to.
fn channel(setup: &Setup) -> Channel {
    let socket = setup.socket();
    let connect = tower::service_fn(move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    // The name is not resolved: the socket is the address.
    Endpoint::from_static("http://hopguard.invalid").connect_with_connector_lazy(connect)
}
