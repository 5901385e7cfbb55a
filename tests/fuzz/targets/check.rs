//! Whatever Envoy asks, the answer is a denial, or an allow of the one hop that was approved; and whatever is only observed can be shown.
#![no_main]
#![allow(clippy::unwrap_used, reason = "what is broken here is the fuzzer, and it must stop")]

use std::{
    collections::BTreeSet,
    fs,
    sync::{Arc, LazyLock},
    time::Duration,
};

use hopguard::{
    audit::{Audit, Sink},
    clock::Timestamp,
    config::Config,
    decision::DecisionIds,
    delegation::Tokens,
    feed::Feeds,
    hop::{Hop, Public, Route, Rules, Strict},
    pb::CheckRequest,
    policy::{Entrypoint, Exposed, Input, Options, Policy, Source, Style, View},
    reload::Loader,
    replay::Claims,
    response::{self, Reveal},
    server::{Limits, Shared, Snapshot},
    telemetry::Metrics,
};
use hopguard_fuzz::{BUNDLE, FRONTEND, now};
use libfuzzer_sys::fuzz_target;
use prost::Message;

const CONFIG: &str = "
self: spiffe://prod.example/payments
trust: [{trust_domain: prod.example, bundle: bundle.json}]
peer: {evidence: [certificate, xfcc], xfcc: {sanitize_set: true, json: true}}
tokens: {jwt_svid: {}, transaction: {audience: prod.example, issuers: [{issuer: \"spiffe://prod.example/txn\"}]}}
hop: {tcp: true}
store: {directory: documents}
policy: {directory: policy, timeout: 1s}
";

const DOCUMENTS: &str = "
apiVersion: hopguard.dev/v1alpha1
kind: Purpose
metadata: {name: checkout}
spec: {name: checkout, owner: team-shop, description: pay for an order}
---
apiVersion: hopguard.dev/v1alpha1
kind: Grant
metadata: {name: charge}
spec:
  type: standing
  subject: {spiffeId: spiffe://prod.example/frontend}
  audience: spiffe://prod.example/payments
  actions: [{methods: [POST], paths: [/charge]}]
  purposes: [checkout]
  owner: team-payments
  requestedBy: bob@example.com
  approver: alice@example.com
  notBefore: 2026-11-20T00:00:00Z
  expiresAt: 2027-11-01T00:00:00Z
  reviewBy: 2027-06-01T00:00:00Z
";

static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("hopguard.yaml", CONFIG.as_bytes());
    write("bundle.json", BUNDLE);
    write("documents/all.yaml", DOCUMENTS.as_bytes());
    write("policy/authz.rego", b"package hopguard.authz\n\ndecision := true\n");
    let config = Config::load(&folder.path().join("hopguard.yaml")).unwrap();
    let limits = Limits {
        request_bytes: 1 << 20,
        in_flight: 1,
        connections: 1,
        streams: 1,
        deadline: Duration::from_secs(1),
        drain: Duration::from_secs(1),
    };
    let sink = Sink::File(folder.path().join("audit.jsonl"));
    let (audit, _) = Audit::open(&sink, 1, Duration::from_millis(1), hopguard::audit::Durability::Group).unwrap();
    let claims = Claims::open(1, limits.deadline, None, Timestamp::MIN).unwrap();
    let feeds = Arc::new(Feeds::start(&config.trust, None, now, || ()).unwrap());
    let shared = Arc::new(Shared::new(audit, claims, DecisionIds::new().unwrap(), Metrics::new(), limits));
    Loader::new(config, feeds, shared).refresh(true, now()).unwrap()
});

/// Reads all of its input, as the plugin shows it and as Hopguard does.
static READERS: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    let source = Source::module("authz.rego", "package fuzz\n\ndecision := count(input) > 0\n");
    let styles = [Style::Opa, Style::Hopguard].into_iter();
    let views = styles.map(|style| View { style, exposed: Exposed::All, ..View::default() });
    let options = |view| Options {
        view,
        ..Options::new(Entrypoint::parse("data.fuzz.decision").unwrap(), Duration::from_secs(1))
    };
    views.map(|view| Policy::compile(&source, &options(view)).unwrap()).collect()
});

static OBSERVING: LazyLock<Rules> = LazyLock::new(|| {
    let everything = Route::new(&["GET", "POST"], &["/**"], true).unwrap();
    Rules { strict: Strict::Observe, public: Public::new(vec![everything]), ..SNAPSHOT.authorizer.rules.clone() }
});

/// What is only observed has no doubts exactly where it would be enforced, and is public nowhere else.
fn observe(check: &CheckRequest) {
    let strict = Hop::decode(check, &SNAPSHOT.authorizer.rules);
    let Ok(hop) = Hop::decode(check, &OBSERVING) else {
        assert!(strict.is_err());
        return;
    };
    assert_eq!(hop.ambiguities.is_empty(), strict.is_ok());
    assert!(strict.is_ok() || !OBSERVING.public.admits(&hop));
    for policy in &*READERS {
        let input = Input {
            request: &hop.request,
            credentials: &BTreeSet::new(),
            this: None,
            peer: None,
            workload: None,
            tokens: Tokens::default(),
            actor: None,
            purpose: None,
            resource: None,
            grant: None,
            facts: None,
            now: now(),
        };
        if let Ok(document) = policy.show(&input) {
            let _ = document.digest();
        }
    }
}

static IDS: LazyLock<DecisionIds> = LazyLock::new(|| DecisionIds::new().unwrap());

fuzz_target!(|data: &[u8]| {
    let Ok(check) = CheckRequest::decode(data) else { return };
    observe(&check);
    let decision = SNAPSHOT.authorizer.decide(&check, now());
    let rules = response::Rules { reveal: Reveal::Full, ..response::Rules::default() };
    let answer = response::encode(&decision, IDS.next(), &check, rules, |_| false);
    let code = answer.status.as_ref().map(|status| status.code);
    match &decision.verdict {
        Err(_) => assert!(code.is_some_and(|code| code != 0)),
        Ok(permit) => {
            assert_eq!(permit.peer().map(ToString::to_string).as_deref(), Some(FRONTEND));
            assert_eq!(permit.purpose().map(ToString::to_string).as_deref(), Some("checkout"));
            assert_eq!(permit.grant().map(|grant| grant.name()), Some("charge"));
            let http = check.attributes.unwrap().request.unwrap().http.unwrap();
            assert_eq!((http.method.as_str(), http.path.split('?').next()), ("POST", Some("/charge")));
        }
    }
});
