//! A policy's directory holds Rego, and data where OPA looks for it in a bundle: any other document is refused, not missed.

use std::path::Path;

use super::{
    Source,
    merged::Merged,
    walk::{Found, Seen, Walk},
};
use crate::{
    bundle::{Limits, document::Tree},
    yaml::{Problem, Problems},
};

impl Source {
    /// Reads `directory` and the directories in it: `*.rego`, and `data.json`, `data.yaml` and `data.yml`, which say what stands below
    /// `data` at their directory's path. What begins with a dot is passed over, and so are
    /// decision tables, `*_cases.yaml`.
    ///
    /// # Errors
    /// Everything that cannot be read, is larger than `limit` bytes in all, or is a document under another name.
    pub fn read(directory: &Path, limit: u64) -> Result<Self, Problems> {
        let mut seen = Seen::new();
        let mut walk = Walk {
            limit,
            bound: "`limits.policy_bytes`",
            left: limit,
            entries: MAX_ENTRIES,
            ignore: &[],
            wants: |name| !name.starts_with('.') && extension(name).is_some() && !is_table(name),
            seen: Some(&mut seen),
        };
        let mut problems = Vec::new();
        let mut merged = Merged::default();
        for found in walk.below(directory, Vec::new(), &mut problems) {
            if let Err(found) = add(&mut merged, found) {
                problems.extend(found.0);
            }
        }
        if problems.is_empty() { merged.policy(&directory.display().to_string()) } else { Err(Problems(problems)) }
    }
}

fn add(merged: &mut Merged, Found { parts, file, bytes }: Found) -> Result<(), Problems> {
    let path = parts.join("/");
    let Some((name, directory)) = parts.split_last() else { return Ok(()) };
    let directory: Vec<&str> = directory.iter().map(String::as_str).collect();
    match (name.as_str(), extension(name)) {
        (_, Some(Extension::Rego)) => merged.module(&file, &path, text(&file, bytes)?),
        ("data.json", _) => {
            let tree = Tree::json(&file, &bytes, &Limits::default())?;
            merged.document(&file, &path, &directory, tree, &bytes)?;
        }
        ("data.yaml" | "data.yml", _) => {
            let tree = Tree::yaml(&file, &bytes)?;
            merged.document(&file, &path, &directory, tree, &bytes)?;
        }
        (_, Some(Extension::Json | Extension::Yaml)) => {
            let message = "policy.data: a data document is named `data.json` or `data.yaml`, and its directory is its place below \
                           `data`: rename it, or move it out of the policy's directory";
            return Err(Problem::of_file(&file, message).into());
        }
        (_, None) => {}
    }
    Ok(())
}

/// Decision tables stand beside what they test; `hopguard test` reads them.
fn is_table(name: &str) -> bool {
    name.ends_with("_cases.yaml") || name.ends_with("_cases.yml")
}

/// What a file's name says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    Rego,
    Json,
    Yaml,
}

pub(super) fn extension(name: &str) -> Option<Extension> {
    match name.rsplit_once('.')?.1 {
        "rego" => Some(Extension::Rego),
        "json" => Some(Extension::Json),
        "yaml" | "yml" => Some(Extension::Yaml),
        _ => None,
    }
}

pub(super) fn text(file: &str, bytes: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(bytes).map_err(|error| Problem::of_file(file, format!("policy.source: cannot read: {error}")))
}

const MAX_ENTRIES: usize = 10_000;
