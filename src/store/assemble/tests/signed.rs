//! What counts because somebody signed it, and what no longer does.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::*;
use crate::{
    approval::{AllowedSigners, armour, canonical, signed_message, signed_part},
    yaml,
};

/// The key of each person is made of the first letter of their name.
fn pair(by: &str) -> (Ed25519KeyPair, Vec<u8>) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[by.as_bytes()[0]; 32]).unwrap();
    let field = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
    let public = [field(b"ssh-ed25519"), field(pair.public_key().as_ref())].concat();
    (pair, public)
}

/// The document with the signatures of these people.
fn signed(document: &str, by: &[&str]) -> String {
    let nodes = yaml::parse("a.yaml", document).unwrap();
    let message = signed_message(&canonical(&signed_part(&nodes[0]).unwrap()));
    let signature = |by: &&str| {
        let (pair, public) = pair(by);
        let armoured = armour(&public, "ssh-ed25519", pair.sign(&message).as_ref()).replace('\n', "\\n");
        format!("{{by: {by}, signature: \"{armoured}\"}}")
    };
    let signatures = by.iter().map(signature).collect::<Vec<_>>().join(", ");
    let unsigned = document.trim_end().strip_suffix('}').unwrap();
    format!("{unsigned}, signatures: [{signatures}]}}\n")
}

fn signers(required: bool, options: &str) -> Approvals {
    let line = |by: &str| format!("{by} {options}ssh-ed25519 {}\n", STANDARD.encode(pair(by).1));
    let text: String = ["alice", "bob", "carol", "dave"].map(line).concat();
    Approvals { required, signers: Some(Arc::new(AllowedSigners::parse("allowed_signers", &text).unwrap())) }
}

fn sealed(rest: &str) -> String {
    grant_of("break_glass", "sealed", "spiffeId: spiffe://td/web", rest)
}

fn approval_of(documents: &Documents, name: &str) -> Option<Approval> {
    documents.grants.iter().find(|grant| grant.name() == name).map(|grant| grant.approval())
}

#[test]
fn a_break_glass_grant_is_approved_by_its_approver_and_opened_by_two_others() {
    let shop = document("Purpose", "shop", SHOP);
    let with = |grant: String, activation: String| read_by(signers(false, ""), &[shop.clone(), grant, activation]);
    let open = activation("open", "sealed", "dave", "2026-11-20T11:00:00Z");
    let opened = |by: &[&str]| {
        let documents = with(signed(&sealed(REACH), &["alice"]), signed(&open, by));
        assert_eq!(approval_of(&documents, "sealed"), Some(Approval::Sufficient));
        documents.activations[0].approval
    };
    assert_eq!(opened(&["alice", "carol"]), Approval::Sufficient);
    for by in [&["alice"][..], &["alice", "dave"], &["carol", "carol"]] {
        assert_eq!(opened(by), Approval::Lacking, "{by:?}");
    }
    for by in [&["bob"][..], &["carol"]] {
        let documents = with(signed(&sealed(REACH), by), open.clone());
        assert_eq!(approval_of(&documents, "sealed"), Some(Approval::Lacking), "{by:?}");
    }
    let documents =
        with(signed(&sealed(REACH), &["alice"]), signed(&open.replace("11:00:00Z", "11:00:01Z"), &["alice", "carol"]));
    assert!(documents.activations.is_empty());
    let late =
        "spec.until: is too late: an activation of a grant of type `break_glass` ends 1h after `from` at the latest";
    assert!(messages(&documents)[0].ends_with(late), "{:#?}", documents.problems);
}

/// B-12, row 143.
#[test]
fn whatever_is_widened_after_it_was_approved_has_to_be_approved_again() {
    let shop = document("Purpose", "shop", SHOP) + "---\n" + &document("Purpose", "refund", "{name: refund, owner: x}");
    let approved = signed(&grant("g", REACH), &["alice"]);
    let approval = |text: &str| approval_of(&read_by(signers(true, ""), &[shop.clone(), text.to_owned()]), "g");
    assert_eq!(approval(&approved), Some(Approval::Sufficient));
    for (from, to) in [
        ("spiffeId: spiffe://td/web", "prefix: spiffe://td/"),
        ("spiffeId: spiffe://td/web", "role: web"),
        ("spiffe://td/orders", "spiffe://td/ledger"),
        ("paths: [/a]", "paths: [/**]"),
        ("paths: [/a]", "paths: [/]"),
        ("methods: [GET]", "methods: [GET, DELETE]"),
        ("purposes: [shop]", "purposes: [shop, refund]"),
        ("2027-01-20T09:00:00Z", "2027-02-20T09:00:00Z"),
        ("notBefore: 2026-11-20T09:00:00Z", "notBefore: 2026-11-19T09:00:00Z"),
        ("requestedBy: bob", "requestedBy: carol"),
        ("approver: alice", "approver: dave"),
        ("type: standing", "type: exception, exitCriteria: [{what: x, owner: z}]"),
        ("name: g}", "name: g}\n#"),
    ] {
        assert!(approved.contains(from), "{from}");
        let changed = approved.replacen(from, to, 1);
        let expected = if to.ends_with('#') { Approval::Sufficient } else { Approval::Lacking };
        assert_eq!(approval(&changed), Some(expected), "{from} -> {to}");
    }
    let renamed = approved.replacen("{name: g}", "{name: h}", 1);
    assert_eq!(approval_of(&read_by(signers(true, ""), &[shop.clone(), renamed]), "h"), Some(Approval::Lacking));
    let wildcard = approved.replacen("spiffe://td/web", "'spiffe://td/*'", 1);
    assert_eq!(approval(&wildcard), None);
}

#[test]
fn what_a_break_glass_grant_leans_on_is_signed() {
    let shop = document("Purpose", "shop", SHOP);
    let by_resource = signed(&sealed("resources: [a]"), &["alice"]);
    let approval = |resource: String| {
        let documents =
            read_by(signers(false, ""), &[shop.clone(), resource, by_resource.clone(), grant("h", "resources: [a]")]);
        assert_eq!(approval_of(&documents, "h"), Some(Approval::Sufficient));
        approval_of(&documents, "sealed")
    };
    assert_eq!(approval(resource("a", "/a")), Some(Approval::Lacking));
    assert_eq!(approval(signed(&resource("a", "/a"), &["carol"])), Some(Approval::Sufficient));
    assert_eq!(approval(signed(&resource("a", "/a"), &["carol"]).replace("[/a]", "[/**]")), Some(Approval::Lacking));

    let by_role = signed(&grant_of("break_glass", "sealed", "role: responder", REACH), &["alice"]);
    let roles = |workload: String| {
        let documents = read_by(signers(false, ""), &[shop.clone(), workload, by_role.clone()]);
        documents.workloads[0].roles.join(" ")
    };
    let web = workload("web", "spiffeId: spiffe://td/web", ", roles: [reader, responder]");
    assert_eq!(roles(web.clone()), "reader");
    assert_eq!(roles(signed(&web, &["carol"])), "reader responder");
    assert_eq!(roles(signed(&web, &["carol"]).replace("reader", "writer")), "writer");
}

#[test]
fn where_signatures_are_required_those_of_anybody_who_may_count() {
    let documents = read_by(
        signers(true, ""),
        &[
            document("Purpose", "shop", SHOP),
            signed(&resource("a", "/a"), &["carol"]),
            signed(&grant("h", "resources: [a]"), &["alice"]),
            signed(&workload("web", "spiffeId: spiffe://td/web", ", roles: [reader]"), &["dave"]),
        ],
    );
    assert_eq!(messages(&documents), [""; 0]);
    assert_eq!(approval_of(&documents, "h"), Some(Approval::Sufficient));
    assert_eq!((documents.resources.len(), documents.workloads[0].roles.len()), (1, 1));
}

#[test]
fn what_a_key_signed_counts_while_the_key_does() {
    let approvals = signers(true, "valid-before=\"20261120110000Z\" ");
    let grant = document("Purpose", "shop", SHOP) + "---\n" + &signed(&grant("g", REACH), &["alice"]);
    let mut store = Texts::new(Rules { approvals, ..Rules::default() });
    let mut at = |time: &str| store.read([("a".to_owned(), grant.clone())].into(), Timestamp::parse(time).unwrap());
    let (first, second) = (at("2026-11-20T10:00:00Z"), at("2026-11-20T10:59:59Z"));
    assert!(Arc::ptr_eq(&first.grants[0], &second.grants[0]));
    let third = at("2026-11-20T11:00:00Z");
    assert_eq!((second.grants[0].approval(), third.grants[0].approval()), (Approval::Sufficient, Approval::Lacking));
    assert_ne!(second.revision, third.revision);
    assert!(messages(&third)[0].contains("spec.signatures: the signature of `alice` does not count"));
    store.approve_by(signers(true, ""));
    let documents = store.read([("a".to_owned(), grant.clone())].into(), now());
    assert_eq!(documents.grants[0].approval(), Approval::Sufficient);
}
