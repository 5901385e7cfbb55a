//! hopguard: see `hopguard --help`.

use std::process::ExitCode;

use clap::Parser;
use hopguard::cli::Cli;

fn main() -> ExitCode {
    // clap ends the process by itself: 0 for help, 2 for what it does not understand.
    Cli::parse().run()
}
