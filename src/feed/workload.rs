//! A Workload API says all there is in each message: a bundle that is not in it, or is empty, is withdrawn, and one that cannot be read
//! costs no other ([SPIFFE Workload API] §4.4, §4.6).
//!
//! X.509 and JWT bundles come in streams of their own, and each says nothing of the other kind. Of what an agent gives, only the bundles of
//! listed trust domains count, each under the name by which it is given: no federated bundle can stand for the agent's own.
//!
//! [SPIFFE Workload API]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::Value;
use spiffe::TrustDomain;

use super::{
    agent::{self, Heard},
    board::{Board, Delivery, Held, Slot},
    given::{self, Given},
};
use crate::{
    pb::workload::{JwtBundlesRequest, X509BundlesRequest},
    trust::{Authorities, DocumentError, Endpoint},
};

/// Follows the Workload API at `endpoint` for the trust domains of `slots`, for ever.
pub(super) async fn follow(endpoint: Endpoint, slots: Vec<Slot>, board: Arc<Board>) {
    let client = match agent::client(&endpoint) {
        Ok(client) => client,
        Err(error) => {
            slots.iter().for_each(|slot| slot.keep(format!("{endpoint} cannot be called: {error}")));
            return board.publish().await;
        }
    };
    let feed = Feed { endpoint, domains: Mutex::new(slots.into_iter().map(Domain::new).collect()), board };
    let x509 = agent::listen(
        async || client.clone().fetch_x509_bundles(X509BundlesRequest {}).await,
        async |heard| feed.hear(&X509, heard.map(|message| message.bundles)).await,
    );
    let jwt = agent::listen(
        async || client.clone().fetch_jwt_bundles(JwtBundlesRequest {}).await,
        async |heard| feed.hear(&JWT, heard.map(|message| message.bundles)).await,
    );
    let settle = async {
        tokio::time::sleep(SETTLE).await;
        feed.domains().iter_mut().for_each(|domain| domain.jwt.settled = true);
        feed.publish().await;
    };
    tokio::join!(x509, jwt, settle);
}

/// One Workload API and the trust domains that name it.
struct Feed {
    endpoint: Endpoint,
    domains: Mutex<Vec<Domain>>,
    board: Arc<Board>,
}

impl Feed {
    /// Takes in what was heard on the stream of one kind of bundle.
    async fn hear<T: PartialEq>(&self, kind: &Kind<T>, heard: Heard<BTreeMap<String, Vec<u8>>>) {
        match heard {
            Heard::Message(bundles) if bundles.len() > MAX_BUNDLES => {
                let why = format!("{} gives more than {MAX_BUNDLES} bundles", self.endpoint);
                self.each(kind, |half| half.lose(why.clone()));
            }
            Heard::Message(bundles) => self.take(kind, &bundles),
            Heard::Refusal { unimplemented: true, .. } if kind.optional => self.each(kind, |half| half.withdraw(None)),
            Heard::Refusal { why, .. } => {
                let why = format!("{} refuses {} bundles: {why}", self.endpoint, kind.name);
                self.each(kind, |half| half.withdraw(Some(why.clone())));
            }
            Heard::Outage(why) => {
                let why = format!("{} gives no {} bundles: {why}", self.endpoint, kind.name);
                self.each(kind, |half| half.lose(why.clone()));
            }
        }
        self.publish().await;
    }

    /// Takes in a message, which is all there is.
    fn take<T: PartialEq>(&self, kind: &Kind<T>, bundles: &BTreeMap<String, Vec<u8>>) {
        let given: BTreeMap<TrustDomain, &Vec<u8>> =
            bundles.iter().filter_map(|(id, bundle)| Some((given::trust_domain(id)?, bundle))).collect();
        let mut domains = self.domains();
        let mut taken = 0;
        for domain in &mut *domains {
            let trust_domain = domain.slot.trust_domain().clone();
            let bundle = given.get(&trust_domain);
            taken += usize::from(bundle.is_some());
            let half = (kind.half)(domain);
            match bundle.map(|bundle| (kind.read)(&trust_domain, bundle)) {
                Some(Ok(Given { items, remarks, problem })) => {
                    half.take(items, remarks, problem.map(|problem| format!("{}: {problem}", self.endpoint)));
                }
                Some(Err(why)) => half.lose(format!("{}: {why}", self.endpoint)),
                None if kind.optional => half.take(Vec::new(), Vec::new(), None),
                None => {
                    let why = format!("{} does not give its {} bundle", self.endpoint, kind.name);
                    half.take(Vec::new(), Vec::new(), Some(why));
                }
            }
        }
        drop(domains);
        self.board.ignore(bundles.len().saturating_sub(taken));
    }

    fn each<T: PartialEq>(&self, kind: &Kind<T>, change: impl Fn(&mut Half<T>)) {
        self.domains().iter_mut().for_each(|domain| change((kind.half)(domain)));
    }

    async fn publish(&self) {
        self.domains().iter_mut().for_each(Domain::publish);
        self.board.publish().await;
    }

    fn domains(&self) -> MutexGuard<'_, Vec<Domain>> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One trust domain, with what the two streams say of it.
struct Domain {
    slot: Slot,
    x509: Half<Vec<u8>>,
    jwt: Half<Value>,
    /// What the halves make together, if they have not changed since.
    made: Option<Held>,
}

impl Domain {
    /// Begins with what is held already.
    fn new(slot: Slot) -> Self {
        let held = slot.held().map(|held| held.authorities);
        let known = held.is_some();
        let (x509, jwt) = held.map(|held| (held.x509, held.jwt)).unzip();
        Self { slot, x509: Half::of(x509, known), jwt: Half::of(jwt, known), made: None }
    }

    /// Shows how it stands. Nothing is shown of a bundle that was never there before both streams have had their say.
    fn publish(&mut self) {
        let problems: Vec<_> =
            [&self.x509.problem, &self.jwt.problem].into_iter().flatten().map(String::as_str).collect();
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        let held = match self.made() {
            Some(Ok(held)) => held,
            // Each half has been read before, so this is one that was kept and is no longer what it was.
            Some(Err(error)) => return self.slot.keep(error.to_string()),
            None => {
                return if let Some(problem) = problem {
                    self.slot.keep(problem)
                };
            }
        };
        let stands = self.x509.stands && (self.jwt.stands || held.authorities.jwt.is_empty());
        if stands {
            self.slot.deliver(held, Delivery::Pushed, problem);
        } else if problem.is_some() || self.x509.stands || self.jwt.stands {
            self.slot.keep_partly(held, problem.unwrap_or_else(|| HALF.to_owned()));
        }
    }

    /// What the halves make together. `None`: not both are known.
    fn made(&mut self) -> Option<Result<Held, DocumentError>> {
        let x509 = self.x509.held.as_ref().filter(|_| self.jwt.settled)?;
        if std::mem::take(&mut self.x509.changed) | std::mem::take(&mut self.jwt.changed) {
            self.made = None;
        }
        if let Some(made) = &self.made {
            return Some(Ok(made.clone()));
        }
        let authorities = Authorities { x509: x509.clone(), jwt: self.jwt.held.clone().unwrap_or_default() };
        let made = authorities.bundle(self.slot.trust_domain().clone()).map(|bundle| {
            let bundle = Arc::new(bundle.with_remarks(self.jwt.remarks.clone()));
            Held { bundle, authorities, sequence: None }
        });
        self.made = made.as_ref().ok().cloned();
        Some(made)
    }
}

/// What one stream says of one trust domain.
struct Half<T> {
    held: Option<Vec<T>>,
    remarks: Vec<String>,
    /// Whether what is held is not what it was when it was last asked for.
    changed: bool,
    /// Whether the agent stands by what is held.
    stands: bool,
    /// Whether there is no point in waiting for more.
    settled: bool,
    problem: Option<String>,
}

impl<T: PartialEq> Half<T> {
    const fn of(held: Option<Vec<T>>, settled: bool) -> Self {
        Self { held, remarks: Vec::new(), changed: true, stands: false, settled, problem: None }
    }

    fn take(&mut self, items: Vec<T>, remarks: Vec<String>, problem: Option<String>) {
        self.changed |= self.held.as_ref() != Some(&items) || self.remarks != remarks;
        (self.held, self.remarks) = (Some(items), remarks);
        (self.stands, self.settled, self.problem) = (true, true, problem);
    }

    /// There is nothing any more; where nothing was ever held, it stays unknown.
    fn withdraw(&mut self, problem: Option<String>) {
        if self.held.is_some() {
            self.take(Vec::new(), Vec::new(), None);
        }
        (self.stands, self.settled, self.problem) = (true, true, problem);
    }

    /// What is held stays, and ages.
    fn lose(&mut self, problem: String) {
        (self.stands, self.settled, self.problem) = (false, true, Some(problem));
    }
}

/// One of the two kinds of bundles.
struct Kind<T> {
    name: &'static str,
    half: fn(&mut Domain) -> &mut Half<T>,
    read: fn(&TrustDomain, &[u8]) -> given::Reading<T>,
    /// Whether a trust domain can do without.
    optional: bool,
}

const X509: Kind<Vec<u8>> = Kind { name: "X.509", half: |domain| &mut domain.x509, read: given::x509, optional: false };
const JWT: Kind<Value> = Kind { name: "JWT", half: |domain| &mut domain.jwt, read: given::jwt, optional: true };
const HALF: &str = "only one of its two streams has been heard so far";
const MAX_BUNDLES: usize = 200;
/// How long a new bundle waits for the JWT keys of its domain, so that nobody's token is refused for want of a key that is on its way.
const SETTLE: Duration = Duration::from_secs(2);
