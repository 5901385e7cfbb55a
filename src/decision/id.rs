//! Decision IDs: unique across restarts and replicas, made outside of deciding.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use aws_lc_rs::rand;

/// Names one decision, in the answer, the metadata and the record: a UUID (RFC 9562).
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
        // The six bits that say what kind of UUID it is stand before the counted half: no number of decisions reaches them.
        let instance = (self.instance & !VERSION_BITS) | VERSION_4;
        let number = (self.number & !VARIANT_BITS) | VARIANT_1;
        let (a, b, c) = (instance >> 32, (instance >> 16) & 0xffff, instance & 0xffff);
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", number >> 48, number & 0xffff_ffff_ffff)
    }
}

/// RFC 9562 §4.2 and §5.4: random.
const VERSION_BITS: u64 = 0xf000;
const VERSION_4: u64 = 0x4000;
/// RFC 9562 §4.1.
const VARIANT_BITS: u64 = 0xc000_0000_0000_0000;
const VARIANT_1: u64 = 0x8000_0000_0000_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let (one, other) = (DecisionIds::new().unwrap(), DecisionIds::new().unwrap());
        let (first, second, foreign) = (one.next(), one.next(), other.next());
        assert_ne!(first, second);
        assert_ne!(first.instance, foreign.instance);
    }

    #[test]
    fn one_is_written_as_a_uuid_that_does_not_repeat() {
        let ids = DecisionIds::new().unwrap();
        let (one, other) = (ids.next().to_string(), ids.next().to_string());
        assert_ne!(one, other);
        for id in [one, other] {
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert!(id.bytes().all(|byte| matches!(byte, b'-' | b'0'..=b'9' | b'a'..=b'f')), "{id}");
            assert_eq!((id.as_bytes()[14], id.as_bytes()[19]), (b'4', b'8'), "{id}");
        }
    }
}
