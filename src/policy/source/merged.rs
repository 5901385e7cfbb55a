//! Modules and data from several places become one policy, and its digest says of which files.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256};

use super::{Module, Source};
use crate::{
    bundle::{
        self, Bundle,
        document::{Conflict, Tree},
    },
    hex,
    pause::pause,
    policy::Value,
    yaml::{Problem, Problems, quote},
};

/// What was read so far.
pub(super) struct Merged {
    modules: Vec<Module>,
    tests: Vec<Module>,
    data: Value,
    files: Vec<String>,
    digest: Context,
}

impl Default for Merged {
    fn default() -> Self {
        Self {
            modules: Vec::new(),
            tests: Vec::new(),
            data: Value::new_object(),
            files: Vec::new(),
            digest: Context::new(&SHA256),
        }
    }
}

impl Merged {
    /// Adds a module; `path` is its place within the policy, which is one wherever its directory stands.
    pub(super) fn module(&mut self, file: &str, path: &str, source: String) {
        self.note("module", path, source.as_bytes());
        let is_test = path.ends_with("_test.rego");
        let modules = if is_test { &mut self.tests } else { &mut self.modules };
        modules.push(Module { file: file.to_owned(), source });
    }

    /// Puts a document at `directory` below `data`.
    pub(super) fn document(
        &mut self,
        file: &str,
        path: &str,
        directory: &[&str],
        tree: Tree<'_>,
        bytes: &[u8],
    ) -> Result<(), Problem> {
        if directory.is_empty() && !matches!(tree, Tree::Object(_)) {
            return Err(Problem::of_file(file, "policy.data: the document at the top of `data` is not an object"));
        }
        self.note(&directory.join("/"), path, bytes);
        self.files.push(file.to_owned());
        self.put(file, directory, tree.into_value())
    }

    /// Adds bundles, of which each defines its own part of `data`.
    pub(super) fn bundles(&mut self, bundles: &[Bundle]) -> Result<(), Problems> {
        let mut problems = Vec::new();
        let mut names = BTreeSet::new();
        for (index, bundle) in bundles.iter().enumerate() {
            if !names.insert(bundle.name()) {
                problems.push(Problem::of_file(bundle.name(), "bundle.roots: two bundles have this name"));
            }
            for other in bundles.iter().skip(index.saturating_add(1)) {
                if let Some((one, two)) = bundle.roots().overlap(other.roots()) {
                    let name = quote(other.name());
                    let message = format!(
                        "bundle.roots: its root {one} and the root {two} of {name} overlap: give each its own `roots`"
                    );
                    problems.push(Problem::of_file(bundle.name(), message));
                }
            }
        }
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        for bundle in bundles {
            self.note("bundle", bundle.name(), bundle.digest().as_bytes());
            let name = bundle.name();
            let module = |bundle::Module { path, text, .. }: &bundle::Module| Module {
                file: format!("{name}/{path}"),
                source: text.clone(),
            };
            self.modules.extend(bundle.modules().iter().map(module));
            self.tests.extend(bundle.tests().iter().map(module));
            self.files.extend(bundle.data_files().iter().map(|path| format!("{name}/{path}")));
            self.put(name, &[], bundle.data().clone())?;
        }
        Ok(())
    }

    /// The policy, which has at least one module. `place` is where they were looked for.
    pub(super) fn policy(self, place: &str) -> Result<Source, Problems> {
        if self.modules.is_empty() {
            return Err(Problem::of_file(place, "policy.source: there is no `*.rego` file in it").into());
        }
        Ok(self.finish())
    }

    pub(super) fn finish(self) -> Source {
        let Self { modules, tests, data, files, digest } = self;
        Source { modules, tests, data, files, revision: hex::encode(digest.finish().as_ref()) }
    }

    fn put(&mut self, file: &str, directory: &[&str], value: Value) -> Result<(), Problem> {
        bundle::document::merge(&mut self.data, directory, value).map_err(|Conflict(path)| {
            let path = quote(&path.join("/"));
            Problem::of_file(file, format!("policy.data: another data file says something about {path} already"))
        })
    }

    fn note(&mut self, kind: &str, path: &str, bytes: &[u8]) {
        for part in [kind.as_bytes(), path.as_bytes(), bytes] {
            // A length before each part, so that this text can be split in one way only.
            self.digest.update(&part.len().to_be_bytes());
            for stretch in part.chunks(STRETCH) {
                self.digest.update(stretch);
                pause();
            }
        }
    }
}

/// How many bytes are digested before others may go first.
const STRETCH: usize = 64 * 1024;
