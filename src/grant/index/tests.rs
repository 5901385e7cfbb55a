//! The index, held against the contract and against a naive scan.

use super::*;
use crate::grant::{
    Approval, Call, Delegators, Kind, OnBehalfOf,
    action::{Action, Shape},
    names::Method,
};
use crate::hop::PathPattern;
use crate::purpose::{Binding, ClaimedPurpose, Purpose, Vocabulary};

mod cost;
mod model;
mod reasons;
mod scan;
mod world;

const WEB: &str = "spiffe://prod.example/web";
const ORDERS: &str = "spiffe://prod.example/orders";
const PAYMENTS: &str = "spiffe://prod.example/payments";

fn id(text: &str) -> SpiffeId {
    SpiffeId::new(text).unwrap()
}

fn purpose(name: &str) -> Purpose {
    Purpose::parse(name).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn action(method: &str, path: &str) -> Action {
    Action::http(method, path)
}

/// A grant from web to orders: `GET /orders/*` for checkout, from 100 until 200.
fn grant(name: &str) -> Grant {
    Grant {
        name: name.to_owned(),
        kind: Kind::Standing,
        subject: Subject::Workload(id(WEB)),
        reach: vec![Reach { audiences: vec![id(ORDERS)], actions: vec![action("GET", "/orders/*")], resource: None }],
        purposes: vec![purpose("checkout")],
        purpose_binding: Binding::Declared,
        on_behalf_of: None,
        relays: vec![],
        owner: "team-orders".to_owned(),
        requested_by: "bob@example.com".to_owned(),
        approver: "alice@example.com".to_owned(),
        ticket: None,
        justification: None,
        not_before: at(100),
        expires_at: at(200),
        review_by: Some(at(150)),
        exit_criteria: vec![],
        conditions: vec![],
        activators: vec![],
        signatures: vec![],
        approval: Approval::Sufficient,
    }
}

/// The same with other actions.
fn reaching(actions: Vec<Action>) -> Grant {
    Grant { reach: vec![Reach { audiences: vec![id(ORDERS)], actions, resource: None }], ..grant("a") }
}

fn call(path: &str) -> Call<'_> {
    Call { method: "GET", path, host: "orders", content_type: None, upgrade: None }
}

fn read(path: &str) -> Requested<'_> {
    Requested::Http(call(path))
}

/// What the grants answer where nothing else is known.
fn cover(grants: &Grants, asked: &Asked<'_>) -> Result<ActiveGrant, GrantError> {
    grants.covering(
        asked,
        &Around {
            workload: None,
            facts: &Facts::default(),
            revocations: &Revocations::default(),
            overdue: Overdue::Report,
            inventory_required: false,
        },
    )
}

/// What the grants answer to an undelegated hop with a declared purpose.
fn covering(
    grants: &Grants,
    peer: &SpiffeId,
    requested: &Requested<'_>,
    purpose: &Purpose,
    now: Timestamp,
) -> Result<ActiveGrant, GrantError> {
    let (vocabulary, _) =
        Vocabulary::close(purpose.ancestors().map(|name| Purpose::parse(name).unwrap()).chain([purpose.clone()]));
    let purpose = vocabulary.state(&ClaimedPurpose::Declared(purpose.to_string())).unwrap();
    let acting = Acting { peer, behalf: None, relayed: None };
    cover(grants, &Asked { acting, requested: *requested, purpose: Some(&purpose), now })
}

/// What the grants answer to web's `GET /orders/7` for checkout at 150.
fn ask(grants: impl IntoIterator<Item = Grant>) -> Result<ActiveGrant, GrantError> {
    ask_at(150, grants)
}

fn ask_at(now: i64, grants: impl IntoIterator<Item = Grant>) -> Result<ActiveGrant, GrantError> {
    let grants: Vec<_> = grants.into_iter().map(Arc::new).collect();
    covering(&Grants::new(id(ORDERS), &grants, []), &id(WEB), &read("/orders/7"), &purpose("checkout"), at(now))
}

fn detail(grants: impl IntoIterator<Item = Grant>) -> &'static str {
    ask(grants).unwrap_err().detail()
}

fn name(grants: impl IntoIterator<Item = Grant>) -> String {
    ask(grants).unwrap().grant().name().to_owned()
}

#[test]
fn a_grant_covers_its_subject_action_and_purpose() {
    assert_eq!(name([grant("a")]), "a");
}

#[test]
fn a_grant_of_a_purpose_covers_its_children_and_never_its_parent() {
    let grants = [Arc::new(Grant { purposes: vec![purpose("shop.checkout")], ..grant("a") })];
    let grants = Grants::new(id(ORDERS), &grants, []);
    let ask = |name: &str| covering(&grants, &id(WEB), &read("/orders/7"), &purpose(name), at(150));
    assert!(ask("shop.checkout").is_ok());
    assert!(ask("shop.checkout.gift").is_ok());
    assert_eq!(ask("shop").unwrap_err().detail(), "grant.purpose");
}

#[test]
fn begins_at_its_first_instant_and_is_over_at_its_last() {
    let before_the_end = Timestamp::from_nanos(at(200).nanos() - 1);
    let grants = Grants::new(id(ORDERS), &[Arc::new(grant("a"))], []);
    let ask = |now| covering(&grants, &id(WEB), &read("/orders/7"), &purpose("checkout"), now);
    assert!(matches!(ask(at(99)), Err(GrantError::Pending(_))));
    assert!(ask(at(100)).is_ok());
    assert!(ask(before_the_end).is_ok());
    assert!(matches!(ask(at(200)), Err(GrantError::Expired(_))));
    assert!(matches!(ask(Timestamp::MAX), Err(GrantError::Expired(_))));
}

#[test]
fn the_least_extraordinary_grant_is_chosen_then_the_first_by_name() {
    let jit = Grant { kind: Kind::Jit, ..grant("a") };
    let exception = Grant { kind: Kind::Exception, ..grant("0") };
    let active = ask([exception, grant("c"), jit, grant("b")]).unwrap();
    assert_eq!(active.grant().name(), "b");
    assert_eq!(active.all().map(|grant| grant.name()).collect::<Vec<_>>(), ["b", "c", "a", "0"]);
}

#[test]
fn what_is_not_active_is_not_chosen() {
    let over = Grant { expires_at: at(120), ..grant("a") };
    let later = Grant { not_before: at(180), ..grant("b") };
    let active = ask([over, later, Grant { kind: Kind::Jit, ..grant("c") }]).unwrap();
    assert_eq!(active.all().map(|grant| grant.name()).collect::<Vec<_>>(), ["c"]);
}

#[test]
fn pending_is_nearer_than_expired() {
    let over = Grant { expires_at: at(120), ..grant("a") };
    let later = Grant { not_before: at(180), ..grant("z") };
    assert_eq!(ask([over, later.clone()]), Err(GrantError::Pending(Arc::new(later))));
}

#[test]
fn names_the_first_to_begin_and_the_last_to_end() {
    let pending = [120, 110, 130].map(|begin| Grant { not_before: at(begin), ..grant(&format!("from-{begin}")) });
    let error = ask_at(50, pending).unwrap_err();
    assert_eq!(error.to_string(), "grant `from-110` begins at 1970-01-01T00:01:50Z");
    assert_eq!(error.detail(), "grant.not_before");
    let expired = [180, 190, 170].map(|end| Grant { expires_at: at(end), ..grant(&format!("to-{end}")) });
    let error = ask_at(200, expired).unwrap_err();
    assert_eq!(error.to_string(), "grant `to-190` ended at 1970-01-01T00:03:10Z");
    assert_eq!(error.detail(), "grant.expires_at");
}

#[test]
fn says_what_the_nearest_grant_lacks() {
    assert_eq!(detail([]), "grant.subject");
    assert_eq!(detail([Grant { subject: Subject::Workload(id(PAYMENTS)), ..grant("a") }]), "grant.subject");
    assert_eq!(
        detail([Grant {
            reach: vec![Reach { audiences: vec![id(PAYMENTS)], ..grant("a").reach.remove(0) }],
            ..grant("a")
        }]),
        "grant.subject"
    );
    let action = reaching(vec![action("PUT", "/orders/*")]);
    let purpose = Grant { purposes: vec![purpose("refund")], ..grant("b") };
    assert_eq!(detail([action.clone()]), "grant.action");
    assert_eq!(detail([purpose, action]), "grant.purpose");
}

#[test]
fn one_grant_must_cover_all_of_it() {
    let elsewhere = reaching(vec![action("PUT", "/orders/*")]);
    let for_another = Grant { purposes: vec![purpose("refund")], ..grant("b") };
    assert!(matches!(ask([elsewhere, for_another]), Err(GrantError::Missing(_))));
}

#[test]
fn names_the_grant_that_would_be_needed() {
    assert_eq!(
        ask([]).unwrap_err().to_string(),
        "no grant names this subject and audience; needed: subject `spiffe://prod.example/web`, \
         audience `spiffe://prod.example/orders`, action `GET /orders/7 at host orders`, purpose `checkout`"
    );
}

#[test]
fn a_long_or_odd_request_is_quoted_short_and_escaped() {
    let hop = Requested::Http(Call { method: "G\nT", upgrade: Some("x"), ..call("/") });
    let error = covering(&Grants::new(id(ORDERS), [], []), &id(WEB), &hop, &purpose("checkout"), at(0)).unwrap_err();
    assert!(error.to_string().contains("`G\\nT / at host orders (upgrade to x)`"), "{error}");
    let path = format!("/{}", "a".repeat(9_000));
    let error =
        covering(&Grants::new(id(ORDERS), [], []), &id(WEB), &read(&path), &purpose("checkout"), at(0)).unwrap_err();
    assert!(error.to_string().len() < 600);
}

/// A hop of web to `GET /orders/7` on behalf of alice, as its tokens tell it.
fn delegated<'a>(purpose: &'a StatedPurpose, peer: &'a SpiffeId, depth: usize, relayed: Option<&'a str>) -> Asked<'a> {
    let acting = Acting { peer, behalf: Some(("https://login", "alice", depth)), relayed };
    Asked { acting, requested: read("/orders/7"), purpose: Some(purpose), now: at(150) }
}

fn behalf(max_depth: usize) -> Option<OnBehalfOf> {
    let from =
        vec![Delegators { issuer: "https://login".to_owned(), subjects: vec!["bob".to_owned(), "alice".to_owned()] }];
    Some(OnBehalfOf { from, max_depth })
}

fn stated(claimed: &ClaimedPurpose) -> StatedPurpose {
    Vocabulary::close([purpose("checkout")]).0.state(claimed).unwrap()
}

#[test]
fn a_delegated_hop_needs_a_grant_that_names_its_subject_issuer_and_depth() {
    let (web, declared) = (id(WEB), stated(&ClaimedPurpose::Declared("checkout".to_owned())));
    let ask = |on_behalf_of, asked: &Asked<'_>| {
        let grant = Arc::new(Grant { on_behalf_of, ..grant("a") });
        cover(&Grants::new(id(ORDERS), &[grant], []), asked).map(|_| ()).map_err(|error| error.detail())
    };
    let hop = delegated(&declared, &web, 1, None);
    assert_eq!(ask(behalf(1), &hop), Ok(()));
    assert_eq!(ask(None, &hop), Err("grant.on_behalf_of"));
    assert_eq!(ask(behalf(1), &delegated(&declared, &web, 2, None)), Err("grant.on_behalf_of"));
    assert_eq!(ask(behalf(2), &delegated(&declared, &web, 2, None)), Ok(()));
    for (issuer, subject) in [("https://login", "Alice"), ("https://login/", "alice"), ("alice", "https://login")] {
        let acting = Acting { behalf: Some((issuer, subject, 1)), ..hop.acting };
        assert_eq!(ask(behalf(1), &Asked { acting, ..hop }), Err("grant.on_behalf_of"));
    }
    let undelegated = Asked { acting: Acting { behalf: None, ..hop.acting }, ..hop };
    assert_eq!(ask(behalf(1), &undelegated), Err("grant.on_behalf_of"));
    assert_eq!(ask(None, &undelegated), Ok(()));
}

#[test]
fn a_relay_is_covered_only_where_the_grant_names_it() {
    let (web, declared) = (id(WEB), stated(&ClaimedPurpose::Declared("checkout".to_owned())));
    let ask = |relays: &[&str], asked: &Asked<'_>| {
        let relays = relays.iter().map(|relay| id(relay)).collect();
        let grant = Arc::new(Grant { on_behalf_of: behalf(2), relays, ..grant("a") });
        cover(&Grants::new(id(ORDERS), &[grant], []), asked).map(|_| ()).map_err(|error| error.detail())
    };
    let hop = delegated(&declared, &web, 2, Some(PAYMENTS));
    assert_eq!(ask(&[WEB], &hop), Ok(()));
    assert_eq!(ask(&[], &hop), Err("grant.relays"));
    assert_eq!(ask(&[PAYMENTS], &hop), Err("grant.relays"));
    // Where more is missing than the relay, that is the reason.
    assert_eq!(ask(&[], &Asked { now: at(99), ..hop }), Err("grant.not_before"));
    assert_eq!(ask(&[], &delegated(&declared, &web, 3, Some(PAYMENTS))), Err("grant.on_behalf_of"));
}

#[test]
fn a_grant_that_needs_a_signed_purpose_is_not_served_by_a_declared_one() {
    let web = id(WEB);
    let signed = stated(&ClaimedPurpose::Signed { scope: vec!["checkout".to_owned()], declared: None });
    let declared = stated(&ClaimedPurpose::Declared("checkout".to_owned()));
    let ask = |purpose_binding, purpose| {
        let grant = Arc::new(Grant { on_behalf_of: behalf(1), purpose_binding, ..grant("a") });
        let grants = Grants::new(id(ORDERS), &[grant], []);
        cover(&grants, &delegated(purpose, &web, 1, None)).map(|_| ()).map_err(|error| error.detail())
    };
    assert_eq!(ask(Binding::Signed, &signed), Ok(()));
    assert_eq!(ask(Binding::Declared, &signed), Ok(()));
    assert_eq!(ask(Binding::Signed, &declared), Err("grant.purpose_binding"));
}

#[test]
fn a_connection_is_for_the_one_purpose_of_its_grant() {
    let web = id(WEB);
    let acting = Acting { peer: &web, behalf: None, relayed: None };
    let asked = Asked { acting, requested: Requested::Tcp(5432), purpose: None, now: at(150) };
    let tcp = reaching(vec![Action { shape: Shape::Tcp(vec![5432]), hosts: None }]);
    let ask = |grant: Grant| cover(&Grants::new(id(ORDERS), &[Arc::new(grant)], []), &asked);
    let implied = ask(tcp.clone()).unwrap().implied_purpose().unwrap();
    assert_eq!((implied.purpose().as_str(), implied.binding()), ("checkout", Binding::Implied));
    let two = Grant { purposes: vec![purpose("checkout"), purpose("refund")], ..tcp.clone() };
    assert!(ask(two).unwrap().implied_purpose().is_err());
    let signed = Grant { purpose_binding: Binding::Signed, ..tcp.clone() };
    assert_eq!(ask(signed).unwrap_err().detail(), "grant.purpose_binding");
    let delegated = Grant { on_behalf_of: behalf(1), ..tcp };
    assert_eq!(ask(delegated).unwrap_err().detail(), "grant.on_behalf_of");
}
