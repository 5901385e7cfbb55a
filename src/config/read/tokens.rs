//! Reads which tokens may speak for a subject, and whose keys they are held against.

use std::{collections::BTreeSet, path::Path, time::Duration};

use spiffe::TrustDomain;

use super::{super::section::Section, header_name};
use crate::{
    config::{KeysFrom, KeysSource, Tokens},
    feed::https::HttpsUrl,
    peer::id,
    replay::LONGEST,
    token::{JwtSvidRules, KeySource, OidcRules, Rules, TransactionIssuer, TransactionRules},
    trust::{Source, jwk::Algorithm},
    yaml::quote,
};

/// Reads the section.
pub(super) fn tokens(mut section: Section<'_>, audiences: Option<Vec<String>>, base: &Path) -> Option<Tokens> {
    let leeway = section.duration("leeway");
    let max_depth = section.section("delegation").count("max_depth");
    let capacity = section.section("replay").count("capacity");
    let mut keys = Vec::new();
    let jwt_svid = section.maybe("jwt_svid").map(jwt_svid);
    let transaction = section.maybe("transaction").map(|transaction| self::transaction(transaction, base, &mut keys));
    let mut issuers = BTreeSet::new();
    let oidc = section.list("oidc", |mut item| {
        let rules = oidc(&mut item, base, &mut keys)?;
        if !issuers.insert((rules.header.clone(), rules.issuer.clone())) {
            item.problem("issuer", format!("{} is there twice", quote(&rules.issuer)));
        }
        Some(rules)
    });
    let (jwt_svid, transaction) = (
        jwt_svid.map_or(Some(None), |rules| rules.map(Some))?,
        transaction.map_or(Some(None), |rules| rules.map(Some))?,
    );
    if let Some(transaction) = &transaction
        && (jwt_svid.iter().map(|rules: &JwtSvidRules| &rules.header))
            .chain(oidc.iter().flatten().map(|rules| &rules.header))
            .any(|header| *header == transaction.header)
    {
        section.problem(
            "transaction",
            "shares its header with another kind of token: each value is given to one verifier",
        );
    }
    let rules = Rules { leeway: leeway?, audiences: audiences?, jwt_svid, transaction, oidc: oidc.unwrap_or_default() };
    Some(Tokens { rules, max_depth: max_depth?, capacity: capacity?, keys })
}

/// An issuer of transaction tokens whose keys no bundle in `trust` has, and the trust domain that would have them.
pub(super) fn stranger<'a>(rules: &'a Rules, trust: &[Source]) -> Option<(&'a str, &'a TrustDomain)> {
    let keys = rules.transaction.iter().flat_map(|rules| &rules.issuers).filter_map(|issuer| match &issuer.keys {
        KeySource::TrustDomain(trust_domain) => Some((issuer.issuer.as_str(), trust_domain)),
        KeySource::Issuer => None,
    });
    keys.into_iter().find(|(_, trust_domain)| trust.iter().all(|source| source.trust_domain != **trust_domain))
}

fn jwt_svid(mut section: Section<'_>) -> Option<JwtSvidRules> {
    let header = section.parsed("header", token_header);
    let required = section.boolean("required");
    let max_lifetime = section.duration("max_lifetime");
    let strict_audience = section.boolean("strict_audience");
    let one_time = section.boolean("one_time");
    bounded(&mut section, one_time, max_lifetime);
    Some(JwtSvidRules {
        header: header?,
        required: required?,
        max_lifetime: max_lifetime?,
        strict_audience: strict_audience?,
        one_time: one_time?,
    })
}

fn transaction(mut section: Section<'_>, base: &Path, keys: &mut Vec<KeysSource>) -> Option<TransactionRules> {
    let header = section.parsed("header", token_header);
    let audience = section.parsed("audience", id::parse_trust_domain);
    let mut names = BTreeSet::new();
    let issuers = section.list("issuers", |item| issuer(item, base, &mut names, keys));
    let required = section.boolean("required");
    let max_lifetime = section.duration("max_lifetime");
    let one_time = section.boolean("one_time");
    let compat = section.boolean("compat");
    bounded(&mut section, one_time, max_lifetime);
    Some(TransactionRules {
        header: header?,
        audience: audience?,
        issuers: issuers?,
        required: required?,
        max_lifetime: max_lifetime?,
        one_time: one_time?,
        compat: compat?,
    })
}

fn issuer(
    mut item: Section<'_>,
    base: &Path,
    names: &mut BTreeSet<String>,
    keys: &mut Vec<KeysSource>,
) -> Option<TransactionIssuer> {
    let issuer = item.text("issuer");
    let jwks = item.maybe("jwks").map(|jwks| jwks_source(jwks, base));
    let issuer = issuer?;
    if !names.insert(issuer.clone()) {
        item.problem("issuer", format!("{} is there twice", quote(&issuer)));
    }
    let from = match jwks {
        Some(from) => {
            add(keys, &mut item, &issuer, from?);
            KeySource::Issuer
        }
        None => match KeySource::bundle_of(&issuer) {
            Ok(keys) => keys,
            Err(_) => {
                item.problem("issuer", "is not a SPIFFE ID, so no trust domain has its keys: name them with `jwks`");
                return None;
            }
        },
    };
    Some(TransactionIssuer { issuer, keys: from })
}

fn oidc(section: &mut Section<'_>, base: &Path, keys: &mut Vec<KeysSource>) -> Option<OidcRules> {
    let issuer = section.parsed("issuer", |text| text.parse::<HttpsUrl>().map(|_| text.to_owned()));
    let header = section.parsed("header", token_header);
    let required = section.boolean("required");
    let max_lifetime = section.duration("max_lifetime");
    let jwks = jwks_source(section.section("jwks"), base);
    let audiences = section.texts("audiences", |text| Ok::<_, String>(text.to_owned()));
    let algorithms = section.words("algorithms");
    let one_time = section.boolean("one_time");
    if audiences.as_ref().is_some_and(Vec::is_empty) {
        section.problem("audiences", "must not be empty: name whom this issuer's tokens may be for");
    }
    if algorithms.as_ref().is_some_and(BTreeSet::is_empty) {
        section.problem("algorithms", "must not be empty: name how this issuer signs");
    }
    bounded(section, one_time, max_lifetime);
    let issuer = issuer?;
    add(keys, section, &issuer, jwks?);
    Some(OidcRules {
        issuer,
        header: header?,
        required: required?,
        max_lifetime: max_lifetime?,
        audiences: audiences?,
        algorithms: algorithms?.into_iter().filter_map(Algorithm::parse).collect(),
        one_time: one_time?,
    })
}

/// Keys are found by the name of their issuer, so whatever it issues, it has them from one source.
fn add(keys: &mut Vec<KeysSource>, section: &mut Section<'_>, issuer: &str, from: KeysFrom) {
    match keys.iter().find(|source| source.issuer == issuer) {
        None => keys.push(KeysSource { issuer: issuer.to_owned(), from }),
        Some(other) if other.from == from => {}
        Some(_) => section.problem(
            "jwks",
            format!("is a second source of the keys of {}: write the same one wherever it is named", quote(issuer)),
        ),
    }
}

/// What may be used once is remembered for as long as it lives.
fn bounded(section: &mut Section<'_>, one_time: Option<bool>, max_lifetime: Option<Duration>) {
    if one_time == Some(true) && max_lifetime.is_some_and(|longest| longest > LONGEST) {
        section.problem("max_lifetime", "must be at most 31d with `one_time`: that is how long use is remembered");
    }
}

fn jwks_source(mut section: Section<'_>, base: &Path) -> Option<KeysFrom> {
    let file = section.text("file");
    let url = section.parsed("url", str::parse::<HttpsUrl>);
    let ca = section.text("ca").map(|path| base.join(path));
    let refresh: Option<Duration> = section.duration("refresh");
    match (section.has("file"), section.has("url")) {
        (true, false) => {
            if ca.is_some() {
                section.problem("ca", "is for `url`: leave it out");
            }
            Some(KeysFrom::File(base.join(file?)))
        }
        (false, true) => Some(KeysFrom::Url { url: url?, ca, refresh: refresh? }),
        (true, true) => {
            section.problem("url", "is a second source: keys come from `file` or from `url`");
            None
        }
        (false, false) => {
            section.problem("file", "name where the keys are: `file` or `url`");
            None
        }
    }
}

/// A header's name that can carry a token.
fn token_header(text: &str) -> Result<String, String> {
    match text {
        "authorization" | "txn-token" => Ok(text.to_owned()),
        _ => header_name(text),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

    /// What is wrong with a file that has this section, without the places.
    fn problems(tokens: &str) -> Vec<String> {
        let source = format!(
            "self: spiffe://prod.example/api\ntrust: [{{trust_domain: prod.example, pem: roots.pem}}]\n\
             store: {{directory: documents}}\npolicy: {{directory: policy}}\ntokens: {{{tokens}}}\n"
        );
        let problems = Config::parse(Path::new("/etc/hopguard.yaml"), &source).err().unwrap_or_default().0;
        problems.into_iter().map(|problem| format!("{}: {}", problem.field, problem.message)).collect()
    }

    fn oidc(more: &str) -> String {
        format!("{{issuer: \"https://login.example\", audiences: [ledger], {more}}}")
    }

    #[test]
    fn an_issuer_has_one_source_of_keys() {
        let (here, there) = ("jwks: {file: a.json}", "header: x-person, jwks: {file: b.json}");
        let second =
            "is a second source of the keys of `https://login.example`: write the same one wherever it is named";
        assert_eq!(
            problems(&format!("oidc: [{}, {}]", oidc(here), oidc(there))),
            [format!("tokens.oidc[1].jwks: {second}")]
        );
        let transaction = |jwks: &str| {
            let issuers = format!("[{{issuer: \"https://login.example\", jwks: {{file: {jwks}}}}}]");
            format!("transaction: {{audience: prod.example, issuers: {issuers}}}, oidc: [{}]", oidc(here))
        };
        assert_eq!(problems(&transaction("b.json")), [format!("tokens.oidc[0].jwks: {second}")]);
        assert_eq!(problems(&transaction("a.json")), Vec::<String>::new());
        let same = format!("oidc: [{}, {}]", oidc(here), oidc("header: x-person, jwks: {file: a.json}"));
        assert_eq!(problems(&same), Vec::<String>::new());
        let twice = format!("oidc: [{}, {}]", oidc(here), oidc(here));
        assert_eq!(problems(&twice), ["tokens.oidc[1].issuer: `https://login.example` is there twice"]);
    }

    #[test]
    fn keys_come_from_a_file_or_from_a_server() {
        for (jwks, problem) in [
            ("{}", "tokens.oidc[0].jwks: name where the keys are: `file` or `url`"),
            (
                "{file: a.json, url: \"https://login.example/jwks\"}",
                "tokens.oidc[0].jwks.url: is a second source: keys come from `file` or from `url`",
            ),
            ("{file: a.json, ca: roots.pem}", "tokens.oidc[0].jwks.ca: is for `url`: leave it out"),
        ] {
            assert_eq!(problems(&format!("oidc: [{}]", oidc(&format!("jwks: {jwks}")))), [problem]);
        }
        let issuers =
            |issuer: &str| format!("transaction: {{audience: prod.example, issuers: [{{issuer: {issuer}}}]}}");
        assert_eq!(problems(&issuers("\"spiffe://prod.example/txn\"")), Vec::<String>::new());
        assert_eq!(
            problems(&issuers("\"spiffe://friend.example/txn\"")),
            [
                "tokens: `spiffe://friend.example/txn` has its keys in the bundle of `friend.example`: list that in `trust`, or name keys with `jwks`"
            ]
        );
        assert_eq!(
            problems(&issuers("\"https://txn.example\"")),
            [
                "tokens.transaction.issuers[0].issuer: is not a SPIFFE ID, so no trust domain has its keys: name them with `jwks`"
            ]
        );
    }

    #[test]
    fn a_header_holds_transaction_tokens_or_others_and_never_the_purpose() {
        let transaction = "transaction: {header: authorization, audience: prod.example, issuers: [{issuer: \"spiffe://prod.example/txn\"}]}";
        for other in ["jwt_svid: {}".to_owned(), format!("oidc: [{}]", oidc("jwks: {file: a.json}"))] {
            assert_eq!(
                problems(&format!("{transaction}, {other}")),
                [
                    "tokens.transaction: shares its header with another kind of token: each value is given to one verifier"
                ]
            );
        }
        let problems = problems("jwt_svid: {header: x-hop-purpose}");
        assert_eq!(problems, ["tokens: a token's header is that of the purpose (`purpose.header`): choose another"]);
    }

    #[test]
    fn what_may_be_used_once_lives_no_longer_than_its_use_is_remembered() {
        assert_eq!(problems("jwt_svid: {one_time: true, max_lifetime: 31d}"), Vec::<String>::new());
        assert_eq!(problems("jwt_svid: {max_lifetime: 32d}"), Vec::<String>::new());
        assert_eq!(
            problems("jwt_svid: {one_time: true, max_lifetime: 32d}"),
            ["tokens.jwt_svid.max_lifetime: must be at most 31d with `one_time`: that is how long use is remembered"]
        );
    }
}
