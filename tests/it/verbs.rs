//! The verbs for policies, as a newcomer types them in an empty directory.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

const POLICY: &str = "package hopguard.authz

default decision := false

decision := {\"allowed\": true, \"headers\": {\"x-tier\": tier}} if {
	input.hop.method == \"GET\"
	tier := input.peer.labels.tier
}
";

const TESTS: &str = "package hopguard.authz_test

import data.hopguard.authz

test_get_is_allowed if authz.decision.allowed with input as {\"hop\": {\"method\": \"GET\"}, \"peer\": {\"labels\": {\"tier\": \"1\"}}}

test_put_is_not if not authz.decision with input as {\"hop\": {\"method\": \"PUT\"}}
";

const BROKEN: &str = "
test_broken if {
	print(\"here <we> are\")
	authz.decision.allowed with input as {}
}
";

/// A directory with a policy in `policy`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policy")).unwrap();
    write(&folder, "policy/authz.rego", POLICY);
    write(&folder, "policy/authz_test.rego", TESTS);
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).unwrap();
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopguard"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

fn hopguard(folder: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(folder.path(), arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn what_ships_passes_its_tests_and_its_table() {
    let output = command(Path::new(ROOT), &["test", "rego", "--threshold", "90"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.ends_with("16 passed\n") && said.contains("100.00 %  rego/examples/amount.rego"), "{said}");
}

#[test]
fn a_failing_test_is_told_with_its_place_and_what_it_printed() {
    let folder = folder();
    assert_eq!(hopguard(&folder, &["test", "policy"]), (0, "2 passed\n".to_owned(), String::new()));
    write(&folder, "policy/authz_test.rego", &format!("{TESTS}{BROKEN}"));
    let (code, said, _) = hopguard(&folder, &["test", "policy"]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(code, 4);
    let why = "policy/authz_test.rego:9:1: data.hopguard.authz_test.test_broken: is undefined: it stops at line 11";
    assert_eq!(lines[0], why);
    assert!(lines[1].contains("here <we> are"), "{said}");
    assert_eq!(lines[2..], ["2 passed, 1 failed"]);
    let (code, said, _) = hopguard(&folder, &["test", "policy", "--run", "_is_"]);
    assert_eq!((code, said.as_str()), (0, "2 passed\n"));
    // And no hop is ever decided by it.
    let (code, said, _) = hopguard(&folder, &["check", "--policy", "policy"]);
    assert_eq!(code, 3);
    assert!(said.contains("policy.test: `data.hopguard.authz_test.test_broken` is undefined"), "{said}");
}

#[test]
fn nothing_tested_is_a_failure() {
    let folder = folder();
    fs::remove_file(folder.path().join("policy/authz_test.rego")).unwrap();
    let (code, said, _) = hopguard(&folder, &["test", "policy"]);
    assert_eq!(code, 4);
    assert!(said.starts_with("no tests found: "), "{said}");
    assert_eq!(hopguard(&folder, &["test"]).0, 2);
    assert_eq!(hopguard(&folder, &["test", "nowhere"]).0, 3);
}

#[test]
fn a_table_says_what_was_expected_and_what_was_found() {
    let folder = folder();
    let table = "defaults: {now: 2026-11-20T09:00:00Z, given: {peer: {labels: {tier: \"1\"}}}}
cases:
  - {name: get, hop: {path: /}, decision: allow, headers: {x-tier: \"1\"}}
  - {name: put, hop: {method: PUT, path: /}, decision: allow}
  - {name: tier, hop: {path: /}, decision: allow, headers: {x-tier: \"2\"}}
  - {name: dots, hop: {path: /../a}, decision: deny}
  - {name: all given, given: {hop: {method: GET}}, decision: allow}
";
    write(&folder, "policy/authz_cases.yaml", table);
    let (code, said, _) = hopguard(&folder, &["test", "policy"]);
    assert_eq!(code, 4, "{said}");
    let told = [
        "policy/authz_cases.yaml:4:5: put: expected allow, found deny: policy_denied: the policy said no",
        "policy/authz_cases.yaml:5:5: tier: expected header x-tier: `2`, found `1`",
        "policy/authz_cases.yaml:6:5: dots: expected the policy to deny, found hop_ambiguous: ",
    ];
    assert!(told.into_iter().zip(said.lines()).all(|(told, line)| line.starts_with(told)), "{said}");
    assert!(said.ends_with("4 passed, 3 failed\n"), "{said}");
    write(&folder, "policy/authz_cases.yaml", "cases: [{nam: x}]\n");
    let (code, said, _) = hopguard(&folder, &["test", "policy"]);
    assert_eq!(code, 3);
    assert!(said.contains("policy/authz_cases.yaml:1:9: cases[0].name: is required"), "{said}");
}

#[test]
fn build_servers_and_programs_are_answered_in_their_forms() {
    let folder = folder();
    write(&folder, "policy/authz_test.rego", &format!("{TESTS}{BROKEN}"));
    let (code, xml, _) = hopguard(&folder, &["test", "policy", "-o", "junit"]);
    assert_eq!(code, 4);
    let tags = tags(&xml);
    let count = |name: &str| tags.iter().filter(|tag| tag.split(' ').next() == Some(name)).count();
    assert_eq!((count("testsuite"), count("testcase"), count("failure")), (1, 3, 1), "{xml}");
    assert!(tags.iter().any(|tag| tag.contains("tests=\"3\" failures=\"1\" skipped=\"0\"")), "{xml}");
    assert!(xml.contains("here &lt;we&gt; are"), "{xml}");
    let (_, json, _) = hopguard(&folder, &["test", "policy", "-o", "json", "--coverage", "--only-failures"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&report["ok"], &report["passed"], &report["failed"]), (&false.into(), &2.into(), &1.into()));
    assert_eq!(report["tests"].as_array().unwrap().len(), 1);
    assert_eq!(report["coverage"]["files"][0]["file"], "policy/authz.rego");
    let (code, said, _) = hopguard(&folder, &["test", "policy", "--run", "put", "--threshold", "99"]);
    assert_eq!(code, 4);
    assert!(said.contains("less than 99 % of the lines are covered"), "{said}");
}

/// The tags of a document, of which each is closed in its turn.
fn tags(xml: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut tags = Vec::new();
    for part in xml.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap();
        if tag.starts_with('?') {
            continue;
        }
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop().as_deref(), Some(name), "{xml}"),
            None => {
                if !tag.ends_with('/') {
                    open.push(tag.split(' ').next().unwrap().to_owned());
                }
                tags.push(tag.to_owned());
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
    tags
}

#[test]
fn a_policy_is_asked_about_a_line() {
    let folder = folder();
    let ask = ["eval", "--policy", "policy", "https://a.example/x?y=1", "--set", "peer.labels.tier=gold"];
    let (code, said, _) = hopguard(&folder, &[&ask[..], &["--explain", "--show-input"]].concat());
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("decision        allow\nheader          x-tier: gold\n"), "{said}");
    let rule =
        "policy/authz.rego:5: data.hopguard.authz.decision = {\"allowed\":true,\"headers\":{\"x-tier\":\"gold\"}}";
    assert!(said.contains(rule) && said.contains("\"method\": \"GET\""), "{said}");
    let (code, said, _) = hopguard(&folder, &[&ask[..], &["-d", "{}", "--explain", "-o", "json"]].concat());
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &report["decision"], &report["reason"]), (1, &"deny".into(), &"policy_denied".into()));
    assert_eq!(report["response"]["status"], 403);
    let steps = report["explain"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["line"] == 5 && step["stopped"] == 6), "{said}");
    for wrong in [&["eval", "--policy", "policy"][..], &["eval", "--policy", "policy", "GET", "x"], &["eval"]] {
        assert_eq!(hopguard(&folder, wrong).0, 2, "{wrong:?}");
    }
    write(&folder, "policy/authz.rego", "package hopguard.authz\ndecision := true if input.pear");
    let (code, _, why) = hopguard(&folder, &ask);
    assert_eq!(code, 3);
    assert!(why.contains("policy/authz.rego:2:") && why.contains("policy.unknown_input"), "{why}");
}

const CONFIG: &str = "self: spiffe://prod.example/ns/shop/sa/payments
trust:
  - {trust_domain: prod.example, workload_api: \"unix:/nowhere/agent.sock\"}
store: {directory: documents}
policy: {directory: policy}
audit: {file: never.jsonl}
";

#[test]
fn a_configuration_decides_as_it_would_serve_and_what_is_elsewhere_is_named() {
    let folder = folder();
    fs::create_dir(folder.path().join("documents")).unwrap();
    write(&folder, "hopguard.yaml", CONFIG);
    let check = r#"{"attributes": {"request": {"http": {"method": "GET", "host": "h", "path": "/", "scheme": "https", "headers": {"x-hopguard-peer": "me"}}}}}"#;
    write(&folder, "check.json", check);
    for request in [&["check.json"][..], &["GET", "https://h/"]] {
        let ask = [&["eval", "--config", "hopguard.yaml", "--now", "2026-11-20T09:00:00Z"], request].concat();
        let (code, said, why) = hopguard(&folder, &ask);
        assert_eq!(code, 1, "{said}{why}");
        assert!(
            said.contains("missing         the bundle of prod.example, which comes from unix:/nowhere/agent.sock"),
            "{said}"
        );
        assert!(said.contains("reason          peer_missing\n") && said.contains("status          401\n"), "{said}");
    }
    // Without proofs it is the policy that decides.
    let skip = format!("mode: {{proof: skip, ceiling: skip}}\n{CONFIG}");
    write(&folder, "hopguard.yaml", &skip);
    let ask = ["eval", "--config", "hopguard.yaml", "check.json", "--explain", "-o", "json"];
    let (code, said, _) = hopguard(&folder, &ask);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &report["reason"]), (1, &"policy_denied".into()), "{said}");
    assert!(report["explain"].as_array().unwrap().iter().any(|step| step["stopped"] == 7), "{said}");
    assert_eq!(report["response"]["metadata"]["reason"], "policy_denied");
    let (code, said, _) = hopguard(&folder, &["test", "--config", "hopguard.yaml"]);
    assert_eq!((code, said.as_str()), (0, "2 passed\n"));
    assert!(!folder.path().join("never.jsonl").exists());
}

#[test]
fn a_policy_is_checked_without_a_configuration() {
    let folder = folder();
    let (code, said, _) = hopguard(&folder, &["check", "--policy", "policy"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("reads      input.hop.method, input.peer.labels.tier\n"), "{said}");
    write(&folder, "policy/authz.rego", "package hopguard.authz\n\ndefault decision := true\n");
    let (code, said, _) = hopguard(&folder, &["check", "--policy", "policy"]);
    assert_eq!(code, 3);
    assert!(
        said.contains("policy/authz.rego:3:") && said.contains("policy.default_allow") && said.contains('^'),
        "{said}"
    );
    let compatible = ["check", "--policy", "policy", "--gate", "compatible"];
    fs::remove_file(folder.path().join("policy/authz_test.rego")).unwrap();
    let (code, said, _) = hopguard(&folder, &compatible);
    assert!(code == 0 && said.starts_with("warning: policy/authz.rego:3:") || said.contains("\nwarning: "), "{said}");
    let (code, said, _) = hopguard(&folder, &["check", "--explain", "policy.recursion"]);
    assert!(code == 0 && said.starts_with("policy.recursion "), "{said}");
}

#[test]
fn tests_run_again_when_a_file_changes_until_they_are_interrupted() {
    let folder = folder();
    let mut watching = Watching::start(&folder);
    assert_eq!(watching.line(), "2 passed");
    write(&folder, "policy/authz_test.rego", &TESTS.replace("if not authz", "if authz"));
    let mut lines = (0..20).map(|_| watching.line());
    // A write may be seen before it is whole.
    assert!(lines.any(|line| line == "1 passed, 1 failed"));
    let pid = Pid::from_raw(watching.child.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(watching.child.wait().unwrap().code(), Some(4));
}

struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(folder: &TempDir) -> Self {
        let mut child = command(folder.path(), &["test", "policy", "--watch"]).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(30)).unwrap()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
