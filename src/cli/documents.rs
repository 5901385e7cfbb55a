//! What the verbs for documents share: where these are, what a change of them would do, and how it is asked for and made.

pub(super) mod approving;
mod desk;
mod diff;
pub(super) mod effect;
pub(super) mod fields;
mod place;
mod proposal;
mod publish;
pub(super) mod signing;

use anyhow::Error;

pub(super) use self::{
    desk::{Desk, Found, REQUEST},
    diff::diff,
    place::{Place, Where},
    proposal::{Manner, Proposal, Telling, command, shown},
};
use super::{complain, exit::Exit};
use crate::{
    store::write::WriteError,
    yaml::{Problem, Problems},
};

/// Why a verb did nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line is wrong.
    Usage(String),
    /// It is against the rules, or too late.
    Refused(String),
    /// Something does not load, or would not.
    Problems(Problems),
    /// The world is in the way.
    World(Error),
}

impl Failure {
    /// Says why on standard error.
    pub(super) fn told(self) -> anyhow::Result<Exit> {
        match self {
            Self::Usage(why) => {
                complain(&why);
                Ok(Exit::Usage)
            }
            Self::Refused(why) => {
                complain(&why);
                Ok(Exit::Failed)
            }
            Self::Problems(Problems(problems)) => {
                problems.iter().for_each(|problem| complain(&format!("{problem:#}")));
                Ok(Exit::DoesNotLoad)
            }
            Self::World(error) => Err(error),
        }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Problems(problems)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problems(problem.into())
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::World(..) => Self::World(error.into()),
            refused => Self::Refused(refused.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::World(error.into())
    }
}
