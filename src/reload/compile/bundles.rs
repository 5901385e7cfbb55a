//! A policy of several bundles is made of the newest of each that pass together; one that does not pass holds up no other.

use std::sync::Arc;

use super::{Compiled, Compiler, Outcome, Wanted, lines};
use crate::{
    bundle::Bundle,
    feed::{
        Feeds,
        bundle::{Offer, Standing},
    },
    policy::{Options, Source},
    yaml::Problems,
};

/// One bundle for each name.
type Set = Vec<(String, Arc<Offer>)>;

/// A set that passes, and what did not pass with it.
#[derive(Default)]
struct Best {
    passed: Option<(Set, Arc<Compiled>)>,
    refused: Vec<(String, Arc<Offer>, Problems)>,
}

impl Compiler {
    /// The policy that the bundles make as they stand now, and what is wrong with any of them.
    pub(super) fn bundles(&mut self, options: &Options, feeds: &Feeds, current: Option<&Arc<Compiled>>) -> Outcome {
        let standings = feeds.bundles();
        let mut problems: Vec<String> = standings.iter().filter_map(|standing| standing.problem.clone()).collect();
        let Some(newest) = newest(&standings, &mut problems) else {
            return Outcome { compiled: current.cloned(), problems };
        };
        let why = match self.set(&newest, options, current) {
            Ok(compiled) => {
                feeds.activate(&newest);
                return Outcome { compiled: Some(compiled), problems };
            }
            Err(why) => why,
        };
        let Best { passed, mut refused } = self.best(&standings, options, current);
        if refused.is_empty() {
            // Nothing passed before that would tell which one is to blame.
            refused.extend(newest.into_iter().map(|(name, offer)| (name, offer, why.clone())));
        }
        for (name, offer, why) in refused {
            feeds.reject(&name, &offer, summary(&why));
            problems.extend(lines(&why).into_iter().filter(|line| !problems.contains(line)).collect::<Vec<_>>());
        }
        let compiled = passed.map(|(set, compiled)| {
            feeds.activate(&set);
            compiled
        });
        Outcome { compiled: compiled.or_else(|| current.cloned()), problems }
    }

    /// Starts from what passed before, and takes each newer bundle that passes with it.
    fn best(&mut self, standings: &[Standing], options: &Options, current: Option<&Arc<Compiled>>) -> Best {
        let good = |standing: &Standing| Some((standing.name.clone(), Arc::clone(standing.good.as_ref()?)));
        let Some(mut set) = standings.iter().map(good).collect::<Option<Set>>() else { return Best::default() };
        let (mut compiled, mut refused) = (None, Vec::new());
        for (place, standing) in standings.iter().enumerate() {
            let Some(offered) = standing.offered.as_ref().filter(|offered| is_other(offered, &set, place)) else {
                continue;
            };
            let mut with = set.clone();
            if let Some((_, offer)) = with.get_mut(place) {
                *offer = Arc::clone(offered);
            }
            match self.set(&with, options, current) {
                Ok(made) => (set, compiled) = (with, Some(made)),
                Err(why) => refused.push((standing.name.clone(), Arc::clone(offered), why)),
            }
        }
        let compiled = compiled.or_else(|| self.set(&set, options, current).ok());
        Best { passed: compiled.map(|compiled| (set, compiled)), refused }
    }

    fn set(
        &mut self,
        set: &Set,
        options: &Options,
        current: Option<&Arc<Compiled>>,
    ) -> Result<Arc<Compiled>, Problems> {
        let named = set.iter().map(|(name, offer)| format!("{}:{name}={}", name.len(), offer.digest()));
        let wanted = Wanted { source: named.collect::<Vec<_>>().join(" "), options: options.clone() };
        self.wanted(wanted, current, || {
            let bundles: Vec<Bundle> = set.iter().map(|(_, offer)| offer.bundle().clone()).collect();
            Source::of_bundles(&bundles)
        })
    }
}

/// The newest of each; `None`: one has not come yet, which is said.
fn newest(standings: &[Standing], problems: &mut Vec<String>) -> Option<Set> {
    let mut set = Vec::new();
    for standing in standings {
        match standing.offered.as_ref().or(standing.good.as_ref()) {
            Some(offer) => set.push((standing.name.clone(), Arc::clone(offer))),
            None if standing.problem.is_none() => {
                problems.push(format!("bundle `{}` has not come yet", standing.name));
            }
            None => {}
        }
    }
    (set.len() == standings.len()).then_some(set)
}

fn is_other(offered: &Offer, set: &Set, place: usize) -> bool {
    set.get(place).is_none_or(|(_, good)| good.digest() != offered.digest())
}

/// The first problem, and how many there are.
fn summary(problems: &Problems) -> String {
    let first = problems.0.first().map(ToString::to_string).unwrap_or_default();
    match problems.0.len() {
        0 | 1 => first,
        many => format!("{first} (and {} more)", many - 1),
    }
}
