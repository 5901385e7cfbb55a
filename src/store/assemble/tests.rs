//! What documents do to each other.

use std::collections::BTreeSet;

use super::*;
use crate::{
    grant::{Approval, Subject},
    inventory::{Scope, WorkloadState},
    peer::id,
    store::{Documents, Rules, Texts},
};

mod signed;

const NOW: &str = "2026-11-20T10:00:00Z";

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: hopguard.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

fn grant(name: &str, rest: &str) -> String {
    grant_of("standing", name, "spiffeId: spiffe://td/web", &format!("reviewBy: 2026-12-20T09:00:00Z, {rest}"))
}

fn grant_of(kind: &str, name: &str, subject: &str, rest: &str) -> String {
    let spec = format!(
        "{{type: {kind}, subject: {{{subject}}}, purposes: [shop], owner: team-shop, requestedBy: bob, approver: alice, \
         ticket: T-1, notBefore: 2026-11-20T09:00:00Z, expiresAt: 2027-01-20T09:00:00Z, {rest}}}"
    );
    document("Grant", name, &spec)
}

const REACH: &str = "audience: spiffe://td/orders, actions: [{methods: [GET], paths: [/a]}]";
const SHOP: &str = "{name: shop, owner: team-shop}";

fn resource(name: &str, path: &str) -> String {
    let spec = format!(
        "{{audience: spiffe://td/orders, actions: [{{methods: [GET], paths: [{path}]}}], owner: team-shop, sensitivity: low}}"
    );
    document("Resource", name, &spec)
}

fn workload(name: &str, scope: &str, rest: &str) -> String {
    document("Workload", name, &format!("{{{scope}, kind: job, owner: team-web{rest}}}"))
}

fn revocation(name: &str, target: &str) -> String {
    document("Revocation", name, &format!("{{target: {{{target}}}, reason: lost, at: 2026-11-20T09:00:00Z}}"))
}

fn fact(name: &str, key: &str, rest: &str) -> String {
    document("Fact", name, &format!("{{key: {key}, {rest}, source: ci, observedAt: {NOW}, maxAge: 5m}}"))
}

fn activation(name: &str, grant: &str, who: &str, until: &str) -> String {
    let spec =
        format!("{{grant: {grant}, requestedBy: {who}, reason: fire, ticket: T-2, from: {NOW}, until: {until}}}");
    document("Activation", name, &spec)
}

fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

fn read_by(approvals: Approvals, documents: &[String]) -> Documents {
    let texts = [("all.yaml".to_owned(), documents.join("---\n"))];
    let rules = Rules { max_activation: std::time::Duration::from_hours(4), approvals, ..Rules::default() };
    Texts::new(rules).read(texts.into(), now())
}

fn read(documents: &[String]) -> Documents {
    read_by(Approvals::default(), documents)
}

fn messages(documents: &Documents) -> Vec<String> {
    documents.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_grant_reaches_the_resources_that_it_names() {
    let shop = document("Purpose", "shop", SHOP);
    let all = [shop, resource("a", "/a"), resource("b", "/b"), grant("g", "resources: [b, a]")];
    let documents = read(&all);
    assert_eq!(messages(&documents), [""; 0]);
    let reach = documents.grants[0].reach();
    let names: Vec<_> = reach.iter().map(|reach| reach.resource.as_ref().unwrap().name.as_str()).collect();
    assert_eq!(names, ["b", "a"]);
    assert_eq!(reach[0].actions, documents.resources[1].actions);
    assert_eq!(documents.grants[0].audiences().count(), 2);
}

#[test]
fn a_grant_of_a_resource_that_is_not_there_or_twice_is_refused_alone() {
    let shop = document("Purpose", "shop", SHOP);
    let all = [
        shop,
        resource("a", "/a"),
        resource("b", "/b"),
        resource("b", "/c"),
        grant("g", "resources: [b, a, c]"),
        grant("h", "resources: [a]"),
    ];
    let documents = read(&all);
    assert_eq!(documents.grants.iter().map(|grant| grant.name()).collect::<Vec<_>>(), ["h"]);
    let messages = messages(&documents);
    assert_eq!(messages.len(), 4, "{messages:#?}");
    assert!(messages[2].ends_with(
        "spec.resources[0]: no document that counts defines the resource `b`, so the grant does not count: add one"
    ));
    assert!(messages[3].contains("spec.resources[2]: no document that counts defines the resource `c`"));
}

#[test]
fn every_revocation_acts_whatever_it_is_called() {
    let documents = read(&[revocation("stop", "grant: a"), revocation("stop", "grant: b"), revocation("go", "jti: c")]);
    assert_eq!(documents.revocations.len(), 3);
    let messages = messages(&documents);
    assert_eq!(messages.len(), 2);
    assert!(messages[0].ends_with(
        "all.yaml:3:18: metadata.name: 2 documents of kind `Revocation` are named `stop`, and all of them act: rename all but one, so that each can be told from the others"
    ), "{messages:#?}");
}

#[test]
fn of_two_workloads_the_worst_state_counts_and_no_role() {
    let web = "spiffeId: spiffe://td/web";
    let roles = ", roles: [reader], labels: {tier: a}";
    for (first, second, worst) in [
        ("active", "active", WorkloadState::Active),
        ("active", "suspended", WorkloadState::Suspended),
        ("offboarded", "suspended", WorkloadState::Offboarded),
        ("active", "offboarded", WorkloadState::Offboarded),
    ] {
        let documents = read(&[
            workload("a", web, &format!("{roles}, state: {first}")),
            workload("b", web, &format!("{roles}, state: {second}")),
        ]);
        let [workload] = &documents.workloads[..] else { panic!("{:?}", documents.workloads) };
        assert_eq!((workload.state, workload.roles.len(), workload.labels.len()), (worst, 0, 0));
        let messages = messages(&documents);
        assert_eq!(messages.len(), 2);
        assert!(
            messages[0].ends_with(
                "spec: 2 documents of kind `Workload` are about it, so none of them gives a role or a label: keep one"
            ),
            "{messages:#?}"
        );
    }
}

#[test]
fn a_suspension_in_a_file_that_does_not_load_gives_no_role() {
    let web = workload("web", "spiffeId: spiffe://td/web", ", roles: [reader], labels: {tier: a}, state: suspended");
    let documents = read(&[web, "kind: [".to_owned()]);
    let [workload] = &documents.workloads[..] else { panic!("{:?}", documents.workloads) };
    assert_eq!((workload.state, workload.roles.len(), workload.labels.len()), (WorkloadState::Suspended, 0, 0));
}

#[test]
fn workloads_that_share_a_name_are_still_there_and_give_nothing() {
    let documents = read(&[
        workload("a", "spiffeId: spiffe://td/web", ", roles: [reader]"),
        workload("a", "spiffeId: spiffe://td/api", ", roles: [reader], state: suspended"),
        workload("b", "prefix: spiffe://td/", ", roles: [admin]"),
    ]);
    let known: Vec<_> = documents.workloads.iter().map(|workload| (workload.roles.len(), workload.state)).collect();
    assert_eq!(known.len(), 3);
    assert!(known.contains(&(0, WorkloadState::Active)) && known.contains(&(0, WorkloadState::Suspended)));
    assert_eq!(messages(&documents).len(), 2);
}

#[test]
fn an_activation_opens_one_grant_that_is_there_to_be_opened_by_somebody_who_may() {
    let until = "2026-11-20T13:00:00Z";
    let mut all = vec![
        document("Purpose", "shop", SHOP),
        grant("standing", REACH),
        grant_of(
            "eligible",
            "eligible",
            "spiffeId: spiffe://td/web",
            &format!("activators: [Carol@example.com], {REACH}"),
        ),
        activation("good", "eligible", "carol+x@example.com", until),
    ];
    let documents = read(&all);
    assert_eq!(messages(&documents), [""; 0]);
    assert_eq!((documents.activations.len(), documents.activations[0].approval), (1, Approval::Sufficient));
    all.extend([
        activation("other", "eligible", "dave@example.com", until),
        activation("none", "nothing", "carol@example.com", until),
        activation("needless", "standing", "carol@example.com", until),
        activation("twice", "eligible", "carol@example.com", until),
        activation("twice", "eligible", "carol@example.com", until),
    ]);
    let documents = read(&all);
    assert_eq!(documents.activations.len(), 1);
    let messages = messages(&documents);
    for message in [
        "spec.requestedBy: is none of the `activators` of the grant `eligible`, so nothing is opened",
        "spec.grant: no document that counts defines the grant `nothing`, so nothing is opened: add one",
        "spec.grant: the grant `standing` is of type `standing`, which needs no activation: remove it",
        "metadata.name: 2 documents of kind `Activation` are named `twice`, so none of them counts: keep one",
    ] {
        assert!(messages.iter().any(|found| found.ends_with(message)), "{message}: {messages:#?}");
    }
}

#[test]
fn a_break_glass_grant_without_anybody_who_may_sign_is_refused() {
    let documents = read(&[
        document("Purpose", "shop", SHOP),
        grant_of("break_glass", "sealed", "spiffeId: spiffe://td/web", REACH),
        activation("open", "sealed", "carol", "2026-11-20T11:00:00Z"),
    ]);
    assert!(documents.grants.is_empty() && documents.activations.is_empty());
    assert!(
        messages(&documents)[0]
            .contains("spec.type: a grant of type `break_glass` has to be signed, and nobody may sign")
    );
}

#[test]
fn where_signatures_are_required_nothing_widens_without_one() {
    let all = [
        document("Purpose", "shop", SHOP),
        resource("a", "/a"),
        grant("g", REACH),
        grant("h", "resources: [a]"),
        workload("web", "spiffeId: spiffe://td/web", ", roles: [reader], labels: {tier: a}"),
        workload("api", "spiffeId: spiffe://td/api", ", roles: [reader], state: suspended"),
        revocation("stop", "grant: x"),
    ];
    let documents = read_by(Approvals { required: true, signers: None }, &all);
    assert_eq!(
        documents.grants.iter().map(|grant| (grant.name(), grant.approval())).collect::<Vec<_>>(),
        [("g", Approval::Lacking)]
    );
    assert!(documents.resources.is_empty());
    assert!(documents.workloads.iter().all(|workload| workload.roles.is_empty()));
    assert_eq!(documents.workloads[0].state, WorkloadState::Suspended);
    assert_eq!(documents.revocations.len(), 1);
    let messages = messages(&documents);
    for message in [
        "spec.signatures: does not count unsigned: have it signed by one of the allowed signers",
        "spec.signatures: gives the roles `reader` only if it is signed: have it signed by one of the allowed signers",
        "spec.resources[0]: no document that counts defines the resource `a`, so the grant does not count: add one",
    ] {
        assert!(messages.iter().any(|found| found.ends_with(message)), "{message}: {messages:#?}");
    }
    assert!(read(&all).grants.iter().all(|grant| grant.approval() == Approval::Sufficient));
}

#[test]
fn whoever_may_sign_can_change_without_a_document_that_does() {
    let texts = || [("a".to_owned(), document("Purpose", "shop", SHOP) + "---\n" + &grant("g", REACH))].into();
    let mut store = Texts::new(Rules::default());
    let first = store.read(texts(), now());
    store.approve_by(Approvals { required: true, signers: None });
    let second = store.read(texts(), now());
    assert_eq!((first.grants[0].approval(), second.grants[0].approval()), (Approval::Sufficient, Approval::Lacking));
    let third = store.read(texts(), now());
    assert!(Arc::ptr_eq(&second.grants[0], &third.grants[0]));
}

/// What is open to whoever asks, spelled out. The probes are one workload of each kind that the samples are about.
fn opens(documents: &Documents) -> BTreeSet<String> {
    let mut opens = BTreeSet::new();
    for grant in documents.grants.iter().filter(|grant| grant.approval() == Approval::Sufficient) {
        let subject = match grant.subject() {
            Subject::Role(role) => role.clone(),
            Subject::Workload(id) => id.to_string(),
            Subject::Prefix(prefix) => prefix.to_string(),
        };
        let reach: Vec<_> = grant.reach().iter().map(|reach| format!("{:?}", reach.actions)).collect();
        opens.insert(format!("grant {} to {subject}: {reach:?} until {}", grant.name(), grant.expires_at()));
    }
    for activation in &documents.activations {
        opens.insert(format!("activation {} of {}", activation.name, activation.grant));
    }
    for probe in ["spiffe://td/web", "spiffe://td/ns/a", "spiffe://td/other"] {
        let id = id::parse(probe).unwrap();
        let exact = documents.workloads.iter().find(|workload| workload.scope == Scope::Workload(id.clone()));
        let below = documents
            .workloads
            .iter()
            .filter(|workload| matches!(&workload.scope, Scope::Prefix(prefix) if prefix.includes(&id)));
        let nearest = exact.or_else(|| {
            below.max_by_key(|workload| match &workload.scope {
                Scope::Prefix(prefix) => prefix.path().len(),
                Scope::Workload(_) => 0,
            })
        });
        if nearest.is_none_or(|workload| workload.state == WorkloadState::Active) {
            opens.insert(format!("{probe} acts"));
        }
        for role in nearest.iter().flat_map(|workload| &workload.roles) {
            opens.insert(format!("{probe} is {role}"));
        }
        for key in ["posture", "window"] {
            let of = |subject: Option<&spiffe::SpiffeId>| {
                documents.facts.iter().find(|fact| fact.key == key && fact.subject.as_ref() == subject)
            };
            if let Some(fact) = of(Some(&id)).or_else(|| of(None)).filter(|fact| fact.is_fresh(None, now())) {
                opens.insert(format!("{key} of {probe} is {}", fact.value));
            }
        }
    }
    opens
}

fn closes(documents: &Documents) -> BTreeSet<String> {
    documents.revocations.iter().map(|revocation| format!("{:?}", revocation.target)).collect()
}

/// Two documents together never open what neither of them opens, nor give back what one of them takes away.
#[test]
fn no_two_documents_open_more_than_one_of_them() {
    let eligible =
        |name: &str| grant_of("eligible", name, "spiffeId: spiffe://td/web", &format!("activators: [carol], {REACH}"));
    let base = [
        document("Purpose", "shop", SHOP),
        resource("a", "/a"),
        eligible("e"),
        workload("all", "prefix: spiffe://td/", ", roles: [admin]"),
        fact("open", "posture", "value: good"),
        fact("shut", "window", "value: open"),
    ];
    let until = "2026-11-20T13:00:00Z";
    let mut added = vec![
        document("Purpose", "shop", SHOP),
        document("Purpose", "store", SHOP),
        document("Purpose", "other", "{name: shop.refund, owner: x}"),
        resource("a", "/b"),
        grant("g", REACH),
        grant("g", "resources: [a]"),
        grant("h", "resources: [a]"),
        eligible("e"),
        activation("x", "e", "carol", until),
        activation("x", "e", "carol", "2026-11-20T12:00:00Z"),
        activation("z", "e", "carol", until),
        fact("f", "posture", "value: bad"),
        fact("f", "posture", "subject: spiffe://td/web, value: bad"),
        fact("h", "posture", "subject: spiffe://td/web, value: worse"),
        fact("h", "window", "subject: spiffe://td/ns/a, value: shut"),
        revocation("stop", "grant: g"),
        revocation("stop", "grant: h"),
    ];
    for state in ["active", "suspended"] {
        for (name, scope) in [
            ("w", "spiffeId: spiffe://td/web"),
            ("w", "prefix: spiffe://td/ns/"),
            ("v", "spiffeId: spiffe://td/web"),
            ("all", "prefix: spiffe://td/"),
        ] {
            for roles in ["", ", roles: [reader]"] {
                added.push(workload(name, scope, &format!("{roles}, state: {state}")));
            }
        }
    }
    for base in [&base[..], &base[..3]] {
        let with = |more: &[&String]| read(&base.iter().chain(more.iter().copied()).cloned().collect::<Vec<_>>());
        assert!(
            added.iter().all(|document| !messages(&with(&[document])).iter().any(|found| found.contains("not load")))
        );
        let alone: Vec<_> = added.iter().map(|document| with(&[document])).collect();
        for (a, first) in added.iter().zip(&alone) {
            for (b, second) in added.iter().zip(&alone) {
                let both = with(&[a, b]);
                let either: BTreeSet<_> = opens(first).union(&opens(second)).cloned().collect();
                let more: Vec<_> = opens(&both).difference(&either).cloned().collect();
                assert!(more.is_empty(), "{a}---\n{b}: {more:#?}");
                let fewer: Vec<_> = closes(first)
                    .union(&closes(second))
                    .filter(|target| !closes(&both).contains(*target))
                    .cloned()
                    .collect();
                assert!(fewer.is_empty(), "{a}---\n{b}: {fewer:#?}");
            }
        }
    }
}
