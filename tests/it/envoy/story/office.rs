//! People who give access, at their desks: they write documents with the verbs, and sign with `ssh-keygen`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use crate::harness::{Desk, Key};

pub(super) const ALICE: &str = "alice@example.com";
pub(super) const BOB: &str = "bob@example.com";
pub(super) const DAVE: &str = "dave@example.com";

/// Everybody, and each one's key.
pub(super) struct Office {
    people: BTreeMap<&'static str, (Desk, Key)>,
}

/// What a verb said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: i32,
    pub(super) out: Vec<u8>,
    pub(super) err: String,
}

impl Office {
    pub(super) fn new() -> Self {
        let person = |name| {
            let desk = Desk::new();
            let key = desk.key(&["-t", "ed25519"]);
            (name, (desk, key))
        };
        Self { people: [ALICE, BOB, DAVE].into_iter().map(person).collect() }
    }

    /// Whose signatures count.
    pub(super) fn allowed_signers(&self) -> String {
        let line =
            |(name, (_, key)): (&&str, &(Desk, Key))| format!("{name} namespaces=\"hopguard-grant\" {}\n", key.public);
        self.people.iter().map(line).collect()
    }

    /// Somebody's key, for whoever signs with it at once.
    pub(super) fn key(&self, name: &str) -> &Path {
        &self.people[name].1.path
    }

    /// What somebody signs, in a file.
    fn signature(&self, name: &str, message: &[u8]) -> PathBuf {
        let (desk, key) = &self.people[name];
        let path = desk.path("signature");
        fs::write(&path, desk.sign(key, "hopguard-grant", &[], message)).unwrap();
        path
    }

    /// Runs a verb of words without spaces in them, over the documents that the configuration in `folder` names.
    pub(super) async fn tries(&self, folder: &Path, line: &str) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hopguard"));
        command.args(line.split_whitespace()).args(["--config", "hopguard.yaml"]).current_dir(folder);
        let output = command.stdin(Stdio::null()).output().await.unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        Said { code: output.status.code().unwrap(), out: output.stdout, err }
    }

    /// Runs a verb that has to succeed.
    pub(super) async fn does(&self, folder: &Path, line: &str) -> String {
        let said = self.tries(folder, line).await;
        assert_eq!(said.code, 0, "{line}\n{said:?}");
        String::from_utf8(said.out).unwrap()
    }

    /// Has somebody look at what is asked for, sign it with `ssh-keygen`, and approve it.
    pub(super) async fn approves(&self, folder: &Path, by: &str, name: &str) -> Said {
        let shown = self.tries(folder, &format!("grant show {name} --canonical")).await;
        assert_eq!(shown.code, 0, "{shown:?}");
        let signature = self.signature(by, &shown.out);
        let line = format!("grant approve {name} --by {by} --signature {} --yes", signature.display());
        self.tries(folder, &line).await
    }
}
