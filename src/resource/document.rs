//! Reads the `spec` of a `Resource` document.

use super::{Resource, Sensitivity};
use crate::{
    grant::{
        Signature,
        document::action,
        field::{line, list, signatures},
    },
    peer::id,
    yaml::Mapping,
};

/// Reads a `spec`; what is wrong with it is with its reader, and then there may be nothing.
pub(crate) fn read(name: Option<String>, mut spec: Mapping<'_>) -> Option<(Resource, Vec<Signature>)> {
    let audience = spec.required("audience").parsed(id::parse_workload);
    let actions = list(&spec.required("actions"), action);
    let owner = spec.required("owner").parsed(line);
    let sensitivity = spec.required("sensitivity").one_of(&SENSITIVITIES);
    let signatures = signatures(&mut spec);
    spec.finish();
    let resource =
        Resource { name: name?, audience: audience?, actions: actions?, owner: owner?, sensitivity: sensitivity? };
    Some((resource, signatures))
}

const SENSITIVITIES: [(&str, Sensitivity); 3] =
    [("low", Sensitivity::Low), ("medium", Sensitivity::Medium), ("high", Sensitivity::High)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::field::spec;

    const RESOURCE: &str = "{audience: spiffe://td/a, actions: [{methods: [GET], paths: [/a]}, {tcp: {ports: [5432]}}], \
                            owner: team-a, sensitivity: high}";

    #[test]
    fn reads_every_field() {
        let (resource, signatures) = spec(RESOURCE, read).unwrap();
        assert_eq!((resource.name.as_str(), resource.audience.path()), ("it", "/a"));
        assert_eq!((resource.actions.len(), resource.owner.as_str()), (2, "team-a"));
        assert_eq!((resource.sensitivity, signatures.len()), (Sensitivity::High, 0));
    }

    #[test]
    fn says_where_and_how_to_repair_what_is_wrong() {
        for (from, to, problem) in [
            ("audience: spiffe://td/a, ", "", "1:1: audience: is required"),
            ("spiffe://td/a", "[spiffe://td/a]", "1:12: audience: expected a string, found a list"),
            (
                "{methods: [GET], paths: [/a]}, {tcp: {ports: [5432]}}",
                "",
                "1:36: actions: is an empty list: name at least one",
            ),
            ("/a]", "/a/../b]", "1:62: actions[0].paths[0]: a path has no dot segments"),
            ("/a]", "a]", "1:62: actions[0].paths[0]: a path begins with `/`"),
            ("owner: team-a, ", "", "1:1: owner: is required"),
            (", sensitivity: high", "", "1:1: sensitivity: is required"),
            ("high", "highest", "1:121: sensitivity: `highest` is not one of `low`, `medium`, `high`"),
        ] {
            assert!(RESOURCE.contains(from), "{from}");
            let problems = spec(&RESOURCE.replace(from, to), read).unwrap_err();
            assert!(problems[0].starts_with(&format!("a.yaml:{problem}")), "{from} -> {to}: {problems:#?}");
            assert_eq!(problems.len(), 1, "{problems:#?}");
        }
    }
}
