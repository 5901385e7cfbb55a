//! `hopguard serve`: the sidecar.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use spiffe::SpiffeId;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{block_on, complain, exit::Exit};
use crate::{app::App, config::Config, peer::id};

/// Answer Envoy beside one workload
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The configuration; `hopguard config --example` prints one
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Who this workload is, where the configuration is shared by several and leaves `self` open
    #[arg(long = "self", value_name = "SPIFFE_ID", value_parser = id::parse_workload)]
    this: Option<SpiffeId>,
    /// Where to write the admin address once it is bound, for a supervisor that chose port 0
    #[arg(long, value_name = "FILE")]
    admin_address_file: Option<PathBuf>,
}

impl ServeArgs {
    /// Serves until SIGTERM or SIGINT, then drains. SIGHUP loads everything again.
    ///
    /// # Errors
    /// If an address or the audit log cannot be had, or a thread cannot be started.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let config = match Config::load_as(&self.config, self.this.as_ref()) {
            Ok(config) => config,
            Err(problems) => {
                complain(&problems.to_string());
                return Ok(Exit::DoesNotLoad.into());
            }
        };
        serve(config, self.admin_address_file.as_deref(), || {})
    }
}

/// Serves `config` until SIGTERM or SIGINT, then drains. `begun` is what there is to log first.
///
/// # Errors
/// If an address or the audit log cannot be had, or a thread cannot be started.
pub(super) fn serve(
    config: Config,
    admin_address_file: Option<&Path>,
    begun: impl FnOnce(),
) -> anyhow::Result<ExitCode> {
    let filter = EnvFilter::try_new(&config.log).context("telemetry.log")?;
    // Whoever logs goes on where standard error cannot be written: to complain about that there would be a panic.
    let log = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr);
    log.log_internal_errors(false).init();
    std::panic::set_hook(Box::new(|panic| {
        // The place alone: a panic's message may quote what a caller sent.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.at = place, "Panicked");
    }));
    begun();
    block_on(async {
        // A log that may not grow any more is an error of writing it, and not the end of the process.
        let too_large = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
        let _caught = signal(too_large).context("SIGXFSZ cannot be caught")?;
        let app = App::bind(config).await?;
        if let Some(file) = admin_address_file {
            app.tell_admin_address(file)?;
        }
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be caught")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be caught")?;
        let hangup = signal(SignalKind::hangup()).context("SIGHUP cannot be caught")?;
        let shutdown = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        app.serve(shutdown, hangup).await?;
        Ok(ExitCode::SUCCESS)
    })
}
