//! Tells whether files may have changed, from what the file system says about them.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// A digest over the names, identities, sizes and times of `paths`, and of what is in those that are directories. Links are followed.
///
/// The change time cannot be set back, so a rewrite of the same length within the same modification time shows too.
pub(super) fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        add(&mut hasher, path);
        let Ok(entries) = fs::read_dir(path) else { continue };
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        names.sort();
        names.iter().for_each(|name| add(&mut hasher, name));
    }
    hasher.finish()
}

fn add(hasher: &mut DefaultHasher, path: &Path) {
    path.hash(hasher);
    match fs::metadata(path) {
        Ok(it) => {
            (it.dev(), it.ino(), it.size(), it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec()).hash(hasher)
        }
        Err(error) => error.kind().hash(hasher),
    }
}

#[cfg(test)]
mod tests {
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
        fs::remove_file(folder.path().join("a")).unwrap();
        assert!(empty != one && one != other && other != of());
    }
}
