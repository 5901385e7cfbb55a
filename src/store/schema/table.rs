//! What the documents may hold: every kind with its fields, each with its type, whether it must be there, and its meaning.

use super::{
    Then,
    crd::rules::{self, Rule},
};

/// One field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) holds: Holds,
    pub(super) needed: Needed,
    /// One line for whoever writes the document.
    pub(super) meaning: &'static str,
}

/// Whether a field must be there, whatever else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needed {
    Always,
    Not,
}

/// The fields of a mapping, and what they demand of each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) fields: &'static [Field],
    /// Of these ways to say one thing exactly one; none where there is nothing to choose.
    pub(super) one_of: &'static [&'static [&'static str]],
    /// Where a field is one of these words, this follows.
    pub(super) when: &'static [(&'static str, &'static [&'static str], Then)],
    /// What else has to be so, as an API server checks it.
    pub(super) rules: &'static [Rule],
}

impl Shape {
    pub(super) const fn of(fields: &'static [Field]) -> Self {
        Self { fields, one_of: &[], when: &[], rules: &[] }
    }

    const fn ruled(fields: &'static [Field], rules: &'static [Rule]) -> Self {
        Self { rules, ..Self::of(fields) }
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holds {
    /// Any JSON.
    Any,
    Count(u16, u16),
    /// Lower-case words joined by dots.
    Dotted,
    Duration,
    Fingerprint,
    /// Something that others have named.
    Foreign,
    Grpc,
    /// Whole bytes, in lower case.
    Hex,
    Host,
    /// Text by free keys.
    Labels,
    /// One line without spaces around it.
    Line,
    List(&'static Self),
    Method,
    /// The name of a document.
    Name,
    OneOrList(&'static Self),
    Path,
    Prefix,
    Section(&'static Shape),
    /// A signature in its armour.
    Signature,
    SpiffeId,
    Text,
    /// RFC 3339, in UTC.
    Time,
    TrustDomain,
    Upgrade,
    Word(&'static [&'static str]),
}

const fn must(name: &'static str, holds: Holds, meaning: &'static str) -> Field {
    Field { name, holds, needed: Needed::Always, meaning }
}

const fn may(name: &'static str, holds: Holds, meaning: &'static str) -> Field {
    Field { name, holds, needed: Needed::Not, meaning }
}

/// Every kind, with its meaning and its `spec`.
pub(super) const KINDS: [(&str, &str, Shape); 7] = [
    ("Workload", "who exists, and who owns it", WORKLOAD),
    ("Purpose", "what hops are for: one name of a closed vocabulary", PURPOSE),
    ("Resource", "what is touched, and who owns the risk", RESOURCE),
    ("Grant", "what an administrator approved, until when", GRANT),
    ("Activation", "opens one grant of type `eligible` or `break_glass`, for a while", ACTIVATION),
    ("Revocation", "takes something back, whatever was approved", REVOCATION),
    ("Fact", "what is so right now, as somebody observed it", FACT),
];

/// The fields of `metadata`.
pub(super) const NAME: &[Field] = &[must("name", Holds::Name, "its name, which no other document of its kind has")];

const WORKLOAD: Shape = Shape {
    fields: &[
        may("spiffeId", Holds::SpiffeId, "one workload"),
        may("prefix", Holds::Prefix, "all workloads below a prefix of whole segments, which ends with `/`"),
        must("kind", Holds::Word(&["service", "job", "agent", "ci", "vendor"]), "what it is"),
        must("owner", Holds::Line, "the team that answers for it"),
        may("roles", Holds::List(&Holds::Dotted), "the roles that grants may name"),
        may("labels", Holds::Labels, "what policies see as `input.peer.labels`"),
        may(
            "state",
            Holds::Word(&["active", "suspended", "offboarded"]),
            "whether it may act; `active` unless said otherwise",
        ),
        SIGNATURES,
    ],
    one_of: &[&["spiffeId"], &["prefix"]],
    when: &[],
    rules: rules::WORKLOAD,
};

const PURPOSE: Shape = Shape::of(&[
    must("name", Holds::Dotted, "its name; every name above it has a document, too"),
    must("owner", Holds::Line, "the team that says what is for it"),
    may("description", Holds::Text, "what it means"),
]);

const RESOURCE: Shape = Shape::of(&[
    must("audience", Holds::SpiffeId, "the workload whose interface it is part of"),
    must("actions", Holds::List(&Holds::Section(&ACTION)), "which part"),
    must("owner", Holds::Line, "the team that owns the risk"),
    must("sensitivity", Holds::Word(&["low", "medium", "high"]), "how much depends on it"),
    SIGNATURES,
]);

const GRANT: Shape = Shape {
    fields: &[
        must(
            "type",
            Holds::Word(&["standing", "eligible", "jit", "exception", "break_glass"]),
            "how extraordinary it is",
        ),
        must("subject", Holds::Section(&SUBJECT), "who may call"),
        may("onBehalfOf", Holds::Section(&BEHALF), "for whom; absent: for undelegated hops only"),
        may("audience", Holds::OneOrList(&Holds::SpiffeId), "who may be called"),
        may("actions", Holds::List(&Holds::Section(&ACTION)), "with what"),
        may("resources", Holds::List(&Holds::Name), "`Resource` documents, instead of `audience` and `actions`"),
        must("purposes", Holds::List(&Holds::Dotted), "what for; each includes what is below it"),
        may(
            "purposeBinding",
            Holds::Word(&["declared", "signed"]),
            "how firm the purpose must be; `signed` with `onBehalfOf`, else `declared`",
        ),
        may("relays", Holds::List(&Holds::SpiffeId), "who may present tokens that another workload holds"),
        may("while", Holds::List(&Holds::Section(&CONDITION)), "facts that have to be so all the while"),
        may("activators", Holds::List(&Holds::Line), "who may open a grant of type `eligible`"),
        must("owner", Holds::Line, "the team that answers for it"),
        must("approver", Holds::Line, "who approved it, and did not ask for it"),
        must("requestedBy", Holds::Line, "who asked for it"),
        may("ticket", Holds::Line, "where it was asked for"),
        may("justification", Holds::Text, "why"),
        must("notBefore", Holds::Time, "its first instant"),
        must("expiresAt", Holds::Time, "the instant at which it is over"),
        may("reviewBy", Holds::Time, "when somebody has to look at it again, before it ends"),
        may("exitCriteria", Holds::List(&Holds::Section(&CRITERION)), "what has to happen before an exception can end"),
        SIGNATURES,
    ],
    one_of: &[&["audience", "actions"], &["resources"]],
    when: &[
        ("type", &["standing"], Then::Needs("reviewBy")),
        ("type", &["eligible"], Then::Needs("activators")),
        ("type", &["standing", "jit", "exception", "break_glass"], Then::Excludes("activators")),
        ("type", &["exception"], Then::Needs("exitCriteria")),
        ("type", &["jit", "exception", "break_glass"], Then::Needs("ticket")),
    ],
    rules: rules::GRANT,
};

const SUBJECT: Shape = Shape {
    fields: &[
        may("spiffeId", Holds::SpiffeId, "one workload"),
        may("prefix", Holds::Prefix, "all workloads below a prefix of whole segments, which ends with `/`"),
        may("role", Holds::Dotted, "all workloads to which the inventory gives this role"),
    ],
    one_of: &[&["spiffeId"], &["prefix"], &["role"]],
    when: &[],
    rules: &[],
};

const BEHALF: Shape = Shape::of(&[
    must("from", Holds::List(&Holds::Section(&DELEGATORS)), "any of these"),
    may(
        "maxDepth",
        Holds::Count(1, 16),
        "how many may have acted one after the other, the caller included; 1 unless said otherwise",
    ),
]);

const DELEGATORS: Shape = Shape::of(&[
    must("issuer", Holds::Line, "who vouches for the names"),
    must("subjects", Holds::List(&Holds::Line), "the names"),
]);

const ACTION: Shape = Shape {
    fields: &[
        may("methods", Holds::List(&Holds::Method), "methods, in upper case"),
        may("paths", Holds::List(&Holds::Path), "paths; `*` is one segment, `**` at the end is the rest"),
        may("upgrade", Holds::List(&Holds::Upgrade), "protocols of which the hop upgrades its connection to one"),
        may("grpc", Holds::List(&Holds::Grpc), "gRPC methods, as in `ledger.v1.Ledger/Read`"),
        may("tcp", Holds::Section(&TCP), "connections without HTTP"),
        may("hosts", Holds::List(&Holds::Host), "hosts; absent: any"),
    ],
    one_of: &[&["methods", "paths"], &["grpc"], &["tcp"]],
    when: &[],
    rules: rules::ACTION,
};

const TCP: Shape = Shape::of(&[must("ports", Holds::List(&Holds::Count(1, u16::MAX)), "ports")]);

const CONDITION: Shape = Shape::of(&[
    must("fact", Holds::Dotted, "the key of a fact"),
    must("equals", Holds::Any, "the value that it has to have"),
    may("maxAge", Holds::Duration, "how old it may be, if it does not say less itself"),
]);

const CRITERION: Shape =
    Shape::of(&[must("what", Holds::Text, "what has to happen"), must("owner", Holds::Line, "who sees to it")]);

const ACTIVATION: Shape = Shape::ruled(
    &[
        must("grant", Holds::Name, "the grant that it opens"),
        must("requestedBy", Holds::Line, "who opens it; for `eligible`, one of its `activators`"),
        must("reason", Holds::Text, "why"),
        must("ticket", Holds::Line, "for which task"),
        must("from", Holds::Time, "its first instant"),
        must("until", Holds::Time, "the instant at which it is over"),
        may("reviewedBy", Holds::Line, "who looked at it afterwards"),
        may("reviewedAt", Holds::Time, "when"),
        SIGNATURES,
    ],
    rules::ACTIVATION,
);

const REVOCATION: Shape = Shape::ruled(
    &[
        must("target", Holds::Section(&TARGET), "what is taken back"),
        must("reason", Holds::Text, "why"),
        must("at", Holds::Time, "since when; it acts as soon as it is read, unless this is more than a minute ahead"),
        may("until", Holds::Time, "the instant at which it is over; absent: when its document is removed"),
    ],
    rules::REVOCATION,
);

const TARGET: Shape = Shape {
    fields: &[
        may("grant", Holds::Name, "the grant of this name, whenever it is there"),
        may("spiffeId", Holds::SpiffeId, "one workload, in whichever part"),
        may("prefix", Holds::Prefix, "all workloads below a prefix"),
        may("trustDomain", Holds::TrustDomain, "all workloads of a trust domain"),
        may("subject", Holds::Section(&REVOKED_SUBJECT), "whom tokens speak for"),
        may("serial", Holds::Hex, "a certificate, by its serial number"),
        may("fingerprint", Holds::Fingerprint, "a certificate, by the SHA-256 of its DER"),
        may("jti", Holds::Foreign, "a token"),
        may("txn", Holds::Foreign, "a transaction"),
        may("kid", Holds::Foreign, "a key that signed tokens"),
        may("actor", Holds::Foreign, "whoever acted in a delegation"),
        may("purpose", Holds::Dotted, "a purpose, and what is below it"),
    ],
    one_of: &[
        &["grant"],
        &["spiffeId"],
        &["prefix"],
        &["trustDomain"],
        &["subject"],
        &["serial"],
        &["fingerprint"],
        &["jti"],
        &["txn"],
        &["kid"],
        &["actor"],
        &["purpose"],
    ],
    when: &[],
    rules: &[],
};

const REVOKED_SUBJECT: Shape = Shape::of(&[
    must("issuer", Holds::Foreign, "who vouches for the name"),
    must("subject", Holds::Foreign, "the name"),
]);

const FACT: Shape = Shape::of(&[
    must("key", Holds::Dotted, "what it is about"),
    may("subject", Holds::SpiffeId, "the workload that it is about; absent: everybody"),
    must("value", Holds::Any, "what is so"),
    must("source", Holds::Line, "who says so"),
    must("observedAt", Holds::Time, "when it was observed"),
    must("maxAge", Holds::Duration, "how long it counts from then, a day at most"),
]);

const SIGNATURES: Field = may("signatures", Holds::List(&Holds::Section(&SIGNATURE)), "who signed it");

const SIGNATURE: Shape = Shape::of(&[
    must("by", Holds::Line, "whose it is: a principal of `allowed_signers`"),
    must("signature", Holds::Signature, "as `ssh-keygen -Y sign -n hopguard-grant` writes it"),
]);
