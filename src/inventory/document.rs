//! Reads the `spec` of a `Workload` document.

use super::{Scope, Workload, WorkloadKind, WorkloadState};
use crate::{
    grant::{
        Signature,
        field::{exactly_one, line, list, role, signatures},
    },
    peer::{IdPrefix, id},
    yaml::{Mapping, Value},
};

/// Reads a `spec`; what is wrong with it is with its reader, and then there may be nothing.
pub(crate) fn read(name: Option<String>, mut spec: Mapping<'_>) -> Option<(Workload, Vec<Signature>)> {
    let scope = exactly_one(&mut spec, &["spiffeId", "prefix"]).and_then(|(key, value)| match key {
        "spiffeId" => value.parsed(id::parse_workload).map(Scope::Workload),
        _ => value.parsed(IdPrefix::parse).map(Scope::Prefix),
    });
    let kind = spec.required("kind").one_of(&KINDS);
    let owner = spec.required("owner").parsed(line);
    let roles_field = spec.optional("roles");
    let roles = roles(&roles_field);
    let labels = spec.optional("labels").entries(label);
    let state_field = spec.optional("state");
    let state = if spec.has("state") { state_field.one_of(&STATES) } else { Some(WorkloadState::Active) };
    let signatures = signatures(&mut spec);
    spec.finish();
    let workload = Workload {
        name: name?,
        scope: scope?,
        kind: kind?,
        owner: owner?,
        roles,
        labels: labels.unwrap_or_default(),
        state: state?,
    };
    Some((workload, signatures))
}

fn roles(value: &Value<'_>) -> Vec<String> {
    let mut roles: Vec<String> = Vec::new();
    list(value, |item| {
        let role = item.parsed(role)?;
        if roles.contains(&role) {
            item.problem("is there twice: leave it out");
        }
        roles.push(role);
        Some(())
    });
    roles
}

fn label(value: Value<'_>) -> Option<String> {
    let text = value.text()?;
    if text.len() > MAX_LABEL {
        value.problem("has more than 1024 bytes");
    }
    Some(text)
}

const KINDS: [(&str, WorkloadKind); 5] = [
    ("service", WorkloadKind::Service),
    ("job", WorkloadKind::Job),
    ("agent", WorkloadKind::Agent),
    ("ci", WorkloadKind::Ci),
    ("vendor", WorkloadKind::Vendor),
];
const STATES: [(&str, WorkloadState); 3] = [
    ("active", WorkloadState::Active),
    ("suspended", WorkloadState::Suspended),
    ("offboarded", WorkloadState::Offboarded),
];
const MAX_LABEL: usize = 1024;
