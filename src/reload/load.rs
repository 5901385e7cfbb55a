//! Loads each part by itself, and keeps the last good one of each.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use spiffe::SpiffeId;

use super::{
    assemble::{Parts, revisions, snapshot, trust_revision},
    bundles::Bundles,
    compile::{Compiled, Compiler, Outcome, lines},
    fingerprint,
    keys::Keys,
};
use crate::{
    clock::Timestamp,
    config::{Config, KeysSource, PolicySource},
    decision::Mode,
    feed::{Feeds, Identity, bundle::Subscription},
    peer::SvidCache,
    server::{Shared, Snapshot},
    store::{Directory, Documents, Rules},
    telemetry::Part,
    token::{self, TokenCache},
    trust::{Source, Trust},
};

/// Holds the last good state of each part.
#[derive(Debug)]
pub struct Loader {
    config: Config,
    feeds: Arc<Feeds>,
    /// Says who this workload is, if the configuration does not.
    identity: Option<Identity>,
    /// Who this workload is, as far as that was ever said: an agent that no longer says so holds up nobody's withdrawal.
    this: Option<SpiffeId>,
    bundles: Bundles,
    keys: Keys,
    trust: Option<Trust>,
    /// What was verified lately; it outlives snapshots, because what it holds names the keys that it was held against.
    svids: Arc<SvidCache>,
    tokens: Arc<TokenCache>,
    /// The rules under which tokens were verified: the same ones, as long as they are the same.
    token_rules: Arc<token::Rules>,
    directory: Option<Directory>,
    documents: Option<Arc<Documents>>,
    policy: Option<Arc<Compiled>>,
    compiler: Compiler,
    /// The policy bundles that are followed.
    subscribed: Vec<Subscription>,
    seen: Option<u64>,
    published: Option<String>,
    shared: Arc<Shared>,
}

impl Loader {
    /// Will load what `config` names, and tell `shared` how it stands.
    pub fn new(config: Config, feeds: Arc<Feeds>, shared: Arc<Shared>) -> Self {
        let directory = config.documents.clone().map(|path| Directory::new(path, Rules::default()));
        feeds.reconfigure_issuers(&config.tokens.endpoints());
        let identity = identity(&config, &feeds);
        Self {
            config,
            feeds,
            identity,
            this: None,
            bundles: Bundles::default(),
            keys: Keys::default(),
            trust: None,
            svids: Arc::default(),
            tokens: Arc::new(TokenCache::new(CACHED_TOKENS)),
            token_rules: Arc::default(),
            directory,
            documents: None,
            policy: None,
            compiler: Compiler::default(),
            subscribed: Vec::new(),
            seen: None,
            published: None,
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
        let files = self.config.file.iter().map(|file| parent(file)).chain(self.trust_files().map(parent));
        // A file shows that it changed in its directory.
        let policy = self.policy_paths().map(|path| if path.is_dir() { path.to_path_buf() } else { parent(path) });
        files.chain(self.config.documents.clone()).chain(policy).collect()
    }

    /// Loads what has changed, or everything if `forced`. Gives the new snapshot, if it is another one than before and every part is in.
    ///
    /// Files that change while they are read are read again: a snapshot is what was there at one time, never half of a change. Those that
    /// go on changing are left for the next time; whom to trust is not, which says each source for itself.
    pub fn refresh(&mut self, forced: bool, now: Timestamp) -> Option<Snapshot> {
        let snapshot = self.load(forced, now);
        let bundles = self.feeds.bundle_statuses();
        self.shared.metrics.bundles(&bundles);
        self.shared.status.tell_bundles(bundles);
        snapshot
    }

    fn load(&mut self, forced: bool, now: Timestamp) -> Option<Snapshot> {
        let mut seen = self.fingerprint();
        // What comes over a network tells by itself that it has changed.
        let is_settled = self.shared.status.is_clean() && !self.compiler.is_pending();
        if self.seen == Some(seen) && !forced && is_settled {
            self.bundles.confirm(now);
            self.keys.confirm(now);
            return None;
        }
        let before = (self.documents.clone(), self.policy.clone());
        let mut together = self.together();
        for _ in 0..ATTEMPTS {
            self.load_config(now);
            self.load_trust(now);
            self.load_store(now);
            self.load_policy(now);
            let after = self.together();
            if together == after {
                self.seen = Some(seen);
                return self.assemble();
            }
            (seen, together) = (self.fingerprint(), after);
        }
        tracing::warn!("Files changed each time they were read: they are read again later");
        self.seen = None;
        self.documents = before.0;
        if self.policy_paths().next().is_some() {
            self.policy = before.1;
        }
        self.assemble()
    }

    fn fingerprint(&self) -> u64 {
        fingerprint::of(self.paths())
    }

    /// A fingerprint of what must not change while it is read: a policy that is made aside sees to that itself.
    fn together(&self) -> u64 {
        let is_aside = |path: &Path| self.compiler.is_aside() && self.policy_paths().any(|watched| watched == path);
        fingerprint::of(self.paths().filter(|path| !is_aside(path)))
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        let parts = self.config.file.iter().map(PathBuf::as_path).chain(self.policy_paths());
        parts.chain(self.config.documents.as_deref()).chain(self.trust_files())
    }

    fn policy_paths(&self) -> impl Iterator<Item = &Path> {
        self.config.policy.iter().flat_map(PolicySource::watched).map(PathBuf::as_path)
    }

    fn trust_files(&self) -> impl Iterator<Item = &Path> {
        let keys = self.config.tokens.keys.iter().filter_map(KeysSource::path);
        self.config.trust.iter().flat_map(Source::paths).chain(keys)
    }

    fn load_config(&mut self, now: Timestamp) {
        let Some(file) = &self.config.file else {
            return self.note(Part::Config, Some(self.config.revision.clone()), Vec::new(), now);
        };
        let problems = match Config::load(file) {
            Ok(config) => self.adopt(config, now).err().unwrap_or_default(),
            Err(problems) => lines(&problems),
        };
        self.note(Part::Config, Some(self.config.revision.clone()), problems, now);
    }

    /// Takes `config` up whole, or gives why it cannot be taken up.
    fn adopt(&mut self, config: Config, now: Timestamp) -> Result<(), Vec<String>> {
        let fixed = self.config.restart_differs(&config);
        if !fixed.is_empty() {
            let keys = fixed.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            return Err(vec![format!("{}: {keys} changed, which takes a restart", config.name())]);
        }
        if config.documents != self.config.documents {
            let mut directory = config.documents.clone().map(|path| Directory::new(path, Rules::default()));
            // Read before anything is given up: with no documents there is no snapshot, and nothing that is withdrawn would count.
            let documents = directory.as_mut().map(|directory| directory.read(now)).transpose();
            let documents = documents.map_err(|problems| lines(&problems))?;
            self.documents = documents.map(Arc::new);
            self.directory = directory;
        }
        if (&config.workload_api, &config.self_id) != (&self.config.workload_api, &self.config.self_id) {
            self.identity = identity(&config, &self.feeds);
        }
        self.feeds.reconfigure(&config.trust);
        self.feeds.reconfigure_issuers(&config.tokens.endpoints());
        self.config = config;
        Ok(())
    }

    fn load_trust(&mut self, now: Timestamp) {
        let mut problems = self.bundles.load(&self.config.trust, &self.feeds, now);
        problems.extend(self.load_this(now));
        problems.extend(self.keys.load(&self.config.tokens.keys, &self.feeds, now));
        self.shared.metrics.bundles_ignored(self.feeds.ignored());
        match self.bundles.trust(&self.config.trust) {
            Some(Ok(trust)) => self.trust = Some(trust),
            Some(Err(error)) => problems.push(error.to_string()),
            None => {}
        }
        let revision = self.trust.as_ref().map(|trust| trust_revision(trust, &self.keys.all()));
        self.note(Part::Trust, revision, problems, now);
    }

    fn load_store(&mut self, now: Timestamp) {
        let Some(directory) = &mut self.directory else {
            return self.note(Part::Store, None, Vec::new(), now);
        };
        let problems = match directory.read(now) {
            Ok(documents) => {
                let problems = documents.problems.iter().map(ToString::to_string).collect();
                self.documents = Some(Arc::new(documents));
                problems
            }
            Err(problems) => lines(&problems),
        };
        let revision = self.documents.as_ref().map(|documents| documents.revision.clone());
        self.note(Part::Store, revision, problems, now);
    }

    fn load_policy(&mut self, now: Timestamp) {
        let bundles = self.config.policy.as_ref().map(PolicySource::bundles).unwrap_or_default();
        if self.subscribed != bundles {
            self.subscribed = bundles.to_vec();
            self.feeds.subscribe(&self.subscribed);
        }
        let Some(wanted) = &self.config.policy else {
            self.policy = None;
            return self.note(Part::Policy, None, Vec::new(), now);
        };
        let limit = self.config.limits.policy_bytes;
        let Outcome { compiled, problems } =
            self.compiler.compile(wanted, limit, &self.feeds, now, self.policy.as_ref());
        self.policy = compiled;
        let revision = self.policy.as_ref().map(|compiled| compiled.source().to_owned());
        self.note(Part::Policy, revision, problems, now);
    }

    /// Learns who this workload is, as the configuration says, or else its Workload API; gives why neither does now.
    fn load_this(&mut self, now: Timestamp) -> Option<String> {
        let own = || self.identity.as_ref()?.current(now).map(|svid| svid.id().clone());
        let said = self.config.self_id.clone().or_else(own);
        if said.is_some() {
            self.this = said;
            return None;
        }
        let why = || self.identity.as_ref().and_then(Identity::problem);
        let silent = || "the Workload API has not given this workload's own SVID yet".to_owned();
        (!self.nobody_asks()).then(|| why().unwrap_or_else(silent))
    }

    /// Whether it makes no difference who this workload is.
    fn nobody_asks(&self) -> bool {
        let modes = self.config.modes;
        modes.proof == Mode::Skip && modes.ceiling == Mode::Skip
    }

    fn assemble(&mut self) -> Option<Snapshot> {
        let trust = self.trust.as_ref()?;
        let compiled = match (&self.config.policy, &self.policy) {
            (Some(_), None) => return None,
            (_, compiled) => compiled.as_ref(),
        };
        let documents = match (&self.directory, &self.documents) {
            (Some(_), None) => return None,
            (_, documents) => documents.as_ref(),
        };
        let this = self.this.clone();
        if this.is_none() && !self.nobody_asks() {
            return None;
        }
        let config = &self.config;
        if *self.token_rules != config.tokens.rules {
            self.token_rules = Arc::new(config.tokens.rules.clone());
        }
        let issuers = self.keys.all();
        let compiled_from = compiled.map(|compiled| compiled.source().to_owned());
        let revisions = revisions(config, trust, &issuers, documents.map(Arc::as_ref), compiled_from);
        let stale =
            trust.bundles().map(|bundle| bundle.stale_at()).chain(issuers.iter().map(|(_, keys)| keys.stale_at));
        let stale: Vec<_> = stale.map(|at| at.map(|at| at.to_string()).unwrap_or_default()).collect();
        let state = format!("{} {:?} {}", revisions.snapshot, this, stale.join(","));
        if self.published.replace(state.clone()) == Some(state) {
            return None;
        }
        let parts = Parts {
            this,
            trust: trust.clone(),
            issuers,
            documents,
            policy: compiled.map(|compiled| Arc::clone(compiled.policy())),
            revisions,
            svids: Arc::clone(&self.svids),
            token_rules: Arc::clone(&self.token_rules),
            tokens: Arc::clone(&self.tokens),
        };
        Some(snapshot(config, parts))
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

/// Follows the own SVID where it alone says who this workload is.
fn identity(config: &Config, feeds: &Feeds) -> Option<Identity> {
    let endpoint = config.workload_api.clone().filter(|_| config.self_id.is_none())?;
    Some(feeds.identity(endpoint, None))
}

/// How often files that change are read at once.
const ATTEMPTS: usize = 8;
/// The verified tokens that are remembered.
const CACHED_TOKENS: usize = 4096;
