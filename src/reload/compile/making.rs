//! A large policy of bundles is made in a thread of its own, as one of a directory is: no withdrawal waits for it.

use std::sync::{Arc, mpsc};

use rustix::process::nice;

use super::{
    Compiled, Compiler, Wanted,
    aside::{STACK, YIELDING},
};
use crate::{
    pause,
    policy::{Policy, Source},
    yaml::{Problem, Problems},
};

/// A policy on its way.
#[derive(Debug)]
pub(super) struct Making {
    wanted: Wanted,
    made: mpsc::Receiver<Made>,
}

/// The policy, and the revision of what it is made of.
type Made = Result<(Policy, String), Problems>;

impl Compiler {
    /// What is wanted, as [`wanted`](Compiler::wanted) gives it; `None`: it is on its way.
    pub(super) fn wanted_aside(
        &mut self,
        wanted: Wanted,
        current: &Arc<Compiled>,
        source: impl FnOnce() -> Result<Source, Problems> + Send + 'static,
    ) -> Option<Result<Arc<Compiled>, Problems>> {
        if current.wanted == wanted {
            return Some(Ok(Arc::clone(current)));
        }
        if let Some(problems) = self.refusal(&wanted) {
            return Some(Err(problems));
        }
        let Some(making) = &self.making else {
            self.making = Some(begin(wanted, source));
            return None;
        };
        let made = match making.made.try_recv() {
            Err(mpsc::TryRecvError::Empty) => return None,
            Err(mpsc::TryRecvError::Disconnected) => Err(Problem::of_file("policy", LOST).into()),
            Ok(made) => made,
        };
        let is_wanted = making.wanted == wanted;
        self.making = None;
        if !is_wanted {
            self.making = Some(begin(wanted, source));
            return None;
        }
        Some(match made {
            Ok((policy, revision)) => Ok(Arc::new(Compiled { policy: Arc::new(policy), wanted, revision })),
            Err(problems) => {
                self.refuse(wanted, problems.clone());
                Err(problems)
            }
        })
    }
}

fn begin(wanted: Wanted, source: impl FnOnce() -> Result<Source, Problems> + Send + 'static) -> Making {
    let (sender, made) = mpsc::channel();
    let options = wanted.options.clone();
    let thread = std::thread::Builder::new().name("policy".to_owned()).stack_size(STACK).spawn(move || {
        // Without it the policy is there no later.
        let _ = nice(YIELDING);
        let _making = pause::while_making();
        pause::begin();
        let policy = source().and_then(|source| {
            let revision = source.revision().to_owned();
            Policy::compile(&source, &options).map(|policy| (policy, revision))
        });
        // Nobody waits any more if the process ends.
        let _ = sender.send(policy);
    });
    if thread.is_err() {
        tracing::error!("There is no thread to compile the policy in");
    }
    Making { wanted, made }
}

const LOST: &str = "policy.source: compiling it failed";
