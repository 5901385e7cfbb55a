//! Loads each part by itself, and keeps the last good one of each.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use spiffe::TrustDomain;

use super::fingerprint;
use crate::{
    authorizer::Authorizer,
    clock::Timestamp,
    config::Config,
    decision::Revisions,
    grant::Grants,
    hex,
    hop::{Escapes, Rules},
    peer::{self, SvidCache, Verifier},
    policy::{Policy, Source},
    server::{Shared, Snapshot},
    store::{Directory, Documents},
    telemetry::Part,
    trust::{Source as TrustSource, Trust, TrustBundle},
    yaml::Problems,
};

/// Holds the last good state of each part.
#[derive(Debug)]
pub struct Loader {
    config: Config,
    bundles: BTreeMap<TrustDomain, Held>,
    trust: Option<Trust>,
    directory: Directory,
    documents: Option<Documents>,
    policy: Option<Compiled>,
    /// What did not compile, and why: it is not tried again until it changes.
    refused: Option<(Wanted, Problems)>,
    seen: Option<u64>,
    published: Option<String>,
    /// Outlives the snapshots: an entry knows itself what it holds for.
    svids: Arc<SvidCache>,
    shared: Arc<Shared>,
}

/// A bundle, and when its source last gave it.
#[derive(Debug)]
struct Held {
    bundle: TrustBundle,
    confirmed: Timestamp,
}

/// A policy, and what it was compiled from and for.
#[derive(Debug)]
struct Compiled {
    policy: Arc<Policy>,
    wanted: Wanted,
}

/// What a policy is compiled from and for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    source: String,
    entrypoint: String,
    timeout: Duration,
}

impl Loader {
    /// Will load what `config` names, and tell `shared` how it stands.
    pub fn new(config: Config, shared: Arc<Shared>) -> Self {
        let directory = Directory::new(config.documents.clone());
        Self {
            config,
            bundles: BTreeMap::new(),
            trust: None,
            directory,
            documents: None,
            policy: None,
            refused: None,
            seen: None,
            published: None,
            svids: Arc::default(),
            shared,
        }
    }

    /// The directories in which something may change.
    pub fn directories(&self) -> BTreeSet<PathBuf> {
        let parent = |path: &Path| {
            path.parent()
                .filter(|parent| !parent.as_os_str().is_empty())
                .unwrap_or_else(|| Path::new("."))
                .to_path_buf()
        };
        let files = std::iter::once(parent(&self.config.file)).chain(self.trust_files().map(parent));
        files.chain([self.config.documents.clone(), self.config.policy.directory.clone()]).collect()
    }

    /// Loads what has changed, or everything if `forced`. Gives the new snapshot, if it is another one than before and every part is in.
    ///
    /// Files that change while they are read are read again: a snapshot is what was there at one time, never half of a change. Those that
    /// go on changing are left for the next time.
    pub fn refresh(&mut self, forced: bool, now: Timestamp) -> Option<Snapshot> {
        let mut seen = self.fingerprint();
        if self.seen == Some(seen) && !forced && self.shared.status.is_clean() {
            self.bundles.values_mut().for_each(|held| held.confirmed = now);
            return None;
        }
        for _ in 0..ATTEMPTS {
            self.load_config(now);
            self.load_trust(now);
            self.load_store(now);
            self.load_policy(now);
            let after = self.fingerprint();
            if seen == after {
                self.seen = Some(seen);
                return self.assemble();
            }
            seen = after;
        }
        self.seen = None;
        tracing::warn!("Files changed each time they were read: they are read again later");
        None
    }

    fn fingerprint(&self) -> u64 {
        fingerprint::of(self.paths())
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        let parts = [self.config.file.as_path(), &self.config.documents, &self.config.policy.directory];
        parts.into_iter().chain(self.trust_files())
    }

    fn trust_files(&self) -> impl Iterator<Item = &Path> {
        self.config.trust.iter().flat_map(TrustSource::paths)
    }

    fn load_config(&mut self, now: Timestamp) {
        let problems = match Config::load(&self.config.file) {
            Ok(config) => {
                let fixed = self.config.restart_differs(&config);
                if fixed.is_empty() {
                    if config.documents != self.config.documents {
                        self.directory = Directory::new(config.documents.clone());
                    }
                    self.config = config;
                    Vec::new()
                } else {
                    let keys = fixed.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
                    vec![format!("{}: {keys} changed, which takes a restart", self.config.file.display())]
                }
            }
            Err(problems) => lines(&problems),
        };
        self.note(Part::Config, Some(self.config.revision.clone()), problems, now);
    }

    fn load_trust(&mut self, now: Timestamp) {
        let mut problems = Vec::new();
        let mut bundles = BTreeMap::new();
        for source in &self.config.trust {
            // What does not come from a file is not in yet.
            let Some(read) = source.read() else { continue };
            let held = match read {
                Ok(bundle) => Some(Held { bundle, confirmed: now }),
                Err(error) => {
                    problems.push(error.to_string());
                    self.bundles.remove(&source.trust_domain).map(|held| {
                        let stale_at = held.confirmed.after(source.max_stale);
                        Held { bundle: held.bundle.with_stale_at(Some(stale_at)), confirmed: held.confirmed }
                    })
                }
            };
            bundles.extend(held.map(|held| (source.trust_domain.clone(), held)));
        }
        self.bundles = bundles;
        // Nothing is served before every trust domain has been in; from then on one that has never loaded holds up no other's withdrawal.
        if self.trust.is_some() || self.bundles.len() == self.config.trust.len() {
            match Trust::new(self.bundles.values().map(|held| Arc::new(held.bundle.clone()))) {
                Ok(trust) => self.trust = Some(trust),
                Err(error) => problems.push(error.to_string()),
            }
        }
        let revision = self.trust.as_ref().map(trust_revision);
        self.note(Part::Trust, revision, problems, now);
    }

    fn load_store(&mut self, now: Timestamp) {
        let problems = match self.directory.read() {
            Ok(documents) => {
                let problems = documents.problems.iter().map(ToString::to_string).collect();
                self.documents = Some(documents);
                problems
            }
            Err(problems) => lines(&problems),
        };
        let revision = self.documents.as_ref().map(|documents| documents.revision.clone());
        self.note(Part::Store, revision, problems, now);
    }

    fn load_policy(&mut self, now: Timestamp) {
        let problems = self.compile().err().map(|problems| lines(&problems)).unwrap_or_default();
        let revision = self.policy.as_ref().map(|compiled| compiled.wanted.source.clone());
        self.note(Part::Policy, revision, problems, now);
    }

    fn compile(&mut self) -> Result<(), Problems> {
        let config = &self.config.policy;
        let source = Source::read(&config.directory, self.config.limits.policy_bytes as u64)?;
        let wanted = Wanted {
            source: source.revision().to_owned(),
            entrypoint: config.entrypoint.clone(),
            timeout: config.timeout,
        };
        if self.policy.as_ref().is_some_and(|compiled| compiled.wanted == wanted) {
            return Ok(());
        }
        if let Some((refused, problems)) = &self.refused
            && *refused == wanted
        {
            return Err(problems.clone());
        }
        match Policy::compile(&source, &wanted.entrypoint, wanted.timeout) {
            Ok(policy) => {
                self.policy = Some(Compiled { policy: Arc::new(policy), wanted });
                Ok(())
            }
            Err(problems) => {
                self.refused = Some((wanted, problems.clone()));
                Err(problems)
            }
        }
    }

    fn assemble(&mut self) -> Option<Snapshot> {
        let (trust, documents, compiled) = (self.trust.as_ref()?, self.documents.as_ref()?, self.policy.as_ref()?);
        let config = &self.config;
        let mut revisions = Revisions {
            trust: trust_revision(trust),
            store: documents.revision.clone(),
            policy: compiled.wanted.source.clone(),
            config: config.revision.clone(),
            snapshot: String::new(),
        };
        revisions.snapshot = short(
            &[&revisions.trust, &revisions.store, &revisions.policy, &revisions.config].map(String::as_str).join(" "),
        );
        let stale: Vec<_> = trust.bundles().filter_map(|bundle| bundle.stale_at()).map(|at| at.to_string()).collect();
        let state = format!("{} {}", revisions.snapshot, stale.join(" "));
        if self.published.replace(state.clone()) == Some(state) {
            return None;
        }
        let authorizer = Authorizer {
            this: config.self_id.clone(),
            rules: Rules {
                escapes: Escapes {
                    slash: config.hop.slash,
                    percent: config.hop.percent,
                    semicolon: config.hop.semicolon,
                },
                max_headers: config.limits.headers,
                purpose_header: config.purpose_header.clone(),
                keep_headers: config.hop.keep_headers.iter().cloned().collect(),
            },
            self_check: config.hop.self_check,
            verifier: Verifier::new(peer::Rules::certificate(config.peer.max_lifetime), Arc::clone(&self.svids)),
            trust: trust.clone(),
            vocabulary: documents.vocabulary.clone(),
            grants: Grants::new(config.self_id.clone(), &documents.grants),
            policy: Arc::clone(&compiled.policy),
            revisions: Arc::new(revisions),
        };
        Some(Snapshot { authorizer, reveal: config.reveal })
    }

    fn note(&self, part: Part, revision: Option<String>, problems: Vec<String>, now: Timestamp) {
        let ok = problems.is_empty();
        let lines = problems.clone();
        if self.shared.status.note(part, revision, problems, now) {
            self.shared.metrics.reloaded(part, ok);
            for problem in lines {
                tracing::error!(part = part.as_str(), problem, "Part does not load: the last good one stays");
            }
        }
    }
}

fn trust_revision(trust: &Trust) -> String {
    let revisions: Vec<&str> = trust.bundles().map(|bundle| bundle.revision().as_ref()).collect();
    hex::encode(digest(&SHA256, revisions.join(" ").as_bytes()).as_ref())
}

fn short(text: &str) -> String {
    let mut digits = hex::encode(digest(&SHA256, text.as_bytes()).as_ref());
    digits.truncate(SHORT);
    digits
}

fn lines(problems: &Problems) -> Vec<String> {
    problems.0.iter().map(ToString::to_string).collect()
}

/// How often files that change are read at once.
const ATTEMPTS: usize = 8;
/// The digits of a snapshot's revision.
const SHORT: usize = 16;
