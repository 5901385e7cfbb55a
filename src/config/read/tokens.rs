//! Reads which tokens may speak for a subject, and whose keys they are held against.

use std::{collections::BTreeSet, path::Path, time::Duration};

use super::{super::section::Section, header_name};
use crate::{
    config::{KeysFrom, KeysSource, Tokens},
    feed::https::HttpsUrl,
    peer::id,
    replay::LONGEST,
    token::{JwtSvidRules, KeySource, OidcRules, Rules, TransactionIssuer, TransactionRules},
    trust::jwk::Algorithm,
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
            keys.push(KeysSource { issuer: issuer.clone(), from: from? });
            KeySource::Issuer
        }
        None => match id::parse(&issuer) {
            Ok(id) => KeySource::TrustDomain(id.trust_domain().clone()),
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
    keys.push(KeysSource { issuer: issuer.clone(), from: jwks? });
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
