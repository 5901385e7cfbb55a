//! Who lost a server comes back soon, and many who lost it together do not come back together.

use std::time::Duration;

/// Waiting times that grow with each failure in a row, each a random part of what it may be ("full jitter").
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// The first wait is at most `first`, and no wait more than `most`.
    pub(crate) const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, failures: 0 }
    }

    /// It went well: the next failure is a first one.
    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.wait(random());
        self.failures = self.failures.saturating_add(1);
        wait
    }

    /// The part `random` of the whole of `u32::MAX` of what the wait may be now, and never so little that it is none.
    fn wait(&self, random: u32) -> Duration {
        let ceiling = self.first.saturating_mul(2_u32.saturating_pow(self.failures)).min(self.most);
        let part = ceiling.as_nanos().saturating_mul(u128::from(random)) / u128::from(u32::MAX);
        Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX)).max(LEAST)
    }
}

/// A random number; in the middle, if the system has none to give.
pub(super) fn random() -> u32 {
    let mut bytes = [0; 4];
    aws_lc_rs::rand::fill(&mut bytes).map_or(u32::MAX / 2, |()| u32::from_ne_bytes(bytes))
}

/// A server that ends each connection at once is not asked without a pause.
const LEAST: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_after_each_failure_up_to_a_bound() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(4));
        let mut ceilings = Vec::new();
        for _ in 0..40 {
            ceilings.push(backoff.wait(u32::MAX).as_millis());
            assert!(backoff.next() <= Duration::from_secs(4));
        }
        assert_eq!(ceilings[..8], [100, 200, 400, 800, 1600, 3200, 4000, 4000]);
        assert_eq!(ceilings.last(), Some(&4000));
        backoff.reset();
        assert_eq!(backoff.wait(u32::MAX), Duration::from_millis(100));
    }

    #[test]
    fn a_herd_scatters() {
        let backoff = Backoff { failures: 6, ..Backoff::new(Duration::from_millis(100), Duration::from_secs(4)) };
        assert_eq!(backoff.wait(0), LEAST);
        assert_eq!(backoff.wait(u32::MAX / 2).as_millis(), 1999);
        let waits: std::collections::BTreeSet<_> = (0..500).map(|_| backoff.clone().next().as_millis() / 400).collect();
        assert!(waits.len() >= 9, "{waits:?}");
    }
}
