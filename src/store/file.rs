//! One file: decoded once for each content, never forgotten for a mistake, and never late in taking access away.

use std::mem;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use super::{
    assemble::Source,
    document::{Body, Document, Reading, decode},
    salvage::{Salvage, Unread, salvage},
};
use crate::yaml::Problem;

/// The SHA-256 of a file's content.
pub(super) type Digest = [u8; SHA256_OUTPUT_LEN];

/// What is known of a file.
#[derive(Debug, Default)]
pub(super) struct File {
    /// Its name in messages.
    label: String,
    /// Of the content seen last, if it could be read.
    seen: Option<Digest>,
    good: Option<Good>,
    /// What is wrong with the content seen last; empty if it is the last good one.
    problems: Vec<Problem>,
    /// What the file has taken away since it last loaded.
    withdrawn: Vec<(Digest, Document)>,
    /// What it would have taken away since, if anybody could tell what it is.
    unread: Vec<Unread>,
}

/// The last content that loaded.
#[derive(Debug)]
struct Good {
    digest: Digest,
    documents: Vec<Document>,
}

impl File {
    /// Takes in what the file holds now, or why it cannot be read. `label` is its name in messages.
    pub(super) fn update(&mut self, label: &str, content: Result<Vec<u8>, String>, reading: &Reading<'_>) {
        if self.label.is_empty() {
            self.label = label.to_owned();
        }
        let content = match content {
            Ok(content) => content,
            Err(message) => {
                self.seen = None;
                self.problems = vec![Problem::of_file(label, message)];
                return;
            }
        };
        let digest = sha256(&content);
        if self.seen == Some(digest) {
            return;
        }
        self.seen = Some(digest);
        let decoded = match std::str::from_utf8(&content) {
            Ok(source) => decode(label, source, reading),
            Err(_) => Err(Problem::of_file(label, "is not UTF-8").into()),
        };
        match decoded {
            Ok(documents) => {
                *self = Self {
                    good: Some(Good { digest, documents }),
                    label: mem::take(&mut self.label),
                    seen: self.seen,
                    ..Self::default()
                };
            }
            Err(problems) => {
                self.problems = problems.0;
                self.withdraw(digest, salvage(label, &content, reading));
            }
        }
    }

    /// While it does not load, what it takes away is added to what it has taken away before: that nothing of it has been removed is all
    /// that can be known.
    fn withdraw(&mut self, digest: Digest, Salvage { withdrawing, unread }: Salvage) {
        for document in withdrawing {
            let is_same = |(_, other): &(Digest, Document)| {
                other.body.kind() == document.body.kind() && other.name == document.name
            };
            self.withdrawn.retain(|other| !is_same(other));
            self.withdrawn.push((digest, document));
        }
        self.unread.extend(unread);
        let good = self.good.iter().flat_map(|good| &good.documents);
        let withdrawn = self.withdrawn.iter().map(|(_, document)| document);
        let is_revocation = |document: &&Document| matches!(document.body, Body::Revocation(_));
        let known: Vec<_> = good.chain(withdrawn).filter(is_revocation).map(|document| &*document.name).collect();
        self.unread.retain(|unread| !unread.is_any_of(&known));
        self.unread.sort_unstable();
        self.unread.dedup();
    }

    /// The documents that count.
    pub(super) fn sources(&mut self) -> impl Iterator<Item = Source<'_>> {
        let Self { label, good, withdrawn, .. } = self;
        let label: &str = label;
        let good = good.iter_mut().flat_map(|good| &mut good.documents);
        let good = good.map(move |document| Source { label, document, beside: false });
        good.chain(withdrawn.iter_mut().map(move |(_, document)| Source { label, document, beside: true }))
    }

    /// What the documents that count were read from.
    pub(super) fn digests(&self) -> impl Iterator<Item = Digest> {
        let good = self.good.iter().map(|good| good.digest);
        good.chain(self.withdrawn.iter().map(|(digest, document)| {
            let name = format!("{}/{}", document.body.kind(), document.name);
            sha256(&[&digest[..], name.as_bytes()].concat())
        }))
    }

    /// Whether it would take away what nobody can tell.
    pub(super) const fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// What is wrong with the content seen last, and what comes of it.
    pub(super) fn problems(&self) -> Vec<Problem> {
        if self.problems.is_empty() {
            return Vec::new();
        }
        let of_file = |message| Problem::of_file(&self.label, message);
        let outcome = match &self.good {
            Some(_) => "does not load, so the documents that it held before go on counting",
            None => "does not load, so its documents do not count",
        };
        let withdrawn =
            (!self.withdrawn.is_empty()).then(|| of_file("takes access away nevertheless, as far as it can be read"));
        let unread = (!self.unread.is_empty()).then(|| {
            of_file("has a `Revocation` that could never be read: repair it before the documents count as stale")
        });
        self.problems.iter().cloned().chain([of_file(outcome)]).chain(withdrawn).chain(unread).collect()
    }
}

/// The SHA-256 of some bytes.
pub(super) fn sha256(content: &[u8]) -> Digest {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest(&SHA256, content).as_ref());
    bytes
}
