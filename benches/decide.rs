//! The road in process, whole and stage by stage: how long one hop takes, and what it allocates.
#![allow(clippy::unwrap_used, clippy::unreachable, reason = "a benchmark fails by panicking")]

mod mesh;
mod token;

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use divan::{AllocProfiler, Bencher};
use hopguard::{
    audit::{Audit, Sink},
    clock::Timestamp,
    config::Config,
    decision::{Decision, DecisionIds, Evidence},
    fact::Facts,
    feed::Feeds,
    grant::{Acting, Around, Asked, Call, Overdue, Requested},
    hop::{Hop, Request, TraceContext},
    pb::CheckRequest,
    peer::{PeerEvidence, Rules, Verifier},
    policy::{Input, Policy},
    reload::Loader,
    replay::Claims,
    response,
    revocation::Revocations,
    server::{Limits, Shared, Snapshot},
    telemetry::{
        Metrics, Stopwatch,
        trace::{Collector, Options, Sample, Told, Traces},
    },
};
use prost::Message;

use self::mesh::{Mesh, Result};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

static ROAD: LazyLock<Road> = LazyLock::new(|| Road::open().unwrap());

fn main() {
    divan::main();
}

/// A snapshot as `serve` loads it, a hop, and the decision to allow it.
struct Road {
    check: CheckRequest,
    now: Timestamp,
    ids: DecisionIds,
    snapshot: Snapshot,
    decision: Decision,
}

impl Road {
    fn open() -> Result<Self> {
        let mesh = Mesh::write()?;
        let config = Config::load(&mesh.config()).map_err(|problems| format!("{problems:?}"))?;
        let limits = Limits {
            request_bytes: config.limits.request_bytes,
            in_flight: config.limits.in_flight,
            connections: config.limits.connections,
            streams: config.limits.streams,
            deadline: config.limits.deadline,
            drain: config.limits.drain,
        };
        let (audit, _) =
            Audit::open(&Sink::Stdout, config.limits.audit_queue, config.audit.window, config.audit.durability)?;
        let claims = Claims::open(1, limits.deadline, None, Timestamp::MIN)?;
        let shared = Arc::new(Shared::new(audit, claims, DecisionIds::new()?, Metrics::new(), limits));
        let now = shared.clock.now();
        let feeds = Arc::new(Feeds::start(&config.trust, None, move || now, || ())?);
        let snapshot = Loader::new(config, feeds, shared).refresh(true, now).ok_or("the snapshot does not load")?;
        let decision = snapshot.authorizer.decide(&mesh.request, now);
        if let Err(denial) = &decision.verdict {
            return Err(format!("the hop is denied: {denial:?}").into());
        }
        Ok(Self { check: mesh.request, now, ids: DecisionIds::new()?, snapshot, decision })
    }

    fn hop(&self) -> Hop<'_> {
        Hop::decode(&self.check, &self.snapshot.authorizer.rules).unwrap()
    }

    fn policy(&self) -> &Policy {
        self.snapshot.authorizer.policy.as_deref().unwrap()
    }

    fn input<'a>(&'a self, hop: &'a Hop<'_>) -> Input<'a> {
        Input {
            request: &hop.request,
            credentials: &self.snapshot.authorizer.rules.token_headers,
            this: self.snapshot.authorizer.this.as_ref(),
            peer: self.decision.peer(),
            workload: self.decision.findings.workload.as_deref(),
            tokens: self.evidence().tokens.verified(),
            actor: self.evidence().actor.ok(),
            purpose: self.decision.findings.purpose.as_ref(),
            resource: self.decision.findings.resource.as_deref(),
            grant: self.decision.findings.grant.as_ref(),
            facts: Some(&self.snapshot.authorizer.facts),
            now: self.now,
        }
    }

    fn evidence(&self) -> &Evidence {
        self.decision.evidence.as_ref().unwrap()
    }
}

/// All of it, from the decoded message to the decision.
#[divan::bench]
fn decide(bencher: Bencher<'_, '_>) {
    let Road { check, now, snapshot, .. } = &*ROAD;
    bencher.bench(|| snapshot.authorizer.decide(check, *now));
}

/// Before the decision: the message.
#[divan::bench]
fn before_decode_message(bencher: Bencher<'_, '_>) {
    let bytes = ROAD.check.encode_to_vec();
    bencher.bench(|| CheckRequest::decode(&*bytes));
}

#[divan::bench]
fn stage_1_hop(bencher: Bencher<'_, '_>) {
    let Road { check, snapshot, .. } = &*ROAD;
    bencher.bench(|| Hop::decode(check, &snapshot.authorizer.rules));
}

#[divan::bench]
fn stage_2_peer(bencher: Bencher<'_, '_>) {
    let Road { now, snapshot, .. } = &*ROAD;
    let hop = ROAD.hop();
    let evidence = PeerEvidence {
        certificate: hop.credentials.certificate,
        principal: hop.credentials.principal,
        xfcc: hop.credentials.xfcc.as_deref(),
    };
    bencher.bench(|| snapshot.authorizer.verifier.verify(&evidence, &snapshot.authorizer.trust, *now));
}

/// The same with nothing kept from an earlier Check.
#[divan::bench]
fn stage_2_peer_cold(bencher: Bencher<'_, '_>) {
    let Road { now, snapshot, .. } = &*ROAD;
    let hop = ROAD.hop();
    let evidence = PeerEvidence {
        certificate: hop.credentials.certificate,
        principal: hop.credentials.principal,
        xfcc: hop.credentials.xfcc.as_deref(),
    };
    let cold = || Verifier::new(Rules::certificate(Duration::from_secs(25 * 3_600)), Arc::default());
    bencher.with_inputs(cold).bench_refs(|verifier| verifier.verify(&evidence, &snapshot.authorizer.trust, *now));
}

#[divan::bench]
fn stage_3_purpose(bencher: Bencher<'_, '_>) {
    let Road { snapshot, .. } = &*ROAD;
    let claimed = ROAD.evidence().purpose.ok().unwrap();
    bencher.bench(|| snapshot.authorizer.vocabulary.state(claimed));
}

#[divan::bench]
fn stage_4_grant(bencher: Bencher<'_, '_>) {
    let Road { now, snapshot, decision, .. } = &*ROAD;
    let hop = ROAD.hop();
    let Request::Http(http) = &hop.request else { unreachable!("the hop is a request") };
    let line = http.line.as_ref().unwrap();
    let requested = Requested::Http(Call {
        method: line.method,
        path: &line.target.path,
        host: &line.host,
        content_type: http.content_type,
        upgrade: http.upgrade.as_deref(),
    });
    let peer = decision.peer().unwrap().id();
    let acting = Acting { peer, behalf: None, relayed: None };
    let asked = Asked { acting, requested, purpose: decision.findings.purpose.as_ref(), now: *now };
    let grants = snapshot.authorizer.grants.as_ref().unwrap();
    let (facts, revocations) = (Facts::default(), Revocations::default());
    let around = Around {
        workload: None,
        facts: &facts,
        revocations: &revocations,
        overdue: Overdue::Report,
        inventory_required: false,
    };
    bencher.bench(|| grants.covering(&asked, &around));
}

#[divan::bench]
fn stage_5_input(bencher: Bencher<'_, '_>) {
    let hop = ROAD.hop();
    let input = ROAD.input(&hop);
    bencher.bench(|| ROAD.policy().show(&input));
}

#[divan::bench]
fn stage_5_policy(bencher: Bencher<'_, '_>) {
    let hop = ROAD.hop();
    let input = ROAD.input(&hop);
    bencher.bench(|| {
        let mut asked = None;
        (ROAD.policy().evaluate(&input, &mut asked), asked)
    });
}

/// After the decision: the answer.
#[divan::bench]
fn then_encode_answer(bencher: Bencher<'_, '_>) {
    let Road { check, ids, snapshot, decision, .. } = &*ROAD;
    bencher.bench(|| response::encode(decision, ids.next(), check, snapshot.answers, |_| false).encode_to_vec());
}

/// What a span costs the decision that it is of: the choice of it, its making, and handing it over.
#[divan::bench(sample_count = 100, sample_size = 100)]
fn span(bencher: Bencher<'_, '_>) {
    let road = &*ROAD;
    let collector = Collector::parse("http://127.0.0.1:4317", None).unwrap();
    let options = Options { collector, sample: Sample::parse("100%").unwrap(), service: "hopguard".to_owned() };
    // Nobody takes them, and there is room for all.
    let (traces, _exporter) = Traces::new(options, 1_000_000, Metrics::new().spans());
    let watch = Stopwatch::start();
    bencher.bench_local(|| {
        let trace = traces.begin(None);
        let (decision, name) = (&road.decision, road.ids.next());
        let told = Told { decision, name, now: road.now, watch: &watch };
        traces.room(trace.as_ref()).unwrap().tell(&told, "spiffe://mesh.example/this".to_owned());
    });
}

/// What is not told of costs no more than to see that.
#[divan::bench]
fn no_span(bencher: Bencher<'_, '_>) {
    let beside = http::HeaderMap::from_iter([(
        http::HeaderName::from_static("traceparent"),
        http::HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"),
    )]);
    let collector = Collector::parse("http://127.0.0.1:4317", None).unwrap();
    let options = Options { collector, sample: Sample::Parent, service: "hopguard".to_owned() };
    let (traces, _exporter) = Traces::new(options, 1, Metrics::new().spans());
    bencher.bench_local(|| {
        let trace = traces.begin(TraceContext::beside(&beside).flatten());
        traces.room(trace.as_ref()).is_none()
    });
}
