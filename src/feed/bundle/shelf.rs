//! What is known of each bundle: its source offers, the reload disposes, and nothing older than what counted is ever handed out.

mod entry;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use self::entry::{Entry, There};
use super::{Offer, Stage, Standing, Status, Subscription, keep::Keep};
use crate::{clock::Timestamp, feed::https::Tag};

/// All bundles that are followed.
#[derive(Debug, Default)]
pub(in crate::feed) struct Shelf {
    entries: Mutex<BTreeMap<String, Entry>>,
    /// Held while files are written, so that an older state never replaces a newer one.
    writing: Mutex<()>,
    keep: Option<Keep>,
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
            let entry = match before.remove(&subscription.name) {
                Some(known) if known.subscription == *subscription => known,
                // Asked for in another way, it has come no further back than it was.
                Some(known) if known.subscription.origin == subscription.origin => {
                    Entry { history: known.history, ..self.restore(subscription, now) }
                }
                _ => self.restore(subscription, now),
            };
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
                entry.there = Some(There { digest: offer.digest().to_owned(), tag: kept.tag, reads: true });
                entry.good = Some(Arc::clone(&offer));
                entry.newest = Some(offer);
            }
            Err(error) => tracing::warn!(bundle = name, %error, "Kept bundle no longer reads"),
        }
        entry
    }

    /// What its source need not give again.
    pub(super) fn tag(&self, subscription: &Subscription) -> Option<Tag> {
        self.with(subscription, |entry| entry.there.as_ref()?.tag.clone()).flatten()
    }

    /// Whether anything is known of it.
    pub(super) fn is_known(&self, subscription: &Subscription) -> bool {
        self.with(subscription, |entry| entry.newest.is_some()).unwrap_or_default()
    }

    /// Its source says that what was there still is. `true`: that is news.
    pub(super) fn confirm(&self, subscription: &Subscription, now: Timestamp) -> bool {
        self.change(subscription, |entry| {
            entry.heard(now);
            let there = entry.there.as_ref().map(|there| there.digest.clone());
            // What was refused in between is there no more.
            entry.refusal = entry.refusal.take().filter(|refusal| there.as_ref() == Some(&refusal.digest));
            entry.status.from_state &= there != entry.status.digest;
        })
    }

    /// Whether its source gave what was there already, maybe under another name, and it reads.
    pub(super) fn is_there(&self, subscription: &Subscription, digest: &str, tag: &Option<Tag>) -> bool {
        let known = self.with(subscription, |entry| {
            let there = entry.there.as_mut().filter(|there| there.reads && there.digest == digest)?;
            there.tag.clone_from(tag);
            Some(())
        });
        known.flatten().is_some()
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
            entry.there = Some(There { digest: offer.digest().to_owned(), tag, reads: true });
            entry.newest = Some(offer);
        })
    }

    /// Its source gave what does not read. `true`: that is news.
    pub(super) fn refuse(&self, subscription: &Subscription, digest: &str, message: String, now: Timestamp) -> bool {
        self.change(subscription, |entry| {
            entry.heard(now);
            entry.there = Some(There { digest: digest.to_owned(), tag: None, reads: false });
            // What was refused before is there no more, and need not be tried again.
            let refused = entry.refusal.as_ref().map(|refusal| refusal.digest.as_str());
            if entry.newest.as_ref().is_some_and(|newest| Some(newest.digest()) == refused) {
                entry.newest.clone_from(&entry.good);
            }
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

    /// A policy, or documents, were made of these: from now on they count.
    pub(in crate::feed) fn activate(&self, offers: &[(String, Arc<Offer>)], now: Timestamp) {
        let mut entries = self.entries();
        for (name, offer) in offers {
            if let Some(entry) = entries.get_mut(name) {
                entry.activate(offer, now);
            }
        }
    }

    /// What came last is of no use, as `stage` found.
    pub(in crate::feed) fn reject(&self, name: &str, offer: &Offer, stage: Stage, message: String, now: Timestamp) {
        if let Some(entry) = self.entries().get_mut(name) {
            entry.fail(stage, message, offer.digest(), now);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::{Origin, Poll},
        *,
    };

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn offer(subscription: &Subscription, revision: u32) -> Arc<Offer> {
        let mut archive = tar::Builder::new(Vec::new());
        let manifest = format!("{{\"revision\": \"{revision}\", \"roots\": [\"a\"]}}");
        for (name, text) in [(".manifest", manifest.as_str()), ("a/a.rego", "package a\n\nb := true\n")] {
            let mut header = tar::Header::new_ustar();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        let tar = archive.into_inner().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut gzip, &tar).unwrap();
        Offer::read(subscription, gzip.finish().unwrap().into(), false, NOW).unwrap()
    }

    #[test]
    fn who_is_asked_in_another_way_leads_nobody_back() {
        let subscription = Subscription::new("a", Origin::File("/a.tar.gz".into()));
        let shelf = Shelf::new(None);
        shelf.adopt(std::slice::from_ref(&subscription), NOW);
        let new = offer(&subscription, 2);
        shelf.offer(&subscription, Arc::clone(&new), None, NOW);
        shelf.activate(&[("a".to_owned(), new)], NOW);

        let offered = |subscription: Subscription| {
            shelf.adopt(std::slice::from_ref(&subscription), NOW);
            shelf.offer(&subscription, offer(&subscription, 1), None, NOW);
            let standing = shelf.standings(NOW).pop().unwrap();
            (standing.offered.is_some(), standing.problem.unwrap_or_default())
        };
        let often = Subscription { poll: Poll::every(Duration::from_secs(7)), ..subscription.clone() };
        let (is_offered, problem) = offered(often);
        assert!(!is_offered && problem.contains("rollback: its revision is"), "{problem}");
        assert!(offered(Subscription { allow_rollback: true, ..subscription.clone() }).0);
        // From elsewhere it is another bundle.
        assert!(offered(Subscription { origin: Origin::File("/b.tar.gz".into()), ..subscription }).0);
    }
}
