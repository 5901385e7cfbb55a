//! Reads where the policy comes from, and how it is run.

use std::path::Path;

use super::{super::section::Section, bundle::bundle};
use crate::{
    config::{PolicyFrom, PolicySource},
    feed::bundle::Subscription,
    policy::{Entrypoint, Evaluator, Gate, Options, View},
    yaml::quote,
};

/// Reads the section; nothing only if no policy is asked.
pub(super) fn policy(mut section: Section<'_>, base: &Path, needed: bool) -> Option<Option<PolicySource>> {
    let from = from(&mut section, base, needed);
    let entrypoint = section.parsed("entrypoint", entrypoint);
    let timeout = section.duration("timeout");
    let evaluator = section.word("evaluator", EVALUATORS);
    let gate = section.word("gate", GATES);
    let exposed = section.texts("expose_credentials", exposed);
    let view = View { exposed: exposed?.into_iter().collect(), ..View::default() };
    let options = Options { gate: gate?, evaluator: evaluator?, view, ..Options::new(entrypoint?, timeout?) };
    Some(from?.map(|from| PolicySource { from, options }))
}

fn from(section: &mut Section<'_>, base: &Path, needed: bool) -> Option<Option<PolicyFrom>> {
    let directory = section.text("directory");
    let bundle = section.maybe("bundle").map(|mut section| {
        let allow_rollback = section.boolean("allow_rollback");
        let bundle = bundle(&mut section, NAME, base, false);
        Some(Subscription { allow_rollback: allow_rollback?, ..bundle? })
    });
    match (directory, bundle) {
        (Some(_), Some(_)) => {
            section.problem("bundle", "is a second source: a policy comes from `directory` or from `bundle`");
            None
        }
        (Some(directory), None) => Some(Some(PolicyFrom::Directory(base.join(directory)))),
        (None, Some(bundle)) => Some(Some(PolicyFrom::Bundles(vec![bundle?]))),
        (None, None) if !needed => Some(None),
        (None, None) => {
            section.require("directory");
            None
        }
    }
}

/// The name of a header whose credentials a policy is shown.
fn exposed(text: &str) -> Result<String, String> {
    if text == "*" || super::is_header(text) {
        return Ok(text.to_owned());
    }
    Err(format!("{} is not the name of a header, in lower case, nor `*`", quote(text)))
}

/// A rule below `data`, such as `data.hopguard.authz.decision`.
fn entrypoint(text: &str) -> Result<Entrypoint, String> {
    Entrypoint::parse(text)
        .map_err(|why| format!("{} {why}: write one such as `data.hopguard.authz.decision`", quote(text)))
}

/// What the one bundle is called in logs, metrics and `state`.
const NAME: &str = "policy";

const EVALUATORS: &[(&str, Evaluator)] =
    &[("auto", Evaluator::Auto), ("interpreter", Evaluator::Interpreter), ("vm", Evaluator::Vm)];
const GATES: &[(&str, Gate)] = &[("strict", Gate::Strict), ("compatible", Gate::Compatible)];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        config::Config,
        feed::bundle::{Auth, KeyText, Origin, Signing, SigningKey},
    };

    fn parse(policy: &str) -> Result<Config, Vec<String>> {
        let source = format!(
            "self: spiffe://prod.example/api\ntrust: [{{trust_domain: prod.example, pem: roots.pem}}]\n\
             store: {{directory: documents}}\npolicy: {{{policy}}}\n"
        );
        Config::parse(Path::new("/etc/hopguard.yaml"), &source).map_err(|problems| {
            problems.0.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
        })
    }

    fn bundle(keys: &str) -> Result<Subscription, Vec<String>> {
        let config = parse(&format!("bundle: {{{keys}}}"))?;
        let policy = config.policy.unwrap();
        assert!(policy.watched().is_empty());
        Ok(policy.bundles()[0].clone())
    }

    #[test]
    fn a_bundle_says_where_it_is_and_the_rest_has_defaults() {
        let subscription = bundle("url: \"https://bundles.example/p.tar.gz?a=b\"").unwrap();
        let origin = Origin::parse("https://bundles.example/p.tar.gz?a=b", false).unwrap();
        assert_eq!(subscription, Subscription::new("policy", origin));
        assert_eq!((subscription.poll.min, subscription.poll.max), (Duration::from_secs(54), Duration::from_secs(66)));
        assert_eq!((subscription.max_bytes, subscription.allow_rollback), (64 << 20, false));
        let file = bundle("file: p.tar.gz, allow_rollback: true").unwrap();
        assert_eq!(file.origin, Origin::File("/etc/p.tar.gz".into()));
        assert!(file.allow_rollback && file.signing.is_none());
    }

    #[test]
    fn everything_about_a_bundle_is_read() {
        let subscription = bundle(
            "url: \"https://bundles.example\", keys: [{id: k, algorithm: ES256, file: k.pem}, {id: h, algorithm: HS256, file: h}], \
             scope: prod, poll: 10s, long_poll: 30s, ca: ca.pem, token_file: token, max_bytes: 1MiB",
        )
        .unwrap();
        let key = |id: &str, algorithm: &str, file: &str| SigningKey {
            id: id.to_owned(),
            algorithm: algorithm.to_owned(),
            scope: None,
            text: KeyText::File(file.into()),
        };
        let signing = Signing::Keys {
            keys: vec![key("k", "ES256", "/etc/k.pem"), key("h", "HS256", "/etc/h")],
            key_id: None,
            scope: Some("prod".to_owned()),
            dangerous_exclude: Vec::new(),
        };
        assert_eq!(subscription.signing, Some(signing));
        assert_eq!(subscription.long_poll, Some(Duration::from_secs(30)));
        assert_eq!(subscription.ca, Some("/etc/ca.pem".into()));
        assert_eq!(subscription.auth, Some(Auth::BearerFile("/etc/token".into())));
        assert_eq!(subscription.max_bytes, 1 << 20);
        let client = bundle("url: \"https://bundles.example\", client: {certificate: c.pem, key: k.pem}").unwrap();
        let shown = Auth::ClientTls { certificate: "/etc/c.pem".into(), key: "/etc/k.pem".into() };
        assert_eq!(client.auth, Some(shown));
    }

    #[test]
    fn a_policy_has_one_source() {
        assert_eq!(parse("{}".trim_matches(['{', '}'])).unwrap_err(), ["policy.directory: is required"]);
        assert_eq!(
            parse("directory: policy, bundle: {file: p.tar.gz}").unwrap_err(),
            ["policy.bundle: is a second source: a policy comes from `directory` or from `bundle`"]
        );
        assert!(parse("directory: policy, bundle: null").is_ok());
        assert!(parse("directory: null, bundle: {file: p.tar.gz, keys: null}").is_ok());
        assert_eq!(parse("directory: null, bundle: null").unwrap_err().len(), 1);
        assert_eq!(bundle("").unwrap_err(), ["policy.bundle: name where the bundle is: `url` or `file`"]);
        assert_eq!(
            bundle("file: p, url: \"https://bundles.example\"").unwrap_err(),
            ["policy.bundle.file: is a second source: a bundle comes from `url` or from `file`"]
        );
    }

    #[test]
    fn no_url_is_taken_that_is_not_https_with_a_plain_host() {
        for url in [
            "http://bundles.example",
            "http://localhost:8080",
            "file:///etc/passwd",
            "unix:///run/bundles.sock",
            "https://user:password@bundles.example",
            "https://bundles.example:0",
            "https://2130706433/",
            "ftp://bundles.example",
            "bundles.example",
        ] {
            let problems = bundle(&format!("url: \"{url}\"")).unwrap_err();
            assert!(problems.len() == 1 && problems[0].starts_with("policy.bundle.url: "), "{url}: {problems:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_together_is_refused() {
        let at = "url: \"https://bundles.example\"";
        for (keys, problem) in [
            (format!("{at}, scope: prod"), "policy.bundle.scope: is for `keys`: name who may sign"),
            (format!("{at}, keys: []"), "policy.bundle.keys: must not be empty: name who may sign, or leave it out"),
            (
                format!("{at}, keys: [{{id: k, algorithm: ES256, file: a}}, {{id: k, algorithm: ES256, file: b}}]"),
                "policy.bundle.keys[1].id: `k` is there twice",
            ),
            (
                format!("{at}, token_file: t, client: {{certificate: c, key: k}}"),
                "policy.bundle.client: is a second proof for the server: write `token_file` or `client`",
            ),
            ("file: p, poll: 5s".to_owned(), "policy.bundle.poll: is for `url`: leave it out"),
            ("file: p, ca: c".to_owned(), "policy.bundle.ca: is for `url`: leave it out"),
        ] {
            assert_eq!(bundle(&keys).unwrap_err(), [problem], "{keys}");
        }
        let none = bundle(&format!("{at}, keys: [{{id: k, algorithm: none, file: a}}]")).unwrap_err();
        let refused = |problem: &String| problem.starts_with("policy.bundle.keys[0].algorithm: `none` is not one of");
        assert!(none.iter().any(refused), "{none:?}");
    }
}
