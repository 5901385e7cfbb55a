//! Each finding is found where it is, and nowhere else.

use super::*;
use crate::governance::Written;

const NOW: &str = "2026-11-20T09:00:00Z";

/// The findings of documents, as `line id`.
fn found(documents: &[String]) -> Vec<String> {
    let source = documents.join("\n---\n");
    let written = Written::of([("a.yaml", source.as_str())]).unwrap();
    let findings = review(&written, Timestamp::parse(NOW).unwrap());
    findings.iter().map(|finding| format!("{} {}", finding.code, finding.name)).collect()
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: hopguard.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{spec}")
}

const GRANT: &str = "  type: standing
  subject: {spiffeId: spiffe://prod.example/a}
  audience: spiffe://prod.example/b
  actions: [{methods: [GET], paths: [/x]}]
  purposes: [shop]
  owner: team-shop
  requestedBy: bob@example.com
  approver: alice@example.com
  notBefore: 2026-11-01T00:00:00Z
  expiresAt: 2027-03-01T00:00:00Z
  reviewBy: 2027-02-01T00:00:00Z
";

/// What is replaced, and by what.
type Edits<'a> = &'a [(&'a str, &'a str)];

/// Documents in which there is nothing to find, with the grant edited.
fn edited(edits: Edits<'_>) -> Vec<String> {
    let mut grant = GRANT.to_owned();
    for (from, to) in edits {
        assert!(grant.contains(from), "{from}");
        grant = grant.replace(from, to);
    }
    let workload = |id: &str| format!("  spiffeId: spiffe://prod.example/{id}\n  kind: service\n  owner: team-shop\n");
    vec![
        document("Grant", "g", &grant),
        document("Purpose", "p", "  name: shop\n  owner: team-shop\n"),
        document("Workload", "wa", &workload("a")),
        document("Workload", "wb", &workload("b")),
    ]
}

fn with(mut documents: Vec<String>, more: &[String]) -> Vec<String> {
    documents.extend_from_slice(more);
    documents
}

#[test]
fn there_is_nothing_to_find_in_what_is_well_kept() {
    assert_eq!(found(&edited(&[])), [""; 0]);
}

#[test]
fn a_grant_is_found_for_what_it_is() {
    let exception = "exception\n  exitCriteria: [{what: rotate the key, owner: team-shop}]";
    let rows: [(Edits<'_>, &[&str]); 19] = [
        (
            &[("2027-03-01", "2026-11-20"), ("2027-02-01", "2026-11-19"), ("T00:00:00Z\n  r", "T09:00:00Z\n  r")],
            &["grant.expired g"],
        ),
        (&[("2027-03-01", "2027-05-01")], &["grant.long_lived g"]),
        (&[("2027-02-01", "2026-11-20")], &["grant.review_overdue g"]),
        (&[("2027-02-01", "2026-12-01")], &["grant.review_soon g"]),
        (&[("  reviewBy: 2027-02-01T00:00:00Z\n", "")], &["grant.no_review g"]),
        (
            &[
                ("  reviewBy: 2027-02-01T00:00:00Z\n", ""),
                ("standing", "jit"),
                ("2026-11-01T", "2026-11-20T"),
                ("2027-03-01", "2026-11-21"),
            ],
            &[],
        ),
        (
            &[("standing", exception), ("2027-03-01", "2026-11-25"), ("2027-02-01", "2027-01-01")],
            &["exception.ends_soon g"],
        ),
        (&[("standing", exception), ("2027-03-01", "2026-11-19")], &["exception.past_date g"]),
        (&[("standing", exception)], &[]),
        (&[("[/x]", "[/y, \"/**\"]")], &["grant.wide_path g"]),
        (&[("[/x]", "[\"/y/**\"]")], &[]),
        (&[("[/x]", "[\"/**\"]"), ("[GET]", "[GET, POST, PUT, DELETE]")], &["grant.everything g"]),
        (&[("alice@example.com", "Team-Shop")], &["grant.self_approved g"]),
        (&[("bob@example.com", "team-shop")], &["grant.self_owned g"]),
        (&[("owner: team-shop", "owner: bob+work@example.com")], &["grant.self_owned g", "owner.one_person g"]),
        (&[("spiffeId: spiffe://prod.example/a", "prefix: spiffe://prod.example/a/")], &["grant.prefix_subject g"]),
        (&[("spiffeId: spiffe://prod.example/a", "prefix: spiffe://prod.example/")], &["grant.trust_domain_subject g"]),
        (&[("spiffeId: spiffe://prod.example/a", "role: reader")], &["role.unknown g"]),
        (&[("example/b", "example/c")], &["workload.without_owner g"]),
    ];
    for (edits, expected) in rows {
        let mut found = found(&edited(edits));
        found.sort();
        assert_eq!(found, expected, "{edits:?}");
    }
}

#[test]
fn a_workload_is_known_by_its_id_or_by_what_it_is_below() {
    let below =
        document("Workload", "below", "  prefix: spiffe://prod.example/\n  kind: service\n  owner: team-shop\n");
    let elsewhere = edited(&[("example/b", "example/c")]);
    assert_eq!(found(&with(elsewhere, &[below])), [""; 0]);
}

#[test]
fn a_role_is_of_active_workloads_and_of_grants() {
    let workload = |state: &str| {
        document(
            "Workload",
            "r",
            &format!(
                "  spiffeId: spiffe://prod.example/r\n  kind: job\n  owner: team-shop\n  roles: [reader]\n{state}"
            ),
        )
    };
    let grant = [("spiffeId: spiffe://prod.example/a", "role: reader")];
    assert_eq!(found(&with(edited(&grant), &[workload("")])), [""; 0]);
    assert_eq!(found(&with(edited(&grant), &[workload("  state: suspended\n")])), ["role.unknown g"]);
    assert_eq!(found(&with(edited(&[]), &[workload("")])), ["role.unused r"]);
}

#[test]
fn who_is_suspended_still_has_grants() {
    for scope in ["spiffeId: spiffe://prod.example/a", "prefix: spiffe://prod.example/"] {
        for state in ["suspended", "offboarded"] {
            let idle =
                document("Workload", "z", &format!("  {scope}\n  kind: job\n  owner: team-shop\n  state: {state}\n"));
            assert_eq!(found(&with(edited(&[]), &[idle])), ["grant.suspended_subject g"], "{scope}");
        }
    }
}

#[test]
fn much_stands_behind_more_than_a_word() {
    let resource = |sensitivity: &str, path: &str| {
        document(
            "Resource",
            "r",
            &format!(
                "  audience: spiffe://prod.example/b\n  actions: [{{methods: [GET], paths: [{path}]}}]\n  owner: team-shop\n  sensitivity: {sensitivity}\n"
            ),
        )
    };
    let named = [("audience: spiffe://prod.example/b\n  actions: [{methods: [GET], paths: [/x]}]", "resources: [r]")];
    assert_eq!(found(&with(edited(&named), &[resource("high", "/z")])), ["resource.declared_purpose g"]);
    assert_eq!(found(&with(edited(&named), &[resource("low", "/z")])), [""; 0]);
    let unnamed = ["resource.declared_purpose g", "resource.unused r"];
    assert_eq!(found(&with(edited(&[]), &[resource("high", "\"/*\"")])), unnamed);
    assert_eq!(found(&with(edited(&[]), &[resource("high", "/z")])), unnamed[1..]);
    for firm in ["purposeBinding: signed", "onBehalfOf: {from: [{issuer: i, subjects: [s]}]}"] {
        let firm = [named[0], ("purposes: [shop]", &*format!("purposes: [shop]\n  {firm}"))];
        assert_eq!(found(&with(edited(&firm), &[resource("high", "/z")])), [""; 0]);
    }
    let eligible = [named[0], ("standing", "eligible")];
    assert_eq!(found(&with(edited(&eligible), &[resource("high", "/z")])), [""; 0]);
}

#[test]
fn a_sealed_grant_that_was_opened_is_looked_at() {
    let activation = |until: &str, reviewed: &str| {
        document(
            "Activation",
            "x",
            &format!(
                "  grant: g\n  requestedBy: bob@example.com\n  from: 2026-11-20T08:30:00Z\n  until: {until}\n{reviewed}"
            ),
        )
    };
    let sealed = || edited(&[("standing", "break_glass")]);
    let reviewed = "  reviewedBy: alice@example.com\n  reviewedAt: 2026-11-20T08:58:00Z\n";
    for (documents, until, reviewed, expected) in [
        (sealed(), "2026-11-20T09:00:01Z", "", "activation.open x"),
        (sealed(), "2026-11-20T09:00:00Z", "", "activation.not_reviewed x"),
        (sealed(), "2026-11-20T09:00:00Z", reviewed, "activation.over x"),
        (edited(&[("standing", "eligible")]), "2026-11-20T09:00:00Z", "", "activation.over x"),
    ] {
        assert_eq!(found(&with(documents, &[activation(until, reviewed)])), [expected]);
    }
    let open = activation("2026-11-20T09:00:01Z", "");
    assert_eq!(found(&with(edited(&[("standing", "eligible")]), &[open])), [""; 0]);
}

#[test]
fn a_purpose_is_used_above_and_below_what_is_granted() {
    let purpose = |name: &str| document("Purpose", "q", &format!("  name: {name}\n  owner: team-shop\n"));
    assert_eq!(found(&with(edited(&[]), &[purpose("shop.refund")])), [""; 0]);
    assert_eq!(found(&with(edited(&[]), &[purpose("shopping")])), ["purpose.unused q"]);
    assert_eq!(found(&with(edited(&[("[shop]", "[shop.refund]")]), &[purpose("shop.refund")])), [""; 0]);
}

#[test]
fn revocations_end_and_their_grants_go() {
    let revocation =
        |times: &str| document("Revocation", "v", &format!("  target: {{grant: g}}\n  reason: r\n{times}"));
    for (times, expected) in [
        ("  at: 2026-11-20T08:00:00Z\n", vec!["grant.revoked g"]),
        ("  at: 2025-11-20T08:00:00Z\n", vec!["grant.revoked g", "revocation.without_end v"]),
        ("  at: 2025-11-20T08:00:00Z\n  until: 2026-11-21T00:00:00Z\n", vec!["grant.revoked g"]),
        ("  at: 2025-11-20T08:00:00Z\n  until: 2026-11-20T09:00:00Z\n", vec!["revocation.over v"]),
    ] {
        assert_eq!(found(&with(edited(&[]), &[revocation(times)])), expected);
    }
}

#[test]
fn an_exception_says_what_there_is_to_do() {
    let exception = "exception\n  exitCriteria: [{what: rotate the key, owner: team-shop}]";
    let documents = edited(&[("standing", exception), ("2027-03-01", "2026-11-19")]);
    let written = Written::of([("a.yaml", &*documents.join("\n---\n"))]).unwrap();
    let finding = review(&written, Timestamp::parse(NOW).unwrap()).remove(0);
    assert_eq!(
        finding.to_string(),
        "a.yaml:15:14: high exception.past_date: the exception `g` ended on 2026-11-19 with 1 exit criterion to meet: \
         `rotate the key` (team-shop); meet its exit criteria, and remove it"
    );
}

#[test]
fn nothing_that_is_written_moves_a_terminal() {
    let grant = document("Grant", "\"a\\e[2J\\u202eb\"", GRANT).replace("2027-02-01", "2026-11-19");
    let written = Written::of([("a.yaml", &*grant)]).unwrap();
    let findings = review(&written, Timestamp::parse(NOW).unwrap());
    assert!(findings.iter().any(|finding| finding.message.contains("`a?[2J?b`")), "{findings:?}");
}

#[test]
fn the_list_of_ids_is_whole_and_in_order() {
    let sources = [
        include_str!("activations.rs"),
        include_str!("grants.rs"),
        include_str!("owners.rs"),
        include_str!("subjects.rs"),
        include_str!("upkeep.rs"),
    ]
    .concat();
    let mut used: Vec<_> = sources.split("found.add(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    used.sort_unstable();
    used.dedup();
    assert_eq!(CODES.map(|code| code.id).to_vec(), used);
}
