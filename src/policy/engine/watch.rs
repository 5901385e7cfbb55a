//! How long an evaluation has taken, by the clock on the wall and by what the thread was given of it.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// A running evaluation.
#[derive(Debug)]
pub(super) struct Watch {
    begun: Instant,
    cpu: Duration,
    limit: Duration,
}

impl Watch {
    pub(super) fn start(limit: Duration) -> Self {
        Self { begun: Instant::now(), cpu: cpu(), limit }
    }

    /// What is left of the limit.
    pub(super) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.begun.elapsed())
    }

    /// Whether most of the time went to other threads: what ran out was not the policy's.
    pub(super) fn was_preempted(&self) -> bool {
        cpu().saturating_sub(self.cpu) < self.limit / 2
    }
}

/// What this thread has worked.
pub(super) fn cpu() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waited_was_preempted_and_one_that_worked_was_not() {
        let limit = Duration::from_millis(20);
        let watch = Watch::start(limit);
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        assert!(receiver.recv_timeout(limit).is_err());
        assert!(watch.left().is_zero() && watch.was_preempted());
        drop(sender);
        while watch.was_preempted() {
            std::hint::black_box(watch.left());
        }
        assert!(cpu() >= limit / 2);
    }
}
