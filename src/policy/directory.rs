//! Reads a policy from a directory: every `*.rego` file in it but the tests.

use std::{fs, io::Read as _, path::Path};

use aws_lc_rs::digest::{Context, SHA256};

use crate::yaml::{Problem, Problems};

/// The modules of one policy, and their digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub(super) modules: Vec<Module>,
    pub(super) revision: String,
}

/// One Rego file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) file: String,
    pub(super) source: String,
}

impl Source {
    /// Reads `directory`, not its folders. Data documents are refused, because policies would read them as missing.
    ///
    /// # Errors
    /// Whatever cannot be read, is larger than `limit` bytes in all, or is not UTF-8.
    pub fn read(directory: &Path, limit: u64) -> Result<Self, Problems> {
        let refuse =
            |file: &Path, message: String| Problems(vec![Problem::of_file(&file.display().to_string(), message)]);
        let entries = fs::read_dir(directory)
            .map_err(|error| refuse(directory, format!("cannot read the directory: {error}")))?;
        let mut paths = Vec::new();
        for entry in entries {
            paths.push(entry.map_err(|error| refuse(directory, format!("cannot read the directory: {error}")))?.path());
        }
        paths.sort();
        let mut modules = Vec::new();
        let mut left = limit;
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if name.starts_with('.') => continue,
                Some("rego") if name.ends_with("_test.rego") => continue,
                Some("rego") => {}
                Some("json" | "yaml" | "yml") => {
                    return Err(refuse(
                        &path,
                        "data documents are not built yet: move the file out of the policy's directory".to_owned(),
                    ));
                }
                _ => continue,
            }
            // A link to a device or a pipe has no size to go by, and no end.
            let metadata = fs::metadata(&path).map_err(|error| refuse(&path, format!("cannot read: {error}")))?;
            if !metadata.is_file() {
                return Err(refuse(&path, "is not a file: move it out of the policy's directory".to_owned()));
            }
            // Nor does a file's size say how much there is to read: it grows, or is one of the kernel's.
            let mut bytes = Vec::new();
            fs::File::open(&path)
                .and_then(|file| file.take(left.saturating_add(1)).read_to_end(&mut bytes))
                .map_err(|error| refuse(&path, format!("cannot read: {error}")))?;
            left = u64::try_from(bytes.len()).ok().and_then(|size| left.checked_sub(size)).ok_or_else(|| {
                refuse(&path, format!("the policy is larger than `limits.policy_bytes`, {limit} bytes"))
            })?;
            let source = String::from_utf8(bytes).map_err(|error| refuse(&path, format!("cannot read: {error}")))?;
            modules.push(Module { file: path.display().to_string(), source });
        }
        if modules.is_empty() {
            return Err(refuse(directory, "there is no `*.rego` file in it".to_owned()));
        }
        Ok(Self::of(modules))
    }

    /// A policy of one module, for tests and benchmarks.
    pub fn module(file: &str, source: &str) -> Self {
        Self::of(vec![Module { file: file.to_owned(), source: source.to_owned() }])
    }

    /// The digest over the names and texts of its modules.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    fn of(modules: Vec<Module>) -> Self {
        let mut digest = Context::new(&SHA256);
        for module in &modules {
            // The name alone: a policy is the same one wherever its directory stands.
            let name = module.file.rsplit('/').next().unwrap_or_default();
            for part in [name, &module.source] {
                digest.update(&part.len().to_be_bytes());
                digest.update(part.as_bytes());
            }
        }
        let revision = crate::hex::encode(digest.finish().as_ref());
        Self { modules, revision }
    }
}
