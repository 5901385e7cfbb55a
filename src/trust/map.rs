//! A SPIFFE bundle map holds at once or not at all, and names each trust domain once ([SPIFFE Trust Domain and Bundle] §5).
//!
//! [SPIFFE Trust Domain and Bundle]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Trust_Domain_and_Bundle.md

use std::collections::BTreeMap;

use serde_json::Value;
use spiffe::TrustDomain;

use super::{Document, DocumentError, document};
use crate::{
    json::{self, JsonError},
    peer::id::{InvalidId, parse_trust_domain},
};

/// Reads a bundle map. How often an inner document would be refreshed has no meaning here.
///
/// # Errors
/// A text that is not strict JSON of such a map, or in which the name or the document of any trust domain is wrong: none of it counts then.
pub fn parse(text: &[u8]) -> Result<BTreeMap<TrustDomain, Document>, MapError> {
    if text.len() > MAX_MAP {
        return Err(MapError::TooLarge);
    }
    let map = json::parse(text, MAX_DEPTH)?;
    let Some(Value::Object(entries)) = map.get("trust_domains") else { return Err(MapError::NoTrustDomains) };
    if entries.len() > MAX_TRUST_DOMAINS {
        return Err(MapError::TooMany);
    }
    let mut documents = BTreeMap::new();
    for (name, value) in entries {
        let trust_domain = parse_trust_domain(name).map_err(|why| MapError::Name { name: shown(name), why })?;
        let document = document::read(trust_domain.clone(), value)
            .map_err(|error| MapError::Document { trust_domain: trust_domain.clone(), error })?;
        documents.insert(trust_domain, document);
    }
    Ok(documents)
}

/// Why a text is not a bundle map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// It has more than 4 MiB.
    #[error("more than 4 MiB")]
    TooLarge,
    /// It is not JSON, or could be read in two ways: a trust domain that is there twice, for one.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// There is no map in it.
    #[error("there is no object `trust_domains`; to withdraw all bundles, publish an empty one")]
    NoTrustDomains,
    /// It has more trust domains than a map may have.
    #[error("more than {MAX_TRUST_DOMAINS} trust domains")]
    TooMany,
    /// A bundle has a name that is not a trust domain's.
    #[error("`{name}` in `trust_domains` is not the name of a trust domain: {why}")]
    Name {
        /// The name, escaped and cut.
        name: String,
        /// What is wrong with it.
        why: InvalidId,
    },
    /// The document of a trust domain is broken.
    #[error("`{trust_domain}`: {error}")]
    Document {
        /// The trust domain.
        trust_domain: TrustDomain,
        /// What is wrong.
        error: DocumentError,
    },
}

/// As much of `name` as a message may say.
fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_debug).collect()
}

pub(super) const MAX_MAP: usize = 4 * 1024 * 1024;
const MAX_TRUST_DOMAINS: usize = 200;
/// Two levels more than a document.
const MAX_DEPTH: usize = 18;

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde_json::json;

    use super::*;
    use crate::{
        clock::Timestamp,
        peer::fixture::{Authority, NOW},
        trust::jwk::JwkError,
    };

    fn document() -> Value {
        json!({"keys": [{"use": "x509-svid", "kty": "EC", "x5c": [STANDARD.encode(Authority::root("root").der())]}]})
    }

    fn parsed(map: &Value) -> Result<BTreeMap<TrustDomain, Document>, MapError> {
        parse(map.to_string().as_bytes())
    }

    #[test]
    fn gives_each_trust_domain_its_own() {
        let mut hinted = document();
        hinted["spiffe_refresh_hint"] = json!(1);
        let map = parsed(&json!({"trust_domains": {"a.test": hinted, "b.test": {"keys": []}}, "else": 1})).unwrap();
        let usable: Vec<_> = map
            .iter()
            .map(|(td, document)| (td.to_string(), document.bundle.is_usable(Timestamp::from_seconds(NOW))))
            .collect();
        assert_eq!(usable, [("a.test".to_owned(), true), ("b.test".to_owned(), false)]);
        assert!(map.iter().all(|(td, document)| td == document.bundle.trust_domain()));
        assert!(parsed(&json!({"trust_domains": {}})).unwrap().is_empty());
    }

    #[test]
    fn one_wrong_entry_costs_the_whole_map() {
        for map in [json!({}), json!([]), json!({"trust_domains": []}), json!({"trust_domains": null}), document()] {
            assert_eq!(parsed(&map).unwrap_err(), MapError::NoTrustDomains, "{map}");
        }
        for name in ["B.test", "spiffe://b.test", "", "b.test/", "b test", "b\u{430}"] {
            let map = json!({"trust_domains": {"a.test": document(), name: document()}});
            assert!(matches!(parsed(&map), Err(MapError::Name { .. })), "{name:?}");
        }
        let twice = format!(r#"{{"trust_domains": {{"a.test": {0}, "a.test": {0}}}}}"#, document());
        assert_eq!(parse(twice.as_bytes()).unwrap_err(), MapError::Json(JsonError::DuplicateKey));
        let error = parsed(&json!({"trust_domains": {"a.test": document(), "b.test": {}}})).unwrap_err();
        assert!(matches!(&error, MapError::Document { error: DocumentError::Keys(JwkError::NoKeys), .. }), "{error}");
        assert!(error.to_string().starts_with("`b.test`: "), "{error}");
    }

    #[test]
    fn bounds_what_it_reads_and_what_it_says() {
        let many: serde_json::Map<_, _> = (0..201).map(|n| (format!("td{n}.test"), json!({"keys": []}))).collect();
        assert_eq!(parsed(&json!({"trust_domains": many})).unwrap_err(), MapError::TooMany);
        assert_eq!(parse(" ".repeat(MAX_MAP + 1).as_bytes()).unwrap_err(), MapError::TooLarge);
        let error = parsed(&json!({"trust_domains": {"\u{1b}x".repeat(1000): {"keys": []}}})).unwrap_err().to_string();
        assert!(error.len() < 600 && !error.contains('\u{1b}'), "{error}");
    }
}
