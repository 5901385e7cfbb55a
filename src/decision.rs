//! A decision: the verdict, and everything that was proved and found on the way to it.

mod denial;
mod id;
mod reason;

use std::sync::Arc;

pub use self::{
    denial::{Denial, Fault},
    id::{DecisionId, DecisionIds},
    reason::{Reason, Status},
};
use crate::{
    audience::Audience,
    clock::Timestamp,
    grant::ActiveGrant,
    hop::Outline,
    peer::ProvedPeer,
    policy::{Document, Permit},
    purpose::{ClaimedPurpose, StatedPurpose},
};

/// What became of one proof.
#[derive(Clone, Debug)]
pub enum Proof<T> {
    /// It holds.
    Proved(T),
    /// It does not.
    Failed(Denial),
    /// Nothing could be proved, because what it rests on failed.
    Skipped,
}

impl<T> Proof<T> {
    /// The proof, if it holds.
    ///
    /// # Errors
    /// The denial with which it failed. A proof that was skipped proves nothing.
    pub fn proved(&self) -> Result<&T, Denial> {
        match self {
            Self::Proved(proof) => Ok(proof),
            Self::Failed(denial) => Err(denial.clone()),
            Self::Skipped => Err(Fault::Internal.into()),
        }
    }

    /// The proof, if it holds.
    pub fn ok(&self) -> Option<&T> {
        match self {
            Self::Proved(proof) => Some(proof),
            Self::Failed(_) | Self::Skipped => None,
        }
    }
}

impl<T, E: Into<Denial>> From<Result<T, E>> for Proof<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(proof) => Self::Proved(proof),
            Err(error) => Self::Failed(error.into()),
        }
    }
}

/// What the proof layer established: needs credentials and trust, no documents.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Who is calling.
    pub peer: Proof<ProvedPeer>,
    /// That the hop is meant for this workload.
    pub audience: Proof<Audience>,
    /// What the peer says the hop is for.
    pub purpose: Proof<ClaimedPurpose<'static>>,
}

/// What was found while judging: needs documents, no credentials.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The purpose, in the vocabulary.
    pub purpose: Option<StatedPurpose>,
    /// What covers the hop.
    pub grant: Option<ActiveGrant>,
    /// What the policy was asked.
    pub input: Option<Document>,
}

/// The answer to one hop, and why.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The instant that was decided for.
    pub now: Timestamp,
    /// A permit, or the first failure.
    pub verdict: Result<Permit, Denial>,
    /// What the hop was, in words that may be written down.
    pub outline: Outline,
    /// What was proved; absent if the hop never came so far.
    pub evidence: Option<Evidence>,
    /// What was found.
    pub findings: Findings,
    /// What it was decided by; absent if nothing was loaded.
    pub revisions: Option<Arc<Revisions>>,
}

impl Decision {
    /// A denial before anything was proved.
    pub fn denied(now: Timestamp, outline: Outline, denial: impl Into<Denial>) -> Self {
        let verdict = Err(denial.into());
        Self { now, verdict, outline, evidence: None, findings: Findings::default(), revisions: None }
    }

    /// The reason of the denial, if it is one.
    pub fn reason(&self) -> Option<Reason> {
        self.verdict.as_ref().err().map(Denial::reason)
    }

    /// The proved peer, whatever the verdict.
    pub fn peer(&self) -> Option<&ProvedPeer> {
        self.evidence.as_ref().and_then(|evidence| evidence.peer.ok())
    }

    /// The same decision, turned into a denial. An outcome of the world replaces a permit and never a denial.
    #[must_use]
    pub fn overruled(mut self, fault: Fault) -> Self {
        if self.verdict.is_ok() {
            self.verdict = Err(fault.into());
        }
        self
    }
}

/// What a decision was made by: a digest of each part of the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Revisions {
    /// The trust bundles.
    pub trust: String,
    /// The documents.
    pub store: String,
    /// The policy.
    pub policy: String,
    /// The configuration.
    pub config: String,
    /// All four together, in short: what `revision` means in metadata.
    pub snapshot: String,
}
