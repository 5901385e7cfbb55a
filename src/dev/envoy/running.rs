//! One Envoy of this process: every port its own choice, nothing shared with any other, ended with its owner.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use http::StatusCode;
use serde_json::Value;
use tokio::process::Command;

use super::Inbound;
use crate::dev::{Error, Process, ask, files};

/// A live Envoy.
#[derive(Debug)]
pub struct Envoy {
    process: Process,
    admin: SocketAddr,
}

impl Envoy {
    /// Starts `binary` for `inbound` and waits until it is live.
    ///
    /// `<stem>.json`, `.svid.json`, `.log` and `.admin` are its files.
    pub async fn start(binary: &Path, inbound: &Inbound, stem: &Path) -> Result<Self, Error> {
        let secret = stem.with_extension("svid.json");
        files::replace(&secret, inbound.secret().to_string().as_bytes(), 0o644)?;
        Self::start_with(binary, &inbound.bootstrap(&secret), stem).await
    }

    /// Starts `binary` with a bootstrap of the caller's own.
    pub async fn start_with(binary: &Path, bootstrap: &Value, stem: &Path) -> Result<Self, Error> {
        let config = stem.with_extension("json");
        files::replace(&config, format!("{bootstrap:#}").as_bytes(), 0o644)?;
        let address = stem.with_extension("admin");
        // What an earlier run left would be believed.
        files::remove(&address)?;
        let mut command = Command::new(binary);
        command.arg("-c").arg(&config).arg("--admin-address-path").arg(&address);
        // Hot restart would make two Envoys collide, and end this one with the thread that started it.
        command.args(["--disable-hot-restart", "--concurrency", "1", "--drain-time-s", "1", "-l", "warning"]);
        // An access log that somebody adds is looked at right after the call.
        command.args(["--file-flush-interval-msec", "100"]);
        let name = format!("Envoy `{}`", stem.file_name().unwrap_or_default().display());
        let mut process = Process::spawn(name, command, stem.with_extension("log"))?;
        let admin = process.until(|| live(&address)).await?;
        Ok(Self { process, admin })
    }

    /// Its process id.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Its admin address, on loopback.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The address that the listener `name` got.
    pub async fn listener(&self, name: &str) -> Result<SocketAddr, Error> {
        let missing = || Error::Unreachable { address: self.admin, why: format!("Envoy has no listener `{name}`") };
        let body = self.ask("/listeners?format=json").await?;
        let listeners: Value = serde_json::from_slice(&body).map_err(|_| missing())?;
        let mut all = listeners.get("listener_statuses").and_then(Value::as_array).into_iter().flatten();
        let found = all.find(|listener| listener.get("name").and_then(Value::as_str) == Some(name));
        let socket =
            found.and_then(|listener| listener.pointer("/local_address/socket_address")).ok_or_else(missing)?;
        let ip: Option<IpAddr> = socket.get("address").and_then(Value::as_str).and_then(|ip| ip.parse().ok());
        let port = socket.get("port_value").and_then(Value::as_u64).and_then(|port| port.try_into().ok());
        ip.zip(port).map(SocketAddr::from).ok_or_else(missing)
    }

    /// Its statistics whose names match the regular expression `filter`: one `name: value` per line.
    pub async fn stats(&self, filter: &str) -> Result<String, Error> {
        let body = self.ask(&format!("/stats?filter={filter}")).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Stops it; its connections end.
    pub async fn stop(self) {
        self.process.stop(GRACE).await;
    }

    async fn ask(&self, path: &str) -> Result<bytes::Bytes, Error> {
        match ask::get(self.admin, path).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(Error::Unreachable { address: self.admin, why: format!("`{path}` gives {status}") }),
        }
    }
}

async fn live(address: &Path) -> Option<SocketAddr> {
    let admin = std::fs::read_to_string(address).ok()?.trim().parse().ok()?;
    matches!(ask::get(admin, "/ready").await, Ok((StatusCode::OK, _))).then_some(admin)
}

const GRACE: Duration = Duration::from_secs(3);
