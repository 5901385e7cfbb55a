//! Reads where Envoy asks, and who is Envoy.

use std::{collections::HashSet, net::SocketAddr, path::PathBuf};

use rustix::process::geteuid;
use spiffe::SpiffeId;

use super::super::section::Section;
use crate::{
    peer::id,
    server::{Allow, Listener},
    trust::{Endpoint, Source},
    yaml::quote,
};

/// Reads where we listen; no two listeners share an address.
pub(super) fn listeners(root: &mut Section<'_>) -> (Option<Vec<Listener>>, Option<SocketAddr>) {
    let mut admin = root.section("admin");
    let address = admin.parsed("address", ip_address);
    let mut paths = HashSet::new();
    let mut addresses = HashSet::new();
    let listen = root.list("listen", |mut section| {
        let listener = listener(&mut section)?;
        let is_new = match &listener {
            Listener::Unix { path, .. } => paths.insert(path.clone()),
            // Whoever asks for port 0 gets another one each time.
            Listener::Tcp(address) | Listener::Mtls { address, .. } => {
                address.port() == 0 || addresses.insert(*address)
            }
        };
        if !is_new {
            section.problem("address", "another listener has this address");
        }
        Some(listener)
    });
    if address.is_some_and(|address| addresses.contains(&address)) {
        admin.problem("address", "a listener has this address");
    }
    (listen, address)
}

/// An asker that is named and could not be proved by `trust`.
pub(super) fn stranger<'a>(listen: &'a [Listener], trust: &[Source]) -> Option<&'a SpiffeId> {
    let named = listen.iter().flat_map(|listener| match listener {
        Listener::Mtls { allow, .. } => allow.as_slice(),
        Listener::Unix { .. } | Listener::Tcp(_) => &[],
    });
    let is_listed = |id: &SpiffeId| trust.iter().any(|source| source.trust_domain == *id.trust_domain());
    named.into_iter().find(|id| !is_listed(id))
}

fn listener(section: &mut Section<'_>) -> Option<Listener> {
    let address = section.parsed("address", listen_address);
    let mode = section.parsed("mode", mode);
    let mut allow = section.section("allow");
    let uids = allow.ids("uids");
    let gids = allow.ids("gids");
    let any_local = allow.boolean("any_local");
    let spiffe_ids = allow.texts("spiffe_ids", id::parse_workload);
    let mtls = section.maybe("mtls").map(|mut mtls| mtls.parsed("workload_api", Endpoint::parse));
    if let Some(workload_api) = mtls {
        return mutual_tls(section, &mut allow, &address?, workload_api, spiffe_ids);
    }
    if allow.has("spiffe_ids") {
        allow.problem("spiffe_ids", "is for `mtls`: only there an asker shows its SVID");
    }
    match address? {
        Address::Unix(path) => {
            if any_local == Some(true) {
                allow.problem("any_local", "is for TCP: a unix socket knows its asker, so list `uids` or `gids`");
            }
            if allow.has("uids") && uids.as_ref().is_some_and(Vec::is_empty) && gids.as_ref().is_none_or(Vec::is_empty)
            {
                allow.problem("uids", "names nobody: leave it out for the sidecar's own user");
            }
            let gids = gids.unwrap_or_default();
            let own = || {
                if gids.is_empty() { vec![geteuid().as_raw()] } else { Vec::new() }
            };
            let uids = uids.unwrap_or_else(own);
            Some(Listener::Unix { path, mode: mode.unwrap_or(0o660), allow: Allow { uids, gids, anybody: false } })
        }
        Address::Tcp(address) => {
            if !address.ip().is_loopback() {
                section.problem(
                    "address",
                    "is not a loopback address: beyond it, askers are told by `mtls` and `allow: {spiffe_ids: [...]}` only",
                );
            }
            if any_local != Some(true) {
                section.problem(
                    "allow",
                    "TCP cannot name its asker: write `allow: {any_local: true}`, or use `mtls` or a unix socket",
                );
            }
            if section.has("mode") {
                section.problem("mode", "is for unix sockets: leave it out");
            }
            for key in ["uids", "gids"] {
                if allow.has(key) {
                    allow.problem(key, "is for unix sockets: TCP cannot name its asker");
                }
            }
            Some(Listener::Tcp(address))
        }
    }
}

fn mutual_tls(
    section: &mut Section<'_>,
    allow: &mut Section<'_>,
    address: &Address,
    workload_api: Option<Endpoint>,
    spiffe_ids: Option<Vec<SpiffeId>>,
) -> Option<Listener> {
    let Address::Tcp(address) = *address else {
        section.problem("mtls", "is for TCP: a unix socket knows its asker by user and group");
        return None;
    };
    if section.has("mode") {
        section.problem("mode", "is for unix sockets: leave it out");
    }
    for key in ["uids", "gids", "any_local"] {
        if allow.has(key) {
            allow.problem(key, "says nothing with `mtls`: name askers by `spiffe_ids`");
        }
    }
    let allow_ids = spiffe_ids.unwrap_or_default();
    if allow_ids.is_empty() {
        section.problem("allow", "names nobody: with `mtls`, list who may ask in `spiffe_ids`");
        return None;
    }
    Some(Listener::Mtls { address, workload_api: workload_api?, allow: allow_ids })
}

enum Address {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

fn listen_address(text: &str) -> Result<Address, String> {
    let Some(path) = text.strip_prefix("unix:") else {
        return text
            .parse()
            .map(Address::Tcp)
            .map_err(|_| format!("{} is not an address: write `unix:/path` or `ip:port`", quote(text)));
    };
    if !path.starts_with('/') || path.contains('\0') {
        return Err(format!("{} is not an absolute path: write `unix:/path`", quote(path)));
    }
    if path.len() > MAX_SOCKET_PATH {
        return Err(format!("the path has {} bytes, and a unix socket's at most {MAX_SOCKET_PATH}", path.len()));
    }
    Ok(Address::Unix(path.into()))
}

fn ip_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{} is not an address: write `ip:port`", quote(text)))
}

fn mode(text: &str) -> Result<u32, String> {
    let octal = text.len() == 4 && text.starts_with('0');
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|_| octal)
        .ok_or_else(|| format!("{} is not a file mode: write four octal digits such as \"0660\"", quote(text)))
}

/// What fits into `sockaddr_un` with its final zero.
const MAX_SOCKET_PATH: usize = 107;
