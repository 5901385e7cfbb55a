//! Decides, when documents are loaded, whether each has the signatures that it needs.

use std::sync::Arc;

use super::AllowedSigners;
use crate::{
    clock::Timestamp,
    grant::{Activation, Approval, Grant, Kind, Signature},
};

/// Which documents have to be signed, and by whom.
#[derive(Clone, Debug, Default)]
pub struct Approvals {
    /// Whether everything that can widen has to be signed (`grants.approvals: required`).
    pub required: bool,
    /// Whose signatures count (`grants.allowed_signers`).
    pub signers: Option<Arc<AllowedSigners>>,
}

/// What is known of a document's signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether they are the ones that it needs.
    pub approval: Approval,
    /// What is wrong with those that count for nothing, and what stands in the way of any.
    pub problems: Vec<String>,
    /// Whose valid signatures it has, each principal once.
    pub signed_by: Vec<String>,
    /// Whose it still needs; there if and only if they are not sufficient.
    pub lacks: Option<String>,
}

impl Verdict {
    /// Whether anybody who may has signed it, needed or not: what a break-glass grant leans on has to be.
    pub fn is_signed(&self) -> bool {
        !self.signed_by.is_empty()
    }
}

impl Approvals {
    /// What a grant's signatures are worth: below `canonical`, at `now`.
    pub fn grant(&self, grant: &Grant, _canonical: &[u8], _now: Timestamp) -> Verdict {
        unsigned(self.required || grant.kind() == Kind::BreakGlass)
    }

    /// What the signatures of an activation of `grant` are worth.
    pub fn activation(&self, _activation: &Activation, grant: &Grant, _canonical: &[u8], _now: Timestamp) -> Verdict {
        unsigned(self.required || grant.kind() == Kind::BreakGlass)
    }

    /// What the signatures of a document are worth that anybody who may sign can sign. What a break-glass grant leans on has to be signed
    /// even where this says that nothing is lacking: see [`Verdict::is_signed`].
    pub fn anyone(&self, _signatures: &[Signature], _canonical: &[u8], _now: Timestamp) -> Verdict {
        unsigned(self.required)
    }

    /// Why a grant cannot be loaded at all: a break-glass grant without anybody who may sign.
    pub fn refusal(&self, grant: &Grant) -> Option<&'static str> {
        (grant.kind() == Kind::BreakGlass && self.signers.is_none()).then_some(NOBODY)
    }
}

fn unsigned(needed: bool) -> Verdict {
    Verdict {
        approval: if needed { Approval::Lacking } else { Approval::Sufficient },
        problems: Vec::new(),
        signed_by: Vec::new(),
        lacks: needed.then(|| "no signature counts".to_owned()),
    }
}

const NOBODY: &str =
    "a grant of type `break_glass` has to be signed, and nobody may sign: name a file with `grants.allowed_signers`";
