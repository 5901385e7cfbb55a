//! What a grant lacks, one thing at a time: the reason, its detail, what is told, and until when it counts if it lacks nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{
    decision::Denial,
    fact::Fact,
    grant::Condition,
    inventory::{Scope, WorkloadKind, WorkloadState},
    revocation::{Revocation, Target},
};

/// What is beside the grants.
#[derive(Default)]
struct Beside {
    activations: Vec<Arc<Activation>>,
    facts: Vec<Arc<Fact>>,
    revocations: Vec<Arc<Revocation>>,
    roles: Option<Vec<&'static str>>,
    overdue: Overdue,
    required: bool,
}

impl Beside {
    /// What web's `GET /orders/7` for checkout gets at 150.
    fn ask(self, grants: impl IntoIterator<Item = Grant>) -> Result<ActiveGrant, GrantError> {
        let grants: Vec<_> = grants.into_iter().map(Arc::new).collect();
        let grants = Grants::new(id(ORDERS), &grants, &self.activations);
        let workload = self.roles.map(|roles| Workload {
            name: "web".to_owned(),
            scope: Scope::Workload(id(WEB)),
            kind: WorkloadKind::Service,
            owner: "team-web".to_owned(),
            roles: roles.into_iter().map(ToOwned::to_owned).collect(),
            labels: std::collections::BTreeMap::new(),
            state: WorkloadState::Active,
        });
        let around = Around {
            workload: workload.as_ref(),
            facts: &Facts::new(self.facts),
            revocations: &Revocations::new(self.revocations),
            overdue: self.overdue,
            inventory_required: self.required,
        };
        let (web, purpose) = (id(WEB), stated(&ClaimedPurpose::Declared("checkout".to_owned())));
        let acting = Acting { peer: &web, behalf: None, relayed: None };
        let asked = Asked { acting, requested: read("/orders/7"), purpose: Some(&purpose), now: at(150) };
        grants.covering(&asked, &around)
    }

    fn told(self, grants: impl IntoIterator<Item = Grant>) -> (&'static str, &'static str, String) {
        let error = self.ask(grants).unwrap_err();
        let detail = error.detail();
        (Denial::from(error.clone()).reason().as_str(), detail, error.to_string())
    }
}

fn activation(name: &str, from: i64, until: i64) -> Arc<Activation> {
    Arc::new(Activation {
        name: name.to_owned(),
        grant: "a".to_owned(),
        requested_by: "bob@example.com".to_owned(),
        reason: "a customer waits".to_owned(),
        ticket: "INC-1".to_owned(),
        from: at(from),
        until: at(until),
        signatures: vec![],
        signed_by: vec![],
        approval: Approval::Sufficient,
        reviewed: None,
    })
}

fn fact(subject: Option<&str>, value: Value, observed: i64) -> Arc<Fact> {
    Arc::new(Fact {
        name: format!("{subject:?}"),
        key: "ci.run".to_owned(),
        subject: subject.map(id),
        value,
        source: "ci".to_owned(),
        observed_at: at(observed),
        max_age: Duration::from_secs(60),
    })
}

fn bound(max_age: Option<u64>) -> Grant {
    let max_age = max_age.map(Duration::from_secs);
    let conditions = vec![Condition { fact: "ci.run".to_owned(), equals: json!("running"), max_age }];
    Grant { conditions, ..grant("a") }
}

fn revoked(grant: &str, until: Option<i64>) -> Arc<Revocation> {
    Arc::new(Revocation {
        name: "leaver".to_owned(),
        target: Target::Grant(grant.to_owned()),
        reason: "bob left".to_owned(),
        at: at(0),
        until: until.map(at),
    })
}

#[test]
fn an_eligible_and_a_break_glass_grant_count_only_while_they_are_open() {
    for kind in [Kind::Eligible, Kind::BreakGlass] {
        let grant = Grant { kind, ..grant("a") };
        let told = |activations| Beside { activations, ..Beside::default() }.told([grant.clone()]);
        let closed = ("grant_inactive", "grant.activation", "grant `a` is not open; an Activation opens it".to_owned());
        assert_eq!(told(vec![]), closed);
        assert_eq!(told(vec![activation("past", 100, 150), activation("later", 151, 160)]), closed);
        let unsigned = Activation { approval: Approval::Lacking, ..(*activation("x", 100, 160)).clone() };
        assert_eq!(told(vec![Arc::new(unsigned)]), closed);
        let other = Activation { grant: "b".to_owned(), ..(*activation("x", 100, 160)).clone() };
        assert_eq!(told(vec![Arc::new(other)]), closed);

        let activations = vec![activation("b", 150, 160), activation("z", 100, 170), activation("c", 100, 170)];
        let active = Beside { activations, ..Beside::default() }.ask([grant]).unwrap();
        // The one that ends last, then the first by name.
        assert_eq!(active.activation().unwrap().name, "c");
        assert_eq!(active.until(), at(170));
    }
}

#[test]
fn an_activation_opens_no_other_type_and_outlives_no_grant() {
    let activations = || vec![activation("x", 0, 1_000)];
    for kind in [Kind::Standing, Kind::Jit, Kind::Exception] {
        let active = Beside { activations: activations(), ..Beside::default() }.ask([Grant { kind, ..grant("a") }]);
        assert_eq!(active.unwrap().activation(), None);
    }
    let eligible = Grant { kind: Kind::Eligible, ..grant("a") };
    let active = Beside { activations: activations(), ..Beside::default() }.ask([eligible.clone()]).unwrap();
    assert_eq!(active.until(), at(200));
    let over = Grant { expires_at: at(150), ..eligible };
    assert_eq!(Beside { activations: activations(), ..Beside::default() }.told([over]).0, "grant_expired");
}

#[test]
fn a_grant_ends_with_its_task() {
    let told = |grant, facts| Beside { facts, ..Beside::default() }.told([grant]);
    let running = || json!("running");
    let missing = told(bound(None), vec![]);
    assert_eq!((missing.0, missing.1), ("grant_inactive", "grant.fact_missing"));
    assert_eq!(missing.2, "grant `a` counts only while the fact `ci.run` has its value, and it is not known");
    assert_eq!(told(bound(None), vec![fact(None, json!("done"), 140)]).1, "grant.fact_differs");
    assert_eq!(told(bound(None), vec![fact(None, json!(["running"]), 140)]).1, "grant.fact_differs");
    assert_eq!(told(bound(None), vec![fact(None, running(), 90)]).1, "grant.fact_stale");
    assert_eq!(told(bound(Some(10)), vec![fact(None, running(), 140)]).1, "grant.fact_stale");
    assert_eq!(told(bound(None), vec![fact(None, running(), 156)]).1, "grant.fact_stale");
    assert_eq!(told(bound(None), vec![fact(Some(PAYMENTS), running(), 140)]).1, "grant.fact_missing");
    // What is told of the one who acts counts, whatever is told of all.
    let facts = vec![fact(None, running(), 140), fact(Some(WEB), json!("done"), 140)];
    assert_eq!(told(bound(None), facts).1, "grant.fact_differs");
    assert_eq!(told(bound(None), vec![fact(None, running(), 140), fact(None, running(), 140)]).1, "grant.fact_missing");

    let until = |grant, fact| Beside { facts: vec![fact], ..Beside::default() }.ask([grant]).unwrap().until();
    assert_eq!(until(bound(None), fact(None, running(), 91)), at(151));
    assert_eq!(until(bound(Some(20)), fact(Some(WEB), running(), 140)), at(160));
    assert_eq!(until(bound(Some(3_600)), fact(None, running(), 155)), at(200));
}

#[test]
fn an_unsigned_grant_is_pending() {
    let lacking = Grant { approval: Approval::Lacking, ..grant("a") };
    let told = Beside::default().told([lacking.clone()]);
    assert_eq!((told.0, told.1), ("grant_pending", "grant.signatures"));
    // It is nearer than one that has yet to begin, and a signature brings back nothing that is over.
    let later = Grant { not_before: at(160), ..grant("0") };
    assert_eq!(Beside::default().told([later, lacking.clone()]).1, "grant.signatures");
    assert_eq!(Beside::default().told([Grant { expires_at: at(150), ..lacking }]).0, "grant_expired");
}

#[test]
fn an_overdue_review_is_reported_or_denied() {
    let overdue = |review_by| Grant { review_by: Some(at(review_by)), ..grant("a") };
    assert_eq!(Beside::default().ask([overdue(150)]).unwrap().until(), at(200));
    let deny = || Beside { overdue: Overdue::Deny, ..Beside::default() };
    let told = deny().told([overdue(150)]);
    assert_eq!((told.0, told.1), ("grant_inactive", "grant.review_by"));
    assert_eq!(deny().ask([overdue(151)]).unwrap().until(), at(151));
    assert!(deny().ask([Grant { review_by: None, ..grant("a") }]).is_ok());
}

#[test]
fn a_revoked_grant_does_not_cover_and_is_the_reason_if_it_alone_would_have() {
    let revoked = || Beside { revocations: vec![revoked("a", None)], ..Beside::default() };
    let told = revoked().told([grant("a"), Grant { not_before: at(160), ..grant("b") }]);
    assert_eq!(told, ("revoked", "revocation.grant", "grant `a` is revoked (`leaver`)".to_owned()));
    assert_eq!(revoked().ask([grant("a"), grant("b")]).unwrap().grant().name(), "b");
    assert_eq!(revoked().ask([grant("a"), grant("b")]).unwrap().all().count(), 1);
    // What would not count either is no reason.
    let expired = revoked().told([Grant { expires_at: at(150), ..grant("a") }]);
    assert_eq!((expired.0, expired.1), ("grant_missing", "grant.revoked"));
    let closed = revoked().told([Grant { kind: Kind::BreakGlass, ..grant("a") }, grant("c").into_refund()]);
    assert_eq!((closed.0, closed.1), ("grant_missing", "grant.revoked"));
}

#[test]
fn a_grant_that_is_made_again_stays_revoked_until_the_revocation_ends() {
    let ask = |until| {
        let again = Grant { ticket: Some("CHG-2".to_owned()), approver: "carol@example.com".to_owned(), ..grant("a") };
        Beside { revocations: vec![revoked("a", until)], ..Beside::default() }.ask([again])
    };
    assert!(matches!(ask(None), Err(GrantError::Revoked { .. })));
    assert!(matches!(ask(Some(151)), Err(GrantError::Revoked { .. })));
    assert!(ask(Some(150)).is_ok());
}

#[test]
fn a_role_counts_only_while_the_inventory_gives_it() {
    let reader = Grant { subject: Subject::Role("reader".to_owned()), ..grant("a") };
    let ask = |roles| Beside { roles, ..Beside::default() }.ask([reader.clone()]);
    assert!(ask(Some(vec!["writer", "reader"])).is_ok());
    assert_eq!(ask(Some(vec!["writer", "Reader"])).unwrap_err().detail(), "grant.subject");
    assert_eq!(ask(None).unwrap_err().detail(), "grant.subject");
}

#[test]
fn a_prefix_counts_for_what_is_below_it_only() {
    let ask = |prefix: &str| {
        let subject = Subject::Prefix(crate::peer::IdPrefix::parse(prefix).unwrap());
        Beside::default().ask([Grant { subject, ..grant("a") }]).map(|active| active.grant().name().to_owned())
    };
    assert!(ask("spiffe://prod.example/").is_ok());
    for prefix in ["spiffe://prod.example/web/", "spiffe://prod.example/w/", "spiffe://other.example/"] {
        assert_eq!(ask(prefix).unwrap_err().detail(), "grant.subject", "{prefix}");
    }
}

#[test]
fn a_grant_that_is_found_in_several_ways_is_told_once() {
    let roles = || Some(vec!["reader", "reader"]);
    let twice = reaching(vec![action("GET", "/orders/*"), action("GET", "/**"), action("GET", "/orders/*")]);
    let by_role =
        |name: &str| Grant { name: name.to_owned(), subject: Subject::Role("reader".to_owned()), ..twice.clone() };
    let active = Beside { roles: roles(), ..Beside::default() }.ask(["b", "a", "d", "c"].map(by_role)).unwrap();
    assert_eq!(active.all().map(|grant| grant.name()).collect::<Vec<_>>(), ["a", "b", "c", "d"]);
}

#[test]
fn whom_the_inventory_does_not_know_is_refused_where_it_has_to() {
    let ask = |roles, required| Beside { roles, required, ..Beside::default() };
    let told = ask(None, true).told([grant("a")]);
    assert_eq!((told.0, told.1), ("grant_missing", "workload_unknown"));
    assert!(told.2.contains(WEB) && told.2.contains("store.inventory"), "{}", told.2);
    assert!(ask(Some(vec![]), true).ask([grant("a")]).is_ok());
    assert!(ask(None, false).ask([grant("a")]).is_ok());
}

#[test]
fn break_glass_is_chosen_last() {
    let sealed = Grant { kind: Kind::BreakGlass, ..grant("a") };
    let activations = vec![activation("x", 100, 160)];
    let exception = Grant { kind: Kind::Exception, ..grant("z") };
    let active = Beside { activations, ..Beside::default() }.ask([sealed, exception]).unwrap();
    assert_eq!(active.all().map(|grant| grant.name()).collect::<Vec<_>>(), ["z", "a"]);
    assert_eq!((active.activation(), active.until()), (None, at(200)));
}

impl Grant {
    /// The same for another purpose.
    fn into_refund(self) -> Self {
        Self { purposes: vec![purpose("refund")], ..self }
    }
}
