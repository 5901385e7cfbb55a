//! Documents that come whole from elsewhere, such as from a signed bundle: the same rules as for the files of a directory.

use std::collections::BTreeMap;

use super::{Documents, Rules, document::Reading, files::Files};
use crate::{approval::Approvals, clock::Timestamp};

/// Texts by name, and what each held when it last loaded.
#[derive(Debug)]
pub struct Texts {
    files: Files,
    rules: Rules,
}

impl Texts {
    /// Nothing yet.
    pub fn new(rules: Rules) -> Self {
        Self { files: Files::default(), rules }
    }

    /// Takes up who may sign, for what is read from now on.
    pub fn approve_by(&mut self, approvals: Approvals) {
        self.rules.approvals = approvals;
    }

    /// Reads all texts that there are now; one that is no longer among them is removed with its documents. Only what has changed is
    /// decoded. `now` is when signatures have to be good.
    pub fn read(&mut self, texts: BTreeMap<String, String>, now: Timestamp) -> Documents {
        let contents = texts.into_iter().map(|(name, text)| (name.into(), Ok(text.into_bytes()))).collect();
        let label = |name: &std::ffi::OsStr| name.display().to_string();
        self.files.update(contents, label, &Reading::of(&self.rules));
        self.files.documents(&self.rules.approvals, now)
    }
}
