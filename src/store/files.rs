//! Several files, each with its own last good documents, and what they say together.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use super::{
    Documents, FactDocuments,
    assemble::{Source, assemble, assemble_facts, shared},
    document::Reading,
    file::{File, sha256},
    scan::Contents,
};
use crate::{approval::Approvals, clock::Timestamp, yaml::Problem};

/// Files by name.
#[derive(Debug, Default)]
pub(super) struct Files(BTreeMap<OsString, File>);

impl Files {
    /// Takes in what all files hold now. One that is no longer there is removed with its documents.
    pub(super) fn update(&mut self, contents: Contents, label: impl Fn(&OsStr) -> String, reading: &Reading<'_>) {
        self.0.retain(|name, _| contents.contains_key(name));
        for (name, content) in contents {
            let label = label(&name);
            self.0.entry(name).or_default().update(&label, content, reading);
        }
    }

    /// What they say together.
    pub(super) fn documents(&mut self, approvals: &Approvals, now: Timestamp) -> Documents {
        let mut problems = self.problems();
        let mut digests = self.digests();
        let unread_revocations = self.0.values().any(File::has_unread);
        let assembled = assemble(&mut self.sources(), approvals, now);
        problems.extend(assembled.problems);
        digests.extend(assembled.approved.iter().map(|name| sha256(name.as_bytes())));
        Documents {
            vocabulary: assembled.vocabulary,
            grants: assembled.grants,
            activations: assembled.activations,
            revocations: assembled.revocations,
            workloads: assembled.workloads,
            resources: assembled.resources,
            facts: assembled.facts,
            unread_revocations,
            revision: revision(digests),
            problems: bounded(problems),
        }
    }

    /// What they say together, if all of them are facts.
    pub(super) fn facts(&mut self) -> FactDocuments {
        let mut problems = self.problems();
        let revision = revision(self.digests());
        let sources = self.sources();
        let shared = shared(&sources, &mut problems);
        let facts = assemble_facts(&sources, &shared, &mut problems);
        FactDocuments { facts, revision, problems: bounded(problems) }
    }

    fn sources(&mut self) -> Vec<Source<'_>> {
        self.0.values_mut().flat_map(File::sources).collect()
    }

    /// What is wrong with the files, and what comes of it.
    fn problems(&self) -> Vec<Problem> {
        self.0.values().flat_map(File::problems).collect()
    }

    fn digests(&self) -> Vec<super::file::Digest> {
        self.0.values().flat_map(File::digests).collect()
    }
}

/// One mistake that all documents share is shown often enough.
fn bounded(mut problems: Vec<Problem>) -> Vec<Problem> {
    if let Some(more @ 1..) = problems.len().checked_sub(MAX_PROBLEMS) {
        problems.truncate(MAX_PROBLEMS);
        problems.push(Problem::of_file("documents", format!("there are {more} more problems: repair these first")));
    }
    problems
}

fn revision(mut digests: Vec<super::file::Digest>) -> String {
    digests.sort_unstable();
    crate::hex::encode(&sha256(digests.as_flattened()))
}

const MAX_PROBLEMS: usize = 1_000;
