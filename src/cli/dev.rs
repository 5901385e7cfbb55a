//! `hopguard dev`: the playground at a terminal.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use http::Method;
use tokio::signal::unix::{SignalKind, signal};

use super::{complain, exit::Exit};
use crate::{
    clock::Clock,
    dev::{
        Answer, Call, Error, Folder, Playground, Programs, RENEW_EVERY, Verdict,
        envoy::{self, Search},
        hint, script, spiffe_id,
    },
};

/// Run a local playground: a throwaway trust domain, three workloads, real Envoys
///
/// `web` calls `orders`, `orders` calls `payments`; each is an echo server behind its own Envoy with mutual TLS and its own Hopguard. The folder
/// holds documents, policy and configurations to edit while it runs. Nothing needs root, a container or a network.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DevArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The folder to work in; made, with sample files, if it is not there [default: hopguard-dev, or a temporary one for a script]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Tell a story instead of waiting for calls; fails if one answer is not the expected one
    #[arg(long, value_enum)]
    script: Option<Script>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make one real call from workload to workload, and say what would change its answer
    Call(CallArgs),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Script {
    /// Allow, and nine ways to be refused
    Demo,
}

#[derive(Debug, Args)]
struct CallArgs {
    /// The workload that calls: web, orders or payments
    from: String,
    /// The path, with its query
    path: String,
    /// The workload that is called
    #[arg(long)]
    to: String,
    /// What the call is for
    #[arg(long)]
    purpose: Option<String>,
    /// The method [default: GET, or POST with a body]
    #[arg(long)]
    method: Option<Method>,
    /// A further header, as `name: value`; may be given several times
    #[arg(long = "header", value_name = "NAME:VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The body
    #[arg(long)]
    body: Option<String>,
    /// Go in by the port of payments' Envoy that asks orders' Hopguard
    #[arg(long)]
    miswired: bool,
    /// The folder of the running playground
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DIR)]
    dir: PathBuf,
}

impl DevArgs {
    /// Runs the verb. A call exits with 0 if it was allowed, 1 if it was denied, 5 if there was no decision.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match (self.verb, self.script) {
            (Some(Verb::Call(call)), _) => call.run().await,
            (None, Some(Script::Demo)) => demo(self.dir.as_deref()).await,
            (None, None) => playground(self.dir.as_deref().unwrap_or_else(|| Path::new(DEFAULT_DIR))).await,
        }
    }
}

async fn playground(dir: &Path) -> anyhow::Result<ExitCode> {
    let (mut ended, clock) = (Ended::watch()?, Clock::default());
    let programs = programs()?;
    let folder = Folder::create(dir, clock.now())?;
    let playground = tokio::select! {
        started = patiently("starting three Envoys and three Hopguards", Playground::start(&programs, folder, clock.now())) => started?,
        () = ended.wait() => return Ok(Exit::Yes.into()),
    };
    welcome(dir);
    let mut renewals = tokio::time::interval(RENEW_EVERY);
    // The first tick is now, and the SVIDs are fresh.
    renewals.tick().await;
    loop {
        tokio::select! {
            _ = renewals.tick() => playground.renew(clock.now())?,
            () = ended.wait() => break,
        }
    }
    println!("Stopping");
    patiently("stopping", playground.stop()).await;
    Ok(Exit::Yes.into())
}

async fn demo(dir: Option<&Path>) -> anyhow::Result<ExitCode> {
    let (mut ended, clock) = (Ended::watch()?, Clock::default());
    let began = Instant::now();
    let mut scratch = tempfile::Builder::new().prefix("hopguard-demo-").tempdir().context("cannot make a folder")?;
    let dir = dir.unwrap_or_else(|| scratch.path());
    let (mut passed, mut failed) = (0, 0);
    let told = async {
        let programs = programs()?;
        let folder = Folder::create(dir, clock.now())?;
        let starting = Playground::start(&programs, folder, clock.now());
        let playground = patiently("starting three Envoys and three Hopguards", starting).await?;
        println!(
            "Three workloads, each behind its own Envoy and Hopguard, up in {:.1} s",
            began.elapsed().as_secs_f64()
        );
        let story = script::demo(&playground, clock.now(), |told| {
            if told.passed() {
                passed += 1
            } else {
                failed += 1
            }
            println!("{told}");
        });
        let story = patiently("telling the story", story).await;
        playground.stop().await;
        anyhow::Ok(story?)
    };
    let told = tokio::select! {
        told = told => told,
        () = ended.wait() => return Ok(Exit::Failed.into()),
    };
    println!("{passed} passed, {failed} failed, in {:.1} s", began.elapsed().as_secs_f64());
    if told.is_err() || failed > 0 {
        println!("Everything that was said is in `{}`", dir.display());
        scratch.disable_cleanup(true);
        told?;
        return Ok(Exit::Failed.into());
    }
    Ok(Exit::Yes.into())
}

impl CallArgs {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let method = if self.body.is_some() { Method::POST } else { Method::GET };
        let call = Call {
            method: self.method.unwrap_or(method),
            from: self.from,
            to: self.to,
            path: self.path,
            purpose: self.purpose,
            headers: self.headers,
            body: self.body.unwrap_or_default().into(),
        };
        match send(&call, self.miswired, &self.dir).await {
            Ok(answer) => Ok(explain(&call, &answer)),
            Err(error @ (Error::Unreachable { .. } | Error::NotRunning(_))) => {
                complain(&error.to_string());
                Ok(Exit::Unreachable.into())
            }
            Err(error @ (Error::UnknownWorkload(_) | Error::NotMiswired(_) | Error::Request(_))) => {
                complain(&format!("{:#}", anyhow::Error::from(error)));
                Ok(Exit::Usage.into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

async fn send(call: &Call, miswired: bool, dir: &Path) -> Result<Answer, Error> {
    let to = spiffe_id(&call.to)?;
    let folder = Folder::open(dir)?;
    let record = folder.record()?;
    let place = record.place(&call.to)?;
    let address = match (miswired, place.miswired) {
        (false, _) => place.inbound,
        (true, Some(address)) => address,
        (true, None) => return Err(Error::NotMiswired(call.to.clone())),
    };
    let mut connection = folder.caller(&call.from)?.connect(address, &to).await?;
    call.send(&mut connection).await
}

fn explain(call: &Call, answer: &Answer) -> ExitCode {
    let line = |name: &str, value: &str| println!("{name:<13}{value}");
    line("status", &answer.status.to_string());
    let code = match &answer.verdict {
        Verdict::Allowed { decision, grant, .. } => {
            line("reason", answer.outcome());
            line("decision", decision);
            line("grant", grant.as_deref().unwrap_or("none"));
            Exit::Yes.into()
        }
        Verdict::Denied(denied) => {
            line("reason", answer.outcome());
            line("decision", &denied.decision);
            for (name, value) in [("detail", &denied.detail), ("message", &denied.message)] {
                if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
                    line(name, value);
                }
            }
            Exit::Failed.into()
        }
        Verdict::Undecided(said) => {
            line("undecided", said);
            if answer.status.is_client_error() { Exit::Failed.into() } else { Exit::Unreachable.into() }
        }
    };
    line("to change it", &hint(call, answer));
    code
}

fn programs() -> anyhow::Result<Programs> {
    let hopguard = env::current_exe().context("cannot tell where this program is")?;
    let near = env::current_dir().into_iter().chain([hopguard.clone()]).collect();
    let envoy = envoy::find(&Search { named: env::var_os("ENVOY_BIN"), path: env::var_os("PATH"), near })?;
    Ok(Programs { envoy, hopguard })
}

fn welcome(dir: &Path) {
    let name = dir.display();
    let place = if dir == Path::new(DEFAULT_DIR) { String::new() } else { format!(" --dir '{name}'") };
    println!(
        "Ready: web -> orders -> payments, each behind its own Envoy and Hopguard.

Call, in another terminal:
  hopguard dev call orders /charge --to payments --purpose checkout{place}
  hopguard dev call web /charge --to payments --purpose checkout{place}
  hopguard dev call orders '/charge?amount=5000' --to payments --purpose checkout{place}

Edit, and call again:
  {name}/documents/    who may do what to whom, for which purpose, until when
  {name}/policy/       what may happen right now
  {name}/audit/        every decision and why, one JSON line each

Ctrl-c stops everything."
    );
}

/// Says what is going on when it takes long enough to wonder.
async fn patiently<T>(what: &str, work: impl Future<Output = T>) -> T {
    let began = tokio::time::Instant::now();
    let mut ticks = tokio::time::interval_at(began + WONDER, WONDER);
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => eprintln!("... {what} ({} s)", began.elapsed().as_secs()),
        }
    }
}

/// The signals that end a playground: ctrl-c, a stop, a closed terminal.
struct Ended([tokio::signal::unix::Signal; 3]);

impl Ended {
    fn watch() -> anyhow::Result<Self> {
        let watch = |kind| signal(kind).context("cannot watch for signals");
        Ok(Self([watch(SignalKind::interrupt())?, watch(SignalKind::terminate())?, watch(SignalKind::hangup())?]))
    }

    async fn wait(&mut self) {
        let Self([interrupt, terminate, hangup]) = self;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| format!("`{text}` is not `name: value`"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

const DEFAULT_DIR: &str = "hopguard-dev";
const WONDER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        dev: DevArgs,
    }

    #[test]
    fn reads_a_call() {
        let line = "dev call web /charge --to payments --purpose checkout --header a:b --header c:d:e";
        let dev = Line::try_parse_from(line.split(' ')).unwrap().dev;
        let Some(Verb::Call(call)) = dev.verb else { panic!() };
        assert_eq!((call.from.as_str(), call.path.as_str(), call.to.as_str()), ("web", "/charge", "payments"));
        assert_eq!(call.headers, [("a".into(), "b".into()), ("c".into(), "d:e".into())]);
    }

    #[test]
    fn a_script_needs_no_folder() {
        let dev = Line::try_parse_from(["dev", "--script", "demo"]).unwrap().dev;
        assert!(matches!((dev.verb, dev.script, dev.dir), (None, Some(Script::Demo), None)));
        assert!(Line::try_parse_from(["dev", "--script", "opera"]).is_err());
    }

    #[tokio::test]
    async fn a_call_without_a_playground_is_unreachable() {
        let call = Call::new("web", "payments", "/");
        let error = send(&call, false, Path::new("/nowhere/at/all")).await.unwrap_err();
        assert!(error.to_string().contains("no `hopguard dev` is running"), "{error}");
    }
}
