//! What last passed is kept for the next start as it came, whole or not at all, beside what it is to be told older ones by.

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Subscription, offer::sha256, order::History};
use crate::{
    feed::https::Tag,
    json,
    trust::state::{StateError, private},
};

/// What is kept of one bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Its bytes, as they came.
    pub(super) bytes: Bytes,
    /// What its server called it.
    pub(super) tag: Option<Tag>,
    /// What came before it.
    pub(super) history: History,
}

/// The directory in which bundles are kept, one file each.
#[derive(Clone, Debug)]
pub(in crate::feed) struct Keep {
    directory: PathBuf,
}

impl Keep {
    /// Opens `bundles` in the state directory, and makes it if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, or others than this user could write in it: they would say what the policy is.
    pub(in crate::feed) fn open(state: &Path) -> io::Result<Self> {
        let directory = state.join("bundles");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        private(&fs::metadata(&directory)?)?;
        for entry in fs::read_dir(&directory)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                // What a crash left behind.
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { directory })
    }

    /// Reads what is kept for `subscription`; `None`: nothing is, or of another origin.
    ///
    /// # Errors
    /// A file that is damaged, of a form not known here, or that others could have written.
    pub(super) fn load(&self, subscription: &Subscription) -> Result<Option<Kept>, StateError> {
        let path = self.path(&subscription.name);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if !metadata.is_file() {
            return Err(StateError::Damaged);
        }
        private(&metadata)?;
        let most = u64::try_from(subscription.max_bytes).unwrap_or(u64::MAX).saturating_add(MAX_HEAD);
        let mut content = Vec::new();
        File::open(&path)?.take(most.saturating_add(1)).read_to_end(&mut content)?;
        if content.len() as u64 > most {
            return Err(StateError::Damaged);
        }
        let (head, kept) = read(&content.into()).ok_or(StateError::Damaged)?;
        if head.name != subscription.name {
            return Err(StateError::Damaged);
        }
        Ok(Some(kept).filter(|_| head.origin == origin(subscription)))
    }

    /// Keeps `kept` for `subscription`: when this returns, it is on disk.
    pub(super) fn store(&self, subscription: &Subscription, kept: &Kept) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(&self.directory)?;
        let head = Head {
            version: VERSION,
            name: subscription.name.clone(),
            origin: origin(subscription),
            tag: kept.tag.as_ref().map(|tag| tag.as_str().to_owned()),
            digest: sha256(&kept.bytes),
            history: kept.history.clone(),
        };
        let head = serde_json::to_string(&head)?;
        writeln!(file, "{head}\n{}", sha256(head.as_bytes()))?;
        file.write_all(&kept.bytes)?;
        file.as_file().sync_all()?;
        file.persist(self.path(&subscription.name)).map_err(|error| error.error)?;
        File::open(&self.directory)?.sync_all()
    }

    /// Forgets what is kept of all but `subscriptions`.
    pub(super) fn retain<'a>(&self, subscriptions: impl Iterator<Item = &'a Subscription>) -> io::Result<()> {
        let retained: BTreeSet<_> = subscriptions.map(|subscription| self.path(&subscription.name)).collect();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.extension() == Some(EXTENSION.as_ref()) && !retained.contains(&path) {
                fs::remove_file(path)?;
            }
        }
        File::open(&self.directory)?.sync_all()
    }

    /// A bundle may be called `..`, so it is no file's name.
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(sha256(name.as_bytes())).with_extension(EXTENSION)
    }
}

/// The first line of a file; the second is its checksum, and the rest is the bundle.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    version: u32,
    name: String,
    origin: String,
    tag: Option<String>,
    digest: String,
    history: History,
}

fn read(content: &Bytes) -> Option<(Head, Kept)> {
    let line_from = |from: usize| {
        let rest = content.get(from..)?;
        let length = rest.iter().take(MAX_HEAD as usize).position(|byte| *byte == b'\n')?;
        Some(from..from + length)
    };
    let head = line_from(0)?;
    let checksum = line_from(head.end + 1)?;
    if sha256(content.get(head.clone())?).as_bytes() != content.get(checksum.clone())? {
        return None;
    }
    let head: Head = serde_json::from_value(json::parse(content.get(head)?, MAX_DEPTH).ok()?).ok()?;
    let bytes = content.slice(checksum.end + 1..);
    if head.version != VERSION || head.digest != sha256(&bytes) {
        return None;
    }
    let tag = head.tag.as_deref().map(Tag::parse);
    let tag = match tag {
        None => None,
        Some(tag) => Some(tag?),
    };
    let kept = Kept { bytes, tag, history: head.history.clone() };
    Some((head, kept))
}

/// What tells an origin from every other, without what it says.
fn origin(subscription: &Subscription) -> String {
    sha256(subscription.origin.identity().as_bytes())
}

const VERSION: u32 = 1;
const EXTENSION: &str = "bundle";
/// The name of a file that is being written begins so.
const UNFINISHED: &str = ".unfinished-";
/// The lines before the bundle.
const MAX_HEAD: u64 = 256 * 1024;
const MAX_DEPTH: usize = 8;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::feed::bundle::{Order, Origin};

    fn subscription(name: &str) -> Subscription {
        Subscription::new(name, Origin::parse("https://bundles.test/a?token=secret", false).unwrap())
    }

    fn kept() -> Kept {
        let mut history = History::default();
        for (digest, revision) in [("a", Some("1")), ("b", None)] {
            let revision = revision.map(str::to_owned);
            history.count(&Order { digest: digest.to_owned(), revision, issued: Some(i64::MIN) });
        }
        Kept { bytes: Bytes::from_static(b"\x1f\x8b\n\nbytes"), tag: Tag::parse("W/\"a\""), history }
    }

    fn only_file(directory: &Path) -> PathBuf {
        let mut files = fs::read_dir(directory.join("bundles")).unwrap().map(|entry| entry.unwrap().path());
        let file = files.next().unwrap();
        assert_eq!(files.next(), None);
        file
    }

    #[test]
    fn gives_back_what_was_kept_and_tells_no_secret() {
        let directory = tempfile::tempdir().unwrap();
        let keep = Keep::open(directory.path()).unwrap();
        for name in ["policy", "..", "a/b", "\u{e4}"] {
            let subscription = subscription(name);
            assert_eq!(keep.load(&subscription).unwrap(), None, "{name}");
            keep.store(&subscription, &kept()).unwrap();
            assert_eq!(Keep::open(directory.path()).unwrap().load(&subscription).unwrap(), Some(kept()), "{name}");
            let content = fs::read(only_file(directory.path())).unwrap();
            assert!(!String::from_utf8_lossy(&content).contains("secret"));
            keep.retain(std::iter::empty()).unwrap();
        }
    }

    #[test]
    fn what_came_from_elsewhere_does_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let keep = Keep::open(directory.path()).unwrap();
        keep.store(&subscription("policy"), &kept()).unwrap();
        let elsewhere = Origin::parse("https://bundles.test/b", false).unwrap();
        assert_eq!(keep.load(&Subscription::new("policy", elsewhere)).unwrap(), None);
        let other = keep.path("other");
        fs::rename(only_file(directory.path()), other).unwrap();
        assert!(matches!(keep.load(&subscription("other")), Err(StateError::Damaged)), "it says whose it is");
    }

    #[test]
    fn refuses_a_file_with_any_byte_changed_or_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let keep = Keep::open(directory.path()).unwrap();
        let subscription = subscription("policy");
        keep.store(&subscription, &kept()).unwrap();
        let file = only_file(directory.path());
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            for text in [&changed[..], &whole[..at]] {
                fs::write(&file, text).unwrap();
                assert!(matches!(keep.load(&subscription), Err(StateError::Damaged)), "at {at}");
            }
        }
        fs::write(&file, [&whole[..], b"\n"].concat()).unwrap();
        assert!(matches!(keep.load(&subscription), Err(StateError::Damaged)));
        fs::write(&file, &whole).unwrap();
        assert_eq!(keep.load(&subscription).unwrap(), Some(kept()));
    }

    #[test]
    fn is_its_users_alone() {
        let directory = tempfile::tempdir().unwrap();
        let keep = Keep::open(directory.path()).unwrap();
        let subscription = subscription("policy");
        keep.store(&subscription, &kept()).unwrap();
        let file = only_file(directory.path());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&directory.path().join("bundles")), mode(&file)), (0o700, 0o600));
        fs::set_permissions(&file, Permissions::from_mode(0o622)).unwrap();
        assert!(matches!(keep.load(&subscription), Err(StateError::Io(_))));
        fs::set_permissions(directory.path().join("bundles"), Permissions::from_mode(0o777)).unwrap();
        assert!(Keep::open(directory.path()).is_err());
    }

    #[test]
    fn a_file_that_grew_beyond_the_bundles_bound_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let keep = Keep::open(directory.path()).unwrap();
        let mut subscription = subscription("policy");
        keep.store(&subscription, &Kept { bytes: vec![0; 600_000].into(), ..kept() }).unwrap();
        subscription.max_bytes = 1024;
        assert!(matches!(keep.load(&subscription), Err(StateError::Damaged)));
    }
}
