//! The rules of `now`, as a function of what the two clocks say: it never goes back, and it does not follow a jump ahead at once.

use std::time::Duration;

use super::Timestamp;

/// How often the wall clock stepped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Back by more than five seconds; `now` stood still meanwhile.
    pub backward: u64,
    /// Ahead by more than a minute, for longer than ten seconds; `now` followed.
    pub forward: u64,
    /// Back to where it would have been, had a jump ahead not been followed; `now` followed.
    pub returned: u64,
}

/// Remembers what the clocks said.
#[derive(Debug, Default)]
pub(super) struct Guard {
    state: Option<State>,
    steps: Steps,
}

#[derive(Debug)]
struct State {
    /// The last `now` given.
    last: Timestamp,
    /// The wall clock, as last heard.
    heard: Timestamp,
    /// A wall time that is trusted, and the boot time of then: where the wall clock should be is counted from here.
    anchor: (Timestamp, Duration),
    /// Since when the wall clock has been more than a minute ahead.
    ahead_since: Option<Duration>,
    /// The anchor before a jump ahead was followed: the one way back.
    before_jump: Option<(Timestamp, Duration)>,
}

impl Guard {
    pub(super) fn steps(&self) -> Steps {
        self.steps
    }

    /// The time of a decision, when the clocks say `wall` and `boot`.
    pub(super) fn tell(&mut self, wall: Timestamp, boot: Duration) -> Timestamp {
        let Some(state) = &mut self.state else {
            self.state =
                Some(State { last: wall, heard: wall, anchor: (wall, boot), ahead_since: None, before_jump: None });
            return wall;
        };
        if state.heard.since(wall) > STEP_BACK {
            self.steps.backward += 1;
        }
        state.heard = wall;
        let expected = reckon(state.anchor, boot);
        if let Some(before) = state.before_jump
            && near(wall, reckon(before, boot))
        {
            self.steps.returned += 1;
            *state = State { last: wall, heard: wall, anchor: (wall, boot), ahead_since: None, before_jump: None };
            return wall;
        }
        let adopted = if wall.since(expected) > JUMP {
            let since = *state.ahead_since.get_or_insert(boot);
            if boot.saturating_sub(since) >= PATIENCE {
                self.steps.forward += 1;
                state.ahead_since = None;
                state.before_jump = Some(state.before_jump.unwrap_or(state.anchor));
                state.anchor = (wall, boot);
                wall
            } else {
                expected
            }
        } else {
            // Followed, but the anchor stays: many small steps ahead are a jump too.
            state.ahead_since = None;
            wall
        };
        state.last = state.last.max(adopted);
        state.last
    }
}

fn reckon((wall, then): (Timestamp, Duration), boot: Duration) -> Timestamp {
    wall.after(boot.saturating_sub(then))
}

fn near(one: Timestamp, other: Timestamp) -> bool {
    one.since(other) <= JUMP && other.since(one) <= JUMP
}

/// A wall clock further ahead of the boot clock than this is not believed at once.
const JUMP: Duration = Duration::from_secs(60);
/// How long it must last to be believed.
const PATIENCE: Duration = Duration::from_secs(10);
/// A step back that is worth a word.
const STEP_BACK: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells the time for rows of (boot, wall) seconds.
    fn tell(guard: &mut Guard, rows: &[(u64, i64)]) -> Vec<i64> {
        rows.iter()
            .map(|(boot, wall)| guard.tell(Timestamp::from_seconds(*wall), Duration::from_secs(*boot)).seconds())
            .collect()
    }

    #[test]
    fn now_follows_the_wall_clock() {
        assert_eq!(tell(&mut Guard::default(), &[(0, 1000), (1, 1001), (2, 1003)]), [1000, 1001, 1003]);
    }

    #[test]
    fn now_never_goes_back() {
        let mut guard = Guard::default();
        assert_eq!(tell(&mut guard, &[(0, 1000), (1, 900), (2, 950), (3, 1004)]), [1000, 1000, 1000, 1004]);
        assert_eq!(guard.steps(), Steps { backward: 1, ..Steps::default() });
    }

    #[test]
    fn a_jump_ahead_is_not_followed_until_it_has_lasted() {
        let mut guard = Guard::default();
        assert_eq!(
            tell(&mut guard, &[(0, 1000), (1, 9001), (5, 9005), (10, 9010), (11, 9011)]),
            [1000, 1001, 1005, 1010, 9011]
        );
        assert_eq!(guard.steps().forward, 1);
    }

    #[test]
    fn a_short_jump_leaves_no_trace() {
        let mut guard = Guard::default();
        assert_eq!(
            tell(&mut guard, &[(0, 1000), (1, 9001), (2, 1002), (12, 9012), (13, 1013)]),
            [1000, 1001, 1002, 1012, 1013]
        );
        assert_eq!(guard.steps(), Steps { backward: 2, ..Steps::default() });
    }

    #[test]
    fn a_jump_that_was_followed_can_be_taken_back() {
        let mut guard = Guard::default();
        let rows = [(0, 1000), (1, 9001), (11, 9011), (100, 9100), (101, 1101), (102, 1102)];
        assert_eq!(tell(&mut guard, &rows), [1000, 1001, 9011, 9100, 1101, 1102]);
        assert_eq!(guard.steps(), Steps { backward: 1, forward: 1, returned: 1 });
    }

    #[test]
    fn many_small_steps_ahead_are_a_jump() {
        let rows = [(0, 1000), (1, 1051), (2, 1102), (3, 1153)];
        assert_eq!(tell(&mut Guard::default(), &rows), [1000, 1051, 1051, 1051]);
    }

    #[test]
    fn suspend_is_not_a_jump() {
        assert_eq!(tell(&mut Guard::default(), &[(0, 1000), (7200, 8200)]), [1000, 8200]);
    }
}
