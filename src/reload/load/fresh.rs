//! Tells how long ago each part was last known to be what there is: what cannot be read, or is not read any more, ages.

use super::Loader;
use crate::{
    clock::Timestamp,
    config::PolicySource,
    telemetry::{Freshness, Part, TrustFreshness},
};

impl Loader {
    /// Tells it as it is at `now`, just after everything was looked at.
    pub(super) fn tell_fresh(&mut self, now: Timestamp) {
        let parts = self.parts().into_iter().map(|part| (part, self.last_confirmed(part, now))).collect();
        self.confirmed = parts;
        let trust = self.config.trust.iter().map(|source| {
            let held = self.bundles.standing(&source.trust_domain);
            TrustFreshness {
                trust_domain: source.trust_domain.to_string(),
                confirmed: held.map_or(self.born, |(_, confirmed)| confirmed),
                limit: source.max_stale,
                last_anchor: held.and_then(|(bundle, _)| bundle.last_anchor()),
            }
        });
        self.shared.metrics.fresh(Freshness {
            parts: self.confirmed.clone(),
            store_limit: self.store.is_somewhere().then_some(self.config.ceiling.max_stale),
            trust: trust.collect(),
            issuers: self
                .config
                .tokens
                .keys
                .iter()
                .map(|keys| (keys.issuer.clone(), self.keys.confirmed(&keys.issuer).unwrap_or(self.born)))
                .collect(),
        });
    }

    /// The parts that there are.
    fn parts(&self) -> Vec<Part> {
        let is_there = |part: &Part| match part {
            Part::Config => true,
            Part::Facts => self.facts.path().is_some(),
            Part::Policy => self.config.policy.is_some(),
            Part::Store => self.store.is_somewhere(),
            Part::Trust => !self.config.trust.is_empty(),
        };
        Part::ALL.into_iter().filter(is_there).collect()
    }

    fn last_confirmed(&self, part: Part, now: Timestamp) -> Timestamp {
        let before = self.confirmed.iter().find(|(known, _)| *known == part).map_or(self.born, |(_, at)| *at);
        match part {
            // Each source says it for itself; the oldest word counts.
            Part::Trust => {
                let all = self.config.trust.iter().map(|source| self.bundles.standing(&source.trust_domain));
                all.map(|held| held.map_or(self.born, |(_, confirmed)| confirmed)).min().unwrap_or(now)
            }
            Part::Store if self.config.ceiling.bundle.is_some() => self.store.issued().unwrap_or(self.born),
            Part::Policy | Part::Store if self.is_held_back => before,
            Part::Config | Part::Facts | Part::Policy | Part::Store if !self.shared.status.is_clean(&[part]) => before,
            Part::Policy => self.bundles_heard().unwrap_or(now),
            Part::Config | Part::Facts | Part::Store => now,
        }
    }

    /// When the source of the policy's bundles was last heard, the one that was longest silent; `None`: it has no bundles.
    fn bundles_heard(&self) -> Option<Timestamp> {
        let names = self.config.policy.as_ref().map(PolicySource::bundles).unwrap_or_default();
        let statuses = self.shared.status.bundles();
        let heard = |name: &str| statuses.iter().find(|status| status.name == name)?.heard;
        names.iter().map(|bundle| heard(&bundle.name).unwrap_or(self.born)).min()
    }
}
