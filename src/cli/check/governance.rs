//! The part of `hopguard check` that looks at how the documents are kept: what it finds is written with its place, and CI can fail on it.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use spiffe::SpiffeId;

use crate::{
    approval::{AllowedSigners, Approvals},
    cli::argument::time,
    clock::{Clock, Timestamp},
    config::Config,
    governance::{Finding, Severity, Written, counted, review},
    store::{Directory, Rules},
    yaml::{Problem, Problems},
};

/// What `check` is told of documents.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct GovernanceArgs {
    /// Look at how documents are kept: those of a directory, or those that the configuration names
    #[arg(long, value_name = "DIR", num_args = 0..=1, group = "what")]
    #[expect(clippy::option_option, reason = "absent, alone and with a directory are three things")]
    governance: Option<Option<PathBuf>>,
    /// The least weight of what is found in documents that fails
    #[arg(long, value_enum, default_value_t = FailOn::High, requires = "governance")]
    fail_on: FailOn,
    /// Whose signatures count below the documents of a directory; a configuration says so itself
    #[arg(long, value_name = "FILE", requires = "governance", conflicts_with = "config")]
    allowed_signers: Option<PathBuf>,
    /// When the documents are looked at
    #[arg(long, value_name = "TIME", value_parser = time, requires = "governance")]
    now: Option<Timestamp>,
}

/// The least weight of findings that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Info,
    Low,
    Medium,
    #[default]
    High,
}

/// A directory of documents, and who has said which.
#[derive(Debug)]
pub(super) struct Named {
    directory: PathBuf,
    /// Whether a configuration has: then its parts are loaded elsewhere.
    configured: bool,
}

impl GovernanceArgs {
    /// The documents to look at, if any are to be.
    pub(super) fn directory(
        &self,
        config: Option<(&Path, Option<&SpiffeId>)>,
        problems: &mut Vec<Problem>,
    ) -> Option<Named> {
        if let Some(directory) = self.governance.as_ref()? {
            return Some(Named { directory: directory.clone(), configured: false });
        }
        let Some((path, this)) = config else {
            let message = "name a directory of documents, or a configuration with `--config`";
            problems.push(Problem::of_file("governance", message));
            return None;
        };
        // What is wrong with it has been said.
        let config = Config::load_as(path, this).ok()?;
        let named = config.documents.clone().map(|directory| Named { directory, configured: true });
        if named.is_none() {
            let message = "store.directory: there are no documents to look at: it is not set";
            problems.push(Problem::of_file(&config.name(), message));
        }
        named
    }

    /// Loads documents as the store would, unless that is done already, and reviews them.
    pub(super) fn review(&self, named: &Named, problems: &mut Vec<Problem>) -> (Option<String>, Governed) {
        let now = self.now.unwrap_or_else(|| Clock::default().now());
        let mut found = None;
        if !named.configured {
            match self.load(&named.directory, now) {
                Ok(loaded) => found = Some(loaded),
                Err(Problems(refused)) => problems.extend(refused),
            }
        }
        (found, Governed::of(&named.directory, self.fail_on.into(), now, problems))
    }

    fn load(&self, directory: &Path, now: Timestamp) -> Result<String, Problems> {
        let signers = self.allowed_signers.as_deref().map(signers).transpose()?;
        let approvals = Approvals { required: false, signers: signers.map(Arc::new) };
        let documents = Directory::new(directory, Rules { approvals, ..Rules::default() }).read(now)?;
        if documents.problems.is_empty() {
            Ok(format!("{}, revision {}", counted(documents.grants.len() as u64, "grant"), documents.revision))
        } else {
            Err(Problems(documents.problems))
        }
    }
}

fn signers(path: &Path) -> Result<AllowedSigners, Problems> {
    let file = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| Problem::of_file(&file, format!("cannot be read: {error}")))?;
    AllowedSigners::parse(&file, &text)
}

impl From<FailOn> for Severity {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Info => Self::Info,
            FailOn::Low => Self::Low,
            FailOn::Medium => Self::Medium,
            FailOn::High => Self::High,
        }
    }
}

/// What was found in documents, and from which weight on it fails.
#[derive(Debug, Default)]
pub(super) struct Governed {
    found: Option<(usize, Vec<Finding>)>,
    fails: bool,
}

impl Governed {
    /// Reviews the documents of a directory; what does not even parse is a problem.
    fn of(directory: &Path, fail_on: Severity, now: Timestamp, problems: &mut Vec<Problem>) -> Self {
        match Written::read(directory) {
            Ok(written) => {
                let findings = review(&written, now);
                let fails = findings.iter().any(|finding| finding.severity >= fail_on);
                Self { found: Some((written.all().len(), findings)), fails }
            }
            Err(found) => {
                problems.extend(found.0.into_iter().filter(|problem| !problems.contains(problem)).collect::<Vec<_>>());
                Self::default()
            }
        }
    }

    /// Whether something weighs so much that it fails.
    pub(super) const fn fails(&self) -> bool {
        self.fails
    }

    /// One line for each finding, and how many there are of each weight.
    pub(super) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        let Some((documents, findings)) = &self.found else { return Ok(()) };
        findings.iter().try_for_each(|finding| writeln!(out, "{finding}"))?;
        let counts = Severity::ALL.into_iter().rev().filter_map(|severity| {
            let count = findings.iter().filter(|finding| finding.severity == severity).count();
            (count > 0).then(|| format!("{count} {}", severity.as_str()))
        });
        let counts = counts.collect::<Vec<_>>().join(", ");
        let said = if counts.is_empty() { "nothing to look at" } else { &counts };
        writeln!(out, "{:10} {said} in {}", "governance", counted(*documents as u64, "document"))
    }

    pub(super) fn to_json(&self) -> Value {
        let Some((_, findings)) = &self.found else { return Value::Null };
        findings
            .iter()
            .map(|finding| {
                json!({
                    "file": *finding.file,
                    "line": finding.line,
                    "column": finding.column,
                    "code": finding.code,
                    "severity": finding.severity.as_str(),
                    "kind": finding.kind,
                    "name": finding.name,
                    "message": finding.message,
                    "fix": finding.fix,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;
    use tempfile::TempDir;

    use crate::cli::{check::CheckArgs, exit::Exit};

    const DOCUMENTS: &str = "apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: shop}
spec: {name: shop, owner: alice@example.com}
---
apiVersion: hopguard.dev/v1alpha1
kind: Grant
metadata: {name: a-b}
spec:
  type: standing
  subject: {spiffeId: spiffe://prod.example/a}
  audience: spiffe://prod.example/b
  actions: [{methods: [GET], paths: [/x]}]
  purposes: [shop]
  owner: team-shop
  requestedBy: bob@example.com
  approver: alice@example.com
  notBefore: 2026-11-01T00:00:00Z
  expiresAt: 2027-03-01T00:00:00Z
  reviewBy: 2027-02-01T00:00:00Z
";

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: CheckArgs,
    }

    fn folder(documents: &str) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("documents")).unwrap();
        fs::write(folder.path().join("documents/a.yaml"), documents).unwrap();
        folder
    }

    fn check(folder: &TempDir, arguments: &[&str]) -> (Exit, String) {
        let directory = folder.path().join("documents").display().to_string();
        let arguments = arguments.iter().map(|it| it.replace("DIR", &directory));
        let cli = Cli::try_parse_from(["check".to_owned()].into_iter().chain(arguments)).unwrap();
        let mut out = Vec::new();
        let exit = cli.args.run(&[], &mut out).unwrap();
        (exit, String::from_utf8(out).unwrap().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn what_is_found_fails_from_the_weight_that_is_chosen() {
        let folder = folder(DOCUMENTS);
        let now = ["--governance", "DIR", "--now", "2026-11-20T09:00:00Z"];
        let (exit, text) = check(&folder, &now);
        assert_eq!(exit, Exit::Yes, "{text}");
        let first = text.lines().nth(1).unwrap();
        assert_eq!(
            first,
            "documents/a.yaml:4:27: low owner.one_person: `alice@example.com` is the only one who answers for `shop`; \
             name a team: people leave"
        );
        assert!(text.ends_with("governance 2 medium, 1 low in 2 documents\n"), "{text}");
        for (fail_on, expected) in
            [("info", Exit::Failed), ("low", Exit::Failed), ("medium", Exit::Failed), ("high", Exit::Yes)]
        {
            assert_eq!(check(&folder, &[&now[..], &["--fail-on", fail_on]].concat()).0, expected, "{fail_on}");
        }
        let overdue = check(&folder, &["--governance", "DIR", "--now", "2027-02-01T00:00:00Z"]);
        assert_eq!(overdue.0, Exit::Failed, "{}", overdue.1);
    }

    #[test]
    fn programs_read_the_same_findings() {
        let folder = folder(DOCUMENTS);
        let (_, text) = check(&folder, &["--governance", "DIR", "--now", "2026-11-20T09:00:00Z", "-o", "json"]);
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["ok"], true);
        assert_eq!(report["governance"][0]["code"], "owner.one_person");
        assert_eq!(report["governance"][0]["severity"], "low");
        assert_eq!((&report["governance"][1]["line"], &report["governance"][1]["name"]), (&11.into(), &"a-b".into()));
    }

    #[test]
    fn documents_that_do_not_load_are_problems_before_they_are_findings() {
        for broken in [DOCUMENTS.replace("type: standing", "type: lasting"), format!("{DOCUMENTS}}}")] {
            let (exit, text) = check(&folder(&broken), &["--governance", "DIR"]);
            assert_eq!(exit, Exit::DoesNotLoad, "{text}");
        }
        let (exit, text) = check(&folder(DOCUMENTS), &["--governance", "DIR/nowhere"]);
        assert_eq!((exit, text.matches("cannot be read").count()), (Exit::DoesNotLoad, 1), "{text}");
    }

    #[test]
    fn the_documents_are_those_of_the_configuration_unless_others_are_named() {
        let folder = folder(DOCUMENTS);
        let config = folder.path().join("hopguard.yaml").display().to_string();
        fs::write(&config, crate::config::example()).unwrap();
        let (exit, text) = check(&folder, &["--config", &config, "--governance", "--now", "2026-11-20T09:00:00Z"]);
        assert!(exit == Exit::Yes && text.contains("2 medium, 1 low"), "{text}");
        fs::write(&config, "mode: {proof: skip, ceiling: skip, policy: skip}\n").unwrap();
        let (exit, text) = check(&folder, &["--config", &config, "--governance"]);
        assert!(exit == Exit::DoesNotLoad && text.contains("store.directory: there are no documents"), "{text}");
        assert_eq!(check(&folder, &["--governance"]).0, Exit::DoesNotLoad);
    }
}
