//! Decides one hop: `prove`, then `judge`. This is the product; everything else serves it.
//!
//! Deciding is pure: no IO, no clock, no randomness. Everything it needs is in the [`Authorizer`], an immutable snapshot that is swapped
//! whole, so that no hop sees half of an old policy and half of a new grant.

use std::sync::Arc;

use spiffe::SpiffeId;

use crate::{
    audience::{Audience, SelfCheck},
    clock::Timestamp,
    decision::{Decision, Denial, Evidence, Findings, Proof, Revisions},
    grant::{Grants, Requested},
    hop::{Credentials, Hop, Outline, Request, Rules},
    pb::CheckRequest,
    peer::{PeerEvidence, Verifier},
    policy::{self, Permit, Policy},
    purpose::{ClaimedPurpose, Vocabulary},
    trust::Trust,
};

/// Everything that decisions are made by, at one revision.
#[derive(Debug)]
pub struct Authorizer {
    /// This workload: the audience of every inbound hop.
    pub this: SpiffeId,
    /// What a hop may look like.
    pub rules: Rules,
    /// Whether Envoy's own name is held against ours.
    pub self_check: SelfCheck,
    /// How a peer is verified.
    pub verifier: Verifier,
    /// Against which bundles.
    pub trust: Trust,
    /// The purposes there are.
    pub vocabulary: Vocabulary,
    /// What was approved.
    pub grants: Grants,
    /// What narrows it.
    pub policy: Arc<Policy>,
    /// The digests of all this.
    pub revisions: Arc<Revisions>,
}

impl Authorizer {
    /// Decides one hop.
    ///
    /// What was established before a denial stays in the decision, so that the record can say who was refused, not only that someone was.
    pub fn decide(&self, check: &CheckRequest, now: Timestamp) -> Decision {
        let decision = Decision::denied(now, Outline::of(check), crate::decision::Fault::Internal);
        let decision = Decision { revisions: Some(Arc::clone(&self.revisions)), ..decision };
        let hop = match Hop::decode(check, &self.rules) {
            Ok(hop) => hop,
            Err(error) => return Decision { verdict: Err(error.into()), ..decision },
        };
        let evidence = self.prove(&hop.credentials, now);
        let (verdict, findings) = self.judge(&hop.request, &evidence, now);
        Decision { verdict, evidence: Some(evidence), findings, ..decision }
    }

    /// Proves what the credentials can prove. Needs trust, and no documents.
    fn prove(&self, credentials: &Credentials<'_>, now: Timestamp) -> Evidence {
        let peer = Proof::from(self.verifier.verify(&speaks_for_peer(credentials), &self.trust, now));
        let audience = Proof::from(Audience::verify(&self.this, credentials.destination, self.self_check));
        let purpose = match &peer {
            // Only a proved peer can state what a hop is for.
            Proof::Proved(_) => Proof::from(ClaimedPurpose::declared(&credentials.purpose)),
            Proof::Failed(_) | Proof::Skipped => Proof::Skipped,
        };
        Evidence { peer, audience, purpose }
    }

    /// Judges what is asked for by what was proved. Needs documents, and no credentials.
    fn judge(&self, request: &Request<'_>, evidence: &Evidence, now: Timestamp) -> (Result<Permit, Denial>, Findings) {
        let mut findings = Findings::default();
        let verdict = self.walk(request, evidence, now, &mut findings);
        (verdict, findings)
    }

    fn walk(
        &self,
        request: &Request<'_>,
        evidence: &Evidence,
        now: Timestamp,
        found: &mut Findings,
    ) -> Result<Permit, Denial> {
        let peer = evidence.peer.proved()?;
        let audience = evidence.audience.proved()?;
        let purpose = found.purpose.insert(self.vocabulary.state(evidence.purpose.proved()?)?);
        let grant = found.grant.insert(self.grants.covering(peer.id(), &requested(request), purpose.purpose(), now)?);
        let input = policy::Input { request, audience, peer, purpose, grant, now };
        Ok(self.policy.evaluate(&input, &mut found.input)?)
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
    Requested {
        method: request.method,
        path: &request.target.path,
        host: &request.host,
        content_type: request.content_type,
        upgrade: request.upgrade.as_deref(),
    }
}
