//! Traffic that goes on while something is done to the trust beneath it, every answer of it kept.

use std::time::{Duration, Instant};

use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// A caller that asks again and again.
#[derive(Debug)]
pub(crate) struct Traffic {
    end: CancellationToken,
    task: JoinHandle<Answers>,
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
        let task = tokio::spawn(async move {
            let mut answers = Vec::new();
            let mut pace = interval(PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !ended.is_cancelled() {
                pace.tick().await;
                let asked = Instant::now();
                answers.push((asked, ask().await));
            }
            Answers(answers)
        });
        Self { end, task }
    }

    /// Ends it, and gives what it was told.
    pub(crate) async fn end(self) -> Answers {
        self.end.cancel();
        self.task.await.unwrap()
    }
}

impl Answers {
    /// That every single answer was an allow.
    #[track_caller]
    pub(crate) fn all_allowed(&self) {
        let wrong: Vec<_> = self.0.iter().filter(|(_, outcome)| outcome != "allowed").collect();
        assert!(wrong.is_empty(), "{} of {} answers were wrong: {wrong:?}", wrong.len(), self.0.len());
        assert!(self.0.len() >= FEWEST, "only {} answers", self.0.len());
    }

    /// That every answer was an allow until the denial for `reason` came, within `span` of `since`, and none was one afterwards.
    #[track_caller]
    pub(crate) fn allowed_and_then(&self, reason: &str, since: Instant, span: Duration) {
        let first = self.0.iter().position(|(_, outcome)| outcome != "allowed").expect("a denial");
        let (before, after) = self.0.split_at(first);
        assert!(before.len() >= FEWEST, "only {} answers before the denial", before.len());
        let odd: Vec<_> = after.iter().filter(|(_, outcome)| outcome != reason).collect();
        assert!(odd.is_empty(), "after the first denial: {odd:?}");
        let (asked, _) = after[0];
        let late = asked.saturating_duration_since(since);
        assert!(late <= span, "the denial came {late:?} late");
    }
}

/// Each caller asks a hundred times a second.
const PACE: Duration = Duration::from_millis(10);
const FEWEST: usize = 50;
