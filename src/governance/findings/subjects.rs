//! Grants for many at once, for nobody, for who may no longer act, and roles that nothing gives or takes.

use std::collections::BTreeSet;

use spiffe::SpiffeId;

use super::{Document, Found, Written, is_over};
use crate::{
    clock::Timestamp,
    governance::written::text_of,
    peer::{IdPrefix, id},
    yaml::{Position, quote},
};

pub(super) fn find(written: &Written, now: Timestamp, found: &mut Found) {
    let known: Vec<_> = written.of_kind("Workload").filter_map(Known::of).collect();
    let mut granted = BTreeSet::new();
    for grant in written.of_kind("Grant").filter(|grant| !is_over(grant, now)) {
        prefix(grant, found);
        if let Some(role) = grant.field(&["subject", "role"]).and_then(|node| Some((text_of(node)?, node.at))) {
            granted.insert(role.0);
            held(grant, role, &known, found);
        }
        if let Some((id, at)) = workload(grant) {
            suspended(grant, &id, at, &known, found);
        }
    }
    for Known { document, .. } in &known {
        for (role, at) in document.texts("roles").filter(|(role, _)| !granted.contains(role)) {
            let message = format!("no grant is for the role {}, which `{}` has", quote(role), document.name);
            found.add("role.unused", document, at, message);
        }
    }
    unowned(written, &known, now, found);
}

/// A `Workload` document, and whom it is about.
pub(super) struct Known<'a> {
    pub(super) document: &'a Document,
    scope: Scope,
}

enum Scope {
    One(SpiffeId),
    Below(IdPrefix),
}

impl<'a> Known<'a> {
    fn of(document: &'a Document) -> Option<Self> {
        let one = document.text("spiffeId").and_then(|text| id::parse_workload(text).ok()).map(Scope::One);
        let below = || document.text("prefix").and_then(|text| IdPrefix::parse(text).ok()).map(Scope::Below);
        Some(Self { document, scope: one.or_else(below)? })
    }

    fn is_active(&self) -> bool {
        self.document.text("state").is_none_or(|state| state == "active")
    }

    /// How closely it describes the workload; nothing, if it does not.
    fn matches(&self, id: &SpiffeId) -> Option<usize> {
        match &self.scope {
            Scope::One(one) => (one == id).then_some(usize::MAX),
            Scope::Below(prefix) => prefix.includes(id).then(|| prefix.path().len()),
        }
    }
}

/// The document that describes a workload most closely.
fn closest<'a, 'k>(known: &'k [Known<'a>], id: &SpiffeId) -> Option<&'k Known<'a>> {
    known.iter().filter_map(|it| Some((it.matches(id)?, it))).max_by_key(|(length, _)| *length).map(|(_, it)| it)
}

fn workload(grant: &Document) -> Option<(SpiffeId, Position)> {
    let node = grant.field(&["subject", "spiffeId"])?;
    Some((id::parse_workload(text_of(node)?).ok()?, node.at))
}

fn prefix(grant: &Document, found: &mut Found) {
    let Some(node) = grant.field(&["subject", "prefix"]) else { return };
    let Some(prefix) = text_of(node).and_then(|text| IdPrefix::parse(text).ok()) else { return };
    if prefix.path() == "/" {
        let message = format!("the grant `{}` is for every workload of `{}`", grant.name, prefix.trust_domain());
        found.add("grant.trust_domain_subject", grant, node.at, message);
    } else {
        let message = format!("the grant `{}` is for whatever comes to be below `{prefix}`", grant.name);
        found.add("grant.prefix_subject", grant, node.at, message);
    }
}

fn held(grant: &Document, (role, at): (&str, Position), known: &[Known<'_>], found: &mut Found) {
    let has = |it: &&Known<'_>| it.is_active() && it.document.texts("roles").any(|(own, _)| own == role);
    if !known.iter().any(|it| has(&it)) {
        let message =
            format!("no active workload has the role {}, which the grant `{}` is for", quote(role), grant.name);
        found.add("role.unknown", grant, at, message);
    }
}

fn suspended(grant: &Document, id: &SpiffeId, at: Position, known: &[Known<'_>], found: &mut Found) {
    // Whatever withholds counts, however loosely it describes the workload.
    let idle = known.iter().find(|it| it.matches(id).is_some() && !it.is_active());
    if let Some(idle) = idle {
        let state = idle.document.text("state").unwrap_or_default();
        let message = format!("the grant `{}` is for `{id}`, which is {state}", grant.name);
        found.add("grant.suspended_subject", grant, at, message);
    }
}

/// Workloads that grants name and nobody owns: each once, where it is named first.
fn unowned(written: &Written, known: &[Known<'_>], now: Timestamp, found: &mut Found) {
    let mut said = BTreeSet::new();
    for grant in written.of_kind("Grant").filter(|grant| !is_over(grant, now)) {
        let audiences = grant.texts("audience").filter_map(|(text, at)| Some((id::parse_workload(text).ok()?, at)));
        for (id, at) in workload(grant).into_iter().chain(audiences) {
            if closest(known, &id).is_none() && said.insert(id.to_string()) {
                found.add("workload.without_owner", grant, at, format!("no document says who owns `{id}`"));
            }
        }
    }
}
