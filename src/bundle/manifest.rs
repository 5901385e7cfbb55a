//! A manifest says which state of what a bundle is; what it asks for and is not done here is refused, not passed over.
//!
//! Fields that OPA does not know either are passed over as it passes them over.

use super::{Limits, Roots, document::Tree};
use crate::{
    policy::Value,
    yaml::{Problem, quote},
};

/// The manifest of a bundle that has none is the default.
#[derive(Debug)]
pub(super) struct Manifest {
    pub(super) revision: Option<String>,
    pub(super) roots: Roots,
    pub(super) metadata: Value,
}

impl Default for Manifest {
    fn default() -> Self {
        Self { revision: None, roots: Roots::everything(), metadata: Value::new_object() }
    }
}

impl Manifest {
    pub(super) fn read(file: &str, bytes: &[u8], limits: &Limits) -> Result<Self, Problem> {
        let refuse = |message: String| Problem::of_file(file, format!("bundle.manifest: {message}"));
        let tree = Tree::json(file, bytes, limits)?;
        let Tree::Object(members) = &tree else { return Err(refuse("it is not an object".to_owned())) };
        for (name, _) in members {
            // OPA reads a field whatever its case; a bundle must not mean something else here.
            let lower = name.to_lowercase();
            if lower != *name && FIELDS.contains(&lower.as_str()) {
                return Err(refuse(format!("write the field {} in lower case", quote(name))));
            }
        }
        let field = |name: &str| tree.get(name).filter(|value| **value != Tree::Null);
        let mut manifest = Self::default();
        if let Some(revision) = field("revision") {
            let revision = revision.text().ok_or_else(|| refuse("`revision` is not a string".to_owned()))?;
            if revision.len() > MAX_REVISION || revision.chars().any(char::is_control) {
                return Err(refuse(format!("`revision` holds a control character or more than {MAX_REVISION} bytes")));
            }
            manifest.revision = Some(revision.to_owned()).filter(|revision| !revision.is_empty());
        }
        if let Some(roots) = field("roots") {
            let not_paths = || refuse("`roots` is not a list of paths".to_owned());
            let Tree::List(items) = roots else { return Err(not_paths()) };
            if items.len() > MAX_ROOTS {
                return Err(refuse(format!("there are more than {MAX_ROOTS} roots")));
            }
            let paths = items.iter().map(Tree::text).collect::<Option<Vec<_>>>().ok_or_else(not_paths)?;
            manifest.roots = Roots::parse(paths).map_err(refuse)?;
        }
        match field("wasm") {
            None => {}
            Some(Tree::List(items)) if items.is_empty() => {}
            Some(_) => return Err(unsupported(file, "`wasm`: policies run as Rego only: build with `--target rego`")),
        }
        let is_v1 = |version: &Tree<'_>| matches!(version, Tree::Number(number) if number == "1");
        if field("rego_version").is_some_and(|version| !is_v1(version)) {
            return Err(unsupported(file, V1));
        }
        match field("file_rego_versions") {
            None => {}
            Some(Tree::Object(files)) if files.iter().all(|(_, version)| is_v1(version)) => {}
            Some(_) => return Err(unsupported(file, V1)),
        }
        match field("metadata") {
            None => {}
            Some(metadata @ Tree::Object(_)) => manifest.metadata = metadata.clone().into_value(),
            Some(_) => return Err(refuse("`metadata` is not an object".to_owned())),
        }
        Ok(manifest)
    }
}

fn unsupported(file: &str, message: &str) -> Problem {
    Problem::of_file(file, format!("bundle.unsupported: {message}"))
}

const FIELDS: [&str; 6] = ["file_rego_versions", "metadata", "rego_version", "revision", "roots", "wasm"];
const V1: &str = "only Rego v1 is evaluated: migrate with `opa fmt --rego-v1` and build again";
const MAX_REVISION: usize = 1024;
const MAX_ROOTS: usize = 1000;
