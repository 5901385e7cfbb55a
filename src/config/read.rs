//! Turns the sections of a file into a [`Config`], every value checked by itself and against its neighbours.

use std::{
    collections::HashSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
};

use aws_lc_rs::digest::{SHA256, digest};
use rustix::process::geteuid;
use spiffe::SpiffeId;
use tracing_subscriber::EnvFilter;

use super::{
    Allow, AuditSink, Config, HopRules, Limits, Listener, PeerRules, PolicySource, Reveal, SelfCheck, section::Section,
    table::CONFIG,
};
use crate::{
    peer::id,
    trust::{Source, SourceKind},
    yaml::{Mapping, quote},
};

/// Reads the whole file. Every section is read before the first missing value ends it, so that all problems are found.
pub(super) fn config(file: &Path, source: &str, root: Mapping<'_>) -> Option<Config> {
    let base = file.parent().unwrap_or_else(|| Path::new(""));
    let mut root = Section::open(CONFIG, root);
    let self_id: Option<SpiffeId> = root.parsed("self", id::parse_workload);
    let (listen, admin) = listeners(&mut root);
    let hop = hop(root.section("hop"));
    let max_lifetime = root.section("peer").duration("max_lifetime");
    let trust = trust(&mut root, base);
    let purpose_header = root.section("purpose").parsed("header", header);
    let documents = root.section("store").text("directory");
    let policy = policy(root.section("policy"), base);
    let reveal = root.section("response").word("reveal", REVEALS);
    let audit = audit(root.section("audit"), base);
    let limits = limits(root.section("limits"));
    let log = root.section("telemetry").parsed("log", directives);
    Some(Config {
        file: file.to_owned(),
        revision: revision(source),
        self_id: self_id?,
        listen: listen?,
        admin: admin?,
        hop: hop?,
        peer: PeerRules { max_lifetime: max_lifetime? },
        trust: trust?,
        purpose_header: purpose_header?,
        documents: base.join(documents?),
        policy: policy?,
        reveal: reveal?,
        audit: audit?,
        limits: limits?,
        log: log?,
    })
}

/// Reads where we listen; no two listeners share an address.
fn listeners(root: &mut Section<'_>) -> (Option<Vec<Listener>>, Option<SocketAddr>) {
    let mut admin = root.section("admin");
    let address = admin.parsed("address", ip_address);
    let mut paths = HashSet::new();
    let mut addresses = HashSet::new();
    let listen = root.list("listen", |mut section| {
        let listener = listener(&mut section)?;
        let is_new = match &listener {
            Listener::Unix { path, .. } => paths.insert(path.clone()),
            // Whoever asks for port 0 gets another one each time.
            Listener::Tcp(address) => address.port() == 0 || addresses.insert(*address),
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

fn listener(section: &mut Section<'_>) -> Option<Listener> {
    let address = section.parsed("address", listen_address);
    let mode = section.parsed("mode", mode);
    let mut allow = section.section("allow");
    let uids = allow.ids("uids");
    let gids = allow.ids("gids");
    let any_local = allow.boolean("any_local");
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
            Some(Listener::Unix { path, mode: mode.unwrap_or(0o660), allow: Allow { uids, gids } })
        }
        Address::Tcp(address) => {
            if !address.ip().is_loopback() {
                section.problem(
                    "address",
                    "is not a loopback address: listening beyond it is not built yet, as it needs `mtls`",
                );
            }
            if any_local != Some(true) {
                section.problem(
                    "allow",
                    "TCP cannot name its asker: write `allow: {any_local: true}` or listen on a unix socket",
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

fn hop(mut section: Section<'_>) -> Option<HopRules> {
    let escapes = section.words("escapes");
    let keep_headers = section.words("keep_headers");
    let self_check = section.word("self_check", &[("principal", SelfCheck::Principal), ("none", SelfCheck::None)]);
    let escapes = escapes?;
    Some(HopRules {
        slash: escapes.contains("slash"),
        percent: escapes.contains("percent"),
        semicolon: escapes.contains("semicolon"),
        keep_headers: keep_headers?.into_iter().map(str::to_owned).collect(),
        self_check: self_check?,
    })
}

fn trust(root: &mut Section<'_>, base: &Path) -> Option<Vec<Source>> {
    let mut seen = HashSet::new();
    root.list("trust", |mut section| {
        let trust_domain = section.parsed("trust_domain", id::parse_trust_domain);
        let pem = section.text("pem");
        let intermediates = section.text("intermediates");
        let max_stale = section.duration("max_stale");
        let trust_domain = trust_domain?;
        if !seen.insert(trust_domain.clone()) {
            section.problem("trust_domain", format!("`{trust_domain}` is there twice: each has one source"));
        }
        Some(Source {
            trust_domain,
            kind: SourceKind::Pem { file: base.join(pem?) },
            intermediates: intermediates.map(|path| base.join(path)),
            max_stale: max_stale?,
        })
    })
}

fn policy(mut section: Section<'_>, base: &Path) -> Option<PolicySource> {
    let directory = section.text("directory");
    let entrypoint = section.parsed("entrypoint", entrypoint);
    let timeout = section.duration("timeout");
    // Both words mean the interpreter.
    section.word("evaluator", &[("auto", ()), ("interpreter", ())]);
    Some(PolicySource { directory: base.join(directory?), entrypoint: entrypoint?, timeout: timeout? })
}

fn audit(mut section: Section<'_>, base: &Path) -> Option<AuditSink> {
    let file = section.text("file");
    let window = section.duration("window");
    let file = file?;
    Some(AuditSink { file: (file != "-").then(|| base.join(file)), window: window? })
}

fn limits(mut section: Section<'_>) -> Option<Limits> {
    let request_bytes = section.size("request_bytes");
    let headers = section.count("headers");
    let in_flight = section.count("in_flight");
    let connections = section.count("connections");
    let streams = section.count("streams");
    let deadline = section.duration("deadline");
    let drain = section.duration("drain");
    let audit_queue = section.count("audit_queue");
    let policy_bytes = section.size("policy_bytes");
    let workers = section.count("workers");
    Some(Limits {
        request_bytes: request_bytes?,
        headers: headers?,
        in_flight: in_flight?,
        connections: connections?,
        streams: streams?,
        deadline: deadline?,
        drain: drain?,
        audit_queue: audit_queue?,
        policy_bytes: policy_bytes?,
        workers: workers.unwrap_or_else(cores),
    })
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

/// A header's name (RFC 9110 §5.1) that can carry a purpose.
fn header(text: &str) -> Result<String, String> {
    let is_token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.len() > MAX_HEADER || !text.bytes().all(is_token) {
        return Err(format!("{} is not the name of a header, in lower case", quote(text)));
    }
    if RESERVED.contains(&text) || text.starts_with("x-hopguard-") || text.starts_with("x-envoy-") {
        return Err(format!("{} has another meaning: choose another header", quote(text)));
    }
    Ok(text.to_owned())
}

/// A rule below `data`, such as `data.hopguard.authz.decision`.
fn entrypoint(text: &str) -> Result<String, String> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let names = text.strip_prefix("data.").unwrap_or_default().split('.');
    if text.len() > MAX_ENTRYPOINT || names.clone().count() < 2 || !names.into_iter().all(is_name) {
        return Err(format!(
            "{} is not the path of a rule: write one such as `data.hopguard.authz.decision`",
            quote(text)
        ));
    }
    Ok(text.to_owned())
}

fn directives(text: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{} does not say what to log: {error}", quote(text))),
    }
}

fn revision(source: &str) -> String {
    let digest = digest(&SHA256, source.as_bytes());
    crate::hex::encode(digest.as_ref().get(..REVISION_BYTES).unwrap_or_default())
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

const REVEALS: &[(&str, Reveal)] = &[("none", Reveal::None), ("reason", Reveal::Reason), ("full", Reveal::Full)];

/// Headers that mean something else already.
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "txn-token",
    "upgrade",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
];

/// What fits into `sockaddr_un` with its final zero.
const MAX_SOCKET_PATH: usize = 107;
const MAX_HEADER: usize = 128;
const MAX_ENTRYPOINT: usize = 256;
const REVISION_BYTES: usize = 8;
