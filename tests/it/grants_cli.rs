//! The verbs for documents, as people use them: what they write acts as they say, and nothing that they do cannot be undone.

mod hostile;
mod lifecycle;
mod refusals;
mod signed;
mod undo;
mod writers;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

const PURPOSES: &str = "# what for
apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: billing}
spec: {name: billing, owner: team-billing}
---
apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: invoice}
spec: {name: billing.invoice, owner: team-billing}
";

const REQUEST: &str = "grant request agent --subject spiffe://prod.example/agent --audience spiffe://prod.example/ledger --method GET \
                       --path /v1/ledgers/* --grpc ledger.v1.Ledger/Read --purpose billing.invoice --for 2h --ticket CHG-1 \
                       --owner team-billing --requested-by bob@example.com --approver alice@example.com";

/// A directory of documents, with purposes in it, and a place for keys beside it.
struct Desk {
    folder: TempDir,
    /// What names the documents on the command line.
    place: Vec<String>,
}

/// What a command said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("documents")).unwrap();
        let desk = Self { folder, place: ["--dir", "documents"].map(str::to_owned).to_vec() };
        desk.write("documents/purposes.yaml", PURPOSES);
        desk
    }

    /// One whose configuration says more.
    fn configured(more: &str) -> Self {
        let mut desk = Self::new();
        let config = format!(
            "self: spiffe://prod.example/ledger\ntrust: [{{trust_domain: prod.example, pem: roots.pem}}]\n\
             store: {{directory: documents}}\npolicy: {{directory: policy}}\naudit: {{file: audit.jsonl}}\n{more}\n"
        );
        desk.write("hopguard.yaml", &config);
        desk.place = ["--config", "hopguard.yaml"].map(str::to_owned).to_vec();
        desk
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path().join(name)).unwrap().permissions().mode() & 0o7777
    }

    /// The documents' files and what they hold.
    fn files(&self) -> BTreeMap<String, String> {
        let entries = fs::read_dir(self.path().join("documents")).unwrap().map(Result::unwrap);
        let text =
            |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap());
        entries.map(text).collect()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hopguard"));
        command.args(words).args(&self.place).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, words: &[&str]) -> Said {
        Said::of(self.command(words).output().unwrap())
    }

    /// Runs a line of words without spaces in them.
    fn line(&self, line: &str) -> Said {
        self.run(&line.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs a line that has to succeed, and writes.
    fn done(&self, line: &str) -> Said {
        let said = self.line(&format!("{line} --yes"));
        assert_eq!(said.code, 0, "{line}\n{}{}", said.out, said.err);
        said
    }

    /// Runs a line as a shell does, with this program under its name.
    fn shell(&self, line: &str) -> Said {
        let script = format!("hopguard() {{ \"$HOPGUARD\" \"$@\" $YES; }}\n{line}\n");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(self.path()).stdin(Stdio::null());
        Said::of(shell.env("HOPGUARD", env!("CARGO_BIN_EXE_hopguard")).env("YES", "--yes").output().unwrap())
    }

    /// Where each grant and request stands, by its name.
    fn states(&self) -> BTreeMap<String, String> {
        let said = self.line("grant list --all -o json");
        assert_eq!(said.code, 0, "{}", said.err);
        let rows: Vec<Value> = serde_json::from_str(&said.out).unwrap();
        let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
        rows.iter().map(|row| (text(row, "name"), text(row, "state"))).collect()
    }

    fn state(&self, name: &str) -> String {
        self.states().remove(name).unwrap_or_else(|| "nothing".to_owned())
    }

    /// Asks for the grant `agent`, and approves it.
    fn granted() -> Self {
        let desk = Self::new();
        desk.done(REQUEST);
        desk.done("grant approve agent --by alice@example.com");
        desk
    }

    /// A new key, and its public half.
    fn key(&self, name: &str) -> String {
        let path = self.path().join(name);
        let made =
            Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&path).output();
        assert!(made.expect("these tests need ssh-keygen").status.success());
        self.read(&format!("{name}.pub"))
    }
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The command behind a word at the beginning of a line.
    fn told(&self, word: &str) -> String {
        let line = self.out.lines().find_map(|line| line.strip_prefix(word));
        line.unwrap_or_else(|| panic!("no `{word}` in\n{}{}", self.out, self.err)).trim().to_owned()
    }

    fn undo(&self) -> String {
        self.told("undo ")
    }
}
