//! Paths on a command line mean what they mean to `opa run`: files, directories, bundles, each below `data` where OPA would put it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{Context, SHA256};

use super::{
    Source,
    directory::{Extension, extension, text},
    merged::Merged,
    walk::{Found, Seen, Walk, refuse},
};
use crate::{
    bundle::{Bundle, Entry, Limits, Verification, document::Tree, package, pattern::Pattern},
    clock::Timestamp,
    hex,
    yaml::{Problem, Problems, quote},
};

/// How paths are read.
#[derive(Clone, Copy, Debug)]
pub struct Loading<'a> {
    /// Names of files and directories that are passed over, as patterns (`--ignore`).
    pub ignore: &'a [String],
    /// Each path is a bundle, packed or not (`--bundle`).
    pub as_bundles: bool,
    /// What one path may hold.
    pub limits: &'a Limits,
    /// Whose signature bundles must have.
    pub verification: Option<&'a Verification>,
    /// When.
    pub now: Timestamp,
}

impl Source {
    /// Reads what `paths` name: `*.rego` and any `*.json`, `*.yaml` and `*.yml`, whose directory below the path that was named is their
    /// place below `data`; archives whose names end with `.tar.gz`, as bundles; a file that is named by itself may have any name. With
    /// `a.b:path`, data is put below `data.a.b`. Directories that begin with a dot are passed over; a link to a directory is refused.
    ///
    /// # Errors
    /// Everything that cannot be read, or says something about what another file says something about.
    pub fn of_paths(paths: &[PathBuf], loading: &Loading<'_>) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let mut ignore = Vec::new();
        for text in loading.ignore {
            match Pattern::parse(text) {
                Some(pattern) => ignore.push(pattern),
                None => {
                    problems.push(Problem::of_file("ignore", format!("policy.source: {} is no pattern", quote(text))))
                }
            }
        }
        let mut reader = Reader { loading, ignore: &ignore, merged: Merged::default(), bundles: Vec::new(), problems };
        let mut seen = Seen::new();
        for path in paths {
            reader.path(path, &mut seen);
        }
        let Reader { mut merged, bundles, mut problems, .. } = reader;
        if let Err(found) = merged.bundles(&bundles) {
            problems.extend(found.0);
        }
        if problems.is_empty() { merged.policy("the paths given") } else { Err(Problems(problems)) }
    }
}

struct Reader<'a> {
    loading: &'a Loading<'a>,
    ignore: &'a [Pattern],
    merged: Merged,
    bundles: Vec<Bundle>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn path(&mut self, path: &Path, seen: &mut Seen) {
        let Some(named) = path.to_str() else {
            return self.problems.push(refuse(path, "its name is not UTF-8"));
        };
        let (prefix, named) = if self.loading.as_bundles { (Vec::new(), named) } else { split(named) };
        let named = named.strip_prefix("file://").unwrap_or(named);
        let path = Path::new(named);
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return self.problems.push(refuse(path, &format!("cannot read: {error}"))),
        };
        let is_bundle = self.loading.as_bundles || (!metadata.is_dir() && named.ends_with(".tar.gz"));
        let mut walk = Walk {
            limit: self.loading.limits.bytes,
            bound: "a path may hold",
            left: self.loading.limits.bytes,
            entries: self.loading.limits.entries,
            ignore: self.ignore,
            wants: if is_bundle { |_| true } else { |name| extension(name).is_some() || name.ends_with(".tar.gz") },
            // A bundle is what it holds, to the last copy.
            seen: (!is_bundle).then_some(seen),
        };
        let files = if metadata.is_dir() {
            walk.below(path, prefix, &mut self.problems)
        } else {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or(named).to_owned();
            match walk.read(path, &metadata, prefix.into_iter().chain([name]).collect()) {
                Ok(found) => found.into_iter().collect(),
                Err(problem) => return self.problems.push(problem),
            }
        };
        let read =
            if is_bundle { self.bundle(named, metadata.is_dir(), files) } else { self.files(metadata.is_dir(), files) };
        if let Err(found) = read {
            self.problems.extend(found.0);
        }
    }

    fn bundle(&mut self, name: &str, is_directory: bool, files: Vec<Found>) -> Result<(), Problems> {
        // A path that is given twice is one bundle.
        if self.bundles.iter().any(|bundle| bundle.name() == name) {
            return Ok(());
        }
        let Loading { limits, verification, now, .. } = *self.loading;
        let bundle = if is_directory {
            let mut digest = Context::new(&SHA256);
            let mut entries = Vec::new();
            for Found { parts, bytes, .. } in files {
                let path = parts.join("/");
                for part in [path.as_bytes(), &bytes] {
                    digest.update(&part.len().to_be_bytes());
                    digest.update(part);
                }
                entries.push(Entry { path, bytes });
            }
            Bundle::assemble(name, hex::encode(digest.finish().as_ref()), entries, limits, verification, now)?
        } else {
            let Some(Found { bytes, .. }) = files.first() else { return Ok(()) };
            Bundle::read(name, bytes, limits, verification, now)?
        };
        self.bundles.push(bundle);
        Ok(())
    }

    fn files(&mut self, is_directory: bool, files: Vec<Found>) -> Result<(), Problems> {
        let mut problems = Vec::new();
        for Found { parts, file, bytes } in files {
            if let Err(found) = self.file(is_directory, &parts, &file, bytes) {
                problems.extend(found.0);
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }

    fn file(&mut self, is_below: bool, parts: &[String], file: &str, bytes: Vec<u8>) -> Result<(), Problems> {
        let path = parts.join("/");
        let Some((name, directory)) = parts.split_last() else { return Ok(()) };
        let directory: Vec<&str> = directory.iter().map(String::as_str).collect();
        let tree = match extension(name) {
            Some(Extension::Rego) => {
                self.merged.module(file, &path, text(file, bytes)?);
                return Ok(());
            }
            Some(Extension::Json) => Tree::json(file, &bytes, self.loading.limits)?,
            Some(Extension::Yaml) => Tree::yaml(file, &bytes)?,
            None if is_below => {
                return Err(Problem::of_file(
                    file,
                    "policy.source: name a bundle by itself: it has its own place in `data`",
                )
                .into());
            }
            // What was named by itself is whatever it can be read as.
            None if std::str::from_utf8(&bytes).is_ok_and(|text| package::of(text).is_some()) => {
                self.merged.module(file, &path, text(file, bytes)?);
                return Ok(());
            }
            None => match Tree::json(file, &bytes, self.loading.limits) {
                Ok(tree) => tree,
                Err(_) => Tree::yaml(file, &bytes)?,
            },
        };
        Ok(self.merged.document(file, &path, &directory, tree, &bytes)?)
    }
}

/// The place below `data` and the path, of `a.b:path`.
fn split(text: &str) -> (Vec<String>, &str) {
    match text.split_once(':') {
        Some((prefix, path)) if !prefix.is_empty() && !path.starts_with("//") => {
            (prefix.split('.').map(str::to_owned).collect(), path)
        }
        _ => (Vec::new(), text),
    }
}
