//! What is looked at to notice that something has changed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::Loader;
use crate::{
    config::{KeysSource, PolicySource},
    reload::fingerprint::Look,
    trust::Source,
};

impl Loader {
    /// The directories in which something may change.
    pub fn directories(&self) -> BTreeSet<PathBuf> {
        let parent = |path: &Path| {
            path.parent()
                .filter(|parent| !parent.as_os_str().is_empty())
                .unwrap_or_else(|| Path::new("."))
                .to_path_buf()
        };
        let files = self.config.file.iter().map(|file| parent(file)).chain(self.trust_files().map(parent));
        // A file shows that it changed in its directory.
        let policy = self.policy_paths().map(|path| if path.is_dir() { path.to_path_buf() } else { parent(path) });
        let signers = self.config.ceiling.allowed_signers.as_deref().map(parent);
        let documents = self.config.documents.iter().chain(&self.config.ceiling.facts).cloned();
        files.chain(signers).chain(documents).chain(policy).collect()
    }

    pub(super) fn fingerprint(&self) -> Look {
        Look::at(self.paths())
    }

    /// A fingerprint of what must not change while it is read: a policy that is made aside sees to that itself.
    pub(super) fn together(&self) -> Look {
        let is_aside = |path: &Path| self.compiler.is_aside() && self.policy_paths().any(|watched| watched == path);
        Look::at(self.paths().filter(|path| !is_aside(path)))
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        let parts = self.config.file.iter().map(PathBuf::as_path).chain(self.policy_paths());
        parts.chain(self.store.paths()).chain(self.trust_files())
    }

    pub(super) fn policy_paths(&self) -> impl Iterator<Item = &Path> {
        self.config.policy.iter().flat_map(PolicySource::watched).map(PathBuf::as_path)
    }

    fn trust_files(&self) -> impl Iterator<Item = &Path> {
        let keys = self.config.tokens.keys.iter().filter_map(KeysSource::path);
        self.config.trust.iter().flat_map(Source::paths).chain(keys)
    }
}
