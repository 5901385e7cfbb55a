//! How each bundle stands, in words that carry no secret: its newest failure is told until it is over, and told once.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::clock::Timestamp;

/// How one bundle stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub origin: String,
    /// The revision that its manifest gives, of what is served.
    pub revision: Option<String>,
    /// The SHA-256 of what is served; absent, if nothing was ever.
    pub digest: Option<String>,
    /// Whether what is served was kept from an earlier run, and its source has not stood by it since.
    pub from_state: bool,
    /// When its source last said what is, or that it still is.
    #[serde(serialize_with = "time")]
    pub heard: Option<Timestamp>,
    /// When another one last came.
    #[serde(serialize_with = "time")]
    pub downloaded: Option<Timestamp>,
    /// When another one last passed.
    #[serde(serialize_with = "time")]
    pub activated: Option<Timestamp>,
    /// When something last failed.
    #[serde(serialize_with = "time")]
    pub failed: Option<Timestamp>,
    /// What is wrong now.
    pub failure: Option<Failure>,
    /// How often what happened.
    pub counts: Counts,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Where.
    pub stage: Stage,
    /// What.
    pub message: String,
}

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Another one passed.
    pub activated: u64,
    /// Its source was not heard.
    pub download: u64,
    /// What came is no bundle, or not signed as it must be.
    pub archive: u64,
    /// What came is older than what was there.
    pub rollback: u64,
    /// What came makes no policy.
    pub policy: u64,
    /// What came holds no documents.
    pub documents: u64,
}

/// Where a bundle can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Its source was not heard.
    Download,
    /// What came is no bundle, or not signed as it must be.
    Archive,
    /// What came is older than what was there.
    Rollback,
    /// What came makes no policy.
    Policy,
    /// What came holds no documents.
    Documents,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 5] = [Self::Download, Self::Archive, Self::Rollback, Self::Policy, Self::Documents];

    /// The name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Archive => "archive",
            Self::Rollback => "rollback",
            Self::Policy => "policy",
            Self::Documents => "documents",
        }
    }
}

impl Counts {
    /// How often it failed there.
    pub const fn failed(&self, stage: Stage) -> u64 {
        match stage {
            Stage::Download => self.download,
            Stage::Archive => self.archive,
            Stage::Rollback => self.rollback,
            Stage::Policy => self.policy,
            Stage::Documents => self.documents,
        }
    }

    pub(super) const fn count(&mut self, stage: Stage) {
        let counter = match stage {
            Stage::Download => &mut self.download,
            Stage::Archive => &mut self.archive,
            Stage::Rollback => &mut self.rollback,
            Stage::Policy => &mut self.policy,
            Stage::Documents => &mut self.documents,
        };
        *counter = counter.saturating_add(1);
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

fn time<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}
