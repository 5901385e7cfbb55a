//! Who acts, and for whom: the peer, the subject that its tokens speak for, and everybody between the two.
//!
//! Tokens are bound to the peer here. A peer that holds a token, or is its outermost actor, acts; any other one relays what is not its own,
//! which only a grant that names it as a relay can allow.

mod act;
mod holder;

use spiffe::SpiffeId;

pub use self::{
    act::Party,
    holder::{Holding, NotHeld, Relaying},
};
use crate::{
    peer::ProvedPeer,
    token::{Kind, VerifiedToken},
};

/// The verified tokens of a hop, one of each kind at most.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tokens<'a> {
    /// Speaks for a workload.
    pub jwt_svid: Option<&'a VerifiedToken>,
    /// Speaks for the subject of a transaction.
    pub transaction: Option<&'a VerifiedToken>,
    /// Speaks for a person.
    pub oidc: Option<&'a VerifiedToken>,
}

impl<'a> Tokens<'a> {
    /// Those that are there, in the order in which they are verified.
    pub fn all(self) -> impl Iterator<Item = &'a VerifiedToken> {
        [self.jwt_svid, self.transaction, self.oidc].into_iter().flatten()
    }
}

/// The one who acts now, and on whose behalf: people, workloads and delegations have this one shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    kind: ActorKind,
    effective: SpiffeId,
    subject: Option<Party>,
    chain: Vec<String>,
    acted: Vec<Party>,
    relayed: Option<String>,
}

/// What an actor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// A person, through the peer that presents the person's token.
    Human,
    /// The peer itself.
    Workload,
    /// The peer, on behalf of somebody else.
    Delegated,
}

impl ActorKind {
    /// The word for it in policies and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Workload => "workload",
            Self::Delegated => "delegated",
        }
    }
}

impl Actor {
    /// Follows the tokens that `peer` presents from their subject to the peer, which is who acts now.
    ///
    /// The transaction token names the subject, else the person's token, else a JWT-SVID that is not the peer's own. `act` claims
    /// (RFC 8693 §4.1) are followed to `max_depth`.
    ///
    /// # Errors
    /// [`DelegationError`] if a chain is malformed, too deep or comes back on itself, or if two tokens speak for different subjects.
    pub fn of(peer: &ProvedPeer, tokens: Tokens<'_>, max_depth: usize) -> Result<Self, DelegationError> {
        let mut acting = Vec::new();
        for token in tokens.all() {
            acting.push((token, act::actors(token, max_depth)?));
        }
        if let (Some(transaction), Some(oidc)) = (tokens.transaction, tokens.oidc)
            && transaction.subject() != oidc.subject()
        {
            return Err(DelegationError::Subjects);
        }
        let relayed = acting.iter().find_map(|(token, actors)| holder::relayed(peer, token, actors));
        let acted = acting.iter().flat_map(|(_, actors)| actors).cloned().collect();
        let is_own = |(token, actors): &&(&VerifiedToken, Vec<Party>)| {
            token.kind() == Kind::JwtSvid && token.spiffe_id() == Some(peer.id()) && actors.is_empty()
        };
        let speaks = |kind| acting.iter().filter(|it| !is_own(it)).find(|(token, _)| token.kind() == kind);
        let named = speaks(Kind::Transaction).or_else(|| speaks(Kind::Oidc)).or_else(|| speaks(Kind::JwtSvid));
        let Some((token, actors)) = named else {
            return Ok(Self {
                kind: ActorKind::Workload,
                effective: peer.id().clone(),
                subject: None,
                chain: Vec::new(),
                acted,
                relayed,
            });
        };
        let kind = match token.kind() {
            Kind::Oidc if actors.is_empty() && relayed.is_none() => ActorKind::Human,
            _ => ActorKind::Delegated,
        };
        let subject = Party { issuer: Some(token.issuer().to_owned()), name: token.subject().to_owned() };
        let chain = chain(peer, token, actors, tokens.jwt_svid.filter(|svid| !std::ptr::eq(*svid, *token)), max_depth)?;
        Ok(Self { kind, effective: peer.id().clone(), subject: Some(subject), chain, acted, relayed })
    }

    /// What it is.
    pub const fn kind(&self) -> ActorKind {
        self.kind
    }

    /// The workload that acts now: whose rights count.
    pub const fn effective(&self) -> &SpiffeId {
        &self.effective
    }

    /// On whose behalf; absent if on nobody else's.
    pub const fn subject(&self) -> Option<&Party> {
        self.subject.as_ref()
    }

    /// From the subject to the one who acts now; empty if nothing was delegated.
    pub fn chain(&self) -> &[String] {
        &self.chain
    }

    /// Everybody whom an `act` of any token names.
    pub fn acted(&self) -> &[Party] {
        &self.acted
    }

    /// How many have acted, one after the other, on the subject's behalf.
    pub fn depth(&self) -> usize {
        self.chain.len().saturating_sub(1)
    }

    /// The holder of a token that the peer presents and does not hold.
    pub fn relayed(&self) -> Option<&str> {
        self.relayed.as_deref()
    }
}

/// The names from the subject to the peer, in the order in which they acted.
fn chain(
    peer: &ProvedPeer,
    token: &VerifiedToken,
    actors: &[Party],
    svid: Option<&VerifiedToken>,
    max_depth: usize,
) -> Result<Vec<String>, DelegationError> {
    if token.requesting_workload().len() > max_depth {
        return Err(DelegationError::TooDeep { max: max_depth });
    }
    let mut chain = vec![token.subject().to_owned()];
    let acted = actors.iter().rev().map(|party| party.name.clone());
    let requested = token.requesting_workload().iter().map(ToString::to_string);
    let held = svid.and_then(VerifiedToken::spiffe_id).map(ToString::to_string);
    for name in acted.chain(requested).chain(held).chain([peer.id().to_string()]) {
        // Who is named twice in a row has acted once.
        if chain.len() == 1 || chain.last() != Some(&name) {
            chain.push(name);
        }
    }
    Ok(chain)
}

/// Why it is not known who acts for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DelegationError {
    /// An `act` claim cannot be read.
    #[error("the token's `act` is not a chain of objects that each name one actor with `sub`")]
    Malformed,
    /// An actor occurs twice.
    #[error("the token's `act` comes back to an actor that it has named before")]
    Loop,
    /// There are more actors than are followed.
    #[error("the token names more than {max} actors, which is all that `tokens.delegation.max_depth` lets through")]
    TooDeep {
        /// The bound.
        max: usize,
    },
    /// Two tokens speak for different subjects.
    #[error("the tokens speak for different subjects")]
    Subjects,
}

impl DelegationError {
    /// The stable code below `delegation_invalid`.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Malformed => "act.malformed",
            Self::Loop => "act.loop",
            Self::TooDeep { .. } => "act.depth",
            Self::Subjects => "delegation.subject",
        }
    }
}

#[cfg(test)]
mod tests;
