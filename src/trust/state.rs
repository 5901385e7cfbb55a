//! What was last known of a trust domain survives a restart as it was: whole or not at all, and a withdrawal stays one.

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spiffe::TrustDomain;

use super::Authorities;
use crate::{clock::Timestamp, hex, json, peer::id::parse_trust_domain};

/// What is kept of one trust domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The trust domain.
    pub trust_domain: TrustDomain,
    /// The source that it came from: what another source gave says nothing of this one.
    pub source: String,
    /// When the source last stood by it.
    pub confirmed: Timestamp,
    /// The publisher's number of it.
    pub sequence: Option<u64>,
    /// What the source gave; nothing, if it had withdrawn the bundle.
    pub authorities: Authorities,
}

/// The directory in which the last known bundles are kept, one file each.
#[derive(Clone, Debug)]
pub struct State {
    directory: PathBuf,
}

impl State {
    /// Opens `trust` in the state directory, and makes it if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, or others than this user could write in it: they would say whom to trust.
    pub fn open(state: &Path) -> io::Result<Self> {
        let directory = state.join("trust");
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

    /// Reads what is kept of `trust_domain` from `source`; `None`: nothing is.
    ///
    /// # Errors
    /// A file that is damaged, of a form not known here, or that others could have written.
    pub fn load(&self, trust_domain: &TrustDomain, source: &str) -> Result<Option<Kept>, StateError> {
        let path = self.path(trust_domain);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if !metadata.is_file() {
            return Err(StateError::Damaged);
        }
        private(&metadata)?;
        let mut text = Vec::new();
        File::open(&path)?.take(MAX_FILE + 1).read_to_end(&mut text)?;
        let kept = read(&text).filter(|kept| kept.trust_domain == *trust_domain).ok_or(StateError::Damaged)?;
        Ok(Some(kept).filter(|kept| kept.source == source))
    }

    /// Keeps `kept`: when this returns, it is on disk.
    pub fn store(&self, kept: &Kept) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(&self.directory)?;
        file.write_all(&write(kept)?)?;
        file.as_file().sync_all()?;
        file.persist(self.path(&kept.trust_domain)).map_err(|error| error.error)?;
        self.sync()
    }

    /// Forgets what is kept of all but `trust_domains`.
    pub fn retain<'a>(&self, trust_domains: impl Iterator<Item = &'a TrustDomain>) -> io::Result<()> {
        let retained: BTreeSet<_> = trust_domains.map(|trust_domain| self.path(trust_domain)).collect();
        for entry in fs::read_dir(&self.directory)? {
            let path = entry?.path();
            if path.extension() == Some(EXTENSION.as_ref()) && !retained.contains(&path) {
                fs::remove_file(path)?;
            }
        }
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    /// A trust domain may be called `..`, so it is no file's name.
    fn path(&self, trust_domain: &TrustDomain) -> PathBuf {
        self.directory.join(sha256(trust_domain.as_str().as_bytes())).with_extension(EXTENSION)
    }
}

/// Why what is kept cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be read, or others could have written it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not what was written.
    #[error("it is damaged")]
    Damaged,
}

/// The first line of a file; the second is its checksum.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    version: u32,
    trust_domain: String,
    source: String,
    confirmed_nanos: i64,
    sequence: Option<u64>,
    x509_authorities: Vec<String>,
    jwt_authorities: Vec<Value>,
}

fn write(kept: &Kept) -> io::Result<Vec<u8>> {
    let line = Line {
        version: VERSION,
        trust_domain: kept.trust_domain.to_string(),
        source: kept.source.clone(),
        confirmed_nanos: kept.confirmed.nanos(),
        sequence: kept.sequence,
        x509_authorities: kept.authorities.x509.iter().map(|der| STANDARD.encode(der)).collect(),
        jwt_authorities: kept.authorities.jwt.clone(),
    };
    let line = serde_json::to_string(&line)?;
    Ok(format!("{line}\n{}\n", sha256(line.as_bytes())).into_bytes())
}

fn read(text: &[u8]) -> Option<Kept> {
    let (line, checksum) = str::from_utf8(text).ok()?.strip_suffix('\n')?.split_once('\n')?;
    if sha256(line.as_bytes()) != checksum {
        return None;
    }
    let line: Line = serde_json::from_value(json::parse(line.as_bytes(), MAX_DEPTH).ok()?).ok()?;
    if line.version != VERSION {
        return None;
    }
    let x509 = line.x509_authorities.iter().map(|der| STANDARD.decode(der)).collect::<Result<_, _>>().ok()?;
    Some(Kept {
        trust_domain: parse_trust_domain(&line.trust_domain).ok()?,
        source: line.source,
        confirmed: Timestamp::from_nanos(line.confirmed_nanos),
        sequence: line.sequence,
        authorities: Authorities { x509, jwt: line.jwt_authorities },
    })
}

/// Refuses what others than this user could have written.
pub(crate) fn private(metadata: &fs::Metadata) -> io::Result<()> {
    let owner = metadata.uid();
    if (owner == geteuid().as_raw() || owner == 0) && metadata.mode() & 0o022 == 0 {
        return Ok(());
    }
    let why = "others than this user could have written it: make it its own, with mode 0700 for a directory and 0600 for a file";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes).as_ref())
}

const VERSION: u32 = 1;
const EXTENSION: &str = "json";
/// The name of a file that is being written begins so.
const UNFINISHED: &str = ".unfinished-";
const MAX_FILE: u64 = 8 * 1024 * 1024;
/// As deep as a key may nest, below this file's own levels.
const MAX_DEPTH: usize = 20;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::peer::id::parse_trust_domain;

    fn kept(name: &str) -> Kept {
        Kept {
            trust_domain: parse_trust_domain(name).unwrap(),
            source: "unix:/run/agent.sock".to_owned(),
            confirmed: Timestamp::from_nanos(1_795_165_200_000_000_001),
            sequence: Some(u64::MAX),
            authorities: Authorities { x509: vec![vec![0x30, 0]], jwt: vec![json!({"kid": "ä", "n": 1})] },
        }
    }

    fn only_file(directory: &Path) -> PathBuf {
        let mut files = fs::read_dir(directory.join("trust")).unwrap().map(|entry| entry.unwrap().path());
        let file = files.next().unwrap();
        assert_eq!(files.next(), None);
        file
    }

    #[test]
    fn gives_back_what_was_kept() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::open(directory.path()).unwrap();
        for name in ["td.test", "..", "-", "a/b".split('/').next().unwrap()] {
            let kept = kept(name);
            assert_eq!(state.load(&kept.trust_domain, &kept.source).unwrap(), None, "{name}");
            state.store(&kept).unwrap();
            let again = State::open(directory.path()).unwrap();
            assert_eq!(again.load(&kept.trust_domain, &kept.source).unwrap(), Some(kept), "{name}");
        }
        let withdrawn = Kept { authorities: Authorities::default(), ..kept("td.test") };
        state.store(&withdrawn).unwrap();
        assert_eq!(state.load(&withdrawn.trust_domain, &withdrawn.source).unwrap(), Some(withdrawn.clone()));
    }

    #[test]
    fn forgets_what_is_no_longer_listed() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::open(directory.path()).unwrap();
        let (listed, former) = (kept("td.test"), kept("other.test"));
        state.store(&listed).unwrap();
        state.store(&former).unwrap();
        state.retain([&listed.trust_domain].into_iter()).unwrap();
        assert_eq!(state.load(&former.trust_domain, &former.source).unwrap(), None);
        assert_eq!(state.load(&listed.trust_domain, &listed.source).unwrap(), Some(listed));
    }

    #[test]
    fn what_another_source_gave_does_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::open(directory.path()).unwrap();
        state.store(&kept("td.test")).unwrap();
        assert_eq!(state.load(&kept("td.test").trust_domain, "https://td.test").unwrap(), None);
    }

    #[test]
    fn refuses_a_file_with_any_byte_changed_or_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::open(directory.path()).unwrap();
        let kept = kept("td.test");
        state.store(&kept).unwrap();
        let file = only_file(directory.path());
        let whole = fs::read(&file).unwrap();
        let load = || state.load(&kept.trust_domain, &kept.source);
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            for text in [&changed[..], &whole[..at]] {
                fs::write(&file, text).unwrap();
                assert!(matches!(load(), Err(StateError::Damaged)), "at {at}");
            }
        }
        fs::write(&file, [&whole[..], b"\n"].concat()).unwrap();
        assert!(matches!(load(), Err(StateError::Damaged)));
        fs::write(&file, &whole).unwrap();
        assert_eq!(load().unwrap(), Some(kept));
    }

    #[test]
    fn a_file_speaks_for_its_own_trust_domain_only() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::open(directory.path()).unwrap();
        let (own, other) = (kept("td.test"), kept("other.test"));
        state.store(&other).unwrap();
        fs::rename(only_file(directory.path()), state.path(&own.trust_domain)).unwrap();
        assert!(matches!(state.load(&own.trust_domain, &own.source), Err(StateError::Damaged)));
    }

    #[test]
    fn is_its_users_alone() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::open(directory.path()).unwrap();
        let kept = kept("td.test");
        state.store(&kept).unwrap();
        let file = only_file(directory.path());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&directory.path().join("trust")), mode(&file)), (0o700, 0o600));

        fs::set_permissions(&file, Permissions::from_mode(0o620)).unwrap();
        assert!(matches!(state.load(&kept.trust_domain, &kept.source), Err(StateError::Io(_))));
        fs::rename(&file, directory.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(directory.path().join("elsewhere"), &file).unwrap();
        assert!(matches!(state.load(&kept.trust_domain, &kept.source), Err(StateError::Damaged)));
        fs::set_permissions(directory.path().join("trust"), Permissions::from_mode(0o777)).unwrap();
        assert!(State::open(directory.path()).is_err());
    }

    #[test]
    fn what_a_crash_left_unfinished_is_swept_away() {
        let directory = tempfile::tempdir().unwrap();
        let state = State::open(directory.path()).unwrap();
        fs::write(state.directory.join(".unfinished-x"), "half").unwrap();
        state.store(&kept("td.test")).unwrap();
        State::open(directory.path()).unwrap();
        only_file(directory.path());
    }
}
