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
        signed_by: vec![],
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
    pub(crate) fn settle(activation: &mut Arc<Self>, approval: Approval, signed_by: Vec<String>) {
        if activation.approval != approval || activation.signed_by != signed_by {
            let settled = Arc::make_mut(activation);
            (settled.approval, settled.signed_by) = (approval, signed_by);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::field::spec;

    const ACTIVATION: &str = "\
grant: ledger
requestedBy: bob@example.com
reason: the ledger is down
ticket: INC-7
from: 2026-11-20T09:00:00Z
until: 2026-11-20T10:00:00Z
";
    const HOUR: Duration = Duration::from_hours(1);

    fn load(text: &str) -> Result<Activation, Vec<String>> {
        spec(text, |name, spec| read(name, spec, HOUR)).map(|read| Activation::clone(&read.activation))
    }

    #[test]
    fn reads_every_field() {
        let reviewed =
            "reviewedBy: carol@example.com\nreviewedAt: 2026-11-20T12:00:00Z\nsignatures: [{by: a, signature: b}]\n";
        let activation = load(&format!("{ACTIVATION}{reviewed}")).unwrap();
        assert_eq!((activation.name.as_str(), activation.grant.as_str()), ("it", "ledger"));
        assert_eq!(
            (activation.requested_by.as_str(), activation.reason.as_str()),
            ("bob@example.com", "the ledger is down")
        );
        assert_eq!((activation.ticket.as_str(), activation.signatures.len()), ("INC-7", 1));
        assert_eq!(activation.until.since(activation.from), HOUR);
        let (by, at) = activation.reviewed.unwrap();
        assert_eq!((by.as_str(), at.to_string().as_str()), ("carol@example.com", "2026-11-20T12:00:00Z"));
        assert_eq!(activation.approval, Approval::Lacking);
        assert_eq!(load(ACTIVATION).unwrap().reviewed, None);
    }

    #[test]
    fn every_field_but_the_review_is_required() {
        for field in ["grant", "requestedBy", "reason", "ticket", "from", "until"] {
            let text: String =
                ACTIVATION.lines().filter(|line| !line.starts_with(field)).map(|line| format!("{line}\n")).collect();
            assert_eq!(load(&text), Err(vec![format!("a.yaml:1:1: {field}: is required")]));
        }
    }

    #[test]
    fn says_where_and_how_to_repair_what_is_wrong() {
        for (from, to, problem) in [
            ("ledger\n", "Ledger\n", "1:8: grant: a name has at most 253 lower-case letters"),
            ("INC-7", "' '", "4:9: ticket: begins or ends with a space: leave it out"),
            ("the ledger is down", "''", "3:9: reason: must not be empty"),
            ("10:00:00Z", "09:00:00Z", "6:8: until: is not later than `from`"),
            ("10:00:00Z", "08:00:00Z", "6:8: until: is not later than `from`"),
            ("10:00:00Z", "10:00:01Z", "6:8: until: is too late: an activation ends 1h after `from` at the latest"),
            ("until: ", "reviewedBy: carol\nuntil: ", "6:13: reviewedBy: comes with `reviewedAt`"),
            ("until: ", "reviewedAt: 2026-11-20T12:00:00Z\nuntil: ", "6:13: reviewedAt: comes with `reviewedBy`"),
            (
                "until: ",
                "reviewedBy: carol\nreviewedAt: 2026-11-20T08:00:00Z\nuntil: ",
                "7:13: reviewedAt: is earlier than `from`: a review comes afterwards",
            ),
            ("ticket", "tickets", "1:1: ticket: is required"),
        ] {
            assert!(ACTIVATION.contains(from), "{from}");
            let problems = load(&ACTIVATION.replace(from, to)).unwrap_err();
            assert!(problems[0].starts_with(&format!("a.yaml:{problem}")), "{from} -> {to}: {problems:#?}");
        }
    }
}
