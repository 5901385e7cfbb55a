//! The part of `hopguard check` that asks a running Hopguard: what counts is a decision, and one that lets nobody in.
//!
//! It asks as a stranger would who shows nothing, for an upgrade, which no public route is. Whoever is let in by that is let in by anything.

use std::{
    error::Error,
    fmt,
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use clap::Args;
use prost_types::value::Kind;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use crate::{
    cli::{argument::span, asking::Line, exit::Exit},
    clock::Clock,
    decision::{self, Reason},
    pb::{
        CheckRequest, CheckResponse, StatusCode, authorization_client::AuthorizationClient,
        check_response::HttpResponse,
    },
    yaml::quote,
};

/// Whom `check` asks, and for how long.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct AskArgs {
    /// Ask the Hopguard that listens at `unix:/path`, or at a loopback `ip:port`, for a decision about a stranger, as Envoy would
    #[arg(
        long,
        value_name = "ADDRESS",
        value_parser = Address::parse,
        group = "what",
        conflicts_with_all = ["config", "envoy", "policy", "governance", "explain"],
    )]
    ask: Option<Address>,
    /// How long it may take to come up and to decide
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = span, requires = "ask")]
    timeout: Duration,
}

/// Where a Hopguard listens that can be asked without an SVID.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Address {
    Unix(String),
    Tcp(SocketAddr),
}

/// What was answered, as far as anybody may believe it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Answer {
    /// Whether Envoy would let the request through.
    lets_through: bool,
    /// Whether it would under full enforcement too; only Hopguard's own style says so.
    allowed: Option<bool>,
    reason: Option<String>,
    decision: Option<String>,
    /// What the caller of a denied hop is told.
    http: Option<i32>,
}

/// Why an answer is no proof of a Hopguard that guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error(
        "it let a stranger in: set `mode.proof` to `enforce`, and look at what the policy allows to those who show nothing"
    )]
    LetIn,
    #[error("it decides nothing yet: `/readyz?verbose` on its admin address says what is missing")]
    Undecided,
    #[error("the answer names no decision: what listens there is no Hopguard")]
    Unnamed,
}

/// How asking ended: with the last answer, or with the last obstacle.
type Asked = Result<Answer, String>;

impl AskArgs {
    /// Asks, if anybody is to be asked, until there is a decision or the time is over, and writes what came of it.
    pub(super) fn run(&self, is_json: bool, out: &mut impl Write) -> Option<io::Result<Exit>> {
        let address = self.ask.as_ref()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let asked = runtime.map(|runtime| runtime.block_on(ask(address, self.timeout)));
        Some(asked.and_then(|asked| tell(address, &asked, is_json, out)))
    }
}

impl Address {
    fn parse(text: &str) -> Result<Self, String> {
        let is_path = |path: &str| path.starts_with('/') && Endpoint::from_shared(format!("unix://{path}")).is_ok();
        match text.strip_prefix("unix:") {
            Some(path) if is_path(path) => Ok(Self::Unix(path.to_owned())),
            Some(_) => Err("a socket has an absolute path: write `unix:/path`".to_owned()),
            None => match text.parse::<SocketAddr>() {
                Ok(address) if address.ip().is_loopback() => Ok(Self::Tcp(address)),
                Ok(_) => Err("beyond loopback Hopguard answers only who shows an SVID: ask where it runs".to_owned()),
                Err(_) => Err("write `unix:/path` or `ip:port`".to_owned()),
            },
        }
    }

    fn endpoint(&self) -> Result<Endpoint, tonic::transport::Error> {
        match self {
            Self::Unix(path) => Endpoint::from_shared(format!("unix://{path}")),
            Self::Tcp(address) => Endpoint::from_shared(format!("http://{address}")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{path}"),
            Self::Tcp(address) => write!(f, "{address}"),
        }
    }
}

/// Asks again and again until there is a decision, or no time.
async fn ask(address: &Address, patience: Duration) -> Asked {
    let endpoint = address.endpoint().map_err(|error| error.to_string())?;
    let end = Instant::now() + patience;
    let mut last = Err("nobody answered in time".to_owned());
    loop {
        // What is under way when the time is over was no answer, and says less than the one before.
        let Ok(asked) = timeout_at(end, once(&endpoint)).await else { return last };
        last = asked;
        let is_final = last.as_ref().is_ok_and(|answer| answer.fault() != Some(Fault::Undecided));
        if is_final || Instant::now() + PAUSE >= end {
            return last;
        }
        sleep(PAUSE).await;
    }
}

async fn once(endpoint: &Endpoint) -> Asked {
    let channel: Channel = endpoint.connect().await.map_err(|error| obstacle(&error))?;
    let answered = AuthorizationClient::new(channel).check(question()).await;
    answered.map(|response| Answer::of(&response.into_inner())).map_err(|status| refused(&status))
}

/// A hop by nobody, to nothing that is there.
fn question() -> CheckRequest {
    let line = Line {
        method: "GET".to_owned(),
        scheme: "https".to_owned(),
        host: "hopguard.invalid".to_owned(),
        path: "/.hopguard/ask".to_owned(),
        headers: [("upgrade".to_owned(), "hopguard-ask".to_owned())].into(),
        body: String::new(),
    };
    line.check(Clock::default().now())
}

/// Hopguard answers no Check with an error: something else listens, or we are not Envoy.
fn refused(status: &Status) -> String {
    match status.source() {
        Some(source) => obstacle(source),
        None => format!("what listens there is no Hopguard: it answered with gRPC status {:?}", status.code()),
    }
}

/// What was in the way. Whoever may not ask is let in far enough to be told nothing.
fn obstacle(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(
            io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::NotADirectory,
        ) => format!("cannot be reached: {cause}"),
        _ => format!("it closed the connection ({cause}): if it is a Hopguard, name who asks in `listen[].allow`"),
    }
}

impl Answer {
    fn of(response: &CheckResponse) -> Self {
        let field = |name: &str| response.dynamic_metadata.as_ref()?.fields.get(name)?.kind.clone();
        let text = |name: &str| if let Kind::StringValue(text) = field(name)? { Some(text) } else { None };
        let denied = match &response.http_response {
            Some(HttpResponse::DeniedResponse(denied)) => Some(denied),
            _ => None,
        };
        Self {
            // As Envoy reads it: an answer without a status is an allow.
            lets_through: response.status.as_ref().is_none_or(|status| status.code == 0),
            allowed: if let Some(Kind::BoolValue(allowed)) = field("allowed") { Some(allowed) } else { None },
            reason: text("reason"),
            decision: text("decision_id").filter(|id| !id.is_empty()),
            http: denied.and_then(|denied| denied.status.as_ref()).map(|status| status.code),
        }
    }

    fn fault(&self) -> Option<Fault> {
        if self.decision.is_none() {
            Some(Fault::Unnamed)
        } else if self.lets_through {
            // What is only observed lets everybody through, and says that it would not.
            (self.allowed != Some(false)).then_some(Fault::LetIn)
        } else {
            self.is_undecided().then_some(Fault::Undecided)
        }
    }

    /// Whether it says only that Hopguard cannot tell.
    fn is_undecided(&self) -> bool {
        let known = self.reason.as_deref().and_then(|name| Reason::ALL.into_iter().find(|it| it.as_str() == name));
        match known {
            Some(reason) => reason.status() == decision::Status::ServiceUnavailable,
            None => self.http == Some(StatusCode::ServiceUnavailable.into()),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "answered": if self.lets_through { "allow" } else { "deny" },
            "reason": self.reason,
            "decision_id": self.decision,
            "status": self.http,
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = self.reason.as_deref().map(|reason| format!(" for {}", quote(reason))).unwrap_or_default();
        match (self.lets_through, self.allowed) {
            (true, Some(false)) => write!(f, "let through, only observed, what would be denied{because}")?,
            (true, _) => f.write_str("allowed")?,
            (false, _) => write!(f, "denied{because}")?,
        }
        if let Some(id) = &self.decision { write!(f, ", decision {}", quote(id)) } else { Ok(()) }
    }
}

fn tell(address: &Address, asked: &Asked, is_json: bool, out: &mut impl Write) -> io::Result<Exit> {
    let (exit, problem) = match asked {
        Ok(answer) => match answer.fault() {
            None => (Exit::Yes, None),
            Some(fault) => (Exit::Failed, Some(fault.to_string())),
        },
        Err(obstacle) => (Exit::Unreachable, Some(obstacle.clone())),
    };
    if is_json {
        let answer = asked.as_ref().ok().map(Answer::to_json);
        let ask = json!({"address": address.to_string(), "answer": answer, "problem": problem});
        writeln!(out, "{:#}", json!({"ok": exit == Exit::Yes, "ask": ask}))?;
        return Ok(exit);
    }
    if let Ok(answer) = asked {
        writeln!(out, "{:10} {address}: {answer}", "ask")?;
    }
    if let Some(problem) = problem {
        writeln!(out, "{address}: {problem}")?;
    }
    Ok(exit)
}

/// Between two questions: as often as a probe would be too seldom.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
