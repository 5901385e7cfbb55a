//! Puts the resources together; one that has to be signed and is not opens nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Body, Signing, Source};
use crate::{grant::Approval, resource::Resource, yaml::Problem};

/// A resource, and whether anybody who may has signed it.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) document: Arc<Resource>,
    pub(super) is_signed: bool,
}

/// Puts the resources together.
pub(super) fn assemble(
    sources: &[Source<'_>],
    shared: &HashSet<usize>,
    signing: Signing<'_>,
    problems: &mut Vec<Problem>,
    approved: &mut Vec<String>,
) -> HashMap<String, Known> {
    let mut resources = HashMap::new();
    for (_, source) in sources.iter().enumerate().filter(|(index, _)| !shared.contains(index)) {
        let Body::Resource(resource, signatures) = &source.document.body else { continue };
        let verdict = source.anyone(signatures, signing);
        problems.extend(verdict.problems.iter().map(|problem| source.unsigned(problem)));
        if verdict.approval == Approval::Lacking {
            problems.push(source.unsigned("does not count unsigned: have it signed by one of the allowed signers"));
            continue;
        }
        let is_signed = verdict.is_signed();
        if is_signed {
            approved.push(format!("Resource/{}", resource.name));
        }
        resources.insert(resource.name.clone(), Known { document: Arc::clone(resource), is_signed });
    }
    resources
}
