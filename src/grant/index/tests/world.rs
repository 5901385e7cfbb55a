//! Documents as plain words, at random, and the same as the types that deciding knows.

use serde_json::{Value, json};

use super::*;
use crate::{
    fact::Fact,
    grant::{
        Condition, Signature,
        names::{GrpcPath, Host, Upgrade},
    },
    inventory::{Inventory, Scope, WorkloadKind, WorkloadState},
    peer::IdPrefix,
    resource::{Resource, Sensitivity},
    revocation::{Revocation, Target},
};

/// Numbers that look random and come again with the same seed.
#[derive(Clone, Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(bound).unwrap()).unwrap()
    }

    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// Some of these, at least one, in order.
    fn some<T: Copy>(&mut self, values: &[T], likely: usize) -> Vec<T> {
        let sure = self.below(values.len());
        let kept = values.iter().enumerate().filter(|(at, _)| *at == sure || self.once_in(likely));
        kept.map(|(_, value)| *value).collect()
    }
}

pub(super) const PEERS: [&str; 6] = [
    "spiffe://prod.example/ns/a/sa/1",
    "spiffe://prod.example/ns/a/sa/2",
    "spiffe://prod.example/ns/a-b/sa/1",
    "spiffe://prod.example/ns/a",
    "spiffe://prod.example",
    "spiffe://other.example/ns/a/sa/1",
];
const PREFIXES: [&str; 5] = [
    "spiffe://prod.example/",
    "spiffe://prod.example/ns/",
    "spiffe://prod.example/ns/a/",
    "spiffe://prod.example/ns/a/sa/",
    "spiffe://other.example/ns/",
];
const ROLES: [&str; 2] = ["reader", "writer"];
pub(super) const METHODS: [&str; 3] = ["GET", "PUT", "POST"];
const PATTERNS: [&str; 9] = ["/", "/a", "/a/", "/a/*", "/a/**", "/a/b", "/*/b", "/**", "/*"];
pub(super) const PATHS: [&str; 8] = ["/", "/a", "/a/", "/a/b", "/a/c", "/c/b", "/a/b/c", "/s.S/M"];
pub(super) const HOSTS: [&str; 3] = ["orders", "orders:8443", "other"];
const GRPC: [&str; 3] = ["s.S/M", "s.S/N", "a/b"];
pub(super) const PORTS: [u16; 2] = [5432, 6379];
pub(super) const PURPOSES: [&str; 6] = ["a", "a.b", "a.b.c", "ab", "d", "d.e"];
pub(super) const PEOPLE: [(&str, &str); 3] =
    [("https://login", "alice"), ("https://login", "bob"), ("https://other", "alice")];
/// The seconds at which anything begins or ends.
pub(super) const TIMES: [i64; 8] = [0, 10, 40, 69, 70, 71, 100, 200];
const KEYS: [&str; 3] = ["posture", "window", "run"];

/// A `Grant`, as words.
#[derive(Clone, Debug)]
pub(super) struct Doc {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// `id`, `prefix` or `role`, and its value.
    pub(super) subject: (&'static str, &'static str),
    pub(super) parts: Vec<Part>,
    pub(super) purposes: Vec<&'static str>,
    pub(super) signed: bool,
    pub(super) behalf: Option<(Vec<(&'static str, &'static str)>, usize)>,
    pub(super) relays: Vec<&'static str>,
    pub(super) span: (i64, i64),
    pub(super) review: Option<i64>,
    pub(super) needs: Vec<(&'static str, Value, Option<i64>)>,
    pub(super) approved: bool,
}

/// What a grant opens: itself, or as the resource of this name.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) resource: Option<&'static str>,
    pub(super) audiences: Vec<&'static str>,
    pub(super) acts: Vec<Act>,
}

#[derive(Clone, Debug)]
pub(super) struct Act {
    pub(super) what: What,
    pub(super) hosts: Option<Vec<&'static str>>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Calls(Vec<&'static str>),
    Ports(Vec<u16>),
    Requests { methods: Vec<&'static str>, paths: Vec<&'static str>, upgrades: Vec<&'static str> },
}

/// An `Activation`, as words.
#[derive(Clone, Debug)]
pub(super) struct Opens {
    pub(super) name: String,
    pub(super) grant: String,
    pub(super) span: (i64, i64),
    pub(super) approved: bool,
}

/// A `Fact`, as words.
#[derive(Clone, Debug)]
pub(super) struct Tells {
    pub(super) key: &'static str,
    pub(super) of: Option<&'static str>,
    pub(super) value: Value,
    pub(super) seen: i64,
    pub(super) age: i64,
}

/// A `Revocation` of a grant, as words.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    pub(super) name: String,
    pub(super) grant: String,
    pub(super) at: i64,
    pub(super) until: Option<i64>,
}

/// A `Workload`, as words: `id` or `prefix` and its value, and its roles.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) of: (&'static str, &'static str),
    pub(super) roles: Vec<&'static str>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct World {
    pub(super) grants: Vec<Doc>,
    pub(super) activations: Vec<Opens>,
    pub(super) facts: Vec<Tells>,
    pub(super) revocations: Vec<Ends>,
    pub(super) workloads: Vec<Known>,
    pub(super) overdue: bool,
    pub(super) required: bool,
}

impl World {
    pub(super) fn roll(dice: &mut Dice) -> Self {
        let most = dice.pick(&[1, 4, 12, 40, 80]);
        let grants: Vec<_> = (0..=dice.below(most)).map(|at| Doc::roll(dice, at)).collect();
        let name = |dice: &mut Dice| match dice.below(8) {
            0 => "nobody".to_owned(),
            _ => grants[dice.below(grants.len())].name.clone(),
        };
        let activations = (0..dice.below(grants.len() + 2)).map(|at| {
            let (name, grant) = (format!("activation-{:03}", at * 37 % 101), name(dice));
            Opens { name, grant, span: span(dice), approved: !dice.once_in(6) }
        });
        let activations = activations.collect();
        let facts = (0..dice.below(7)).map(|_| Tells::roll(dice)).collect();
        let revocations = (0..dice.below(1 + grants.len() / 3)).map(|at| {
            let (name, grant) = (format!("revocation-{:02}", at * 7 % 31), name(dice));
            let until = (!dice.once_in(3)).then(|| dice.pick(&TIMES));
            Ends { name, grant, at: dice.pick(&[0, 10, 70, 100, 101, 130, 131, 260]), until }
        });
        let revocations = revocations.collect();
        let workloads = (0..dice.below(5)).map(|_| Known::roll(dice)).collect();
        let (overdue, required) = (dice.once_in(3), dice.once_in(16));
        Self { grants, activations, facts, revocations, workloads, overdue, required }
    }

    /// The index of these grants and activations.
    pub(super) fn grants(&self) -> Grants {
        let grants: Vec<_> = self.grants.iter().map(|doc| Arc::new(doc.grant())).collect();
        let activations: Vec<_> = self.activations.iter().map(|opens| Arc::new(opens.activation())).collect();
        Grants::new(id(ORDERS), &grants, &activations)
    }

    pub(super) fn facts(&self) -> Facts {
        Facts::new(self.facts.iter().enumerate().map(|(at, tells)| {
            Arc::new(Fact {
                name: format!("fact-{at}"),
                key: tells.key.to_owned(),
                subject: tells.of.map(id),
                value: tells.value.clone(),
                source: "test".to_owned(),
                observed_at: super::at(tells.seen),
                max_age: seconds(tells.age),
            })
        }))
    }

    pub(super) fn revocations(&self) -> Revocations {
        Revocations::new(self.revocations.iter().map(|ends| {
            Arc::new(Revocation {
                name: ends.name.clone(),
                target: Target::Grant(ends.grant.clone()),
                reason: "test".to_owned(),
                at: at(ends.at),
                until: ends.until.map(at),
            })
        }))
    }

    pub(super) fn inventory(&self) -> Inventory {
        Inventory::new(self.workloads.iter().enumerate().map(|(at, known)| {
            Arc::new(Workload {
                name: format!("workload-{at}"),
                scope: match known.of {
                    ("id", name) => Scope::Workload(id(name)),
                    (_, name) => Scope::Prefix(IdPrefix::parse(name).unwrap()),
                },
                kind: WorkloadKind::Service,
                owner: "test".to_owned(),
                roles: known.roles.iter().map(|role| (*role).to_owned()).collect(),
                labels: std::collections::BTreeMap::new(),
                state: WorkloadState::Active,
            })
        }))
    }
}

impl Doc {
    fn roll(dice: &mut Dice, at: usize) -> Self {
        let kinds = [Kind::Standing, Kind::Standing, Kind::Eligible, Kind::Jit, Kind::Exception, Kind::BreakGlass];
        let subject = match dice.below(6) {
            0 => ("prefix", dice.pick(&PREFIXES)),
            1 => ("role", dice.pick(&ROLES)),
            _ => ("id", dice.pick(&PEERS[..4])),
        };
        let narrow = dice.once_in(2);
        let parts = (0..dice.pick(&[1, 1, 1, 2])).map(|_| Part::roll(dice, narrow)).collect();
        let people = dice.some(&PEOPLE, 3);
        Self {
            name: format!("grant-{:03}", at * 37 % 101),
            kind: dice.pick(&kinds),
            subject,
            parts,
            purposes: dice.some(&PURPOSES, 5),
            signed: dice.once_in(4),
            behalf: dice.once_in(3).then(|| (people, 1 + dice.below(2))),
            relays: if dice.once_in(3) { dice.some(&PEERS, 3) } else { vec![] },
            span: span(dice),
            review: dice.once_in(2).then(|| dice.pick(&TIMES)),
            needs: (0..dice.pick(&[0, 0, 1, 1, 2])).map(|_| needs(dice)).collect(),
            approved: !dice.once_in(10),
        }
    }

    pub(super) fn grant(&self) -> Grant {
        let delegators = |(issuer, name): &(&str, &str)| Delegators {
            issuer: (*issuer).to_owned(),
            subjects: vec![(*name).to_owned()],
        };
        Grant {
            name: self.name.clone(),
            kind: self.kind,
            subject: match self.subject {
                ("id", name) => Subject::Workload(id(name)),
                ("prefix", name) => Subject::Prefix(IdPrefix::parse(name).unwrap()),
                (_, name) => Subject::Role(name.to_owned()),
            },
            reach: self.parts.iter().map(Part::reach).collect(),
            purposes: self.purposes.iter().map(|name| purpose(name)).collect(),
            purpose_binding: if self.signed { Binding::Signed } else { Binding::Declared },
            on_behalf_of: self.behalf.as_ref().map(|(people, max_depth)| OnBehalfOf {
                from: people.iter().map(delegators).collect(),
                max_depth: *max_depth,
            }),
            relays: self.relays.iter().map(|name| id(name)).collect(),
            not_before: at(self.span.0),
            expires_at: at(self.span.1),
            review_by: self.review.map(at),
            conditions: self.needs.iter().map(condition).collect(),
            approval: approval(self.approved),
            ..grant("")
        }
    }
}

impl Part {
    fn roll(dice: &mut Dice, narrow: bool) -> Self {
        let resource = dice.once_in(3).then(|| dice.pick(&["ledger", "invoices"]));
        let audiences = match (resource, dice.below(6)) {
            (_, 0) if dice.once_in(2) => vec![PAYMENTS],
            (None, 1) => vec![PAYMENTS, ORDERS],
            _ => vec![ORDERS],
        };
        Self { resource, audiences, acts: (0..dice.pick(&[1, 1, 2])).map(|_| Act::roll(dice, narrow)).collect() }
    }

    fn reach(&self) -> Reach {
        let resource = self.resource.map(|name| {
            Arc::new(Resource {
                name: name.to_owned(),
                audience: id(self.audiences[0]),
                actions: vec![],
                owner: "test".to_owned(),
                sensitivity: Sensitivity::Low,
            })
        });
        Reach {
            audiences: self.audiences.iter().map(|name| id(name)).collect(),
            actions: self.acts.iter().map(Act::action).collect(),
            resource,
        }
    }
}

impl Act {
    fn roll(dice: &mut Dice, narrow: bool) -> Self {
        let hosts = dice.once_in(3).then(|| dice.some(&HOSTS, 3));
        let what = match dice.below(6) {
            // Many that say the same, so that a shelf is full of them.
            _ if narrow => What::Requests { methods: vec!["GET"], paths: vec!["/a/*"], upgrades: vec![] },
            0 => What::Calls(dice.some(&GRPC, 3)),
            1 => What::Ports(dice.some(&PORTS, 2)),
            _ => {
                let upgrades = if dice.once_in(5) { dice.some(&["websocket", "spdy"], 3) } else { vec![] };
                What::Requests { methods: dice.some(&METHODS, 3), paths: dice.some(&PATTERNS, 6), upgrades }
            }
        };
        Self { hosts: hosts.filter(|_| !matches!(what, What::Ports(_))), what }
    }

    fn action(&self) -> Action {
        let shape = match &self.what {
            What::Calls(names) => Shape::Grpc(names.iter().map(|name| GrpcPath::parse(name).unwrap()).collect()),
            What::Ports(ports) => Shape::Tcp(ports.clone()),
            What::Requests { methods, paths, upgrades } => Shape::Http {
                methods: methods.iter().map(|name| Method::parse(name).unwrap()).collect(),
                paths: paths.iter().map(|text| PathPattern::parse(text).unwrap()).collect(),
                upgrades: upgrades.iter().map(|name| Upgrade::parse(name).unwrap()).collect(),
            },
        };
        let hosts = self.hosts.as_ref();
        Action { shape, hosts: hosts.map(|hosts| hosts.iter().map(|name| Host::parse(name).unwrap()).collect()) }
    }
}

impl Opens {
    fn activation(&self) -> Activation {
        Activation {
            name: self.name.clone(),
            grant: self.grant.clone(),
            requested_by: "bob@example.com".to_owned(),
            reason: "test".to_owned(),
            ticket: "INC-1".to_owned(),
            from: at(self.span.0),
            until: at(self.span.1),
            signatures: vec![Signature { by: "alice@example.com".to_owned(), armoured: String::new() }],
            signed_by: vec![],
            approval: approval(self.approved),
            reviewed: None,
        }
    }
}

impl Tells {
    fn roll(dice: &mut Dice) -> Self {
        Self {
            key: dice.pick(&KEYS),
            of: dice.once_in(3).then(|| dice.pick(&PEERS)),
            value: value(dice),
            seen: dice.pick(&[0, 10, 40, 65, 74, 75, 76, 105]),
            age: dice.pick(&[5, 30, 100, 100]),
        }
    }
}

impl Known {
    fn roll(dice: &mut Dice) -> Self {
        let of = if dice.once_in(2) { ("id", dice.pick(&PEERS)) } else { ("prefix", dice.pick(&PREFIXES)) };
        Self { of, roles: if dice.once_in(4) { vec![] } else { dice.some(&ROLES, 2) } }
    }
}

fn span(dice: &mut Dice) -> (i64, i64) {
    let begin = dice.pick(&[0, 0, 10, 70, 71]);
    (begin, begin + dice.pick(&[1, 30, 60, 100, 200]))
}

fn needs(dice: &mut Dice) -> (&'static str, Value, Option<i64>) {
    (dice.pick(&KEYS), value(dice), dice.once_in(2).then(|| dice.pick(&[1, 10, 60])))
}

fn value(dice: &mut Dice) -> Value {
    match dice.below(16) {
        0 => json!(false),
        1 => json!({"level": 2}),
        _ => json!(true),
    }
}

fn condition((fact, equals, max_age): &(&'static str, Value, Option<i64>)) -> Condition {
    Condition { fact: (*fact).to_owned(), equals: equals.clone(), max_age: max_age.map(seconds) }
}

const fn approval(sufficient: bool) -> Approval {
    if sufficient { Approval::Sufficient } else { Approval::Lacking }
}

fn seconds(count: i64) -> std::time::Duration {
    std::time::Duration::from_secs(u64::try_from(count).unwrap())
}
