//! The file of claims: whole claims only, on disk when a write says so, written anew whenever most of it is over.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    ClaimsError, Key,
    load::{self, Loaded},
    slot::{self, SIZE, Slot},
    table::{Marks, Moment, Table},
};
use crate::clock::Timestamp;

#[derive(Debug)]
pub(super) struct Log {
    directory: PathBuf,
    file: File,
    /// Claims in the file.
    slots: u64,
    /// Something may stand behind them.
    torn: bool,
    /// The file may not be found under its name after a crash.
    misplaced: bool,
    /// Held as long as this process claims; gone with it, however it ends.
    _lock: Option<File>,
}

impl Log {
    /// Takes over the claims in `directory`.
    pub(super) fn open(
        directory: &Path,
        capacity: usize,
        grace: Duration,
        at: Moment,
    ) -> Result<(Self, Table), ClaimsError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |error| ClaimsError::Unusable { path, error }
        };
        make(directory).map_err(unusable(directory))?;
        let metadata = fs::metadata(directory).map_err(unusable(directory))?;
        if !metadata.is_dir() {
            return Err(unusable(directory)(io::ErrorKind::NotADirectory.into()));
        }
        if metadata.permissions().mode() & WORLD_WRITABLE != 0 {
            return Err(ClaimsError::Exposed(directory.to_owned()));
        }
        if !is_kept_by(metadata.uid(), rustix::process::geteuid().as_raw()) {
            return Err(ClaimsError::Foreign(directory.to_owned(), metadata.uid()));
        }
        let lock = lock(directory)?;
        let path = directory.join(NAME);
        let loaded = load(&path).map_err(unusable(&path))?;
        let mut table = Table::with_marks(capacity, grace, loaded.marks(at.now));
        for (key, expires) in loaded.claims {
            table.restore(key, expires, at);
        }
        let (file, slots) = write_anew(directory, table.marks(), table.settled()).map_err(unusable(&path))?;
        sync_directory(directory).map_err(unusable(directory))?;
        let log =
            Self { directory: directory.to_owned(), file, slots, torn: false, misplaced: false, _lock: Some(lock) };
        Ok((log, table))
    }

    /// How many claims are in the file, those that are over included.
    pub(super) fn len(&self) -> u64 {
        self.slots
    }

    /// Puts claims on disk, or none of them: what was written of a failed attempt is taken back.
    pub(super) fn append<'a>(&mut self, claims: impl Iterator<Item = &'a [(Key, Timestamp)]>) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut slots = self.slots;
        for claim in claims {
            for (left, (key, expires)) in (0..claim.len()).rev().zip(claim) {
                slots = slots.saturating_add(1);
                let left = u8::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
                bytes.extend(Slot { number: slots, left, key: *key, expires: *expires }.encode());
            }
        }
        if self.misplaced {
            sync_directory(&self.directory)?;
            self.misplaced = false;
        }
        let length = self.slots.saturating_add(1).saturating_mul(SIZE as u64);
        if self.torn {
            self.file.set_len(length)?;
        }
        self.torn = true;
        self.file.write_all(&bytes).and_then(|()| self.file.sync_data()).or_else(|error| {
            self.file.set_len(length)?;
            self.torn = false;
            Err(error)
        })?;
        self.torn = false;
        self.slots = slots;
        Ok(())
    }

    /// Writes the file anew, with these claims only.
    pub(super) fn compact(&mut self, marks: Marks, claims: impl Iterator<Item = (Key, Timestamp)>) -> io::Result<()> {
        let (file, slots) = write_anew(&self.directory, marks, claims)?;
        (self.file, self.slots, self.torn) = (file, slots, false);
        // The new file is the one that counts. Until the directory is on disk, a crash could bring the old one back.
        self.misplaced = true;
        sync_directory(&self.directory)?;
        self.misplaced = false;
        Ok(())
    }

    /// A log that cannot be written.
    #[cfg(test)]
    pub(super) fn unwritable(directory: &Path) -> Self {
        let path = directory.join(NAME);
        fs::write(&path, "").unwrap();
        let file = File::open(path).unwrap();
        Self { directory: directory.join("gone"), file, slots: 0, torn: false, misplaced: false, _lock: None }
    }
}

impl Loaded {
    /// What is known of claims that are not in the file; if something is missing there, that nothing is known of the time before `now`.
    fn marks(&self, now: Timestamp) -> Marks {
        let known = self.marks.unwrap_or(Marks { bound: None, horizon: Timestamp::MIN });
        if self.damaged { Marks { bound: known.bound.max(Some(now)), ..known } } else { known }
    }
}

fn load(path: &Path) -> io::Result<Loaded> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Loaded { damaged: true, ..Loaded::default() });
        }
        Err(error) => return Err(error),
    };
    let loaded = load::read(BufReader::new(file))?;
    if loaded.damaged {
        tracing::error!(
            claims.file = %path.display(),
            claims.read = loaded.claims.len(),
            "Claims are damaged: one-time tokens issued before now are refused"
        );
    }
    Ok(loaded)
}

/// Whether what lies in a directory of `owner` stays as `this` user has left it. Where anybody may make directories, somebody may have been
/// quicker; root, who owns volumes, could do anything anyway.
pub(super) const fn is_kept_by(owner: u32, this: u32) -> bool {
    owner == this || owner == 0
}

/// Makes the directory itself, if only its parent is there: a volume that Kubernetes gives belongs to everybody, and what is kept does not.
fn make(directory: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes sure that nobody else claims in `directory`.
fn lock(directory: &Path) -> Result<File, ClaimsError> {
    let path = directory.join(LOCK);
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = opened.map_err(|error| ClaimsError::Unusable { path: path.clone(), error })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(ClaimsError::Shared(directory.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(ClaimsError::Unusable { path, error }),
    }
}

/// Writes a whole file aside and moves it to its place.
fn write_anew(
    directory: &Path,
    marks: Marks,
    claims: impl Iterator<Item = (Key, Timestamp)>,
) -> io::Result<(File, u64)> {
    let aside = directory.join(ASIDE);
    // What stands there was never finished.
    fs::remove_file(&aside)
        .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&aside)?;
    let mut bytes = slot::encode_marks(marks).to_vec();
    let mut slots = 0_u64;
    for (key, expires) in claims {
        slots = slots.saturating_add(1);
        bytes.extend(Slot { number: slots, left: 0, key, expires }.encode());
    }
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&aside, directory.join(NAME))?;
    Ok((file, slots))
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

const NAME: &str = "claims.log";
const LOCK: &str = "claims.lock";
const ASIDE: &str = "claims.new";
const WORLD_WRITABLE: u32 = 0o002;
