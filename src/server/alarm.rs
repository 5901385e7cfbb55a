//! Says that a break-glass grant is used: each activation at its first use, and then once a minute at most.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{clock::Timestamp, decision::DecisionId, policy::Permit};

/// Remembers what was said lately.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    said: Mutex<HashMap<String, Timestamp>>,
}

impl Alarm {
    /// Says that a hop goes on under `permit`, unless the same was said a moment ago.
    pub(super) fn raise(&self, permit: &Permit, id: DecisionId, now: Timestamp) {
        let Some(activation) = permit.break_glass() else { return };
        if !self.is_due(activation, now) {
            return;
        }
        let opened = permit.activation();
        tracing::warn!(
            activation,
            grant = permit.grant().map(|grant| grant.name()),
            requested.by = opened.map(|activation| activation.requested_by.as_str()),
            ticket = opened.map(|activation| activation.ticket.as_str()),
            until = opened.map(|activation| activation.until.to_string()),
            peer.id = permit.peer().map(ToString::to_string),
            decision.id = %id,
            "Break-glass access is used",
        );
    }

    fn is_due(&self, activation: &str, now: Timestamp) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.get(activation).is_some_and(|last| now < last.after(PAUSE)) {
            return false;
        }
        if said.len() >= MOST {
            said.retain(|_, last| now < last.after(PAUSE));
        }
        // Of more than are remembered each use is said: too loud rather than silent.
        if said.len() < MOST {
            said.insert(activation.to_owned(), now);
        }
        true
    }
}

/// How long the same is not said again.
const PAUSE: Duration = Duration::from_secs(60);
/// The most activations that are remembered.
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activation_is_named_at_its_first_use_and_then_once_a_minute() {
        let alarm = Alarm::default();
        let said = |activation, second| alarm.is_due(activation, Timestamp::from_seconds(second));
        assert!(said("a", 0));
        assert!(!said("a", 59));
        assert!(said("b", 59), "another one is another alarm");
        assert!(said("a", 60));
        assert!(!said("a", 61));
    }

    #[test]
    fn what_is_not_remembered_is_said_each_time_and_memory_is_bounded() {
        let alarm = Alarm::default();
        let said = |activation: &str, second| alarm.is_due(activation, Timestamp::from_seconds(second));
        for number in 0..MOST {
            assert!(said(&number.to_string(), 0));
        }
        assert!(said("one more", 1) && said("one more", 2));
        assert_eq!(alarm.said.lock().unwrap().len(), MOST);
        assert!(said("one more", 60));
        assert!(!said("one more", 61), "the others are forgotten");
    }
}
