//! An endpoint is asked neither so often that it suffers nor so seldom that what it withdrew goes on, and never by everybody at once.

use std::time::Duration;

use aws_lc_rs::rand;

/// When an endpoint is asked again.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    bounds: Bounds,
    failures: u32,
}

/// The bounds of a pace.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The shortest time between two answers, whatever the endpoint suggests.
    pub least: Duration,
    /// The longest time between two answers.
    pub most: Duration,
    /// The time before the second attempt after a failure; it doubles with each, up to five minutes.
    pub retry: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { least: Duration::from_secs(30), most: Duration::from_secs(3600), retry: Duration::from_secs(5) }
    }
}

impl Pace {
    /// A pace within `bounds`.
    pub const fn new(bounds: Bounds) -> Self {
        Self { bounds, failures: 0 }
    }

    /// The time before the first attempt. Those who know nothing yet are answered for by nobody in the meantime, so it is short for them.
    pub fn first(&self, known: bool) -> Duration {
        share(if known { self.bounds.retry } else { self.bounds.retry / 10 }, die())
    }

    /// The time until the next attempt after an answer that suggests `hint`.
    pub fn answered(&mut self, hint: Duration) -> Duration {
        self.failures = 0;
        poll(hint, &self.bounds, die())
    }

    /// The time until the next attempt after one that failed.
    pub fn failed(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        backoff(self.failures, &self.bounds, die())
    }
}

/// `hint` within `bounds`, a tenth more or less.
fn poll(hint: Duration, bounds: &Bounds, die: u64) -> Duration {
    let hint = hint.min(bounds.most).max(bounds.least);
    hint.saturating_sub(hint / 10).saturating_add(share(hint / 5, die))
}

/// Any time up to what `failures` in a row have made of the first one: full jitter, over a tenth of it that nobody goes below.
fn backoff(failures: u32, bounds: &Bounds, die: u64) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    let window = bounds.retry.saturating_mul(doubled).min(MAX_BACKOFF);
    let least = (bounds.retry / 10).min(window);
    least.saturating_add(share(window.saturating_sub(least), die))
}

/// That part of `span` which `die` is of all that it can be.
fn share(span: Duration, die: u64) -> Duration {
    let nanos = span.as_nanos().saturating_mul(u128::from(die)) >> u64::BITS;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn die() -> u64 {
    let mut bytes = [0; 8];
    // Without randomness everybody waits for as long as can be.
    rand::fill(&mut bytes).map_or(u64::MAX, |()| u64::from_ne_bytes(bytes))
}

const MAX_BACKOFF: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_hint_counts_within_bounds() {
        let bounds = Bounds::default();
        for (hint, least, most) in [
            (0, 27, 33),
            (29, 27, 33),
            (300, 270, 330),
            (3600, 3240, 3960),
            (1_000_000_000_000, 3240, 3960),
            (u64::MAX, 3240, 3960),
        ] {
            let at = |die| poll(Duration::from_secs(hint), &bounds, die);
            assert_eq!(at(0), SECOND * least, "{hint}");
            assert!(at(u64::MAX) <= SECOND * most && at(u64::MAX) > SECOND * (most - 1), "{hint}");
        }
    }

    #[test]
    fn a_herd_spreads_evenly() {
        let bounds = Bounds::default();
        let mut slots = [0; 10];
        for member in 0..500_u64 {
            let wait = poll(Duration::from_secs(300), &bounds, member * (u64::MAX / 500));
            slots[usize::try_from((wait.as_secs() - 270) / 6).unwrap()] += 1;
        }
        assert!(slots.iter().all(|slot| (45..=55).contains(slot)), "{slots:?}");
    }

    #[test]
    fn failures_are_tried_again_ever_later_but_never_too_late() {
        let bounds = Bounds::default();
        for (failures, window) in [(1, 5), (2, 10), (3, 20), (7, 300), (8, 300), (u32::MAX, 300)] {
            assert_eq!(backoff(failures, &bounds, 0), bounds.retry / 10);
            let longest = backoff(failures, &bounds, u64::MAX);
            assert!(longest <= SECOND * window && longest > SECOND * (window - 1), "{failures}: {longest:?}");
            assert!(backoff(failures, &bounds, u64::MAX / 2) < SECOND * (window / 2 + 1));
        }
    }

    #[test]
    fn an_answer_ends_the_failures() {
        let mut pace = Pace::new(Bounds::default());
        for _ in 0..20 {
            pace.failed();
        }
        assert!(pace.answered(SECOND * 300) >= SECOND * 270);
        assert!(pace.failed() <= SECOND * 5);
    }

    #[test]
    fn whoever_knows_nothing_asks_at_once() {
        let pace = Pace::new(Bounds::default());
        for _ in 0..100 {
            assert!(pace.first(false) < SECOND / 2);
            assert!(pace.first(true) < SECOND * 5);
        }
    }
}
