//! A signature that was verified once is not verified again: every change of a directory looks at all of its documents.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};

use crate::approval::{key::PublicKey, wire::put_string};

/// The signatures that were right. Whether one is follows from nothing but the key, what it signed and the signature.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashSet<Vec<u8>>>);

impl Memory {
    /// Whether a signature is the key's of `signed`.
    pub(super) fn verify(&self, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
        let mut all = Vec::new();
        for part in [key.blob(), signed, signature] {
            put_string(&mut all, part);
        }
        let all = digest(&SHA256, &all).as_ref().to_vec();
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&all) {
            return true;
        }
        let is_right = key.verify(signed, signature);
        if is_right {
            let mut right = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if right.len() >= MOST {
                right.clear();
            }
            right.insert(all);
        }
        is_right
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Some ten megabytes; more are verified again.
const MOST: usize = 100_000;
