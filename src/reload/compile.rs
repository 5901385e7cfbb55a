//! A policy is compiled when it is another one than before, and one that was refused is not tried again.

mod aside;
mod bundles;
mod making;

use std::{collections::VecDeque, path::Path, sync::Arc};

use self::{
    aside::{Aside, Heard, Place},
    making::Making,
};
use crate::{
    bundle::Limits,
    clock::Timestamp,
    config::{Paths, PolicyFrom, PolicySource},
    feed::{Feeds, bundle::Signing},
    policy::{Loading, Options, Policy, Source},
    yaml::{Problem, Problems},
};

/// A policy, and what it was compiled from and for.
#[derive(Debug)]
pub(super) struct Compiled {
    policy: Arc<Policy>,
    wanted: Wanted,
    revision: String,
}

/// What a policy is compiled from and for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    source: String,
    options: Options,
}

/// Compiles policies, and remembers what did not compile, and why.
#[derive(Debug, Default)]
pub(super) struct Compiler {
    refused: VecDeque<(Wanted, Problems)>,
    /// A large policy, on its way or there.
    aside: Option<Aside>,
    /// A large policy of bundles, on its way.
    making: Option<Making>,
}

/// What came of compiling.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The policy that is good now, if any is.
    pub(super) compiled: Option<Arc<Compiled>>,
    /// Why it is not what it should be.
    pub(super) problems: Vec<String>,
}

impl Compiled {
    /// The policy.
    pub(super) const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// The revision of what it was compiled from.
    pub(super) fn source(&self) -> &str {
        &self.revision
    }
}

impl Compiler {
    /// The policy that is `wanted`, of `limit` bytes at most, as it is now: `current`, if it is still that one or no other is good.
    pub(super) fn compile(
        &mut self,
        wanted: &PolicySource,
        limit: usize,
        feeds: &Feeds,
        now: Timestamp,
        current: Option<&Arc<Compiled>>,
    ) -> Outcome {
        if !matches!(wanted.from, PolicyFrom::Directory(_)) {
            self.aside = None;
        }
        match &wanted.from {
            PolicyFrom::Directory(directory) => match self.place(directory, limit, &wanted.options, current) {
                Ok(compiled) => Outcome { compiled: Some(compiled), problems: Vec::new() },
                Err(problems) => Outcome { compiled: current.cloned(), problems: lines(&problems) },
            },
            PolicyFrom::Bundles(subscriptions) => self.bundles(subscriptions, &wanted.options, feeds, current),
            PolicyFrom::Paths(paths) => {
                // Read once, whatever else is read again.
                if let Some(current) =
                    current.filter(|current| !paths.watched && current.wanted.options == wanted.options)
                {
                    return Outcome { compiled: Some(Arc::clone(current)), problems: Vec::new() };
                }
                let compiled = read_paths(paths, now).and_then(|source| {
                    let wanted = Wanted { source: source.revision().to_owned(), options: wanted.options.clone() };
                    self.wanted(wanted, current, || Ok(source))
                });
                match compiled {
                    Ok(compiled) => Outcome { compiled: Some(compiled), problems: Vec::new() },
                    Err(problems) => Outcome { compiled: current.cloned(), problems: lines(&problems) },
                }
            }
        }
    }

    /// Whether a policy is being made that nothing waits for.
    pub(super) fn is_pending(&self) -> bool {
        self.making.is_some() || self.aside.as_ref().is_some_and(Aside::is_pending)
    }

    /// Whether the policy is one that nothing waits for.
    pub(super) const fn is_aside(&self) -> bool {
        self.aside.is_some()
    }

    /// The policy of a directory, or the one before while a large one is made.
    fn place(
        &mut self,
        directory: &Path,
        limit: usize,
        options: &Options,
        current: Option<&Arc<Compiled>>,
    ) -> Result<Arc<Compiled>, Problems> {
        let place = Place { directory: directory.to_owned(), limit, options: options.clone() };
        // Where there is none yet, nobody is served by not waiting.
        let Some(known) = current.filter(|_| place.is_large()) else {
            self.aside = None;
            return self.directory(directory, limit, options, current);
        };
        match self.aside.as_mut().map_or(Heard::Other, |aside| aside.hear(&place)) {
            Heard::Nothing => {}
            Heard::Made(made) => return made,
            Heard::Other => self.aside = Some(Aside::begin(place, Some(known))),
        }
        Ok(Arc::clone(known))
    }

    fn directory(
        &mut self,
        directory: &Path,
        limit: usize,
        options: &Options,
        current: Option<&Arc<Compiled>>,
    ) -> Result<Arc<Compiled>, Problems> {
        let source = Source::read(directory, limit as u64)?;
        let wanted = Wanted { source: source.revision().to_owned(), options: options.clone() };
        self.wanted(wanted, current, || Ok(source))
    }

    /// What is wanted: `current`, if it is that, or else what is made of `source`.
    fn wanted(
        &mut self,
        wanted: Wanted,
        current: Option<&Arc<Compiled>>,
        source: impl FnOnce() -> Result<Source, Problems>,
    ) -> Result<Arc<Compiled>, Problems> {
        if let Some(current) = current.filter(|compiled| compiled.wanted == wanted) {
            return Ok(Arc::clone(current));
        }
        if let Some(problems) = self.refusal(&wanted) {
            return Err(problems);
        }
        let made = source().and_then(|source| Ok((Policy::compile(&source, &wanted.options)?, source)));
        match made {
            Ok((policy, source)) => {
                let revision = source.revision().to_owned();
                Ok(Arc::new(Compiled { policy: Arc::new(policy), wanted, revision }))
            }
            Err(problems) => {
                self.refuse(wanted, problems.clone());
                Err(problems)
            }
        }
    }

    /// Why what is wanted did not compile, if it is known.
    fn refusal(&self, wanted: &Wanted) -> Option<Problems> {
        self.refused.iter().find(|(refused, _)| refused == wanted).map(|(_, problems)| problems.clone())
    }

    fn refuse(&mut self, wanted: Wanted, problems: Problems) {
        self.refused.push_back((wanted, problems));
        while self.refused.len() > MAX_REFUSED {
            self.refused.pop_front();
        }
    }
}

/// Reads what a command line of OPA names.
///
/// # Errors
/// Everything that is wrong with it, or with the keys that its bundles are held against.
pub fn read_paths(paths: &Paths, now: Timestamp) -> Result<Source, Problems> {
    let verification = paths.signing.as_ref().map(Signing::verification).transpose();
    let verification = verification.map_err(|why| Problem::of_file("--verification-key", why))?;
    let loading = Loading {
        ignore: &paths.ignore,
        as_bundles: paths.as_bundles,
        limits: &Limits::default(),
        verification: verification.as_ref(),
        now,
    };
    Source::of_paths(&paths.paths, &loading)
}

pub(super) fn lines(problems: &Problems) -> Vec<String> {
    problems.0.iter().map(ToString::to_string).collect()
}

/// The sources that are remembered because they made no policy. There are more than one only of bundles that come together.
const MAX_REFUSED: usize = 64;
