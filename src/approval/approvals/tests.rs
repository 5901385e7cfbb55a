//! Whose signatures each kind of document needs, and whose do not help.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::*;
use crate::approval::{armour, key, signed_message};

const CANONICAL: &[u8] = b"{}";
const NOW: Timestamp = Timestamp::from_seconds(1_795_165_200);

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";
const CAROL: &str = "carol@example.com";

/// A key of its own for each number.
fn pair(number: u8) -> (Ed25519KeyPair, Vec<u8>) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap();
    let public = key::named("ssh-ed25519", pair.public_key().as_ref());
    (pair, public)
}

/// What somebody signed with a key.
fn signed(by: &str, number: u8) -> Signature {
    let (pair, public) = pair(number);
    let armoured = armour(&public, "ssh-ed25519", pair.sign(&signed_message(CANONICAL)).as_ref());
    Signature { by: by.to_owned(), armoured }
}

/// Who may sign with which keys.
fn signers(lines: &[(&str, u8)]) -> Option<Arc<AllowedSigners>> {
    let line =
        |(principals, number): &(&str, u8)| format!("{principals} ssh-ed25519 {}\n", STANDARD.encode(pair(*number).1));
    let text: String = lines.iter().map(line).collect();
    Some(Arc::new(AllowedSigners::parse("allowed_signers", &text).unwrap()))
}

fn approvals(required: bool, lines: &[(&str, u8)]) -> Approvals {
    Approvals { required, signers: signers(lines) }
}

/// Everybody with a key of their own: Alice 1, Bob 2, Carol 3.
fn everybody(required: bool) -> Approvals {
    approvals(required, &[(ALICE, 1), (BOB, 2), (CAROL, 3)])
}

fn below<'a>(kind: Kind, signatures: &'a [Signature]) -> Below<'a> {
    Below { kind, requester: BOB, signatures, canonical: CANONICAL, now: NOW }
}

/// Of a grant that Bob requested and Alice approves.
fn grant(approvals: &Approvals, kind: Kind, signatures: &[Signature]) -> Verdict {
    approvals.approved(&below(kind, signatures), ALICE)
}

/// Of an activation that Bob requested.
fn activation(approvals: &Approvals, kind: Kind, signatures: &[Signature]) -> Verdict {
    approvals.opened(&below(kind, signatures))
}

#[track_caller]
fn sufficient(verdict: &Verdict) {
    assert_eq!((verdict.approval, &verdict.lacks), (Approval::Sufficient, &None), "{verdict:?}");
}

#[track_caller]
fn lacking(verdict: &Verdict) {
    assert!(verdict.approval == Approval::Lacking && verdict.lacks.is_some(), "{verdict:?}");
}

const ORDINARY: [Kind; 4] = [Kind::Standing, Kind::Eligible, Kind::Jit, Kind::Exception];

#[test]
fn where_approvals_are_optional_an_ordinary_grant_needs_no_signature() {
    for kind in ORDINARY {
        sufficient(&grant(&everybody(false), kind, &[]));
        sufficient(&grant(&Approvals::default(), kind, &[]));
    }
}

#[test]
fn where_they_are_required_a_grant_is_signed_by_its_approver() {
    for kind in ORDINARY {
        let approvals = everybody(true);
        sufficient(&grant(&approvals, kind, &[signed(ALICE, 1)]));
        sufficient(&grant(&approvals, kind, &[signed(CAROL, 3), signed(ALICE, 1)]));
        lacking(&grant(&approvals, kind, &[]));
        lacking(&grant(&approvals, kind, &[signed(CAROL, 3)]));
        lacking(&grant(&approvals, kind, &[signed(BOB, 2)]));
    }
}

#[test]
fn a_break_glass_grant_is_signed_by_its_approver_whatever_is_required() {
    for required in [false, true] {
        let approvals = everybody(required);
        sufficient(&grant(&approvals, Kind::BreakGlass, &[signed(ALICE, 1)]));
        lacking(&grant(&approvals, Kind::BreakGlass, &[]));
        lacking(&grant(&approvals, Kind::BreakGlass, &[signed(CAROL, 3)]));
    }
}

#[test]
fn says_whose_signature_is_missing() {
    let verdict = grant(&everybody(true), Kind::Jit, &[]);
    assert_eq!(verdict.lacks.as_deref(), Some("the signature of its approver `alice@example.com`"));
    assert_eq!(verdict.problems, [""; 0]);
    let verdict = activation(&everybody(false), Kind::BreakGlass, &[signed(ALICE, 1)]);
    let lacks = "the signature of another person, with a key of their own, who did not request it";
    assert_eq!(verdict.lacks.as_deref(), Some(lacks));
}

#[test]
fn an_approver_is_spelled_as_in_the_grant_but_for_letter_case() {
    let approvals = approvals(true, &[("Alice@Example.com,alice+work@example.com", 1)]);
    sufficient(&grant(&approvals, Kind::Jit, &[signed("Alice@Example.com", 1)]));
    lacking(&grant(&approvals, Kind::Jit, &[signed("alice+work@example.com", 1)]));
}

#[test]
fn a_key_that_could_be_the_requesters_approves_nothing() {
    for principals in ["alice@example.com,bob@example.com", "*@example.com", "alice@example.com,Bob+x@Example.com"] {
        let approvals = approvals(true, &[(principals, 1)]);
        let verdict = grant(&approvals, Kind::Jit, &[signed(ALICE, 1)]);
        lacking(&verdict);
        assert!(verdict.problems[0].contains("could be the requester's too"), "{verdict:?}");
        assert!(!verdict.is_signed());
    }
    // On lines of their own, but one key all the same; and for ever, though Bob's line ended long ago.
    let same = approvals(true, &[(ALICE, 1), (BOB, 1)]);
    lacking(&grant(&same, Kind::Jit, &[signed(ALICE, 1)]));
    let once = approvals(true, &[(ALICE, 1), ("bob@example.com valid-before=\"20200101Z\"", 1)]);
    lacking(&grant(&once, Kind::Jit, &[signed(ALICE, 1)]));
}

#[test]
fn break_glass_is_opened_by_two_people_with_two_keys() {
    let approvals = everybody(false);
    let verdict = activation(&approvals, Kind::BreakGlass, &[signed(ALICE, 1), signed(CAROL, 3)]);
    sufficient(&verdict);
    assert_eq!(verdict.signed_by, [ALICE, CAROL]);
    for signatures in [
        vec![],
        vec![signed(ALICE, 1)],
        vec![signed(ALICE, 1), signed(ALICE, 1)],
        vec![signed(ALICE, 1), signed(BOB, 2)],
        vec![signed(BOB, 2), signed(BOB, 2)],
    ] {
        lacking(&activation(&approvals, Kind::BreakGlass, &signatures));
    }
}

#[test]
fn the_requester_of_an_activation_is_not_among_its_two() {
    let verdict = activation(&everybody(false), Kind::BreakGlass, &[signed(ALICE, 1), signed(BOB, 2)]);
    let problem = "the signature of `bob@example.com` does not count: `bob@example.com` is the requester: somebody else has to approve";
    assert_eq!(
        (verdict.problems.as_slice(), verdict.signed_by.as_slice()),
        (&[problem.to_owned()][..], &[ALICE.to_owned()][..])
    );
    let aliases = approvals(false, &[(ALICE, 1), ("BOB+oncall@example.com", 2), (CAROL, 3)]);
    lacking(&activation(&aliases, Kind::BreakGlass, &[signed(ALICE, 1), signed("BOB+oncall@example.com", 2)]));
    let three = [signed(ALICE, 1), signed("BOB+oncall@example.com", 2), signed(CAROL, 3)];
    sufficient(&activation(&aliases, Kind::BreakGlass, &three));
}

#[test]
fn one_person_with_two_names_or_two_keys_is_not_two() {
    let names = approvals(false, &[(ALICE, 1), ("Alice+b@example.com", 3)]);
    lacking(&activation(&names, Kind::BreakGlass, &[signed(ALICE, 1), signed("Alice+b@example.com", 3)]));
    let keys = approvals(false, &[(ALICE, 1), (ALICE, 3)]);
    lacking(&activation(&keys, Kind::BreakGlass, &[signed(ALICE, 1), signed(ALICE, 3)]));
}

#[test]
fn two_names_with_one_key_are_not_two() {
    for lines in [&[("alice@example.com,carol@example.com", 1)][..], &[(ALICE, 1), (CAROL, 1)]] {
        let approvals = approvals(false, lines);
        lacking(&activation(&approvals, Kind::BreakGlass, &[signed(ALICE, 1), signed(CAROL, 1)]));
    }
}

#[test]
fn two_keys_that_one_person_may_hold_are_not_two() {
    // Carol could have made both.
    let carol = approvals(false, &[("alice@example.com,carol@example.com", 1), (CAROL, 3)]);
    lacking(&activation(&carol, Kind::BreakGlass, &[signed(ALICE, 1), signed(CAROL, 3)]));
    // So could Dave, who signed neither by name.
    let dave = approvals(false, &[("alice@example.com,dave", 1), ("carol@example.com,dave", 3)]);
    lacking(&activation(&dave, Kind::BreakGlass, &[signed(ALICE, 1), signed(CAROL, 3)]));
    let oncall = approvals(false, &[("alice@example.com,*-oncall", 1), ("carol@example.com,db-*", 3)]);
    lacking(&activation(&oncall, Kind::BreakGlass, &[signed(ALICE, 1), signed(CAROL, 3)]));
}

#[test]
fn finds_two_people_among_many_signatures() {
    let approvals = approvals(false, &[("alice@example.com,carol@example.com", 1), (ALICE, 4), (CAROL, 3)]);
    let signatures = [signed(ALICE, 1), signed(CAROL, 1), signed(CAROL, 3), signed(ALICE, 4)];
    sufficient(&activation(&approvals, Kind::BreakGlass, &signatures));
    lacking(&activation(&approvals, Kind::BreakGlass, &signatures[..3]));
}

#[test]
fn an_eligible_grant_is_opened_without_a_queue() {
    sufficient(&activation(&everybody(false), Kind::Eligible, &[]));
    sufficient(&activation(&everybody(true), Kind::Eligible, &[signed(BOB, 2)]));
    lacking(&activation(&everybody(true), Kind::Eligible, &[]));
    lacking(&activation(&everybody(true), Kind::Eligible, &[signed(ALICE, 1)]));
}

#[test]
fn what_is_open_by_itself_cannot_be_opened() {
    for kind in [Kind::Standing, Kind::Jit, Kind::Exception] {
        lacking(&activation(&everybody(false), kind, &[signed(ALICE, 1), signed(CAROL, 3)]));
    }
}

#[test]
fn anything_else_is_signed_by_whoever_may_sign() {
    let anyone = |approvals: &Approvals, signatures: &[Signature]| approvals.anyone(signatures, CANONICAL, NOW);
    sufficient(&anyone(&everybody(true), &[signed(CAROL, 3)]));
    lacking(&anyone(&everybody(true), &[]));
    lacking(&anyone(&everybody(true), &[signed(CAROL, 1)]));
    sufficient(&anyone(&everybody(false), &[]));
    assert!(anyone(&everybody(false), &[signed(CAROL, 3)]).is_signed());
    assert!(!anyone(&everybody(false), &[signed(CAROL, 1)]).is_signed());
    assert!(!anyone(&Approvals::default(), &[signed(CAROL, 3)]).is_signed());
}

#[test]
fn a_signature_that_does_not_count_is_shown_and_spoils_no_other() {
    let mut broken = signed(CAROL, 3);
    broken.armoured = broken.armoured.replace("SSH SIGNATURE", "PGP SIGNATURE");
    let stranger = signed("dave@example.com", 9);
    let verdict = grant(&everybody(true), Kind::Jit, &[broken, stranger, signed(ALICE, 1)]);
    sufficient(&verdict);
    assert_eq!(verdict.signed_by, [ALICE]);
    assert_eq!(verdict.problems.len(), 2);
    assert!(verdict.problems[0].starts_with("the signature of `carol@example.com` does not count: it is not what"));
    assert!(verdict.problems[1].starts_with("the signature of `dave@example.com` does not count: its key SHA256:"));
}

#[test]
fn a_signature_of_another_document_approves_nothing() {
    let approvals = everybody(true);
    let signatures = [signed(ALICE, 1)];
    let other = Below { canonical: b"{\"a\":1}", ..below(Kind::Jit, &signatures) };
    let verdict = approvals.approved(&other, ALICE);
    lacking(&verdict);
    assert!(verdict.problems[0].contains("it does not fit"), "{verdict:?}");
}

#[test]
fn without_allowed_signers_nothing_that_has_to_be_signed_is() {
    let nobody = |required| Approvals { required, signers: None };
    for verdict in [
        grant(&nobody(true), Kind::Standing, &[signed(ALICE, 1)]),
        grant(&nobody(false), Kind::BreakGlass, &[signed(ALICE, 1)]),
        activation(&nobody(false), Kind::BreakGlass, &[signed(ALICE, 1), signed(CAROL, 3)]),
        activation(&nobody(true), Kind::Eligible, &[signed(BOB, 2)]),
        nobody(true).anyone(&[signed(ALICE, 1)], CANONICAL, NOW),
    ] {
        lacking(&verdict);
        assert_eq!(verdict.problems, [NOBODY]);
    }
}

#[test]
fn of_too_many_signatures_none_counts() {
    let many = vec![signed(ALICE, 1); MAX_SIGNATURES];
    sufficient(&grant(&everybody(true), Kind::Jit, &many));
    let too_many = vec![signed(ALICE, 1); MAX_SIGNATURES + 1];
    lacking(&grant(&everybody(true), Kind::Jit, &too_many));
}
