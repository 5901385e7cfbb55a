//! Purposes and resources that nothing uses, and revocations that outlived what they revoke.

use super::{Document, Found, Written, day, is_over};
use crate::{clock::Timestamp, governance::days, purpose::Purpose, yaml::quote};

pub(super) fn find(written: &Written, now: Timestamp, found: &mut Found) {
    purposes(written, found);
    for resource in written.of_kind("Resource") {
        let named = |grant: &Document| grant.texts("resources").any(|(name, _)| name == resource.name);
        if !written.of_kind("Grant").any(named) {
            let message = format!("no grant names the resource `{}`", resource.name);
            found.add("resource.unused", resource, resource.at, message);
        }
    }
    for revocation in written.of_kind("Revocation") {
        outlived(revocation, now, found);
        revoked(written, revocation, now, found);
    }
}

/// A purpose is used by a grant of it, of what is below it (which needs it) or of what is above it (which includes it).
fn purposes(written: &Written, found: &mut Found) {
    let granted: Vec<_> = written
        .of_kind("Grant")
        .flat_map(|grant| grant.texts("purposes"))
        .filter_map(|(name, _)| Purpose::parse(name))
        .collect();
    for document in written.of_kind("Purpose") {
        let Some(purpose) = document.text("name").and_then(Purpose::parse) else { continue };
        if !granted.iter().any(|other| other.includes(&purpose) || purpose.includes(other)) {
            let message = format!("no grant is for the purpose `{purpose}`");
            found.add("purpose.unused", document, document.place("name"), message);
        }
    }
}

fn outlived(revocation: &Document, now: Timestamp, found: &mut Found) {
    match (revocation.time("until"), revocation.time("at")) {
        (Some(until), _) if until <= now => {
            let message = format!("the revocation `{}` ended on {}", revocation.name, day(until));
            found.add("revocation.over", revocation, revocation.place("until"), message);
        }
        (None, Some(at)) if now.since(at) > days(365) => {
            let message = format!("the revocation `{}` has no end, and is of {}", revocation.name, day(at));
            found.add("revocation.without_end", revocation, revocation.place("at"), message);
        }
        _ => {}
    }
}

fn revoked(written: &Written, revocation: &Document, now: Timestamp, found: &mut Found) {
    let target = revocation.field(&["target", "grant"]).and_then(crate::governance::written::text_of);
    let Some(target) = target.filter(|_| revocation.time("until").is_none_or(|until| now < until)) else { return };
    for grant in written.of_kind("Grant").filter(|grant| grant.name == target && !is_over(grant, now)) {
        let message = format!("the grant `{target}` is revoked by {}", quote(&revocation.name));
        found.add("grant.revoked", grant, grant.at, message);
    }
}
