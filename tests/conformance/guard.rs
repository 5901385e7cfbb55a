//! The Hopguard under test: the real binary beside `payments`, with a grant for each caller that a scenario names.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use hopguard::{
    clock::{Clock, Timestamp},
    dev::{ALLOWED, Sidecar, ask},
    pb::{
        AttributeContext, CheckRequest,
        attribute_context::{HttpRequest, Peer, Request},
        authorization_client::AuthorizationClient,
    },
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};

use crate::{answer::Answer, svid::Svid, until::until};

/// The workload that Hopguard stands beside.
pub(crate) const PAYMENTS: &str = "spiffe://home.test/payments";

/// What Hopguard is configured with, in YAML.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    trust: Vec<String>,
    lines: Vec<String>,
    callers: Vec<String>,
}

impl Plan {
    /// Trusts a trust domain by the source that `source` names.
    pub(crate) fn trusting(mut self, domain: &str, source: &str) -> Self {
        self.trust.push(format!("  - {{trust_domain: {domain}, {source}}}\n"));
        self
    }

    /// Adds a section.
    pub(crate) fn with(mut self, line: &str) -> Self {
        self.lines.push(format!("{line}\n"));
        self
    }

    /// Grants this workload to read under `/ledger`.
    pub(crate) fn granting(mut self, caller: &str) -> Self {
        self.callers.push(caller.to_owned());
        self
    }

    /// Starts Hopguard in a folder of its own, and waits until it is ready.
    pub(crate) async fn start(&self, folder: &Path) -> Guard {
        fs::create_dir_all(folder.join("documents")).unwrap();
        fs::create_dir_all(folder.join("policy")).unwrap();
        fs::write(folder.join("hopguard.yaml"), self.config(folder)).unwrap();
        fs::write(folder.join("documents/all.yaml"), self.documents(Clock::default().now())).unwrap();
        fs::write(folder.join("policy/authz.rego"), "package hopguard.authz\n\ndecision := true\n").unwrap();
        let executable = Path::new(env!("CARGO_BIN_EXE_hopguard"));
        let stem = folder.join("hopguard");
        let started = Sidecar::start(executable, &folder.join("hopguard.yaml"), &stem).await;
        let sidecar = started.unwrap_or_else(|error| panic!("{error}"));
        Guard { client: AuthorizationClient::new(channel(folder.join(SOCKET))), sidecar, folder: folder.to_owned() }
    }

    /// Records go to standard output, which nobody waits for: a busy machine's disk would count as an outage of the audit.
    fn config(&self, folder: &Path) -> String {
        let (socket, trust, lines) = (folder.join(SOCKET), self.trust.concat(), self.lines.concat());
        let listen = if lines.contains("listen:") {
            String::new()
        } else {
            format!("listen: [{{address: \"unix:{}\"}}]\n", socket.display())
        };
        format!(
            "self: {PAYMENTS}
{listen}admin: {{address: \"127.0.0.1:0\"}}
trust:
{trust}store: {{directory: documents}}
policy: {{directory: policy, timeout: 1s}}
response: {{reveal: full}}
audit: {{file: \"-\"}}
limits: {{deadline: 10s}}
{lines}"
        )
    }

    fn documents(&self, now: Timestamp) -> String {
        let (from, until) = (Timestamp::from_seconds(now.seconds() - 60), now.after(Duration::from_secs(86_400)));
        let purpose = "---
apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: checkout}
spec: {name: checkout, owner: team-shop}
";
        let grants = self.callers.iter().enumerate().map(|(number, caller)| {
            format!(
                "---
apiVersion: hopguard.dev/v1alpha1
kind: Grant
metadata: {{name: ledger-{number}}}
spec:
  type: standing
  subject: {{spiffeId: {caller}}}
  audience: {PAYMENTS}
  actions: [{{methods: [GET], paths: [/ledger]}}]
  purposes: [checkout]
  owner: team-shop
  requestedBy: bob@example.com
  approver: alice@example.com
  notBefore: {from}
  reviewBy: {from}
  expiresAt: {until}
"
            )
        });
        [purpose.to_owned()].into_iter().chain(grants).collect()
    }
}

/// A Hopguard that is ready.
#[derive(Debug)]
pub(crate) struct Guard {
    client: AuthorizationClient<Channel>,
    sidecar: Sidecar,
    folder: PathBuf,
}

impl Guard {
    /// Where Envoy asks.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.join(SOCKET)
    }

    /// Who asks as Envoy does, with whatever certificate; to keep, and to take along.
    pub(crate) fn asker(&self) -> Asker {
        Asker { client: self.client.clone() }
    }

    /// Waits until the holder of this SVID is let in: a bundle that is fetched may come after readiness.
    pub(crate) async fn lets_in(&self, svid: &Svid) {
        until("the first fetch", async || (self.asker().outcome(svid).await == ALLOWED).then_some(())).await;
    }

    /// Which trust it decides by.
    pub(crate) async fn trust_revision(&self) -> String {
        let state = self.state().await;
        state["parts"]["trust"]["revision"].as_str().expect("a revision").to_owned()
    }

    /// Waits until it decides by another trust than that.
    pub(crate) async fn trusts_anew(&self, before: &str) {
        until("another trust", async || (self.trust_revision().await != before).then_some(())).await;
    }

    /// The same, where news may take as long as `span`.
    pub(crate) async fn trusts_anew_within(&self, span: Duration, before: &str) {
        let end = Instant::now() + span;
        while self.trust_revision().await == before {
            assert!(Instant::now() < end, "no news of trust within {span:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn state(&self) -> Value {
        let (_, body) = ask::get(self.sidecar.admin(), "/readyz?verbose").await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    /// Waits until it says that something is wrong with what it trusts.
    pub(crate) async fn troubled(&self) -> String {
        until("a problem of trust", async || {
            let state = self.state().await;
            let problems = state["parts"]["trust"]["problems"].as_array()?;
            let lines: Vec<_> = problems.iter().filter_map(Value::as_str).collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        })
        .await
    }
}

/// Somebody on the unix socket.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    client: AuthorizationClient<Channel>,
}

impl Asker {
    /// Asks over a channel of the caller's own.
    pub(crate) fn over(channel: Channel) -> Self {
        Self { client: AuthorizationClient::new(channel) }
    }

    /// `allowed` or the reason of the denial.
    pub(crate) async fn outcome(&self, svid: &Svid) -> String {
        outcome(&self.ask(svid).await)
    }

    /// Whether the holder of this SVID may read the ledger.
    pub(crate) async fn ask(&self, svid: &Svid) -> Answer {
        self.check(hop(svid, None)).await
    }

    /// The same, with a token.
    pub(crate) async fn ask_with(&self, svid: &Svid, token: &str) -> Answer {
        self.check(hop(svid, Some(token))).await
    }

    /// The same of somebody who may not be let in at all: nothing is the answer of who does not even listen.
    pub(crate) async fn try_ask(&self, svid: &Svid) -> Option<Answer> {
        let answered = self.client.clone().check(hop(svid, None)).await;
        answered.ok().map(|response| Answer(response.into_inner()))
    }

    async fn check(&self, request: CheckRequest) -> Answer {
        let answered = self.client.clone().check(request).await;
        Answer(answered.expect("a Check is never answered with a gRPC error").into_inner())
    }
}

/// `allowed` or the reason of a denial.
pub(crate) fn outcome(answer: &Answer) -> String {
    answer.reason().unwrap_or_else(|| ALLOWED.to_owned())
}

/// A hop as Envoy would ask about it.
fn hop(svid: &Svid, token: Option<&str>) -> CheckRequest {
    let mut headers = vec![("x-hop-purpose".to_owned(), "checkout".to_owned())];
    headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
    let http = HttpRequest {
        id: "1".to_owned(),
        method: "GET".to_owned(),
        path: "/ledger".to_owned(),
        host: "payments".to_owned(),
        scheme: "https".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        headers: headers.into_iter().collect(),
        ..HttpRequest::default()
    };
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(Peer { certificate: svid.shown(), principal: svid.id(), ..Peer::default() }),
            destination: Some(Peer { principal: PAYMENTS.to_owned(), ..Peer::default() }),
            request: Some(Request { http: Some(http), ..Request::default() }),
            ..AttributeContext::default()
        }),
    }
}

fn channel(socket: PathBuf) -> Channel {
    let connect = move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    };
    Endpoint::from_static("http://hopguard").connect_with_connector_lazy(tower::service_fn(connect))
}

const PAUSE: Duration = Duration::from_millis(50);
const SOCKET: &str = "check.sock";
