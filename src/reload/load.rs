//! Loads each part by itself, and keeps the last good one of each.

mod ceiling;
mod fresh;
mod paths;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use spiffe::SpiffeId;

use super::{
    assemble::{Parts, revisions, snapshot, trust_revision},
    bundles::Bundles,
    compile::{Compiled, Compiler, Outcome, lines},
    facts::FactFiles,
    fingerprint::Look,
    indexes::Indexes,
    keys::Keys,
    store::{Change, Store},
};
use crate::{
    clock::Timestamp,
    config::{Config, PolicySource},
    decision::Mode,
    feed::{Feeds, Identity, bundle::Subscription},
    peer::SvidCache,
    server::{Shared, Snapshot},
    telemetry::Part,
    token::{self, TokenCache},
    trust::Trust,
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
    store: Store,
    facts: FactFiles,
    indexes: Indexes,
    /// When documents were last counted.
    counted: Option<Instant>,
    /// Whether what was taken back was not known when documents were last counted.
    was_stale: bool,
    /// Whether only facts were looked at.
    is_behind: bool,
    /// Whether files went on changing while they were read, so that what is served of them is what was there before.
    is_held_back: bool,
    /// When each part was last known to be what there is.
    confirmed: Vec<(Part, Timestamp)>,
    /// When this began to look.
    born: Timestamp,
    /// A change that the last snapshot was made for.
    due: Option<Change>,
    policy: Option<Arc<Compiled>>,
    compiler: Compiler,
    /// The bundles that are followed.
    subscribed: Vec<Subscription>,
    seen: Option<Look>,
    published: Option<String>,
    shared: Arc<Shared>,
}

impl Loader {
    /// Will load what `config` names, and tell `shared` how it stands.
    pub fn new(config: Config, feeds: Arc<Feeds>, shared: Arc<Shared>) -> Self {
        let store = Store::new(&config);
        let facts = FactFiles::new(config.ceiling.facts.as_deref());
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
            store,
            facts,
            indexes: Indexes::default(),
            counted: None,
            was_stale: false,
            is_behind: false,
            is_held_back: false,
            confirmed: Vec::new(),
            born: shared.clock.now(),
            due: None,
            policy: None,
            compiler: Compiler::default(),
            subscribed: Vec::new(),
            seen: None,
            published: None,
            shared,
        }
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
        self.tell_fresh(now);
        self.count(now);
        snapshot
    }

    /// Whether there is more to look at, at once.
    pub const fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Something came that does not show in files.
    pub const fn hear(&mut self) {
        self.seen = None;
    }

    fn load(&mut self, forced: bool, now: Timestamp) -> Option<Snapshot> {
        let has_other_facts = self.load_facts(forced, now);
        // Facts wait for nothing else, and nothing else waits for more than one of them.
        if has_other_facts && !forced && self.published.is_some() && !self.is_behind {
            self.is_behind = true;
            return self.assemble();
        }
        self.is_behind = false;
        let mut seen = self.fingerprint();
        // What comes over a network tells by itself that it has changed.
        let is_settled = self.shared.status.is_clean(&[Part::Config, Part::Policy, Part::Trust])
            && !self.compiler.is_pending()
            && !self.store.is_due(now);
        if self.seen == Some(seen) && !forced && is_settled {
            self.bundles.confirm(now);
            self.keys.confirm(now);
            return has_other_facts.then(|| self.assemble()).flatten();
        }
        let before = (self.store.documents().cloned(), self.policy.clone());
        let began = Instant::now();
        let mut together = self.together();
        for _ in 0..ATTEMPTS {
            self.load_config(now);
            self.subscribe();
            self.load_trust(now);
            self.load_store(forced, now);
            self.load_policy(now);
            let after = self.together();
            if together == after {
                // What changes within the same tick of the file system's clock would not show.
                self.seen = Some(seen).filter(|seen| !seen.is_too_fresh());
                self.is_held_back = false;
                return self.assemble();
            }
            if began.elapsed() > PATIENCE {
                break;
            }
            (seen, together) = (self.fingerprint(), after);
        }
        tracing::warn!("Files changed each time they were read: they are read again later");
        self.seen = None;
        self.is_held_back = true;
        // What was taken away by name waits for nobody.
        self.store.hold(before.0);
        if self.policy_paths().next().is_some() {
            self.policy = before.1;
        }
        self.assemble()
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
        self.store.adopt(&config, &self.feeds, now)?;
        if config.ceiling.facts.as_deref() != self.facts.path() {
            self.facts = FactFiles::new(config.ceiling.facts.as_deref());
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

    /// Follows the bundles that the configuration names, and no others.
    fn subscribe(&mut self) {
        let policies = self.config.policy.as_ref().map(PolicySource::bundles).unwrap_or_default();
        let bundles: Vec<_> = policies.iter().chain(&self.config.ceiling.bundle).cloned().collect();
        if self.subscribed != bundles {
            self.feeds.subscribe(&bundles);
            self.subscribed = bundles;
        }
    }

    fn load_policy(&mut self, now: Timestamp) {
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
        let documents = self.store.documents();
        if documents.is_none() && self.store.is_somewhere() {
            return None;
        }
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
        let stale_at = self.store.stale_at();
        let stale: Vec<_> = stale.chain([stale_at]).map(|at| at.map(|at| at.to_string()).unwrap_or_default()).collect();
        let facts = self.facts.told().map(|told| &told.revision);
        let state =
            format!("{} {} {facts:?} {this:?} {}", revisions.snapshot, self.store.generation(), stale.join(","));
        if self.published.replace(state.clone()) == Some(state) {
            return None;
        }
        let audience = this.as_ref().filter(|_| config.modes.ceiling != Mode::Skip);
        self.indexes.update(documents, self.facts.told(), audience);
        let parts = Parts {
            this,
            trust: trust.clone(),
            issuers,
            documents,
            indexes: self.indexes.clone(),
            stale_at,
            policy: compiled.map(|compiled| Arc::clone(compiled.policy())),
            revisions,
            svids: Arc::clone(&self.svids),
            token_rules: Arc::clone(&self.token_rules),
            tokens: Arc::clone(&self.tokens),
        };
        let snapshot = snapshot(&self.config, parts);
        self.due = self.store.take_change();
        Some(snapshot)
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
/// How long.
const PATIENCE: Duration = Duration::from_millis(400);
/// The verified tokens that are remembered.
const CACHED_TOKENS: usize = 4096;
