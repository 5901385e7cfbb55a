//! One Hopguard of this process, as its own child: ready when it says so, ended with its owner.

use std::{net::SocketAddr, path::Path, time::Duration};

use http::StatusCode;
use tokio::process::Command;

use super::{Error, Process, ask, files};

/// A ready Hopguard.
#[derive(Debug)]
pub struct Sidecar {
    process: Process,
    admin: SocketAddr,
}

impl Sidecar {
    /// Starts `executable serve --config config` and waits until it is ready; `<stem>.log` and `.admin` are its files.
    pub async fn start(executable: &Path, config: &Path, stem: &Path) -> Result<Self, Error> {
        let address = stem.with_extension("admin");
        // What an earlier run left would be believed.
        files::remove(&address)?;
        let mut command = Command::new(executable);
        command.arg("serve").arg("--config").arg(config).arg("--admin-address-file").arg(&address);
        let name = format!("Hopguard `{}`", stem.file_name().unwrap_or_default().display());
        let mut process = Process::spawn(name, command, stem.with_extension("log"))?;
        let admin = process.until(|| ready(&address)).await?;
        Ok(Self { process, admin })
    }

    /// The process, to look at or to send a signal.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Its admin address, on loopback.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Stops it: it drains, writes its audit and ends.
    pub async fn stop(self) {
        self.process.stop(GRACE).await;
    }
}

async fn ready(address: &Path) -> Option<SocketAddr> {
    let admin = std::fs::read_to_string(address).ok()?.trim().parse().ok()?;
    matches!(ask::get(admin, "/readyz").await, Ok((StatusCode::OK, _))).then_some(admin)
}

const GRACE: Duration = Duration::from_secs(5);
