//! What observed hops would have needed is suggested from the log as it was written; filled in, it covers them, and then it is in use.

use std::process::{Command, Output};

use crate::harness::{Guard, Setup, until};

fn hopguard(guard: &Guard, arguments: &str) -> Output {
    let command = env!("CARGO_BIN_EXE_hopguard");
    Command::new(command).args(arguments.split(' ')).current_dir(guard.setup().path("")).output().unwrap()
}

fn printed(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn what_was_observed_is_suggested_and_once_filled_in_covers_it() {
    let guard = Setup::new().set("mode", "{proof: observe, ceiling: observe}").start().await;
    for path in ["/ledgers/1", "/ledgers/2", "/ledgers/3", "/status"] {
        guard.hop().method("GET").path(path).purpose("refund").send().await.let_through();
    }
    guard.hop().method("GET").path("/**").purpose("refund").send().await.let_through();
    guard.hop().by_nobody().path("/charge").send().await.let_through();
    let new = guard.hop().path("/charge").purpose("refund.gift").send().await;
    guard.record(&new).await;
    let people = "--owner team-shop --approver alice@example.com --requested-by bob@example.com";
    let text = printed(hopguard(&guard, &format!("report --suggest --from audit.jsonl --dir documents {people}")));
    for expected in [
        "    - {methods: [GET], paths: [\"/ledgers/*\", \"/status\"]}\n",
        "spec: {name: \"refund.gift\",",
        "# left out 1: with `*` in their path, which a grant would take for a wildcard\n",
        "# left out 1: denied for another reason, `peer_missing`\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("kind: Purpose\nmetadata: {name: refund}"), "there is one:\n{text}");
    // As it is, it does not load.
    guard.setup().write("suggested/a.yaml", &text);
    assert_eq!(hopguard(&guard, "check --governance suggested").status.code(), Some(3));
    let filled = ["kind", "description", "justification"]
        .iter()
        .fold(text, |text, field| text.replace(&format!("{field}: \"\""), &format!("{field}: service")));
    guard.setup().write("documents/suggested.yaml", &filled);
    let covered = until("the suggested grant covers", async || {
        let answer = guard.hop().method("GET").path("/ledgers/4").purpose("refund").send().await;
        let record = guard.record(&answer).await;
        record["observed"].as_array().unwrap().is_empty().then_some(record)
    })
    .await;
    let name = covered["grant"]["name"].as_str().unwrap();
    let usage = printed(hopguard(&guard, "report --grants --from audit.jsonl --dir documents -o json"));
    let usage: serde_json::Value = serde_json::from_str(&usage).unwrap();
    let used = usage["grants"].as_array().unwrap().iter().find(|grant| grant["name"] == name).unwrap();
    assert_eq!((&used["hops"], &used["last_used"]), (&1.into(), &covered["time"]));
}
