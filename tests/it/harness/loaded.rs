//! What a Hopguard decides by, without the sockets around it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hopguard::{
    audit::{Audit, AuditWriter, Durability, Sink},
    clock::Timestamp,
    config::Config,
    decision::DecisionIds,
    feed::Feeds,
    reload::Loader,
    replay::Claims,
    server::{Limits, Shared, Snapshot},
    telemetry::Metrics,
};

use super::Setup;

/// A loader, and what it tells how it stands.
pub(crate) struct Loaded {
    pub(crate) loader: Loader,
    pub(crate) shared: Arc<Shared>,
    _writer: AuditWriter,
}

impl Loaded {
    /// Loads everything again and gives what is decided by from then on.
    pub(crate) fn refresh(&mut self, now: Timestamp) -> Arc<Snapshot> {
        if let Some(snapshot) = self.loader.refresh(true, now) {
            self.shared.snapshot.store(Some(Arc::new(snapshot)));
        }
        let loaded = self.shared.snapshot.load_full();
        loaded.unwrap_or_else(|| panic!("does not load: {:#?}", self.shared.status.parts()))
    }
}

impl Setup {
    /// A loader of what is configured, with a log of its own.
    pub(crate) fn loader(&self) -> Loaded {
        // One that has just ended may still hold its own.
        let number = LOGS.fetch_add(1, Ordering::Relaxed);
        let sink = Sink::File(self.path(&format!("loader-{number}.jsonl")));
        let (audit, writer) = Audit::open(&sink, 1, Duration::from_millis(1), Durability::Group).unwrap();
        let limits = Limits {
            request_bytes: 1 << 20,
            in_flight: 1,
            connections: 1,
            streams: 1,
            deadline: Duration::from_secs(10),
            drain: Duration::from_secs(1),
        };
        let claims = Claims::open(1, limits.deadline, None, Timestamp::MIN).unwrap();
        let shared = Arc::new(Shared::new(audit, claims, DecisionIds::new().unwrap(), Metrics::new(), limits));
        let config = Config::load(&self.write_config()).unwrap();
        let feeds = Feeds::start(&config.trust, None, move || Timestamp::MIN, || ()).unwrap();
        Loaded { loader: Loader::new(config, Arc::new(feeds), Arc::clone(&shared)), shared, _writer: writer }
    }
}

/// How many logs there have been.
static LOGS: AtomicUsize = AtomicUsize::new(0);
