//! A policy of several bundles is made of the newest of each that pass together; one that does not pass holds up no other.

use std::sync::Arc;

use super::{Compiled, Compiler, Outcome, Wanted, lines};
use crate::{
    bundle::Bundle,
    feed::{
        Feeds,
        bundle::{Offer, Stage, Standing, Subscription},
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
    pub(super) fn bundles(
        &mut self,
        subscriptions: &[Subscription],
        options: &Options,
        feeds: &Feeds,
        current: Option<&Arc<Compiled>>,
    ) -> Outcome {
        // Others hold documents.
        let is_policy = |standing: &Standing| subscriptions.iter().any(|it| it.name == standing.name);
        let standings: Vec<_> = feeds.bundles().into_iter().filter(is_policy).collect();
        let mut problems: Vec<String> = standings.iter().filter_map(|standing| standing.problem.clone()).collect();
        let Some(newest) = newest(&standings, &mut problems) else {
            return Outcome { compiled: current.cloned(), problems };
        };
        let pending = |problems| Outcome { compiled: current.cloned(), problems };
        let why = match self.set(&newest, options, current) {
            None => return pending(problems),
            Some(Ok(compiled)) => {
                feeds.activate(&newest);
                return Outcome { compiled: Some(compiled), problems };
            }
            Some(Err(why)) => why,
        };
        let Some(Best { passed, mut refused }) = self.best(&standings, options, current) else {
            return pending(problems);
        };
        if refused.is_empty() {
            // Nothing passed before that would tell which one is to blame.
            refused.extend(newest.into_iter().map(|(name, offer)| (name, offer, why.clone())));
        }
        for (name, offer, why) in refused {
            feeds.reject(&name, &offer, Stage::Policy, summary(&why));
            problems.extend(lines(&why).into_iter().filter(|line| !problems.contains(line)).collect::<Vec<_>>());
        }
        let compiled = passed.map(|(set, compiled)| {
            feeds.activate(&set);
            compiled
        });
        Outcome { compiled: compiled.or_else(|| current.cloned()), problems }
    }

    /// Starts from what passed before, and takes each newer bundle that passes with it. `None`: whether one does is not known yet.
    fn best(&mut self, standings: &[Standing], options: &Options, current: Option<&Arc<Compiled>>) -> Option<Best> {
        let good = |standing: &Standing| Some((standing.name.clone(), Arc::clone(standing.good.as_ref()?)));
        let Some(mut set) = standings.iter().map(good).collect::<Option<Set>>() else {
            return Some(Best::default());
        };
        let (mut compiled, mut refused) = (None, Vec::new());
        for (place, standing) in standings.iter().enumerate() {
            let Some(offered) = standing.offered.as_ref().filter(|offered| is_other(offered, &set, place)) else {
                continue;
            };
            let mut with = set.clone();
            if let Some((_, offer)) = with.get_mut(place) {
                *offer = Arc::clone(offered);
            }
            match self.set(&with, options, current)? {
                Ok(made) => (set, compiled) = (with, Some(made)),
                Err(why) => refused.push((standing.name.clone(), Arc::clone(offered), why)),
            }
        }
        let compiled = match compiled {
            Some(compiled) => Some(compiled),
            None => self.set(&set, options, current)?.ok(),
        };
        Some(Best { passed: compiled.map(|compiled| (set, compiled)), refused })
    }

    /// The policy of a set; `None`: it is on its way.
    fn set(
        &mut self,
        set: &Set,
        options: &Options,
        current: Option<&Arc<Compiled>>,
    ) -> Option<Result<Arc<Compiled>, Problems>> {
        let named = set.iter().map(|(name, offer)| format!("{}:{name}={}", name.len(), offer.digest()));
        let wanted = Wanted { source: named.collect::<Vec<_>>().join(" "), options: options.clone() };
        let offers: Vec<_> = set.iter().map(|(_, offer)| Arc::clone(offer)).collect();
        let size: usize = offers.iter().map(|offer| offer.size()).sum();
        let source = move || {
            let bundles: Vec<Bundle> = offers.iter().map(|offer| offer.bundle().clone()).collect();
            Source::of_bundles(&bundles)
        };
        match current {
            Some(current) if size > LARGE => self.wanted_aside(wanted, current, source),
            // Where there is none yet, nobody is served by not waiting.
            _ => Some(self.wanted(wanted, current, source)),
        }
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

/// Bytes, as they are sent, of what is compiled in a moment.
const LARGE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, time::Duration};

    use aws_lc_rs::digest::{SHA256, digest};
    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::{clock::Timestamp, feed::bundle::Origin, policy::Entrypoint};

    /// Replaces the bundle `name`, which is a root of its own, by one with these rules.
    fn replace(folder: &Path, name: &str, revision: &str, rules: &str) {
        let manifest = format!("{{\"revision\": \"{revision}\", \"roots\": [\"{name}\"]}}");
        let policy = format!("package {name}\n\n{rules}\n");
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, text) in [(".manifest".to_owned(), manifest), (format!("{name}/policy.rego"), policy)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        let aside = folder.join("aside");
        fs::write(&aside, tar.into_inner().unwrap().finish().unwrap()).unwrap();
        fs::rename(aside, folder.join(name)).unwrap();
    }

    struct Scene {
        folder: tempfile::TempDir,
        feeds: Feeds,
        compiler: Compiler,
        compiled: Option<Arc<Compiled>>,
        options: Options,
        subscriptions: [Subscription; 2],
        /// Whether a policy was ever on its way.
        was_pending: bool,
    }

    impl Scene {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let feeds = Feeds::start(&[], None, || Timestamp::from_seconds(1_795_165_200), || ()).unwrap();
            let subscribe = |name: &str| Subscription::new(name, Origin::File(folder.path().join(name)));
            let subscriptions = ["main", "rules"].map(subscribe);
            feeds.subscribe(&subscriptions);
            let options = Options::new(Entrypoint::parse("data.main.decision").unwrap(), Duration::from_secs(1));
            Self {
                folder,
                feeds,
                compiler: Compiler::default(),
                compiled: None,
                options,
                subscriptions,
                was_pending: false,
            }
        }

        /// Compiles again and again, until what is active has these revisions; gives the problems then.
        fn until(&mut self, main: &str, rules: &str, failures: [Option<Stage>; 2]) -> Vec<String> {
            let end = std::time::Instant::now() + Duration::from_secs(20);
            loop {
                let Outcome { compiled, problems } =
                    self.compiler.bundles(&self.subscriptions, &self.options, &self.feeds, self.compiled.as_ref());
                self.compiled = compiled;
                self.was_pending |= self.compiler.is_pending();
                let statuses = self.feeds.bundle_statuses();
                let found = statuses.iter().map(|it| it.revision.clone().unwrap_or_default()).collect::<Vec<_>>();
                let stages = statuses.iter().map(|it| it.failure.as_ref().map(|it| it.stage)).collect::<Vec<_>>();
                if found == [main, rules] && stages == failures {
                    return problems;
                }
                assert!(std::time::Instant::now() < end, "{found:?} {stages:?} {problems:?}");
                std::thread::park_timeout(Duration::from_millis(5));
            }
        }
    }

    /// Comments that are as large when they are compressed.
    fn noise(seed: u32) -> String {
        let block = |turn: u32| crate::hex::encode(digest(&SHA256, format!("{seed} {turn}").as_bytes()).as_ref());
        (0..4_000).map(|turn| format!("# {}\n", block(turn))).collect()
    }

    #[test]
    fn nobody_waits_for_a_large_one() {
        let mut scene = Scene::new();
        let folder = scene.folder.path().to_owned();
        replace(&folder, "main", "1", &format!("decision := data.rules.allow\n{}", noise(1)));
        replace(&folder, "rules", "1", "allow := true");
        scene.until("1", "1", [None, None]);
        assert!(!scene.was_pending, "there is nothing to go on with");
        let first = Arc::clone(scene.compiled.as_ref().unwrap());
        replace(&folder, "main", "2", &format!("default decision := true\n{}", noise(2)));
        let problems = scene.until("1", "1", [Some(Stage::Policy), None]);
        assert!(scene.was_pending && problems.iter().any(|it| it.contains("policy.rego")), "{problems:?}");
        assert!(Arc::ptr_eq(&first, scene.compiled.as_ref().unwrap()));
        scene.was_pending = false;
        replace(&folder, "main", "3", &format!("decision := data.rules.allow\n{}", noise(3)));
        assert!(scene.until("3", "1", [None, None]).is_empty());
        assert!(scene.was_pending);
    }

    #[test]
    fn one_that_does_not_pass_holds_up_no_other() {
        let mut scene = Scene::new();
        let Outcome { compiled, problems } =
            scene.compiler.bundles(&scene.subscriptions, &scene.options, &scene.feeds, None);
        assert!(compiled.is_none() && problems.len() == 2, "{problems:?}");
        let folder = scene.folder.path().to_owned();
        replace(&folder, "main", "1", "decision := data.rules.allow");
        let end = std::time::Instant::now() + Duration::from_secs(20);
        let problems = loop {
            let problems = scene.until("", "", [None, Some(Stage::Download)]);
            // The other one may be missed before the first has come.
            if problems.len() == 1 || std::time::Instant::now() >= end {
                break problems;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        };
        assert!(problems.len() == 1 && problems[0].contains("cannot read"), "not before all are there: {problems:?}");

        replace(&folder, "rules", "1", "allow := true");
        assert!(scene.until("1", "1", [None, None]).is_empty());
        let first = Arc::clone(scene.compiled.as_ref().unwrap());
        replace(&folder, "main", "2", "decision := true if {");
        replace(&folder, "rules", "2", "allow := false");
        let problems = scene.until("1", "2", [Some(Stage::Policy), None]);
        assert!(problems.iter().any(|problem| problem.contains("policy.rego")), "{problems:?}");
        let second = Arc::clone(scene.compiled.as_ref().unwrap());
        assert_ne!(first.source(), second.source());
        scene.until("1", "2", [Some(Stage::Policy), None]);
        assert!(Arc::ptr_eq(&second, scene.compiled.as_ref().unwrap()), "and is not tried again");

        replace(&folder, "main", "3", "decision := data.rules.allow\n\nx := 1");
        assert!(scene.until("3", "2", [None, None]).is_empty());
    }
}
