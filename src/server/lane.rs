//! Connections whose Checks take long take turns: nobody else on the thread waits for more than one of them.
//!
//! An evaluation cannot be interrupted before its timeout, and a thread does one at a time. A connection that asks for the same slow
//! evaluation a hundred times would put a hundred of them before everybody's next Check, whether they run into the timeout or just not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::yield_now,
};

/// How a connection's Checks went lately.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// For how many more Checks it is a slow one.
    slow: AtomicU8,
    /// For how many more Checks it is one that runs into timeouts.
    runaway: AtomicU8,
}

/// How a Check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Went {
    Quickly,
    Slowly,
    /// Into the policy's timeout.
    Away,
}

impl Pace {
    /// Notes how a Check went.
    pub(super) fn note(&self, went: Went) {
        for (memory, counts) in [(&self.slow, went != Went::Quickly), (&self.runaway, went == Went::Away)] {
            // Racing notes only make the memory a little shorter.
            let left = memory.load(Ordering::Relaxed).saturating_sub(1);
            memory.store(if counts { SLOW_FOR } else { left }, Ordering::Relaxed);
        }
    }

    /// Waits for a turn on this thread, if the connection has been slow.
    ///
    /// # Errors
    /// [`Crowded`] if it runs into timeouts and too many wait already: what they hold would be missing for the quick.
    pub(super) async fn turn(&self) -> Result<Option<Turn>, Crowded> {
        if self.slow.load(Ordering::Relaxed) == 0 {
            return Ok(None);
        }
        let lane = LANE.with(Arc::clone);
        let most = if self.runaway.load(Ordering::Relaxed) == 0 { usize::MAX } else { MAX_WAITING };
        let waiting = Waiting::in_line(&lane, most)?;
        let turn = Arc::clone(&lane.turn).lock_owned().await;
        drop(waiting);
        for _ in 0..PASSES {
            yield_now().await;
        }
        Ok(Some(Turn(turn)))
    }
}

/// Work of this thread that is under way.
#[derive(Debug)]
pub(super) struct Work(Duration);

impl Work {
    pub(super) fn begin() -> Self {
        Self(busy())
    }

    /// Whether it was long by now, however long others kept the thread from it.
    pub(super) fn is_long(&self) -> bool {
        busy().saturating_sub(self.0) > LONG
    }
}

/// What the thread has had of its processor.
fn busy() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// Too many slow Checks wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crowded;

#[derive(Debug, Default)]
struct Lane {
    turn: Arc<Mutex<()>>,
    waiting: AtomicUsize,
}

/// A place in the line, free again however the wait ends.
struct Waiting<'a>(&'a Lane);

impl<'a> Waiting<'a> {
    fn in_line(lane: &'a Lane, most: usize) -> Result<Self, Crowded> {
        // Only this thread counts.
        if lane.waiting.load(Ordering::Relaxed) >= most {
            return Err(Crowded);
        }
        lane.waiting.fetch_add(1, Ordering::Relaxed);
        Ok(Self(lane))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The right to be decided next among the slow; the next one has it when this is dropped.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "held, not read")] OwnedMutexGuard<()>);

thread_local! {
    static LANE: Arc<Lane> = Arc::default();
}

/// What no Check takes that asks an ordinary policy, even if nothing of it was verified lately.
const LONG: Duration = Duration::from_millis(2);

/// How many quick Checks make a connection a quick one again.
const SLOW_FOR: u8 = 16;

/// How often everything else that is ready goes first: a connection is read, its Checks are decided, their answers are written.
const PASSES: usize = 4;

/// How many Checks may wait on one thread before a connection that runs into timeouts adds no other.
const MAX_WAITING: usize = 64;

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test]
    async fn between_two_slow_checks_everybody_else_goes_first() {
        let said = Rc::new(RefCell::new(Vec::new()));
        let slow = Rc::new(Pace::default());
        slow.note(Went::Away);
        LocalSet::new()
            .run_until(async {
                let mut tasks = Vec::new();
                for _ in 0..3 {
                    let (said, slow) = (Rc::clone(&said), Rc::clone(&slow));
                    tasks.push(tokio::task::spawn_local(async move {
                        let _turn = slow.turn().await;
                        said.borrow_mut().push("slow");
                    }));
                }
                for _ in 0..3 {
                    let said = Rc::clone(&said);
                    tasks.push(tokio::task::spawn_local(async move {
                        // As a Check that is read in one pass, decided in the next and answered in a third.
                        yield_now().await;
                        yield_now().await;
                        assert!(Pace::default().turn().await.unwrap().is_none());
                        said.borrow_mut().push("quick");
                    }));
                }
                for task in tasks {
                    task.await.unwrap();
                }
            })
            .await;
        assert_eq!(*said.borrow(), ["quick", "quick", "quick", "slow", "slow", "slow"]);
    }

    #[tokio::test]
    async fn a_connection_is_quick_again_after_enough_quick_checks() {
        let pace = Pace::default();
        pace.note(Went::Slowly);
        assert!(pace.turn().await.unwrap().is_some());
        for _ in 0..SLOW_FOR {
            pace.note(Went::Quickly);
        }
        assert!(pace.turn().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_waits_is_bounded_and_who_gives_up_makes_room() {
        let slow = Pace::default();
        slow.note(Went::Away);
        let held = slow.turn().await.unwrap();
        let mut waiting: Vec<_> = (0..MAX_WAITING).map(|_| Box::pin(slow.turn())).collect();
        for turn in &mut waiting {
            assert!(poll_once(turn.as_mut()).is_pending());
        }
        assert_eq!(slow.turn().await.err(), Some(Crowded));
        // Whoever is slow and in time is not refused for it.
        let dear = Pace::default();
        dear.note(Went::Slowly);
        assert!(poll_once(Box::pin(dear.turn()).as_mut()).is_pending());
        waiting.clear();
        drop(held);
        assert!(slow.turn().await.is_ok());
    }

    fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }
}
