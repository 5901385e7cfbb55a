//! Puts the grants together: each with the resources that it names, and with the approval that its signatures give it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Body, Signing, Source, resources};
use crate::{
    grant::{Approval, Grant, Kind, Reach, document::Document},
    purpose::Vocabulary,
    yaml::Problem,
};

/// What grants refer to.
#[derive(Debug)]
pub(super) struct Around<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) resources: &'a HashMap<String, resources::Known>,
    pub(super) signing: Signing<'a>,
}

/// Puts the grants together.
pub(super) fn assemble(
    sources: &mut [Source<'_>],
    shared: &HashSet<usize>,
    around: &Around<'_>,
    problems: &mut Vec<Problem>,
    approved: &mut Vec<String>,
) -> Vec<Arc<Grant>> {
    let mut grants = Vec::new();
    for (_, source) in sources.iter_mut().enumerate().filter(|(index, _)| !shared.contains(index)) {
        let Body::Grant(read) = &source.document.body else { continue };
        let mut found = Vec::new();
        let settled = settled(source, read, around, &mut found);
        problems.append(&mut found);
        let (Some((approval, reach)), Body::Grant(read)) = (settled, &mut source.document.body) else { continue };
        Grant::settle(&mut read.grant, approval, reach);
        if approval == Approval::Sufficient && !read.grant.signatures().is_empty() {
            approved.push(format!("Grant/{}", read.grant.name()));
        }
        grants.push(Arc::clone(&read.grant));
    }
    grants
}

/// What signatures and resources make of a grant; nothing if something that it refers to is missing.
fn settled(
    source: &Source<'_>,
    read: &Document,
    around: &Around<'_>,
    problems: &mut Vec<Problem>,
) -> Option<(Approval, Option<Vec<Reach>>)> {
    let Document { grant, purposes_at, resources } = read;
    for (index, (purpose, at)) in grant.purposes().iter().zip(purposes_at).enumerate() {
        if !around.vocabulary.contains(purpose) {
            let message = format!(
                "no document that counts defines the purpose `{purpose}`, so the grant does not count: add one"
            );
            problems.push(source.problem(*at, &format!("spec.purposes[{index}]"), message));
        }
    }
    let mut reach = Vec::new();
    let mut unsigned = Vec::new();
    for (index, (name, at)) in resources.iter().enumerate() {
        let Some(known) = around.resources.get(name) else {
            let message =
                format!("no document that counts defines the resource `{name}`, so the grant does not count: add one");
            problems.push(source.problem(*at, &format!("spec.resources[{index}]"), message));
            continue;
        };
        if !known.is_signed {
            unsigned.push((index, name, *at));
        }
        let resource = &known.document;
        reach.push(Reach {
            audiences: vec![resource.audience.clone()],
            actions: resource.actions.clone(),
            resource: Some(Arc::clone(resource)),
        });
    }
    if let Some(refusal) = around.signing.approvals.refusal(grant) {
        problems.push(source.problem(source.document.at, "spec.type", refusal));
    }
    if !problems.is_empty() {
        return None;
    }
    let Signing { approvals, now, .. } = around.signing;
    let look = || approvals.grant(grant, &source.document.canonical, now);
    let verdict = source.document.checked.verdict(around.signing, look);
    problems.extend(verdict.problems.iter().map(|problem| source.unsigned(problem)));
    let mut approval = verdict.approval;
    if grant.kind() == Kind::BreakGlass {
        for (index, name, at) in unsigned {
            let message =
                format!("the resource `{name}` is not signed, so nothing can be opened by it: have it signed");
            problems.push(source.problem(at, &format!("spec.resources[{index}]"), message));
            approval = Approval::Lacking;
        }
    }
    Some((approval, (!resources.is_empty()).then_some(reach)))
}
