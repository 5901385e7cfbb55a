//! One bundle between its source and its policy: what is there, what passed, and what is wrong, each told once.

use std::sync::Arc;

use super::super::{Counts, Failure, Offer, Stage, Standing, Status, Subscription, keep::Kept, order::History};
use crate::{clock::Timestamp, feed::https::Tag};

/// One bundle.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) subscription: Subscription,
    /// What came last, reads, and is not older than what counted.
    pub(super) newest: Option<Arc<Offer>>,
    /// What is at its source, as far as that was heard.
    pub(super) there: Option<There>,
    /// What passed last, in this run or an earlier one.
    pub(super) good: Option<Arc<Offer>>,
    /// Whether `good` passed in this run.
    pub(super) is_served: bool,
    pub(super) history: History,
    /// Why the source is not heard.
    pub(super) silence: Option<String>,
    /// Why what came last is not taken.
    pub(super) refusal: Option<Refusal>,
    pub(super) status: Status,
    pub(super) is_unwritten: bool,
}

/// What is at a source.
#[derive(Debug)]
pub(super) struct There {
    pub(super) digest: String,
    /// What it is called there.
    pub(super) tag: Option<Tag>,
    /// Whether it reads; what does not may have been hurt on its way.
    pub(super) reads: bool,
}

/// Why something is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) failure: Failure,
    /// What it is about.
    pub(super) digest: String,
}

impl Entry {
    pub(super) fn new(subscription: Subscription) -> Self {
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
            there: None,
            good: None,
            is_served: false,
            history: History::default(),
            silence: None,
            refusal: None,
            status,
            is_unwritten: false,
        }
    }

    pub(super) fn news(&self) -> (Option<String>, Option<String>, Option<Refusal>) {
        let newest = self.newest.as_ref().map(|newest| newest.digest().to_owned());
        (newest, self.silence.clone(), self.refusal.clone())
    }

    pub(super) fn heard(&mut self, now: Timestamp) {
        self.silence = None;
        self.status.heard = Some(now);
    }

    /// Notes a failure; the same one of the same bundle is not another one.
    pub(super) fn fail(&mut self, stage: Stage, message: String, digest: &str, now: Timestamp) {
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

    pub(super) fn standing(&mut self, now: Timestamp) -> Standing {
        if let Some(newest) = self.newest.clone()
            && !self.subscription.allow_rollback
            && let Some(older) = self.history.is_older(newest.order())
        {
            self.fail(Stage::Rollback, older.to_string(), newest.digest(), now);
            self.newest.clone_from(&self.good);
        }
        Standing {
            name: self.subscription.name.clone(),
            offered: self.newest.clone(),
            good: self.good.clone(),
            problem: self.failure().map(|failure| format!("{}: {failure}", self.subscription.origin)),
        }
    }

    /// What is wrong: not to hear the source is worse than what it said last.
    pub(super) fn failure(&self) -> Option<Failure> {
        let silence = self.silence.clone().map(|message| Failure { stage: Stage::Download, message });
        silence.or_else(|| self.refusal.as_ref().map(|refusal| refusal.failure.clone()))
    }

    pub(super) fn status(&self) -> Status {
        Status { failure: self.failure(), ..self.status.clone() }
    }

    pub(super) fn activate(&mut self, offer: &Arc<Offer>, now: Timestamp) {
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

    pub(super) fn take_unwritten(&mut self) -> Option<(Subscription, Kept)> {
        let good = self.good.as_ref().filter(|_| self.is_unwritten && self.subscription.persist)?;
        // What came after it has another name.
        let there = self.there.as_ref().filter(|there| there.digest == good.digest());
        let tag = there.and_then(|there| there.tag.clone());
        let kept = Kept { bytes: good.bytes().clone(), tag, history: self.history.clone() };
        self.is_unwritten = false;
        Some((self.subscription.clone(), kept))
    }
}
