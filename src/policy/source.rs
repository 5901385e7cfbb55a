//! Everything that a policy is compiled from, wherever it came from: modules, tests, data, and one digest over all of it.

mod directory;
mod merged;
mod paths;
mod walk;

use self::merged::Merged;
pub use self::paths::Loading;
use super::Value;
use crate::{bundle::Bundle, yaml::Problems};

/// The modules, tests and data of one policy, and their digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub(super) modules: Vec<Module>,
    /// Modules that run before the policy becomes active, and never on a hop.
    pub(super) tests: Vec<Module>,
    /// What policies read below `data` that no rule defines; an object.
    pub(super) data: Value,
    /// The files that the data came from.
    pub(super) files: Vec<String>,
    pub(super) revision: String,
}

/// One Rego file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) file: String,
    pub(super) source: String,
}

impl Source {
    /// A policy of one module, for tests and benchmarks.
    pub fn module(file: &str, source: &str) -> Self {
        let mut merged = Merged::default();
        merged.module(file, file, source.to_owned());
        merged.finish()
    }

    /// The policy that several bundles make together.
    ///
    /// # Errors
    /// Two bundles with one name, or whose roots overlap; no module in any of them.
    pub fn of_bundles(bundles: &[Bundle]) -> Result<Self, Problems> {
        let mut merged = Merged::default();
        merged.bundles(bundles)?;
        merged.policy("bundles")
    }

    /// The digest over the names and texts of its files.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// How many modules, and how many test modules.
    pub fn counts(&self) -> (usize, usize) {
        (self.modules.len(), self.tests.len())
    }

    /// Its data: an object.
    pub const fn data(&self) -> &Value {
        &self.data
    }

    /// The files that its data came from.
    pub fn data_files(&self) -> &[String] {
        &self.files
    }
}

#[cfg(test)]
mod tests;
