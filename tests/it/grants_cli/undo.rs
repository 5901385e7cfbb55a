//! Each change comes with the command that undoes it, and that does.

use std::collections::BTreeMap;

use super::{Desk, REQUEST};

/// What the documents say: where grants stand, until when, and which facts there are.
fn told(desk: &Desk) -> (BTreeMap<String, String>, String) {
    (desk.states(), desk.line("fact list -o json").out)
}

/// Runs a line, then what it says undoes it.
fn there_and_back(desk: &Desk, line: &str) {
    let before = told(desk);
    let said = desk.done(line);
    assert_ne!(told(desk), before, "{line}");
    let undo = said.undo();
    let back = desk.shell(&undo);
    assert_eq!(back.code, 0, "{undo}\n{}{}", back.out, back.err);
    assert_eq!(told(desk), before, "{undo}");
}

#[test]
fn a_request_is_withdrawn() {
    there_and_back(&Desk::new(), REQUEST);
}

#[test]
fn an_approval_is_ended() {
    let desk = Desk::new();
    desk.done(REQUEST);
    let said = desk.done("grant approve agent --by alice@example.com");
    assert_eq!(desk.shell(&said.undo()).code, 0);
    assert_eq!(desk.state("agent"), "revoked");
}

#[test]
fn an_end_and_a_revocation_are_lifted() {
    let desk = Desk::granted();
    there_and_back(&desk, "grant expire agent");
    there_and_back(&desk, "revoke --grant agent --reason gone");
    there_and_back(&desk, "revoke --spiffe-id spiffe://prod.example/agent --reason gone");
    there_and_back(&desk, "revoke --purpose billing --reason gone --for 1h");
}

#[test]
fn what_was_lifted_is_revoked_again() {
    let desk = Desk::granted();
    let words = ["revoke", "--grant", "agent", "--reason", "it's $HOME `x`", "--yes"];
    assert_eq!(desk.run(&words).code, 0);
    there_and_back(&desk, "revoke --lift revoked-grant-agent");
    assert!(desk.read("documents/revoked-grant-agent.yaml").contains("reason: \"it's $HOME `x`\""));
}

#[test]
fn a_subject_is_revoked_again_as_it_was() {
    let desk = Desk::granted();
    desk.done("revoke --subject issuer=https://login.example,subject=alice,b --reason gone");
    let before = desk.read("documents/revoked-subject-alice-b.yaml");
    let said = desk.done("revoke --lift revoked-subject-alice-b");
    assert_eq!(desk.shell(&said.undo()).code, 0);
    let after = desk.read("documents/revoked-subject-alice-b.yaml");
    let target = |text: &str| text.split_once("  reason:").unwrap().0.to_owned();
    assert_eq!(target(&after), target(&before));
}

#[test]
fn facts_are_what_they_were() {
    let desk = Desk::granted();
    there_and_back(&desk, "fact set change.window open --source ops --max-age 1h");
    desk.done("fact set change.window {\"open\":[1,2.5,null]} --source ops --max-age 1h");
    there_and_back(&desk, "fact set change.window closed --source ops --max-age 5m");
    there_and_back(&desk, "fact remove change.window");
}

#[test]
fn a_later_end_is_taken_back() {
    let desk = Desk::granted();
    let ends = |said: &str| {
        let shown: serde_json::Value = serde_json::from_str(said).unwrap();
        shown["document"]["spec"]["expiresAt"].as_str().unwrap().to_owned()
    };
    let end = ends(&desk.line("grant show agent -o json").out);
    // By asking and approving, what was approved before comes back as it was.
    desk.done("grant extend agent --for 3h");
    let said = desk.done("grant approve agent --by alice@example.com");
    let back = desk.shell(&said.undo());
    assert_eq!(back.code, 0, "{}{}", back.out, back.err);
    assert_eq!(ends(&desk.line("grant show agent -o json").out), end);
    // At once, the grant is ended where it would have.
    let said = desk.done("grant extend agent --for 3h --by alice@example.com");
    assert_eq!(desk.shell(&said.undo()).code, 0);
    assert_eq!(desk.state("agent"), "active");
    let after = desk.line(&format!("grant list --all --now {end}"));
    assert!(after.out.contains(" revoked "), "{}", after.out);
}

#[test]
fn an_activation_is_closed_and_opened_again() {
    let desk = Desk::new();
    desk.done(&REQUEST.replace("request agent", "request fix --type eligible --activator carol@example.com"));
    desk.done("grant approve fix --by alice@example.com");
    there_and_back(&desk, "grant activate fix --by carol@example.com --reason stuck --ticket INC-7 --for 15m");
    let said = desk.done("grant activate fix --by carol@example.com --reason stuck --ticket INC-7 --for 15m");
    let name = said.undo().split_whitespace().nth(3).unwrap().to_owned();
    let before = desk.files();
    let said = desk.done(&format!("grant expire {name}"));
    assert_eq!(desk.state("fix"), "closed");
    assert_eq!(desk.shell(&said.undo()).code, 0);
    assert_eq!(desk.state("fix"), "active");
    assert_eq!(desk.files()[&format!("{name}.yaml")], before[&format!("{name}.yaml")]);
}
