//! Reads the documents and facts that a configuration names, once: all of them, from wherever on this machine they are.

use std::collections::BTreeMap;

use crate::{
    clock::Timestamp,
    config::Config,
    reload::{signers::read_approvals, store},
    store::{Directory, Documents, FactDocuments, FactsDirectory, Texts},
    yaml::{Problem, Problems},
};

/// What was read.
#[derive(Debug)]
pub struct Written {
    /// The documents; absent if none are asked for.
    pub documents: Option<Documents>,
    /// The facts in a directory of their own.
    pub facts: Option<FactDocuments>,
    /// What comes over a network, and is not there: it grants nothing.
    pub missing: Option<String>,
}

/// Reads what `config` names, as it is at `now`.
///
/// # Errors
/// Everything that cannot be read. What is wrong with single documents is told with them.
pub fn read_documents(config: &Config, now: Timestamp) -> Result<Written, Problems> {
    let rules = config.ceiling.rules(read_approvals(&config.ceiling)?);
    let facts = config.ceiling.facts.as_deref().map(|path| FactsDirectory::new(path).read()).transpose()?;
    let (documents, missing) = match (&config.documents, &config.ceiling.bundle) {
        (Some(path), _) => (Some(Directory::new(path, rules).read(now)?), None),
        (None, Some(subscription)) => {
            let (texts, missing) = match subscription.read_here(now)? {
                Some(bundle) => {
                    let refused = |why| Problem::of_file(&subscription.origin.to_string(), why);
                    (store::texts(&bundle).map_err(refused)?, None)
                }
                None => (BTreeMap::new(), Some(format!("the documents, which come from {}", subscription.origin))),
            };
            (Some(Texts::new(rules).read(texts, now)), missing)
        }
        (None, None) => (None, None),
    };
    Ok(Written { documents, facts, missing })
}
