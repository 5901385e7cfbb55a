//! Approvals that are signed, as `ssh-keygen` signs.

use super::{Desk, REQUEST, Said};

/// A desk where alice, carol and dave may sign, and bob too.
fn signed(approvals: &str) -> Desk {
    let desk = Desk::configured(&format!("grants: {{approvals: {approvals}, allowed_signers: allowed_signers}}"));
    let line = |name: &str| format!("{name}@example.com namespaces=\"hopguard-grant\" {}", desk.key(name));
    let lines: Vec<_> = ["alice", "bob", "carol", "dave"].map(line).to_vec();
    desk.write("allowed_signers", &lines.concat());
    desk
}

#[test]
fn where_approvals_are_signed_an_approval_without_a_signature_is_none() {
    let desk = signed("required");
    desk.done(REQUEST);
    let said = desk.line("grant approve agent --by alice@example.com --yes");
    assert_eq!((said.code, desk.state("agent").as_str()), (1, "requested"));
    assert!(said.err.starts_with("`agent` has to be signed: "), "{}", said.err);
    // Somebody else's key is not hers.
    let said = desk.line("grant approve agent --by alice@example.com --key dave --yes");
    assert_eq!((said.code, desk.state("agent").as_str()), (1, "requested"), "{}", said.out);
    assert!(said.err.contains("is not one that counts"), "{}", said.err);
    let said = desk.done("grant approve agent --by alice@example.com --key alice");
    assert!(said.out.contains("signed by alice@example.com\n"), "{}", said.out);
    assert_eq!(desk.state("agent"), "active");
}

#[test]
fn the_commands_that_are_told_sign_and_approve() {
    let desk = signed("required");
    let said = desk.done(REQUEST);
    let sign = said.told("next     sign:").replace(" -f KEY ", " -f alice ");
    // What is printed to be signed is not a change, and needs no yes.
    let made = desk.shell(&sign.replace("hopguard grant", "\"$HOPGUARD\" grant"));
    assert!(made.code == 0 && desk.read("agent.sig").starts_with("-----BEGIN SSH SIGNATURE-----\n"), "{}", made.err);
    let approve = format!("{} --signature agent.sig", said.told("next     approve:"));
    let done = desk.shell(&approve);
    assert_eq!((done.code, desk.state("agent").as_str()), (0, "active"), "{}{}", done.out, done.err);
    // And it is the one that `ssh-keygen` knows.
    let verify = "\"$HOPGUARD\" grant show agent --canonical --config hopguard.yaml | ssh-keygen -Y verify -f allowed_signers \
                  -I alice@example.com -n hopguard-grant -s agent.sig";
    let said = desk.shell(verify);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

#[test]
fn what_was_signed_is_not_what_is_longer() {
    let desk = signed("required");
    desk.done(REQUEST);
    desk.done("grant approve agent --by alice@example.com --key alice");
    let before = desk.read("documents/agent.yaml");
    let said = desk.done("grant extend agent --for 1h");
    assert!(said.out.contains("the signature that it has is for that end"), "{}", said.out);
    assert_eq!((desk.read("documents/agent.yaml"), desk.state("agent").as_str()), (before.clone(), "requested"));
    let said = desk.done("grant approve agent --by carol@example.com --key carol");
    assert_eq!(desk.state("agent"), "active");
    // What alice has signed is there for whoever wants it back, with her signature.
    let back = desk.shell(&said.undo());
    assert_eq!(back.code, 0, "{}{}", back.out, back.err);
    assert_eq!(desk.read("documents/agent.yaml"), before);
    let said = desk.done("grant extend agent --for 1h --by alice@example.com --key alice");
    assert!(said.out.contains(", 1h longer\n"), "{}", said.out);
    assert_eq!(desk.state("agent"), "active");
}

#[test]
fn a_document_that_somebody_has_edited_is_signed_again() {
    let desk = signed("required");
    desk.done(REQUEST);
    desk.done("grant approve agent --by alice@example.com --key alice");
    let wider = desk.read("documents/agent.yaml").replace("/v1/ledgers/*", "/**");
    desk.write("documents/agent.yaml", &wider);
    let said = desk.line("grant list");
    assert!(said.out.contains(" pending ") && said.out.contains("signatures are missing"), "{}", said.out);
    desk.done("grant approve agent --by alice@example.com --key alice");
    assert_eq!(desk.state("agent"), "active");
}

fn sealed() -> Desk {
    let desk = signed("optional");
    desk.done(&REQUEST.replace("request agent", "request glass --type break_glass").replace("--for 2h", "--for 30d"));
    let said = desk.line("grant approve glass --by alice@example.com --yes");
    assert_eq!((said.code, desk.state("glass").as_str()), (1, "requested"), "{}", said.out);
    desk.done("grant approve glass --by alice@example.com --key alice");
    assert_eq!(desk.state("glass"), "closed");
    desk
}

/// Opens the glass, and says under which name.
fn opened(desk: &Desk, more: &str) -> (Said, String) {
    let said =
        desk.done(&format!("grant activate glass --by bob@example.com --reason down --ticket INC-9 --for 30m {more}"));
    let file = said.told("created ");
    let name = file.rsplit('/').next().unwrap().split(".yaml").next().unwrap().to_owned();
    (said, name)
}

#[test]
fn glass_is_broken_by_two_who_have_not_asked() {
    let desk = sealed();
    let (said, name) = opened(&desk, "");
    assert!(said.out.contains("it waits: "), "{}", said.out);
    assert_eq!(desk.state("glass"), "closed");
    let approve =
        |by: &str, key: &str| desk.line(&format!("grant approve {name} --by {by}@example.com --key {key} --yes"));
    // Not by whoever asked, nor by one of them twice, nor by one key under two names.
    assert_eq!(approve("bob", "bob").code, 1);
    let said = approve("carol", "carol");
    assert!(said.code == 0 && said.out.contains("signed by carol@example.com\n"), "{}{}", said.out, said.err);
    assert_eq!((approve("carol", "carol").code, desk.state("glass").as_str()), (0, "closed"));
    assert_eq!((approve("dave", "carol").code, desk.state("glass").as_str()), (1, "closed"));
    let said = approve("dave", "dave");
    assert!(said.code == 0 && said.out.starts_with("opens 2 routes of "), "{}{}", said.out, said.err);
    assert_eq!(desk.state("glass"), "active");
    // And closed again before its time.
    let said = desk.done(&format!("grant expire {name}"));
    assert_eq!(desk.state("glass"), "closed", "{}", said.out);
    let back = desk.shell(&said.undo());
    assert_eq!((back.code, desk.state("glass").as_str()), (0, "active"), "{}{}", back.out, back.err);
}

#[test]
fn glass_is_broken_at_once_where_both_are_there() {
    let desk = sealed();
    let (said, _) = opened(&desk, "--key carol@example.com=carol --key dave@example.com=dave");
    assert!(
        said.out.starts_with("opens 2 routes of spiffe://prod.example/ledger to 1 workload for 30m\n"),
        "{}",
        said.out
    );
    assert_eq!(desk.state("glass"), "active");
    let said = desk.line("grant activate glass --by bob@example.com --reason x --ticket y --for 61m --yes");
    assert_eq!(said.code, 3, "{}", said.err);
}

#[test]
fn an_eligible_grant_is_opened_by_the_signature_of_who_opens_it() {
    let desk = signed("required");
    desk.done(&REQUEST.replace("request agent", "request fix --type eligible --activator carol@example.com"));
    desk.done("grant approve fix --by alice@example.com --key alice");
    let open = "grant activate fix --by carol@example.com --reason stuck --ticket INC-7 --for 15m";
    let said = desk.done(open);
    assert!(said.out.contains("it waits: "), "{}", said.out);
    assert_eq!(desk.state("fix"), "closed");
    assert_eq!(desk.shell(&said.undo()).code, 0);
    let said = desk.done(&format!("{open} --key dave@example.com=dave"));
    assert!(said.out.contains("it waits: ") && desk.state("fix") == "closed", "{}", said.out);
    assert_eq!(desk.shell(&said.undo()).code, 0);
    desk.done(&format!("{open} --key carol@example.com=carol"));
    assert_eq!(desk.state("fix"), "active");
}
