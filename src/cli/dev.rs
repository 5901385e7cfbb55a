//! `hopguard dev`: the playground at a terminal.

mod call;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use super::exit::Exit;
use crate::{
    clock::Clock,
    dev::{
        Folder, Playground, Programs, RENEW_EVERY,
        envoy::{self, Search},
        script,
    },
};

/// Run a local playground: a throwaway trust domain, three workloads, real Envoys
///
/// `web` calls `orders`, `orders` calls `payments`; each is an echo server behind its own Envoy with mutual TLS and its
/// own Hopguard. The folder holds documents, policy and configurations to edit while it runs. Nothing needs root, a
/// container or a network.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DevArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The folder to work in; made, with sample files, if it is not there [default: hopguard-dev; a script's is temporary]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Tell a story instead of waiting for calls; fails if one answer is not the expected one
    #[arg(long, value_enum)]
    script: Option<Script>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Call(call::CallArgs),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Script {
    /// Ten calls: what is let through, and each way to be refused
    Demo,
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
    let starting = Playground::start(&programs, folder, clock.now());
    let playground = tokio::select! {
        started = patiently(STARTING, starting) => started?,
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
        let playground = patiently(STARTING, starting).await?;
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

const STARTING: &str = "starting three Envoys and three Hopguards";
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
    fn a_script_needs_no_folder() {
        let dev = Line::try_parse_from(["dev", "--script", "demo"]).unwrap().dev;
        assert!(matches!((dev.verb, dev.script, dev.dir), (None, Some(Script::Demo), None)));
        assert!(Line::try_parse_from(["dev", "--script", "opera"]).is_err());
    }
}
