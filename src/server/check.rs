//! The Check RPC: the one place where a decision meets the world. Always a `CheckResponse`, never a gRPC error.

mod service;
mod unanswered;

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    sync::{Arc, OnceLock},
    task::Poll,
    time::Instant,
};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http_body::Body;

pub use self::service::CHECK;
use self::unanswered::Unanswered;
use super::{
    Counted, Shared, Snapshot,
    connection::Asker,
    frame,
    lane::{Crowded, Went, Work},
};
use crate::{
    audit::Entry,
    clock::Timestamp,
    decision::{Decision, DecisionId, Denial, Fault, Laps, Reason, Stage},
    hop::{Outline, TraceContext},
    pb::{CheckRequest, CheckResponse},
    replay::{self, Refused},
    response,
    telemetry::{Stopwatch, trace::Told},
};

/// Answers Checks.
#[derive(Clone, Debug)]
pub(super) struct Checks {
    shared: Arc<Shared>,
}

impl Checks {
    /// Answers by whatever `shared` holds at the time.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn check<B>(
        self,
        body: B,
        asker: Option<&Asker>,
        counted: Option<Counted>,
        mut watch: Stopwatch,
        deadline: Instant,
        trace: Option<Option<TraceContext>>,
    ) -> CheckResponse
    where
        B: Body<Data = Bytes> + Unpin,
    {
        watch.enter(Stage::Read);
        let message = match &counted {
            Some(_) => frame::read(body, self.shared.limits.request_bytes, deadline).await,
            // Nothing is read: shedding costs less than deciding.
            None => Err(Fault::Overloaded.into()),
        };
        // Held until it is decided: the next slow one comes after everybody else.
        let (message, _turn) = match (asker, message) {
            (Some(asker), Ok(message)) => match asker.pace.turn().await {
                Ok(turn) => (Ok(message), turn),
                Err(Crowded) => (Err(Fault::Overloaded.into()), None),
            },
            (_, message) => (message, None),
        };
        let message = message
            .and_then(|message| if Instant::now() > deadline { Err(Fault::Deadline.into()) } else { Ok(message) });
        self.answer(message, asker, watch, deadline, trace).await
    }

    /// Decides, writes down and encodes. Nothing here waits or leaves the thread, but for a permit that spends a one-time token or breaks
    /// the glass.
    async fn answer(
        &self,
        message: Result<Bytes, Denial>,
        asker: Option<&Asker>,
        mut watch: Stopwatch,
        deadline: Instant,
        trace: Option<Option<TraceContext>>,
    ) -> CheckResponse {
        watch.enter(Stage::Hop);
        let now = self.shared.clock.now();
        let snapshot = self.shared.snapshot.load_full();
        let snapshot = snapshot.as_deref();
        let bytes = message.as_ref().ok().cloned().unwrap_or_default();
        let work = Work::begin();
        let laps = &mut watch;
        let decided = catch_unwind(AssertUnwindSafe(|| decide(snapshot, message.and_then(frame::decode), now, laps)));
        watch.enter(Stage::Answer);
        let is_long = work.is_long();
        let (mut decision, check) = match decided {
            Ok(decided) => decided,
            Err(panic) => return self.fenced(snapshot, now, watch, None, || resume_unwind(panic)),
        };
        // Envoy's own span stands beside the Check; the hop's headers name the one before.
        let trace = trace.unwrap_or_else(|| decision.outline.trace.take());
        decision.outline.trace = match &self.shared.traces {
            Some(traces) => traces.begin(trace),
            None => trace,
        };
        if let Some(asker) = asker {
            let is_away = decision.denials().any(|denial| denial.reason() == Reason::PolicyTimeout);
            asker.pace.note(match (is_away, is_long) {
                (true, _) => Went::Away,
                (false, true) => Went::Slowly,
                (false, false) => Went::Quickly,
            });
        }
        let decided = Some((decision, check));
        let mut unanswered = Unanswered { checks: self, snapshot, now, watch, decided, ahead: OnceLock::new() };
        let refused = unpanicked(self.spend(unanswered.decision(), asker, &bytes, now, &mut watch)).await;
        unanswered.settle(refused);
        let refused = unpanicked(self.record_ahead(&unanswered, deadline, &mut watch)).await;
        unanswered.settle(refused);
        let ahead = unanswered.ahead.get().copied();
        watch.enter(Stage::Answer);
        self.fenced(snapshot, now, watch, ahead, || {
            let (decision, check) = unanswered.take();
            let decision = if Instant::now() > deadline { decision.overruled(Fault::Deadline) } else { decision };
            (decision, check)
        })
    }

    /// Claims the one-time tokens that a permit rests on, and says what is in the way. What was only observed to be denied spends none, and
    /// does not go on with a spent one.
    async fn spend(
        &self,
        decision: Option<&Decision>,
        asker: Option<&Asker>,
        check: &Bytes,
        now: Timestamp,
        watch: &mut Stopwatch,
    ) -> Option<Fault> {
        let decision = decision?;
        let tokens = decision.one_time();
        if tokens.is_empty() {
            return None;
        }
        watch.enter(Stage::Claim);
        let Some(asker) = asker else { return Some(Fault::Internal) };
        let mut asker = replay::Asker { connection: asker.number, check: [0; 32] };
        asker.check.copy_from_slice(digest(&SHA256, check).as_ref());
        let claimed = if decision.is_allowed() {
            self.shared.claims.claim(&tokens, asker, now).await
        } else {
            self.shared.claims.unspent(&tokens, asker, now)
        };
        match claimed {
            Ok(()) => None,
            Err(Refused::Replayed) => Some(Fault::Replayed),
            Err(Refused::Full) => Some(Fault::Overloaded),
            Err(error @ Refused::Unavailable) => {
                tracing::error!(%error, "A one-time token cannot be claimed");
                Some(Fault::Internal)
            }
        }
    }

    /// Puts the record of a break-glass permit on disk before its answer, whatever the durability, and says what is in the way.
    async fn record_ahead(
        &self,
        unanswered: &Unanswered<'_>,
        deadline: Instant,
        watch: &mut Stopwatch,
    ) -> Option<Fault> {
        let decision = unanswered.decision().filter(|decision| decision.break_glass().is_some())?;
        watch.enter(Stage::Record);
        let Some(slot) = self.shared.audit.reserve() else { return Some(Fault::AuditUnavailable) };
        let id = *unanswered.ahead.get_or_init(|| self.shared.ids.next());
        let entry = Entry::new(id, decision.clone(), unanswered.watch.elapsed(), this(unanswered.snapshot));
        if slot.write(entry).before(deadline).await { None } else { Some(Fault::AuditUnavailable) }
    }

    /// Concludes what `decide` comes to. If that panics, it is a denial like any other.
    fn fenced(
        &self,
        snapshot: Option<&Snapshot>,
        now: Timestamp,
        watch: Stopwatch,
        ahead: Option<DecisionId>,
        decide: impl FnOnce() -> (Decision, CheckRequest),
    ) -> CheckResponse {
        let fenced = catch_unwind(AssertUnwindSafe(|| {
            let (decision, check) = decide();
            self.conclude(snapshot, decision, &check, watch, ahead)
        }));
        fenced.unwrap_or_else(|_| {
            // The panic hook has logged it. The snapshot is immutable and the engine was a clone: nothing half-done stays behind.
            self.shared.metrics.panicked();
            let decision = Decision::denied(now, Outline::default(), Fault::Internal);
            catch_unwind(AssertUnwindSafe(|| self.conclude(None, decision, &CheckRequest::default(), watch, ahead)))
                .unwrap_or_else(|_| response::last_resort())
        })
    }

    /// Turns a decision into its answer and its record, in this order: an allow that finds no place in the log is no allow, unless
    /// the log may lag behind. `ahead` names the record of a break-glass permit that is there already; none leaves without it.
    fn conclude(
        &self,
        snapshot: Option<&Snapshot>,
        decision: Decision,
        check: &CheckRequest,
        mut watch: Stopwatch,
        ahead: Option<DecisionId>,
    ) -> CheckResponse {
        let recorded = ahead.filter(|_| decision.is_permit());
        let slot = if recorded.is_some() { None } else { self.shared.audit.reserve() };
        let may_leave = match decision.break_glass() {
            Some(_) => recorded.is_some(),
            None => slot.is_some() || !self.shared.audit.holds_up(),
        };
        let decision = if may_leave { decision } else { decision.overruled(Fault::AuditUnavailable) };
        let id = recorded.unwrap_or_else(|| self.shared.ids.next());
        let rules = snapshot.map(|snapshot| snapshot.answers).unwrap_or_default();
        let keep = |name: &str| snapshot.is_some_and(|snapshot| snapshot.authorizer.rules.keep_headers.contains(name));
        let response = response::encode(&decision, id, check, rules, keep);
        let elapsed = watch.stop();
        self.shared.metrics.decided(decision.is_permit(), decision.reason(), elapsed);
        self.shared.metrics.timed(&watch);
        if let Some(traces) = &self.shared.traces
            && let Some(room) = traces.room(decision.outline.trace.as_ref())
        {
            let now = self.shared.clock.now();
            room.tell(&Told { decision: &decision, name: id, now, watch: &watch }, this(snapshot));
        }
        tracing::debug!(decision.id = %id, deny.reason = decision.reason().map(|reason| reason.as_str()), "Hop decided");
        if let Some(permit) = decision.break_glass() {
            self.shared.metrics.broke_glass();
            self.shared.alarm.raise(permit, id, decision.now);
        }
        if recorded.is_some() {
            return response;
        }
        let entry = Entry::new(id, decision, elapsed, this(snapshot)).superseding(ahead);
        match slot {
            Some(slot) => slot.record(entry),
            None => self.shared.audit.record_late(entry),
        }
        response
    }
}

fn this(snapshot: Option<&Snapshot>) -> String {
    snapshot.and_then(|snapshot| snapshot.authorizer.this.as_ref()).map(ToString::to_string).unwrap_or_default()
}

/// What is in the way. What panics while it waits is a denial too, and no gRPC error.
async fn unpanicked(waiting: impl Future<Output = Option<Fault>>) -> Option<Fault> {
    let mut waiting = pin!(waiting);
    poll_fn(|cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| waiting.as_mut().poll(cx)));
        polled.unwrap_or(Poll::Ready(Some(Fault::Internal)))
    })
    .await
}

fn decide(
    snapshot: Option<&Snapshot>,
    request: Result<CheckRequest, Denial>,
    now: Timestamp,
    laps: &mut impl Laps,
) -> (Decision, CheckRequest) {
    match (snapshot, request) {
        (None, request) => {
            let request = request.unwrap_or_default();
            (Decision::denied(now, Outline::of(&request), Fault::NotReady), request)
        }
        (Some(snapshot), Err(denial)) => {
            let revisions = Some(Arc::clone(&snapshot.authorizer.revisions));
            (Decision { revisions, ..Decision::denied(now, Outline::default(), denial) }, CheckRequest::default())
        }
        (Some(snapshot), Ok(request)) => {
            let decision = snapshot.authorizer.decide_in_laps(&request, now, laps);
            let dry_run = snapshot.answers.style.dry_run();
            (dry_run.into_iter().fold(decision, Decision::dry_run), request)
        }
    }
}

#[cfg(test)]
mod tests;
