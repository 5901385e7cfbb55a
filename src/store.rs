//! The documents that people approve: read from a directory strictly, so that what acts is what was written.
//!
//! A mistake costs as little as it can without opening anything: a document with a missing reference is refused alone, a file that does not
//! load keeps its own last good documents, and a directory that cannot be read (or that asks for something to be taken away in a way that
//! is not built) gives nothing, so that the last good snapshot goes on.

use std::sync::Arc;

use crate::{
    fact::Fact,
    grant::{Activation, Grant},
    inventory::Workload,
    purpose::Vocabulary,
    resource::Resource,
    revocation::Revocation,
    yaml::Problem,
};

pub use self::directory::Directory;

mod assemble;
mod directory;
mod document;
mod file;

/// What the documents of a directory say together.
#[derive(Clone, Debug)]
pub struct Documents {
    /// The purposes that exist.
    pub vocabulary: Vocabulary,
    /// Every grant, for whichever audience, by name.
    pub grants: Vec<Arc<Grant>>,
    /// What opens grants.
    pub activations: Vec<Arc<Activation>>,
    /// What was taken back.
    pub revocations: Vec<Arc<Revocation>>,
    /// The workloads that are known.
    pub workloads: Vec<Arc<Workload>>,
    /// What is touched.
    pub resources: Vec<Arc<Resource>>,
    /// What is so.
    pub facts: Vec<Arc<Fact>>,
    /// The SHA-256, in lower-case hex, of what the documents were read from.
    pub revision: String,
    /// What is wrong: files that keep their last good documents, and documents that are refused alone.
    pub problems: Vec<Problem>,
    /// Whether a revocation is in a file of which nothing ever loaded.
    pub unread_revocations: bool,
}
