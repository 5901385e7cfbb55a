//! The bundle of each trusted trust domain: the last good one stays while its source is away, and until it is stale.

use std::collections::BTreeMap;

use spiffe::TrustDomain;

use crate::{
    clock::Timestamp,
    feed::Feeds,
    trust::{DuplicateTrustDomain, Source, Trust, TrustBundle},
};

/// The last good bundles.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    held: BTreeMap<TrustDomain, Held>,
    /// Whether all have been in, once; of those that another domain's servers give, whether they have been asked for.
    complete: bool,
}

/// A bundle, and when its source last gave it.
#[derive(Clone, Debug)]
struct Held {
    bundle: TrustBundle,
    confirmed: Timestamp,
}

impl Bundles {
    /// What was read at `now` is still so.
    pub(super) fn confirm(&mut self, now: Timestamp) {
        self.held.values_mut().filter(|held| held.bundle.stale_at().is_none()).for_each(|held| held.confirmed = now);
    }

    /// Takes what the sources give now, and gives back what is wrong with them.
    pub(super) fn load(&mut self, sources: &[Source], feeds: &Feeds, now: Timestamp) -> Vec<String> {
        let mut problems = Vec::new();
        let mut bundles = BTreeMap::new();
        let mut awaited = false;
        for source in sources {
            let held = match source.read() {
                Some(Ok(bundle)) => Some(Held { bundle, confirmed: now }),
                Some(Err(error)) => {
                    problems.push(error.to_string());
                    self.held.get(&source.trust_domain).map(|held| held.clone().without_source(source))
                }
                None => {
                    let latest = feeds.latest(&source.trust_domain);
                    let latest_stale_at = latest.stale_at(source.max_stale);
                    // Another domain's servers that cannot be reached hold up nobody's start.
                    let has_failed = source.is_federated() && latest.problem.is_some();
                    awaited |= latest.bundle.is_none() && !has_failed;
                    problems.extend(latest.problem);
                    latest.bundle.map(|bundle| {
                        let bundle = TrustBundle::clone(&bundle).with_stale_at(latest_stale_at);
                        Held { bundle, confirmed: latest.confirmed.unwrap_or(now) }
                    })
                }
            };
            awaited |= held.is_none() && !source.is_fed();
            bundles.extend(held.map(|held| (source.trust_domain.clone(), held)));
        }
        for (trust_domain, held) in &bundles {
            let before = self.held.get(trust_domain).map(|before| before.bundle.revision());
            if before != Some(held.bundle.revision()) {
                for remark in held.bundle.remarks() {
                    tracing::warn!(%trust_domain, remark, "Part of a trust bundle is not used");
                }
            }
        }
        self.held = bundles;
        self.complete |= !awaited;
        problems
    }

    /// All of them. None before every trust domain has been in; from then on one that has never loaded holds up no other's withdrawal, and
    /// its workloads are not known yet.
    pub(super) fn trust(&self, sources: &[Source]) -> Option<Result<Trust, DuplicateTrustDomain>> {
        let pending = |source: &Source| TrustBundle::pending(source.trust_domain.clone());
        let bundles = sources.iter().map(|source| {
            self.held.get(&source.trust_domain).map_or_else(|| pending(source), |held| held.bundle.clone())
        });
        self.complete.then(|| Trust::new(bundles.map(Into::into)))
    }
}

impl Held {
    /// The same bundle, until it is stale.
    fn without_source(self, source: &Source) -> Self {
        let stale_at = self.confirmed.after(source.max_stale);
        Self { bundle: self.bundle.with_stale_at(Some(stale_at)), confirmed: self.confirmed }
    }
}
