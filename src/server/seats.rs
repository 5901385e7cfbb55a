//! Places for those who are not known: a new one takes the place of the oldest, so that a crowd keeps nobody out.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A bounded number of places.
#[derive(Debug)]
pub(super) struct Seats {
    most: usize,
    /// Those that are taken, the oldest in front.
    taken: Mutex<VecDeque<Weak<CancellationToken>>>,
}

/// A place, until this is dropped or somebody else takes it.
#[derive(Debug)]
pub(super) struct Seat(Arc<CancellationToken>);

impl Seats {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, taken: Mutex::new(VecDeque::new()) }
    }

    /// Takes a place: the oldest one, if there is no other.
    pub(super) fn take(&self) -> Seat {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|seat| seat.strong_count() > 0);
        if taken.len() >= self.most
            && let Some(oldest) = taken.pop_front().and_then(|oldest| oldest.upgrade())
        {
            oldest.cancel();
        }
        let seat = Arc::new(CancellationToken::new());
        taken.push_back(Arc::downgrade(&seat));
        Seat(seat)
    }
}

impl Seat {
    /// Ends when somebody else takes the place.
    pub(super) fn lost(&self) -> WaitForCancellationFutureOwned {
        CancellationToken::clone(&self.0).cancelled_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_way_and_nobody_for_who_has_left() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take(), seats.take());
        drop(second);
        let third = seats.take();
        assert!(!first.0.is_cancelled());
        let fourth = seats.take();
        assert_eq!([&first, &third, &fourth].map(|seat| seat.0.is_cancelled()), [true, false, false]);
    }
}
