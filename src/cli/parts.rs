//! What a configuration names, loaded as `serve` would load it, for `hopguard check`.

use super::check::Part;
use crate::{
    config::Config,
    policy::{Policy, Source},
    store::Directory,
    trust::TrustBundle,
    yaml::{Problem, Problems},
};

/// Everything that the configuration names.
pub(super) const PARTS: [Part; 3] = [
    Part { name: "trust", load: trust },
    Part { name: "documents", load: documents },
    Part { name: "policy", load: policy },
];

fn trust(config: &Config) -> Result<String, Problems> {
    let (mut names, mut problems) = (Vec::new(), Vec::new());
    for source in &config.trust {
        let place = source.place();
        match source.read() {
            Some(Ok(bundle)) => {
                names.push(bundle.trust_domain().to_string());
                problems.extend(bundle.remarks().map(|remark| Problem::of_file(&place, remark)));
            }
            Some(Err(error)) => problems.push(Problem::of_file(&place, error.to_string())),
            // But for intermediates, nothing of it is on this machine yet.
            None => match source.complete(TrustBundle::withdrawn(source.trust_domain.clone())) {
                Ok(_) => names.push(format!("{} from {place}", source.trust_domain)),
                Err(error) => problems.push(Problem::of_file(&place, error.to_string())),
            },
        }
    }
    if problems.is_empty() { Ok(names.join(", ")) } else { Err(Problems(problems)) }
}

fn documents(config: &Config) -> Result<String, Problems> {
    let Some(directory) = &config.documents else { return Ok("none".to_owned()) };
    let documents = Directory::new(directory.clone()).read()?;
    if !documents.problems.is_empty() {
        return Err(Problems(documents.problems));
    }
    let here = config.self_id.as_ref().map(|this| {
        let here = documents.grants.iter().filter(|grant| grant.audiences().contains(this)).count();
        format!(", {here} of them for this workload")
    });
    Ok(format!("{} grants{}", documents.grants.len(), here.unwrap_or_default()))
}

fn policy(config: &Config) -> Result<String, Problems> {
    let source = Source::read(&config.policy.directory, config.limits.policy_bytes as u64)?;
    let policy = Policy::compile(&source, &config.policy.entrypoint, config.policy.timeout)?;
    Ok(format!("{} revision {}", config.policy.entrypoint, policy.revision()))
}
