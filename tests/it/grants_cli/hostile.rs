//! What is said to the verbs to have them write something else, somewhere else, or twice.

use std::{collections::BTreeMap, fs, path::Path};

use super::{Desk, REQUEST, Said};

/// Every file below the folder and what it holds.
fn everything(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    found
}

/// (146)
#[test]
fn what_is_said_again_changes_nothing() {
    let desk = Desk::new();
    let again = |line: &str, why: &str| {
        desk.done(line);
        let before = everything(desk.path());
        for _ in 0..2 {
            let said = desk.line(&format!("{line} --yes"));
            assert!(said.code == 1 && said.err.contains(why), "{line}: {}{}", said.out, said.err);
        }
        assert_eq!(everything(desk.path()), before, "{line}");
    };
    again(REQUEST, "is asked for already");
    again("grant approve agent --by alice@example.com", "is there already");
    again("grant extend agent --for 1h", "is asked for already");
}

/// (146)
#[test]
fn a_name_leads_nowhere_else() {
    let desk = Desk::granted();
    desk.write("outside.yaml", &desk.read("documents/agent.yaml"));
    desk.write("outside.yaml.request", &desk.read("documents/agent.yaml"));
    let before = everything(desk.path());
    for name in
        ["../outside", "../outside.yaml", "documents/../../outside", "./agent", "/etc/passwd", ".", "..", "a/b", ""]
    {
        for words in [
            vec!["grant", "approve", name, "--by", "alice@example.com"],
            vec!["grant", "extend", name, "--for", "1h"],
            vec!["grant", "expire", name],
            vec!["grant", "activate", name, "--by", "a", "--reason", "b", "--ticket", "c", "--for", "1m"],
            vec!["revoke", "--grant", name, "--reason", "x"],
            vec!["revoke", "--lift", name],
            vec!["fact", "set", name, "1", "--source", "x", "--max-age", "1m"],
            vec!["fact", "remove", name],
        ] {
            let said = desk.run(&[&words[..], &["--yes"]].concat());
            assert_ne!(said.code, 0, "{words:?}: {}", said.out);
        }
        let request = REQUEST.split_whitespace().map(|word| if word == "agent" { name } else { word });
        let said = desk.run(&request.chain(["--yes"]).collect::<Vec<_>>());
        assert_ne!(said.code, 0, "{name}: {}", said.out);
    }
    assert_eq!(everything(desk.path()), before);
}

/// (146)
#[test]
fn a_document_that_is_made_to_break_its_reader_is_refused() {
    let desk = Desk::granted();
    let agent = desk.read("documents/agent.yaml").replace("name: agent", "name: other");
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    let before = desk.files();
    for (text, why) in [
        (format!("{agent}# {}\n", "x".repeat(10 << 20)), "bytes"),
        (agent.replace("ticket: CHG-1", &format!("ticket: {}", deep("[", "]"))), "recursion limit"),
        (
            agent.replace("ticket: CHG-1", &format!("ticket: {}1{}", "{a: ".repeat(10_000), "}".repeat(10_000))),
            "nested deeper",
        ),
        (agent.replace("ticket: CHG-1", "ticket: CHG-1\n  ticket: CHG-2"), "ticket"),
        (agent.replace("ticket: CHG-1", "tickets: CHG-1"), "unknown field `tickets`"),
        (agent.replace("ticket: CHG-1", "ticket: &a CHG-1"), "anchor"),
        (agent.replace("kind: Grant", "kind: Activation"), ""),
        (agent.replace("v1alpha1", "v2"), "apiVersion"),
        (format!("{agent}---\n{agent}"), ""),
        ("\u{0}\u{1}".to_owned(), ""),
        (String::new(), ""),
    ] {
        desk.write("given", &text);
        let said = desk.line("grant request other --document given --yes");
        assert!(said.code == 3 || said.code == 1, "{why}: {} {}{}", said.code, said.out, said.err);
        assert!(said.err.contains(why), "{why}: {}", said.err.chars().take(500).collect::<String>());
        assert!(said.err.len() < 64 << 10, "{why}");
    }
    assert_eq!(desk.files(), before);
    assert_eq!(everything(&desk.path().join("documents")).len(), before.len());
}

/// (104)
#[test]
fn what_is_said_in_two_ways_is_refused_and_the_environment_says_nothing() {
    let desk = Desk::granted();
    desk.write("hopguard.yaml", "{}");
    for line in [
        "grant list --config hopguard.yaml",
        "grant list --dir documents",
        "revoke --grant agent --spiffe-id spiffe://prod.example/agent --reason x",
        "grant request b --for 1h --until 2030-01-01T00:00:00Z",
        "grant approve agent --by a --key k --signature s",
    ] {
        // The desk names the place, too.
        let said = desk.line(line);
        assert_eq!(said.code, 2, "{line}: {}{}", said.out, said.err);
    }
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hopguard"));
    command.args(["grant", "list"]).current_dir(desk.path()).env("HOPGUARD_DIR", "documents").env("DIR", "documents");
    let said = Said::of(command.env("HOPGUARD_CONFIG", "hopguard.yaml").output().unwrap());
    assert_eq!(said.code, 2, "{}", said.out);
    assert!(said.err.contains("--dir") || said.err.contains("--config"), "{}", said.err);
}
