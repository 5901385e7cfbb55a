//! What a document does, in words, computed from the documents.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use crate::{
    clock::Timestamp,
    grant::{Grant, Kind, Subject},
    inventory::{Scope, Workload, WorkloadState},
    revocation::{Revocation, Target},
    store::Documents,
    yaml::quote,
};

/// What a grant opens: `opens 2 routes of spiffe://prod.example/ledger to 1 workload for 2h`.
pub(crate) fn opening(grant: &Grant, documents: &Documents, now: Timestamp) -> String {
    let open = match grant.kind() {
        Kind::Standing | Kind::Jit | Kind::Exception => "opens",
        Kind::Eligible => "lets its activators open",
        Kind::BreakGlass => "seals, for emergencies,",
    };
    let from = grant.not_before().max(now);
    let when = if grant.expires_at() <= from {
        "never: it is over".to_owned()
    } else if grant.not_before() > now {
        format!("for {} from {}", span(grant.expires_at().since(from)), grant.not_before())
    } else {
        format!("for {}", span(grant.expires_at().since(from)))
    };
    format!("{open} {} of {} to {} {when}", routes(grant), audiences(grant), callers(grant, documents))
}

/// The same, line by line.
pub(crate) fn details(grant: &Grant, documents: &Documents) -> Vec<String> {
    let joined = |items: Vec<String>| items.join(", ");
    let mut lines = vec![
        format!("type      {}", grant.kind().as_str()),
        format!("who       {}", subject(grant)),
        format!("for       {}", joined(grant.purposes().iter().map(ToString::to_string).collect())),
    ];
    for reach in grant.reach() {
        let resource = reach.resource.iter().map(|resource| format!(" ({})", resource.name)).collect::<String>();
        let audiences = joined(reach.audiences.iter().map(ToString::to_string).collect());
        let routes = reach.actions.iter().flat_map(|action| action.routes());
        lines.extend(routes.map(|route| format!("may       {route} at {audiences}{resource}")));
    }
    lines.extend(
        grant.conditions().iter().map(|condition| format!("while     {} is {}", condition.fact, condition.equals)),
    );
    if !grant.activators().is_empty() {
        lines.push(format!("opened by {}", grant.activators().join(", ")));
    }
    lines.push(format!("from      {}", grant.not_before()));
    lines.push(format!("until     {}", grant.expires_at()));
    lines.extend(grant.review_by().map(|time| format!("review by {time}")));
    lines.push(format!("owner     {}", grant.owner()));
    lines.push(format!("asked by  {}", grant.requested_by()));
    lines.push(format!("approver  {}", grant.approver()));
    lines.extend(grant.ticket().map(|ticket| format!("ticket    {ticket}")));
    if let Some(revocation) = revoked(grant, documents) {
        let name = quote(&revocation.name);
        lines.push(format!("but       {name} revokes it: it stays closed {}", until(revocation)));
    }
    lines
}

/// What a revocation closes.
pub(crate) fn closing(revocation: &Revocation, documents: &Documents, now: Timestamp) -> (String, Vec<String>) {
    let until = until(revocation);
    let alive = documents.grants.iter().filter(|grant| now < grant.expires_at());
    let (what, hit): (String, Vec<&Arc<Grant>>) = match &revocation.target {
        Target::Grant(name) => {
            let hit: Vec<_> = alive.filter(|grant| grant.name() == name).collect();
            let none = format!("closes the grant {}, of which there is none now,", quote(name));
            (if hit.is_empty() { none } else { format!("closes the grant {}", quote(name)) }, hit)
        }
        Target::Workload(id) => {
            let hit: Vec<_> = alive.filter(|grant| reaches(grant, documents, &Scope::Workload(id.clone()))).collect();
            (format!("refuses {id} in every part, and so {} for it", grants("closes", hit.len())), hit)
        }
        Target::Prefix(prefix) => {
            let scope = Scope::Prefix(prefix.clone());
            let hit: Vec<_> = alive.filter(|grant| reaches(grant, documents, &scope)).collect();
            (
                format!(
                    "refuses every workload below {prefix} in every part, and so {} for them",
                    grants("closes", hit.len())
                ),
                hit,
            )
        }
        Target::TrustDomain(domain) => {
            let is_of = |id: &spiffe::SpiffeId| id.trust_domain() == domain;
            let hit: Vec<_> = alive
                .filter(|grant| match grant.subject() {
                    Subject::Workload(id) => is_of(id),
                    Subject::Prefix(prefix) => prefix.trust_domain() == domain,
                    Subject::Role(role) => holders(role, documents).any(|workload| match &workload.scope {
                        Scope::Workload(id) => is_of(id),
                        Scope::Prefix(prefix) => prefix.trust_domain() == domain,
                    }),
                })
                .collect();
            (
                format!(
                    "refuses every workload of {domain} in every part, and so {} for them",
                    grants("closes", hit.len())
                ),
                hit,
            )
        }
        Target::Purpose(purpose) => {
            let hit: Vec<_> = alive
                .filter(|grant| {
                    grant.purposes().iter().any(|granted| purpose.includes(granted) || granted.includes(purpose))
                })
                .collect();
            (
                format!(
                    "refuses every hop for {purpose} and what is below it, and so {} for it",
                    grants("closes", hit.len())
                ),
                hit,
            )
        }
        Target::Subject { issuer, subject } => {
            (format!("refuses every hop on behalf of {subject} of {issuer}"), Vec::new())
        }
        Target::Serial(serial) => (format!("refuses every certificate with the serial number {serial}"), Vec::new()),
        Target::Fingerprint(sha256) => (format!("refuses the certificate with the fingerprint {sha256}"), Vec::new()),
        Target::TokenId(jti) => (format!("refuses every token with the jti {}", quote(jti)), Vec::new()),
        Target::Transaction(txn) => (format!("refuses every hop of the transaction {}", quote(txn)), Vec::new()),
        Target::Key(kid) => (format!("refuses every token that the key {} signed", quote(kid)), Vec::new()),
        Target::Actor(actor) => (format!("refuses every hop in whose delegation {} acts", quote(actor)), Vec::new()),
    };
    let lines = hit.iter().map(|grant| format!("grant     {}: {}", grant.name(), opening(grant, documents, now)));
    (format!("{what} {until}"), lines.collect())
}

/// Until when a revocation acts.
fn until(revocation: &Revocation) -> String {
    revocation.until.map_or_else(|| "until it is lifted".to_owned(), |end| format!("until {end}"))
}

/// What revokes a grant by its name, whenever: the one that lasts longest.
pub(crate) fn revoked<'a>(grant: &Grant, documents: &'a Documents) -> Option<&'a Revocation> {
    let names =
        |revocation: &&Arc<Revocation>| matches!(&revocation.target, Target::Grant(name) if name == grant.name());
    let ends = |revocation: &&Arc<Revocation>| revocation.until.unwrap_or(Timestamp::MAX);
    documents.revocations.iter().filter(names).max_by_key(ends).map(|revocation| &**revocation)
}

/// Whether a grant may be used from within a scope.
fn reaches(grant: &Grant, documents: &Documents, scope: &Scope) -> bool {
    match grant.subject() {
        Subject::Workload(id) => meet(&Scope::Workload(id.clone()), scope),
        Subject::Prefix(prefix) => meet(&Scope::Prefix(prefix.clone()), scope),
        Subject::Role(role) => holders(role, documents).any(|workload| meet(&workload.scope, scope)),
    }
}

/// Whether a workload may be in both scopes.
fn meet(a: &Scope, b: &Scope) -> bool {
    match (a, b) {
        (Scope::Workload(a), Scope::Workload(b)) => a == b,
        (Scope::Prefix(prefix), Scope::Workload(id)) | (Scope::Workload(id), Scope::Prefix(prefix)) => {
            prefix.includes(id)
        }
        (Scope::Prefix(a), Scope::Prefix(b)) => {
            a.trust_domain() == b.trust_domain() && (a.path().starts_with(b.path()) || b.path().starts_with(a.path()))
        }
    }
}

/// How many routes a grant opens, each at each workload that may be called.
pub(crate) fn routes(grant: &Grant) -> String {
    let count: usize = grant.reach().iter().flat_map(|reach| &reach.actions).map(|action| action.routes().len()).sum();
    counted(count, "route")
}

/// Who may be called.
pub(crate) fn audiences(grant: &Grant) -> String {
    let audiences: BTreeSet<_> = grant.audiences().map(ToString::to_string).collect();
    match audiences.len() {
        0..=2 => audiences.into_iter().collect::<Vec<_>>().join(" and "),
        many => format!("{many} workloads"),
    }
}

/// Who may call, in a word.
pub(crate) fn subject(grant: &Grant) -> String {
    match grant.subject() {
        Subject::Workload(id) => id.to_string(),
        Subject::Prefix(prefix) => prefix.to_string(),
        Subject::Role(role) => format!("role {role}"),
    }
}

/// How many may call.
pub(crate) fn callers(grant: &Grant, documents: &Documents) -> String {
    match grant.subject() {
        Subject::Workload(_) => "1 workload".to_owned(),
        Subject::Prefix(prefix) => {
            let known = documents.workloads.iter().filter(|workload| match &workload.scope {
                Scope::Workload(id) => prefix.includes(id),
                Scope::Prefix(_) => false,
            });
            format!("every workload below {prefix} ({} of them known)", known.count())
        }
        Subject::Role(role) => {
            let (mut known, mut open) = (0_usize, Vec::new());
            for workload in holders(role, documents) {
                match &workload.scope {
                    Scope::Workload(_) => known = known.saturating_add(1),
                    Scope::Prefix(prefix) => open.push(format!(" and every one below {prefix}")),
                }
            }
            format!("{}{} in the role {role}", counted(known, "workload"), open.concat())
        }
    }
}

/// Which workloads that may act have a role.
fn holders<'a>(role: &'a str, documents: &'a Documents) -> impl Iterator<Item = &'a Arc<Workload>> {
    let has = move |workload: &&Arc<Workload>| {
        workload.state == WorkloadState::Active && workload.roles.iter().any(|held| held == role)
    };
    documents.workloads.iter().filter(has)
}

fn grants(verb: &str, count: usize) -> String {
    if count == 0 {
        format!("{verb} no grant that is there now")
    } else {
        format!("{verb} {}", counted(count, "grant"))
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A time span in its two largest units.
pub(crate) fn span(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    let mut parts = Vec::new();
    for (unit, name) in [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")] {
        let count = rest.checked_div(unit).unwrap_or_default();
        if count > 0 {
            parts.push(format!("{count}{name}"));
        }
        rest = rest.checked_rem(unit).unwrap_or_default();
    }
    parts.truncate(2);
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_as_people_do() {
        let told = |seconds| span(Duration::from_secs(seconds));
        assert_eq!(
            [0, 59, 60, 900, 7_200, 7_201, 93_784].map(told),
            ["0s", "59s", "1m", "15m", "2h", "2h 1s", "1d 2h"]
        );
    }
}
