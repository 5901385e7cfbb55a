//! What SPIRE's credentials look like, which Hopguard's rules were written against: a SPIRE that changes it is noticed here.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use x509_parser::prelude::*;

use crate::{
    folder::Folder,
    spire::{HOME, Kind, Plan},
};

#[tokio::test]
async fn a_leaf_of_spire_has_the_profile_that_is_asked_for() {
    let folder = Folder::new();
    let server = Plan::new(HOME).start(folder.path()).await;
    let svid = server.mint("orders", "5m").await;
    assert_eq!(svid.id(), "spiffe://home.test/orders");
    assert_eq!(svid.chain().len(), 1, "the root has signed it itself");
    assert_eq!(svid.authority(), server.authorities(Kind::X509).active().await);

    let (rest, leaf) = X509Certificate::from_der(svid.leaf()).unwrap();
    assert!(rest.is_empty());
    assert_eq!(leaf.issuer().to_string(), rooted_in(leaf.issuer()));
    let usage = leaf.key_usage().unwrap().unwrap();
    assert!(usage.critical);
    assert_eq!(usage.value.flags, DIGITAL_SIGNATURE | KEY_ENCIPHERMENT | KEY_AGREEMENT);
    let extended = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.client_auth && extended.server_auth && !extended.any && extended.other.is_empty());
    let constraints = leaf.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && !constraints.value.ca);
    let names = &leaf.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert!(matches!(names[..], [GeneralName::URI("spiffe://home.test/orders")]), "{names:?}");
    let validity = leaf.validity();
    let span = validity.not_after.timestamp() - validity.not_before.timestamp();
    assert_eq!(span, 300 + BACKDATE, "a verifier whose clock is later than that refuses fresh SVIDs");
}

#[tokio::test]
async fn a_root_of_spire_may_sign_certificates_and_nothing_else() {
    let folder = Folder::new();
    let server = Plan::new(HOME).start(folder.path()).await;
    let file = folder.path().join("bundle.pem");
    server.write_bundle("pem", &file).await;
    let pem = std::fs::read(file).unwrap();
    let (_, pem) = parse_x509_pem(&pem).unwrap();
    let root = pem.parse_x509().unwrap();
    let usage = root.key_usage().unwrap().unwrap();
    assert!(usage.critical);
    assert_eq!(usage.value.flags, CERTIFICATE_SIGN | CRL_SIGN);
    let constraints = root.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, None);
    let names = &root.subject_alternative_name().unwrap().unwrap().value.general_names;
    assert!(matches!(names[..], [GeneralName::URI("spiffe://home.test")]), "{names:?}");
    assert_eq!(root.subject(), root.issuer());
    assert_eq!(root.subject().to_string(), rooted_in(root.subject()));
}

#[tokio::test]
async fn a_token_of_spire_says_who_for_whom_and_how_long_and_no_more() {
    let folder = Folder::new();
    for (plan, algorithm) in [(Plan::new(HOME), "ES256"), (Plan::new("rsa.test").with_rsa_tokens(), "RS256")] {
        let server = plan.start(folder.path()).await;
        let token = server.mint_token("orders", &["one", "two"], "2m").await;
        let parts: Vec<_> = token.split('.').collect();
        assert_eq!(parts.len(), 3);
        let [header, claims] = [parts[0], parts[1]].map(decoded);
        assert_eq!(names(&header), ["alg", "kid", "typ"].into());
        assert_eq!((&header["alg"], &header["typ"]), (&algorithm.into(), &"JWT".into()));
        assert_eq!(header["kid"], server.authorities(Kind::Jwt).active().await);
        assert_eq!(names(&claims), ["aud", "exp", "iat", "sub"].into());
        assert_eq!(claims["sub"], server.id("orders"));
        assert_eq!(claims["aud"], serde_json::json!(["one", "two"]));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 120);
    }
}

#[tokio::test]
async fn a_bundle_document_of_spire_is_numbered_and_names_its_tokens_keys() {
    let folder = Folder::new();
    let server = Plan::new(HOME).start(folder.path()).await;
    let file = folder.path().join("bundle.json");
    server.write_bundle("spiffe", &file).await;
    let bundle: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let keys = bundle["keys"].as_array().unwrap();
    let of = |usage: &str| keys.iter().filter(|key| key["use"] == usage).collect::<Vec<_>>();
    let [x509] = of("x509-svid")[..] else { panic!("{bundle}") };
    assert_eq!(x509["x5c"].as_array().unwrap().len(), 1);
    assert!(x509.get("kid").is_none());
    let [jwt] = of("jwt-svid")[..] else { panic!("{bundle}") };
    assert_eq!(jwt["kid"], server.authorities(Kind::Jwt).active().await);
    assert!(jwt.get("alg").is_none(), "the key itself must say what it may verify");
    assert_eq!(keys.len(), 2);
    let first = bundle["spiffe_sequence"].as_u64().unwrap();
    server.authorities(Kind::X509).prepare().await;
    server.write_bundle("spiffe", &file).await;
    let bundle: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert!(bundle["spiffe_sequence"].as_u64().unwrap() > first);
}

/// SPIRE's name of an authority: one country, one organisation, and a number of its own.
fn rooted_in(name: &X509Name<'_>) -> String {
    let serial = name.iter_attributes().find(|part| *part.attr_type() == oid_registry::OID_X509_SERIALNUMBER);
    let serial = serial.expect("a serial number").as_str().unwrap();
    format!("C=US, O=SPIFFE, serialNumber={serial}")
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn names(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

const DIGITAL_SIGNATURE: u16 = 1;
const KEY_ENCIPHERMENT: u16 = 1 << 2;
const KEY_AGREEMENT: u16 = 1 << 4;
const CERTIFICATE_SIGN: u16 = 1 << 5;
const CRL_SIGN: u16 = 1 << 6;
/// Seconds by which a leaf begins before it is made.
const BACKDATE: i64 = 10;
