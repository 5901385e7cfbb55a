//! What publishers write: bundle documents and maps of them.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::harness::chain::Ca;

/// A bundle document with these authorities; none withdraw what was there.
pub(super) fn document(authorities: &[&Ca]) -> Value {
    let key = |ca: &&Ca| json!({"use": "x509-svid", "kty": "EC", "x5c": [STANDARD.encode(ca.der())]});
    json!({"keys": authorities.iter().map(key).collect::<Vec<_>>()})
}

/// The same as the publisher's word number `sequence`.
pub(super) fn numbered(authorities: &[&Ca], sequence: u64) -> Value {
    let mut document = document(authorities);
    document["spiffe_sequence"] = json!(sequence);
    document
}

/// A bundle map.
pub(super) fn map(documents: &[(&str, Value)]) -> Value {
    let documents: Map<String, Value> =
        documents.iter().map(|(trust_domain, document)| ((*trust_domain).to_owned(), document.clone())).collect();
    json!({"trust_domains": documents})
}
