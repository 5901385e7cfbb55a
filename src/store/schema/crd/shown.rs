//! What `kubectl get` shows of each kind, and by which fields it selects.

/// How a kind is listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// What many of them are called.
    pub(super) plural: &'static str,
    pub(super) columns: &'static [Column],
    /// Fields for `--field-selector`: texts that a document has at most once, eight at most.
    pub(super) selectable: &'static [&'static str],
}

/// A column of the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) holds: &'static str,
    /// Whether it is only there with `-o wide`.
    pub(super) wide: bool,
}

const fn column(name: &'static str, path: &'static str) -> Column {
    Column { name, path, holds: "string", wide: false }
}

const fn wide(name: &'static str, path: &'static str) -> Column {
    Column { name, path, holds: "string", wide: true }
}

/// How one kind is listed. A time is shown as it is written: how long ago it was says nothing of one that lies ahead.
pub(super) fn shown(kind: &str) -> Shown {
    let (plural, columns, selectable): (_, &[_], &[_]) = match kind {
        "Workload" => {
            ("workloads", WORKLOAD, &[".spec.spiffeId", ".spec.prefix", ".spec.kind", ".spec.owner", ".spec.state"])
        }
        "Purpose" => ("purposes", PURPOSE, &[".spec.name", ".spec.owner"]),
        "Resource" => ("resources", RESOURCE, &[".spec.audience", ".spec.owner", ".spec.sensitivity"]),
        "Grant" => (
            "grants",
            GRANT,
            &[
                ".spec.type",
                ".spec.subject.spiffeId",
                ".spec.subject.prefix",
                ".spec.subject.role",
                ".spec.owner",
                ".spec.requestedBy",
                ".spec.approver",
                ".spec.ticket",
            ],
        ),
        "Activation" => ("activations", ACTIVATION, &[".spec.grant", ".spec.requestedBy", ".spec.ticket"]),
        "Revocation" => (
            "revocations",
            REVOCATION,
            &[
                ".spec.target.grant",
                ".spec.target.spiffeId",
                ".spec.target.prefix",
                ".spec.target.trustDomain",
                ".spec.target.kid",
                ".spec.target.actor",
                ".spec.target.purpose",
            ],
        ),
        _ => ("facts", FACT, &[".spec.key", ".spec.subject", ".spec.source"]),
    };
    Shown { plural, columns, selectable }
}

const AGE: Column = Column { name: "Age", path: ".metadata.creationTimestamp", holds: "date", wide: false };

const WORKLOAD: &[Column] = &[
    column("ID", ".spec.spiffeId"),
    column("Prefix", ".spec.prefix"),
    column("Kind", ".spec.kind"),
    column("Owner", ".spec.owner"),
    column("State", ".spec.state"),
    wide("Roles", ".spec.roles"),
    AGE,
];
const PURPOSE: &[Column] =
    &[column("Purpose", ".spec.name"), column("Owner", ".spec.owner"), wide("Description", ".spec.description"), AGE];
const RESOURCE: &[Column] = &[
    column("Audience", ".spec.audience"),
    column("Owner", ".spec.owner"),
    column("Sensitivity", ".spec.sensitivity"),
    AGE,
];
const GRANT: &[Column] = &[
    // Exactly one field is there.
    column("Subject", ".spec.subject.*"),
    column("Audience", ".spec.audience"),
    column("Type", ".spec.type"),
    column("Expires", ".spec.expiresAt"),
    column("Approver", ".spec.approver"),
    wide("Resources", ".spec.resources"),
    wide("Purposes", ".spec.purposes"),
    wide("Owner", ".spec.owner"),
    wide("Ticket", ".spec.ticket"),
    AGE,
];
const ACTIVATION: &[Column] = &[
    column("Grant", ".spec.grant"),
    column("By", ".spec.requestedBy"),
    column("Until", ".spec.until"),
    column("Reviewed", ".spec.reviewedBy"),
    wide("Ticket", ".spec.ticket"),
    AGE,
];
const REVOCATION: &[Column] = &[
    // Exactly one field is there.
    column("Target", ".spec.target.*"),
    column("Reason", ".spec.reason"),
    column("Since", ".spec.at"),
    column("Until", ".spec.until"),
    AGE,
];
const FACT: &[Column] = &[
    column("Key", ".spec.key"),
    column("Subject", ".spec.subject"),
    column("Value", ".spec.value"),
    column("Observed", ".spec.observedAt"),
    column("For", ".spec.maxAge"),
    wide("Source", ".spec.source"),
    AGE,
];
