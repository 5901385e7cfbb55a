//! Points in time, and the one place that reads the clock.

mod guard;

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};
use time::{OffsetDateTime, UtcDateTime, format_description::well_known::Rfc3339};

/// A point in time: nanoseconds since the Unix epoch, UTC.
///
/// What lies beyond the range (the years 1677 to 2262) is its nearest end, so a certificate that is valid until 9999 stays valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The end of the range: what never ends, ends here.
    pub const MAX: Self = Self(i64::MAX);
    /// The beginning of the range.
    pub const MIN: Self = Self(i64::MIN);

    /// The point `nanos` nanoseconds after the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The point `seconds` seconds after the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(NANOS)
    }

    /// Reads an RFC 3339 time in UTC (`2026-11-20T09:00:00Z`); any other offset is refused.
    pub fn parse(text: &str) -> Option<Self> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        // The parser takes any byte between date and time (RFC 3339 §5.6: `T`, `t`, or a space).
        let is_joined = matches!(text.as_bytes().get("2026-11-20".len()), Some(b'T' | b't' | b' '));
        if !is_joined || !time.offset().is_utc() || !text.ends_with('Z') {
            return None;
        }
        i64::try_from(time.unix_timestamp_nanos()).ok().map(Self)
    }

    /// The point `span` later.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// The time since `earlier`; zero if that lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = UtcDateTime::from_unix_timestamp_nanos(i128::from(self.0)).map_err(|_| fmt::Error)?;
        f.write_str(&time.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

/// Gives the one `now` of each decision: never behind one given before, and not led astray by a wall clock that jumps.
#[derive(Debug, Default)]
pub struct Clock {
    guard: Mutex<guard::Guard>,
}

pub use self::guard::Steps;

impl Clock {
    /// The time of a decision.
    pub fn now(&self) -> Timestamp {
        let (wall, boot) = (wall(), boot());
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        let before = guard.steps();
        let now = guard.tell(wall, boot);
        let after = guard.steps();
        drop(guard);
        if after != before {
            tracing::warn!(
                clock.backward = after.backward,
                clock.forward = after.forward,
                clock.returned = after.returned,
                "Wall clock stepped"
            );
        }
        now
    }

    /// The steps of the wall clock so far.
    pub fn steps(&self) -> Steps {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner).steps()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where time enters")]
fn wall() -> Timestamp {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)),
        Err(before) => {
            Timestamp::from_nanos(i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, i64::saturating_neg))
        }
    }
}

/// Time since boot, suspend included; no one can set it.
pub(crate) fn boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

const NANOS: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_utc_times() {
        let time = Timestamp::parse("2026-11-20T09:00:00Z").unwrap();
        assert_eq!(time.to_string(), "2026-11-20T09:00:00Z");
        assert_eq!(time.seconds(), 1_795_165_200);
    }

    #[test]
    fn refuses_other_offsets() {
        assert_eq!(Timestamp::parse("2026-11-20T09:00:00+00:00"), None);
        assert_eq!(Timestamp::parse("2026-11-20T09:00:00+01:00"), None);
        assert_eq!(Timestamp::parse("2026-11-20"), None);
        for odd in ["2026-11-20_09:00:00Z", "2026-11-20-09:00:00Z", "2026-11-20\u{9}09:00:00Z", "2026-11-20009:00:00Z"]
        {
            assert_eq!(Timestamp::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn the_far_future_is_the_end_of_the_range() {
        assert_eq!(Timestamp::from_seconds(253_402_300_799), Timestamp::MAX);
    }
}
