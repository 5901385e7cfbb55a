//! Keeps what was found of a document's signatures for as long as it would be found again: verifying is what loading costs most.

use std::{cell::RefCell, sync::Arc};

use crate::{
    approval::{AllowedSigners, Approvals, Verdict},
    clock::Timestamp,
};

/// Who may sign, when it is, and until when that makes no difference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signing<'a> {
    pub(super) approvals: &'a Approvals,
    pub(super) now: Timestamp,
    until: Option<Timestamp>,
}

impl<'a> Signing<'a> {
    pub(super) fn new(approvals: &'a Approvals, now: Timestamp) -> Self {
        let until = approvals.signers.as_ref().and_then(|signers| signers.changes_after(now));
        Self { approvals, now, until }
    }
}

/// What was found of one document's signatures last.
#[derive(Debug, Default)]
pub(super) struct Checked(RefCell<Option<Found>>);

#[derive(Debug)]
struct Found {
    required: bool,
    signers: Option<Arc<AllowedSigners>>,
    from: Timestamp,
    until: Option<Timestamp>,
    verdict: Verdict,
}

impl Checked {
    /// What they are worth: as found before, or as `look` finds now. It has to depend on the document and on who may sign only.
    pub(super) fn verdict(&self, signing: Signing<'_>, look: impl FnOnce() -> Verdict) -> Verdict {
        let known = self.0.borrow().as_ref().filter(|found| found.holds(signing)).map(|found| found.verdict.clone());
        known.unwrap_or_else(|| {
            let Signing { approvals: Approvals { required, signers }, now, until } = signing;
            let verdict = look();
            let found = Found { required: *required, signers: signers.clone(), from: now, until, verdict };
            self.0.borrow_mut().insert(found).verdict.clone()
        })
    }
}

impl Found {
    fn holds(&self, Signing { approvals, now, .. }: Signing<'_>) -> bool {
        let same = match (&self.signers, &approvals.signers) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        same && self.required == approvals.required && self.from <= now && self.until.is_none_or(|until| now < until)
    }
}
