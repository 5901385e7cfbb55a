//! Puts the activations together: each opens one grant that is there to be opened, by somebody who may.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{Body, Signing, Source};
use crate::{
    approval::same_person,
    grant::{Activation, Approval, Grant, Kind, activation::document::Document},
    yaml::Problem,
};

/// Puts the activations together.
pub(super) fn assemble(
    sources: &mut [Source<'_>],
    shared: &HashSet<usize>,
    grants: &HashMap<&str, &Grant>,
    signing: Signing<'_>,
    problems: &mut Vec<Problem>,
    approved: &mut Vec<String>,
) -> Vec<Arc<Activation>> {
    let mut activations = Vec::new();
    for (_, source) in sources.iter_mut().enumerate().filter(|(index, _)| !shared.contains(index)) {
        let Body::Activation(read) = &source.document.body else { continue };
        let grant = match opened(source, read, grants) {
            Ok(grant) => grant,
            Err(problem) => {
                problems.push(*problem);
                continue;
            }
        };
        let verdict = signing.approvals.activation(&read.activation, grant, &source.document.canonical, signing.now);
        problems.extend(verdict.problems.iter().map(|problem| source.unsigned(problem)));
        let Body::Activation(read) = &mut source.document.body else { continue };
        Activation::settle(&mut read.activation, verdict.approval, verdict.signed_by);
        if verdict.approval == Approval::Sufficient && !read.activation.signatures.is_empty() {
            approved.push(format!("Activation/{}", read.activation.name));
        }
        activations.push(Arc::clone(&read.activation));
    }
    activations
}

/// The grant that it opens.
fn opened<'a>(
    source: &Source<'_>,
    read: &Document,
    grants: &HashMap<&str, &'a Grant>,
) -> Result<&'a Grant, Box<Problem>> {
    let Document { activation, grant_at, requested_by_at, until_at } = read;
    let refuse = |at, field, message: String| Err(Box::new(source.problem(at, field, message)));
    let name = &activation.grant;
    let Some(grant) = grants.get(name.as_str()) else {
        let message = format!("no document that counts defines the grant `{name}`, so nothing is opened: add one");
        return refuse(*grant_at, "spec.grant", message);
    };
    match grant.kind() {
        Kind::Eligible => {
            if !grant.activators().iter().any(|activator| same_person(activator, &activation.requested_by)) {
                let message = format!("is none of the `activators` of the grant `{name}`, so nothing is opened");
                return refuse(*requested_by_at, "spec.requestedBy", message);
            }
        }
        Kind::BreakGlass => {
            if activation.until.since(activation.from) > MAX_BREAK_GLASS {
                let message =
                    "is too late: an activation of a grant of type `break_glass` ends 1h after `from` at the latest";
                return refuse(*until_at, "spec.until", message.to_owned());
            }
        }
        kind @ (Kind::Standing | Kind::Jit | Kind::Exception) => {
            let message =
                format!("the grant `{name}` is of type `{}`, which needs no activation: remove it", kind.as_str());
            return refuse(*grant_at, "spec.grant", message);
        }
    }
    Ok(grant)
}

const MAX_BREAK_GLASS: Duration = Duration::from_hours(1);
