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
