//! How many grants are looked at: few, whosever they are, and however many there are.

use super::{super::LOOKED_AT, *};
use crate::inventory::{Scope, WorkloadKind, WorkloadState};

/// Whose grants there are many of, and what tells them apart.
#[derive(Clone, Copy, Debug)]
enum Many {
    Actions,
    Hosts,
    OfARole,
    OfBelow,
    OfOthers,
    Over,
    People,
    Purposes,
}

const ALL: [Many; 8] = [
    Many::Actions,
    Many::Hosts,
    Many::OfARole,
    Many::OfBelow,
    Many::OfOthers,
    Many::Over,
    Many::People,
    Many::Purposes,
];

/// The grant with that number, and the one that covers the hop: `GET /orders/7` for `checkout`.
fn numbered(many: Many, number: usize) -> Grant {
    let name = format!("grant-{number:06}");
    let path = |number: usize| vec![action("GET", &format!("/orders/{number}"))];
    let reach = |actions| vec![Reach { audiences: vec![id(ORDERS)], actions, resource: None }];
    let by_path = Grant { reach: reach(path(number)), ..grant(&name) };
    match many {
        Many::Actions => by_path,
        Many::Hosts => {
            let hosts = Some(vec![crate::grant::names::Host::parse(&format!("h{number}")).unwrap()]);
            Grant { reach: reach(vec![Action { hosts, ..action("GET", "/orders/7") }]), ..grant(&name) }
        }
        Many::OfARole => Grant { subject: Subject::Role("reader".to_owned()), ..by_path },
        Many::OfBelow => {
            let prefix = crate::peer::IdPrefix::parse("spiffe://prod.example/").unwrap();
            Grant { subject: Subject::Prefix(prefix), ..by_path }
        }
        Many::OfOthers => {
            let subject = if number == 7 { WEB.to_owned() } else { format!("{WEB}/{number}") };
            Grant { subject: Subject::Workload(id(&subject)), reach: reach(path(7)), ..grant(&name) }
        }
        Many::Over => {
            let expires_at = if number == 7 { at(200) } else { at(101) };
            Grant { expires_at, ..grant(&name) }
        }
        Many::People => {
            let from = vec![Delegators { issuer: "https://login".to_owned(), subjects: vec![format!("p{number}")] }];
            Grant { on_behalf_of: Some(OnBehalfOf { from, max_depth: 1 }), ..grant(&name) }
        }
        Many::Purposes => Grant { purposes: vec![purpose(&format!("p{number}"))], ..grant(&name) },
    }
}

/// How many grants are looked at where this many are there, for a hop that one of them covers or none.
fn looked_at(many: Many, count: usize, covered: bool) -> usize {
    let grants: Vec<_> = (0..count).map(|number| Arc::new(numbered(many, number))).collect();
    let grants = Grants::new(id(ORDERS), &grants, []);
    let workload = Workload {
        name: "web".to_owned(),
        scope: Scope::Workload(id(WEB)),
        kind: WorkloadKind::Service,
        owner: "team-web".to_owned(),
        roles: vec!["reader".to_owned()],
        labels: std::collections::BTreeMap::new(),
        state: WorkloadState::Active,
    };
    let number = if covered { "7" } else { "none" };
    let name = match many {
        Many::Purposes => format!("p{number}"),
        _ => "checkout".to_owned(),
    };
    let person = format!("p{number}");
    let stated = Vocabulary::close([purpose(&name)]).0.state(&ClaimedPurpose::Declared(name)).unwrap();
    let (peer, path) = match many {
        Many::OfOthers if !covered => (id(PAYMENTS), "/orders/7".to_owned()),
        Many::Actions | Many::OfARole | Many::OfBelow => (id(WEB), format!("/orders/{number}")),
        _ => (id(WEB), "/orders/7".to_owned()),
    };
    let host = format!("h{number}");
    let behalf = matches!(many, Many::People).then_some(("https://login", person.as_str(), 1));
    let asked = Asked {
        acting: Acting { peer: &peer, behalf, relayed: None },
        requested: Requested::Http(Call { host: &host, ..call(&path) }),
        purpose: Some(&stated),
        now: if matches!(many, Many::Over) && !covered { at(300) } else { at(150) },
    };
    let around = Around {
        workload: Some(&workload),
        facts: &Facts::default(),
        revocations: &Revocations::default(),
        overdue: Overdue::Report,
        inventory_required: false,
    };
    LOOKED_AT.set(0);
    assert_eq!(grants.covering(&asked, &around).is_ok(), covered, "{many:?}");
    LOOKED_AT.get()
}

#[test]
fn as_few_grants_are_looked_at_among_many_as_among_few() {
    for many in ALL {
        for covered in [true, false] {
            let (few, many_more) = (looked_at(many, 10, covered), looked_at(many, 10_000, covered));
            assert!(many_more <= 2 && many_more <= few.max(1), "{many:?}, {covered}: {few}, then {many_more}");
        }
    }
}
