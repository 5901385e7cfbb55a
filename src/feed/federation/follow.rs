//! Each relationship is asked by one task, which ends with it; a relationship that changed is another one.

use std::{collections::BTreeMap, sync::Arc};

use spiffe::TrustDomain;
use tokio::time::sleep;

use super::{Accepted, Relationship};
use crate::{
    feed::{
        board::{Board, Delivery, Slot},
        https::{Bounds, Limits, Pace, Task, aside},
    },
    trust::{Source, TrustBundle},
};

/// The tasks of all relationships, by trust domain.
#[derive(Debug, Default)]
pub(in crate::feed) struct Followers {
    bounds: Bounds,
    tasks: BTreeMap<TrustDomain, (Place, Task)>,
}

/// What one task was started for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    source: Source,
    /// The source of the endpoint's own trust domain, if that is another one.
    neighbour: Option<Source>,
}

impl Followers {
    /// No tasks, to be at a pace within `bounds`.
    #[cfg(test)]
    pub(super) const fn new(bounds: Bounds) -> Self {
        Self { bounds, tasks: BTreeMap::new() }
    }

    /// Asks the federation endpoints among `sources`, and no others.
    pub(in crate::feed) async fn follow(&mut self, board: &Arc<Board>, sources: &[Source]) {
        let mut wanted: BTreeMap<TrustDomain, (Place, Relationship)> = BTreeMap::new();
        for source in sources {
            match Relationship::of(source) {
                None => {}
                Some(Ok(relationship)) => {
                    let neighbour = neighbour(&relationship, sources).cloned();
                    let place = Place { source: source.clone(), neighbour };
                    wanted.insert(source.trust_domain.clone(), (place, relationship));
                }
                Some(Err(error)) => {
                    if let Some(slot) = board.slot(source) {
                        slot.keep(format!("federation.url: {error}"));
                    }
                    board.tell();
                }
            }
        }
        for (trust_domain, (place, task)) in std::mem::take(&mut self.tasks) {
            let same = wanted.get(&trust_domain).is_some_and(|(wanted, _)| *wanted == place);
            if same && task.is_running() {
                self.tasks.insert(trust_domain, (place, task));
            } else {
                task.end().await;
            }
        }
        for (trust_domain, (place, relationship)) in wanted {
            if self.tasks.contains_key(&trust_domain) {
                continue;
            }
            if let Some(slot) = board.slot(&place.source) {
                let task = follow(relationship, place.neighbour.clone(), slot, Arc::clone(board), self.bounds);
                self.tasks.insert(trust_domain, (place, task));
            }
        }
    }

    /// Ends all tasks.
    pub(in crate::feed) async fn end(self) {
        for (_, task) in self.tasks.into_values() {
            task.end().await;
        }
    }
}

/// The source that gives the bundle of the endpoint's trust domain, if that is another one.
fn neighbour<'a>(relationship: &Relationship, sources: &'a [Source]) -> Option<&'a Source> {
    let id = relationship.endpoint().filter(|_| !relationship.is_self_serving())?;
    sources.iter().find(|source| source.trust_domain == *id.trust_domain())
}

fn follow(
    relationship: Relationship,
    neighbour: Option<Source>,
    slot: Slot,
    board: Arc<Board>,
    bounds: Bounds,
) -> Task {
    let (url, given, told) = (relationship.url.clone(), slot.clone(), Arc::clone(&board));
    let asking = move || ask(relationship.clone(), neighbour.clone(), slot.clone(), Arc::clone(&board), bounds);
    Task::start(asking, move |why| {
        given.keep(format!("{url}: {why}"));
        told.tell();
    })
}

/// Asks an endpoint again and again.
async fn ask(relationship: Relationship, neighbour: Option<Source>, slot: Slot, board: Arc<Board>, bounds: Bounds) {
    let limits = Limits::default();
    let Relationship { trust_domain, url, .. } = &relationship;
    let mut pace = Pace::new(bounds);
    sleep(pace.first(slot.held().is_some())).await;
    loop {
        let neighbour = match &neighbour {
            Some(source) => bundle(source, &board, limits).await,
            None => None,
        };
        let outcome = super::fetch(&relationship, slot.held().as_ref(), neighbour, limits, board.now()).await;
        let wait = match outcome {
            Ok(Accepted { held, change, refresh_hint }) => {
                let (revision, sequence) = (held.bundle.revision(), held.sequence);
                tracing::debug!(%trust_domain, %url, sequence, %revision, ?change, "Bundle fetched");
                slot.deliver(held, Delivery::Fetched, change.problem());
                pace.answered(refresh_hint)
            }
            Err(error) => {
                tracing::warn!(%trust_domain, %url, kind = error.kind(), %error, "Bundle not fetched");
                slot.keep(format!("{url}: {error}"));
                pace.failed()
            }
        };
        board.publish().await;
        sleep(wait).await;
    }
}

/// The bundle of another trust domain as it is relied on now; `None`: it is not.
async fn bundle(source: &Source, board: &Board, limits: Limits) -> Option<Arc<TrustBundle>> {
    if source.feed().is_some() {
        let latest = board.latest(&source.trust_domain);
        let stale_at = latest.stale_at(source.max_stale);
        return latest.bundle.map(|bundle| Arc::new(TrustBundle::clone(&bundle).with_stale_at(stale_at)));
    }
    let (source, trust_domain) = (source.clone(), &source.trust_domain);
    match aside(limits, move || source.read()).await.ok()?? {
        Ok(bundle) => Some(Arc::new(bundle)),
        Err(error) => {
            tracing::warn!(%trust_domain, %error, "Bundle of an endpoint's trust domain cannot be read");
            None
        }
    }
}
