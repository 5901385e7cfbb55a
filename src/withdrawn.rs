//! Whether anything that a hop rests on was taken back: a workload that may not act any more, or whatever a `Revocation` names.
//!
//! It counts for everybody whom verified evidence names, not for the peer alone: whoever holds a token, is its subject, or acted on the way.
//! What was not proved names nobody.

use std::sync::Arc;

use spiffe::SpiffeId;

use crate::{
    clock::Timestamp,
    delegation::{Actor, Tokens},
    inventory::{Inventory, Workload, WorkloadState},
    peer::{ProvedPeer, id},
    purpose::Purpose,
    revocation::{Revocation, Revocations, Target},
};

/// Whom verified evidence names.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// Who asks.
    pub peer: Option<&'a ProvedPeer>,
    /// What speaks for a subject, whoever presents it.
    pub tokens: Tokens<'a>,
    /// Who acts, and for whom.
    pub actor: Option<&'a Actor>,
}

impl<'a> Named<'a> {
    /// Verifies that every workload that is named may act, the peer first.
    ///
    /// # Errors
    /// [`Withdrawn::Peer`] and [`Withdrawn::Workload`].
    pub fn act(self, inventory: &Inventory) -> Result<(), Withdrawn> {
        if inventory.is_empty() {
            return Ok(());
        }
        let inactive = |id: &SpiffeId| inventory.suspended(id).map(|workload| (id.clone(), Arc::clone(workload)));
        if let Some((id, workload)) = self.peer.and_then(|peer| inactive(peer.id())) {
            return Err(Withdrawn::Peer { id, workload });
        }
        match self.find_workload(inactive) {
            Some((id, workload)) => Err(Withdrawn::Workload { id, workload }),
            None => Ok(()),
        }
    }

    /// Verifies that nothing of this was revoked: no workload, certificate, subject, actor, token, transaction or key.
    ///
    /// # Errors
    /// [`Withdrawn::Revoked`].
    pub fn stand(self, revocations: &Revocations, now: Timestamp) -> Result<(), Withdrawn> {
        match self.find_revoked(revocations, now) {
            Some(revocation) => Err(Withdrawn::Revoked(Arc::clone(revocation))),
            None => Ok(()),
        }
    }

    fn find_revoked(self, revocations: &Revocations, now: Timestamp) -> Option<&Arc<Revocation>> {
        let workload = || self.find_workload(|id| revocations.workload(id, now));
        let certificate = || {
            let certificate = self.peer?.certificate()?;
            let fingerprint = || revocations.fingerprint(certificate.fingerprint(), now);
            revocations.serial(certificate.serial(), now).or_else(fingerprint)
        };
        let subject = || self.parties().find_map(|(issuer, name)| revocations.subject(issuer, name, now));
        let actor = || self.acted().find_map(|name| revocations.actor(&name, now));
        let token = || {
            self.tokens.all().find_map(|token| {
                let transaction = || token.txn().and_then(|txn| revocations.transaction(txn, now));
                let key = || revocations.key(token.kid(), now);
                token.jti().and_then(|jti| revocations.token_id(jti, now)).or_else(transaction).or_else(key)
            })
        };
        workload().or_else(certificate).or_else(subject).or_else(actor).or_else(token)
    }

    /// Looks at each workload: the peer, then of each token its holder, those who asked for it and its subject, and all who acted.
    fn find_workload<T>(self, mut look: impl FnMut(&SpiffeId) -> Option<T>) -> Option<T> {
        if let Some(found) = self.peer.and_then(|peer| look(peer.id())) {
            return Some(found);
        }
        for token in self.tokens.all() {
            let mut stated = token.spiffe_id().into_iter().chain(token.requesting_workload());
            if let Some(found) = stated.find_map(&mut look) {
                return Some(found);
            }
        }
        // Each has one spelling, so that a name which is spelled otherwise is nobody's.
        self.parties().filter_map(|(_, name)| id::parse(name).ok()).find_map(|id| look(&id))
    }

    /// Everybody who is named as a subject or an actor, and who vouches for that.
    fn parties(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let subjects = self.tokens.all().map(|token| (token.issuer(), token.subject()));
        let acted = self.actor.into_iter().flat_map(Actor::acted);
        // An actor without an issuer is named by whoever issued the token, which each of these may be.
        let vouched = acted.flat_map(move |party| {
            let own = party.issuer.as_deref();
            let tokens = self.tokens.all().map(|token| token.issuer()).filter(move |_| own.is_none());
            own.into_iter().chain(tokens).map(|issuer| (issuer, party.name.as_str()))
        });
        subjects.chain(vouched)
    }

    /// The names of all who acted on anybody's behalf.
    fn acted(self) -> impl Iterator<Item = std::borrow::Cow<'a, str>> {
        let actors = self.actor.into_iter().flat_map(Actor::acted).map(|party| party.name.as_str().into());
        let chain = self.actor.into_iter().flat_map(|actor| actor.chain().iter().skip(1)).map(|name| name.into());
        let asked = self.tokens.all().flat_map(|token| token.requesting_workload()).map(|id| id.to_string().into());
        actors.chain(chain).chain(asked)
    }
}

/// Verifies that neither a purpose nor an ancestor of it was revoked.
///
/// # Errors
/// [`Withdrawn::Revoked`].
pub fn purpose_stands(purpose: Option<&Purpose>, revocations: &Revocations, now: Timestamp) -> Result<(), Withdrawn> {
    match purpose.and_then(|purpose| revocations.purpose(purpose, now)) {
        Some(revocation) => Err(Withdrawn::Revoked(Arc::clone(revocation))),
        None => Ok(()),
    }
}

/// What was taken back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withdrawn {
    /// The peer may not act.
    #[error("the peer `{id}` is {} by Workload `{}`", state(.workload), .workload.name)]
    Peer {
        /// Who it is.
        id: SpiffeId,
        /// What says so.
        workload: Arc<Workload>,
    },
    /// Another workload that the evidence names may not act.
    #[error("`{id}`, whom the evidence names, is {} by Workload `{}`", state(.workload), .workload.name)]
    Workload {
        /// Who it is.
        id: SpiffeId,
        /// What says so.
        workload: Arc<Workload>,
    },
    /// Somebody or something that the hop rests on was revoked.
    #[error("{} is revoked by Revocation `{}`", target(.0), .0.name)]
    Revoked(Arc<Revocation>),
}

impl Withdrawn {
    /// The stable code below the reason.
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Peer { workload, .. } | Self::Workload { workload, .. } => match workload.state {
                WorkloadState::Active | WorkloadState::Suspended => "workload.suspended",
                WorkloadState::Offboarded => "workload.offboarded",
            },
            Self::Revoked(revocation) => match revocation.target {
                Target::Grant(_) => "revocation.grant",
                Target::Workload(_) => "revocation.spiffe_id",
                Target::Prefix(_) => "revocation.prefix",
                Target::TrustDomain(_) => "revocation.trust_domain",
                Target::Subject { .. } => "revocation.subject",
                Target::Serial(_) => "revocation.serial",
                Target::Fingerprint(_) => "revocation.fingerprint",
                Target::TokenId(_) => "revocation.jti",
                Target::Transaction(_) => "revocation.txn",
                Target::Key(_) => "revocation.kid",
                Target::Actor(_) => "revocation.actor",
                Target::Purpose(_) => "revocation.purpose",
            },
        }
    }
}

fn state(workload: &Workload) -> &'static str {
    match workload.state {
        WorkloadState::Active | WorkloadState::Suspended => "suspended",
        WorkloadState::Offboarded => "offboarded",
    }
}

/// What was revoked, in words without any that a token's issuer chose.
fn target(revocation: &Revocation) -> String {
    match &revocation.target {
        Target::Grant(name) => format!("the grant `{name}`"),
        Target::Workload(id) => format!("the workload `{id}`"),
        Target::Prefix(prefix) => format!("every workload below `{prefix}`"),
        Target::TrustDomain(domain) => format!("every workload of `{domain}`"),
        Target::Subject { .. } => "a subject that a token names".to_owned(),
        Target::Serial(_) | Target::Fingerprint(_) => "the peer's certificate".to_owned(),
        Target::TokenId(_) => "a token".to_owned(),
        Target::Transaction(_) => "the transaction".to_owned(),
        Target::Key(_) => "the key that signed a token".to_owned(),
        Target::Actor(_) => "an actor that a token names".to_owned(),
        Target::Purpose(purpose) => format!("the purpose `{purpose}`"),
    }
}

/// How well it is known what was taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The instant from which it has not been known for too long; absent as long as it is known.
    pub stale_at: Option<Timestamp>,
}

impl Standing {
    /// Verifies that it is known.
    ///
    /// # Errors
    /// [`Stale`], where something that was never read may take something back.
    pub fn verify(self, now: Timestamp) -> Result<(), Stale> {
        match self.stale_at {
            Some(since) if since <= now => Err(Stale(since)),
            _ => Ok(()),
        }
    }
}

/// It is not known what was taken back, since then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "since {0} it is not known what was revoked: mend the Revocation that does not load, or publish the bundle again"
)]
pub struct Stale(pub(crate) Timestamp);
