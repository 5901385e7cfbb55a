//! What is not written, and why.

use super::{Desk, REQUEST, Said};

#[test]
fn what_would_not_load_is_not_written() {
    let desk = Desk::granted();
    let before = desk.files();
    for (from, to, why) in [
        (
            "billing.invoice",
            "billing.other",
            "spec.purposes[0]: no document that counts defines the purpose `billing.other`",
        ),
        ("/v1/ledgers/*", "/v1/../x", "spec.actions[0].paths[0]: "),
        ("alice@example.com", "Bob@example.com", "spec.approver: is also the requester"),
        ("--owner team-billing", "", "spec.owner: is required"),
        ("--ticket CHG-1", "", "spec.ticket: is required"),
        ("--subject spiffe://prod.example/agent", "--subject SPIFFE://prod.example/agent", "spec.subject.spiffeId: "),
        ("--subject spiffe://prod.example/agent", "", "spec.subject: "),
        ("request agent", "request ../agent", "metadata.name: a name has at most"),
        ("request agent", "request Agent", "metadata.name: a name has at most"),
        ("--for 2h", "--until 2020-01-01T00:00:00Z", "spec.expiresAt: is not later than `notBefore`"),
        ("request agent", "request agent --type standing", "spec.reviewBy: is required"),
        ("request agent", "request agent --type exception", "spec.exitCriteria: is required"),
        ("request agent", "request agent --type eligible", "spec.activators: is required"),
        ("request agent", "request agent --type break_glass", "name a file with `grants.allowed_signers`"),
    ] {
        let said = desk.line(&format!("{} --yes", REQUEST.replacen(from, to, 1)));
        assert_eq!(said.code, 3, "{to}: {}{}", said.out, said.err);
        assert!(said.err.contains(why), "{to}: {}", said.err);
    }
    for (line, why) in [
        ("revoke --serial 0A --reason x", "spec.target.serial: "),
        ("revoke --prefix spiffe://prod.example/ns --reason x", "spec.target.prefix: "),
        ("revoke --grant agent --reason x --until 2020-01-01T00:00:00Z", "spec.until: is not later than `at`"),
        ("fact set Device ok --source x --max-age 5m", "spec.key: "),
        ("fact set device ok --source x --max-age 25h", "spec.maxAge: "),
    ] {
        let said = desk.line(&format!("{line} --yes"));
        assert_eq!(said.code, 3, "{line}: {}{}", said.out, said.err);
        assert!(said.err.contains(why), "{line}: {}", said.err);
    }
    assert_eq!(desk.files(), before);
}

#[test]
fn nothing_is_written_without_a_yes() {
    let desk = Desk::granted();
    let before = desk.files();
    let said = desk.line("revoke --grant agent --reason x");
    assert_eq!(said.code, 2);
    assert!(said.out.starts_with("closes the grant `agent` until it is lifted\n"), "{}", said.out);
    assert!(said.err.contains("nobody can be asked here, so say `--yes`"), "{}", said.err);
    let said = desk.line("revoke --grant agent --reason x --dry-run");
    assert!(said.code == 0 && said.out.ends_with("nothing is written: this is a dry run\n"), "{}", said.out);
    let said = desk.line("revoke --grant agent --reason x --dry-run -o json");
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&told["written"], &told["files"][0]["change"]), (&false.into(), &"created".into()));
    assert_eq!(desk.files(), before);
}

/// Runs a line at a terminal where somebody answers.
fn answered(desk: &Desk, line: &str, answer: &str) -> Said {
    let binary = env!("CARGO_BIN_EXE_hopguard");
    let place = desk.place.join(" ");
    desk.shell(&format!("echo {answer} | script -qec '{binary} {line} {place}' /dev/null"))
}

#[test]
fn at_a_terminal_only_a_yes_is_a_yes() {
    let desk = Desk::granted();
    for answer in ["n", "''", "yess", "Nyes"] {
        let said = answered(&desk, "revoke --grant agent --reason x", answer);
        assert!(said.code == 1 && said.out.contains("write this? [y/N] "), "{}{}", said.out, said.err);
        assert_eq!(desk.state("agent"), "active");
    }
    let said = answered(&desk, "revoke --grant agent --reason x", "y");
    assert_eq!((said.code, desk.state("agent").as_str()), (0, "revoked"), "{}", said.out);
}

#[test]
fn whoever_approves_sees_what_hides_itself() {
    let desk = Desk::new();
    let words: Vec<_> =
        REQUEST.split_whitespace().chain(["--yes", "--justification", "ok\u{1b}[2K\u{202e}ko"]).collect();
    assert_eq!(desk.run(&words).code, 0);
    let said = desk.line("grant approve agent --by alice@example.com --dry-run");
    assert!(!said.out.contains(['\u{1b}', '\u{202e}']), "{}", said.out);
    assert!(said.out.contains("justification: \"ok\\U0000001b[2K\\U0000202eko\""), "{}", said.out);
}

#[test]
fn a_request_that_was_changed_is_read_again() {
    let desk = Desk::new();
    desk.done(REQUEST);
    let wider = desk.read("documents/agent.yaml.request").replace("/v1/ledgers/*", "/**");
    desk.write("documents/agent.yaml.request", &wider);
    let said = desk.done("grant approve agent --by alice@example.com");
    assert!(said.out.contains("may       GET /** at "), "{}", said.out);
    let renamed = desk.read("documents/agent.yaml").replace("name: agent", "name: other");
    desk.write("documents/agent.yaml.request", &renamed);
    let said = desk.line("grant approve agent --by alice@example.com --yes");
    assert!(said.code == 3 && said.err.contains("is not one document of the name `agent`"), "{}", said.err);
}

#[test]
fn what_is_not_there_is_named() {
    let desk = Desk::granted();
    for (line, why) in [
        ("grant approve nobody --by a", "nothing of the name `nobody` is asked for, or there\n"),
        (
            "grant approve agent --by alice@example.com",
            "`agent` is there already: sign it with `--signature` or `--key`, or ask for something else first\n",
        ),
        ("grant extend nobody --for 1h", "there is no grant `nobody`\n"),
        ("grant expire nobody", "there is no grant and no activation `nobody` that counts\n"),
        (
            "grant activate agent --by a --reason b --ticket c --for 1m",
            "`agent` is of type `jit` and needs no activation\n",
        ),
        ("revoke --lift nobody", "there is no revocation `nobody`\n"),
        ("fact remove nothing", "nobody says what `nothing` is\n"),
    ] {
        let said = desk.line(&format!("{line} --yes"));
        assert_eq!((said.code, said.err.as_str()), (1, why), "{line}");
    }
    for line in [
        "revoke --reason x",
        "revoke --grant a",
        "revoke --grant a --jti b --reason x",
        "grant request x --for 1h --until 2030-01-01T00:00:00Z",
    ] {
        assert_eq!(desk.line(line).code, 2, "{line}");
    }
    let elsewhere = Desk { place: vec!["--dir".to_owned(), "nowhere".to_owned()], ..Desk::new() };
    assert_eq!(elsewhere.line("grant list").code, 3);
    let bare = Desk { place: Vec::new(), ..Desk::new() };
    assert_eq!(bare.line("grant list").code, 2);
}

#[test]
fn problems_that_are_there_already_stand_in_nobodys_way() {
    let desk = Desk::granted();
    desk.write("documents/broken.yaml", "kind: [\n");
    let said = desk.done("revoke --grant agent --reason x");
    assert!(said.out.contains("created  documents/revoked-grant-agent.yaml"), "{}", said.out);
    let said = desk.line("grant list");
    assert!(said.code == 3 && said.err.contains("broken.yaml"), "{}", said.err);
}
