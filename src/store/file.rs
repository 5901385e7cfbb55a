//! One file of a directory: decoded once for each content, and never forgotten for a mistake.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

use super::document::{Decoded, Document, decode};
use crate::yaml::Problem;

/// The SHA-256 of a file's content.
pub(super) type Digest = [u8; SHA256_OUTPUT_LEN];

/// What is known of a file.
#[derive(Debug, Default)]
pub(super) struct File {
    /// Of the content seen last, if it could be read.
    seen: Option<Digest>,
    good: Option<Good>,
    /// What is wrong with the content seen last.
    problems: Vec<Problem>,
    withholds: bool,
}

/// The last content that loaded.
#[derive(Debug)]
pub(super) struct Good {
    pub(super) digest: Digest,
    pub(super) documents: Vec<Document>,
}

impl File {
    /// Takes in what the file holds now, or why it cannot be read. `label` is its name in messages.
    pub(super) fn update(&mut self, label: &str, content: Result<Vec<u8>, String>) {
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
        let Ok(source) = String::from_utf8(content) else {
            self.problems = vec![Problem::of_file(label, "is not UTF-8")];
            return;
        };
        let Decoded { documents, withholds } = decode(label, &source);
        // While it is not known what the file says, it says what it said.
        self.withholds = withholds.unwrap_or(self.withholds);
        match documents {
            Ok(documents) => {
                self.good = Some(Good { digest, documents });
                self.problems.clear();
            }
            Err(problems) => self.problems = problems.0,
        }
    }

    /// The last content that loaded, if any has.
    pub(super) const fn good(&self) -> Option<&Good> {
        self.good.as_ref()
    }

    /// What is wrong with the content seen last; empty if it is the last good one.
    pub(super) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether the content seen last takes access away in a way that is not built.
    pub(super) const fn withholds(&self) -> bool {
        self.withholds
    }
}

/// The SHA-256 of some bytes.
pub(super) fn sha256(content: &[u8]) -> Digest {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest(&SHA256, content).as_ref());
    bytes
}
