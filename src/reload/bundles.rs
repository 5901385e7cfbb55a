//! The bundle of each trusted trust domain: the last good one stays while its source is away, and until it is stale.

use std::collections::BTreeMap;

use spiffe::TrustDomain;

use crate::{
    clock::Timestamp,
    feed::Feeds,
    trust::{DuplicateTrustDomain, Source, SourceKind, Trust, TrustBundle},
};

/// The last good bundles.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    held: BTreeMap<TrustDomain, Held>,
    /// Whether all have been in, once; of those that another domain's servers give, whether they have been asked for.
    complete: bool,
}

/// A bundle, what gave it, and when that last did.
#[derive(Clone, Debug)]
struct Held {
    kind: SourceKind,
    bundle: TrustBundle,
    confirmed: Timestamp,
}

impl Bundles {
    /// What was read at `now` is still so.
    pub(super) fn confirm(&mut self, now: Timestamp) {
        self.held.values_mut().filter(|held| held.bundle.stale_at().is_none()).for_each(|held| held.confirmed = now);
    }

    /// The bundle of `trust_domain`, and when its source last stood by it; nothing, if it has never been in.
    pub(super) fn standing(&self, trust_domain: &TrustDomain) -> Option<(&TrustBundle, Timestamp)> {
        self.held.get(trust_domain).map(|held| (&held.bundle, held.confirmed))
    }

    /// Takes what the sources give now, and gives back what is wrong with them.
    pub(super) fn load(&mut self, sources: &[Source], feeds: &Feeds, now: Timestamp) -> Vec<String> {
        let mut problems = Vec::new();
        let mut bundles = BTreeMap::new();
        let mut awaited = false;
        for source in sources {
            let (kind, trust_domain) = (source.kind.clone(), source.trust_domain.clone());
            // What another source gave says nothing of this one.
            let before = self.held.get(&trust_domain).filter(|held| held.kind == kind);
            let given = match source.anchors() {
                Some(Ok(bundle)) => Some((bundle, now)),
                Some(Err(error)) => {
                    problems.push(error.to_string());
                    awaited |= before.is_none();
                    bundles.extend(before.map(|held| (trust_domain, held.clone().without_source(source))));
                    continue;
                }
                None => {
                    let latest = feeds.latest(&trust_domain);
                    let stale_at = latest.stale_at(source.max_stale);
                    // Another domain's servers that cannot be reached hold up nobody's start.
                    let has_failed = source.is_federated() && latest.problem.is_some();
                    awaited |= latest.bundle.is_none() && !has_failed;
                    problems.extend(latest.problem);
                    latest.bundle.map(|bundle| {
                        let bundle = TrustBundle::clone(&bundle).with_stale_at(stale_at);
                        (bundle, latest.confirmed.unwrap_or(now))
                    })
                }
            };
            bundles.extend(given.map(|(anchors, confirmed)| {
                let bundle = source.complete(anchors.clone()).unwrap_or_else(|error| {
                    problems.push(error.to_string());
                    // Nobody is trusted for them, so they stay, and hold up no anchor that is withdrawn.
                    match before {
                        Some(held) => anchors.with_intermediates_of(&held.bundle),
                        None => anchors,
                    }
                });
                (trust_domain, Held { kind, bundle, confirmed })
            }));
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
        Self { bundle: self.bundle.with_stale_at(Some(stale_at)), ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        time::{Duration, Instant},
    };

    use super::*;
    use crate::{
        dev::WorkloadApi,
        peer::{
            fixture::{Authority, NOW},
            id::parse_trust_domain,
        },
        trust::Endpoint,
    };

    const AT: Timestamp = Timestamp::from_seconds(NOW);

    fn source(kind: SourceKind, intermediates: &std::path::Path) -> Source {
        Source {
            trust_domain: parse_trust_domain("td.test").unwrap(),
            kind,
            intermediates: Some(intermediates.to_owned()),
            max_stale: Duration::from_secs(3600),
        }
    }

    /// How many anchors and intermediates there are.
    fn held(bundles: &Bundles, sources: &[Source]) -> (usize, usize) {
        let trust = bundles.trust(sources).unwrap().unwrap();
        let bundle = trust.bundle(&sources[0].trust_domain).unwrap();
        (bundle.anchors().len(), bundle.intermediates().len())
    }

    #[test]
    fn what_an_agent_gives_has_the_intermediates_of_its_source() {
        let directory = tempfile::tempdir().unwrap();
        let (pem, root) = (directory.path().join("sub.pem"), Authority::root("root"));
        fs::write(&pem, root.intermediate("sub").pem()).unwrap();
        let agent = WorkloadApi::start(&directory.path().join("agent.sock")).unwrap();
        agent.set_jwt_bundles([]);
        agent.set_bundles([("spiffe://td.test".to_owned(), root.der().to_vec())]);
        let endpoint = Endpoint::parse(&agent.endpoint()).unwrap();
        let sources = [source(SourceKind::WorkloadApi { endpoint }, &pem)];
        let feeds = Feeds::start(&sources, None, || AT, || ()).unwrap();
        let mut bundles = Bundles::default();
        let mut until = |expected, problems: usize| {
            let end = Instant::now() + Duration::from_secs(20);
            loop {
                let found = bundles.load(&sources, &feeds, AT).len();
                if bundles.complete && (held(&bundles, &sources), found) == (expected, problems) {
                    return;
                }
                assert!(Instant::now() < end, "not in time: {expected:?}");
                std::thread::park_timeout(Duration::from_millis(1));
            }
        };
        until((1, 1), 0);
        fs::write(&pem, "x").unwrap();
        until((1, 1), 1);
        agent.set_bundles([("spiffe://td.test".to_owned(), Vec::new())]);
        until((0, 1), 2);
    }

    #[test]
    fn intermediates_that_cannot_be_read_hold_up_no_anchor_that_is_withdrawn() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let (root, other) = (Authority::root("root"), Authority::root("other"));
        fs::write(path("roots.pem"), root.pem() + &other.pem()).unwrap();
        fs::write(path("sub.pem"), root.intermediate("sub").pem()).unwrap();
        let sources = [source(SourceKind::Pem { file: path("roots.pem") }, &path("sub.pem"))];
        let feeds = Feeds::start(&sources, None, || AT, || ()).unwrap();
        let mut bundles = Bundles::default();
        assert!(bundles.load(&sources, &feeds, AT).is_empty());
        assert_eq!(held(&bundles, &sources), (2, 1));
        fs::remove_file(path("sub.pem")).unwrap();
        fs::write(path("roots.pem"), other.pem()).unwrap();
        assert_eq!(bundles.load(&sources, &feeds, AT).len(), 1);
        assert_eq!(held(&bundles, &sources), (1, 1));
    }
}
