//! The working folder: sample files that are written once and never over somebody's edits, and the files of a run.

use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use spiffe::{SpiffeId, TrustDomain};

use super::{Error, Record, files};
use crate::clock::Timestamp;

/// The workloads, in the order of their calls: `web` → `orders` → `payments`.
pub const WORKLOADS: [&str; 3] = ["web", "orders", "payments"];

/// The playground's trust domain.
pub const TRUST_DOMAIN: &str = "dev.hopguard.example";

/// A folder that a playground works in.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Opens a folder that is there.
    pub fn open(path: &Path) -> Result<Self, Error> {
        match path.canonicalize() {
            Ok(root) => Ok(Self { root }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::NotRunning(path.to_owned())),
            Err(error) => Err(Error::file("open", path)(error)),
        }
    }

    /// Opens a folder, and writes the sample files that it lacks; their times count from `now`.
    pub fn create(path: &Path, now: Timestamp) -> Result<Self, Error> {
        files::folder(path, 0o755)?;
        let folder = Self::open(path)?;
        for sub in ["documents", "policy", "trust", "envoy", "hopguard"] {
            files::folder(&folder.root.join(sub), 0o755)?;
        }
        // Keys in one, records of who called whom in the other.
        for sub in ["svids", "audit"] {
            files::folder(&folder.root.join(sub), 0o700)?;
        }
        for name in WORKLOADS {
            files::create(&folder.config(name), &folder.sidecar(name)?)?;
        }
        files::create(&folder.root.join("documents/purposes.yaml"), PURPOSES)?;
        files::create(&folder.root.join("documents/grants.yaml"), &grants(now))?;
        files::create(&folder.policy(), POLICY)?;
        Ok(folder)
    }

    /// Takes the folder for one playground.
    pub(super) fn hold(&self) -> Result<Hold, Error> {
        let path = self.root.join("run.lock");
        let file = File::create(&path).map_err(Error::file("write", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::Taken(self.root.clone())),
            Err(TryLockError::Error(error)) => return Err(Error::file("lock", path)(error)),
        }
        self.renew_sockets()?;
        Ok(Hold { folder: self.clone(), _lock: file })
    }

    /// Reads what the playground that runs here wrote down about itself.
    pub fn record(&self) -> Result<Record, Error> {
        let path = self.record_file();
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|why| Error::Record { path, why: why.to_string() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::NotRunning(self.root.clone())),
            Err(error) => Err(Error::file("read", path)(error)),
        }
    }

    /// The folder itself, as an absolute path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration of a workload's Hopguard.
    pub fn config(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.yaml"))
    }

    /// The sample policy.
    pub fn policy(&self) -> PathBuf {
        self.root.join("policy/authz.rego")
    }

    /// The authorities that everybody here trusts.
    pub fn roots(&self) -> PathBuf {
        self.root.join("trust/roots.pem")
    }

    /// A workload's SVID: `.pem` and `.key`.
    pub fn svid(&self, name: &str) -> PathBuf {
        self.root.join("svids").join(name)
    }

    /// The files of a workload's Envoy: `.json`, `.svid.json`, `.log`, `.admin`.
    pub fn envoy(&self, name: &str) -> PathBuf {
        self.root.join("envoy").join(name)
    }

    /// The files of a workload's Hopguard: `.log`, `.admin`.
    pub fn hopguard(&self, name: &str) -> PathBuf {
        self.root.join("hopguard").join(name)
    }

    /// What [`Folder::record`] reads.
    pub(super) fn record_file(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// Where a workload's Envoy asks its Hopguard.
    pub(super) fn socket(&self, name: &str) -> PathBuf {
        self.sockets().join(format!("{name}.sock"))
    }

    /// The folder of the sockets. A socket's path holds 107 bytes, so it cannot be in a working folder of any depth;
    /// and the configurations name it, so the same working folder always has the same one.
    fn sockets(&self) -> PathBuf {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.root.as_os_str().as_encoded_bytes());
        let mut short = crate::hex::encode(digest.as_ref());
        short.truncate(16);
        PathBuf::from(format!("/tmp/hopguard-{}-{short}", rustix::process::getuid().as_raw()))
    }

    /// Makes the folder of the sockets anew, ours alone.
    fn renew_sockets(&self) -> Result<(), Error> {
        let sockets = self.sockets();
        match fs::symlink_metadata(&sockets) {
            Ok(found) => {
                let ours = found.is_dir() && found.uid() == rustix::process::getuid().as_raw();
                if !ours || found.mode() & 0o777 != 0o700 {
                    return Err(Error::Sockets(sockets));
                }
                fs::remove_dir_all(&sockets).map_err(Error::file("remove", &sockets))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file("read", sockets)(error)),
        }
        fs::DirBuilder::new().mode(0o700).create(&sockets).map_err(Error::file("create", &sockets))
    }

    /// Refuses a configuration that was edited to listen elsewhere than its Envoy asks.
    pub(super) fn expect_socket(&self, name: &str) -> Result<(), Error> {
        let path = self.config(name);
        let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let address = self.check_address(name);
        if text.contains(&address) { Ok(()) } else { Err(Error::Moved { path, address }) }
    }

    fn check_address(&self, name: &str) -> String {
        format!("unix:{}", self.socket(name).display())
    }

    fn sidecar(&self, name: &str) -> Result<String, Error> {
        let (id, check) = (spiffe_id(name)?.to_string(), self.check_address(name));
        Ok(fill(SIDECAR, &[("name", name), ("id", &id), ("check", &check), ("trust_domain", TRUST_DOMAIN)]))
    }
}

/// A folder that one playground works in: until this is dropped, no other does.
#[derive(Debug)]
pub(super) struct Hold {
    folder: Folder,
    _lock: File,
}

impl Hold {
    /// The folder.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Both are made anew by the next run, and what they lead to is gone already.
        let _ = files::remove(&self.folder.record_file());
        let _ = fs::remove_dir_all(self.folder.sockets());
    }
}

/// The SPIFFE ID of one of the [`WORKLOADS`].
pub fn spiffe_id(name: &str) -> Result<SpiffeId, Error> {
    let unknown = || Error::UnknownWorkload(name.to_owned());
    let known = WORKLOADS.iter().find(|known| **known == name).ok_or_else(unknown)?;
    SpiffeId::from_segments(trust_domain()?, &[known]).map_err(|_| unknown())
}

/// [`TRUST_DOMAIN`], parsed.
pub(super) fn trust_domain() -> Result<TrustDomain, Error> {
    TrustDomain::new(TRUST_DOMAIN).map_err(super::authority::refused("name the trust domain"))
}

fn grants(now: Timestamp) -> String {
    // Documents are written by people: whole seconds.
    let now = Timestamp::from_seconds(now.seconds());
    let at = |days: u64| now.after(Duration::from_secs(days * 24 * 60 * 60)).to_string();
    let domain = format!("spiffe://{TRUST_DOMAIN}");
    let values: [(&str, &str); 5] = [
        ("domain", &domain),
        ("now", &now.to_string()),
        ("jit_ends", &at(1)),
        ("review", &at(60)),
        ("standing_ends", &at(90)),
    ];
    fill(GRANTS, &values)
}

fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
}

const SIDECAR: &str = include_str!("samples/sidecar.yaml");
const PURPOSES: &str = include_str!("samples/purposes.yaml");
const GRANTS: &str = include_str!("samples/grants.yaml");
const POLICY: &str = include_str!("samples/authz.rego");

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_165_200);

    #[test]
    fn every_sample_is_filled_in() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(dir.path(), NOW).unwrap();
        for path in [folder.config("web"), dir.path().join("documents/grants.yaml"), folder.policy()] {
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains("{{"), "{}", path.display());
        }
        let grants = fs::read_to_string(dir.path().join("documents/grants.yaml")).unwrap();
        assert!(grants.contains("notBefore: 2026-11-20T09:00:00Z\n  expiresAt: 2026-11-21T09:00:00Z"), "{grants}");
    }

    #[test]
    fn an_edit_survives_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(dir.path(), NOW).unwrap();
        fs::write(folder.policy(), "package mine").unwrap();
        Folder::create(dir.path(), NOW).unwrap();
        assert_eq!(fs::read_to_string(folder.policy()).unwrap(), "package mine");
    }

    #[test]
    fn one_playground_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(dir.path(), NOW).unwrap();
        let held = folder.hold().unwrap();
        assert!(matches!(folder.hold(), Err(Error::Taken(_))));
        drop(held);
        assert!(folder.hold().is_ok());
    }

    #[test]
    fn sockets_stay_short_and_ours_alone() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a-folder-of-quite-some-depth/".repeat(8));
        let folder = Folder::create(&deep, NOW).unwrap();
        assert!(folder.socket("payments").as_os_str().len() <= 107);
        folder.renew_sockets().unwrap();
        let mode = fs::metadata(folder.sockets()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
        fs::remove_dir(folder.sockets()).unwrap();
    }

    #[test]
    fn does_not_use_sockets_that_others_may_reach() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(dir.path(), NOW).unwrap();
        folder.renew_sockets().unwrap();
        fs::set_permissions(folder.sockets(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(folder.renew_sockets(), Err(Error::Sockets(_))));
        fs::remove_dir(folder.sockets()).unwrap();
    }

    #[test]
    fn a_configuration_that_listens_elsewhere_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::create(dir.path(), NOW).unwrap();
        folder.expect_socket("web").unwrap();
        fs::write(folder.config("web"), "listen: []").unwrap();
        assert!(matches!(folder.expect_socket("web"), Err(Error::Moved { .. })));
    }
}
