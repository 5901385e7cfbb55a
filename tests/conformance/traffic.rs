//! Traffic that goes on while something is done to the trust beneath it, every answer of it kept.

use std::time::{Duration, Instant};

use hopguard::dev::ALLOWED;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;

/// A caller that asks again and again.
#[derive(Debug)]
pub(crate) struct Traffic {
    end: CancellationToken,
    counts: watch::Receiver<Counts>,
    task: JoinHandle<Answers>,
}

/// How much it was told so far.
#[derive(Debug, Default)]
struct Counts {
    all: usize,
    denied: usize,
}

/// What it was told, in order.
#[derive(Debug)]
pub(crate) struct Answers(Vec<(Instant, String)>);

impl Traffic {
    /// Asks by `ask`, which gives `allowed` or the reason of a denial.
    pub(crate) fn of<F>(mut ask: impl FnMut() -> F + Send + 'static) -> Self
    where
        F: Future<Output = String> + Send,
    {
        let end = CancellationToken::new();
        let ended = end.clone();
        let (counted, counts) = watch::channel(Counts::default());
        let task = tokio::spawn(async move {
            let mut answers = Vec::new();
            let mut pace = interval(PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !ended.is_cancelled() {
                pace.tick().await;
                let asked = Instant::now();
                let outcome = ask().await;
                counted.send_modify(|counts| {
                    counts.all += 1;
                    counts.denied += usize::from(outcome != ALLOWED);
                });
                answers.push((asked, outcome));
            }
            Answers(answers)
        });
        Self { end, counts, task }
    }

    /// Ends it some time after it was denied, and gives what it was told.
    pub(crate) async fn end_denied(mut self) -> Answers {
        self.goes_on_until(|counts| counts.denied >= A_WHILE).await;
        self.finish().await
    }

    /// Ends it after a while, and gives what it was told.
    pub(crate) async fn end(mut self) -> Answers {
        let so_far = self.counts.borrow().all;
        self.goes_on_until(|counts| counts.all >= so_far + A_WHILE).await;
        self.finish().await
    }

    /// Waits until it has been told that much.
    async fn goes_on_until(&mut self, enough: impl FnMut(&Counts) -> bool) {
        let enough = timeout(PATIENCE, self.counts.wait_for(enough)).await;
        enough.expect("answers in time").expect("traffic that goes on");
    }

    async fn finish(self) -> Answers {
        self.end.cancel();
        self.task.await.unwrap()
    }
}

impl Answers {
    /// That every single answer was an allow.
    #[track_caller]
    pub(crate) fn all_allowed(&self) {
        let wrong: Vec<_> = self.0.iter().filter(|(_, outcome)| outcome != ALLOWED).collect();
        assert!(wrong.is_empty(), "{} of {} answers were wrong: {wrong:?}", wrong.len(), self.0.len());
    }

    /// That every answer was an allow until the denial for `reason` came, within `span` of `since`, and none was one afterwards.
    #[track_caller]
    pub(crate) fn allowed_and_then(&self, reason: &str, since: Instant, span: Duration) {
        let first = self.0.iter().position(|(_, outcome)| outcome != ALLOWED).expect("a denial");
        let (before, after) = self.0.split_at(first);
        assert!(!before.is_empty(), "it was never allowed");
        let odd: Vec<_> = after.iter().filter(|(_, outcome)| outcome != reason).collect();
        assert!(odd.is_empty(), "after the first denial: {odd:?}");
        let (asked, _) = after[0];
        let late = asked.saturating_duration_since(since);
        assert!(late <= span, "the denial came {late:?} late");
    }
}

/// Each caller asks a hundred times a second.
const PACE: Duration = Duration::from_millis(10);
/// What is so once is so again.
const A_WHILE: usize = 30;
const PATIENCE: Duration = Duration::from_secs(20);
