//! What was taken back: it does not act, whatever was approved, in whichever order the documents came.

use std::{cmp::Reverse, collections::HashMap, sync::Arc, time::Duration};

use spiffe::{SpiffeId, TrustDomain};

use crate::{
    clock::Timestamp,
    peer::{ByPrefix, IdPrefix},
    purpose::Purpose,
};

/// What was taken back, by what it was. Each look-up finds the revocation that lasts longest of those that act.
#[derive(Clone, Debug, Default)]
pub struct Revocations(Arc<Index>);

#[derive(Debug, Default)]
struct Index {
    grants: HashMap<String, Lasting>,
    workloads: HashMap<SpiffeId, Lasting>,
    prefixes: ByPrefix<Lasting>,
    trust_domains: HashMap<TrustDomain, Lasting>,
    /// By issuer, then by name.
    subjects: HashMap<String, HashMap<String, Lasting>>,
    serials: HashMap<String, Lasting>,
    fingerprints: HashMap<String, Lasting>,
    token_ids: HashMap<String, Lasting>,
    transactions: HashMap<String, Lasting>,
    keys: HashMap<String, Lasting>,
    actors: HashMap<String, Lasting>,
    purposes: HashMap<Purpose, Lasting>,
}

/// Revocations of one thing, the one that lasts longest first.
#[derive(Debug, Default)]
struct Lasting(Vec<Arc<Revocation>>);

impl Revocations {
    /// Takes them in, in whichever order.
    pub fn new(revocations: impl IntoIterator<Item = Arc<Revocation>>) -> Self {
        let mut sorted: Vec<_> = revocations.into_iter().collect();
        sorted.sort_by(|a, b| a.precedence().cmp(&b.precedence()));
        let mut index = Index::default();
        for revocation in sorted {
            index.list(&revocation.target).0.push(revocation);
        }
        Self(Arc::new(index))
    }

    /// Of the grant of this name.
    pub fn grant(&self, name: &str, now: Timestamp) -> Option<&Arc<Revocation>> {
        acting(self.0.grants.get(name), now)
    }

    /// Of this workload, of a prefix of its name, or of its trust domain.
    pub fn workload(&self, id: &SpiffeId, now: Timestamp) -> Option<&Arc<Revocation>> {
        let Index { workloads, prefixes, trust_domains, .. } = &*self.0;
        let itself = workloads.get(id).into_iter().chain(trust_domains.get(id.trust_domain()));
        acting(itself.chain(prefixes.including(id)), now)
    }

    /// Of whom tokens of this issuer speak for.
    pub fn subject(&self, issuer: &str, name: &str, now: Timestamp) -> Option<&Arc<Revocation>> {
        acting(self.0.subjects.get(issuer).and_then(|subjects| subjects.get(name)), now)
    }

    /// Of the certificate with this serial number, in lower-case hex.
    pub fn serial(&self, serial: &str, now: Timestamp) -> Option<&Arc<Revocation>> {
        acting(self.0.serials.get(serial), now)
    }

    /// Of the certificate with this SHA-256, in lower-case hex.
    pub fn fingerprint(&self, fingerprint: &str, now: Timestamp) -> Option<&Arc<Revocation>> {
        acting(self.0.fingerprints.get(fingerprint), now)
    }

    /// Of the token with this `jti`.
    pub fn token_id(&self, jti: &str, now: Timestamp) -> Option<&Arc<Revocation>> {
        acting(self.0.token_ids.get(jti), now)
    }

    /// Of the transaction with this `txn`.
    pub fn transaction(&self, txn: &str, now: Timestamp) -> Option<&Arc<Revocation>> {
        acting(self.0.transactions.get(txn), now)
    }

    /// Of the key with this `kid`.
    pub fn key(&self, kid: &str, now: Timestamp) -> Option<&Arc<Revocation>> {
        acting(self.0.keys.get(kid), now)
    }

    /// Of the actor that tokens call so.
    pub fn actor(&self, name: &str, now: Timestamp) -> Option<&Arc<Revocation>> {
        acting(self.0.actors.get(name), now)
    }

    /// Of this purpose, or of an ancestor.
    pub fn purpose(&self, purpose: &Purpose, now: Timestamp) -> Option<&Arc<Revocation>> {
        let names = std::iter::once(purpose.as_str()).chain(purpose.ancestors());
        acting(names.filter_map(|name| self.0.purposes.get(name)), now)
    }
}

/// Of those that act, the one that lasts longest.
fn acting<'a>(lists: impl IntoIterator<Item = &'a Lasting>, now: Timestamp) -> Option<&'a Arc<Revocation>> {
    let acting = lists.into_iter().filter_map(|list| list.0.iter().find(|revocation| revocation.acts(now)));
    acting.min_by(|a, b| a.precedence().cmp(&b.precedence()))
}

impl Index {
    fn list(&mut self, target: &Target) -> &mut Lasting {
        match target {
            Target::Grant(name) => self.grants.entry(name.clone()).or_default(),
            Target::Workload(id) => self.workloads.entry(id.clone()).or_default(),
            Target::Prefix(prefix) => self.prefixes.entry(prefix, Lasting::default),
            Target::TrustDomain(domain) => self.trust_domains.entry(domain.clone()).or_default(),
            Target::Subject { issuer, subject } => {
                self.subjects.entry(issuer.clone()).or_default().entry(subject.clone()).or_default()
            }
            Target::Serial(serial) => self.serials.entry(serial.clone()).or_default(),
            Target::Fingerprint(fingerprint) => self.fingerprints.entry(fingerprint.clone()).or_default(),
            Target::TokenId(jti) => self.token_ids.entry(jti.clone()).or_default(),
            Target::Transaction(txn) => self.transactions.entry(txn.clone()).or_default(),
            Target::Key(kid) => self.keys.entry(kid.clone()).or_default(),
            Target::Actor(name) => self.actors.entry(name.clone()).or_default(),
            Target::Purpose(purpose) => self.purposes.entry(purpose.clone()).or_default(),
        }
    }
}

pub(crate) mod document;

/// A `Revocation` document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The name of its document.
    pub name: String,
    /// What is revoked.
    pub target: Target,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// The instant at which it is over; absent: when its document is removed.
    pub until: Option<Timestamp>,
}

impl Revocation {
    /// Whether it acts. The clock of whoever wrote it delays nothing, unless it says that it means a time ahead.
    pub fn acts(&self, now: Timestamp) -> bool {
        self.at <= now.after(AHEAD) && self.until.is_none_or(|until| now < until)
    }

    /// What lasts longer comes first, then what is named first.
    fn precedence(&self) -> impl Ord {
        (Reverse((self.until.is_none(), self.until)), &self.name)
    }
}

/// What is revoked: exactly one thing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The grant of this name, whenever it is there.
    Grant(String),
    /// One workload, in whichever part.
    Workload(SpiffeId),
    /// All workloads whose names begin so.
    Prefix(IdPrefix),
    /// All workloads of a trust domain.
    TrustDomain(TrustDomain),
    /// Whom tokens of this issuer speak for.
    Subject {
        /// Who vouches for the name.
        issuer: String,
        /// The name.
        subject: String,
    },
    /// The serial number of a certificate, in lower-case hex.
    Serial(String),
    /// The SHA-256 of a certificate (DER), in lower-case hex.
    Fingerprint(String),
    /// A token, by its `jti`.
    TokenId(String),
    /// A transaction, by its `txn`.
    Transaction(String),
    /// A key that signed tokens, by its `kid`.
    Key(String),
    /// Whoever acted in a delegation, by the name that the token gives.
    Actor(String),
    /// A purpose, and what is below it.
    Purpose(Purpose),
}

/// How far ahead of now the beginning of a revocation may be, and it acts all the same.
const AHEAD: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::id;

    const API: &str = "spiffe://prod.example/ns/billing/sa/api";
    const NOW: Timestamp = Timestamp::from_seconds(1_000);

    fn revocation(name: &str, target: &Target, at: i64, until: Option<i64>) -> Arc<Revocation> {
        Arc::new(Revocation {
            name: name.to_owned(),
            target: target.clone(),
            reason: "test".to_owned(),
            at: Timestamp::from_seconds(at),
            until: until.map(Timestamp::from_seconds),
        })
    }

    fn purpose(name: &str) -> Purpose {
        Purpose::parse(name).unwrap()
    }

    /// One target of each kind. All that are names have the same one.
    fn targets() -> Vec<Target> {
        let x = || "x".to_owned();
        vec![
            Target::Grant(x()),
            Target::Workload(id::parse(API).unwrap()),
            Target::Prefix(IdPrefix::parse("spiffe://prod.example/ns/billing/").unwrap()),
            Target::TrustDomain(TrustDomain::new("prod.example").unwrap()),
            Target::Subject { issuer: "https://login".to_owned(), subject: x() },
            Target::Serial(x()),
            Target::Fingerprint(x()),
            Target::TokenId(x()),
            Target::Transaction(x()),
            Target::Key(x()),
            Target::Actor(x()),
            Target::Purpose(purpose("x")),
        ]
    }

    /// Which look-ups for `name` find something, in the order of [`targets`]; what is found of workloads is looked up by each form.
    fn found(revocations: &Revocations, name: &str) -> Vec<bool> {
        let workload = |text: &str| revocations.workload(&id::parse(text).unwrap(), NOW);
        let is_some = [
            revocations.grant(name, NOW),
            workload(API),
            workload("spiffe://prod.example/ns/billing/sa/other"),
            workload("spiffe://prod.example/ns/ledger/sa/api"),
            revocations.subject("https://login", name, NOW),
            revocations.serial(name, NOW),
            revocations.fingerprint(name, NOW),
            revocations.token_id(name, NOW),
            revocations.transaction(name, NOW),
            revocations.key(name, NOW),
            revocations.actor(name, NOW),
            revocations.purpose(&purpose(name), NOW),
        ];
        is_some.map(|found| found.is_some()).to_vec()
    }

    #[test]
    fn each_target_is_found_as_what_it_is_and_as_nothing_else() {
        let targets = targets();
        for (at, target) in targets.iter().enumerate() {
            let revocations = Revocations::new([revocation("a", target, 0, None)]);
            let also = match target {
                // A prefix and a trust domain include what is below them.
                Target::Prefix(_) => vec![1, 2],
                Target::TrustDomain(_) => vec![1, 2, 3],
                _ => vec![at],
            };
            let expected: Vec<_> = (0..targets.len()).map(|at| also.contains(&at)).collect();
            assert_eq!(found(&revocations, "x"), expected, "{target:?}");
            assert!(!found(&revocations, "y").iter().enumerate().any(|(at, found)| *found && !(1..4).contains(&at)));
        }
        assert!(!found(&Revocations::default(), "x").contains(&true));
    }

    #[test]
    fn a_subject_is_revoked_of_its_issuer_only() {
        let target = Target::Subject { issuer: "https://login".to_owned(), subject: "alice".to_owned() };
        let revocations = Revocations::new([revocation("a", &target, 0, None)]);
        assert!(revocations.subject("https://login", "alice", NOW).is_some());
        for (issuer, name) in
            [("https://other", "alice"), ("https://login", "Alice"), ("alice", "https://login"), ("", "")]
        {
            assert!(revocations.subject(issuer, name, NOW).is_none(), "{issuer} {name}");
        }
    }

    #[test]
    fn a_prefix_and_a_trust_domain_are_whole() {
        let prefix = Target::Prefix(IdPrefix::parse("spiffe://prod.example/ns/billing/").unwrap());
        let domain = Target::TrustDomain(TrustDomain::new("corp.example").unwrap());
        let revocations = Revocations::new([revocation("a", &prefix, 0, None), revocation("b", &domain, 0, None)]);
        let found = |text: &str| revocations.workload(&id::parse(text).unwrap(), NOW).is_some();
        assert!(found(API) && found("spiffe://corp.example") && found("spiffe://corp.example/a"));
        for text in
            ["spiffe://prod.example/ns/billing", "spiffe://prod.example/ns/billing-old/a", "spiffe://a.corp.example/a"]
        {
            assert!(!found(text), "{text}");
        }
    }

    #[test]
    fn a_purpose_is_revoked_with_what_is_below_it() {
        let revocations = Revocations::new([revocation("a", &Target::Purpose(purpose("billing.invoice")), 0, None)]);
        let found = |name: &str| revocations.purpose(&purpose(name), NOW).is_some();
        assert!(found("billing.invoice") && found("billing.invoice.send"));
        assert!(!found("billing") && !found("billing.invoices") && !found("billing.refund"));
    }

    #[test]
    fn acts_at_once_unless_it_means_a_time_ahead_and_ends_at_its_instant() {
        let target = Target::Grant("x".to_owned());
        for (at, until, acts) in [
            (0, None, true),
            (1_000, None, true),
            (1_060, None, true),
            (1_061, None, false),
            (0, Some(1_001), true),
            (0, Some(1_000), false),
            (1_060, Some(1_001), true),
            (1_061, Some(1_100), false),
        ] {
            let revocations = Revocations::new([revocation("a", &target, at, until)]);
            assert_eq!(revocations.grant("x", NOW).is_some(), acts, "{at} {until:?}");
        }
    }

    #[test]
    fn tells_the_one_that_lasts_longest_of_those_that_act() {
        let targets = targets();
        let [.., workload, prefix, domain] = &targets[..4] else { panic!("there are more") };
        let name = |revocations: &[Arc<Revocation>]| {
            let all = Revocations::new(revocations.iter().cloned());
            let again = Revocations::new(revocations.iter().rev().cloned());
            let found = |revocations: &Revocations| {
                revocations.workload(&id::parse(API).unwrap(), NOW).map(|revocation| revocation.name.clone())
            };
            assert_eq!(found(&all), found(&again));
            found(&all).unwrap()
        };
        let short = revocation("short", workload, 0, Some(1_010));
        let long = revocation("long", prefix, 0, Some(1_020));
        let ahead = revocation("ahead", workload, 2_000, None);
        let over = revocation("over", domain, 0, Some(999));
        let same = revocation("also", domain, 0, Some(1_020));
        let endless = revocation("endless", workload, 0, None);
        assert_eq!(name(&[short.clone(), ahead.clone(), over.clone()]), "short");
        assert_eq!(name(&[short.clone(), long.clone(), ahead.clone()]), "long");
        assert_eq!(name(&[short.clone(), long.clone(), same]), "also");
        assert_eq!(name(&[short, long, ahead, over, endless]), "endless");
    }
}
