//! Puts together what is known of workloads: no document beside another gives a role back, or lets anybody act who may not.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{Body, Signing, Source};
use crate::{
    grant::{Approval, Kind, Subject},
    inventory::{Scope, Workload, WorkloadState},
    yaml::Problem,
};

/// Puts the workloads together, each scope once.
pub(super) fn assemble(
    sources: &[Source<'_>],
    shared: &HashSet<usize>,
    signing: Signing<'_>,
    problems: &mut Vec<Problem>,
    approved: &mut Vec<String>,
) -> Vec<Arc<Workload>> {
    let sealed = sealed_roles(sources);
    let mut scopes: BTreeMap<&Scope, Vec<Known>> = BTreeMap::new();
    let mut count: HashMap<&Scope, usize> = HashMap::new();
    for (index, source) in sources.iter().enumerate() {
        let Body::Workload(workload, _) = &source.document.body else { continue };
        if !source.beside {
            *count.entry(&workload.scope).or_default() += 1;
        }
        let known = signed(source, workload, &sealed, signing, problems, approved);
        let known = Known { workload: known, only_takes: source.beside || shared.contains(&index) };
        scopes.entry(&workload.scope).or_default().push(known);
    }
    for source in sources.iter().filter(|source| !source.beside) {
        let Body::Workload(workload, _) = &source.document.body else { continue };
        if let Some(times @ 2..) = count.get(&workload.scope) {
            let message = format!(
                "{times} documents of kind `Workload` are about it, so none of them gives a role or a label: keep one"
            );
            problems.push(source.problem(source.document.at, "spec", message));
        }
    }
    let settled = scopes.into_values().filter_map(settle);
    let mut workloads: Vec<_> = settled.collect();
    workloads.sort_by(|a, b| (&a.name, &a.scope).cmp(&(&b.name, &b.scope)));
    workloads
}

/// What one document says of a scope.
struct Known {
    workload: Arc<Workload>,
    /// Whether another document has its name, or its file does not load.
    only_takes: bool,
}

/// What all of them say: of several, the worst state, and nothing that would give anything.
///
/// Whoever is left out would be one whom a wider scope gives its roles, so nobody is.
fn settle(known: Vec<Known>) -> Option<Arc<Workload>> {
    let is_disputed = known.len() > 1 || known.iter().any(|known| known.only_takes);
    let worst = known
        .into_iter()
        .map(|known| known.workload)
        .reduce(|a, b| if rank(b.state) > rank(a.state) { b } else { a })?;
    if !is_disputed || (worst.roles.is_empty() && worst.labels.is_empty()) {
        return Some(worst);
    }
    Some(Arc::new(Workload { roles: Vec::new(), labels: BTreeMap::new(), ..Workload::clone(&worst) }))
}

const fn rank(state: WorkloadState) -> u8 {
    match state {
        WorkloadState::Active => 0,
        WorkloadState::Suspended => 1,
        WorkloadState::Offboarded => 2,
    }
}

/// The roles that a `break_glass` grant leans on: nobody has them without a signature.
fn sealed_roles<'a>(sources: &'a [Source<'_>]) -> HashMap<&'a str, &'a str> {
    let sealed = sources.iter().filter_map(|source| match &source.document.body {
        Body::Grant(read) if read.grant.kind() == Kind::BreakGlass => match read.grant.subject() {
            Subject::Role(role) => Some((role.as_str(), source.document.name.as_str())),
            Subject::Workload(_) | Subject::Prefix(_) => None,
        },
        _ => None,
    });
    sealed.collect()
}

/// The workload with the roles that its signatures give it.
fn signed(
    source: &Source<'_>,
    workload: &Arc<Workload>,
    sealed: &HashMap<&str, &str>,
    signing: Signing<'_>,
    problems: &mut Vec<Problem>,
    approved: &mut Vec<String>,
) -> Arc<Workload> {
    let Body::Workload(_, signatures) = &source.document.body else { return Arc::clone(workload) };
    if workload.roles.is_empty() {
        return Arc::clone(workload);
    }
    let verdict = source.anyone(signatures, signing);
    problems.extend(verdict.problems.iter().map(|problem| source.unsigned(problem)));
    if verdict.is_signed() {
        approved.push(format!("Workload/{}", workload.name));
    }
    let counts =
        |role: &str| verdict.is_signed() || (verdict.approval == Approval::Sufficient && !sealed.contains_key(role));
    let (roles, lost): (Vec<_>, Vec<_>) = workload.roles.iter().cloned().partition(|role| counts(role));
    if lost.is_empty() {
        return Arc::clone(workload);
    }
    let lost = lost.iter().map(|role| format!("`{role}`")).collect::<Vec<_>>().join(", ");
    let message = format!("gives the roles {lost} only if it is signed: have it signed by one of the allowed signers");
    problems.push(source.unsigned(message));
    Arc::new(Workload { roles, ..Workload::clone(workload) })
}
