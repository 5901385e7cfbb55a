//! Tells whether files may have changed, from what the file system says about them.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use crate::clock::{Clock, Timestamp};

/// What one look at files shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// A digest over names, identities, sizes and times.
    digest: u64,
    /// When any of them last changed.
    newest: Timestamp,
}

impl Look {
    /// Looks at `paths`, and at what is below those that are directories. Links are followed, but below those not to other directories;
    /// there, what begins with a dot is left out if it is a directory.
    ///
    /// The change time cannot be set back, so a rewrite of the same length within the same modification time shows too.
    pub(super) fn at<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let mut looking = Looking { hasher: DefaultHasher::new(), newest: Timestamp::MIN };
        for path in paths {
            looking.add(path);
            looking.below(path, MAX_DEPTH);
        }
        Self { digest: looking.hasher.finish(), newest: looking.newest }
    }

    /// When any of the files last changed: this cannot be set by whoever writes them.
    pub(super) const fn newest(&self) -> Timestamp {
        self.newest
    }

    /// Whether another change could not be told from the last one, because the file system's clock had not gone on.
    pub(super) fn is_too_fresh(&self) -> bool {
        let now = Clock::default().now();
        now.since(self.newest).max(self.newest.since(now)) < TICK
    }
}

/// A digest over `paths`, as [`Look::at`] makes it.
pub(super) fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> u64 {
    Look::at(paths).digest
}

/// The bytes of the files at `directory` and below, as far as they count.
pub(super) fn size(directory: &Path) -> u64 {
    let mut size = 0_u64;
    let mut ahead = vec![(directory.to_owned(), MAX_DEPTH)];
    while let Some((directory, room)) = ahead.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            match (is_directory, room.checked_sub(1)) {
                (true, Some(room)) if !entry.file_name().as_encoded_bytes().starts_with(b".") => {
                    ahead.push((entry.path(), room));
                }
                (true, _) => {}
                (false, _) => size = size.saturating_add(fs::metadata(entry.path()).map_or(0, |it| it.len())),
            }
        }
    }
    size
}

struct Looking {
    hasher: DefaultHasher,
    newest: Timestamp,
}

impl Looking {
    fn below(&mut self, directory: &Path, room: usize) {
        let Some(room) = room.checked_sub(1) else { return };
        let Ok(entries) = fs::read_dir(directory) else { return };
        let mut entries: Vec<_> = entries.flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            self.add(&entry.path());
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_directory && !entry.file_name().as_encoded_bytes().starts_with(b".") {
                self.below(&entry.path(), room);
            }
        }
    }

    fn add(&mut self, path: &Path) {
        path.hash(&mut self.hasher);
        match fs::metadata(path) {
            Ok(it) => {
                let of = (it.dev(), it.ino(), it.size(), it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec());
                of.hash(&mut self.hasher);
                let changed = it.ctime().saturating_mul(1_000_000_000).saturating_add(it.ctime_nsec());
                self.newest = self.newest.max(Timestamp::from_nanos(changed));
            }
            Err(error) => error.kind().hash(&mut self.hasher),
        }
    }
}

/// Deeper than policies are read.
const MAX_DEPTH: usize = 33;
/// Longer than the clocks of file systems take for one tick.
const TICK: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_changed_a_new_and_a_missing_file_show() {
        let folder = tempfile::tempdir().unwrap();
        let of = || of([folder.path()]);
        let empty = of();
        assert_eq!(empty, of());
        fs::write(folder.path().join("a"), "1").unwrap();
        let one = of();
        fs::write(folder.path().join("a"), "22").unwrap();
        let other = of();
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        let deeper = of();
        fs::write(folder.path().join("b/c/data.json"), "{}").unwrap();
        assert_ne!(deeper, of());
        fs::remove_dir_all(folder.path().join("b")).unwrap();
        fs::remove_file(folder.path().join("a")).unwrap();
        assert!(empty != one && one != other && other != of());
    }

    #[test]
    fn a_change_is_as_old_as_the_file_system_says_whatever_its_writer_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "1").unwrap();
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let file = fs::File::options().write(true).open(&path).unwrap();
        let before = Look::at([path.as_path()]);
        file.set_times(fs::FileTimes::new().set_modified(long_ago)).unwrap();
        let look = Look::at([path.as_path()]);
        assert!(look.newest() >= before.newest() && look.newest().seconds() > 1_700_000_000);
        assert_eq!(Look::at([Path::new("/nowhere")]).newest(), Timestamp::MIN);
    }
}
