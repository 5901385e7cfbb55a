//! Puts the documents of all files together; what refers to nothing, or shares its name, is refused alone.

use std::{collections::HashMap, sync::Arc};

use super::document::{Body, Document};
use crate::{
    grant::Grant,
    purpose::{Purpose, Vocabulary},
    yaml::{Position, Problem},
};

/// A document and the file that it is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) label: &'a str,
    pub(super) document: &'a Document,
}

/// What documents say together, and what is wrong with those that are refused.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) vocabulary: Vocabulary,
    pub(super) grants: Vec<Arc<Grant>>,
    pub(super) problems: Vec<Problem>,
}

/// Puts documents together.
pub(super) fn assemble(sources: &[Source<'_>]) -> Assembled {
    let mut problems = Vec::new();
    let sources = unique(sources, &mut problems, |document| {
        Some((document.body.kind(), document.name.as_str(), document.at, "metadata.name"))
    });
    let sources = unique(&sources, &mut problems, |document| match &document.body {
        Body::Purpose(purpose, at) => Some((document.body.kind(), purpose.as_str(), *at, "spec.name")),
        Body::Grant(..) => None,
    });
    let vocabulary = vocabulary(&sources, &mut problems);
    let mut grants: Vec<_> = sources.iter().filter_map(|source| grant(*source, &vocabulary, &mut problems)).collect();
    grants.sort_by(|a, b| a.name().cmp(b.name()));
    Assembled { vocabulary, grants, problems }
}

/// Leaves out every document whose name another one has too: which of them is meant cannot be known.
fn unique<'a>(
    sources: &[Source<'a>],
    problems: &mut Vec<Problem>,
    name: impl Fn(&'a Document) -> Option<(&'static str, &'a str, Position, &'static str)>,
) -> Vec<Source<'a>> {
    let mut count: HashMap<_, usize> = HashMap::new();
    for (kind, name, ..) in sources.iter().filter_map(|source| name(source.document)) {
        *count.entry((kind, name)).or_default() += 1;
    }
    let is_unique = |source: &&Source<'a>| {
        let Some((kind, name, at, field)) = name(source.document) else {
            return true;
        };
        let times = count.get(&(kind, name)).copied().unwrap_or_default();
        if times > 1 {
            let message =
                format!("{times} documents of kind `{kind}` are named `{name}`, so none of them counts: keep one");
            problems.push(source.problem(at, field, message));
        }
        times == 1
    };
    sources.iter().filter(is_unique).copied().collect()
}

fn vocabulary(sources: &[Source<'_>], problems: &mut Vec<Problem>) -> Vocabulary {
    let purposes: HashMap<&Purpose, _> = sources
        .iter()
        .filter_map(|source| match &source.document.body {
            Body::Purpose(purpose, at) => Some((purpose, (source, *at))),
            Body::Grant(..) => None,
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

fn grant(source: Source<'_>, vocabulary: &Vocabulary, problems: &mut Vec<Problem>) -> Option<Arc<Grant>> {
    let Body::Grant(grant, at) = &source.document.body else {
        return None;
    };
    let before = problems.len();
    for (index, (purpose, at)) in grant.purposes().iter().zip(at).enumerate() {
        if !vocabulary.contains(purpose) {
            let message = format!(
                "no document that counts defines the purpose `{purpose}`, so the grant does not count: add one"
            );
            problems.push(source.problem(*at, &format!("spec.purposes[{index}]"), message));
        }
    }
    (problems.len() == before).then(|| Arc::clone(grant))
}

impl Source<'_> {
    fn problem(&self, at: Position, field: &str, message: String) -> Problem {
        Problem {
            file: self.label.into(),
            line: at.line,
            column: at.column,
            field: field.to_owned(),
            message,
            excerpt: None,
        }
    }
}
