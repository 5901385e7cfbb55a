//! Reads the `spec` of an `Activation` document: who opens which grant, why, and for how long.

use std::{sync::Arc, time::Duration};

use super::Activation;
use crate::{
    grant::{
        Approval,
        field::{document_name, line, signatures},
    },
    yaml::{Mapping, Position, show_duration},
};

/// An activation, and where its document names what has to be defined elsewhere.
#[derive(Debug)]
pub(crate) struct Document {
    /// It has no approval yet.
    pub(crate) activation: Arc<Activation>,
    pub(crate) grant_at: Position,
    pub(crate) requested_by_at: Position,
    pub(crate) until_at: Position,
}

/// Reads a `spec`; what is wrong with it is with its reader, and then there may be nothing.
pub(crate) fn read(name: Option<String>, mut spec: Mapping<'_>, longest: Duration) -> Option<Document> {
    let grant_field = spec.required("grant");
    let grant = grant_field.parsed(document_name);
    let requester = spec.required("requestedBy");
    let requested_by = requester.parsed(line);
    let reason = spec.required("reason").string();
    let ticket = spec.required("ticket").parsed(line);
    let from = spec.required("from").timestamp();
    let end = spec.required("until");
    let until = end.timestamp();
    if let Some((from, until)) = from.zip(until) {
        if until <= from {
            end.problem("is not later than `from`");
        } else if until.since(from) > longest {
            end.problem(format!(
                "is too late: an activation ends {} after `from` at the latest",
                show_duration(longest)
            ));
        }
    }
    let reviewer = spec.optional("reviewedBy");
    let review = spec.optional("reviewedAt");
    if reviewer.is_present() != review.is_present() {
        let (there, missing) = if reviewer.is_present() { (&reviewer, "reviewedAt") } else { (&review, "reviewedBy") };
        there.problem(format!("comes with `{missing}`: say who looked at it and when"));
    }
    let reviewed_by = reviewer.parsed(line);
    let reviewed_at = review.timestamp();
    if reviewed_at.zip(from).is_some_and(|(reviewed, from)| reviewed < from) {
        review.problem("is earlier than `from`: a review comes afterwards");
    }
    let signatures = signatures(&mut spec);
    spec.finish();
    let activation = Activation {
        name: name?,
        grant: grant?,
        requested_by: requested_by?,
        reason: reason?,
        ticket: ticket?,
        from: from?,
        until: until?,
        signatures,
        approval: Approval::Lacking,
        reviewed: reviewed_by.zip(reviewed_at),
    };
    Some(Document {
        activation: Arc::new(activation),
        grant_at: grant_field.at(),
        requested_by_at: requester.at(),
        until_at: end.at(),
    })
}

impl Activation {
    /// The same activation, as those who signed it make it.
    pub(crate) fn settle(activation: &mut Arc<Self>, approval: Approval) {
        if activation.approval != approval {
            Arc::make_mut(activation).approval = approval;
        }
    }
}
