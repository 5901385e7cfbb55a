//! Times the stages of one Check: what each took, and when it began, for metrics and traces.

use std::time::{Duration, Instant};

use crate::decision::{Laps, Stage};

/// A running watch. One that is copied goes on by itself.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    started: Instant,
    laps: [Option<Lap>; Stage::ALL.len()],
    current: Option<(Stage, Instant)>,
}

/// How one stage went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lap {
    /// When it began, after the Check's first byte.
    pub offset: Duration,
    /// How long it took.
    pub length: Duration,
}

impl Stopwatch {
    /// Starts now, with nothing entered.
    pub fn start() -> Self {
        Self { started: Instant::now(), laps: [None; Stage::ALL.len()], current: None }
    }

    /// When it was started.
    pub const fn started(&self) -> Instant {
        self.started
    }

    /// How long ago that was.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ends the stage that is under way, and gives the time since the start.
    pub fn stop(&mut self) -> Duration {
        let now = Instant::now();
        self.end(now);
        now.saturating_duration_since(self.started)
    }

    /// The stages that have ended, in their order.
    pub fn laps(&self) -> impl Iterator<Item = (Stage, Lap)> {
        Stage::ALL.into_iter().zip(self.laps).filter_map(|(stage, lap)| Some((stage, lap?)))
    }

    fn end(&mut self, now: Instant) {
        let Some((stage, began)) = self.current.take() else { return };
        let Some(lap) = self.laps.get_mut(stage as usize) else { return };
        let length = now.saturating_duration_since(began);
        *lap = Some(match *lap {
            // A stage that is entered again goes on.
            Some(before) => Lap { length: before.length.saturating_add(length), ..before },
            None => Lap { offset: began.saturating_duration_since(self.started), length },
        });
    }
}

impl Laps for Stopwatch {
    fn enter(&mut self, stage: Stage) {
        let now = Instant::now();
        self.end(now);
        self.current = Some((stage, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_ends_where_the_next_begins_and_the_last_where_the_watch_is_stopped() {
        let mut watch = Stopwatch::start();
        watch.enter(Stage::Hop);
        watch.enter(Stage::Grant);
        let elapsed = watch.stop();
        let laps: Vec<_> = watch.laps().collect();
        let stages: Vec<_> = laps.iter().map(|(stage, _)| *stage).collect();
        assert_eq!(stages, [Stage::Hop, Stage::Grant], "what was not entered is not told");
        let ends: Vec<_> = laps.iter().map(|(_, lap)| lap.offset + lap.length).collect();
        assert_eq!(ends, [laps[1].1.offset, elapsed], "nothing is counted twice, and nothing is left out");
    }

    #[test]
    fn a_stage_that_is_entered_again_goes_on() {
        let mut watch = Stopwatch::start();
        watch.enter(Stage::Answer);
        watch.stop();
        let first = watch.laps().next().unwrap().1;
        watch.enter(Stage::Answer);
        watch.stop();
        assert_eq!(watch.laps().count(), 1);
        let again = watch.laps().next().unwrap().1;
        assert_eq!(again.offset, first.offset);
        assert!(again.length >= first.length);
    }
}
