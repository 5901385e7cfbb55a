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
