//! What a scrape reads off the process: nothing that a Check waits for is held for longer than it takes to copy a number.

use std::sync::atomic::Ordering;

use super::Shared;
use crate::{
    clock::Timestamp,
    lookups::Lookups,
    policy::Policy,
    telemetry::{AuditReadings, CacheReadings, Fill, Readings},
};

impl Shared {
    /// What metrics show that is not counted there.
    pub fn readings(&self, ready: bool) -> Readings {
        let snapshot = self.snapshot.load_full();
        let authorizer = snapshot.as_deref().map(|snapshot| &snapshot.authorizer);
        let lookups = |lookups: &Lookups| CacheReadings { hits: lookups.hits(), misses: lookups.misses() };
        Readings {
            now: self.clock.now(),
            started: self.started,
            ready,
            in_flight: Fill { is: self.in_flight.load(Ordering::Relaxed), most: self.limits.in_flight },
            connections: Fill { is: self.connections.load(Ordering::Relaxed), most: self.limits.connections },
            one_time: self.claims.fill(),
            audit: AuditReadings {
                records: self.audit.written(),
                losses: self.audit.losses(),
                unsaid: self.audit.lost(),
                broken: self.audit.is_broken(),
                queue: self.audit.queue(),
                waiting: self.audit.waiting(),
            },
            clock: self.clock.steps(),
            modes: authorizer.map(|authorizer| authorizer.modes).unwrap_or_default(),
            evaluator: authorizer.and_then(|authorizer| authorizer.policy.as_ref()).map(|policy| policy.evaluator()),
            policy_fallbacks: Policy::fallbacks(),
            svids: authorizer.map(|authorizer| lookups(authorizer.verifier.lookups())).unwrap_or_default(),
            tokens: authorizer.map(|authorizer| lookups(authorizer.tokens.lookups())).unwrap_or_default(),
            svid: self.own_svid(),
        }
    }

    /// When the own SVID begins and ends that is the first to end; the epoch, where one must be shown and there is none.
    fn own_svid(&self) -> Option<(Timestamp, Timestamp)> {
        let none = (Timestamp::from_seconds(0), Timestamp::from_seconds(0));
        let window = |svid: &crate::feed::OwnSvid| (svid.not_before(), svid.not_after());
        let identities = self.identities();
        let windows = identities.iter().map(|identity| identity.latest().map_or(none, |svid| window(&svid)));
        windows.min_by_key(|(_, end)| *end)
    }
}
