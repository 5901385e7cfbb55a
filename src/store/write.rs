//! Changes files of a directory whole or not at all, and never over what somebody else has written since they were read.

pub(crate) mod bundle;
pub(crate) mod edit;
pub(crate) mod render;

use std::{
    fs::{self, File, Permissions, TryLockError},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use thiserror::Error;

/// What one file is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its name in the directory.
    pub(crate) name: String,
    /// What it held when it was read; `None` if it was not there.
    pub(crate) was: Option<Vec<u8>>,
    /// What it is to hold; `None` if it is to go.
    pub(crate) becomes: Option<Vec<u8>>,
    /// Who may read it then.
    pub(crate) mode: u32,
}

/// Why nothing, or not everything, was written.
#[derive(Debug, Error)]
pub(crate) enum WriteError {
    /// Somebody else was faster.
    #[error("`{0}` has changed since it was read: run the command again")]
    Changed(String),
    /// It would be a name that is taken.
    #[error("`{0}` is there already: choose another name")]
    Exists(String),
    /// To replace the link would leave what it leads to as it is.
    #[error("`{0}` is no regular file: change what it leads to")]
    Link(String),
    /// The name leads out of the directory, or into another one.
    #[error("`{0}` is no name of a file")]
    Name(String),
    /// Another writer holds the directory.
    #[error("somebody else has been writing to `{0}` for too long: run the command again")]
    Busy(PathBuf),
    /// The world is in the way.
    #[error("`{0}` cannot be written: {1}")]
    World(PathBuf, #[source] io::Error),
}

/// A directory that no other writer changes for as long as this exists: those who take the same lock wait, and others are noticed.
#[derive(Debug)]
pub(crate) struct Held {
    path: PathBuf,
    directory: File,
}

impl Held {
    /// Waits for other writers.
    ///
    /// # Errors
    /// The directory cannot be opened, or is held for too long.
    pub(crate) fn of(path: &Path) -> Result<Self, WriteError> {
        let world = |error| WriteError::World(path.to_owned(), error);
        let directory = File::open(path).map_err(world)?;
        let since = Instant::now();
        loop {
            match directory.try_lock() {
                Ok(()) => return Ok(Self { path: path.to_owned(), directory }),
                Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(WriteError::Busy(path.to_owned())),
                Err(TryLockError::Error(error)) => return Err(world(error)),
            }
        }
    }

    /// Makes the changes, in their order, if every file still holds what it held.
    ///
    /// # Errors
    /// Nothing is written if a file has changed, has appeared, or is none. If the world is in the way of a later change, the earlier ones stay:
    /// what may stay is first.
    pub(crate) fn apply(&self, changes: &[Change]) -> Result<(), WriteError> {
        changes.iter().try_for_each(|change| self.is_unchanged(change))?;
        changes.iter().try_for_each(|change| self.make(change))?;
        self.directory.sync_all().map_err(|error| WriteError::World(self.path.clone(), error))
    }

    fn is_unchanged(&self, change: &Change) -> Result<(), WriteError> {
        let Change { name, was, .. } = change;
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
            return Err(WriteError::Name(name.clone()));
        }
        let path = self.path.join(name);
        let found = match fs::symlink_metadata(&path) {
            Ok(found) if !found.is_file() => return Err(WriteError::Link(name.clone())),
            Ok(_) => Some(fs::read(&path).map_err(|error| WriteError::World(path, error))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(WriteError::World(path, error)),
        };
        match (&found, was) {
            (Some(_), None) => Err(WriteError::Exists(name.clone())),
            (found, was) if found != was => Err(WriteError::Changed(name.clone())),
            _ => Ok(()),
        }
    }

    fn make(&self, Change { name, was, becomes, mode }: &Change) -> Result<(), WriteError> {
        let path = self.path.join(name);
        let world = |error| WriteError::World(path.clone(), error);
        let Some(content) = becomes else {
            return fs::remove_file(&path).map_err(world);
        };
        // Its name begins with a dot, so that nobody reads it before it is whole.
        let mut new = tempfile::Builder::new().prefix(".hopguard-").tempfile_in(&self.path).map_err(world)?;
        new.write_all(content).map_err(world)?;
        new.as_file().set_permissions(Permissions::from_mode(*mode)).map_err(world)?;
        new.as_file().sync_all().map_err(world)?;
        match was {
            Some(_) => new.persist(&path).map(drop).map_err(|error| world(error.error)),
            // Whoever does not take the lock may have been faster even now.
            None => match new.persist_noclobber(&path) {
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                    Err(WriteError::Exists(name.clone()))
                }
                Err(error) => Err(world(error.error)),
                Ok(_) => Ok(()),
            },
        }
    }
}

/// How long other writers are waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn folder() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    fn change(name: &str, was: Option<&str>, becomes: Option<&str>) -> Change {
        let bytes = |text: &str| text.as_bytes().to_vec();
        Change { name: name.to_owned(), was: was.map(bytes), becomes: becomes.map(bytes), mode: 0o640 }
    }

    fn apply(folder: &TempDir, changes: &[Change]) -> Result<(), String> {
        Held::of(folder.path()).unwrap().apply(changes).map_err(|error| error.to_string())
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_whole_and_has_the_mode_that_was_asked_for() {
        let folder = folder();
        apply(&folder, &[change("a.yaml", None, Some("one"))]).unwrap();
        let path = folder.path().join("a.yaml");
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(names(&folder), ["a.yaml"]);
    }

    #[test]
    fn what_somebody_else_has_written_stays() {
        let folder = folder();
        apply(&folder, &[change("a.yaml", None, Some("one"))]).unwrap();
        assert_eq!(
            apply(&folder, &[change("a.yaml", None, Some("two"))]).unwrap_err(),
            "`a.yaml` is there already: choose another name"
        );
        let changed = "`a.yaml` has changed since it was read: run the command again";
        assert_eq!(apply(&folder, &[change("a.yaml", Some("zero"), Some("two"))]).unwrap_err(), changed);
        assert_eq!(apply(&folder, &[change("a.yaml", Some("zero"), None)]).unwrap_err(), changed);
        // A file that is gone has changed, too.
        assert!(apply(&folder, &[change("b.yaml", Some("one"), Some("two"))]).is_err());
        assert_eq!(fs::read_to_string(folder.path().join("a.yaml")).unwrap(), "one");
        apply(&folder, &[change("a.yaml", Some("one"), Some("two"))]).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("a.yaml")).unwrap(), "two");
    }

    #[test]
    fn nothing_is_written_if_one_file_of_several_has_changed() {
        let folder = folder();
        let changes = [change("a.yaml", None, Some("one")), change("b.yaml", Some("one"), None)];
        assert!(apply(&folder, &changes).is_err());
        assert!(names(&folder).is_empty());
    }

    #[test]
    fn a_file_that_is_to_go_goes() {
        let folder = folder();
        apply(&folder, &[change("a.yaml", None, Some("one"))]).unwrap();
        apply(&folder, &[change("b.yaml", None, Some("one")), change("a.yaml", Some("one"), None)]).unwrap();
        assert_eq!(names(&folder), ["b.yaml"]);
    }

    #[test]
    fn a_name_stays_in_its_directory() {
        let folder = folder();
        for name in ["", ".", "..", "../a.yaml", "/a.yaml", "a/b.yaml", ".a.yaml", "a\0.yaml"] {
            assert!(apply(&folder, &[change(name, None, Some("one"))]).unwrap_err().ends_with("is no name of a file"));
        }
        assert!(names(&folder).is_empty());
    }

    #[test]
    fn a_link_is_not_replaced() {
        let folder = folder();
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        symlink(elsewhere.path(), folder.path().join("a.yaml")).unwrap();
        let refused = apply(&folder, &[change("a.yaml", Some(""), Some("one"))]).unwrap_err();
        assert!(refused.ends_with("is no regular file: change what it leads to"), "{refused}");
    }

    #[test]
    fn of_many_writers_each_adds_what_it_has_to_add() {
        let folder = folder();
        apply(&folder, &[change("a.yaml", None, Some(""))]).unwrap();
        let write = |letter: char| {
            loop {
                let held = Held::of(folder.path()).unwrap();
                let was = fs::read_to_string(folder.path().join("a.yaml")).unwrap();
                let becomes = format!("{was}{letter}");
                drop(held);
                match Held::of(folder.path()).unwrap().apply(&[change("a.yaml", Some(&was), Some(&becomes))]) {
                    Err(WriteError::Changed(_)) => {}
                    done => return done.unwrap(),
                }
            }
        };
        thread::scope(|scope| {
            ('a'..='h').for_each(|letter| drop(scope.spawn(move || write(letter))));
        });
        let mut letters: Vec<_> = fs::read_to_string(folder.path().join("a.yaml")).unwrap().chars().collect();
        letters.sort_unstable();
        assert_eq!(letters, ('a'..='h').collect::<Vec<_>>());
    }
}
