//! Long work that nobody waits for pauses again and again, so that a thread that answers gets a processor at once and not in its turn.
//!
//! A low importance is not enough: the kernel lets whoever has begun a slice work it off, which takes as long as many Checks.

use std::{
    cell::Cell,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError},
    thread::sleep,
    time::{Duration, Instant},
};

thread_local! {
    /// Since when this thread has worked without a pause, if it is to make any.
    static WORKING: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// From now on this thread pauses.
pub(crate) fn begin() {
    WORKING.set(Some(Instant::now()));
}

/// Whether this thread pauses, so that one that works for it does too.
pub(crate) fn has_begun() -> bool {
    WORKING.get().is_some()
}

/// Large things are made while somebody reads this, and freed while somebody writes it: both at once would keep two processors.
static WORK_IN_TURN: RwLock<()> = RwLock::new(());

/// For as long as something large is being made. Waits for what is being freed, which takes a second.
pub(crate) fn while_making() -> RwLockReadGuard<'static, ()> {
    WORK_IN_TURN.read().unwrap_or_else(PoisonError::into_inner)
}

/// For as long as something large is being freed. Waits for what is being made, but not for ever.
pub(crate) fn while_freeing() -> Option<RwLockWriteGuard<'static, ()>> {
    alone(&WORK_IN_TURN)
}

fn alone(turn: &RwLock<()>) -> Option<RwLockWriteGuard<'_, ()>> {
    let end = Instant::now() + PATIENCE;
    // Not in a queue: whoever makes something waits for no other who does.
    while Instant::now() < end {
        match turn.try_write() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(guard)) => return Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) => sleep(LOOK),
        }
    }
    None
}

/// A place where a thread that pauses may do so.
pub(crate) fn pause() {
    if WORKING.get().is_some_and(|since| since.elapsed() >= WORK) {
        sleep(REST);
        begin();
    }
}

/// How long is worked at a stretch: less than an answer takes to be noticed.
const WORK: Duration = Duration::from_micros(300);
/// How long memory may stay taken for what is being made.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(5);
/// Long enough for a few answers.
const REST: Duration = Duration::from_micros(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_freed_while_something_is_made_and_both_get_their_turn() {
        let turn = RwLock::new(());
        let (making, beside) = (turn.read().unwrap(), turn.read().unwrap());
        assert!(turn.try_write().is_err());
        std::thread::scope(|scope| {
            let freeing = scope.spawn(|| alone(&turn).is_some());
            drop((making, beside));
            assert!(freeing.join().unwrap());
        });
        assert!(turn.try_read().is_ok(), "and what is freed holds up nobody");
    }

    #[test]
    fn only_a_thread_that_has_begun_to_pause_does() {
        // Not begun: nothing to measure, whatever the machine does.
        pause();
        assert_eq!(WORKING.get(), None);
        begin();
        let begun = WORKING.get();
        while WORKING.get() == begun {
            pause();
        }
        assert!(begun.is_some_and(|begun| begun.elapsed() >= WORK + REST));
    }
}
