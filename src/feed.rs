//! Bundles that come over a network: the last good one of each trust domain stays until its source withdraws it, which takes effect at once.
//!
//! A source that cannot be reached has withdrawn nothing; how long its last word counts is `max_stale`'s matter. A source that answers and
//! does not give the bundle has withdrawn it.

mod agent;
pub(crate) mod backoff;
mod board;
pub mod bundle;
mod federation;
mod given;
pub mod https;
mod identity;
pub mod jwks;
mod supervisor;
mod workload;

use std::{
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use spiffe::{SpiffeId, TrustDomain};
use tokio::{
    sync::{mpsc, watch},
    task::LocalSet,
};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Timestamp,
    trust::{Endpoint, Source, TrustBundle, state::State},
};

pub(crate) use self::agent::said;
pub use self::{
    federation::{Relationship, RelationshipError},
    identity::{Identity, OwnSvid},
};

use self::{
    board::Board,
    bundle::{Offer, Shelf, Stage, Standing as BundleStanding, Status as BundleStatus, Subscription},
    identity::Standing,
    jwks::Issuers,
    supervisor::{Identify, Order},
};

/// How the bundle of one trust domain stands.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    /// What its source last gave: an empty one if it withdrew it. `None`: nothing is known yet.
    pub bundle: Option<Arc<TrustBundle>>,
    /// When the source last stood by it.
    pub confirmed: Option<Timestamp>,
    /// Whether the source stands by it now; if not, it ages from `confirmed` on.
    pub connected: bool,
    /// What is wrong with the source, or was with what it last said.
    pub problem: Option<String>,
}

impl Latest {
    /// When the bundle ceases to be relied on, if nothing is heard until then. `None`: its source stands by it.
    pub fn stale_at(&self, max_stale: Duration) -> Option<Timestamp> {
        if self.connected { None } else { Some(self.confirmed.unwrap_or(Timestamp::MIN).after(max_stale)) }
    }
}

/// The thread on which all feeds run.
pub struct Feeds {
    board: Arc<Board>,
    issuers: Arc<Issuers>,
    shelf: Arc<Shelf>,
    orders: mpsc::UnboundedSender<Order>,
    end: CancellationToken,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// What is followed: to be told so again is no news.
    followed: Mutex<Option<Vec<Source>>>,
}

impl Feeds {
    /// Starts to follow the fed ones among `sources`. What the directory `state` keeps of them is served from the start.
    ///
    /// `nudge` is called for whatever [`latest`](Self::latest) newly says, on the feeds' own thread: it must not block.
    ///
    /// # Errors
    /// If the state directory cannot be used, or the thread cannot be started.
    pub fn start(
        sources: &[Source],
        state: Option<&Path>,
        clock: impl Fn() -> Timestamp + Send + Sync + 'static,
        nudge: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let board = Arc::new(Board::new(state.map(State::open).transpose()?, clock, nudge));
        let shelf = Arc::new(Shelf::new(state.map(bundle::Keep::open).transpose()?));
        let (orders, received) = mpsc::unbounded_channel();
        let end = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let issuers = Arc::new(Issuers::default());
        let (supervised, asked, ending) = (Arc::clone(&board), Arc::clone(&issuers), end.clone());
        let stocked = Arc::clone(&shelf);
        let thread = std::thread::Builder::new().name("feeds".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, supervisor::run(supervised, asked, stocked, received, ending));
            // Whatever hangs is left behind.
            runtime.shutdown_timeout(Duration::from_millis(200));
        })?;
        let feeds =
            Self { board, issuers, shelf, orders, end, thread: Mutex::new(Some(thread)), followed: Mutex::default() };
        feeds.reconfigure(sources);
        Ok(feeds)
    }

    /// How the bundle of `trust_domain` stands.
    pub fn latest(&self, trust_domain: &TrustDomain) -> Latest {
        self.board.latest(trust_domain)
    }

    /// Follows the fed ones among `sources`, and no others: what others gave is forgotten, on disk too.
    pub fn reconfigure(&self, sources: &[Source]) {
        let mut followed = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        if followed.as_deref() == Some(sources) {
            return;
        }
        self.board.adopt(sources);
        self.order(Order::Follow(sources.to_vec()));
        *followed = Some(sources.to_vec());
    }

    /// Follows this workload's own SVID at `endpoint`: that of `this`, or the only one.
    pub fn identity(&self, endpoint: Endpoint, this: Option<SpiffeId>) -> Identity {
        let (standing, followed) = watch::channel(Standing::default());
        self.order(Order::Identify(Identify { endpoint, this, standing }));
        Identity::new(followed)
    }

    /// How the keys of `issuer` stand.
    pub fn issuer(&self, issuer: &str) -> jwks::Latest {
        self.issuers.latest(issuer)
    }

    /// Asks `endpoints` for their issuers' keys, and no others: what others gave is forgotten.
    pub fn reconfigure_issuers(&self, endpoints: &[jwks::Endpoint]) {
        self.issuers.adopt(endpoints);
        self.order(Order::Ask(endpoints.to_vec()));
    }

    /// Follows these bundles, and no others: what others gave is forgotten, on disk too. What is kept of them is there at once.
    pub fn subscribe(&self, subscriptions: &[Subscription]) {
        self.shelf.adopt(subscriptions, self.board.now());
        self.order(Order::Subscribe(subscriptions.to_vec()));
    }

    /// How each bundle stands, to make a policy of, or to take documents from.
    pub fn bundles(&self) -> Vec<BundleStanding> {
        self.shelf.standings(self.board.now())
    }

    /// What these bundles hold has passed: from now on they count.
    pub fn activate(&self, bundles: &[(String, Arc<Offer>)]) {
        self.shelf.activate(bundles, self.board.now());
        self.order(Order::Keep);
    }

    /// A bundle as it came last is of no use, as `stage` found.
    pub fn reject(&self, name: &str, offer: &Offer, stage: Stage, why: String) {
        self.shelf.reject(name, offer, stage, why, self.board.now());
    }

    /// How each bundle stands, to be told.
    pub fn bundle_statuses(&self) -> Vec<BundleStatus> {
        self.shelf.statuses()
    }

    /// How many bundles were ignored so far because their trust domain is not listed.
    pub fn ignored(&self) -> u64 {
        self.board.ignored()
    }

    /// Ends the thread, and waits for it for at most `within`.
    pub fn stop(&self, within: Duration) {
        self.end.cancel();
        let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let end = Instant::now() + within;
        while !thread.is_finished() {
            if Instant::now() >= end {
                tracing::warn!("Feeds did not end in time and are left behind");
                return;
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
        if thread.join().is_err() {
            tracing::error!("Feeds panicked");
        }
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::debug!("Feeds have ended already");
        }
    }
}

impl Drop for Feeds {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

impl fmt::Debug for Feeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feeds").field("board", &self.board).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
