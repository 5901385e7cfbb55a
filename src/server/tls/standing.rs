//! An asker stands as long as its certificates prove it by what is trusted now: it is looked at again whenever that may have changed.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use rustls_pki_types::CertificateDer;
use tokio::time::{Instant, Sleep, sleep};

use super::{Judge, Refusal};
use crate::{clock::Timestamp, peer::ProvedPeer, server::Snapshot};

/// An asker whose connection is served.
pub(in crate::server) struct Standing {
    judge: Arc<Judge>,
    chain: Vec<CertificateDer<'static>>,
    peer: ProvedPeer,
    /// What it was judged by.
    by: Arc<Snapshot>,
    look: Pin<Box<Sleep>>,
    /// Who has been sent away does not come back by what is trusted later.
    ended: bool,
}

impl Standing {
    /// Judges whoever shows `chain` for the first time.
    pub(super) fn begin(judge: Arc<Judge>, chain: Vec<CertificateDer<'static>>) -> Result<Self, Refusal> {
        let (by, now) = (judge.snapshot()?, judge.shared.clock.now());
        let peer = judge.judge(&chain, &by, now)?;
        tracing::debug!(asker = %peer.id(), "Asker admitted");
        let look = Box::pin(sleep(until_next(&peer, now)));
        Ok(Self { judge, chain, peer, by, look, ended: false })
    }

    /// Ready once the asker no longer stands.
    pub(in crate::server) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while !self.ended {
            ready!(self.look.as_mut().poll(cx));
            let now = self.judge.shared.clock.now();
            if let Err(refusal) = self.renew(now) {
                tracing::info!(asker = %self.peer.id(), %refusal, "Connection of an asker is closed");
                self.ended = true;
            }
            self.look.as_mut().reset(Instant::now() + until_next(&self.peer, now));
        }
        Poll::Ready(())
    }

    /// Judges it again, unless nothing has changed.
    fn renew(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let snapshot = self.judge.snapshot()?;
        if !Arc::ptr_eq(&snapshot, &self.by) || !self.holds(now) {
            self.peer = self.judge.judge(&self.chain, &snapshot, now)?;
            self.by = snapshot;
        }
        Ok(())
    }

    /// Whether what was found out still holds, by what it was judged by.
    fn holds(&self, now: Timestamp) -> bool {
        let bundle = self.by.authorizer.trust.bundle(self.peer.trust_domain());
        bundle.is_some_and(|bundle| !bundle.is_stale(now)) && self.peer.valid_until().is_some_and(|end| now < end)
    }
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standing").field("peer", &self.peer).finish_non_exhaustive()
    }
}

/// How long to wait before looking again.
fn until_next(peer: &ProvedPeer, now: Timestamp) -> Duration {
    peer.valid_until().map_or(LOOK, |end| end.since(now).clamp(LEAST, LOOK))
}

/// How soon the end of an asker takes effect at the latest.
const LOOK: Duration = Duration::from_millis(250);
/// So that a clock that stands still is not looked at without a pause.
const LEAST: Duration = Duration::from_millis(10);
