//! Finds documents that share a name: which of them is meant cannot be known.

use std::collections::{HashMap, HashSet};

use super::{Body, Source};
use crate::yaml::{Position, Problem};

/// The documents whose name another of their kind has too.
///
/// Revocations are none of them: each acts, whatever it is called, since one more document must not give access back.
pub(in crate::store) fn shared(sources: &[Source<'_>], problems: &mut Vec<Problem>) -> HashSet<usize> {
    let mut shared = HashSet::new();
    mark(sources, &mut shared, problems, document);
    mark(sources, &mut shared, problems, purpose);
    shared
}

struct Named<'a> {
    name: &'a str,
    at: Position,
    field: &'static str,
}

fn document<'a>(source: &'a Source<'_>) -> Option<Named<'a>> {
    let Source { document, beside, .. } = source;
    // What is read of a file that does not load may well be in what it held before.
    (!beside).then(|| Named { name: &document.name, at: document.at, field: "metadata.name" })
}

fn purpose<'a>(source: &'a Source<'_>) -> Option<Named<'a>> {
    match &source.document.body {
        Body::Purpose(purpose, at) => Some(Named { name: purpose.as_str(), at: *at, field: "spec.name" }),
        _ => None,
    }
}

fn mark(
    sources: &[Source<'_>],
    shared: &mut HashSet<usize>,
    problems: &mut Vec<Problem>,
    named: impl for<'a> Fn(&'a Source<'_>) -> Option<Named<'a>>,
) {
    let mut places: HashMap<_, Vec<_>> = HashMap::new();
    for (index, source) in sources.iter().enumerate() {
        if let Some(Named { name, at, field }) = named(source) {
            let kind = source.document.body.kind();
            places.entry((kind, name)).or_default().push((index, source, at, field));
        }
    }
    // One that does not count for another reason is still one more: a third document must not settle what two dispute.
    let mut found = Vec::new();
    for ((kind, name), places) in places.iter().filter(|(_, places)| places.len() > 1) {
        let times = places.len();
        let outcome = match *kind {
            "Revocation" => "and all of them act: rename all but one, so that each can be told from the others",
            "Workload" => "so none of them gives a role or a label: keep one",
            _ => "so none of them counts: keep one",
        };
        for (index, source, at, field) in places {
            if shared.contains(index) {
                continue;
            }
            let message = format!("{times} documents of kind `{kind}` are named `{name}`, {outcome}");
            found.push((*index, source.problem(*at, field, message)));
            if *kind != "Revocation" {
                shared.insert(*index);
            }
        }
    }
    found.sort_by_key(|(index, _)| *index);
    problems.extend(found.into_iter().map(|(_, problem)| problem));
}
