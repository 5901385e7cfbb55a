//! Who claimed what, until when: a claim is found for as long as its token could be taken.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use super::{Asker, Key, LONGEST, OneTime, Refused, Settled};
use crate::clock::Timestamp;

/// What both clocks say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) boot: Duration,
}

/// What is known of claims that are not remembered one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// What was issued before may have been claimed unseen.
    pub(super) bound: Option<Timestamp>,
    /// The latest end of any claim that was forgotten.
    pub(super) horizon: Timestamp,
}

/// What became of a claim that was not refused.
#[derive(Debug)]
pub(super) enum Claimed {
    /// It is the first, and this is its number.
    New(u64),
    /// The same asker made it before; its claim may still be on its way to the disk.
    Again(Option<Settled>),
}

#[derive(Debug)]
pub(super) struct Table {
    capacity: usize,
    grace: Duration,
    marks: Marks,
    entries: HashMap<Key, Entry>,
    /// Claims, by when they are over by the boot clock.
    running: BTreeSet<(Duration, Key)>,
    /// Claims that are over by the boot clock, by when they are over by the other one.
    overdue: BTreeSet<(Timestamp, Key)>,
    /// The number of the last claim.
    last: u64,
}

#[derive(Debug)]
struct Entry {
    /// The claim that it belongs to.
    claim: u64,
    expires: Timestamp,
    /// When it is over by the boot clock.
    end: Duration,
    /// Who made it, and when by the boot clock; nobody who is still there if it was loaded.
    made: Option<(Asker, Duration)>,
    /// Present until the claim is on disk.
    pending: Option<Settled>,
}

impl Table {
    /// Nothing is known of what was claimed before.
    pub(super) fn new(capacity: usize, grace: Duration, at: Moment) -> Self {
        Self::with_marks(capacity, grace, Marks { bound: Some(at.now), horizon: Timestamp::MIN })
    }

    pub(super) fn with_marks(capacity: usize, grace: Duration, marks: Marks) -> Self {
        Self {
            capacity,
            grace,
            marks,
            entries: HashMap::new(),
            running: BTreeSet::new(),
            overdue: BTreeSet::new(),
            last: 0,
        }
    }

    pub(super) fn grace(&self) -> Duration {
        self.grace
    }

    pub(super) fn marks(&self) -> Marks {
        self.marks
    }

    pub(super) const fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The claims that are on disk, or belong there.
    pub(super) fn settled(&self) -> impl Iterator<Item = (Key, Timestamp)> {
        self.entries.iter().filter(|(_, entry)| entry.pending.is_none()).map(|(key, entry)| (*key, entry.expires))
    }

    /// Remembers a claim that an earlier process made; capacity is no reason to forget one.
    pub(super) fn restore(&mut self, key: Key, expires: Timestamp, at: Moment) {
        if expires <= at.now {
            self.marks.horizon = self.marks.horizon.max(expires);
            return;
        }
        self.last = self.last.saturating_add(1);
        let end = at.boot.saturating_add(expires.since(at.now));
        self.insert(key, Entry { claim: self.last, expires, end, made: None, pending: None });
    }

    /// Claims all of `tokens`, or none.
    pub(super) fn claim(
        &mut self,
        tokens: &[OneTime],
        asker: Asker,
        at: Moment,
        pending: Option<&Settled>,
    ) -> Result<Claimed, Refused> {
        self.forget(at);
        if let Some(before) = self.again(tokens, asker, at) {
            return Ok(Claimed::Again(before));
        }
        if tokens.iter().any(|token| self.is_spent(token, at.now)) || repeats(tokens) {
            return Err(Refused::Replayed);
        }
        if tokens.len() > MOST || self.entries.len().saturating_add(tokens.len()) > self.capacity {
            return Err(Refused::Full);
        }
        self.last = self.last.saturating_add(1);
        for token in tokens {
            let entry = Entry {
                claim: self.last,
                expires: token.expires,
                end: at.boot.saturating_add(token.expires.since(at.now)),
                made: Some((asker, at.boot)),
                pending: pending.cloned(),
            };
            self.insert(token.key, entry);
        }
        Ok(Claimed::New(self.last))
    }

    /// Whether `asker` could claim all of `tokens`, room or not.
    pub(super) fn unspent(&self, tokens: &[OneTime], asker: Asker, at: Moment) -> Result<(), Refused> {
        let spent = tokens.iter().any(|token| self.is_spent(token, at.now)) || repeats(tokens);
        if spent && self.again(tokens, asker, at).is_none() { Err(Refused::Replayed) } else { Ok(()) }
    }

    /// Notes that a claim is on disk, or takes it back: nobody has been told of it.
    pub(super) fn settle(&mut self, claim: u64, tokens: &[(Key, Timestamp)], written: bool) {
        for (key, _) in tokens {
            let Some(entry) = self.entries.get_mut(key).filter(|entry| entry.claim == claim) else { continue };
            if written {
                entry.pending = None;
            } else {
                let (expires, end) = (entry.expires, entry.end);
                self.entries.remove(key);
                self.running.remove(&(end, *key));
                self.overdue.remove(&(expires, *key));
            }
        }
    }

    /// Whether `asker` made this very claim a moment ago.
    fn again(&self, tokens: &[OneTime], asker: Asker, at: Moment) -> Option<Option<Settled>> {
        let first = self.entries.get(&tokens.first()?.key)?;
        let same = |token: &OneTime| self.entries.get(&token.key).is_some_and(|entry| entry.claim == first.claim);
        let recent = |&(by, made): &(Asker, Duration)| by == asker && at.boot.saturating_sub(made) <= self.grace;
        (first.made.as_ref().is_some_and(recent) && tokens.iter().all(same)).then(|| first.pending.clone())
    }

    fn is_spent(&self, token: &OneTime, now: Timestamp) -> bool {
        self.entries.contains_key(&token.key) || self.may_be_spent(token, now)
    }

    /// Whether a token that is not remembered can have been claimed all the same.
    fn may_be_spent(&self, token: &OneTime, now: Timestamp) -> bool {
        let before = self.marks.bound.is_some_and(|bound| match token.issued {
            Some(issued) => issued < bound,
            // Whatever was claimed before then has ended by itself after the longest life of a token.
            None => now < bound.after(LONGEST),
        });
        // A clock that jumped ahead and came back brings tokens back whose claims are forgotten. No token that counts now ends after
        // the longest life, so a horizon beyond that tells nothing about it.
        let forgotten = token.expires <= self.marks.horizon && self.marks.horizon <= now.after(LONGEST);
        before || forgotten || token.expires <= now
    }

    fn insert(&mut self, key: Key, entry: Entry) {
        self.running.insert((entry.end, key));
        if let Some(old) = self.entries.insert(key, entry) {
            self.running.remove(&(old.end, key));
        }
    }

    /// Forgets some of the claims that are over by both clocks: more than one call can add, so that they do not gather.
    fn forget(&mut self, at: Moment) {
        for _ in 0..AT_ONCE {
            let Some(&(end, key)) = self.running.first().filter(|(end, _)| *end <= at.boot) else { break };
            self.running.remove(&(end, key));
            if let Some(entry) = self.entries.get(&key) {
                self.overdue.insert((entry.expires, key));
            }
        }
        for _ in 0..AT_ONCE {
            let Some(&(expires, key)) = self.overdue.first().filter(|(expires, _)| *expires <= at.now) else { break };
            self.overdue.remove(&(expires, key));
            self.entries.remove(&key);
            self.marks.horizon = self.marks.horizon.max(expires);
        }
    }
}

/// Whether one token is there twice: it is used twice then.
fn repeats(tokens: &[OneTime]) -> bool {
    let mut keys = BTreeSet::new();
    !tokens.iter().all(|token| keys.insert(token.key))
}

/// How many claims one call forgets at most.
const AT_ONCE: usize = 64;
/// The most tokens of one Check.
const MOST: usize = 16;

#[cfg(test)]
mod tests;
