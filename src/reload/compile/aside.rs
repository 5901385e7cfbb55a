//! A large policy is read and compiled in a thread of its own that yields to all others: what else was changed, or withdrawn, does not wait
//! for it, and neither does a Check.
//!
//! Small policies are not: together with the documents beside them they take effect at once or not at all.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use rustix::process::nice;

use super::{Compiled, Wanted};
use crate::{
    pause,
    policy::{Options, Policy, Source},
    reload::fingerprint,
    yaml::{Problem, Problems},
};

/// What came, or comes, of the last policy that was made aside.
#[derive(Debug)]
pub(super) struct Aside {
    wanted: Place,
    state: State,
}

/// Where a policy is made from, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) limit: usize,
    pub(super) options: Options,
}

type Made = Result<Arc<Compiled>, Problems>;

#[derive(Debug)]
enum State {
    Pending(mpsc::Receiver<(u64, Made)>, Instant),
    /// With the fingerprint of the files that it was made of.
    Done(u64, Made),
}

impl Place {
    /// Whether it takes so long that nothing should wait for it.
    pub(super) fn is_large(&self) -> bool {
        fingerprint::size(&self.directory) > LARGE
    }
}

impl Aside {
    /// Begins to make the policy at `wanted`; what is there already is told by `known`.
    pub(super) fn begin(wanted: Place, known: Option<&Arc<Compiled>>) -> Self {
        let (sender, made) = mpsc::channel();
        let (place, known) = (wanted.clone(), known.cloned());
        let thread = std::thread::Builder::new().name("policy".to_owned()).stack_size(STACK).spawn(move || {
            // Without it the policy is there no later.
            let _ = nice(YIELDING);
            let _making = pause::while_making();
            pause::begin();
            // Nobody waits any more if another one is wanted by now.
            let _ = sender.send(make(&place, known.as_ref()));
        });
        let state = match thread {
            Ok(_) => State::Pending(made, Instant::now()),
            Err(_) => State::Done(0, refuse(&wanted.directory, "there is no thread to read it in")),
        };
        Self { wanted, state }
    }

    /// Whether it is still being made.
    pub(super) const fn is_pending(&self) -> bool {
        matches!(self.state, State::Pending(..))
    }

    /// What came of `wanted` as its files are now.
    pub(super) fn hear(&mut self, wanted: &Place) -> Heard {
        if let State::Pending(made, since) = &self.state {
            let (files, made) = match made.try_recv() {
                Ok(made) => made,
                Err(mpsc::TryRecvError::Empty) if since.elapsed() < PATIENCE => return Heard::Nothing,
                Err(mpsc::TryRecvError::Empty) => {
                    let message = format!("it takes longer than {} s to read and compile", PATIENCE.as_secs());
                    return Heard::Made(refuse(&self.wanted.directory, &message));
                }
                Err(mpsc::TryRecvError::Disconnected) => (0, refuse(&self.wanted.directory, "reading it failed")),
            };
            self.state = State::Done(files, made);
        }
        match &self.state {
            State::Done(files, made) if self.wanted == *wanted && *files == fingerprint::of([&*wanted.directory]) => {
                Heard::Made(made.clone())
            }
            State::Done(..) => Heard::Other,
            State::Pending(..) => Heard::Nothing,
        }
    }
}

/// What is heard of a policy that is made aside.
pub(super) enum Heard {
    /// It is not done.
    Nothing,
    /// It is done.
    Made(Made),
    /// What is done is not what is wanted any more.
    Other,
}

fn make(place: &Place, known: Option<&Arc<Compiled>>) -> (u64, Made) {
    let mut files = fingerprint::of([&*place.directory]);
    for _ in 0..ATTEMPTS {
        let made = Source::read(&place.directory, place.limit as u64).and_then(|source| compile(place, &source, known));
        let after = fingerprint::of([&*place.directory]);
        if files == after {
            return (files, made);
        }
        files = after;
    }
    (files, refuse(&place.directory, "its files changed each time they were read: replace them less often"))
}

fn compile(place: &Place, source: &Source, known: Option<&Arc<Compiled>>) -> Made {
    let wanted = Wanted { source: source.revision().to_owned(), options: place.options.clone() };
    if let Some(known) = known.filter(|known| known.wanted == wanted) {
        return Ok(Arc::clone(known));
    }
    let policy = Arc::new(Policy::compile(source, &place.options)?);
    Ok(Arc::new(Compiled { policy, revision: source.revision().to_owned(), wanted }))
}

fn refuse(directory: &Path, message: &str) -> Made {
    Err(Problem::of_file(&directory.display().to_string(), format!("policy.source: {message}")).into())
}

/// Bytes in all that are read and compiled in a moment.
const LARGE: u64 = 1024 * 1024;
/// What others leave, and a part of a machine that is busy all the time: a third of what a Check's thread gets.
pub(super) const YIELDING: i32 = 5;
/// How long nothing is said about it.
const PATIENCE: Duration = Duration::from_secs(60);
const ATTEMPTS: usize = 4;
/// Documents nest.
pub(super) const STACK: usize = 16 * 1024 * 1024;
