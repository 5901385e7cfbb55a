//! The configuration, typed and already valid: a [`Config`] that exists can be served, as far as one file can tell.
//!
//! The names are those of `hopguard config --example`. What is unknown, or asks for something that is not built yet, is refused; all
//! problems are reported at once.

mod ceiling;
mod example;
mod explain;
mod key;
mod read;
mod schema;
mod section;
// A table is read by its columns: one line for each key.
#[rustfmt::skip]
mod table;

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use spiffe::SpiffeId;

pub use self::{
    ceiling::Ceiling,
    example::example,
    explain::{UnknownKey, explain},
    schema::schema,
};
use crate::{
    audience::SelfCheck,
    audit::Durability,
    decision::Modes,
    feed::{
        bundle::{Signing, Subscription},
        https::HttpsUrl,
        jwks,
    },
    hop::{Public, Strict},
    peer, policy, response,
    server::Listener,
    token,
    trust::{Endpoint, Source},
    yaml::{self, Position, Problem, Problems, Reader},
};

/// Everything that the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file itself, which is read again; absent where it is another program's.
    pub file: Option<PathBuf>,
    /// What was read: the beginning of the file's SHA-256, in hex.
    pub revision: String,
    /// This workload; absent, its Workload API says, or nobody asks.
    pub self_id: Option<SpiffeId>,
    /// Whether the command line said so, and not the file: then it holds however often the file is read again.
    pub is_self_given: bool,
    /// The Workload API that says who this workload is, if it does not say so itself.
    pub workload_api: Option<Endpoint>,
    /// Where last good bundles and one-time claims are kept over a restart.
    pub state: Option<PathBuf>,
    /// Where Envoy asks; at least one, each address once.
    pub listen: Vec<Listener>,
    /// Where health and metrics are served.
    pub admin: SocketAddr,
    /// How far each layer acts.
    pub modes: Modes,
    /// What a hop may look like.
    pub hop: HopRules,
    /// How the caller is proved.
    pub peer: peer::Rules,
    /// The trusted trust domains, each once.
    pub trust: Vec<Source>,
    /// What may speak for a subject.
    pub tokens: Tokens,
    /// The header that declares the purpose, in lower case.
    pub purpose_header: String,
    /// Whether every hop must say its purpose.
    pub purpose_required: bool,
    /// The directory of documents; absent only if a bundle holds them, or no grant is asked for.
    pub documents: Option<PathBuf>,
    /// Rules for documents.
    pub ceiling: Ceiling,
    /// The runtime policy; absent only if it is not asked.
    pub policy: Option<PolicySource>,
    /// How decisions are answered.
    pub response: response::Rules,
    /// The record of every decision.
    pub audit: AuditSink,
    /// The bounds.
    pub limits: Limits,
    /// What is logged, as directives of `tracing`'s environment filter.
    pub log: String,
}

/// What a hop may look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HopRules {
    /// `%2F` is data inside a path segment.
    pub slash: bool,
    /// `%25` is data inside a path segment.
    pub percent: bool,
    /// `%3B` is data inside a path segment.
    pub semicolon: bool,
    /// What becomes of a hop that can be read in more than one way.
    pub strict: Strict,
    /// Routes that anybody may call.
    pub public: Public,
    /// Headers that are not removed, in lower case.
    pub keep_headers: Vec<String>,
    /// Whether Envoy's own name is held against ours.
    pub self_check: SelfCheck,
    /// Whether connections without HTTP are hops.
    pub tcp: bool,
    /// How long what was allowed may last; Envoy bounds it.
    pub max_stream: Duration,
}

/// What may speak for a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// What each kind of token must be.
    pub rules: token::Rules,
    /// The most actors that a token may name.
    pub max_depth: usize,
    /// The most one-time tokens that are remembered.
    pub capacity: usize,
    /// Where the keys of issuers are that are no trust domains.
    pub keys: Vec<KeysSource>,
}

impl Tokens {
    /// The headers that hold tokens, in lower case.
    pub fn headers(&self) -> BTreeSet<String> {
        self.rules.headers().map(str::to_owned).collect()
    }
}

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysSource {
    /// The issuer.
    pub issuer: String,
    /// Where.
    pub from: KeysFrom,
}

impl KeysSource {
    /// The file that they are in, if they are in one.
    pub fn path(&self) -> Option<&Path> {
        match &self.from {
            KeysFrom::File(path) => Some(path),
            KeysFrom::Url { .. } => None,
        }
    }
}

impl Tokens {
    /// The issuers whose keys are served.
    pub fn endpoints(&self) -> Vec<jwks::Endpoint> {
        let endpoint = |source: &KeysSource| match &source.from {
            KeysFrom::File(_) => None,
            KeysFrom::Url { url, ca, refresh } => Some(jwks::Endpoint {
                issuer: source.issuer.clone(),
                url: url.clone(),
                ca: ca.clone(),
                refresh: *refresh,
            }),
        };
        self.keys.iter().filter_map(endpoint).collect()
    }
}

/// Where keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysFrom {
    /// In a JWK set in a file.
    File(PathBuf),
    /// In a JWK set that is served.
    Url {
        /// Where.
        url: HttpsUrl,
        /// The roots by which the server is authenticated; absent: the system's.
        ca: Option<PathBuf>,
        /// How often it is fetched.
        refresh: Duration,
    },
}

/// The runtime policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySource {
    /// Where it comes from.
    pub from: PolicyFrom,
    /// How it is loaded and run.
    pub options: policy::Options,
}

/// Where a policy comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyFrom {
    /// A directory of Rego modules.
    Directory(PathBuf),
    /// Bundles, all of them together; each has a name of its own.
    Bundles(Vec<Subscription>),
    /// Files and directories, read as OPA reads what its command line names.
    Paths(Paths),
}

/// What a command line of OPA names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Files, directories or bundles.
    pub paths: Vec<PathBuf>,
    /// Names that are passed over.
    pub ignore: Vec<String>,
    /// Whether each of them is a bundle.
    pub as_bundles: bool,
    /// Who has to have signed the bundles.
    pub signing: Option<Signing>,
    /// Whether they are read again when they change.
    pub watched: bool,
}

impl PolicySource {
    /// Where a change of it shows; nowhere, if it comes over a network or is read once.
    pub fn watched(&self) -> &[PathBuf] {
        match &self.from {
            PolicyFrom::Directory(directory) => std::slice::from_ref(directory),
            PolicyFrom::Paths(paths) if paths.watched => &paths.paths,
            PolicyFrom::Bundles(_) | PolicyFrom::Paths(_) => &[],
        }
    }

    /// The bundles that it is made of.
    pub fn bundles(&self) -> &[Subscription] {
        match &self.from {
            PolicyFrom::Directory(_) | PolicyFrom::Paths(_) => &[],
            PolicyFrom::Bundles(bundles) => bundles,
        }
    }
}

/// The record of every decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSink {
    /// The file that is appended to; none is standard output.
    pub file: Option<PathBuf>,
    /// How far the disk may be behind the answers.
    pub window: Duration,
    /// What an answer waits for.
    pub durability: Durability,
}

/// The bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest Check, in bytes.
    pub request_bytes: usize,
    /// The most header entries of a hop.
    pub headers: usize,
    /// The most Checks at once.
    pub in_flight: usize,
    /// The most connections at once.
    pub connections: usize,
    /// The most HTTP/2 streams on one connection.
    pub streams: u32,
    /// The longest that one Check may take.
    pub deadline: Duration,
    /// How long connections may take to end at shutdown.
    pub drain: Duration,
    /// The most records that wait for the disk.
    pub audit_queue: usize,
    /// The largest policy, all modules together, in bytes.
    pub policy_bytes: usize,
    /// The threads that answer.
    pub workers: usize,
}

impl Config {
    /// Loads a file.
    ///
    /// # Errors
    /// Every problem with it, or that it cannot be read.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        Self::load_as(path, None)
    }

    /// Loads a file for the workload `this`, which the file may leave open and must not name otherwise.
    ///
    /// # Errors
    /// Every problem with it, or that it cannot be read.
    pub fn load_as(path: &Path, this: Option<&SpiffeId>) -> Result<Self, Problems> {
        let name = path.display().to_string();
        let bytes = read_file(path).map_err(|error| Problem::of_file(&name, format!("cannot be read: {error}")))?;
        match String::from_utf8(bytes) {
            Ok(source) => Self::parse_as(path, &source, this),
            Err(error) => Err(not_utf8(&name, &error)),
        }
    }

    /// Reads the content of a file; relative paths in it are relative to the directory of `file`.
    ///
    /// # Errors
    /// Every problem with it.
    pub fn parse(file: &Path, source: &str) -> Result<Self, Problems> {
        Self::parse_as(file, source, None)
    }

    fn parse_as(file: &Path, source: &str, this: Option<&SpiffeId>) -> Result<Self, Problems> {
        let reader = Reader::new(&file.display().to_string());
        let documents = reader.parse(source);
        let config = match documents.as_slice() {
            [document] => read::config(file, source, reader.mapping(document), this),
            [] if !reader.is_clean() => None,
            [] => {
                reader.report(
                    Position::START,
                    "",
                    "the file is empty: `hopguard config --example` shows what belongs in it",
                );
                None
            }
            [_, second, ..] => {
                reader.report(second.at, "", "a second document: the configuration is one");
                None
            }
        };
        reader.finish(config)
    }

    /// Who the command line said that this workload is.
    pub fn given_self(&self) -> Option<&SpiffeId> {
        self.self_id.as_ref().filter(|_| self.is_self_given)
    }

    /// What its problems are told under.
    pub fn name(&self) -> String {
        self.file.as_ref().map_or_else(|| "the command line".to_owned(), |file| file.display().to_string())
    }

    /// Names the keys that differ and take effect only when the process starts again.
    pub fn restart_differs(&self, other: &Self) -> Vec<&'static str> {
        let (here, there) = (&self.limits, &other.limits);
        [
            ("listen", self.listen != other.listen),
            ("admin", self.admin != other.admin),
            ("state", self.state != other.state),
            ("tokens.replay.capacity", self.tokens.capacity != other.tokens.capacity),
            ("audit.file", self.audit.file != other.audit.file),
            ("audit.window", self.audit.window != other.audit.window),
            ("limits.request_bytes", here.request_bytes != there.request_bytes),
            ("limits.in_flight", here.in_flight != there.in_flight),
            ("limits.connections", here.connections != there.connections),
            ("limits.streams", here.streams != there.streams),
            ("limits.deadline", here.deadline != there.deadline),
            ("limits.drain", here.drain != there.drain),
            ("limits.audit_queue", here.audit_queue != there.audit_queue),
            ("limits.workers", here.workers != there.workers),
            ("telemetry.log", self.log != other.log),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
    }
}

/// Reads a file up to one byte more than is accepted.
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(yaml::MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Says where a file stops being UTF-8.
fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> Problems {
    let (valid, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
    let valid = String::from_utf8_lossy(valid);
    let last = valid.rsplit('\n').next().unwrap_or_default();
    let reader = Reader::new(name);
    let at = Position { line: valid.matches('\n').count() + 1, column: last.chars().count() + 1 };
    reader.report(at, "", "not UTF-8");
    reader.finish(None::<()>).err().unwrap_or_default()
}

#[cfg(test)]
mod tests;
