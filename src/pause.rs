//! Long work that nobody waits for pauses again and again, so that a thread that answers gets a processor at once and not in its turn.
//!
//! A low importance is not enough: the kernel lets whoever has begun a slice work it off, which takes as long as many Checks.

use std::{
    cell::Cell,
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

/// A place where a thread that pauses may do so.
pub(crate) fn pause() {
    if WORKING.get().is_some_and(|since| since.elapsed() >= WORK) {
        sleep(REST);
        begin();
    }
}

/// How long is worked at a stretch: less than an answer takes to be noticed.
const WORK: Duration = Duration::from_micros(300);
/// Long enough for a few answers.
const REST: Duration = Duration::from_micros(300);

#[cfg(test)]
mod tests {
    use super::*;

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
