//! Puts the documents of all files together; what refers to nothing, or shares its name, is refused alone.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{
    checked::Signing,
    document::{Body, Document},
};
use crate::{
    approval::{Approvals, Verdict},
    clock::Timestamp,
    fact::Fact,
    grant::{Activation, Grant, Signature},
    inventory::Workload,
    purpose::{Purpose, Vocabulary},
    resource::Resource,
    revocation::Revocation,
    yaml::{Position, Problem},
};

pub(super) use self::{
    facts::{assemble_facts, unite_facts},
    names::shared,
};

mod activations;
mod facts;
mod grants;
mod names;
mod resources;
mod workloads;

/// A document and the file that it is in.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) label: &'a str,
    pub(super) document: &'a mut Document,
    /// Whether its file does not load, so that it acts beside what the file held before.
    pub(super) beside: bool,
}

/// What documents say together, and what is wrong with those that are refused.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) vocabulary: Vocabulary,
    pub(super) grants: Vec<Arc<Grant>>,
    pub(super) activations: Vec<Arc<Activation>>,
    pub(super) revocations: Vec<Arc<Revocation>>,
    pub(super) workloads: Vec<Arc<Workload>>,
    pub(super) resources: Vec<Arc<Resource>>,
    pub(super) facts: Vec<Arc<Fact>>,
    /// What counts because somebody signed it.
    pub(super) approved: Vec<String>,
    pub(super) problems: Vec<Problem>,
}

/// Puts documents together.
pub(super) fn assemble(sources: &mut [Source<'_>], approvals: &Approvals, now: Timestamp) -> Assembled {
    let signing = Signing::new(approvals, now);
    let (mut problems, mut approved) = (Vec::new(), Vec::new());
    let shared = shared(sources, &mut problems);
    let vocabulary = vocabulary(sources, &shared, &mut problems);
    let workloads = workloads::assemble(sources, &shared, signing, &mut problems, &mut approved);
    let resources = resources::assemble(sources, &shared, signing, &mut problems, &mut approved);
    let around = grants::Around { vocabulary: &vocabulary, resources: &resources, signing };
    let mut grants = grants::assemble(sources, &shared, &around, &mut problems, &mut approved);
    let by_name: HashMap<_, _> = grants.iter().map(|grant| (grant.name(), &**grant)).collect();
    let mut activations = activations::assemble(sources, &shared, &by_name, signing, &mut problems, &mut approved);
    let facts = assemble_facts(sources, &shared, &mut problems);
    let mut revocations: Vec<_> = sources
        .iter()
        .filter_map(|source| match &source.document.body {
            Body::Revocation(revocation) => Some(Arc::clone(revocation)),
            _ => None,
        })
        .collect();
    let mut resources: Vec<_> = resources.into_values().map(|resource| resource.document).collect();
    grants.sort_by(|a, b| a.name().cmp(b.name()));
    activations.sort_by(|a, b| a.name.cmp(&b.name));
    revocations.sort_by(|a, b| a.name.cmp(&b.name));
    resources.sort_by(|a, b| a.name.cmp(&b.name));
    Assembled { vocabulary, grants, activations, revocations, workloads, resources, facts, approved, problems }
}

fn vocabulary(sources: &[Source<'_>], shared: &HashSet<usize>, problems: &mut Vec<Problem>) -> Vocabulary {
    let purposes: HashMap<&Purpose, _> = sources
        .iter()
        .enumerate()
        .filter(|(index, _)| !shared.contains(index))
        .filter_map(|(_, source)| match &source.document.body {
            Body::Purpose(purpose, at) => Some((purpose, (source, *at))),
            _ => None,
        })
        .collect();
    let (vocabulary, orphans) = Vocabulary::close(purposes.keys().copied().cloned());
    for orphan in &orphans {
        let missing = orphan.ancestors().next().unwrap_or_default();
        if let Some((source, at)) = purposes.get(orphan) {
            let message = format!("no document that counts defines its parent `{missing}`: add one");
            problems.push(source.problem(*at, "spec.name", message));
        }
    }
    vocabulary
}

impl Source<'_> {
    fn problem(&self, at: Position, field: &str, message: impl Into<String>) -> Problem {
        let Position { line, column } = at;
        Problem {
            file: self.label.into(),
            line: line.saturating_add(self.document.lines_above),
            column,
            field: field.to_owned(),
            message: message.into(),
            excerpt: None,
        }
    }

    /// What signatures are worth that anybody who may sign can make.
    fn anyone(&self, signatures: &[Signature], signing: Signing<'_>) -> Verdict {
        let look = || signing.approvals.anyone(signatures, &self.document.canonical, signing.now);
        self.document.checked.verdict(signing, look)
    }

    /// What is wrong with its signatures, or what comes of it that they are not sufficient.
    fn unsigned(&self, message: impl Into<String>) -> Problem {
        self.problem(self.document.at, "spec.signatures", message)
    }
}

#[cfg(test)]
mod tests;
