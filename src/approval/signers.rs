//! Whose signatures count, by which keys, and until when: an
//! [`allowed_signers`](https://man.openbsd.org/ssh-keygen.1#ALLOWED_SIGNERS) file, the whole of it or nothing.

use super::{NAMESPACE, SignatureError, key, key::PublicKey, pattern::Patterns, sshsig::SshSignature};
use crate::{
    clock::Timestamp,
    grant::Signature,
    yaml::{Problem, Problems},
};

use self::memory::Memory;

mod line;
mod memory;

/// The people whose signatures count.
#[derive(Debug)]
pub struct AllowedSigners {
    entries: Vec<Entry>,
    memory: Memory,
}

/// One line: whose key that is, for what, and when.
#[derive(Debug)]
struct Entry {
    principals: Patterns,
    namespaces: Option<Patterns>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
    key: PublicKey,
}

impl AllowedSigners {
    /// Reads a file; `file` is what its problems call it.
    ///
    /// # Errors
    /// Every line that cannot be read, or says what is not built: then none of the others counts either.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problems> {
        if text.len() > MAX_BYTES {
            return Err(Problem::of_file(file, "is longer than 1 MiB").into());
        }
        let (mut entries, mut problems) = (Vec::new(), Vec::new());
        for (index, written) in text.lines().enumerate() {
            match line::read(written) {
                Ok(Some(entry)) => entries.push(entry),
                Ok(None) => {}
                Err((column, message)) => {
                    problems.push(Problem::at(file, index.saturating_add(1), column, &message));
                }
            }
        }
        if problems.is_empty() { Ok(Self { entries, memory: Memory::default() }) } else { Err(Problems(problems)) }
    }

    /// Verifies that a signature below those canonical bytes is of whom it is said to be, by a key that is theirs at `now`.
    ///
    /// # Errors
    /// Why it counts for nothing.
    pub fn verify(&self, signature: &Signature, canonical: &[u8], now: Timestamp) -> Result<(), SignatureError> {
        self.verified(signature, canonical, now).map(|_| ())
    }

    /// The key by which it is theirs.
    pub(super) fn verified(
        &self,
        signature: &Signature,
        canonical: &[u8],
        now: Timestamp,
    ) -> Result<&PublicKey, SignatureError> {
        self.verified_for(NAMESPACE, signature, canonical, now)
    }

    fn verified_for(
        &self,
        namespace: &str,
        signature: &Signature,
        message: &[u8],
        now: Timestamp,
    ) -> Result<&PublicKey, SignatureError> {
        let opened = SshSignature::open(&signature.armoured, namespace)?;
        let listed = || self.entries.iter().filter(|entry| entry.key.blob() == opened.key);
        let shown = || key::fingerprint(&opened.key);
        if listed().next().is_none() {
            return Err(SignatureError::UnknownKey(shown()));
        }
        let theirs = || listed().filter(|entry| entry.principals.matches(&signature.by));
        if theirs().next().is_none() {
            return Err(SignatureError::OthersKey(shown()));
        }
        let for_this = || {
            theirs().filter(|entry| entry.namespaces.as_ref().is_none_or(|namespaces| namespaces.matches(namespace)))
        };
        if for_this().next().is_none() {
            return Err(SignatureError::OtherPurpose(shown()));
        }
        let entry = for_this().find(|entry| entry.is_valid(now)).ok_or_else(|| SignatureError::KeyTime(shown()))?;
        if self.memory.verify(&entry.key, &opened.signed(message, namespace), &opened.signature) {
            Ok(&entry.key)
        } else {
            Err(SignatureError::Mismatch)
        }
    }

    /// Whether `person` could have signed with that key too, now or ever.
    pub(super) fn may_hold(&self, person: &str, key: &PublicKey) -> bool {
        self.of(key).any(|entry| entry.principals.may_mean(person))
    }

    /// Whether one person could have signed with both keys, now or ever.
    pub(super) fn may_share(&self, one: &PublicKey, other: &PublicKey) -> bool {
        one == other || self.of(one).any(|a| self.of(other).any(|b| a.principals.may_share(&b.principals)))
    }

    fn of(&self, key: &PublicKey) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.key == *key)
    }

    /// The next instant at which a key begins or ends to count, so that what it signed has to be looked at again.
    pub fn changes_after(&self, now: Timestamp) -> Option<Timestamp> {
        let times = self.entries.iter().flat_map(|entry| [entry.valid_after, entry.valid_before]);
        times.flatten().filter(|time| *time > now).min()
    }
}

impl Entry {
    fn is_valid(&self, now: Timestamp) -> bool {
        self.valid_after.is_none_or(|begin| begin <= now) && self.valid_before.is_none_or(|end| now < end)
    }
}

const MAX_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests;
