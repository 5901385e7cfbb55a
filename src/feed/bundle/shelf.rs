//! What is known of each bundle: its source offers, the reload disposes, and nothing older than what counted is ever handed out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Counts, Failure, Offer, Stage, Standing, Status, Subscription,
    keep::{Keep, Kept},
    order::History,
};
use crate::{clock::Timestamp, feed::https::Tag};

/// All bundles that are followed.
#[derive(Debug, Default)]
pub(in crate::feed) struct Shelf {
    entries: Mutex<BTreeMap<String, Entry>>,
    /// Held while files are written, so that an older state never replaces a newer one.
    writing: Mutex<()>,
    keep: Option<Keep>,
}

/// One bundle.
#[derive(Debug)]
struct Entry {
    subscription: Subscription,
    /// What came last and reads.
    newest: Option<Arc<Offer>>,
    /// What its source calls that.
    tag: Option<Tag>,
    /// What passed last, in this run or an earlier one.
    good: Option<Arc<Offer>>,
    /// Whether `good` passed in this run.
    is_served: bool,
    history: History,
    /// Why the source is not heard.
    silence: Option<String>,
    /// Why what came last is not taken.
    refusal: Option<Refusal>,
    status: Status,
    is_unwritten: bool,
}

/// Why something is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    failure: Failure,
    /// What it is about.
    digest: String,
}

impl Shelf {
    /// An empty one; what passes is kept in `keep`.
    pub(in crate::feed) const fn new(keep: Option<Keep>) -> Self {
        Self { entries: Mutex::new(BTreeMap::new()), writing: Mutex::new(()), keep }
    }

    /// Makes place for `subscriptions`, with what was kept of them, and drops all others.
    pub(in crate::feed) fn adopt(&self, subscriptions: &[Subscription], now: Timestamp) {
        let mut entries = self.entries();
        let mut before = std::mem::take(&mut *entries);
        if let Some(keep) = &self.keep
            && let Err(error) = keep.retain(subscriptions.iter().filter(|subscription| subscription.persist))
        {
            tracing::warn!(%error, "Kept bundles of former sources cannot be removed");
        }
        for subscription in subscriptions {
            let known = before.remove(&subscription.name).filter(|entry| entry.subscription == *subscription);
            let entry = known.unwrap_or_else(|| self.restore(subscription, now));
            entries.insert(subscription.name.clone(), entry);
        }
    }

    /// A place for `subscription`, with what was kept of it.
    fn restore(&self, subscription: &Subscription, now: Timestamp) -> Entry {
        let mut entry = Entry::new(subscription.clone());
        let name = &subscription.name;
        let Some(keep) = self.keep.as_ref().filter(|_| subscription.persist) else { return entry };
        let kept = match keep.load(subscription) {
            Ok(Some(kept)) => kept,
            Ok(None) => return entry,
            Err(error) => {
                tracing::warn!(bundle = name, %error, "Kept bundle cannot be used");
                return entry;
            }
        };
        // It counted, whether or not it would pass today: what is older is older than it.
        entry.history = kept.history;
        match Offer::read(subscription, kept.bytes, true, now) {
            Ok(offer) => {
                entry.tag = kept.tag;
                entry.good = Some(Arc::clone(&offer));
                entry.newest = Some(offer);
            }
            Err(error) => tracing::warn!(bundle = name, %error, "Kept bundle no longer reads"),
        }
        entry
    }

    /// What its source need not give again.
    pub(super) fn tag(&self, subscription: &Subscription) -> Option<Tag> {
        self.with(subscription, |entry| entry.tag.clone()).flatten()
    }

    /// Whether anything is known of it.
    pub(super) fn is_known(&self, subscription: &Subscription) -> bool {
        self.with(subscription, |entry| entry.newest.is_some()).unwrap_or_default()
    }

    /// Its source says that what it gave last is still so. `true`: that is news.
    pub(super) fn confirm(&self, subscription: &Subscription, now: Timestamp) -> bool {
        self.change(subscription, |entry| {
            entry.heard(now);
            entry.status.from_state &= entry.newest.as_ref().map(|it| it.digest()) != entry.status.digest.as_deref();
        })
    }

    /// Its source gave bytes with that digest again, maybe under another name. `None`: these are others.
    pub(super) fn is_newest(&self, subscription: &Subscription, digest: &str, tag: &Option<Tag>) -> bool {
        let known = self.with(subscription, |entry| {
            let known = entry.newest.as_ref().is_some_and(|newest| newest.digest() == digest);
            if known {
                entry.tag.clone_from(tag);
            }
            known
        });
        known.unwrap_or_default()
    }

    /// Its source gave another one, which reads. `true`: that is news.
    pub(super) fn offer(
        &self,
        subscription: &Subscription,
        offer: Arc<Offer>,
        tag: Option<Tag>,
        now: Timestamp,
    ) -> bool {
        self.change(subscription, |entry| {
            entry.heard(now);
            entry.status.downloaded = Some(now);
            entry.refusal = None;
            entry.tag = tag;
            entry.newest = Some(offer);
        })
    }

    /// Its source gave what does not read. `true`: that is news.
    pub(super) fn refuse(&self, subscription: &Subscription, digest: &str, message: String, now: Timestamp) -> bool {
        self.change(subscription, |entry| {
            entry.heard(now);
            // So that it is given again, in case it was hurt on its way.
            entry.tag = None;
            entry.fail(Stage::Archive, message, digest, now);
        })
    }

    /// Its source was not heard. `true`: that is news.
    pub(super) fn lose(&self, subscription: &Subscription, message: String, now: Timestamp) -> bool {
        self.change(subscription, |entry| {
            entry.status.failed = Some(now);
            entry.status.counts.count(Stage::Download);
            entry.silence = Some(message);
        })
    }

    /// All of them as they stand. What is older than what counted is refused here.
    pub(in crate::feed) fn standings(&self, now: Timestamp) -> Vec<Standing> {
        self.entries().values_mut().map(|entry| entry.standing(now)).collect()
    }

    /// How each stands.
    pub(in crate::feed) fn statuses(&self) -> Vec<Status> {
        self.entries().values().map(Entry::status).collect()
    }

    /// A policy was made of these: from now on they count.
    pub(in crate::feed) fn activate(&self, offers: &[(String, Arc<Offer>)], now: Timestamp) {
        let mut entries = self.entries();
        for (name, offer) in offers {
            if let Some(entry) = entries.get_mut(name) {
                entry.activate(offer, now);
            }
        }
    }

    /// No policy can be made of what came last.
    pub(in crate::feed) fn reject(&self, name: &str, offer: &Offer, message: String, now: Timestamp) {
        if let Some(entry) = self.entries().get_mut(name) {
            entry.fail(Stage::Policy, message, offer.digest(), now);
        }
    }

    /// Keeps what passed and was not kept yet. Not on a thread that must not wait.
    pub(in crate::feed) fn write(&self) {
        let Some(keep) = &self.keep else { return };
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let unwritten: Vec<_> = self.entries().values_mut().filter_map(Entry::take_unwritten).collect();
        for (subscription, kept) in unwritten {
            if let Err(error) = keep.store(&subscription, &kept) {
                tracing::error!(bundle = subscription.name, %error, "Bundle cannot be kept for the next start");
                self.with(&subscription, |entry| entry.is_unwritten = true);
            }
        }
    }

    fn with<T>(&self, subscription: &Subscription, look: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut entries = self.entries();
        // What is no longer wanted from there says nothing any more.
        entries.get_mut(&subscription.name).filter(|entry| entry.subscription == *subscription).map(look)
    }

    /// Changes an entry, and says whether whoever makes policies of it should look again.
    fn change(&self, subscription: &Subscription, change: impl FnOnce(&mut Entry)) -> bool {
        let changed = self.with(subscription, |entry| {
            let before = entry.news();
            change(entry);
            before != entry.news()
        });
        changed.unwrap_or_default()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(subscription: Subscription) -> Self {
        let status = Status {
            name: subscription.name.clone(),
            origin: subscription.origin.to_string(),
            revision: None,
            digest: None,
            from_state: false,
            heard: None,
            downloaded: None,
            activated: None,
            failed: None,
            failure: None,
            counts: Counts::default(),
        };
        Self {
            subscription,
            newest: None,
            tag: None,
            good: None,
            is_served: false,
            history: History::default(),
            silence: None,
            refusal: None,
            status,
            is_unwritten: false,
        }
    }

    fn news(&self) -> (Option<String>, Option<String>, Option<Refusal>) {
        let newest = self.newest.as_ref().map(|newest| newest.digest().to_owned());
        (newest, self.silence.clone(), self.refusal.clone())
    }

    fn heard(&mut self, now: Timestamp) {
        self.silence = None;
        self.status.heard = Some(now);
    }

    /// Notes a failure; the same one of the same bundle is not another one.
    fn fail(&mut self, stage: Stage, message: String, digest: &str, now: Timestamp) {
        let refusal = Refusal { failure: Failure { stage, message }, digest: digest.to_owned() };
        if self.refusal.as_ref() != Some(&refusal) {
            self.status.failed = Some(now);
            self.status.counts.count(stage);
            tracing::error!(
                bundle = self.subscription.name,
                stage = stage.as_str(),
                digest,
                problem = refusal.failure.message,
                "Bundle refused: the last good one stays"
            );
        }
        self.refusal = Some(refusal);
    }

    fn standing(&mut self, now: Timestamp) -> Standing {
        let mut offered = self.newest.clone();
        if let Some(newest) = &self.newest
            && !self.subscription.allow_rollback
            && let Some(older) = self.history.is_older(newest.order())
        {
            let digest = newest.digest().to_owned();
            self.fail(Stage::Rollback, older.to_string(), &digest, now);
            offered = None;
        }
        Standing {
            name: self.subscription.name.clone(),
            offered,
            good: self.good.clone(),
            problem: self.failure().map(|failure| format!("{}: {failure}", self.subscription.origin)),
        }
    }

    /// What is wrong: not to hear the source is worse than what it said last.
    fn failure(&self) -> Option<Failure> {
        let silence = self.silence.clone().map(|message| Failure { stage: Stage::Download, message });
        silence.or_else(|| self.refusal.as_ref().map(|refusal| refusal.failure.clone()))
    }

    fn status(&self) -> Status {
        Status { failure: self.failure(), ..self.status.clone() }
    }

    fn activate(&mut self, offer: &Arc<Offer>, now: Timestamp) {
        let is_other = self.good.as_ref().is_none_or(|good| good.digest() != offer.digest());
        if self.is_served && !is_other {
            return;
        }
        self.refusal = self.refusal.take().filter(|refusal| refusal.digest != offer.digest());
        self.history.count(offer.order());
        self.is_unwritten |= is_other;
        self.good = Some(Arc::clone(offer));
        self.is_served = true;
        self.status.revision.clone_from(&offer.order().revision);
        self.status.digest = Some(offer.digest().to_owned());
        self.status.from_state = offer.is_from_state() && self.status.heard.is_none();
        self.status.activated = Some(now);
        self.status.counts.activated += 1;
        tracing::info!(
            bundle = self.subscription.name,
            revision = self.status.revision,
            digest = offer.digest(),
            from_state = self.status.from_state,
            "Bundle activated"
        );
    }

    fn take_unwritten(&mut self) -> Option<(Subscription, Kept)> {
        let good = self.good.as_ref().filter(|_| self.is_unwritten && self.subscription.persist)?;
        // What came after it has another name.
        let tag =
            self.tag.clone().filter(|_| self.newest.as_ref().is_some_and(|newest| newest.digest() == good.digest()));
        let kept = Kept { bytes: good.bytes().clone(), tag, history: self.history.clone() };
        self.is_unwritten = false;
        Some((self.subscription.clone(), kept))
    }
}
