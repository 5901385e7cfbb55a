//! A file that holds a secret is read like any other, and whoever runs this is told, once, that others may read it too.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use super::read;

/// Files that were complained about.
static OPEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Reads a regular file of bounded size that nobody else should.
pub(in crate::feed) fn read_secret(path: &Path) -> io::Result<Vec<u8>> {
    let text = read(path)?;
    // It is refused nowhere: Kubernetes mounts secrets so unless it is told otherwise, and nobody else is in the container.
    if is_open(path)? && OPEN.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned()) {
        tracing::warn!(file = %path.display(), "Secret may be read by every user of this machine: set its mode to 0400 or 0440");
    }
    Ok(text)
}

/// Whether users who are neither its owner nor of its group may read or change it.
fn is_open(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o006 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_and_told_of_where_everybody_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, "secret").unwrap();
        for (mode, open) in [(0o600, false), (0o440, false), (0o644, true), (0o602, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_open(&path).unwrap(), open, "{mode:o}");
            assert_eq!(read_secret(&path).unwrap(), b"secret");
            assert_eq!(OPEN.lock().unwrap().contains(&path), mode >= 0o602, "{mode:o}");
        }
        assert!(read_secret(&folder.path().join("none")).is_err());
    }
}
