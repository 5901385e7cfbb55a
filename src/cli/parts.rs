//! What a configuration names, loaded as `serve` would load it, for `hopguard check`.

use super::{check::Part, loading};
use crate::{
    clock::Clock,
    config::{Config, KeysFrom, KeysSource, PolicyFrom},
    feed::bundle::Origin,
    policy::Policy,
    reload::{Written, read_documents, read_jwks},
    token,
    trust::TrustBundle,
    yaml::{Problem, Problems},
};

/// Everything that the configuration names.
pub(super) const PARTS: [Part; 5] = [
    Part { name: "trust", load: trust },
    Part { name: "tokens", load: tokens },
    Part { name: "documents", load: documents },
    Part { name: "policy", load: policy },
    Part { name: "traces", load: traces },
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

fn tokens(config: &Config) -> Result<String, Problems> {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for KeysSource { issuer, from } in &config.tokens.keys {
        match from {
            KeysFrom::File(path) => match read_jwks(path) {
                Ok((keys, ignored)) => {
                    found.push(format!("{} keys of {issuer}", keys.len()));
                    // Issuers publish keys for other ends, too.
                    found.extend(ignored.iter().map(ToString::to_string));
                }
                Err(problem) => problems.push(Problem::of_file(&config.name(), problem)),
            },
            // Nothing of it is on this machine yet.
            KeysFrom::Url { url, .. } => found.push(format!("keys of {issuer} from {url}")),
        }
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let token::Rules { jwt_svid, transaction, oidc, .. } = &config.tokens.rules;
    let counts_once = jwt_svid.iter().any(|rules| rules.one_time)
        || transaction.iter().any(|rules| rules.one_time)
        || oidc.iter().any(|rules| rules.one_time);
    found.extend(counts_once.then(|| ONCE.to_owned()));
    Ok(if found.is_empty() { "no keys of their own".to_owned() } else { found.join(", ") })
}

fn documents(config: &Config) -> Result<String, Problems> {
    let Written { documents, facts, missing } = read_documents(config, Clock::default().now())?;
    if let Some(missing) = missing {
        return Ok(missing);
    }
    let Some(documents) = documents else { return Ok("none".to_owned()) };
    let mut problems = documents.problems;
    problems.extend(facts.into_iter().flat_map(|facts| facts.problems));
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let here = config.self_id.as_ref().map(|this| {
        let here = documents.grants.iter().filter(|grant| grant.audiences().any(|audience| audience == this)).count();
        format!(", {here} of them for this workload")
    });
    Ok(format!("{} grants{}", documents.grants.len(), here.unwrap_or_default()))
}

fn policy(config: &Config) -> Result<String, Problems> {
    let Some(policy) = &config.policy else { return Ok("none".to_owned()) };
    if let PolicyFrom::Bundles(subscriptions) = &policy.from
        && let Some(away) = subscriptions.iter().find(|it| !matches!(it.origin, Origin::File(_)))
    {
        // Nothing of it is on this machine yet.
        return Ok(format!("from {}", away.origin));
    }
    let Some(source) = loading::configured(config)? else { return Ok("none".to_owned()) };
    let compiled = Policy::compile(&source, &policy.options)?;
    Ok(format!("{} revision {}", policy.options.entrypoint, compiled.revision()))
}

fn traces(config: &Config) -> Result<String, Problems> {
    let Some(options) = &config.traces else { return Ok("none".to_owned()) };
    if let Some(roots) = options.collector.roots() {
        roots.load().map_err(|error| Problem::of_file(&config.name(), error.to_string()))?;
    }
    Ok(format!("to {}", options.collector))
}

/// Where a token may be used more than once all the same.
const ONCE: &str = "one-time tokens are spent once per sidecar: behind N replicas a token can be spent N times";

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::{
        dev::TokenIssuer,
        telemetry::trace::{Collector, Options, Sample},
        trust::jwk::{Algorithm, Ignored, Why},
    };

    fn with(folder: &Path, tokens: &str) -> Config {
        let source = format!(
            "self: spiffe://prod.example/api\ntrust: [{{trust_domain: prod.example, pem: roots.pem}}]\n\
             store: {{directory: documents}}\npolicy: {{directory: policy}}\ntokens: {{{tokens}}}\n"
        );
        Config::parse(&folder.join("hopguard.yaml"), &source).unwrap()
    }

    #[test]
    fn keys_that_cannot_be_used_are_told_before_tokens_are_refused_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let oidc = "oidc: [{issuer: \"https://login.example\", audiences: [ledger], jwks: {file: login.json}, one_time: true}]";
        let config = with(folder.path(), oidc);
        let told = |config: &Config| tokens(config).map_err(|problems| problems.0[0].message.clone());
        assert!(told(&config).unwrap_err().starts_with("cannot read `"));
        let mut jwks = TokenIssuer::with_algorithms("login", [Algorithm::ES256]).unwrap().jwks("sig");
        fs::write(folder.path().join("login.json"), jwks.to_string()).unwrap();
        assert_eq!(told(&config).unwrap(), format!("1 keys of https://login.example, {ONCE}"));
        jwks["keys"][0]["use"] = "enc".into();
        fs::write(folder.path().join("login.json"), jwks.to_string()).unwrap();
        let left_out = Ignored { position: 1, why: Why::Use };
        assert_eq!(told(&config).unwrap(), format!("0 keys of https://login.example, {left_out}, {ONCE}"));
    }

    #[test]
    fn authorities_that_cannot_be_read_are_told_before_spans_are_lost_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = with(folder.path(), "");
        assert_eq!(traces(&config).unwrap(), "none");
        let ca = folder.path().join("ca.pem");
        let mut to = |endpoint: &str, ca| {
            let collector = Collector::parse(endpoint, ca).unwrap();
            config.traces = Some(Options { collector, sample: Sample::Parent, service: "hopguard".to_owned() });
            traces(&config).map_err(|problems| problems.0[0].message.clone())
        };
        assert_eq!(to("http://127.0.0.1:4317", None).unwrap(), "to http://127.0.0.1:4317");
        assert!(to("https://collector:4317", Some(ca.clone())).unwrap_err().starts_with("cannot read `"));
        fs::write(&ca, "not a certificate").unwrap();
        assert!(to("https://collector:4317", Some(ca)).unwrap_err().starts_with("`"));
    }

    #[test]
    fn it_is_said_that_one_time_is_per_sidecar() {
        let folder = Path::new("/etc/hopguard");
        assert_eq!(tokens(&with(folder, "jwt_svid: {one_time: true}")).unwrap(), ONCE);
        assert_eq!(tokens(&with(folder, "jwt_svid: {}")).unwrap(), "no keys of their own");
    }
}
