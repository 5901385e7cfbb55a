//! One record: the stable JSON line from which a decision can be explained.
//!
//! Never a token, a key, a cookie or a credential header. Text that a client chose is bounded, and escaped by the encoder.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::{
    clock::Timestamp,
    decision::{Decision, DecisionId, Denial, Revisions},
    grant::{self, Activation},
    hex,
    peer::Certificate,
    policy::Permit,
};

/// A decision on its way into the log.
#[derive(Debug)]
pub struct Entry {
    /// Its name.
    pub id: DecisionId,
    /// What was decided, and why; without the policy's input, which would make the queue's size a caller's choice.
    pub decision: Decision,
    /// The digest of that input.
    input_digest: Option<[u8; 32]>,
    /// How long it took, from the first byte of the Check to here.
    pub elapsed: Duration,
    /// The workload that decided.
    pub this: String,
    /// The decision that was recorded as an allow, ahead of its answer, and was never answered so: this one was answered in its place.
    pub supersedes: Option<DecisionId>,
    /// When it was made ready.
    pub(super) ready: Instant,
}

impl Entry {
    /// Makes a decision ready for the log.
    pub fn new(id: DecisionId, mut decision: Decision, elapsed: Duration, this: String) -> Self {
        let input_digest = decision.findings.input.take().map(|input| input.digest());
        Self { id, decision, input_digest, elapsed, this, supersedes: None, ready: Instant::now() }
    }

    /// The same, in place of a decision whose record stands there already.
    #[must_use]
    pub fn superseding(self, supersedes: Option<DecisionId>) -> Self {
        Self { supersedes, ..self }
    }
}

/// The line that is written.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    schema: &'static str,
    /// Counts the records of one log, without a gap.
    pub seq: u64,
    time: String,
    decision_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    supersedes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    answered: Answer,
    allowed: bool,
    reason: Option<&'static str>,
    observed: Vec<&'static str>,
    modes: Modes,
    /// There only if the route is one that anybody may call.
    #[serde(skip_serializing_if = "is_false")]
    public: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// There only if something was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation: Option<Revocation<'a>>,
    hop: Hop<'a>,
    #[serde(rename = "self")]
    this: &'a str,
    peer: Option<Peer<'a>>,
    tokens: Vec<Token<'a>>,
    actor: Option<Actor<'a>>,
    purpose: Option<Purpose<'a>>,
    resource: Option<Resource<'a>>,
    grant: Option<Grant<'a>>,
    revisions: Option<&'a Revisions>,
    valid_until: Option<String>,
    input_digest: Option<String>,
    elapsed_us: u64,
}

/// What Envoy was told.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Allow,
    Deny,
}

#[derive(Debug, Serialize)]
struct Modes {
    proof: &'static str,
    ceiling: &'static str,
    policy: &'static str,
}

#[derive(Debug, Serialize)]
struct Hop<'a> {
    method: &'a str,
    host: &'a str,
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    request_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Peer<'a> {
    spiffe_id: String,
    assurance: &'static str,
    serial: Option<&'a str>,
    fingerprint: Option<&'a str>,
    not_after: Option<String>,
    owner: Option<&'a str>,
    roles: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Revocation<'a> {
    name: &'a str,
    reason: &'a str,
}

#[derive(Debug, Serialize)]
struct Resource<'a> {
    name: &'a str,
    owner: &'a str,
    sensitivity: &'static str,
}

#[derive(Debug, Serialize)]
struct Token<'a> {
    kind: &'static str,
    issuer: &'a str,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    sha256: String,
    expires: String,
}

#[derive(Debug, Serialize)]
struct Actor<'a> {
    r#type: &'static str,
    effective: String,
    chain: &'a [String],
}

#[derive(Debug, Serialize)]
struct Purpose<'a> {
    name: &'a str,
    binding: &'static str,
}

#[derive(Debug, Serialize)]
struct Grant<'a> {
    name: &'a str,
    r#type: &'static str,
    owner: &'a str,
    approver: &'a str,
    ticket: Option<&'a str>,
    expires: String,
    /// There only if it had to be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    activation: Option<Opened<'a>>,
    /// The facts that it is bound to; there only if it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Opened<'a> {
    name: &'a str,
    requested_by: &'a str,
    reason: &'a str,
    ticket: &'a str,
    until: String,
    signed_by: Vec<&'a str>,
}

/// Says how many records are missing at this place.
#[derive(Debug, Serialize)]
pub(super) struct Gap {
    schema: &'static str,
    seq: u64,
    time: String,
    lost: u64,
}

impl<'a> Record<'a> {
    /// The record of `entry`, as number `seq`.
    pub fn new(seq: u64, entry: &'a Entry) -> Self {
        let Entry { id, decision, input_digest, elapsed, this, supersedes, ready: _ } = entry;
        let denial = decision.denial();
        let peer = decision.peer();
        let found = &decision.findings;
        let evidence = decision.evidence.as_ref();
        let tokens = evidence.map(|evidence| evidence.tokens.verified()).unwrap_or_default();
        let actor = evidence.and_then(|evidence| evidence.actor.ok());
        Self {
            schema: SCHEMA,
            seq,
            time: decision.now.to_string(),
            decision_id: id.to_string(),
            supersedes: supersedes.map(|id| id.to_string()),
            trace_id: decision.outline.trace.as_ref().map(|trace| trace.trace.to_string()),
            answered: if decision.is_permit() { Answer::Allow } else { Answer::Deny },
            allowed: decision.is_allowed(),
            reason: denial.map(|denial| denial.reason().as_str()),
            observed: found.observed.iter().map(|denial| denial.reason().as_str()).collect(),
            modes: Modes {
                proof: decision.modes.proof.as_str(),
                ceiling: decision.modes.ceiling.as_str(),
                policy: decision.modes.policy.as_str(),
            },
            public: decision.public,
            detail: denial.and_then(|denial| denial.detail()),
            message: denial.map(ToString::to_string),
            revocation: decision
                .denials()
                .find_map(Denial::revocation)
                .map(|revocation| Revocation { name: cut(&revocation.name), reason: cut(&revocation.reason) }),
            hop: Hop {
                method: &decision.outline.method,
                host: &decision.outline.host,
                path: decision.outline.path.as_deref(),
                port: decision.outline.port,
                request_id: decision.outline.request_id.as_deref(),
            },
            this,
            peer: peer.map(|peer| Peer {
                spiffe_id: peer.id().to_string(),
                assurance: peer.assurance().as_str(),
                serial: peer.certificate().map(Certificate::serial),
                fingerprint: peer.certificate().map(Certificate::fingerprint),
                not_after: peer.certificate().map(|certificate| certificate.not_after().to_string()),
                owner: found.workload.as_ref().map(|workload| cut(&workload.owner)),
                roles: found.workload.iter().flat_map(|workload| few(&workload.roles)).collect(),
            }),
            tokens: tokens
                .all()
                .map(|token| Token {
                    kind: token.kind().as_str(),
                    issuer: token.issuer(),
                    subject: token.subject(),
                    id: token.id(),
                    sha256: hex::encode(token.sha256()),
                    expires: token.expires().to_string(),
                })
                .collect(),
            actor: actor.map(|actor| Actor {
                r#type: actor.kind().as_str(),
                effective: actor.effective().to_string(),
                chain: actor.chain(),
            }),
            purpose: found
                .purpose
                .as_ref()
                .map(|purpose| Purpose { name: purpose.purpose().as_str(), binding: purpose.binding().as_str() }),
            resource: found.resource.as_ref().map(|resource| Resource {
                name: cut(&resource.name),
                owner: cut(&resource.owner),
                sensitivity: resource.sensitivity.as_str(),
            }),
            grant: found.grant.as_ref().map(Grant::new),
            revisions: decision.revisions.as_deref(),
            valid_until: decision.verdict.as_ref().ok().and_then(Permit::valid_until).map(|end| end.to_string()),
            input_digest: input_digest.as_ref().map(|digest| hex::encode(digest)),
            elapsed_us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

impl<'a> Grant<'a> {
    fn new(active: &'a grant::ActiveGrant) -> Self {
        let grant = active.grant();
        Self {
            name: cut(grant.name()),
            r#type: grant.kind().as_str(),
            owner: cut(grant.owner()),
            approver: cut(grant.approver()),
            ticket: grant.ticket().map(cut),
            expires: grant.expires_at().to_string(),
            activation: active.activation().map(|opened| Opened::new(opened)),
            conditions: few(grant.conditions().iter().map(|condition| &condition.fact)).collect(),
        }
    }
}

impl<'a> Opened<'a> {
    fn new(activation: &'a Activation) -> Self {
        let Activation { name, requested_by, reason, ticket, until, signed_by, .. } = activation;
        Self {
            name: cut(name),
            requested_by: cut(requested_by),
            reason: cut(reason),
            ticket: cut(ticket),
            until: until.to_string(),
            signed_by: few(signed_by).collect(),
        }
    }
}

impl Gap {
    pub(super) fn new(seq: u64, time: Timestamp, lost: u64) -> Self {
        Self { schema: SCHEMA, seq, time: time.to_string(), lost }
    }
}

/// The first texts of a document's list.
fn few<'a>(texts: impl IntoIterator<Item = &'a String>) -> impl Iterator<Item = &'a str> {
    texts.into_iter().take(MOST_TEXTS).map(|text| cut(text))
}

/// The beginning of a document's text: a record stays small, whatever people write.
fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MOST_BYTES)).unwrap_or_default()
}

const MOST_TEXTS: usize = 32;
const MOST_BYTES: usize = 512;

/// The name and version of this format.
pub(crate) const SCHEMA: &str = "hopguard.dev/audit/v1alpha1";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_false(value: &bool) -> bool {
    !*value
}
