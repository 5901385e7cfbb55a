//! Reports are made through the command line, from logs as they are written.

use std::fs;

use clap::Parser;
use tempfile::TempDir;

use super::*;

const NOW: &str = "2026-11-20T09:00:00Z";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: ReportArgs,
}

fn record(path: &str, grant: Option<&str>) -> String {
    let (observed, grant) = match grant {
        None => ("\"grant_missing\"", "null".to_owned()),
        Some(name) => ("", format!(r#"{{"name":"{name}"}}"#)),
    };
    format!(
        r#"{{"schema":"hopguard.dev/audit/v1alpha1","time":"2026-11-19T09:00:00Z","answered":"allow","observed":[{observed}],"modes":{{"ceiling":"observe"}},"hop":{{"method":"GET","path":"{path}"}},"self":"spiffe://prod.example/b","peer":{{"spiffe_id":"spiffe://prod.example/a"}},"actor":{{"effective":"spiffe://prod.example/a"}},"purpose":{{"name":"shop","binding":"declared"}},"grant":{grant}}}"#
    )
}

const DOCUMENTS: &str = "apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: shop}
spec: {name: shop, owner: team-shop}
---
apiVersion: hopguard.dev/v1alpha1
kind: Grant
metadata: {name: a-b}
spec:
  type: exception
  subject: {spiffeId: spiffe://prod.example/a}
  audience: spiffe://prod.example/b
  actions: [{methods: [GET], paths: [/x]}]
  purposes: [shop]
  owner: team-shop
  requestedBy: bob@example.com
  approver: alice@example.com
  ticket: T-1
  notBefore: 2026-11-01T00:00:00Z
  expiresAt: 2026-12-01T00:00:00Z
  exitCriteria: [{what: rotate the key, owner: team-shop}]
";

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("documents")).unwrap();
    fs::write(folder.path().join("documents/a.yaml"), DOCUMENTS).unwrap();
    fs::write(folder.path().join("one.jsonl"), record("/x", Some("a-b"))).unwrap();
    fs::write(folder.path().join("two.jsonl"), format!("{}\nnonsense\n", record("/y", None))).unwrap();
    folder
}

fn report(folder: &TempDir, arguments: &str) -> (Exit, String) {
    let here = format!("{}/", folder.path().display());
    let arguments = arguments.replace(" @", &format!(" {here}")).replace(",@", &format!(",{here}"));
    let cli = Cli::try_parse_from(["report"].into_iter().chain(arguments.split(' ')).chain(["--now", NOW])).unwrap();
    let mut out = Vec::new();
    let exit = cli.args.run(&mut out).unwrap();
    (exit, String::from_utf8(out).unwrap().replace(&format!("{}/", folder.path().display()), ""))
}

#[test]
fn says_of_each_grant_when_it_was_last_used_and_what_is_due() {
    let folder = folder();
    let (exit, text) = report(&folder, "--grants --dir @documents --from @one.jsonl,@two.jsonl");
    assert_eq!(exit, Exit::Yes);
    assert_eq!(
        text,
        "a-b: exception, active, until 2026-12-01T00:00:00Z, of team-shop; last used 2026-11-19T09:00:00Z, 1 hop\n\
         ends within 14 days: a-b\n\
         to clean up: a-b: `rotate the key` (team-shop)\n\
         two.jsonl:2: is no record, so it is passed over\n\
         1 grant, 2 records\n"
    );
    let (_, text) = report(&folder, "--grants --dir @documents --from @two.jsonl");
    assert!(text.contains("never used: a-b\n"), "{text}");
    let (_, text) = report(&folder, "--grants --dir @documents --from @one.jsonl -o json");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&json["grants"][0]["hops"], &json["grants"][0]["ends_soon"]), (&1.into(), &true.into()));
}

#[test]
fn suggests_what_is_missing_and_not_what_is_there() {
    let folder = folder();
    let (exit, text) =
        report(&folder, "--suggest --dir @documents --from @one.jsonl,@two.jsonl --requested-by bob@example.com");
    assert_eq!(exit, Exit::Yes);
    assert!(
        text.contains("kind: Grant\n")
            && text.contains("metadata: {name: a-b-shop}")
            && !text.contains("kind: Purpose"),
        "{text}"
    );
    let (_, text) = report(&folder, "--suggest --from @two.jsonl -o text");
    assert!(
        text.ends_with("a-b-shop: would have covered 1 hop between 2026-11-19T09:00:00Z and 2026-11-19T09:00:00Z\n"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_reported_is_said() {
    let folder = folder();
    for (arguments, expected) in [
        ("--grants --from @one.jsonl", Exit::Usage),
        ("--suggest --from @one.jsonl -o json", Exit::Usage),
        ("--grants --dir @documents --from @one.jsonl -o yaml", Exit::Usage),
        ("--grants --dir @nowhere --from @one.jsonl", Exit::DoesNotLoad),
        ("--suggest --config @nowhere.yaml --from @one.jsonl", Exit::DoesNotLoad),
    ] {
        assert_eq!(report(&folder, arguments).0, expected, "{arguments}");
    }
    for wrong in [
        "--from a",
        "--suggest",
        "--suggest --grants --from a",
        "--suggest --from a --purpose A",
        "--grants --from a --owner b",
    ] {
        assert!(Cli::try_parse_from(["report"].into_iter().chain(wrong.split(' '))).is_err(), "{wrong}");
    }
    let cli = Cli::try_parse_from(["report", "--suggest", "--from", "/nowhere/at/all"]).unwrap();
    assert!(cli.args.run(&mut Vec::new()).unwrap_err().to_string().contains("/nowhere/at/all: cannot be read"));
}
