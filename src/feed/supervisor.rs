//! Each place that is named is followed by one task, for all the trust domains that name it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use spiffe::{SpiffeId, TrustDomain};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    board::{Board, Slot},
    bundle::{self, Shelf, Subscription},
    federation,
    https::Task,
    identity::{self, Standing},
    jwks::{self, Issuers},
    workload,
};
use crate::trust::{Endpoint, Source, SourceKind};

/// What the supervisor is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Follow these sources and no others.
    Follow(Vec<Source>),
    /// Ask these issuers' endpoints and no others.
    Ask(Vec<jwks::Endpoint>),
    /// Follow these policy bundles and no others.
    Subscribe(Vec<Subscription>),
    /// Keep the policy bundles that have passed.
    Keep,
    /// Follow the own SVID too.
    Identify(Identify),
}

/// Whose SVID is asked for, and who wants to know it.
#[derive(Debug)]
pub(super) struct Identify {
    pub(super) endpoint: Endpoint,
    pub(super) this: Option<SpiffeId>,
    pub(super) standing: watch::Sender<Standing>,
}

/// Carries out orders until `end`.
pub(super) async fn run(
    board: Arc<Board>,
    issuers: Arc<Issuers>,
    shelf: Arc<Shelf>,
    mut orders: mpsc::UnboundedReceiver<Order>,
    end: CancellationToken,
) {
    let mut agents = BTreeMap::new();
    // Dropped at the end, and all tasks with it.
    let mut identities = JoinSet::new();
    let mut federations = federation::Followers::default();
    let mut key_sets = jwks::Followers::new(jwks::BOUNDS);
    let mut bundles = bundle::Followers::default();
    let mut look = tokio::time::interval(WRITE_CONFIRMED);
    look.tick().await;
    loop {
        tokio::select! {
            () = end.cancelled() => break,
            order = orders.recv() => match order {
                Some(Order::Identify(Identify { endpoint, this, standing })) => {
                    identities.spawn_local(identity::follow(endpoint, this, standing, Arc::clone(&board)));
                }
                Some(Order::Follow(sources)) => {
                    follow_agents(&board, &mut agents, &sources).await;
                    federations.follow(&board, &sources).await;
                }
                Some(Order::Ask(endpoints)) => key_sets.follow(&board, &issuers, endpoints).await,
                Some(Order::Subscribe(subscriptions)) => bundles.follow(&board, &shelf, subscriptions).await,
                Some(Order::Keep) => keep(&shelf).await,
                None => break,
            },
            _ = look.tick() => {
                write_confirmed(&board).await;
                keep(&shelf).await;
            }
        }
    }
    for (_, task) in agents.into_values() {
        task.end().await;
    }
    federations.end().await;
    key_sets.end().await;
    bundles.end().await;
    write_confirmed(&board).await;
    keep(&shelf).await;
}

async fn keep(shelf: &Arc<Shelf>) {
    let shelf = Arc::clone(shelf);
    if tokio::task::spawn_blocking(move || shelf.write()).await.is_err() {
        tracing::error!("Writing kept policy bundles panicked");
    }
}

async fn write_confirmed(board: &Arc<Board>) {
    let board = Arc::clone(board);
    if tokio::task::spawn_blocking(move || board.write_confirmed()).await.is_err() {
        tracing::error!("Writing kept bundles panicked");
    }
}

/// A task that follows one Workload API, and for which trust domains.
type Agent = (BTreeSet<TrustDomain>, Task);

async fn follow_agents(board: &Arc<Board>, agents: &mut BTreeMap<Endpoint, Agent>, sources: &[Source]) {
    let mut wanted: BTreeMap<&Endpoint, BTreeMap<TrustDomain, &Source>> = BTreeMap::new();
    for source in sources {
        if let SourceKind::WorkloadApi { endpoint } = &source.kind {
            wanted.entry(endpoint).or_default().insert(source.trust_domain.clone(), source);
        }
    }
    let running = std::mem::take(agents);
    for (endpoint, (trust_domains, task)) in running {
        let same = wanted.get(&endpoint).is_some_and(|wanted| wanted.keys().eq(&trust_domains));
        if same && task.is_running() {
            agents.insert(endpoint, (trust_domains, task));
        } else {
            task.end().await;
        }
    }
    for (endpoint, sources) in wanted {
        if agents.contains_key(endpoint) {
            continue;
        }
        let slots: Vec<_> = sources.values().filter_map(|source| board.slot(source)).collect();
        let task = follow_agent(endpoint.clone(), slots, Arc::clone(board));
        agents.insert(endpoint.clone(), (sources.into_keys().collect(), task));
    }
}

fn follow_agent(endpoint: Endpoint, slots: Vec<Slot>, board: Arc<Board>) -> Task {
    let (place, given, told) = (endpoint.clone(), slots.clone(), Arc::clone(&board));
    let follow = move || workload::follow(endpoint.clone(), slots.clone(), Arc::clone(&board));
    Task::start(follow, move |why| {
        given.iter().for_each(|slot| slot.keep(format!("{place}: {why}")));
        told.tell();
    })
}

/// How often it is written down until when sources stood by their bundles. A crash costs at most as much of `max_stale`.
const WRITE_CONFIRMED: Duration = Duration::from_secs(300);
