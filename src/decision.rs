//! A decision: the verdict, and everything that was proved and found on the way to it.

mod denial;
mod id;
mod laps;
mod mode;
mod reason;

use std::sync::Arc;

pub use self::{
    denial::{Denial, Fault},
    id::{DecisionId, DecisionIds},
    laps::{Laps, Stage},
    mode::{Layer, Mode, Modes},
    reason::{Reason, Status},
};
use crate::{
    audience::Audience,
    clock::Timestamp,
    delegation::{self, Actor, Holding},
    grant::ActiveGrant,
    hop::Outline,
    inventory::Workload,
    peer::ProvedPeer,
    policy::{Document, Permit, PolicyError, answer::DryRun},
    purpose::{ClaimedPurpose, StatedPurpose},
    replay::OneTime,
    resource::Resource,
    token::{MAX_LEEWAY, VerifiedToken},
};

/// What became of one proof.
#[derive(Clone, Debug)]
pub enum Proof<T> {
    /// It holds.
    Proved(T),
    /// It does not.
    Failed(Denial),
    /// Nothing was to be proved, or could be, because what it rests on failed.
    Skipped,
}

impl<T> Proof<T> {
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

impl<T, E: Into<Denial>> From<Result<Option<T>, E>> for Proof<T> {
    fn from(result: Result<Option<T>, E>) -> Self {
        match result {
            Ok(Some(proof)) => Self::Proved(proof),
            Ok(None) => Self::Skipped,
            Err(error) => Self::Failed(error.into()),
        }
    }
}

/// What became of each kind of token; one that is not there is skipped.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Speaks for a workload.
    pub jwt_svid: Proof<Arc<VerifiedToken>>,
    /// Speaks for the subject of a transaction.
    pub transaction: Proof<Arc<VerifiedToken>>,
    /// Speaks for a person.
    pub oidc: Proof<Arc<VerifiedToken>>,
}

impl Tokens {
    /// Those that hold.
    pub fn verified(&self) -> delegation::Tokens<'_> {
        delegation::Tokens {
            jwt_svid: self.jwt_svid.ok().map(Arc::as_ref),
            transaction: self.transaction.ok().map(Arc::as_ref),
            oidc: self.oidc.ok().map(Arc::as_ref),
        }
    }

    /// In the order in which they are verified.
    pub fn in_order(&self) -> [&Proof<Arc<VerifiedToken>>; 3] {
        [&self.jwt_svid, &self.transaction, &self.oidc]
    }
}

/// What the proof layer established: needs credentials and trust, no documents.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Who is calling.
    pub peer: Proof<ProvedPeer>,
    /// What speaks for a subject.
    pub tokens: Tokens,
    /// Who acts, and for whom.
    pub actor: Proof<Actor>,
    /// That the peer may present its tokens, as far as that can be known without grants.
    pub holding: Proof<Holding>,
    /// That the hop is meant for this workload.
    pub audience: Proof<Audience>,
    /// What is said of the hop's purpose.
    pub purpose: Proof<ClaimedPurpose>,
}

impl Evidence {
    /// Nothing was asked for.
    pub const fn skipped() -> Self {
        let tokens = Tokens { jwt_svid: Proof::Skipped, transaction: Proof::Skipped, oidc: Proof::Skipped };
        Self {
            peer: Proof::Skipped,
            tokens,
            actor: Proof::Skipped,
            holding: Proof::Skipped,
            audience: Proof::Skipped,
            purpose: Proof::Skipped,
        }
    }
}

/// What was found while judging: needs documents, no credentials.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// What is known of the peer.
    pub workload: Option<Arc<Workload>>,
    /// What the hop touches.
    pub resource: Option<Arc<Resource>>,
    /// The purpose, in the vocabulary.
    pub purpose: Option<StatedPurpose>,
    /// What covers the hop.
    pub grant: Option<ActiveGrant>,
    /// What the policy was asked.
    pub input: Option<Document>,
    /// What a layer that only watches would have denied for.
    pub observed: Vec<Denial>,
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
    /// Whether anybody may make the hop: nothing was asked of its caller.
    pub public: bool,
    /// How far each layer acted.
    pub modes: Modes,
    /// What it was decided by; absent if nothing was loaded.
    pub revisions: Option<Arc<Revisions>>,
}

impl Decision {
    /// A denial before anything was proved.
    pub fn denied(now: Timestamp, outline: Outline, denial: impl Into<Denial>) -> Self {
        let verdict = Err(denial.into());
        let (findings, modes) = (Findings::default(), Modes::default());
        Self { now, verdict, outline, evidence: None, findings, public: false, modes, revisions: None }
    }

    /// Everything that speaks against the hop, whether it denies or is only watched; what denies comes first.
    pub fn denials(&self) -> impl Iterator<Item = &Denial> {
        self.verdict.as_ref().err().into_iter().chain(&self.findings.observed)
    }

    /// Why the hop is denied, or would be if every layer were enforced.
    pub fn denial(&self) -> Option<&Denial> {
        self.denials().next()
    }

    /// The reason of that.
    pub fn reason(&self) -> Option<Reason> {
        self.denial().map(Denial::reason)
    }

    /// Whether Envoy is told that the hop may happen.
    pub const fn is_permit(&self) -> bool {
        self.verdict.is_ok()
    }

    /// The permit, if it is one for an emergency: it leaves after its record is on disk, and not unheard.
    pub fn break_glass(&self) -> Option<&Permit> {
        self.verdict.as_ref().ok().filter(|permit| permit.is_break_glass())
    }

    /// Whether the hop may happen with every layer enforced.
    pub fn is_allowed(&self) -> bool {
        self.denial().is_none()
    }

    /// The one-time tokens that a permit rests on. It spends them only if it [is allowed](Self::is_allowed) with every layer enforced.
    pub fn one_time(&self) -> Vec<OneTime> {
        let Some(evidence) = self.evidence.as_ref().filter(|_| self.is_permit()) else { return Vec::new() };
        let one_time = |token: &VerifiedToken| {
            token.one_time().map(|key| OneTime {
                key: *key.as_bytes(),
                issued: token.issued(),
                // A claim outlives whatever leeway is configured before it ends.
                expires: token.expires().after(MAX_LEEWAY),
            })
        };
        evidence.tokens.verified().all().filter_map(one_time).collect()
    }

    /// The proved peer, whatever the verdict.
    pub fn peer(&self) -> Option<&ProvedPeer> {
        self.evidence.as_ref().and_then(|evidence| evidence.peer.ok())
    }

    /// The same decision, of a hop whose one-time token was spent before: a denial, where proof is enforced.
    #[must_use]
    pub fn replayed(mut self) -> Self {
        if self.modes.proof == Mode::Observe {
            self.findings.observed.push(Fault::Replayed.into());
            return self;
        }
        self.overruled(Fault::Replayed)
    }

    /// The same decision where policies run dry: a policy's no is written down and let through, and nothing else is.
    #[must_use]
    pub fn dry_run(mut self, dry_run: DryRun) -> Self {
        match self.verdict {
            Err(Denial::Policy(error @ PolicyError::Denied(_))) => {
                self.findings.observed.push(error.into());
                self.verdict = Ok(Permit::dry_run(dry_run));
            }
            verdict => self.verdict = verdict,
        }
        self
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
