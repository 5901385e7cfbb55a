//! A policy is compiled when it is another one than before, and one that was refused is not tried again.

use std::sync::Arc;

use crate::{
    config::PolicySource,
    policy::{Options, Policy, Source},
    yaml::Problems,
};

/// A policy, and what it was compiled from and for.
#[derive(Debug)]
pub(super) struct Compiled {
    policy: Arc<Policy>,
    wanted: Wanted,
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
    refused: Option<(Wanted, Problems)>,
}

impl Compiled {
    /// The policy.
    pub(super) const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// The revision of what it was compiled from.
    pub(super) fn source(&self) -> &str {
        &self.wanted.source
    }
}

impl Compiler {
    /// The policy that is `wanted`, of `limit` bytes at most, as it is now: `current`, if it is still that one.
    pub(super) fn compile(
        &mut self,
        wanted: &PolicySource,
        limit: usize,
        current: Option<&Arc<Compiled>>,
    ) -> Result<Arc<Compiled>, Problems> {
        let source = Source::read(&wanted.directory, limit as u64)?;
        let wanted = Wanted { source: source.revision().to_owned(), options: wanted.options.clone() };
        if let Some(current) = current.filter(|compiled| compiled.wanted == wanted) {
            return Ok(Arc::clone(current));
        }
        if let Some((refused, problems)) = &self.refused
            && *refused == wanted
        {
            return Err(problems.clone());
        }
        match Policy::compile(&source, &wanted.options) {
            Ok(policy) => Ok(Arc::new(Compiled { policy: Arc::new(policy), wanted })),
            Err(problems) => {
                self.refused = Some((wanted, problems.clone()));
                Err(problems)
            }
        }
    }
}
