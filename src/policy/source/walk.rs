//! Files are found below a directory in one order, each once, within bounds, and never through a link to another directory.
//!
//! A link to a file is followed, for that is how Kubernetes mounts its volumes: `a.rego` leads to `..data/a.rego`, and `..data` to a
//! directory that begins with two dots as well. Those two are passed over.

use std::{
    collections::BTreeSet,
    fs::{self, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::{bundle::pattern::Pattern, pause::pause, yaml::Problem};

/// A file that was read.
pub(super) struct Found {
    /// The parts of its place; the last one is its name.
    pub(super) parts: Vec<String>,
    pub(super) file: String,
    pub(super) bytes: Vec<u8>,
}

/// What may still be read, and what not.
pub(super) struct Walk<'a> {
    /// Bytes in all.
    pub(super) limit: u64,
    /// What that bound is called.
    pub(super) bound: &'a str,
    pub(super) left: u64,
    /// Files and directories in all.
    pub(super) entries: usize,
    /// Names that are passed over.
    pub(super) ignore: &'a [Pattern],
    /// Which files are read, by their names.
    pub(super) wants: fn(&str) -> bool,
    /// What was read, where a file counts once in one place.
    pub(super) seen: Option<&'a mut Seen>,
}

/// Files by device and number, and their places.
pub(super) type Seen = BTreeSet<(u64, u64, Vec<String>)>;

impl Walk<'_> {
    /// Every wanted file below `directory`, whose place is `prefix`.
    pub(super) fn below(&mut self, directory: &Path, prefix: Vec<String>, problems: &mut Vec<Problem>) -> Vec<Found> {
        let mut found = Vec::new();
        // Deepest last, so that a directory's files come before those of the directories in it.
        let mut ahead = vec![(directory.to_owned(), prefix)];
        while let Some((directory, parts)) = ahead.pop() {
            if let Err(problem) = self.directory(&directory, &parts, &mut ahead, &mut found, problems) {
                problems.push(problem);
                if self.entries == 0 || self.left == 0 {
                    break;
                }
            }
        }
        found
    }

    fn directory(
        &mut self,
        directory: &Path,
        parts: &[String],
        ahead: &mut Vec<(PathBuf, Vec<String>)>,
        found: &mut Vec<Found>,
        problems: &mut Vec<Problem>,
    ) -> Result<(), Problem> {
        let unreadable = |error| refuse(directory, &format!("cannot read the directory: {error}"));
        let mut paths = Vec::new();
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            paths.push(entry.map_err(unreadable)?.path());
        }
        paths.sort();
        for path in paths {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                problems.push(refuse(&path, "its name is not UTF-8"));
                continue;
            };
            if name.starts_with("..") || self.ignore.iter().any(|pattern| pattern.matches(name)) {
                continue;
            }
            self.entries =
                self.entries.checked_sub(1).ok_or_else(|| refuse(directory, "there are too many files in it"))?;
            let below: Vec<String> = parts.iter().cloned().chain([name.to_owned()]).collect();
            match self.entry(&path, name, below) {
                Ok(Some(Step::File(file))) => found.push(file),
                Ok(Some(Step::Directory(below))) => ahead.push((path, below)),
                Ok(None) => {}
                Err(problem) if self.left == 0 => return Err(problem),
                Err(problem) => problems.push(problem),
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &Path, name: &str, parts: Vec<String>) -> Result<Option<Step>, Problem> {
        let unreadable = |error| refuse(path, &format!("cannot read: {error}"));
        let is_link = fs::symlink_metadata(path).map_err(unreadable)?.is_symlink();
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            // What is passed over need not be there.
            Err(_) if is_link && !(self.wants)(name) => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        if metadata.is_dir() {
            if name.starts_with('.') {
                return Ok(None);
            }
            if is_link {
                return Err(refuse(path, "is a link to a directory: put the directory itself here"));
            }
            if parts.len() > MAX_DEPTH {
                return Err(refuse(path, &format!("lies more than {MAX_DEPTH} directories deep")));
            }
            return Ok(Some(Step::Directory(parts)));
        }
        if !(self.wants)(name) {
            return Ok(None);
        }
        Ok(self.read(path, &metadata, parts)?.map(Step::File))
    }

    /// Reads a file, unless it was read for the same place already.
    pub(super) fn read(
        &mut self,
        path: &Path,
        metadata: &Metadata,
        parts: Vec<String>,
    ) -> Result<Option<Found>, Problem> {
        // A link to a device or a pipe has no size to go by, and no end.
        if !metadata.is_file() {
            return Err(refuse(path, "is not a file: move it out of the policy's directory"));
        }
        if let Some(seen) = &mut self.seen {
            let place = parts.split_last().map(|(_, directory)| directory.to_vec()).unwrap_or_default();
            if !seen.insert((metadata.dev(), metadata.ino(), place)) {
                return Ok(None);
            }
        }
        // Nor does a file's size say how much there is to read: it grows, or is one of the kernel's.
        let mut bytes = Vec::new();
        fs::File::open(path)
            .and_then(|file| stretch_by_stretch(file.take(self.left.saturating_add(1)), &mut bytes))
            .map_err(|error| refuse(path, &format!("cannot read: {error}")))?;
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            self.left = 0;
            let (bound, limit) = (self.bound, self.limit);
            return Err(refuse(path, &format!("the policy is larger than {bound}, {limit} bytes")));
        };
        self.left = left;
        Ok(Some(Found { parts, file: path.display().to_string(), bytes }))
    }
}

/// Reads to the end, with a place to pause after each stretch.
fn stretch_by_stretch(mut file: impl Read, bytes: &mut Vec<u8>) -> io::Result<()> {
    while file.by_ref().take(STRETCH).read_to_end(bytes)? > 0 {
        pause();
    }
    Ok(())
}

enum Step {
    File(Found),
    Directory(Vec<String>),
}

pub(super) fn refuse(path: &Path, message: &str) -> Problem {
    Problem::of_file(&path.display().to_string(), format!("policy.source: {message}"))
}

const MAX_DEPTH: usize = 32;
/// What is read in a moment.
const STRETCH: u64 = 256 * 1024;
