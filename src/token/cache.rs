//! A token that was verified need not be verified again; that it was is all that is remembered, and nothing is decided by it.

use std::{fmt, sync::Arc};

use quick_cache::{Weighter, sync::Cache};

use super::{rules::Rules, verified::VerifiedToken};
use crate::lookups::Lookups;

/// Tokens whose signatures were verified, by their SHA-256; shared by successive verifiers.
///
/// An entry counts under the rules, the header and the keys that it was verified with. Its times and audience are judged each time.
pub struct TokenCache {
    entries: Cache<[u8; 32], Arc<Entry>, Length>,
    lookups: Lookups,
}

pub(super) struct Entry {
    /// The very rules: as long as an entry holds them, no others can be in their place.
    pub(super) rules: Arc<Rules>,
    pub(super) header: Box<str>,
    pub(super) token: Arc<VerifiedToken>,
    /// The length of the token.
    pub(super) length: usize,
}

#[derive(Clone)]
struct Length;

impl Weighter<[u8; 32], Arc<Entry>> for Length {
    fn weight(&self, _: &[u8; 32], entry: &Arc<Entry>) -> u64 {
        u64::try_from(entry.length).unwrap_or(u64::MAX).saturating_add(OVERHEAD)
    }
}

impl TokenCache {
    /// A cache for about so many tokens of common length, and fewer longer ones. With 0 nothing is remembered.
    pub fn new(tokens: usize) -> Self {
        let weight = u64::try_from(tokens).unwrap_or(u64::MAX).saturating_mul(COMMON.saturating_add(OVERHEAD));
        Self { entries: Cache::with_weighter(tokens, weight, Length), lookups: Lookups::default() }
    }

    /// How often it knew.
    pub const fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// The number of tokens in it.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What was verified under these very rules, in this header.
    pub(super) fn get(&self, sha256: &[u8; 32], rules: &Arc<Rules>, header: &str) -> Option<Arc<VerifiedToken>> {
        let entry = self.entries.get(sha256)?;
        (Arc::ptr_eq(&entry.rules, rules) && *entry.header == *header).then(|| Arc::clone(&entry.token))
    }

    pub(super) fn insert(&self, sha256: [u8; 32], entry: Entry) {
        self.entries.insert(sha256, Arc::new(entry));
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// The octets of a common token.
const COMMON: u64 = 1024;
/// What an entry takes beside its claims, roughly.
const OVERHEAD: u64 = 512;
