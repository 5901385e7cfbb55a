//! Decides one hop: `prove`, then `judge`. This is the product; everything else serves it.
//!
//! Deciding is pure: no IO, no clock, no randomness. Everything it needs is in the [`Authorizer`], an immutable snapshot that is swapped
//! whole, so that no hop sees half of an old policy and half of a new grant.

use std::sync::Arc;

use spiffe::SpiffeId;

use crate::{
    audience::{Audience, SelfCheck},
    clock::Timestamp,
    decision::{
        Decision, Denial, Evidence, Fault, Findings, Laps, Layer, Mode, Modes, Proof, Revisions, Stage, Tokens,
    },
    delegation::{Actor, Holding, Relaying},
    fact::Facts,
    grant::{Acting, ActiveGrant, Around, Asked, Call, GrantError, Grants, Overdue, Requested},
    hop::{Credentials, Hop, HopError, Http, Line, Outline, Request, Rules},
    inventory::Inventory,
    pb::CheckRequest,
    peer::{PeerEvidence, ProvedPeer, Verifier},
    policy::{self, Permit, Policy},
    purpose::{ClaimedPurpose, PurposeError, StatedPurpose, Vocabulary},
    resource::Resources,
    revocation::Revocations,
    token::{self, IssuerKeys, Presented},
    trust::Trust,
    withdrawn::{self, Named, Standing},
};

/// Everything that decisions are made by, at one revision.
#[derive(Debug)]
pub struct Authorizer {
    /// This workload: the audience of every inbound hop. Absent only where neither proof nor ceiling asks who it is.
    pub this: Option<SpiffeId>,
    /// How far each layer acts.
    pub modes: Modes,
    /// What a hop may look like.
    pub rules: Rules,
    /// Whether Envoy's own name is held against ours.
    pub self_check: SelfCheck,
    /// How a peer is verified.
    pub verifier: Verifier,
    /// How tokens are verified.
    pub tokens: token::Verifier,
    /// By which keys of issuers that are no trust domains.
    pub issuers: IssuerKeys,
    /// How many actors a delegation may name.
    pub max_depth: usize,
    /// Against which bundles.
    pub trust: Trust,
    /// Whether a hop must say what it is for.
    pub purpose_required: bool,
    /// The purposes there are.
    pub vocabulary: Vocabulary,
    /// The workloads that are known.
    pub inventory: Inventory,
    /// Whether grants cover those only.
    pub inventory_required: bool,
    /// What was taken back: it counts whether or not grants are asked for.
    pub revocations: Revocations,
    /// How well that is known.
    pub store: Standing,
    /// What can be touched here.
    pub resources: Resources,
    /// What is so right now.
    pub facts: Facts,
    /// What becomes of grants that nobody has looked at again in time.
    pub overdue: Overdue,
    /// What was approved; absent if that is not asked for.
    pub grants: Option<Grants>,
    /// What narrows it; absent if that is not asked for.
    pub policy: Option<Arc<Policy>>,
    /// The digests of all this.
    pub revisions: Arc<Revisions>,
}

impl Authorizer {
    /// Decides one hop.
    ///
    /// What was established before a denial stays in the decision, so that the record can say who was refused, not only that someone was.
    pub fn decide(&self, check: &CheckRequest, now: Timestamp) -> Decision {
        self.decide_in_laps(check, now, &mut ())
    }

    /// Decides one hop, and tells `laps` where it is.
    pub fn decide_in_laps(&self, check: &CheckRequest, now: Timestamp, laps: &mut impl Laps) -> Decision {
        laps.enter(Stage::Hop);
        let decision = Decision::denied(now, Outline::of(check), Fault::Internal);
        let revisions = Some(Arc::clone(&self.revisions));
        let decision = Decision { revisions, modes: self.modes, ..decision };
        let hop = match Hop::decode(check, &self.rules) {
            Ok(hop) => hop,
            Err(error) => return Decision { verdict: Err(error.into()), ..decision },
        };
        if self.rules.public.admits(&hop) {
            return Decision { verdict: Ok(Permit::public()), public: true, ..decision };
        }
        let evidence = self.prove(&hop, now, laps);
        let (verdict, findings) = self.judge(&hop.request, &hop.ambiguities, &evidence, now, laps);
        Decision { verdict, evidence: Some(evidence), findings, ..decision }
    }

    /// Proves what the credentials can prove. Needs trust, and no documents.
    fn prove(&self, hop: &Hop<'_>, now: Timestamp, laps: &mut impl Laps) -> Evidence {
        let Some(this) = self.this.as_ref().filter(|_| self.modes.proof != Mode::Skip) else {
            return Evidence::skipped();
        };
        let credentials = &hop.credentials;
        laps.enter(Stage::Peer);
        let peer = Proof::from(self.verifier.verify(&speaks_for_peer(credentials), &self.trust, now));
        laps.enter(Stage::Tokens);
        let tokens = self.prove_tokens(this, credentials, now);
        laps.enter(Stage::Delegation);
        let (actor, holding) = self.bind(&peer, &tokens);
        let audience = Proof::from(Audience::verify(this, credentials.destination, self.self_check));
        laps.enter(Stage::Purpose);
        let purpose = match &peer {
            // Only a proved peer can state what a hop is for.
            Proof::Proved(_) => Proof::from(self.claim(hop, &tokens, &holding)),
            Proof::Failed(_) | Proof::Skipped => Proof::Skipped,
        };
        Evidence { peer, tokens, actor, holding, audience, purpose }
    }

    fn prove_tokens(&self, this: &SpiffeId, credentials: &Credentials<'_>, now: Timestamp) -> Tokens {
        let presented: Vec<_> =
            credentials.tokens.iter().filter_map(|(header, value)| Presented::read(header, value)).collect();
        let token::Tokens { jwt_svid, transaction, oidc } =
            self.tokens.verify(&presented, this, &self.trust, &self.issuers, now);
        Tokens { jwt_svid: jwt_svid.into(), transaction: transaction.into(), oidc: oidc.into() }
    }

    /// Binds the tokens that hold to the peer that presents them.
    fn bind(&self, peer: &Proof<ProvedPeer>, tokens: &Tokens) -> (Proof<Actor>, Proof<Holding>) {
        let Proof::Proved(peer) = peer else { return (Proof::Skipped, Proof::Skipped) };
        let verified = tokens.verified();
        let actor = match Actor::of(peer, verified, self.max_depth) {
            Ok(actor) => actor,
            Err(error) => return (Proof::Failed(error.into()), Proof::Skipped),
        };
        // A relay goes on only to where a grant can name it.
        let relaying = if self.modes.ceiling == Mode::Enforce { Relaying::ByGrant } else { Relaying::Refused };
        let holding = Holding::verify(peer, verified, &actor, relaying);
        match holding {
            Ok(holding) => (Proof::Proved(actor), Proof::Proved(holding)),
            // Whom a token speaks for that is not the peer's to present is not known.
            Err(error) => (Proof::Skipped, Proof::Failed(error.into())),
        }
    }

    /// What is said of the purpose: by a token that the peer may present, and by the peer.
    fn claim(
        &self,
        hop: &Hop<'_>,
        tokens: &Tokens,
        holding: &Proof<Holding>,
    ) -> Result<Option<ClaimedPurpose>, PurposeError> {
        let held = holding.ok().and_then(|_| tokens.transaction.ok());
        let claimed = ClaimedPurpose::of(held.map(|token| token.scope()), &hop.credentials.purpose)?;
        match (&claimed, &hop.request) {
            (None, Request::Http(_)) if self.purpose_required => Err(PurposeError::Missing),
            _ => Ok(claimed),
        }
    }

    /// Judges what is asked for by what was proved. Needs documents, and no credentials.
    fn judge(
        &self,
        request: &Request<'_>,
        ambiguities: &[HopError],
        evidence: &Evidence,
        now: Timestamp,
        laps: &mut impl Laps,
    ) -> (Result<Permit, Denial>, Findings) {
        // There are some only where they are let through.
        let observed = ambiguities.iter().map(|error| Denial::from(*error)).collect();
        let mut findings = Findings { observed, ..Findings::default() };
        let verdict = self.walk(request, evidence, now, &mut findings, laps);
        (verdict, findings)
    }

    fn walk(
        &self,
        request: &Request<'_>,
        evidence: &Evidence,
        now: Timestamp,
        found: &mut Findings,
        laps: &mut impl Laps,
    ) -> Result<Permit, Denial> {
        laps.enter(Stage::Standing);
        let peer = self.proved(&evidence.peer, found)?;
        for token in evidence.tokens.in_order() {
            self.proved(token, found)?;
        }
        let actor = self.proved(&evidence.actor, found)?;
        let holding = self.proved(&evidence.holding, found)?;
        let audience = self.proved(&evidence.audience, found)?;
        // A proof that was left out counts for nothing where proofs are enforced.
        if self.modes.proof == Mode::Enforce && (peer.is_none() || holding.is_none() || audience.is_none()) {
            return Err(Fault::Internal.into());
        }
        found.workload = peer.and_then(|peer| self.inventory.of(peer.id())).map(Arc::clone);
        let named = Named { peer, tokens: evidence.tokens.verified(), actor };
        named.act(&self.inventory)?;
        if let Some(claimed) = self.proved(&evidence.purpose, found)? {
            found.purpose =
                let_through(Layer::Proof, self.modes.proof, self.vocabulary.state(claimed), &mut found.observed)?;
        }
        named.stand(&self.revocations, now)?;
        self.purpose_stands(found, now)?;
        // Where grants are not asked for this denies nobody either, and is written down.
        let watched = if self.modes.ceiling == Mode::Enforce { Mode::Enforce } else { Mode::Observe };
        let_through(Layer::Ceiling, watched, self.store.verify(now), &mut found.observed)?;
        let requested = requested(request);
        found.resource = self.this.as_ref().and_then(|this| self.resources.touched(this, &requested)).map(Arc::clone);
        if self.modes.ceiling != Mode::Skip {
            laps.enter(Stage::Grant);
            let covering = self.covering(requested, peer.zip(actor), found, now)?;
            // What implies nothing that stands is not in the way of what does.
            let covering = covering.map(|active| match request {
                Request::Tcp(_) => active.implying(|purpose| self.revocations.purpose(purpose, now).is_none()),
                Request::Http(_) => active,
            });
            found.grant = let_through(Layer::Ceiling, self.modes.ceiling, covering, &mut found.observed)?;
        }
        if let (Request::Tcp(_), None) = (request, &found.purpose) {
            let implied = self.implied_purpose(found.grant.as_ref());
            found.purpose = let_through(Layer::Proof, self.modes.proof, implied, &mut found.observed)?.flatten();
            self.purpose_stands(found, now)?;
        }
        let input = policy::Input {
            request,
            credentials: &self.rules.token_headers,
            this: self.this.as_ref(),
            peer,
            workload: found.workload.as_deref(),
            // What the peer may not present speaks for nobody.
            tokens: holding.map(|_| evidence.tokens.verified()).unwrap_or_default(),
            actor,
            purpose: found.purpose.as_ref(),
            resource: found.resource.as_deref(),
            grant: found.grant.as_ref(),
            facts: Some(&self.facts),
            now,
        };
        if self.modes.policy == Mode::Skip {
            return Ok(Permit::unnarrowed(&input));
        }
        laps.enter(Stage::Policy);
        let policy = self.policy.as_ref().ok_or(Fault::Internal)?;
        let evaluated = policy.evaluate(&input, &mut found.input);
        let permit = let_through(Layer::Policy, self.modes.policy, evaluated, &mut found.observed)?;
        Ok(permit.unwrap_or_else(|| Permit::unnarrowed(&input)))
    }

    fn purpose_stands(&self, found: &Findings, now: Timestamp) -> Result<(), Denial> {
        let purpose = found.purpose.as_ref().map(StatedPurpose::purpose);
        Ok(withdrawn::purpose_stands(purpose, &self.revocations, now)?)
    }

    /// The grant that covers what is asked for, by whoever was proved to act, for what was found.
    fn covering(
        &self,
        requested: Requested<'_>,
        acting: Option<(&ProvedPeer, &Actor)>,
        found: &Findings,
        now: Timestamp,
    ) -> Result<Result<ActiveGrant, GrantError>, Fault> {
        // Nothing approved is not nothing asked.
        let grants = self.grants.as_ref().ok_or(Fault::Internal)?;
        let Some((peer, actor)) = acting else { return Ok(Err(GrantError::Nobody)) };
        let behalf = actor
            .subject()
            .map(|subject| (subject.issuer.as_deref().unwrap_or_default(), subject.name.as_str(), actor.depth()));
        let acting = Acting { peer: peer.id(), behalf, relayed: actor.relayed() };
        let around = Around {
            workload: found.workload.as_deref(),
            facts: &self.facts,
            revocations: &self.revocations,
            overdue: self.overdue,
            inventory_required: self.inventory_required,
        };
        Ok(grants.covering(&Asked { acting, requested, purpose: found.purpose.as_ref(), now }, &around))
    }

    /// The purpose of a connection, which cannot state one: it follows from what covers it.
    fn implied_purpose(&self, covering: Option<&ActiveGrant>) -> Result<Option<StatedPurpose>, PurposeError> {
        match covering {
            Some(active) => active.implied_purpose().map(Some),
            None if self.purpose_required && self.modes.proof != Mode::Skip => Err(PurposeError::Missing),
            None => Ok(None),
        }
    }

    /// The proof, if it holds, or if this layer only watches what does not.
    fn proved<'e, T>(&self, proof: &'e Proof<T>, found: &mut Findings) -> Result<Option<&'e T>, Denial> {
        match proof {
            Proof::Proved(proof) => Ok(Some(proof)),
            Proof::Skipped => Ok(None),
            Proof::Failed(denial) => {
                let_through(Layer::Proof, self.modes.proof, Err(denial.clone()), &mut found.observed)
            }
        }
    }
}

/// What a stage of `layer` found; nothing, if it denies for a reason of its own while the layer only watches.
fn let_through<T>(
    layer: Layer,
    mode: Mode,
    result: Result<T, impl Into<Denial>>,
    observed: &mut Vec<Denial>,
) -> Result<Option<T>, Denial> {
    match result.map_err(Into::into) {
        Ok(proof) => Ok(Some(proof)),
        Err(denial) if mode == Mode::Observe && layer.owns(denial.reason()) => {
            observed.push(denial);
            Ok(None)
        }
        Err(denial) => Err(denial),
    }
}

fn speaks_for_peer<'a>(credentials: &'a Credentials<'_>) -> PeerEvidence<'a> {
    PeerEvidence {
        certificate: credentials.certificate,
        principal: credentials.principal,
        xfcc: credentials.xfcc.as_deref(),
    }
}

fn requested<'a>(request: &'a Request<'_>) -> Requested<'a> {
    match request {
        Request::Http(http) => {
            let Http { line, content_type, upgrade, .. } = &**http;
            line.as_ref().map_or(Requested::Unclear, |Line { method, target, host }| {
                Requested::Http(Call {
                    method,
                    path: &target.path,
                    host,
                    content_type: *content_type,
                    upgrade: upgrade.as_deref(),
                })
            })
        }
        Request::Tcp(tcp) => tcp.port.map_or(Requested::Unclear, Requested::Tcp),
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
