//! The index answers what the naive reading answers, and takes away what is taken away.

use super::{
    scan::{Hop, Wants, tell},
    world::{Dice, Doc, Ends, HOSTS, METHODS, PATHS, PEERS, PEOPLE, PORTS, PURPOSES, TIMES, What, World},
    *,
};
use crate::{decision::Denial, inventory::Inventory};

/// A world as deciding knows it.
struct Known {
    grants: Grants,
    facts: Facts,
    revocations: Revocations,
    inventory: Inventory,
    overdue: Overdue,
    required: bool,
}

impl Known {
    fn of(world: &World) -> Self {
        Self {
            grants: world.grants(),
            facts: world.facts(),
            revocations: world.revocations(),
            inventory: world.inventory(),
            overdue: if world.overdue { Overdue::Deny } else { Overdue::Report },
            required: world.required,
        }
    }

    fn covering(&self, hop: &Hop, purposes: &Purposes) -> Result<ActiveGrant, GrantError> {
        let peer = id(hop.peer);
        let around = Around {
            workload: self.inventory.of(&peer).map(|workload| &**workload),
            facts: &self.facts,
            revocations: &self.revocations,
            overdue: self.overdue,
            inventory_required: self.required,
        };
        let asked = Asked {
            acting: Acting { peer: &peer, behalf: hop.behalf, relayed: hop.relayed.then_some("holder") },
            requested: match hop.wants {
                Wants::Call { method, path, host, grpc, upgrade } => Requested::Http(Call {
                    method,
                    path,
                    host,
                    content_type: grpc.then_some("application/grpc"),
                    upgrade,
                }),
                Wants::Port(port) => Requested::Tcp(port),
                Wants::Unclear => Requested::Unclear,
            },
            purpose: hop.purpose.map(|purpose| purposes.stated(purpose)),
            now: at(hop.now),
        };
        self.grants.covering(&asked, &around)
    }
}

/// Every purpose, declared and signed.
struct Purposes(Vec<((&'static str, bool), StatedPurpose)>);

impl Purposes {
    fn new() -> Self {
        let (vocabulary, _) = Vocabulary::close(PURPOSES.map(purpose));
        let state = |name: &'static str, signed: bool| {
            let claimed = if signed {
                ClaimedPurpose::Signed { scope: vec![name.to_owned()], declared: None }
            } else {
                ClaimedPurpose::Declared(name.to_owned())
            };
            ((name, signed), vocabulary.state(&claimed).unwrap())
        };
        Self(PURPOSES.into_iter().flat_map(|name| [state(name, false), state(name, true)]).collect())
    }

    fn stated(&self, asked: (&str, bool)) -> &StatedPurpose {
        &self.0.iter().find(|(purpose, _)| *purpose == asked).unwrap().1
    }
}

/// A hop: any, or one that a grant is for, more or less.
fn hop(dice: &mut Dice, world: &World) -> Hop {
    let any = any_hop(dice);
    let doc = &world.grants[dice.below(world.grants.len())];
    if dice.once_in(3) {
        return any;
    }
    let part = &doc.parts[dice.below(doc.parts.len())];
    let act = &part.acts[dice.below(part.acts.len())];
    let host = act.hosts.as_ref().map_or(HOSTS[0], |hosts| hosts[0]);
    let wants = match (&act.what, any.wants.clone()) {
        (What::Ports(ports), _) => Wants::Port(dice.pick(ports)),
        (What::Calls(_), _) => Wants::Call { method: "POST", path: "/s.S/M", host, grpc: true, upgrade: None },
        (What::Requests { methods, upgrades, .. }, Wants::Call { path, .. }) => {
            let path = if dice.once_in(2) { path } else { "/a/b" };
            Wants::Call { method: dice.pick(methods), path, host, grpc: false, upgrade: upgrades.first().copied() }
        }
        (What::Requests { .. }, wants) => wants,
    };
    let behalf = doc.behalf.as_ref().map(|(people, most)| (people[0].0, people[0].1, 1 + dice.below(*most)));
    let purpose = match wants {
        Wants::Port(_) => None,
        Wants::Call { .. } | Wants::Unclear => Some((dice.pick(&doc.purposes), doc.signed || dice.once_in(3))),
    };
    Hop {
        peer: if let ("id", name) = doc.subject { name } else { any.peer },
        behalf: if dice.once_in(8) { any.behalf } else { behalf },
        relayed: any.relayed && dice.once_in(2),
        wants,
        purpose: if dice.once_in(8) { any.purpose } else { purpose },
        now: if dice.once_in(4) { any.now } else { doc.span.0 + 20 },
    }
}

fn any_hop(dice: &mut Dice) -> Hop {
    let wants = match dice.below(8) {
        0 => Wants::Port(dice.pick(&PORTS)),
        1 if dice.once_in(8) => Wants::Unclear,
        1 => Wants::Call { method: "POST", path: "/s.S/M", host: dice.pick(&HOSTS), grpc: true, upgrade: None },
        2..5 => Wants::Call { method: "GET", path: "/a/b", host: dice.pick(&HOSTS), grpc: false, upgrade: None },
        _ => Wants::Call {
            method: dice.pick(&METHODS),
            path: dice.pick(&PATHS),
            host: dice.pick(&HOSTS),
            grpc: dice.once_in(8),
            upgrade: dice.once_in(8).then(|| dice.pick(&["websocket", "spdy"])),
        },
    };
    let stated = if matches!(wants, Wants::Port(_)) { dice.once_in(4) } else { !dice.once_in(16) };
    let (issuer, name) = dice.pick(&PEOPLE);
    Hop {
        peer: dice.pick(&[PEERS[0], PEERS[0], PEERS[0], PEERS[1], PEERS[2], PEERS[3], PEERS[4], PEERS[5]]),
        behalf: dice.once_in(3).then(|| (issuer, name, 1 + dice.below(3))),
        relayed: dice.once_in(4),
        wants,
        purpose: stated.then(|| (dice.pick(&PURPOSES), dice.once_in(3))),
        now: dice.pick(&TIMES),
    }
}

fn told(answer: &Result<ActiveGrant, GrantError>) -> String {
    match answer {
        Ok(active) => {
            let names: Vec<_> = active.all().map(|grant| grant.name()).collect();
            let opener = active.activation().map(|activation| &activation.name);
            let resource = active.resource().map(|resource| &resource.name);
            let until = active.until();
            assert_eq!(at(until.seconds()), until);
            format!("{} until {} by {opener:?} through {resource:?}", names.join(","), until.seconds())
        }
        Err(error) => {
            let reason = Denial::from(error.clone()).reason().as_str();
            let about = match error {
                GrantError::Expired(grant)
                | GrantError::Pending(grant)
                | GrantError::Unsigned(grant)
                | GrantError::Inactive { grant, .. }
                | GrantError::NotHeld { grant, .. } => format!(" {}", grant.name()),
                GrantError::Revoked { grant, revocation } => format!(" {} {}", grant.name(), revocation.name),
                GrantError::Missing(_) | GrantError::Nobody | GrantError::Unknown(_) => String::new(),
            };
            format!("{reason} {}{about}", error.detail())
        }
    }
}

/// How many hops are asked: 100,000, or as many as the environment says.
fn cases() -> usize {
    std::env::var("HOPGUARD_MODEL_CASES").ok().map_or(100_000, |count| count.parse().unwrap())
}

#[test]
fn the_index_answers_what_a_scan_over_all_documents_would() {
    let purposes = Purposes::new();
    let mut answers = std::collections::BTreeMap::<String, usize>::new();
    for seed in 0..u64::try_from(cases() / HOPS).unwrap() {
        let mut dice = Dice(seed);
        let world = World::roll(&mut dice);
        let known = Known::of(&world);
        for _ in 0..HOPS {
            let hop = hop(&mut dice, &world);
            let told = told(&known.covering(&hop, &purposes));
            let expected = tell(&world, &hop);
            assert_eq!(told, expected, "seed {seed}: {hop:?}");
            let kind = told.split(" grant-").next().filter(|_| !told.starts_with("grant-")).unwrap_or("covers");
            *answers.entry(kind.to_owned()).or_default() += 1;
        }
    }
    // Nothing was left untried.
    for kind in [
        "covers",
        "grant_expired grant.expires_at",
        "grant_inactive grant.activation",
        "grant_inactive grant.fact_differs",
        "grant_inactive grant.fact_missing",
        "grant_inactive grant.fact_stale",
        "grant_inactive grant.review_by",
        "grant_missing grant.action",
        "grant_missing grant.on_behalf_of",
        "grant_missing grant.purpose",
        "grant_missing grant.purpose_binding",
        "grant_missing grant.revoked",
        "grant_missing grant.subject",
        "grant_missing workload_unknown",
        "grant_pending grant.not_before",
        "grant_pending grant.signatures",
        "revoked revocation.grant",
        "token_not_held grant.relays",
    ] {
        assert!(answers.get(kind).is_some_and(|count| *count > 20), "{kind}: {answers:?}");
    }
}

/// Takes something away from a world, here and there.
fn take_away(world: &mut World, dice: &mut Dice) -> &'static str {
    let World { grants, activations, facts, revocations, .. } = world;
    let what = dice.below(11);
    let mut here = || dice.once_in(2);
    match what {
        0 => {
            grants.retain(|_| here());
            "grants are removed"
        }
        1 => {
            activations.retain(|_| here());
            "activations are removed"
        }
        2 => {
            // All of a key: behind what is told of one there may be what is told of all, and two that contest each other do not count.
            facts.retain(|tells| tells.key != "posture");
            "facts are removed"
        }
        3 => {
            let revoke = |doc: &Doc| Ends { name: "z".to_owned(), grant: doc.name.clone(), at: 0, until: None };
            revocations.extend(grants.iter().filter(|_| here()).map(revoke));
            "grants are revoked"
        }
        4 => {
            grants.iter_mut().filter(|_| here()).for_each(|doc| doc.span.1 -= 40);
            "grants end earlier"
        }
        5 => {
            grants.iter_mut().filter(|_| here()).for_each(|doc| doc.span.0 += 40);
            "grants begin later"
        }
        6 => {
            grants.iter_mut().filter(|_| here()).for_each(|doc| doc.approved = false);
            "signatures are missing"
        }
        7 => {
            activations.iter_mut().filter(|_| here()).for_each(|opens| opens.span.1 -= 40);
            "activations end earlier"
        }
        8 => {
            activations.iter_mut().filter(|_| here()).for_each(|opens| opens.approved = false);
            "activations are not approved"
        }
        9 => {
            facts.iter_mut().for_each(|tells| tells.age /= 4);
            "facts count for less long"
        }
        _ => {
            (world.overdue, world.required) = (true, true);
            "the configuration is stricter"
        }
    }
}

#[test]
fn what_is_taken_away_never_opens_anything() {
    let purposes = Purposes::new();
    let mut closed = std::collections::BTreeMap::<&str, usize>::new();
    for seed in 0..u64::try_from(cases() / HOPS / 4).unwrap() {
        let mut dice = Dice(!seed);
        let mut world = World::roll(&mut dice);
        let before = Known::of(&world);
        let hops: Vec<_> = (0..HOPS).map(|_| hop(&mut dice, &world)).collect();
        let what = take_away(&mut world, &mut dice);
        let after = Known::of(&world);
        for hop in hops {
            let (before, after) = (before.covering(&hop, &purposes), after.covering(&hop, &purposes));
            assert!(before.is_ok() || after.is_err(), "seed {seed}: {what}: {hop:?}: {before:?}, then {after:?}");
            if before.is_ok() && after.is_err() {
                *closed.entry(what).or_default() += 1;
            }
        }
    }
    // Each of them does close something.
    assert_eq!(closed.len(), 11, "{closed:?}");
}

#[test]
fn a_covered_hop_stays_covered_until_then_if_nothing_else_happens() {
    let purposes = Purposes::new();
    let mut ended = 0;
    for seed in 0..u64::try_from(cases() / HOPS / 4).unwrap() {
        let mut dice = Dice(seed << 32);
        let mut world = World::roll(&mut dice);
        world.revocations.clear();
        let known = Known::of(&world);
        for _ in 0..HOPS {
            let hop = hop(&mut dice, &world);
            let Ok(active) = known.covering(&hop, &purposes) else { continue };
            let until = active.until().seconds();
            assert!(hop.now < until);
            let still = |now| known.covering(&Hop { now, ..hop.clone() }, &purposes);
            let names_it = |answer: &ActiveGrant| answer.all().any(|grant| grant == active.grant());
            let last = still(until - 1);
            assert!(last.as_ref().is_ok_and(names_it), "seed {seed}: {hop:?}: {active:?}, then {last:?}");
            ended += usize::from(!still(until).is_ok_and(|answer| names_it(&answer)));
        }
    }
    assert!(ended > 100);
}

/// How many hops are asked in one world.
const HOPS: usize = 50;
