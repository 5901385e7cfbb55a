//! Decides, when documents are loaded, whether each has the signatures that it needs.

use std::sync::Arc;

use super::{AllowedSigners, key::PublicKey, same_person};
use crate::{
    clock::Timestamp,
    grant::{Activation, Approval, Grant, Kind, Signature},
    yaml::quote,
};

/// Which documents have to be signed, and by whom.
#[derive(Clone, Debug, Default)]
pub struct Approvals {
    /// Whether everything that can widen has to be signed (`grants.approvals: required`).
    pub required: bool,
    /// Whose signatures count (`grants.allowed_signers`).
    pub signers: Option<Arc<AllowedSigners>>,
}

/// What a document's signatures are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether they are the ones that it needs.
    pub approval: Approval,
    /// What is wrong with those that count for nothing, and what keeps all of them from counting.
    pub problems: Vec<String>,
    /// Whose signatures count, each person once.
    pub signed_by: Vec<String>,
    /// Whose it still needs; there if and only if they are not sufficient.
    pub lacks: Option<String>,
}

impl Verdict {
    /// Whether somebody who may has signed it, needed or not: what a break-glass grant leans on has to be.
    pub fn is_signed(&self) -> bool {
        !self.signed_by.is_empty()
    }
}

impl Approvals {
    /// What the signatures of a grant are worth, if `canonical` is what they are for: one has to be its approver's, and made with a key that
    /// its requester cannot have.
    pub fn grant(&self, grant: &Grant, canonical: &[u8], now: Timestamp) -> Verdict {
        let (kind, requester, signatures) = (grant.kind(), grant.requested_by(), grant.signatures());
        self.approved(&Below { kind, requester, signatures, canonical, now }, grant.approver())
    }

    /// What the signatures of an activation of `grant` are worth: a break-glass grant is opened by two people with two keys, neither of them
    /// the requester; an eligible one, where everything is signed, by its requester.
    pub fn activation(&self, activation: &Activation, grant: &Grant, canonical: &[u8], now: Timestamp) -> Verdict {
        let (kind, requester, signatures) = (grant.kind(), &activation.requested_by, &activation.signatures);
        self.opened(&Below { kind, requester, signatures, canonical, now })
    }

    /// What the signatures of a document are worth that any allowed signer can sign. What a break-glass grant leans on has to be signed even
    /// where nothing is lacking here: see [`Verdict::is_signed`].
    pub fn anyone(&self, signatures: &[Signature], canonical: &[u8], now: Timestamp) -> Verdict {
        let seen = self.look(self.required, signatures, canonical, now);
        let has = !seen.valid.is_empty();
        seen.judge(!self.required || has, || "the signature of an allowed signer".to_owned())
    }

    fn approved(&self, below: &Below<'_>, approver: &str) -> Verdict {
        let needed = self.required || below.kind == Kind::BreakGlass;
        let mut seen = self.look(needed, below.signatures, below.canonical, below.now);
        seen.leave_out(below.requester, self.signers.as_deref());
        let has = seen.valid.iter().any(|valid| is_named(valid.by, approver));
        seen.judge(!needed || has, || format!("the signature of its approver {}", quote(approver)))
    }

    fn opened(&self, below: &Below<'_>) -> Verdict {
        let Below { kind, requester, signatures, canonical, now } = *below;
        match kind {
            Kind::BreakGlass => {
                let mut seen = self.look(true, signatures, canonical, now);
                seen.leave_out(requester, self.signers.as_deref());
                let missing = if seen.valid.is_empty() {
                    "the signatures of two people"
                } else {
                    "the signature of another person"
                };
                let needs = || format!("{missing}, with a key of their own, who did not request it");
                let has = seen.has_two(self.signers.as_deref());
                seen.judge(has, needs)
            }
            Kind::Eligible => {
                let seen = self.look(self.required, signatures, canonical, now);
                let has = seen.valid.iter().any(|valid| is_named(valid.by, requester));
                seen.judge(!self.required || has, || format!("the signature of its requester {}", quote(requester)))
            }
            Kind::Standing | Kind::Jit | Kind::Exception => Seen::default().judge(false, || {
                format!("a grant that it could open: one of type `{}` is open by itself", kind.as_str())
            }),
        }
    }

    /// Why a grant cannot be loaded at all: a break-glass grant has to be signed, and there is nobody who may.
    pub fn refusal(&self, grant: &Grant) -> Option<&'static str> {
        (grant.kind() == Kind::BreakGlass && self.signers.is_none()).then_some(
            "a grant of type `break_glass` has to be signed, and nobody may sign: name a file with `grants.allowed_signers`",
        )
    }

    fn look<'a>(&'a self, needed: bool, signatures: &'a [Signature], canonical: &[u8], now: Timestamp) -> Seen<'a> {
        let mut seen = Seen::default();
        let Some(signers) = &self.signers else {
            if needed {
                seen.problems.push(NOBODY.to_owned());
            }
            return seen;
        };
        if signatures.len() > MAX_SIGNATURES {
            seen.problems
                .push(format!("there are more than {MAX_SIGNATURES} signatures, so none counts: leave some out"));
            return seen;
        }
        for signature in signatures {
            match signers.verified(signature, canonical, now) {
                Ok(key) => seen.valid.push(Valid { by: &signature.by, key }),
                Err(error) => {
                    seen.problems.push(format!("the signature of {} does not count: {error}", quote(&signature.by)));
                }
            }
        }
        seen
    }
}

/// Signatures below a document, and what decides whose have to be there.
#[derive(Clone, Copy, Debug)]
struct Below<'a> {
    /// Of the grant, or of the one that is opened.
    kind: Kind,
    requester: &'a str,
    signatures: &'a [Signature],
    canonical: &'a [u8],
    now: Timestamp,
}

/// A signature that was verified.
#[derive(Clone, Copy, Debug)]
struct Valid<'a> {
    by: &'a str,
    key: &'a PublicKey,
}

/// The signatures of one document, looked at.
#[derive(Debug, Default)]
struct Seen<'a> {
    valid: Vec<Valid<'a>>,
    problems: Vec<String>,
}

impl Seen<'_> {
    /// Leaves out what the requester has signed, or could have: nobody approves what they ask for.
    fn leave_out(&mut self, requester: &str, signers: Option<&AllowedSigners>) {
        let problems = &mut self.problems;
        self.valid.retain(|valid| {
            let why = if same_person(valid.by, requester) {
                "is the requester: somebody else has to approve"
            } else if signers.is_none_or(|signers| signers.may_hold(requester, valid.key)) {
                "signed with a key that could be the requester's too: list each person's keys on lines of their own"
            } else {
                return true;
            };
            problems.push(format!("the signature of {} does not count: {} {why}", quote(valid.by), quote(valid.by)));
            false
        });
    }

    /// Whether two of them must be of two people: neither could have made both.
    fn has_two(&self, signers: Option<&AllowedSigners>) -> bool {
        let are_two = |one: &Valid<'_>, other: &Valid<'_>| {
            !same_person(one.by, other.by) && signers.is_some_and(|signers| !signers.may_share(one.key, other.key))
        };
        self.valid.iter().any(|one| self.valid.iter().any(|other| are_two(one, other)))
    }

    fn judge(self, sufficient: bool, needs: impl FnOnce() -> String) -> Verdict {
        let mut signed_by: Vec<String> = Vec::new();
        for valid in &self.valid {
            if !signed_by.iter().any(|person| same_person(person, valid.by)) {
                signed_by.push(valid.by.to_owned());
            }
        }
        Verdict {
            approval: if sufficient { Approval::Sufficient } else { Approval::Lacking },
            problems: self.problems,
            signed_by,
            lacks: (!sufficient).then(needs),
        }
    }
}

/// Whether a signer is the one whom a document names. Letter case aside they are spelled alike: what makes two names one person when that is
/// to be refused is not enough to let one sign for the other.
fn is_named(by: &str, name: &str) -> bool {
    by.eq_ignore_ascii_case(name)
}

const NOBODY: &str = "it has to be signed, and nobody may sign: name a file with `grants.allowed_signers`";
/// Each costs a verification.
const MAX_SIGNATURES: usize = 16;

#[cfg(test)]
mod tests;
