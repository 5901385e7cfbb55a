//! Owners that are one person, and resources of much weight behind little.

use super::{Document, Found, Written, overlap::overlaps};

pub(super) fn find(written: &Written, found: &mut Found) {
    for document in written.all() {
        // The name of a person is an address; that of a team is not.
        if let Some(owner) = document.text("owner").filter(|owner| owner.contains('@')) {
            let message = format!("{} is the only one who answers for `{}`", crate::yaml::quote(owner), document.name);
            found.add("owner.one_person", document, document.place("owner"), message);
        }
    }
    for resource in written.of_kind("Resource").filter(|it| it.text("sensitivity") == Some("high")) {
        for grant in written.of_kind("Grant").filter(|grant| is_declared(grant) && reaches(grant, resource)) {
            let message = format!(
                "the standing grant `{}` reaches `{}`, on which much depends, for a purpose that the caller only declares",
                grant.name, resource.name
            );
            found.add("resource.declared_purpose", grant, grant.at, message);
        }
    }
}

/// Whether a grant stands, and takes the caller's word for the purpose.
fn is_declared(grant: &Document) -> bool {
    let declared = match grant.text("purposeBinding") {
        Some(binding) => binding == "declared",
        None => grant.field(&["onBehalfOf"]).is_none(),
    };
    grant.text("type") == Some("standing") && declared
}

/// Whether a grant names a resource, or opens some of it without naming it.
fn reaches(grant: &Document, resource: &Document) -> bool {
    let audience = resource.text("audience");
    grant.texts("resources").any(|(name, _)| name == resource.name)
        || (grant.texts("audience").any(|(name, _)| Some(name) == audience)
            && overlaps(grant.items("actions"), resource.items("actions")))
}
