//! What is known of each fed trust domain: one source writes it, everybody reads it, and no source writes what is no longer its own.

mod slot;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use spiffe::TrustDomain;

pub(super) use self::slot::{Delivery, Slot};
use super::Latest;
use crate::{
    clock::Timestamp,
    trust::{
        Authorities, Source, TrustBundle,
        state::{Kept, State},
    },
};

/// All fed trust domains.
pub(super) struct Board {
    entries: Mutex<BTreeMap<TrustDomain, Entry>>,
    /// Held while files are written, so that an older state never replaces a newer one.
    writing: Mutex<()>,
    state: Option<State>,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    nudge: Box<dyn Fn() + Send + Sync>,
    news: AtomicBool,
    ignored: AtomicU64,
    epochs: AtomicU64,
}

/// One trust domain.
struct Entry {
    /// Which source it is that may write here; another one has another number.
    epoch: u64,
    source: String,
    held: Option<Held>,
    /// When the source last stood by what is held; while `pushed` and `connected` it does so all the time.
    confirmed: Option<Timestamp>,
    /// Whether the source tells of each change by itself.
    pushed: bool,
    connected: bool,
    problem: Option<String>,
    unwritten: bool,
}

/// What the source last gave.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// The bundle.
    pub(super) bundle: Arc<TrustBundle>,
    /// What it was made of.
    pub(super) authorities: Authorities,
    /// The publisher's number of it.
    pub(super) sequence: Option<u64>,
}

impl Board {
    /// An empty board.
    pub(super) fn new(
        state: Option<State>,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        nudge: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            entries: Mutex::default(),
            writing: Mutex::default(),
            state,
            clock: Box::new(clock),
            nudge: Box::new(nudge),
            news: AtomicBool::new(false),
            ignored: AtomicU64::new(0),
            epochs: AtomicU64::new(0),
        }
    }

    /// Makes place for the fed ones among `sources`, with what was kept of them, and drops all others.
    pub(super) fn adopt(&self, sources: &[Source]) {
        let fed: BTreeMap<_, _> =
            sources.iter().filter_map(|source| Some((&source.trust_domain, source.feed()?))).collect();
        let mut entries = self.entries();
        entries.retain(|trust_domain, entry| fed.get(trust_domain) == Some(&entry.source));
        if let Some(state) = &self.state
            && let Err(error) = state.retain(fed.keys().copied())
        {
            tracing::warn!(%error, "Kept bundles of former sources cannot be removed");
        }
        for (trust_domain, source) in fed {
            if !entries.contains_key(trust_domain) {
                let entry = self.restore(trust_domain, source);
                entries.insert(trust_domain.clone(), entry);
            }
        }
    }

    /// How the bundle of `trust_domain` stands.
    pub(super) fn latest(&self, trust_domain: &TrustDomain) -> Latest {
        let entries = self.entries();
        let Some(entry) = entries.get(trust_domain) else { return Latest::default() };
        Latest {
            bundle: entry.held.as_ref().map(|held| Arc::clone(&held.bundle)),
            confirmed: entry.confirmed_at(self.now()),
            connected: entry.connected,
            problem: entry.problem.clone(),
        }
    }

    /// The place of the trust domain of `source`, if that is still its source.
    pub(super) fn slot(self: &Arc<Self>, source: &Source) -> Option<Slot> {
        let trust_domain = source.trust_domain.clone();
        let epoch =
            self.entries().get(&trust_domain).filter(|entry| Some(&entry.source) == source.feed().as_ref())?.epoch;
        Some(Slot { board: Arc::clone(self), trust_domain, epoch })
    }

    /// The time.
    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Counts bundles of trust domains that are not listed.
    pub(super) fn ignore(&self, bundles: usize) {
        self.ignored.fetch_add(bundles as u64, Ordering::Relaxed);
    }

    /// How many were ignored so far.
    pub(super) fn ignored(&self) -> u64 {
        self.ignored.load(Ordering::Relaxed)
    }

    /// Lets everybody know what is new, at once, and then puts it on disk.
    pub(super) async fn publish(self: &Arc<Self>) {
        self.tell();
        let board = Arc::clone(self);
        if tokio::task::spawn_blocking(move || board.write()).await.is_err() {
            tracing::error!("Writing kept bundles panicked");
        }
    }

    /// Lets everybody know of news that are not on this board.
    pub(super) fn announce(&self) {
        self.news.store(true, Ordering::Release);
        self.tell();
    }

    /// Lets everybody know what is new.
    pub(super) fn tell(&self) {
        if self.news.swap(false, Ordering::AcqRel) {
            (self.nudge)();
        }
    }

    /// Lets everybody know of something new that is not on this board.
    pub(super) fn nudge(&self) {
        (self.nudge)();
    }

    /// Puts on disk until when sources stood by their bundles, along with what is not there yet.
    pub(super) fn write_confirmed(&self) {
        for entry in self.entries().values_mut() {
            entry.unwritten |= entry.held.is_some() && entry.connected;
        }
        self.write();
    }

    /// Puts on disk what is not there yet.
    fn write(&self) {
        let Some(state) = &self.state else { return };
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let unwritten: Vec<Kept> = self
            .entries()
            .iter_mut()
            .filter_map(|(trust_domain, entry)| {
                if !std::mem::take(&mut entry.unwritten) {
                    return None;
                }
                let held = entry.held.as_ref()?;
                Some(Kept {
                    trust_domain: trust_domain.clone(),
                    source: entry.source.clone(),
                    confirmed: entry.confirmed_at(now)?,
                    sequence: held.sequence,
                    authorities: held.authorities.clone(),
                })
            })
            .collect();
        for kept in unwritten {
            if let Err(error) = state.store(&kept) {
                tracing::error!(trust_domain = %kept.trust_domain, %error, "Bundle cannot be kept for the next start");
                if let Some(entry) = self.entries().get_mut(&kept.trust_domain) {
                    entry.unwritten = true;
                }
            }
        }
    }

    /// A new entry, with what was kept of `source`.
    fn restore(&self, trust_domain: &TrustDomain, source: String) -> Entry {
        let kept = self.state.as_ref().and_then(|state| {
            state
                .load(trust_domain, &source)
                .inspect_err(|error| tracing::error!(%trust_domain, %error, "Kept bundle is not used"))
                .ok()
                .flatten()
        });
        let held = kept.as_ref().and_then(|kept| {
            let bundle = kept.authorities.bundle(trust_domain.clone());
            let bundle =
                bundle.inspect_err(|error| tracing::error!(%trust_domain, %error, "Kept bundle is not used")).ok()?;
            Some(Held { bundle: Arc::new(bundle), authorities: kept.authorities.clone(), sequence: kept.sequence })
        });
        Entry {
            epoch: self.epochs.fetch_add(1, Ordering::Relaxed),
            source,
            // A clock that ran ahead must not make it last longer.
            confirmed: held.as_ref().and(kept.as_ref()).map(|kept| kept.confirmed.min(self.now())),
            held,
            pushed: false,
            connected: false,
            problem: None,
            unwritten: false,
        }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<TrustDomain, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("state", &self.state).field("ignored", &self.ignored).finish_non_exhaustive()
    }
}

impl Entry {
    /// Holds `held` from now on; false if it is the same as before.
    fn hold(&mut self, held: Held) -> bool {
        let same = self.held.as_ref().is_some_and(|before| {
            before.bundle.revision() == held.bundle.revision() && before.sequence == held.sequence
        });
        if !same {
            self.held = Some(held);
        }
        !same
    }

    fn confirmed_at(&self, now: Timestamp) -> Option<Timestamp> {
        if self.pushed && self.connected && self.held.is_some() { Some(now) } else { self.confirmed }
    }
}
