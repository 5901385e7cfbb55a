//! What to do about a hop that can be read in more than one way: refuse it, or note it and take nothing from what is in doubt.

use super::HopError;

/// Whether a hop must have one reading only (`hop.strict`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strict {
    /// Another hop is refused.
    #[default]
    Enforce,
    /// Another hop goes on without what is in doubt, and with a note of it.
    Observe,
}

/// What was found to have more than one reading.
#[derive(Debug)]
pub(super) struct Doubts {
    strict: Strict,
    noted: Vec<HopError>,
}

impl Doubts {
    pub(super) const fn new(strict: Strict) -> Self {
        Self { strict, noted: Vec::new() }
    }

    /// What was read; nothing, if it is in doubt and that is let through.
    pub(super) fn hear<T>(&mut self, read: Result<T, HopError>) -> Result<Option<T>, HopError> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(error @ HopError::Ambiguous(_)) => self.note(error).map(|()| None),
            Err(error) => Err(error),
        }
    }

    /// As [`hear`](Self::hear), of something that every hop of a real Envoy has: where doubts are let through, its absence is one.
    pub(super) fn hear_missing<T>(&mut self, read: Result<T, HopError>) -> Result<Option<T>, HopError> {
        match read {
            Err(error @ HopError::Malformed(_)) => self.note(error).map(|()| None),
            other => self.hear(other),
        }
    }

    /// Everything that was let through.
    pub(super) fn into_noted(self) -> Vec<HopError> {
        self.noted
    }

    fn note(&mut self, error: HopError) -> Result<(), HopError> {
        if self.strict == Strict::Enforce {
            return Err(error);
        }
        let doubt = HopError::Ambiguous(error.detail());
        if !self.noted.contains(&doubt) {
            self.noted.push(doubt);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_doubt_is_let_through_and_only_where_doubts_are_observed() {
        let doubt: Result<(), _> = Err(HopError::Ambiguous("a"));
        assert_eq!(Doubts::new(Strict::Enforce).hear(doubt), Err(HopError::Ambiguous("a")));
        let mut doubts = Doubts::new(Strict::Observe);
        assert_eq!(doubts.hear(doubt), Ok(None));
        for other in [HopError::Malformed("b"), HopError::TooLarge("c")] {
            assert_eq!(doubts.hear::<()>(Err(other)), Err(other));
        }
        assert_eq!(doubts.hear_missing::<()>(Err(HopError::Malformed("b"))), Ok(None));
        assert_eq!(doubts.hear(doubt), Ok(None));
        assert_eq!(doubts.into_noted(), [HopError::Ambiguous("a"), HopError::Ambiguous("b")]);
    }

    #[test]
    fn what_is_missing_is_refused_as_what_it_is() {
        let mut doubts = Doubts::new(Strict::Enforce);
        assert_eq!(doubts.hear_missing::<()>(Err(HopError::Malformed("b"))), Err(HopError::Malformed("b")));
    }
}
