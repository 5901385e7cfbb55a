//! Answers Envoy: connections from those who may ask, each pinned to one thread, each Check answered where it was read.

pub mod admin;
mod alarm;
mod check;
mod connection;
mod frame;
mod lane;
mod listen;
mod readings;
mod seats;
mod tls;
mod worker;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;

use self::alarm::Alarm;
pub use self::{
    check::CHECK,
    listen::{Allow, Bound, Listener, Open, SocketFile, accept, bind},
    tls::Gate,
    worker::Workers,
};
use crate::{
    audit::Audit,
    authorizer::Authorizer,
    clock::{Clock, Timestamp},
    decision::DecisionIds,
    feed::Identity,
    replay::Claims,
    response,
    telemetry::{Metrics, Status, trace::Traces},
};

/// What every Check needs of the process.
#[derive(Debug)]
pub struct Shared {
    /// What is decided by; absent until everything has been loaded once.
    pub snapshot: ArcSwapOption<Snapshot>,
    /// The one source of `now`.
    pub clock: Clock,
    /// Where decisions are written down.
    pub audit: Audit,
    /// The one-time tokens that were spent.
    pub claims: Claims,
    /// Names of decisions.
    pub ids: DecisionIds,
    /// What is counted.
    pub metrics: Metrics,
    /// How the parts of the snapshot stand.
    pub status: Status,
    /// Where decisions are told of as spans, if they are.
    pub traces: Option<Traces>,
    /// The bounds of serving.
    pub limits: Limits,
    /// When all this began.
    started: Timestamp,
    /// Checks that are under way.
    in_flight: AtomicUsize,
    /// Connections that are open.
    connections: AtomicUsize,
    /// Connections of which it is not known yet whose they are.
    handshakes: AtomicUsize,
    /// When each use of break-glass was last said.
    alarm: Alarm,
    /// What this workload shows to those who ask over mutual TLS.
    identities: Mutex<Vec<Identity>>,
}

/// What one revision decides and answers by.
#[derive(Debug)]
pub struct Snapshot {
    /// Decides.
    pub authorizer: Authorizer,
    /// How decisions are answered.
    pub answers: response::Rules,
}

/// The bounds of serving; they last as long as the process.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest message, in bytes.
    pub request_bytes: usize,
    /// The most Checks at once.
    pub in_flight: usize,
    /// The most connections at once.
    pub connections: usize,
    /// The most HTTP/2 streams on one connection.
    pub streams: u32,
    /// How long one Check may take; Envoy's own patience can only shorten it.
    pub deadline: Duration,
    /// How long connections may take to end.
    pub drain: Duration,
}

impl Shared {
    /// Nothing loaded yet, nothing under way.
    pub fn new(audit: Audit, claims: Claims, ids: DecisionIds, metrics: Metrics, limits: Limits) -> Self {
        audit.measure(metrics.audit_lag());
        let clock = Clock::default();
        Self {
            started: clock.now(),
            snapshot: ArcSwapOption::empty(),
            clock,
            audit,
            claims,
            ids,
            metrics,
            status: Status::default(),
            traces: None,
            limits,
            in_flight: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            handshakes: AtomicUsize::new(0),
            alarm: Alarm::default(),
            identities: Mutex::default(),
        }
    }

    /// What this workload shows to those who ask over mutual TLS, one for each such listener.
    pub fn identities(&self) -> Vec<Identity> {
        self.identities.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Counts one of something for as long as it lives.
#[derive(Debug)]
struct Counted {
    shared: Arc<Shared>,
    counter: fn(&Shared) -> &AtomicUsize,
}

impl Counted {
    /// One more, unless there are `most` already.
    fn one(shared: &Arc<Shared>, counter: fn(&Shared) -> &AtomicUsize, most: usize) -> Option<Self> {
        let one = Self { shared: Arc::clone(shared), counter };
        let before = counter(shared).fetch_add(1, Ordering::AcqRel);
        (before < most).then_some(one)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.counter)(&self.shared).fetch_sub(1, Ordering::AcqRel);
    }
}
