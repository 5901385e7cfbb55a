//! Tells whether files may have changed, from what the file system says about them.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// A digest over the names, identities, sizes and times of `paths`, and of what is below those that are directories. Links are followed,
/// but below those not to other directories; there, what begins with a dot is left out if it is a directory.
///
/// The change time cannot be set back, so a rewrite of the same length within the same modification time shows too.
pub(super) fn of<'a>(paths: impl IntoIterator<Item = &'a Path>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        add(&mut hasher, path);
        below(&mut hasher, path, MAX_DEPTH);
    }
    hasher.finish()
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

fn below(hasher: &mut DefaultHasher, directory: &Path, room: usize) {
    let Some(room) = room.checked_sub(1) else { return };
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut entries: Vec<_> = entries.flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        add(hasher, &entry.path());
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory && !entry.file_name().as_encoded_bytes().starts_with(b".") {
            below(hasher, &entry.path(), room);
        }
    }
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

/// Deeper than policies are read.
const MAX_DEPTH: usize = 33;

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
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        let deeper = of();
        fs::write(folder.path().join("b/c/data.json"), "{}").unwrap();
        assert_ne!(deeper, of());
        fs::remove_dir_all(folder.path().join("b")).unwrap();
        fs::remove_file(folder.path().join("a")).unwrap();
        assert!(empty != one && one != other && other != of());
    }
}
