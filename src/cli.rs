//! The verbs of the binary, each thin: parse, call the library, print.

pub mod argument;
mod asking;
pub mod check;
pub mod config;
pub mod dev;
mod documents;
pub mod eval;
pub mod exit;
pub mod fact;
pub mod grant;
mod loading;
mod parts;
pub mod report;
pub mod revoke;
pub mod run;
pub mod serve;
pub mod test;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// Decides every hop between workloads: who calls, what for, within what was approved, until when.
#[derive(Debug, Parser)]
#[command(name = "hopguard", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Answer Envoy beside one workload
    Serve(serve::ServeArgs),
    Run(Box<run::RunArgs>),
    Dev(dev::DevArgs),
    Check(check::CheckArgs),
    Test(test::TestArgs),
    Eval(eval::EvalArgs),
    Report(report::ReportArgs),
    Grant(grant::GrantArgs),
    Revoke(Box<revoke::RevokeArgs>),
    Fact(fact::FactArgs),
    Config(config::ConfigArgs),
}

impl Cli {
    /// Runs the verb. Exit codes: 0 yes, 1 denied or failed, 2 usage, 3 does not load, 4 tests failed, 5 unreachable.
    pub fn run(self) -> ExitCode {
        let ended = match self.verb {
            Verb::Serve(args) => args.run(),
            Verb::Run(args) => args.run(),
            Verb::Dev(args) => block_on(args.run()),
            Verb::Check(args) => {
                args.run(&parts::PARTS, &mut io::stdout().lock()).map(ExitCode::from).map_err(Into::into)
            }
            Verb::Test(args) => deep(|| args.run(&mut io::stdout())),
            Verb::Eval(args) => deep(|| args.run(&mut io::stdout())),
            Verb::Report(args) => args.run(&mut io::stdout().lock()).map(ExitCode::from),
            Verb::Grant(args) => args.run(&mut io::stdout()).map(ExitCode::from),
            Verb::Revoke(args) => args.run(&mut io::stdout()).map(ExitCode::from),
            Verb::Fact(args) => args.run(&mut io::stdout()).map(ExitCode::from),
            Verb::Config(args) => args.run(&mut io::stdout().lock()).map(ExitCode::from).map_err(Into::into),
        };
        ended.unwrap_or_else(|error| {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        })
    }
}

/// Runs a verb that waits for the world.
fn block_on(verb: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(verb)
}

/// Runs a verb that evaluates policies on a stack as deep as those that serve: evaluation is recursive.
fn deep(verb: impl FnOnce() -> anyhow::Result<exit::Exit> + Send) -> anyhow::Result<ExitCode> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("verb".to_owned()).stack_size(STACK).spawn_scoped(scope, verb)?;
        match thread.join() {
            Ok(ended) => ended.map(ExitCode::from),
            Err(_) => Err(anyhow::anyhow!("an internal fault")),
        }
    })
}

/// As deep as those of serving threads.
const STACK: usize = 16 * 1024 * 1024;

/// Says on standard error why something did not work.
fn complain(text: &str) {
    // There is nobody left to tell when this fails too.
    let _ = writeln!(io::stderr(), "{text}");
}
