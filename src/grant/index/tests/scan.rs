//! The contract, read naively: every document is held against the hop in full, word by word.

use serde_json::Value;

use super::{
    world::{Act, Doc, Part, What, World},
    *,
};

/// What a hop asks, as words.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) peer: &'static str,
    pub(super) behalf: Option<(&'static str, &'static str, usize)>,
    pub(super) relayed: bool,
    pub(super) wants: Wants,
    /// The purpose, and whether it is signed.
    pub(super) purpose: Option<(&'static str, bool)>,
    pub(super) now: i64,
}

#[derive(Clone, Debug)]
pub(super) enum Wants {
    Call { method: &'static str, path: &'static str, host: &'static str, grpc: bool, upgrade: Option<&'static str> },
    Port(u16),
    Unclear,
}

/// How one grant stands to a hop.
enum Stands {
    /// It covers it until then, opened by this, through this resource.
    Covers { until: i64, opener: Option<String>, resource: Option<&'static str> },
    /// All of it is right, and time, signatures or something else is not: how near it is, and what to say.
    Nearly(i64, i64, String),
    /// It is for something else: how much of it is right.
    Elsewhere(usize),
}

/// What the contract says of a hop in this world.
pub(super) fn tell(world: &World, hop: &Hop) -> String {
    let roles = roles(world, hop.peer);
    if world.required && roles.is_none() {
        return "grant_missing workload_unknown".to_owned();
    }
    let roles = roles.unwrap_or_default();
    let mut order: Vec<&Doc> = world.grants.iter().collect();
    order.sort_by_key(|doc| {
        let kinds = ["standing", "eligible", "jit", "exception", "break_glass"];
        (kinds.iter().position(|kind| *kind == doc.kind.as_str()), doc.name.clone())
    });
    let (mut covering, mut nearly, mut right) = (vec![], vec![], 0);
    for doc in order {
        match stand(world, doc, &roles, hop) {
            Stands::Covers { until, opener, resource } => covering.push((doc, until, opener, resource)),
            Stands::Nearly(kind, time, text) => nearly.push(((kind, time), text)),
            Stands::Elsewhere(parts) => right = right.max(parts),
        }
    }
    if let Some((_, until, opener, resource)) = covering.first() {
        let names: Vec<_> = covering.iter().map(|(doc, ..)| doc.name.as_str()).collect();
        return format!("{} until {until} by {opener:?} through {resource:?}", names.join(","));
    }
    // The first of the nearest.
    match nearly.into_iter().min_by_key(|(near, _)| *near) {
        Some((_, text)) => text,
        None => {
            let lacks = ["subject", "action", "purpose", "purpose_binding", "on_behalf_of", "revoked"];
            format!("grant_missing grant.{}", lacks[right])
        }
    }
}

fn stand(world: &World, doc: &Doc, roles: &[&str], hop: &Hop) -> Stands {
    let named = match doc.subject {
        ("id", name) => name == hop.peer,
        ("prefix", prefix) => is_below(prefix, hop.peer),
        (_, role) => roles.contains(&role),
    };
    if !named || !doc.parts.iter().any(|part| part.audiences.contains(&ORDERS)) {
        return Stands::Elsewhere(0);
    }
    let Some(part) = doc.parts.iter().find(|part| part.audiences.contains(&ORDERS) && opens(part, &hop.wants)) else {
        return Stands::Elsewhere(1);
    };
    let binding = match (hop.purpose, &hop.wants) {
        (Some((name, signed)), _)
            if doc.purposes.iter().any(|granted| name == *granted || name.starts_with(&format!("{granted}."))) =>
        {
            signed
        }
        (None, Wants::Port(_)) => false,
        _ => return Stands::Elsewhere(2),
    };
    if doc.signed && !binding {
        return Stands::Elsewhere(3);
    }
    let delegated = match (&doc.behalf, hop.behalf) {
        (None, None) => true,
        (Some((people, most)), Some((issuer, name, depth))) => people.contains(&(issuer, name)) && depth <= *most,
        _ => false,
    };
    if !delegated {
        return Stands::Elsewhere(4);
    }
    let stands = stand_now(world, doc, part, hop);
    let acting = world.revocations.iter().filter(|ends| {
        ends.grant == doc.name && ends.at <= hop.now + 60 && ends.until.is_none_or(|until| hop.now < until)
    });
    // What lasts longest, then what is named first.
    let longest = acting.min_by_key(|ends| (-ends.until.unwrap_or(i64::MAX), ends.name.clone()));
    match (longest, stands) {
        (None, stands) => stands,
        (Some(ends), Stands::Covers { .. }) => {
            Stands::Nearly(0, 0, format!("revoked revocation.grant {} {}", doc.name, ends.name))
        }
        (Some(_), _) => Stands::Elsewhere(5),
    }
}

fn stand_now(world: &World, doc: &Doc, part: &Part, hop: &Hop) -> Stands {
    let name = &doc.name;
    let (begin, end) = doc.span;
    if hop.now >= end {
        return Stands::Nearly(5, -end, format!("grant_expired grant.expires_at {name}"));
    }
    if hop.now < begin {
        return Stands::Nearly(4, begin, format!("grant_pending grant.not_before {name}"));
    }
    if !doc.approved {
        return Stands::Nearly(3, 0, format!("grant_pending grant.signatures {name}"));
    }
    let inactive = |detail: &str| Stands::Nearly(2, 0, format!("grant_inactive grant.{detail} {name}"));
    let mut ends = vec![end];
    if world.overdue
        && let Some(review) = doc.review
    {
        if hop.now >= review {
            return inactive("review_by");
        }
        ends.push(review);
    }
    let mut opener = None;
    if matches!(doc.kind.as_str(), "eligible" | "break_glass") {
        let open = world.activations.iter().filter(|opens| opens.grant == *name && opens.approved);
        let open = open.filter(|opens| opens.span.0 <= hop.now && hop.now < opens.span.1);
        let Some(last) = open.min_by_key(|opens| (-opens.span.1, opens.name.clone())) else {
            return inactive("activation");
        };
        ends.push(last.span.1);
        opener = Some(last.name.clone());
    }
    for (key, equals, at_most) in &doc.needs {
        match fact(world, key, equals, *at_most, hop) {
            Ok(stale) => ends.push(stale),
            Err(detail) => return inactive(detail),
        }
    }
    if hop.relayed && !doc.relays.contains(&hop.peer) {
        return Stands::Nearly(1, 0, format!("token_not_held grant.relays {name}"));
    }
    Stands::Covers { until: ends.into_iter().min().unwrap(), opener, resource: part.resource }
}

fn fact(world: &World, key: &str, equals: &Value, at_most: Option<i64>, hop: &Hop) -> Result<i64, &'static str> {
    let told =
        |of: Option<&str>| world.facts.iter().filter(|tells| tells.key == key && tells.of == of).collect::<Vec<_>>();
    let own = told(Some(hop.peer));
    let [tells] = if own.is_empty() { told(None) } else { own }[..] else { return Err("fact_missing") };
    let stale = tells.seen + at_most.map_or(tells.age, |at_most| at_most.min(tells.age));
    if tells.seen > hop.now + 5 || hop.now >= stale {
        Err("fact_stale")
    } else if tells.value != *equals {
        Err("fact_differs")
    } else {
        Ok(stale)
    }
}

/// What the inventory gives; nothing at all if it does not know the name.
fn roles(world: &World, peer: &str) -> Option<Vec<&'static str>> {
    let speaking = world.workloads.iter().filter(|known| match known.of {
        ("id", name) => name == peer,
        (_, prefix) => is_below(prefix, peer),
    });
    // A name is longer than every prefix of it.
    let most = speaking.clone().map(|known| known.of.1.len()).max()?;
    match speaking.filter(|known| known.of.1.len() == most).collect::<Vec<_>>()[..] {
        [known] => Some(known.roles.clone()),
        _ => Some(vec![]),
    }
}

fn is_below(prefix: &str, name: &str) -> bool {
    prefix.ends_with('/') && name.starts_with(prefix) && name != prefix
}

fn opens(part: &Part, wants: &Wants) -> bool {
    part.acts.iter().any(|act| is_meant(act, wants))
}

fn is_meant(act: &Act, wants: &Wants) -> bool {
    match (&act.what, wants) {
        (What::Ports(ports), Wants::Port(port)) => ports.contains(port),
        (What::Calls(names), Wants::Call { method: "POST", path, host, grpc: true, upgrade: None }) => {
            act.hosts.as_ref().is_none_or(|hosts| hosts.contains(host))
                && names.iter().any(|name| format!("/{name}") == **path)
        }
        (What::Requests { methods, paths, upgrades }, Wants::Call { method, path, host, upgrade, .. }) => {
            let asked: Vec<_> = path.split('/').collect();
            methods.contains(method)
                && act.hosts.as_ref().is_none_or(|hosts| hosts.contains(host))
                && upgrade.map_or(upgrades.is_empty(), |protocol| upgrades.contains(&protocol))
                && paths.iter().any(|pattern| fits(&pattern.split('/').collect::<Vec<_>>(), &asked))
        }
        _ => false,
    }
}

fn fits(pattern: &[&str], asked: &[&str]) -> bool {
    match (pattern, asked) {
        (["**"], rest) => !rest.is_empty(),
        (["*", pattern @ ..], [segment, rest @ ..]) => !segment.is_empty() && fits(pattern, rest),
        ([same, pattern @ ..], [segment, rest @ ..]) => same == segment && fits(pattern, rest),
        (pattern, asked) => pattern.is_empty() && asked.is_empty(),
    }
}
