//! Files that appear whole, with their final mode from the first byte.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use tempfile::NamedTempFile;

use super::Error;

/// Writes `path` by renaming a finished file onto it.
pub(super) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    replace_from(path.parent().unwrap_or_else(|| Path::new(".")), path, content, mode)
}

/// Writes `path` by renaming a file finished in `staging` onto it: who watches its folder sees no other name.
pub(super) fn replace_from(staging: &Path, path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let write = || {
        let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(staging)?;
        file.write_all(content)?;
        NamedTempFile::persist(file, path).map_err(|error| error.error)
    };
    write().map(drop).map_err(Error::file("write", path))
}

/// Writes `path` unless something is there already; tells whether it wrote.
pub(super) fn create(path: &Path, content: &str) -> Result<bool, Error> {
    match OpenOptions::new().write(true).create_new(true).mode(0o644).open(path) {
        Ok(mut file) => file.write_all(content.as_bytes()).map(|()| true).map_err(Error::file("write", path)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::file("write", path)(error)),
    }
}

/// Makes a folder, and those above it, unless it is there already.
pub(super) fn folder(path: &Path, mode: u32) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(Error::file("create", path))
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_touches_what_somebody_edited() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("web.yaml");
        assert!(create(&path, "first").unwrap());
        assert!(!create(&path, "second").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
    }

    #[test]
    fn replaces_whole_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.json");
        replace(&path, b"first", 0o600).unwrap();
        replace(&path, b"second", 0o600).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
