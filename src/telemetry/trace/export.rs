//! Sends spans in batches: a collector that is away, slow or full costs spans and nothing else.

use std::{mem, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, transport::Channel};

use super::{Collector, Span, otlp};
use crate::{
    clock::Timestamp,
    feed::{backoff::Backoff, said},
    pb::opentelemetry::proto::collector::trace::v1::trace_service_client::TraceServiceClient,
    telemetry::{Dropped, Spans},
};

/// The other end of [`Traces`](super::Traces).
#[derive(Debug)]
pub struct Exporter {
    collector: Collector,
    service: String,
    spans: mpsc::Receiver<Span>,
    /// What is sent next.
    batch: Vec<Span>,
    counted: Spans,
    /// Whether the last batch was not taken: it is said once.
    is_away: bool,
}

impl Exporter {
    pub(super) const fn new(
        collector: Collector,
        service: String,
        spans: mpsc::Receiver<Span>,
        counted: Spans,
    ) -> Self {
        Self { collector, service, spans, batch: Vec::new(), counted, is_away: false }
    }

    /// Sends what it is told until `ended`, and then what is left, for no longer than `patience`. `now` is the time at which a collector's
    /// certificate is valid.
    pub async fn run(
        mut self,
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        ended: CancellationToken,
        patience: Duration,
    ) {
        let Some(channel) = self.collector.channel(now) else {
            tracing::error!(collector = %self.collector, "Collector cannot be called: no span will be sent");
            return;
        };
        let client = TraceServiceClient::new(channel);
        let late = async {
            ended.cancelled().await;
            sleep(patience).await;
        };
        tokio::select! {
            () = self.follow(&client, &ended) => {}
            () = late => {}
        }
        self.spans.close();
        while self.fill() {
            self.lose();
        }
    }

    /// Sends until there is nothing more to come. No request is cut short because it has `ended`: what it told would be told twice.
    async fn follow(&mut self, client: &Client, ended: &CancellationToken) {
        while !ended.is_cancelled() {
            // Whatever has come by then is in the batch.
            let heard = ended.run_until_cancelled(self.spans.recv_many(&mut self.batch, 1)).await;
            if heard == Some(0) {
                return;
            }
            ended.run_until_cancelled(timeout(LINGER, self.gather())).await;
            self.deliver(client, ended).await;
        }
        while self.fill() && self.send(client).await.is_ok() {}
    }

    /// Waits until the batch is full.
    async fn gather(&mut self) {
        while self.batch.len() < MAX_BATCH {
            let room = MAX_BATCH.saturating_sub(self.batch.len());
            if self.spans.recv_many(&mut self.batch, room).await == 0 {
                return;
            }
        }
    }

    /// Sends the batch again and again while that could help, and gives it up otherwise; once it has `ended`, it is left as it is.
    async fn deliver(&mut self, client: &Client, ended: &CancellationToken) {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let begun = Instant::now();
        while !self.batch.is_empty() && !ended.is_cancelled() {
            if self.send(client).await == Err(Refusal::ForGood) || begun.elapsed() > GIVE_UP {
                return self.lose();
            }
            if !self.batch.is_empty() {
                ended.run_until_cancelled(sleep(backoff.next())).await;
            }
        }
    }

    /// Sends the batch once, and keeps it if that does not succeed.
    async fn send(&mut self, client: &Client) -> Result<(), Refusal> {
        let request = otlp::request(&self.service, &self.batch);
        let answered = timeout(ANSWER, client.clone().export(request)).await;
        match answered.unwrap_or_else(|_| Err(Status::deadline_exceeded("it does not answer"))) {
            Ok(answer) => {
                let count = mem::take(&mut self.batch).len();
                let rejected = answer.into_inner().partial_success.map_or(0, |partial| partial.rejected_spans);
                let rejected = u64::try_from(rejected).unwrap_or_default().min(count as u64);
                self.counted.dropped(Dropped::Collector, rejected);
                self.counted.sent((count as u64).saturating_sub(rejected));
                if mem::take(&mut self.is_away) {
                    tracing::info!(collector = %self.collector, "Collector takes spans again");
                }
                Ok(())
            }
            Err(status) => {
                if !mem::replace(&mut self.is_away, true) {
                    tracing::warn!(collector = %self.collector, error = said(&status), "Collector does not take spans");
                }
                Err(Refusal::of(&status))
            }
        }
    }

    /// Takes what waits into the batch, and says whether there is any.
    fn fill(&mut self) -> bool {
        while self.batch.len() < MAX_BATCH
            && let Ok(span) = self.spans.try_recv()
        {
            self.batch.push(span);
        }
        !self.batch.is_empty()
    }

    /// Gives the batch up.
    fn lose(&mut self) {
        let lost = mem::take(&mut self.batch).len();
        self.counted.dropped(Dropped::Collector, lost as u64);
    }
}

/// Whether sending again could help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    ForNow,
    ForGood,
}

impl Refusal {
    /// As OTLP tells them apart (OTLP specification, "Failures").
    fn of(status: &Status) -> Self {
        match status.code() {
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss
            // tonic's, for a connection that broke.
            | Code::Unknown
            | Code::ResourceExhausted => Self::ForNow,
            _ => Self::ForGood,
        }
    }
}

type Client = TraceServiceClient<Channel>;

/// A span of nothing but long names has 4 KiB: a batch stays below the 4 MiB that collectors take.
const MAX_BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const LINGER: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(5);
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A batch that is not taken for so long makes room for younger ones.
const GIVE_UP: Duration = Duration::from_secs(15);
