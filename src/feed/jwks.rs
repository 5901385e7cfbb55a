//! An issuer's keys are what its own endpoint said last, for as long as it can be relied on; no token makes anybody ask for more.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::sleep;

use super::{
    board::Board,
    https::{Bounds, Client, FetchError, HttpsUrl, Limits, Pace, Roots, RootsError, Server, Task, aside},
};
use crate::{
    clock::Timestamp,
    trust::jwk::{Ignored, JwkError, JwtKeys, Uses},
};

/// Where an issuer publishes its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The issuer: the keys count for its tokens and no others.
    pub issuer: String,
    /// The URL of its JWK set ([RFC 7517] §5).
    ///
    /// [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517
    pub url: HttpsUrl,
    /// The file of the roots that may vouch for its host, PEM; without one, those of the system.
    pub ca: Option<PathBuf>,
    /// How often it is asked; 30 s at least, a day at most.
    pub refresh: Duration,
}

/// How the keys of one issuer stand.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    /// What its endpoint last gave; no keys, if it withdrew them. `None`: nothing is known yet.
    pub keys: Option<JwtKeys>,
    /// When the endpoint last stood by them.
    pub confirmed: Option<Timestamp>,
    /// Whether it was heard when it was last asked; if not, the keys age from `confirmed` on.
    pub connected: bool,
    /// What is wrong with the endpoint.
    pub problem: Option<String>,
}

impl Latest {
    /// When the keys cease to be relied on, if nothing is heard until then. `None`: their endpoint stands by them.
    pub fn stale_at(&self) -> Option<Timestamp> {
        if self.connected { None } else { Some(self.confirmed.unwrap_or(Timestamp::MIN).after(MAX_STALE)) }
    }
}

impl Latest {
    /// What is known stays, and ages.
    fn lose(&mut self, problem: String) {
        self.connected = false;
        self.problem = Some(problem);
    }
}

/// What is known of each issuer.
#[derive(Debug, Default)]
pub(super) struct Issuers(Mutex<BTreeMap<String, (Endpoint, Latest)>>);

impl Issuers {
    /// Makes place for `endpoints`, and drops what other endpoints said.
    pub(super) fn adopt(&self, endpoints: &[Endpoint]) {
        let mut entries = self.entries();
        let mut before = std::mem::take(&mut *entries);
        entries.extend(endpoints.iter().map(|endpoint| {
            let known = before.remove(&endpoint.issuer).filter(|(known, _)| known == endpoint);
            (endpoint.issuer.clone(), known.unwrap_or_else(|| (endpoint.clone(), Latest::default())))
        }));
    }

    /// How the keys of `issuer` stand.
    pub(super) fn latest(&self, issuer: &str) -> Latest {
        self.entries().get(issuer).map(|(_, latest)| latest.clone()).unwrap_or_default()
    }

    /// Changes how the keys of the issuer of `endpoint` stand, if that is still its endpoint, and says whether they stand otherwise now.
    fn change(&self, endpoint: &Endpoint, change: impl FnOnce(&mut Latest)) -> bool {
        let mut entries = self.entries();
        let Some((_, latest)) = entries.get_mut(&endpoint.issuer).filter(|(known, _)| known == endpoint) else {
            return false;
        };
        let before = latest.clone();
        change(latest);
        (&before.keys, before.connected, &before.problem) != (&latest.keys, latest.connected, &latest.problem)
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, (Endpoint, Latest)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tasks of all endpoints, by issuer.
#[derive(Debug)]
pub(super) struct Followers {
    bounds: Bounds,
    tasks: BTreeMap<String, (Endpoint, Task)>,
}

impl Followers {
    /// No tasks, to be at a pace within `bounds`.
    pub(super) const fn new(bounds: Bounds) -> Self {
        Self { bounds, tasks: BTreeMap::new() }
    }

    /// Asks `endpoints` and no others.
    pub(super) async fn follow(&mut self, board: &Arc<Board>, issuers: &Arc<Issuers>, endpoints: Vec<Endpoint>) {
        let mut wanted: BTreeMap<_, _> =
            endpoints.into_iter().map(|endpoint| (endpoint.issuer.clone(), endpoint)).collect();
        for (issuer, (endpoint, task)) in std::mem::take(&mut self.tasks) {
            if wanted.get(&issuer) == Some(&endpoint) && task.is_running() {
                wanted.remove(&issuer);
                self.tasks.insert(issuer, (endpoint, task));
            } else {
                task.end().await;
            }
        }
        for (issuer, endpoint) in wanted {
            let task = follow(endpoint.clone(), Arc::clone(board), Arc::clone(issuers), self.bounds);
            self.tasks.insert(issuer, (endpoint, task));
        }
    }

    /// Ends all tasks.
    pub(super) async fn end(self) {
        for (_, task) in self.tasks.into_values() {
            task.end().await;
        }
    }
}

fn follow(endpoint: Endpoint, board: Arc<Board>, issuers: Arc<Issuers>, bounds: Bounds) -> Task {
    let (asked, told, known) = (endpoint.clone(), Arc::clone(&board), Arc::clone(&issuers));
    let asking = move || ask(endpoint.clone(), Arc::clone(&board), Arc::clone(&issuers), bounds);
    Task::start(asking, move |why| {
        if known.change(&asked, |latest| latest.lose(format!("{}: {why}", asked.url))) {
            told.nudge();
        }
    })
}

/// Asks an endpoint again and again.
async fn ask(endpoint: Endpoint, board: Arc<Board>, issuers: Arc<Issuers>, bounds: Bounds) {
    let Endpoint { issuer, url, refresh, .. } = &endpoint;
    let mut pace = Pace::new(bounds);
    sleep(pace.first(issuers.latest(issuer).keys.is_some())).await;
    loop {
        let now = board.now();
        let (changed, wait) = match fetch(&endpoint, Limits::default(), now).await {
            Ok((keys, ignored)) => {
                tracing::debug!(issuer, %url, keys = keys.len(), revision = %keys.revision(), "Key set fetched");
                let changed = issuers.change(&endpoint, |latest| {
                    if latest.keys.as_ref() != Some(&keys) {
                        log(&endpoint, &keys, &ignored);
                    }
                    *latest = Latest { keys: Some(keys), confirmed: Some(now), connected: true, problem: None };
                });
                (changed, pace.answered(*refresh))
            }
            Err(error) => {
                tracing::warn!(issuer, %url, %error, "Key set not fetched");
                let changed = issuers.change(&endpoint, |latest| latest.lose(format!("{url}: {error}")));
                (changed, pace.failed())
            }
        };
        if changed {
            board.nudge();
        }
        sleep(wait).await;
    }
}

/// Says what is new.
fn log(endpoint: &Endpoint, keys: &JwtKeys, ignored: &[Ignored]) {
    let Endpoint { issuer, url, .. } = endpoint;
    tracing::info!(issuer, %url, keys = keys.len(), revision = %keys.revision(), "Keys of an issuer changed");
    for ignored in ignored {
        tracing::warn!(issuer, %url, "{ignored}");
    }
}

/// Fetches once at `now`.
async fn fetch(endpoint: &Endpoint, limits: Limits, now: Timestamp) -> Result<(JwtKeys, Vec<Ignored>), JwksError> {
    let roots = endpoint.ca.clone().map_or(Roots::System, Roots::File);
    let roots = aside(limits, move || roots.load()).await??;
    let text = Client::new(Server::WebPki(roots), limits).get(&endpoint.url, now).await?;
    Ok(JwtKeys::parse(&text, Uses::Plain)?)
}

/// Why an issuer's endpoint was not heard.
#[derive(Debug, thiserror::Error)]
enum JwksError {
    /// It was not fetched.
    #[error("{0}")]
    Fetch(#[from] FetchError),
    /// What it gave is no key set.
    #[error("the endpoint gives no key set: {0}")]
    Keys(#[from] JwkError),
    /// The authorities of the Web PKI cannot be used.
    #[error("{0}")]
    Roots(#[from] RootsError),
}

/// The bounds of the pace at which key sets are fetched.
pub(super) const BOUNDS: Bounds =
    Bounds { least: Duration::from_secs(30), most: Duration::from_secs(86_400), retry: Duration::from_secs(5) };
/// How long keys are relied on after their endpoint was last heard.
const MAX_STALE: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests;
