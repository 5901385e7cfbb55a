//! Builds every part once, binds early, serves when ready, drains.

use std::{fs, future::Future, path::Path, sync::Arc, thread::JoinHandle, time::Duration};

use anyhow::Context;
use tokio::{net::TcpListener, signal::unix::Signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    audit::{Audit, AuditWriter, Sink},
    clock::Clock,
    config::Config,
    decision::DecisionIds,
    feed::Feeds,
    reload::{Loader, Nudge, Watch},
    replay::Claims,
    server::{self, Bound, Limits, Shared, Workers, admin::Admin},
    telemetry::{
        Metrics,
        trace::{Exporter, Traces},
    },
};

/// A sidecar whose sockets are bound, and which does not serve yet.
#[derive(Debug)]
pub struct App {
    config: Config,
    shared: Arc<Shared>,
    writer: AuditWriter,
    exporter: Option<Exporter>,
    bound: Vec<Bound>,
    admin: TcpListener,
}

impl App {
    /// Opens the log and binds every socket: what cannot work fails here, before anything is served.
    ///
    /// # Errors
    /// If the log cannot be opened or an address cannot be bound.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let bounds = &config.limits;
        let sink = config.audit.file.clone().map_or(Sink::Stdout, Sink::File);
        let (audit, writer) = Audit::open(&sink, bounds.audit_queue, config.audit.window, config.audit.durability)
            .with_context(|| format!("audit.file: {sink} cannot be written"))?;
        let limits = Limits {
            request_bytes: bounds.request_bytes,
            in_flight: bounds.in_flight,
            connections: bounds.connections,
            streams: bounds.streams,
            deadline: bounds.deadline,
            drain: bounds.drain,
        };
        let ids = DecisionIds::new().context("the system has no randomness to give")?;
        let state = config.state.as_deref();
        let claims = Claims::open(config.tokens.capacity, limits.deadline, state, Clock::default().now())
            .context("state.directory: one-time tokens cannot be remembered")?;
        let mut shared = Shared::new(audit, claims, ids, Metrics::new(), limits);
        let traces =
            config.traces.clone().map(|options| Traces::new(options, bounds.spans_per_second, shared.metrics.spans()));
        let (traces, exporter) = traces.unzip();
        shared.traces = traces;
        let shared = Arc::new(shared);
        let bound = config
            .listen
            .iter()
            .map(|listener| server::bind(listener).with_context(|| format!("listen: {listener} cannot be bound")))
            .collect::<Result<_, _>>()?;
        let admin = TcpListener::bind(config.admin)
            .await
            .with_context(|| format!("admin.address: {} cannot be bound", config.admin))?;
        Ok(Self { config, shared, writer, exporter, bound, admin })
    }

    /// Writes the admin address, which may have been bound as port 0, where a supervisor looks for it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn tell_admin_address(&self, file: &Path) -> anyhow::Result<()> {
        let address = self.admin.local_addr().context("the admin address is unknown")?;
        let aside = file.with_extension("tmp");
        fs::write(&aside, address.to_string())
            .and_then(|()| fs::rename(&aside, file))
            .with_context(|| format!("{}: cannot be written", file.display()))
    }

    /// The addresses of the TCP listeners, as bound.
    pub fn addresses(&self) -> Vec<std::net::SocketAddr> {
        self.bound.iter().filter_map(Bound::address).collect()
    }

    /// Serves until `shutdown`, loading everything again at each `hangup`, then drains: not ready, no new connections, Checks under way answered, records on disk.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub async fn serve(self, shutdown: impl Future<Output = ()>, hangup: Signal) -> anyhow::Result<()> {
        let Self { config, shared, writer, exporter, bound, admin } = self;
        let patience = config.limits.drain;
        let (ending, ended) = (CancellationToken::new(), CancellationToken::new());
        let (workers, threads) =
            Workers::start(config.limits.workers, &shared, &ending).context("serving threads cannot be started")?;
        let told = CancellationToken::new();
        let exporting = exporter.map(|exporter| tokio::spawn(export(exporter, &shared, &told, patience)));
        let (nudge, words) = Nudge::new();
        let feeds = Arc::new(feeds(&config, &shared, nudge.clone())?);
        // Before anything is loaded: who must show an SVID and has none is not ready.
        let open =
            bound.into_iter().map(|bound| bound.open(&shared, |api| feeds.identity(api, config.self_id.clone())));
        let open: Vec<_> = open.collect::<Result<_, _>>().context("mutual TLS cannot be set up")?;
        let loader = Loader::new(config, Arc::clone(&feeds), Arc::clone(&shared));
        let watch = Watch::start(loader, Arc::clone(&shared), nudge.clone(), words)
            .context("the reload thread cannot be started")?;
        let tasks = TaskTracker::new();
        for open in open {
            tasks.spawn(server::accept(open, Arc::clone(&shared), workers.clone(), ending.clone()));
        }
        drop(workers);
        let admin_plane = Admin { shared: Arc::clone(&shared), shutdown: ending.clone() };
        let admin_ended = ended.clone();
        tasks.spawn(async move {
            if let Err(error) = admin_plane.serve(admin, admin_ended).await {
                tracing::error!(%error, "Admin plane failed");
            }
        });
        tasks.spawn(reload_at(hangup, nudge.clone(), ending.clone()));
        shutdown.await;
        tracing::info!("Draining");
        ending.cancel();
        drain(threads).await;
        nudge.stop();
        feeds.stop(patience);
        watch.finish(patience);
        ended.cancel();
        tasks.close();
        tasks.wait().await;
        // No Check is under way any more: what is in the queues now is all there is.
        told.cancel();
        let written = tokio::task::spawn_blocking(move || writer.finish(patience));
        let written = written.await.context("the audit writer was lost")?;
        if let Some(exporting) = exporting {
            exporting.await.context("what sends spans was lost")?;
        }
        anyhow::ensure!(written, "the audit log did not take its last records within `limits.drain`");
        tracing::info!("Ended");
        Ok(())
    }
}

/// Follows what comes over a network; whatever it newly says is loaded at once.
fn feeds(config: &Config, shared: &Arc<Shared>, nudge: Nudge) -> anyhow::Result<Feeds> {
    let clock = Arc::clone(shared);
    let feeds =
        Feeds::start(&config.trust, config.state.as_deref(), move || clock.clock.now(), move || nudge.changed());
    feeds.context("the feeds of trust bundles cannot be started")
}

/// Sends spans on until all decisions were told of.
fn export(
    exporter: Exporter,
    shared: &Arc<Shared>,
    told: &CancellationToken,
    patience: Duration,
) -> impl Future<Output = ()> + Send + use<> {
    let clock = Arc::clone(shared);
    exporter.run(move || clock.clock.now(), told.clone(), patience)
}

async fn reload_at(mut hangup: Signal, nudge: Nudge, ending: CancellationToken) {
    while let Some(Some(())) = ending.run_until_cancelled(hangup.recv()).await {
        nudge.reload();
    }
}

/// Waits for the serving threads, which end by themselves within `limits.drain`.
async fn drain(threads: Vec<JoinHandle<()>>) {
    let joined = tokio::task::spawn_blocking(|| threads.into_iter().map(JoinHandle::join).all(|joined| joined.is_ok()));
    if !joined.await.unwrap_or(false) {
        tracing::error!("A serving thread panicked");
    }
}
