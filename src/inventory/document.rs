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
    let labels = spec.optional("labels").entries(|value| label(&value));
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

fn label(value: &Value<'_>) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::field::spec;

    const WORKLOAD: &str = "\
spiffeId: spiffe://td/ns/billing/sa/renderer
kind: agent
owner: team-billing
roles: [invoice-reader, ledger.writer]
labels: {tier: \"1\", \"app/part\": \"\"}
state: suspended
";

    fn edited(from: &str, to: &str) -> Result<Workload, Vec<String>> {
        assert!(WORKLOAD.contains(from), "{from}");
        spec(&WORKLOAD.replace(from, to), read).map(|(workload, _)| workload)
    }

    #[test]
    fn reads_every_field() {
        let (workload, signatures) = spec(&format!("{WORKLOAD}signatures: [{{by: a, signature: b}}]"), read).unwrap();
        let Scope::Workload(id) = &workload.scope else { panic!() };
        assert_eq!((workload.name.as_str(), id.path()), ("it", "/ns/billing/sa/renderer"));
        assert_eq!((workload.kind, workload.state), (WorkloadKind::Agent, WorkloadState::Suspended));
        assert_eq!(
            (workload.owner.as_str(), workload.roles.join(" ")),
            ("team-billing", "invoice-reader ledger.writer".to_owned())
        );
        assert_eq!(workload.labels.get("app/part").map(String::as_str), Some(""));
        assert_eq!(workload.labels.get("tier").map(String::as_str), Some("1"));
        assert_eq!(signatures, [Signature { by: "a".to_owned(), armoured: "b".to_owned() }]);
    }

    #[test]
    fn what_may_be_left_out_is_the_least() {
        let (workload, signatures) = spec("{prefix: spiffe://td/ns/, kind: vendor, owner: x}", read).unwrap();
        assert!(matches!(&workload.scope, Scope::Prefix(prefix) if prefix.path() == "/ns/"));
        assert_eq!(workload.state, WorkloadState::Active);
        assert!(workload.roles.is_empty() && workload.labels.is_empty() && signatures.is_empty());
    }

    #[test]
    fn says_where_and_how_to_repair_what_is_wrong() {
        for (from, to, problem) in [
            ("spiffeId: spiffe://td/ns/billing/sa/renderer\n", "", "1:1: needs exactly one of `spiffeId`, `prefix`"),
            (
                "kind: agent",
                "kind: agent\nprefix: spiffe://td/",
                "1:1: has several of `spiffeId`, `prefix`: keep exactly one",
            ),
            ("spiffe://td/", "spiffe://td//", "1:11: spiffeId: the path has an empty segment"),
            (
                "spiffeId: spiffe://td/ns/billing/sa/renderer",
                "prefix: spiffe://td/ns",
                "1:9: prefix: a prefix ends with `/`",
            ),
            ("kind: agent\n", "", "1:1: kind: is required"),
            (
                "agent",
                "agents",
                "2:7: kind: `agents` is not one of `service`, `job`, `agent`, `ci`, `vendor`: did you mean `agent`?",
            ),
            ("owner: team-billing\n", "", "1:1: owner: is required"),
            ("[invoice-reader, ", "[Reader, ", "4:9: roles[0]: a role is lower-case words"),
            ("ledger.writer", "invoice-reader", "4:25: roles[1]: is there twice: leave it out"),
            ("[invoice-reader, ledger.writer]", "[]", "4:8: roles: is an empty list: name at least one"),
            ("[invoice-reader, ledger.writer]", "admin", "4:8: roles: expected a list, found `admin`"),
            ("\"1\"", "1", "5:16: labels.tier: `1` is a number, not a string: quote it"),
            (
                "suspended",
                "Suspended",
                "6:8: state: `Suspended` is not one of `active`, `suspended`, `offboarded`: did you mean `suspended`?",
            ),
            ("state: suspended", "state: ", "6:1: state: is empty: give it a value or leave it out"),
            ("state: ", "status: ", "6:1: unknown field `status`: did you mean `state`?"),
        ] {
            let problems = edited(from, to).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:#?}");
            assert!(problems[0].starts_with(&format!("a.yaml:{problem}")), "{from} -> {to}: {problems:#?}");
        }
    }
}
