//! A workload that decides by documents which a test writes, and hops that are good until a test spoils them.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
    time::Duration,
};

use serde_json::json;
use spiffe::{SpiffeId, TrustDomain};

use super::*;
use crate::{
    fact::Fact,
    grant::{Activation, Approval, Condition, Grant, Kind, Subject, fixture::Sketch, fixture::get},
    hop::{Escapes, Public, Strict},
    inventory::{Scope, Workload, WorkloadKind, WorkloadState},
    pb::{AttributeContext, attribute_context, check_request_from_json},
    peer::fixture::{Authority, escape, pem},
    purpose::Purpose,
    resource::{Resource, Sensitivity},
    revocation::{Revocation, Target},
    token::{
        TokenCache,
        fixture::{BEARER, LOGIN, NOW, PROD, THIS, TXN, WEB, key_set, rules, txn},
    },
    trust::{
        TrustBundle,
        jwk::{JwtKeys, Uses},
    },
};

/// Who asks for the transaction token of [`delegated`], on its way to the peer.
pub(crate) const AGENT: &str = "spiffe://prod.example/agent";
/// What the grant of [`bound`] is bound to.
pub(crate) const FACT: &str = "ci.run.7";
/// Who issues it.
pub(crate) const DESK: &str = "spiffe://prod.example/txn";

static ROOT: LazyLock<Authority> = LazyLock::new(|| Authority::root("root"));
static WEB_LEAF: LazyLock<String> = LazyLock::new(|| escape(&pem(&ROOT.svid(WEB))));
static TRANSACTION: LazyLock<String> = LazyLock::new(|| txn(json!({"jti": "j-1", "act": {"sub": AGENT}})));

/// Whom everybody trusts here.
static TRUSTED: LazyLock<(Trust, IssuerKeys)> = LazyLock::new(|| {
    let (keys, _) = JwtKeys::from_jwks(&PROD.jwks("jwt-svid"), Uses::SpiffeBundle).unwrap();
    let domain = TrustDomain::new("prod.example").unwrap();
    let bundle = TrustBundle::from_pem(domain, ROOT.pem().as_bytes(), None).unwrap().with_jwt_keys(keys);
    let issuers = [("https://login.example".to_owned(), key_set(&LOGIN))];
    (Trust::new([Arc::new(bundle)]).unwrap(), issuers.into_iter().collect())
});
/// What was verified once is remembered, so that a thousand scenes cost no more than their documents.
static VERIFIER: LazyLock<(Verifier, token::Verifier)> = LazyLock::new(|| {
    let peers = Verifier::new(crate::peer::Rules::certificate(Duration::from_secs(90_000)), Arc::default());
    (peers, token::Verifier::new(Arc::new(rules()), Arc::new(TokenCache::new(64))))
});

/// What is decided by.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) modes: Modes,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) revocations: Vec<Revocation>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) grants: Vec<Arc<Grant>>,
    pub(crate) activations: Vec<Activation>,
    pub(crate) stale_at: Option<Timestamp>,
    pub(crate) inventory_required: bool,
    pub(crate) policy: Option<Arc<Policy>>,
}

impl Scene {
    /// Everything is enforced but policy, and what [`hop`] and [`delegated`] ask for is covered.
    pub(crate) fn new() -> Self {
        let modes = Modes { proof: Mode::Enforce, ceiling: Mode::Enforce, policy: Mode::Skip };
        let reads = Sketch { actions: vec![get("/v1/ledgers/*")], ..sketch("reads") };
        let behalf = Some((DESK, "alice", 4));
        let for_alice = Sketch { name: "reads-for-alice".to_owned(), behalf, ..reads.clone() };
        Self {
            modes,
            workloads: vec![workload(WEB)],
            revocations: vec![],
            facts: vec![],
            resources: vec![],
            grants: vec![reads.grant(), for_alice.grant()],
            activations: vec![],
            stale_at: None,
            inventory_required: false,
            policy: None,
        }
    }

    pub(crate) fn with(edit: impl FnOnce(&mut Self)) -> Self {
        let mut scene = Self::new();
        edit(&mut scene);
        scene
    }

    pub(crate) fn authorizer(&self) -> Authorizer {
        let this = id(THIS);
        let purposes = ["billing", "billing.invoice", "refund"].map(|name| Purpose::parse(name).unwrap());
        let all = |it: &[Workload]| it.iter().cloned().map(Arc::new).collect::<Vec<_>>();
        Authorizer {
            modes: self.modes,
            rules: hop_rules(),
            self_check: SelfCheck::default(),
            verifier: VERIFIER.0.clone(),
            tokens: VERIFIER.1.clone(),
            issuers: TRUSTED.1.clone(),
            max_depth: 4,
            trust: TRUSTED.0.clone(),
            purpose_required: true,
            vocabulary: Vocabulary::close(purposes).0,
            inventory: Inventory::new(all(&self.workloads)),
            inventory_required: self.inventory_required,
            revocations: Revocations::new(self.revocations.iter().cloned().map(Arc::new)),
            store: Standing { stale_at: self.stale_at },
            resources: Resources::new(self.resources.iter().cloned().map(Arc::new)),
            facts: Facts::new(self.facts.iter().cloned().map(Arc::new)),
            overdue: Overdue::default(),
            grants: Some(Grants::new(
                this.clone(),
                &self.grants,
                &self.activations.iter().cloned().map(Arc::new).collect::<Vec<_>>(),
            )),
            policy: self.policy.clone(),
            revisions: Arc::new(Revisions {
                trust: String::new(),
                store: String::new(),
                policy: String::new(),
                config: String::new(),
                snapshot: "s".to_owned(),
            }),
            this: Some(this),
        }
    }

    /// What a hop comes to now.
    pub(crate) fn decide(&self, asks: &Asks) -> Decision {
        self.decide_at(0, asks)
    }

    /// What a hop comes to, this many seconds later.
    pub(crate) fn decide_at(&self, seconds: i64, asks: &Asks) -> Decision {
        self.authorizer().decide(&asks.check(), at(seconds))
    }

    /// Reason and detail of the denial, or nothing.
    pub(crate) fn reason(&self, asks: &Asks) -> Option<(&'static str, &'static str)> {
        let decision = self.decide(asks);
        decision.verdict.err().map(|denial| (denial.reason().as_str(), denial.detail().unwrap_or_default()))
    }
}

/// A hop as Envoy shows it.
#[derive(Clone, Debug)]
pub(crate) struct Asks {
    pub(crate) path: &'static str,
    pub(crate) purpose: Option<&'static str>,
    pub(crate) certificate: String,
    pub(crate) tokens: Vec<(&'static str, String)>,
    /// Of a connection, which has nothing else.
    pub(crate) port: Option<u16>,
}

/// The web asks for a ledger, on nobody's behalf.
pub(crate) fn hop() -> Asks {
    Asks {
        path: "/v1/ledgers/7",
        purpose: Some("billing.invoice"),
        certificate: WEB_LEAF.clone(),
        tokens: vec![],
        port: None,
    }
}

/// The same on behalf of alice, for whom an agent acted before.
pub(crate) fn delegated() -> Asks {
    Asks { tokens: vec![(TXN, TRANSACTION.clone())], ..hop() }
}

impl Asks {
    /// By another workload.
    pub(crate) fn by(self, id: &str) -> Self {
        Self { certificate: escape(&pem(&ROOT.svid(id))), ..self }
    }

    /// With a bearer.
    pub(crate) fn bearer(mut self, token: &str) -> Self {
        self.tokens.push((BEARER, format!("Bearer {token}")));
        self
    }

    pub(crate) fn check(&self) -> CheckRequest {
        let certificate = self.certificate.clone();
        if let Some(port) = self.port {
            let address = json!({"socketAddress": {"address": "10.0.0.1", "portValue": port}});
            let attributes = json!({"source": {"certificate": certificate}, "destination": {"address": address}});
            return check_request_from_json(&json!({ "attributes": attributes }).to_string()).unwrap();
        }
        let source = attribute_context::Peer { certificate, ..Default::default() };
        let headers = self.purpose.iter().map(|purpose| ("x-hop-purpose".to_owned(), (*purpose).to_owned()));
        let tokens = self.tokens.iter().map(|(name, token)| ((*name).to_owned(), token.clone()));
        let http = attribute_context::HttpRequest {
            method: "GET".to_owned(),
            path: self.path.to_owned(),
            host: "ledger".to_owned(),
            headers: headers.chain(tokens).collect(),
            ..Default::default()
        };
        let request = attribute_context::Request { http: Some(http), ..Default::default() };
        CheckRequest {
            attributes: Some(AttributeContext { source: Some(source), request: Some(request), ..Default::default() }),
        }
    }
}

/// A standing grant of the web's to nothing yet, for billing, an hour around now.
pub(crate) fn sketch(name: &str) -> Sketch {
    let grant = Sketch::new(name, Subject::Workload(id(WEB)), id(THIS), at(-1800), at(1800));
    Sketch { purposes: vec!["billing"], ..grant }
}

/// A grant of this kind, which counts while a fact is so.
pub(crate) fn bound(kind: Kind) -> Sketch {
    let condition = Condition { fact: FACT.to_owned(), equals: json!("running"), max_age: None };
    Sketch { kind, actions: vec![get("/v1/ledgers/*")], conditions: vec![condition], ..sketch("breaks") }
}

/// A hop under such a break-glass grant.
pub(crate) fn emergency() -> Scene {
    Scene::with(|scene| {
        scene.grants = vec![bound(Kind::BreakGlass).grant()];
        scene.activations = vec![activation("breaks")];
        scene.facts = vec![fact(FACT, json!("running"))];
        scene.resources = vec![resource()];
    })
}

/// What opens a grant for ten minutes.
pub(crate) fn activation(grant: &str) -> Activation {
    Activation {
        name: format!("opens-{grant}"),
        grant: grant.to_owned(),
        requested_by: "carol@example.com".to_owned(),
        reason: "the ledger is down".to_owned(),
        ticket: "INC-7".to_owned(),
        from: at(-10),
        until: at(600),
        signatures: vec![],
        signed_by: vec![],
        approval: Approval::Sufficient,
        reviewed: None,
    }
}

/// An active workload.
pub(crate) fn workload(name: &str) -> Workload {
    Workload {
        name: format!("w{}", name.len()),
        scope: Scope::Workload(id(name)),
        kind: WorkloadKind::Service,
        owner: "team-web".to_owned(),
        roles: vec!["reader".to_owned()],
        labels: [("tier".to_owned(), "1".to_owned())].into(),
        state: WorkloadState::Active,
    }
}

/// One that may not act.
pub(crate) fn suspended(name: &str) -> Workload {
    Workload { state: WorkloadState::Suspended, ..workload(name) }
}

/// A revocation since a minute ago, without an end.
pub(crate) fn revocation(target: Target) -> Revocation {
    Revocation { name: "r".to_owned(), target, reason: "it leaked".to_owned(), at: at(-60), until: None }
}

/// What a ledger is.
pub(crate) fn resource() -> Resource {
    Resource {
        name: "ledger-read".to_owned(),
        audience: id(THIS),
        actions: vec![get("/v1/ledgers/*")],
        owner: "team-ledger".to_owned(),
        sensitivity: Sensitivity::High,
    }
}

/// A fact of everybody, for five minutes from now.
pub(crate) fn fact(key: &str, value: serde_json::Value) -> Fact {
    Fact {
        name: key.to_owned(),
        key: key.to_owned(),
        subject: None,
        value,
        source: "test".to_owned(),
        observed_at: at(0),
        max_age: Duration::from_secs(300),
    }
}

/// So many seconds from now.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW + seconds)
}

pub(crate) fn id(text: &str) -> SpiffeId {
    SpiffeId::new(text).unwrap()
}

fn hop_rules() -> Rules {
    Rules {
        escapes: Escapes::default(),
        max_headers: 100,
        purpose_header: "x-hop-purpose".to_owned(),
        keep_headers: BTreeSet::new(),
        token_headers: BTreeSet::from([BEARER.to_owned(), TXN.to_owned()]),
        tcp: true,
        strict: Strict::Enforce,
        public: Public::default(),
    }
}
