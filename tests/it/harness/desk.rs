//! People with keys, who sign and verify with `ssh-keygen`.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// Where somebody keeps keys and signs.
pub(crate) struct Desk {
    folder: TempDir,
}

/// A key in a file of its own.
pub(crate) struct Key {
    pub(crate) path: PathBuf,
    /// The line of its `.pub` file.
    pub(crate) public: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a key.
    pub(crate) fn key(&self, kind: &[&str]) -> Key {
        let path = self.path(&kind.concat());
        let output = ssh_keygen(&[kind, &["-q", "-N", "", "-C", "somebody's key", "-f", text(&path)]].concat(), b"");
        assert!(output.status.success(), "{output:?}");
        let public = fs::read_to_string(path.with_extension("pub")).unwrap().trim().to_owned();
        Key { path, public }
    }

    /// Signs with a key, as people do.
    pub(crate) fn sign(&self, key: &Key, namespace: &str, options: &[&str], message: &[u8]) -> String {
        let arguments = [&["-q", "-Y", "sign", "-n", namespace, "-f", text(&key.path)], options].concat();
        let output = ssh_keygen(&arguments, message);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Writes down whose signatures count, as `allowed_signers` in its folder.
    pub(crate) fn allow(&self, lines: &str) {
        fs::write(self.path("allowed_signers"), format!("{lines}\n")).unwrap();
    }

    /// Whether `ssh-keygen` takes a signature, by what was written down, in November 2026.
    pub(crate) fn verifies(&self, by: &str, namespace: &str, signature: &str, message: &[u8]) -> bool {
        let file = self.path("signature");
        fs::write(&file, signature).unwrap();
        let allowed = self.path("allowed_signers");
        let arguments = ["-Y", "verify", "-f", text(&allowed), "-I", by, "-n", namespace, AT, "-s", text(&file)];
        let output = ssh_keygen(&arguments, message);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // What it could not even try would look like a refusal.
        assert!(said.starts_with("Good ") || said.starts_with("Could not verify signature."), "{output:?}");
        output.status.success()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// OpenSSH has to be there: a test that ran only where it is would say nothing where it is not.
fn ssh_keygen(arguments: &[&str], input: &[u8]) -> Output {
    let command = Command::new("ssh-keygen")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = command.expect("`ssh-keygen` is needed: install OpenSSH's client");
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

const AT: &str = "-Overify-time=20261120090000Z";
