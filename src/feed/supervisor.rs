//! Each place that is named is followed by one task, for all the trust domains that name it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use spiffe::{SpiffeId, TrustDomain};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{
    board::{Board, Slot},
    federation,
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
    mut orders: mpsc::UnboundedReceiver<Order>,
    end: CancellationToken,
) {
    let mut agents = BTreeMap::new();
    // Dropped at the end, and all tasks with it.
    let mut identities = JoinSet::new();
    let mut federations = federation::Followers::default();
    let mut key_sets = jwks::Followers::new(jwks::BOUNDS);
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
                None => break,
            },
            _ = look.tick() => write_confirmed(&board).await,
        }
    }
    for agent in agents.into_values() {
        agent.end().await;
    }
    federations.end().await;
    key_sets.end().await;
    write_confirmed(&board).await;
}

async fn write_confirmed(board: &Arc<Board>) {
    let board = Arc::clone(board);
    if tokio::task::spawn_blocking(move || board.write_confirmed()).await.is_err() {
        tracing::error!("Writing kept bundles panicked");
    }
}

/// A task that follows one Workload API.
struct Agent {
    trust_domains: BTreeSet<TrustDomain>,
    end: CancellationToken,
    task: JoinHandle<()>,
}

impl Agent {
    async fn end(self) {
        self.end.cancel();
        if self.task.await.is_err() {
            tracing::error!("A Workload API feed panicked");
        }
    }
}

async fn follow_agents(board: &Arc<Board>, agents: &mut BTreeMap<Endpoint, Agent>, sources: &[Source]) {
    let mut wanted: BTreeMap<&Endpoint, BTreeMap<TrustDomain, &Source>> = BTreeMap::new();
    for source in sources {
        if let SourceKind::WorkloadApi { endpoint } = &source.kind {
            wanted.entry(endpoint).or_default().insert(source.trust_domain.clone(), source);
        }
    }
    let running = std::mem::take(agents);
    for (endpoint, agent) in running {
        let same = wanted.get(&endpoint).is_some_and(|wanted| wanted.keys().eq(&agent.trust_domains));
        if same && !agent.task.is_finished() {
            agents.insert(endpoint, agent);
        } else {
            agent.end().await;
        }
    }
    for (endpoint, sources) in wanted {
        if agents.contains_key(endpoint) {
            continue;
        }
        let slots = sources.values().filter_map(|source| board.slot(source)).collect();
        let feed = follow_agent(endpoint.clone(), slots, Arc::clone(board));
        let end = CancellationToken::new();
        let ending = end.clone();
        let task = tokio::task::spawn_local(async move { ending.run_until_cancelled(feed).await.unwrap_or_default() });
        agents.insert(endpoint.clone(), Agent { trust_domains: sources.into_keys().collect(), end, task });
    }
}

/// Follows a Workload API, whatever its answers do to their reader: until it is followed again, what it gave ages.
async fn follow_agent(endpoint: Endpoint, slots: Vec<Slot>, board: Arc<Board>) {
    loop {
        let mut task = JoinSet::new();
        task.spawn_local(workload::follow(endpoint.clone(), slots.clone(), Arc::clone(&board)));
        match task.join_next().await {
            Some(Err(error)) if error.is_panic() => tracing::error!(%endpoint, "A Workload API feed panicked"),
            _ => return,
        }
        slots.iter().for_each(|slot| slot.keep(format!("{endpoint}: reading its answer failed")));
        board.tell();
        tokio::time::sleep(AFTER_PANIC).await;
    }
}

/// How often it is written down until when sources stood by their bundles. A crash costs at most as much of `max_stale`.
const WRITE_CONFIRMED: Duration = Duration::from_secs(300);
const AFTER_PANIC: Duration = Duration::from_secs(1);
