//! The documents that people approve: read strictly, so that what acts is what was written.
//!
//! A mistake costs as little as it can without opening anything: a document with a missing reference is refused alone, a file that does not
//! load keeps its own last good documents, and what takes access away acts as soon as it can be read, whatever is wrong beside it. A
//! directory that cannot be read gives nothing, so that the last good snapshot goes on.

use std::{sync::Arc, time::Duration};

use crate::{
    approval::Approvals,
    fact::Fact,
    grant::{Activation, Grant, MaxTtl},
    inventory::Workload,
    purpose::Vocabulary,
    resource::Resource,
    revocation::Revocation,
    yaml::Problem,
};

pub(crate) use self::scan::contents;
pub use self::{
    directory::Directory,
    facts::{FactDocuments, FactsDirectory},
    schema::{crds, schema},
    texts::Texts,
};

mod assemble;
mod checked;
mod directory;
mod document;
mod facts;
mod file;
mod files;
mod salvage;
mod scan;
mod schema;
mod texts;
pub(crate) mod write;

/// What documents say together.
#[derive(Clone, Debug)]
pub struct Documents {
    /// The purposes that exist.
    pub vocabulary: Vocabulary,
    /// Every grant, for whichever audience, by name.
    pub grants: Vec<Arc<Grant>>,
    /// Every activation of one of these, by name.
    pub activations: Vec<Arc<Activation>>,
    /// Every revocation, by name; those that share a name act all.
    pub revocations: Vec<Arc<Revocation>>,
    /// What is known of workloads, each scope once, by name.
    pub workloads: Vec<Arc<Workload>>,
    /// Every resource, by name.
    pub resources: Vec<Arc<Resource>>,
    /// Every fact, each key and subject once, by name.
    pub facts: Vec<Arc<Fact>>,
    /// Whether a `Revocation` has been seen that could never be read: nobody knows what it takes away.
    pub unread_revocations: bool,
    /// The SHA-256, in lower-case hex, of what the documents were read from.
    pub revision: String,
    /// What is wrong: files that keep their last good documents, and documents that are refused alone.
    pub problems: Vec<Problem>,
}

/// What documents have to keep to, beyond what each kind does.
#[derive(Clone, Debug)]
pub struct Rules {
    /// How long grants may last.
    pub max_ttl: MaxTtl,
    /// How long a grant may be opened for; a `break_glass` one for an hour at most, whatever this says.
    pub max_activation: Duration,
    /// Who has to sign what.
    pub approvals: Approvals,
}

impl Default for Rules {
    fn default() -> Self {
        Self { max_ttl: MaxTtl::default(), max_activation: HOUR, approvals: Approvals::default() }
    }
}

const HOUR: Duration = Duration::from_hours(1);
