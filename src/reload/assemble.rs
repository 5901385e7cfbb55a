//! One snapshot of parts that are all there: the same, whether they are kept up to date or loaded once.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use spiffe::SpiffeId;

use super::indexes::Indexes;
use crate::{
    authorizer::Authorizer,
    clock::Timestamp,
    config::Config,
    decision::Revisions,
    hex,
    hop::{Escapes, Rules},
    peer::{self, SvidCache},
    policy::Policy,
    purpose::Vocabulary,
    server::Snapshot,
    store::Documents,
    token::{self, IssuerKeys, TokenCache},
    trust::Trust,
    withdrawn::Standing,
};

/// What a snapshot is made of.
pub(super) struct Parts<'a> {
    /// Who this workload is.
    pub(super) this: Option<SpiffeId>,
    pub(super) trust: Trust,
    pub(super) issuers: IssuerKeys,
    pub(super) documents: Option<&'a Arc<Documents>>,
    pub(super) indexes: Indexes,
    /// From when on what was taken back may not be known.
    pub(super) stale_at: Option<Timestamp>,
    pub(super) policy: Option<Arc<Policy>>,
    pub(super) revisions: Revisions,
    pub(super) svids: Arc<SvidCache>,
    pub(super) token_rules: Arc<token::Rules>,
    pub(super) tokens: Arc<TokenCache>,
}

/// Puts the parts together as `config` says.
pub(super) fn snapshot(config: &Config, parts: Parts<'_>) -> Snapshot {
    let Parts { this, trust, issuers, documents, indexes, stale_at, policy, revisions, svids, token_rules, tokens } =
        parts;
    let authorizer = Authorizer {
        this,
        modes: config.modes,
        rules: hop_rules(config),
        self_check: config.hop.self_check,
        verifier: peer::Verifier::new(config.peer.clone(), svids),
        tokens: token::Verifier::new(token_rules, tokens),
        issuers,
        max_depth: config.tokens.max_depth,
        trust,
        purpose_required: config.purpose_required,
        vocabulary: documents.map_or_else(Vocabulary::open, |documents| documents.vocabulary.clone()),
        inventory: indexes.inventory,
        inventory_required: config.ceiling.inventory_required,
        revocations: indexes.revocations,
        store: Standing { stale_at },
        resources: indexes.resources,
        facts: indexes.facts,
        overdue: config.ceiling.overdue,
        grants: indexes.grants,
        policy,
        revisions: Arc::new(revisions),
    };
    Snapshot { authorizer, answers: config.response }
}

/// The digest of each part, and of all.
pub(super) fn revisions(
    config: &Config,
    trust: &Trust,
    issuers: &IssuerKeys,
    documents: Option<&Documents>,
    policy: Option<String>,
) -> Revisions {
    let mut revisions = Revisions {
        trust: trust_revision(trust, issuers),
        store: documents.map(|documents| documents.revision.clone()).unwrap_or_default(),
        policy: policy.unwrap_or_default(),
        config: config.revision.clone(),
        snapshot: String::new(),
    };
    revisions.snapshot = short(
        &[&revisions.trust, &revisions.store, &revisions.policy, &revisions.config].map(String::as_str).join(" "),
    );
    revisions
}

/// How `config` wants hops read.
pub fn hop_rules(config: &Config) -> Rules {
    Rules {
        escapes: Escapes { slash: config.hop.slash, percent: config.hop.percent, semicolon: config.hop.semicolon },
        max_headers: config.limits.headers,
        purpose_header: config.purpose_header.clone(),
        keep_headers: config.hop.keep_headers.iter().cloned().collect(),
        token_headers: config.tokens.headers(),
        tcp: config.hop.tcp,
        strict: config.hop.strict,
        public: config.hop.public.clone(),
    }
}

pub(super) fn trust_revision(trust: &Trust, issuers: &IssuerKeys) -> String {
    let bundles = trust.bundles().map(|bundle| bundle.revision().as_ref());
    let keys = issuers.iter().map(|(_, keys)| keys.keys.revision().as_ref());
    let revisions: Vec<&str> = bundles.chain(keys).collect();
    hex::encode(digest(&SHA256, revisions.join(" ").as_bytes()).as_ref())
}

fn short(text: &str) -> String {
    let mut digits = hex::encode(digest(&SHA256, text.as_bytes()).as_ref());
    digits.truncate(SHORT);
    digits
}

/// The digits of a snapshot's revision.
const SHORT: usize = 16;
