//! From the request to the end.

use std::{collections::BTreeMap, fs, io::Read, path::Path};

use serde_json::Value;

use super::{Desk, PURPOSES, REQUEST};

#[test]
fn a_request_does_nothing_before_somebody_else_approves_it() {
    let desk = Desk::new();
    let said = desk.done(REQUEST);
    let effect = "once it is approved: opens 2 routes of spiffe://prod.example/ledger to 1 workload for 2h\n";
    assert!(said.out.starts_with(effect), "{}", said.out);
    assert_eq!(desk.state("agent"), "requested");
    assert_eq!(desk.mode("documents/agent.yaml.request"), 0o640);
    // No reader of documents reads it.
    assert!(!desk.files().contains_key("agent.yaml"));
    for requester in ["bob@example.com", "BOB@Example.com", "bob+work@example.com"] {
        let said = desk.line(&format!("grant approve agent --by {requester} --yes"));
        assert_eq!((said.code, desk.state("agent").as_str()), (1, "requested"), "{}", said.out);
        assert!(said.err.contains("somebody else has to approve it"), "{}", said.err);
    }
    let said = desk.done("grant approve agent --by alice@example.com");
    assert!(said.out.starts_with("opens 2 routes of spiffe://prod.example/ledger to 1 workload for "), "{}", said.out);
    assert!(said.out.contains("\n  + kind: Grant\n") && said.out.contains("may       GET /v1/ledgers/* at "));
    assert_eq!(desk.state("agent"), "active");
    assert_eq!(desk.files().into_keys().collect::<Vec<_>>(), ["agent.yaml", "purposes.yaml"]);
    assert_eq!(desk.mode("documents/agent.yaml"), 0o640);
}

#[test]
fn whoever_approves_in_place_of_the_one_who_was_asked_is_named() {
    let desk = Desk::new();
    desk.done(REQUEST);
    desk.done("grant approve agent --by carol@example.com");
    assert!(desk.read("documents/agent.yaml").contains("approver: carol@example.com\n"));
}

#[test]
fn a_grant_is_listed_by_where_it_stands() {
    let desk = Desk::granted();
    desk.done(
        &REQUEST.replace("request agent", "request later").replace("--for 2h", "--from 2030-01-01T00:00:00Z --for 1h"),
    );
    desk.done("grant approve later --by alice@example.com");
    desk.done(&REQUEST.replace("request agent", "request asked"));
    let names = |line: &str| {
        let said = desk.line(&format!("grant list {line} -o json"));
        let rows: Vec<Value> = serde_json::from_str(&said.out).unwrap();
        rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["agent", "later", "asked"]);
    assert_eq!(names("--pending"), ["later", "asked"]);
    assert_eq!(names("--expiring 3h"), ["agent"]);
    assert_eq!(names("--expiring 1h"), Vec::<String>::new());
    let over = desk.line("grant list --now 2029-01-01T00:00:00Z");
    assert!(!over.out.contains("\nagent ") && over.out.contains("later"), "{}", over.out);
    let all = desk.line("grant list --all --now 2029-01-01T00:00:00Z");
    assert!(all.out.lines().any(|line| line.starts_with("agent ") && line.contains(" expired ")), "{}", all.out);
}

#[test]
fn a_grant_is_shown_with_its_state_and_its_effect() {
    let desk = Desk::granted();
    let said = desk.line("grant show agent");
    assert!(
        said.out.starts_with("# documents/agent.yaml\napiVersion: hopguard.dev/v1alpha1\nkind: Grant\n"),
        "{}",
        said.out
    );
    assert!(said.out.contains("\n# state: active\n# opens 2 routes of "), "{}", said.out);
    let said = desk.line("grant show agent -o json");
    let shown: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&shown["document"]["spec"]["type"], &shown["state"]["state"]), (&"jit".into(), &"active".into()));
    let said = desk.line("grant show nobody");
    assert_eq!((said.code, said.err.as_str()), (1, "there is nothing of the name `nobody`\n"));
}

#[test]
fn a_later_end_is_approved_like_the_first_one() {
    let desk = Desk::granted();
    let before = desk.read("documents/agent.yaml");
    let said = desk.done("grant extend agent --for 3h");
    assert!(said.out.starts_with("once it is approved: lets `agent` go on to "), "{}", said.out);
    assert_eq!(desk.read("documents/agent.yaml"), before);
    let said = desk.line("grant extend agent --for 3h --yes");
    assert!(said.code == 1 && said.err.contains("is asked for already"), "{}", said.err);
    let said = desk.done("grant approve agent --by alice@example.com");
    assert!(said.out.contains("\n  -   expiresAt: ") && said.out.contains("\n  +   expiresAt: "), "{}", said.out);
    assert_ne!(desk.read("documents/agent.yaml"), before);
    assert_eq!(desk.read("documents/agent.yaml.before"), before);
    // Or at once, by whoever may.
    let said = desk.line("grant extend agent --for 1h --by Bob@example.com --yes");
    assert!(said.code == 1 && said.err.contains("somebody else has to approve"), "{}", said.err);
    let said = desk.done("grant extend agent --for 1h --by alice@example.com");
    assert!(said.out.contains(", 1h longer\n"), "{}", said.out);
}

#[test]
fn no_grant_lasts_longer_than_its_type_allows() {
    let desk = Desk::granted();
    let said = desk.line("grant extend agent --for 23h --by alice@example.com --yes");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("a grant of type `jit` lasts 1d at most"), "{}", said.err);
    let said =
        desk.line(&format!("{} --yes", REQUEST.replace("request agent", "request b").replace("--for 2h", "--for 25h")));
    assert!(said.code == 3 && said.err.contains("spec.expiresAt: is too late"), "{}", said.err);
}

#[test]
fn what_is_beside_a_document_stays_as_it_is_written() {
    let desk = Desk::new();
    let grant = "---
# for the audit of 2026
apiVersion: hopguard.dev/v1alpha1
kind: Grant
metadata: {name: audit}
spec:
  type: standing
  subject: {spiffeId: spiffe://prod.example/auditor}
  audience: spiffe://prod.example/ledger
  actions: [{methods: [GET], paths: [/v1/**]}]   # all of it
  purposes: [billing]
  owner: team-audit
  requestedBy: bob@example.com
  approver: alice@example.com
  notBefore: 2026-11-20T00:00:00Z
  reviewBy: 2026-12-01T00:00:00Z
  expiresAt: 2026-12-31T00:00:00Z   # as agreed
";
    let text = format!("{PURPOSES}{grant}");
    desk.write("documents/purposes.yaml", &text);
    let now = "--now 2026-11-21T00:00:00Z";
    desk.done(&format!("grant extend audit --until 2027-01-31T00:00:00Z --by alice@example.com {now}"));
    assert_eq!(desk.read("documents/purposes.yaml"), text.replace("2026-12-31", "2027-01-31"));
    let overdue = desk.line("grant list --now 2026-12-02T00:00:00Z");
    assert!(overdue.out.contains(" overdue "), "{}", overdue.out);
}

#[test]
fn an_eligible_grant_is_opened_by_its_activators_with_a_ticket_and_no_queue() {
    let desk = Desk::new();
    let line = REQUEST.replace("request agent", "request fix --type eligible --activator carol@example.com");
    desk.done(&line);
    desk.done("grant approve fix --by alice@example.com");
    assert_eq!(desk.state("fix"), "closed");
    let open = |by: &str, span: &str| {
        desk.line(&format!("grant activate fix --by {by} --reason stuck --ticket INC-7 --for {span} --yes"))
    };
    let said = open("dave@example.com", "15m");
    assert!(said.code == 3 && said.err.contains("is none of the `activators`"), "{}", said.err);
    let said = open("carol@example.com", "2h");
    assert!(said.code == 3 && said.err.contains("is too late: an activation ends 1h after"), "{}", said.err);
    assert_eq!(desk.state("fix"), "closed");
    let said = open("carol@example.com", "15m");
    assert!(
        said.out.starts_with("opens 2 routes of spiffe://prod.example/ledger to 1 workload for 15m\n"),
        "{}",
        said.out
    );
    assert_eq!(desk.state("fix"), "active");
    let said = desk.line("grant activate agent --by x --reason x --ticket x --for 1m --yes");
    assert_eq!(said.err, "there is no grant `agent` that counts\n");
}

#[test]
fn everything_can_be_revoked_and_every_revocation_loads() {
    let desk = Desk::granted();
    let fingerprint = "ab".repeat(32);
    for target in [
        "--grant agent",
        "--spiffe-id spiffe://prod.example/agent",
        "--prefix spiffe://prod.example/ns/",
        "--trust-domain prod.example",
        "--subject issuer=https://login.example,subject=alice",
        "--serial 0a1b",
        &format!("--fingerprint {fingerprint}"),
        "--jti 7f",
        "--txn t-1",
        "--kid 2026-a",
        "--actor spiffe://prod.example/agent",
        "--purpose billing",
    ] {
        let said = desk.done(&format!("revoke {target} --reason gone --for 1h"));
        assert!(said.out.contains(" until "), "{}", said.out);
        let name = said.undo().split_whitespace().nth(3).unwrap().to_owned();
        assert!(desk.read(&format!("documents/{name}.yaml")).contains("kind: Revocation\n"));
    }
    assert_eq!(desk.state("agent"), "revoked");
    let said = desk.line("revoke --grant agent --reason again --dry-run");
    assert!(said.out.starts_with("closes the grant `agent` until it is lifted\n"), "{}", said.out);
    assert!(said.out.contains("already   revoked by revoked-grant-agent\n"), "{}", said.out);
    for (target, effect) in [
        ("--purpose billing", "refuses every hop for billing and what is below it, and so closes 1 grant for it"),
        (
            "--spiffe-id spiffe://prod.example/other",
            "refuses spiffe://prod.example/other in every part, and so closes no grant",
        ),
        (
            "--trust-domain prod.example",
            "refuses every workload of prod.example in every part, and so closes 1 grant for them",
        ),
        ("--grant later", "closes the grant `later`, of which there is none now, until it is lifted"),
    ] {
        let said = desk.line(&format!("revoke {target} --reason x --dry-run"));
        assert!(said.out.starts_with(effect), "{}", said.out);
    }
}

#[test]
fn facts_have_a_directory_of_their_own_if_there_is_one() {
    let desk = Desk::configured("facts: {directory: facts}");
    fs::create_dir(desk.path().join("facts")).unwrap();
    let documents = desk.files();
    desk.done("fact set device.posture ok --subject spiffe://prod.example/agent --source mdm --max-age 5m");
    desk.done("fact set incident.level 2 --source pager --max-age 1h");
    assert_eq!(desk.files(), documents);
    assert_eq!(desk.mode("facts/fact-incident.level.yaml"), 0o640);
    let said = desk.line("fact list -o json");
    let facts: Vec<Value> = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&facts[0]["value"], &facts[1]["value"]), (&"ok".into(), &2.into()));
    assert_eq!((&facts[0]["fresh"], &facts[0]["subject"]), (&true.into(), &"spiffe://prod.example/agent".into()));
    assert_eq!(desk.line("fact set a b --source c --max-age 1m --to x.tar.gz --yes").code, 2);
    desk.write("facts/fact-a.yaml", PURPOSES);
    let said = desk.line("fact list");
    assert!(said.code == 3 && said.err.contains("fact-a.yaml: holds something that is no `Fact`"), "{}", said.err);
    fs::remove_file(desk.path().join("facts/fact-a.yaml")).unwrap();
    let said = desk.line("fact list --now 2030-01-01T00:00:00Z");
    assert!(said.out.lines().all(|line| line.contains("(stale since ")), "{}", said.out);
}

/// The files of a bundle.
fn unpacked(path: &Path) -> BTreeMap<String, Value> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(path).unwrap()));
    let entries = archive.entries().unwrap().map(Result::unwrap);
    let read = |mut entry: tar::Entry<'_, _>| {
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (entry.path().unwrap().display().to_string(), serde_json::from_str(&text).unwrap())
    };
    entries.map(read).collect()
}

#[test]
fn a_change_is_packed_for_those_who_share_no_directory() {
    let desk = Desk::granted();
    let said = desk.done("revoke --grant agent --reason gone --to out.tar.gz");
    assert!(said.out.contains("\npacked   out.tar.gz\nnext     sign:    opa build -b out.tar.gz "), "{}", said.out);
    let files = unpacked(&desk.path().join("out.tar.gz"));
    assert_eq!(files[".manifest"]["roots"], serde_json::json!(["hopguard"]));
    let documents: BTreeMap<String, String> =
        serde_json::from_value(files["data.json"]["hopguard"]["documents"].clone()).unwrap();
    assert_eq!(documents, desk.files());
    // Requests are in no bundle, nor is what does not load.
    desk.done(&REQUEST.replace("request agent", "request other --to out.tar.gz"));
    assert!(!unpacked(&desk.path().join("out.tar.gz"))["data.json"].to_string().contains("other"));
    let packed = fs::read(desk.path().join("out.tar.gz")).unwrap();
    desk.write("documents/broken.yaml", "kind: [\n");
    let before = desk.files();
    let said = desk.line("revoke --grant other --reason gone --to out.tar.gz --yes");
    assert!(said.code == 3 && said.err.contains("broken.yaml"), "{}", said.err);
    assert_eq!((desk.files(), fs::read(desk.path().join("out.tar.gz")).unwrap()), (before, packed));
}

#[test]
fn a_grant_that_lives_by_a_fact_is_inactive_without_it() {
    let desk = Desk::new();
    desk.done(&format!("{REQUEST} --while ci.run.8812=running"));
    desk.done("grant approve agent --by alice@example.com");
    assert_eq!(desk.state("agent"), "inactive");
    desk.done("fact set ci.run.8812 running --source ci --max-age 5m");
    assert_eq!(desk.state("agent"), "active");
    desk.done("fact set ci.run.8812 done --source ci --max-age 5m");
    assert_eq!(desk.state("agent"), "inactive");
}
