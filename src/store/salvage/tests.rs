//! What is found in files that do not load.

use proptest::prelude::*;

use super::*;
use crate::store::Rules;

const STOP: &str = "apiVersion: hopguard.dev/v1alpha1
kind: Revocation
metadata: {name: stop}
spec: {target: {grant: a}, reason: lost, at: 2026-11-20T09:00:00Z}
";

fn found(content: &str) -> (Vec<(String, usize)>, usize) {
    found_in(content.as_bytes())
}

fn found_in(content: &[u8]) -> (Vec<(String, usize)>, usize) {
    let rules = Rules::default();
    let Salvage { withdrawing, unread } = salvage("a.yaml", content, &Reading::of(&rules));
    let withdrawing = withdrawing.into_iter().map(|document| (document.name, document.lines_above + document.at.line));
    (withdrawing.collect(), unread.len())
}

#[test]
fn finds_what_stands_before_behind_and_between_mistakes() {
    let stop = |line| (vec![("stop".to_owned(), line)], 0);
    assert_eq!(found(STOP), stop(3));
    assert_eq!(found(&format!("}}\n---\n{STOP}")), stop(5));
    assert_eq!(found(&format!("a: \"never closed\n---\n{STOP}---\n[")), stop(5));
    assert_eq!(found(&format!("a: [\n--- # next\n{STOP}...\n%YAML 1.2\n")), stop(5));
    assert_eq!(found(&format!("a: |\n  text\n  --- is text\n---\r\n{STOP}")), stop(7));
    assert_eq!(found(&format!("\u{feff}kind: Grant\n---\n{STOP}")), stop(5));
    let twice = format!("{STOP}---\n{}", STOP.replace("name: stop", "name: other"));
    assert_eq!(found(&twice).0, [("stop".to_owned(), 3), ("other".to_owned(), 8)]);
}

#[test]
fn text_that_is_no_utf_8_spoils_its_own_document_only() {
    let content = [b"a: \xff\n---\n", STOP.as_bytes()].concat();
    assert_eq!(found_in(&content), (vec![("stop".to_owned(), 5)], 0));
    let content = [STOP.replace("lost", "").as_bytes(), b"# \xff\n"].concat();
    assert_eq!(found_in(&content), (vec![], 1));
}

#[test]
fn what_gives_access_is_not_taken_from_a_file_that_does_not_load() {
    let workload = "apiVersion: hopguard.dev/v1alpha1\nkind: Workload\nmetadata: {name: a}\nspec: {spiffeId: spiffe://td/a, \
                    kind: job, owner: team-a, roles: [admin], state: active}\n";
    assert_eq!(found(&format!("}}\n---\n{workload}")), (vec![], 0));
    let suspended = workload.replace("active", "suspended");
    assert_eq!(found(&format!("}}\n---\n{suspended}")), (vec![("a".to_owned(), 5)], 0));
}

#[test]
fn a_revocation_that_cannot_be_read_is_noticed_however_it_is_spelled() {
    for (from, to) in [
        ("{grant: a}", "{grant: }"),
        ("{grant: a}", "{grant: a"),
        ("reason: lost, ", ""),
        ("2026-11-20T09:00:00Z", "now"),
        ("kind: Revocation", "kind: revocation"),
        ("kind: Revocation", "kind: Revokation"),
        ("kind: Revocation", "\"kind\" : \"Revocation"),
        ("kind: Revocation", "kind: Revocation\nkind: Grant"),
        ("v1alpha1", "v2"),
    ] {
        let broken = STOP.replace(from, to);
        assert_eq!(found(&broken), (vec![], 1), "{from} -> {to}");
    }
    for other in ["kind: Activation\n}", "kind: Grant\nspec: {reason: a Revocation", "Revocation", ""] {
        assert_eq!(found(other).1, 0, "{other}");
    }
}

#[test]
fn one_that_has_been_read_before_is_known_by_its_name() {
    let unread = |text: &str| revocation(text).unwrap();
    assert!(unread(&STOP.replace("lost", "}")).is_any_of(&["other", "stop"]));
    assert!(unread("kind: Revocation\nmetadata:\n  name:\n    'stop'\n}").is_any_of(&["stop"]));
    assert!(!unread(&STOP.replace("lost", "}")).is_any_of(&["sto", "stop-all"]));
    assert!(!unread("kind: Revocation\n").is_any_of(&["stop"]));
}

/// One document, written in one way or another.
fn sample(what: usize) -> String {
    let spec = "spec: {target: {grant: a}, reason: lost, at: 2026-11-20T09:00:00Z}";
    let block = "spec:\n  target: {grant: a}\n  at: 2026-11-20T09:00:00Z\n  reason: |\n    --- is\n    ... text";
    match what {
        0 => STOP.to_owned(),
        1 => STOP.replace(spec, block),
        2 => "apiVersion: hopguard.dev/v1alpha1\nkind: Purpose\nmetadata: {name: a}\nspec: {name: a, owner: x}\n"
            .to_owned(),
        3 => "# --- nothing\n".to_owned(),
        _ => STOP.replace("reason: lost", "reason: lost\n  and found"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_pieces_are_the_file(lines in prop::collection::vec("---|\\.\\.\\.|--- a|----|[a-c: \\-]{0,6}|\\PC{0,4}", 0..12)) {
        let content = lines.join("\n");
        let pieces = pieces(content.as_bytes());
        prop_assert_eq!(pieces.iter().flat_map(|piece| piece.content).copied().collect::<Vec<_>>(), content.as_bytes());
        let above = |piece: &Piece<'_>| piece.lines_above;
        prop_assert!(pieces.iter().map(above).is_sorted());
    }

    #[test]
    fn a_file_that_loads_says_the_same_in_pieces(
        parts in prop::collection::vec((0..5_usize, 0..6_usize), 0..6),
    ) {
        let mut content = String::new();
        for (index, (what, mark)) in parts.into_iter().enumerate() {
            let text = sample(what).replace("name: stop", &format!("name: stop-{index}"));
            prop_assert!(found(&text).1 == 0 && decode("a.yaml", &text, &Reading::of(&Rules::default())).is_ok(), "{}", text);
            content += &text;
            content += ["---\n", "--- # next\n", "...\n---\n", "---\r\n", "---\t\n", "---\n---\n"][mark];
        }
        let rules = Rules::default();
        let reading = Reading::of(&rules);
        if let Ok(documents) = decode("a.yaml", &content, &reading) {
            let whole: Vec<_> = documents.iter().filter(|document| document.body.withdraws()).map(|document| (document.name.clone(), document.at.line)).collect();
            prop_assert_eq!(found(&content), (whole, 0));
        }
    }
}
