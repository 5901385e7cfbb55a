//! Loads a configuration once, for tools that decide and serve nobody: from files alone, and what would come over a network is named as missing.

mod documents;

use std::sync::Arc;

pub use self::documents::{Written, read_documents};
use super::{
    assemble::{Parts, revisions, snapshot},
    indexes::Indexes,
    keys::read,
};
use crate::{
    clock::Clock,
    config::{Config, KeysFrom, KeysSource},
    decision::Mode,
    peer::SvidCache,
    policy::{Policy, Source},
    server::Snapshot,
    token::{IssuerKeys, KeySet, TokenCache},
    trust::{Trust, TrustBundle},
    yaml::{Problem, Problems},
};

/// What was loaded.
#[derive(Debug)]
pub struct Once {
    /// Decides.
    pub snapshot: Snapshot,
    /// What comes over a network, and is not there: whoever it would prove is denied.
    pub missing: Vec<String>,
}

/// Loads what `config` names, with the policy of `source`.
///
/// # Errors
/// Everything that does not load, and a name of this workload that only a Workload API would give.
pub fn once(config: &Config, source: Option<&Source>) -> Result<Once, Problems> {
    let file = config.name();
    let (mut problems, mut missing) = (Vec::new(), Vec::new());
    let nobody_asks = config.modes.proof == Mode::Skip && config.modes.ceiling == Mode::Skip;
    if config.self_id.is_none() && !nobody_asks {
        problems
            .push(Problem::of_file(&file, "self: a Workload API would give it, and none is asked here: write it down"));
    }
    let mut bundles = Vec::new();
    for source in &config.trust {
        match source.read() {
            Some(Ok(bundle)) => bundles.push(bundle),
            Some(Err(error)) => problems.push(Problem::of_file(&source.place(), error.to_string())),
            None => {
                missing.push(format!("the bundle of {}, which comes from {}", source.trust_domain, source.place()));
                bundles.push(TrustBundle::pending(source.trust_domain.clone()));
            }
        }
    }
    let issuers = issuers(config, &mut problems, &mut missing);
    let now = Clock::default().now();
    let written = read_documents(config, now).unwrap_or_else(|Problems(found)| {
        problems.extend(found);
        Written { documents: None, facts: None, missing: None }
    });
    let (documents, told) = (written.documents.map(Arc::new), written.facts.map(Arc::new));
    missing.extend(written.missing);
    problems.extend(documents.iter().flat_map(|documents| documents.problems.iter().cloned()));
    problems.extend(told.iter().flat_map(|told| told.problems.iter().cloned()));
    let options = config.policy.as_ref().map(|policy| &policy.options);
    let policy = source.zip(options).map(|(source, options)| Policy::compile(source, options)).transpose();
    let policy = match policy {
        Ok(policy) => policy.map(Arc::new),
        Err(Problems(found)) => {
            problems.extend(found);
            None
        }
    };
    let trust = match Trust::new(bundles.into_iter().map(Into::into)) {
        Ok(trust) if problems.is_empty() => trust,
        Ok(_) => return Err(Problems(problems)),
        Err(error) => {
            problems.push(Problem::of_file(&file, error.to_string()));
            return Err(Problems(problems));
        }
    };
    let revision = source.map(|source| source.revision().to_owned());
    let mut indexes = Indexes::default();
    indexes.update(
        documents.as_ref(),
        told.as_ref(),
        config.self_id.as_ref().filter(|_| config.modes.ceiling != Mode::Skip),
    );
    let parts = Parts {
        this: config.self_id.clone(),
        revisions: revisions(config, &trust, &issuers, documents.as_deref(), revision),
        trust,
        issuers,
        documents: documents.as_ref(),
        indexes,
        stale_at: None,
        policy,
        svids: Arc::new(SvidCache::default()),
        token_rules: Arc::new(config.tokens.rules.clone()),
        tokens: Arc::new(TokenCache::new(1)),
    };
    Ok(Once { snapshot: snapshot(config, parts), missing })
}

fn issuers(config: &Config, problems: &mut Vec<Problem>, missing: &mut Vec<String>) -> IssuerKeys {
    let mut issuers = Vec::new();
    for KeysSource { issuer, from } in &config.tokens.keys {
        match from {
            KeysFrom::File(path) => match read(path) {
                Ok((keys, _)) => issuers.push((issuer.clone(), KeySet { keys, stale_at: None })),
                Err(problem) => problems.push(Problem::of_file(&config.name(), problem)),
            },
            KeysFrom::Url { url, .. } => missing.push(format!("the keys of {issuer}, which come from {url}")),
        }
    }
    issuers.into_iter().collect()
}
