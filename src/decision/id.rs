//! Decision IDs: unique across restarts and replicas, made outside of deciding.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::rand;

/// Names one decision, in the answer, the metadata and the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DecisionId {
    instance: u64,
    number: u64,
}

/// Gives out decision IDs: a random half per process and a counted half. They are names, not secrets.
#[derive(Debug)]
pub struct DecisionIds {
    instance: u64,
    next: AtomicU64,
}

impl DecisionIds {
    /// Starts a series that no other process continues.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn new() -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut instance = [0; 8];
        rand::fill(&mut instance)?;
        Ok(Self { instance: u64::from_be_bytes(instance), next: AtomicU64::new(0) })
    }

    /// The next one.
    pub fn next(&self) -> DecisionId {
        DecisionId { instance: self.instance, number: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.instance, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let (one, other) = (DecisionIds::new().unwrap(), DecisionIds::new().unwrap());
        let (first, second, foreign) = (one.next(), one.next(), other.next());
        assert_ne!(first, second);
        assert_ne!(first.instance, foreign.instance);
        assert_eq!(first.to_string().len(), 32);
    }
}
