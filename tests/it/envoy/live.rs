//! A shipped configuration, live: as it is, but for what its reader is asked to make their own.

use std::{fs, net::SocketAddr, path::Path};

use hopguard::dev::{Process, ask};
use serde_json::Value;
use tokio::process::Command;

use super::ENVOY;
use crate::harness::until;

/// The text with each row's first part, which is in it, replaced by its second, and everything on loopback.
pub(super) fn replaced(text: &str, rows: &[(&str, &str)]) -> String {
    let loopback = [("port_value: 9901", "port_value: 0"), ("address: 0.0.0.0", "address: 127.0.0.1")];
    rows.iter().chain(&loopback).fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    })
}

/// Starts Envoy with a file as it is written, and says where its admin interface and the listener are.
pub(super) async fn start(folder: &Path, name: &str, text: &str, listener: &str) -> (Process, SocketAddr, SocketAddr) {
    let config = folder.join(format!("{name}.live.yaml"));
    fs::write(&config, text).unwrap();
    let admin = folder.join(format!("{name}.admin"));
    let mut command = Command::new(&*ENVOY);
    command.arg("-c").arg(&config).arg("--admin-address-path").arg(&admin);
    command.args(["--disable-hot-restart", "--concurrency", "1", "--drain-time-s", "1", "-l", "warning"]);
    let process = Process::spawn(format!("Envoy `{name}`"), command, folder.join(format!("{name}.log"))).unwrap();
    let (admin, address) = until("a live listener", async || {
        let admin: SocketAddr = fs::read_to_string(&admin).ok()?.trim().parse().ok()?;
        let (_, ready) = ask::get(admin, "/ready").await.ok()?;
        let address = self::listener(admin, listener).await?;
        ready.starts_with(b"LIVE").then_some((admin, address))
    })
    .await;
    (process, admin, address)
}

/// Where a listener is, if it is there.
pub(super) async fn listener(admin: SocketAddr, name: &str) -> Option<SocketAddr> {
    let (_, body) = ask::get(admin, "/listeners?format=json").await.ok()?;
    let listeners: Value = serde_json::from_slice(&body).ok()?;
    let found = listeners["listener_statuses"].as_array()?.iter().find(|found| found["name"] == name)?;
    let port = found["local_address"]["socket_address"]["port_value"].as_u64()?;
    Some(SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap())))
}
