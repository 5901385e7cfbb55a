//! What was verified once is not verified again while nothing that counts has changed: the evidence, the bundle, what is valid.

use std::{fmt, sync::Arc};

use aws_lc_rs::digest::{Context, SHA256};
use quick_cache::sync::Cache;

use crate::{
    clock::Timestamp,
    lookups::Lookups,
    peer::{ProvedPeer, chain::Proof},
    trust::{
        Trust,
        certificate::{self, Window},
    },
};

/// Peers whose certificates were verified, at most 4096. It only saves time: an answer is the same with it and without.
///
/// An entry holds for one revision of its trust domain's bundle, and for the seconds in which no certificate begins or ends that its path
/// could have been made of. Failures are not kept: what fails now may be right in a second.
pub struct SvidCache {
    entries: Cache<Key, Arc<Entry>>,
    lookups: Lookups,
}

struct Entry {
    peer: ProvedPeer,
    steady: Window,
}

impl SvidCache {
    /// The peer that `key` proved and still proves at `now`.
    pub(super) fn get(&self, key: &Key, trust: &Trust, now: Timestamp) -> Option<ProvedPeer> {
        let known = self.proved(key, trust, now);
        self.lookups.note(known.is_some());
        known
    }

    fn proved(&self, key: &Key, trust: &Trust, now: Timestamp) -> Option<ProvedPeer> {
        let entry = self.entries.get(key)?;
        let bundle = trust.bundle(entry.peer.trust_domain())?;
        let holds = entry.peer.bundle_revision() == Some(bundle.revision())
            && !bundle.is_stale(now)
            && entry.steady.contains(certificate::seconds(now));
        holds.then(|| entry.peer.clone())
    }

    pub(super) fn keep(&self, key: Key, proof: &Proof) {
        self.entries.insert(key, Arc::new(Entry { peer: proof.peer.clone(), steady: proof.steady }));
    }

    /// How often it knew.
    pub const fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl Default for SvidCache {
    fn default() -> Self {
        Self { entries: Cache::new(CAPACITY), lookups: Lookups::default() }
    }
}

impl fmt::Debug for SvidCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SvidCache").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

/// The SHA-256 of all texts that certificates are read from, so that no part of them is taken on trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// The key of texts of which each may be absent; no two lists of them are hashed as the same bytes.
    pub(super) fn of(texts: [Option<&str>; 3]) -> Self {
        let mut context = Context::new(&SHA256);
        for text in texts {
            let length = text.map_or(u64::MAX, |text| u64::try_from(text.len()).unwrap_or(u64::MAX));
            context.update(&length.to_be_bytes());
            context.update(text.unwrap_or_default().as_bytes());
        }
        let mut key = [0; 32];
        key.iter_mut().zip(context.finish().as_ref()).for_each(|(byte, digest)| *byte = *digest);
        Self(key)
    }
}

const CAPACITY: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_stand_in_for_one_another() {
        let keys = [
            [Some("ab"), None, None],
            [None, Some("ab"), None],
            [None, None, Some("ab")],
            [Some("a"), Some("b"), None],
            [Some(""), Some("ab"), None],
            [Some("ab"), Some(""), None],
            [Some("ab"), Some(""), Some("")],
        ]
        .map(Key::of);
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(keys.iter().position(|other| other == key), Some(index));
        }
    }
}
