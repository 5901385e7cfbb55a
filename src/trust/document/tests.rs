use base64::engine::general_purpose::URL_SAFE;
use serde_json::json;

use super::*;
use crate::{
    clock::Timestamp,
    peer::{
        fixture::{Authority as Ca, NOW, pem},
        id::parse_trust_domain,
    },
};

const X: &str = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
const Y: &str = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";

fn td() -> TrustDomain {
    parse_trust_domain("td.test").unwrap()
}

fn parsed(document: &Value) -> Result<Document, DocumentError> {
    parse(td(), document.to_string().as_bytes())
}

fn x509(ca: &Ca) -> Value {
    json!({"use": "x509-svid", "kty": "EC", "x5c": [STANDARD.encode(ca.der())]})
}

fn jwt(kid: &str) -> Value {
    json!({"use": "jwt-svid", "kty": "EC", "kid": kid, "crv": "P-256", "x": X, "y": Y})
}

fn usable(document: &Document) -> bool {
    document.bundle.is_usable(Timestamp::from_seconds(NOW))
}

/// What is said of the document whose second entry is `entry`, and whether the first entry is still trusted.
fn beside_a_good_one(entry: &Value) -> (Vec<String>, bool, usize) {
    let document = parsed(&json!({"keys": [x509(&Ca::root("root")), entry]})).unwrap();
    (document.bundle.remarks().collect(), usable(&document), document.bundle.jwt_keys().len())
}

#[test]
fn reads_what_the_standard_names_and_skips_what_it_does_not() {
    let root = Ca::root("root");
    let document = parsed(&json!({
        "keys": [x509(&root), jwt("a")], "spiffe_sequence": u64::MAX, "spiffe_refresh_hint": 600, "else": {"x": [1.5]},
    }))
    .unwrap();
    assert!(usable(&document));
    assert_eq!(document.bundle.jwt_keys().len(), 1);
    assert_eq!((document.sequence, document.refresh_hint), (Some(u64::MAX), Some(Duration::from_secs(600))));
    assert_eq!(document.bundle.remarks().count(), 0);
    let again = document.authorities.bundle(td()).unwrap();
    assert_eq!(again.revision(), document.bundle.revision());
    assert_eq!(document.authorities.x509, [root.der().to_vec()]);
}

#[test]
fn an_empty_set_withdraws_the_bundle_and_a_missing_one_is_broken() {
    assert!(!usable(&parsed(&json!({"keys": []})).unwrap()));
    for document in [json!({}), json!({"keys": null}), json!({"keys": {}}), json!({"keys": "x"})] {
        assert_eq!(parsed(&document).unwrap_err(), DocumentError::Keys(JwkError::NoKeys), "{document}");
    }
    for document in [json!([]), json!(null), json!("x")] {
        assert_eq!(parsed(&document).unwrap_err(), DocumentError::NotAnObject, "{document}");
    }
}

#[test]
fn an_entry_that_cannot_be_used_costs_itself_alone() {
    let (a, b) = (Ca::root("a"), Ca::root("b"));
    let x5c = |x5c: Value| json!({"use": "x509-svid", "kty": "EC", "x5c": x5c});
    let der = b.der();
    let odd = (0..).map(|name| Ca::root(&name.to_string()));
    // One whose two alphabets differ.
    let odd = odd.map(|ca| URL_SAFE.encode(ca.der())).find(|text| text.contains(['-', '_'])).unwrap();
    for (entry, why) in [
        (json!({"use": "x509-svid", "kty": "EC"}), "its `x5c` has no certificate"),
        (x5c(json!([])), "its `x5c` has no certificate"),
        (x5c(json!([1])), "its `x5c` has no certificate"),
        (x5c(json!(STANDARD.encode(der))), "its `x5c` has no certificate"),
        (x5c(json!([odd])), "its `x5c` is not canonical base64"),
        (x5c(json!([format!("{}\n", STANDARD.encode(der))])), "its `x5c` is not canonical base64"),
        (x5c(json!([pem(der)])), "its `x5c` is not canonical base64"),
        (x5c(json!([STANDARD.encode(pem(der))])), "its `x5c` is not the DER of one certificate"),
        (x5c(json!([STANDARD.encode([der, der].concat())])), "its `x5c` is not the DER of one certificate"),
        (x5c(json!([STANDARD.encode(&der[..der.len() - 1])])), "its `x5c` is not the DER of one certificate"),
        (x5c(json!([""])), "its `x5c` is not the DER of one certificate"),
        (json!({"use": "x509-svid", "x5c": [STANDARD.encode(der)]}), "its `kty` is not one of RSA, EC and OKP"),
        (
            json!({"use": "x509-svid", "kty": "ec", "x5c": [STANDARD.encode(der)]}),
            "its `kty` is not one of RSA, EC and OKP",
        ),
    ] {
        let (remarks, usable, _) = beside_a_good_one(&entry);
        assert_eq!(remarks, [format!("key 2 of the set was left out: {why}")], "{entry}");
        assert!(usable, "{entry}");
    }
    // Values behind the first have no meaning, even if they are nonsense.
    let (remarks, ..) = beside_a_good_one(&x5c(json!([STANDARD.encode(der), 7, "x"])));
    assert_eq!(remarks, [""; 0]);
    let leaf = a.svid("spiffe://td.test/x");
    let (remarks, usable, _) = beside_a_good_one(&x5c(json!([STANDARD.encode(leaf)])));
    assert_eq!(remarks, ["certificate 2 of the trust anchors is left out: it is not a CA certificate"]);
    assert!(usable);
}

#[test]
fn unknown_uses_are_left_out() {
    let root = Ca::root("root");
    for name in
        [json!("X509-SVID"), json!("JWT-SVID"), json!("wit-svid"), json!("sig"), json!(""), json!(1), json!(null)]
    {
        let mut certificate = x509(&root);
        certificate["use"] = name.clone();
        let mut key = jwt("a");
        key["use"] = name.clone();
        for entry in [certificate, key] {
            let document = parsed(&json!({"keys": [entry]})).unwrap();
            assert!(!usable(&document) && document.bundle.jwt_keys().is_empty(), "{name}");
            assert_eq!(document.bundle.remarks().count(), 1, "{name}");
        }
    }
    assert!(!usable(&parsed(&json!({"keys": [{"x5c": [STANDARD.encode(root.der())], "kty": "EC"}]})).unwrap()));
}

#[test]
fn the_two_kinds_never_mix() {
    let root = Ca::root("root");
    let mut disguised = jwt("a");
    disguised["use"] = json!("x509-svid");
    let mut certified = x509(&root);
    certified["use"] = json!("jwt-svid");
    certified["kid"] = json!("a");
    let document = parsed(&json!({"keys": [disguised, certified]})).unwrap();
    assert!(!usable(&document) && document.bundle.jwt_keys().is_empty());
}

#[test]
fn a_token_key_without_a_name_takes_no_other_away() {
    let mut nameless = jwt("a");
    nameless.as_object_mut().unwrap().remove("kid");
    let document = parsed(&json!({"keys": [nameless, jwt("b"), x509(&Ca::root("root"))]})).unwrap();
    assert!(document.bundle.jwt_keys().get("b").is_some() && usable(&document));
    assert_eq!(document.bundle.remarks().count(), 1);
}

#[test]
fn a_private_key_costs_the_document_wherever_it_stands() {
    for member in ["d", "p", "k"] {
        for mut entry in [jwt("a"), x509(&Ca::root("root")), json!({"use": "unknown"})] {
            entry[member] = json!("AA");
            let error = parsed(&json!({"keys": [x509(&Ca::root("root")), entry]})).unwrap_err();
            assert_eq!(error, DocumentError::Keys(JwkError::Private { position: 2 }), "{member}");
        }
    }
}

#[test]
fn numbers_are_whole_numbers() {
    let with = |name: &str, value: &str| parse(td(), format!(r#"{{"keys": [], "{name}": {value}}}"#).as_bytes());
    let hint = |value| with("spiffe_refresh_hint", value).unwrap().refresh_hint;
    assert_eq!(hint("0"), Some(Duration::ZERO));
    assert_eq!(hint("-1"), Some(Duration::ZERO));
    assert_eq!(hint("1000000000000"), Some(Duration::from_secs(1_000_000_000_000)));
    for value in [r#""300""#, "300.0", "null", "true", "[300]", "1e3"] {
        assert_eq!(with("spiffe_refresh_hint", value).unwrap_err(), DocumentError::RefreshHint, "{value}");
        assert_eq!(with("spiffe_sequence", value).unwrap_err(), DocumentError::Sequence, "{value}");
    }
    assert_eq!(with("spiffe_sequence", "-1").unwrap_err(), DocumentError::Sequence);
    assert_eq!(with("spiffe_sequence", "18446744073709551616").unwrap_err(), DocumentError::Json(JsonError::Number));
}

#[test]
fn refuses_what_two_readers_could_read_differently() {
    for text in [
        &br#"{"keys": [], "keys": []}"#[..],
        br#"{"keys": [{"use": "x509-svid", "use": "jwt-svid"}]}"#,
        br#"{"keys": []} {}"#,
        b"\xef\xbb\xbf{\"keys\": []}",
        br#"{"keys": [],}"#,
        b"",
    ] {
        assert!(matches!(parse(td(), text), Err(DocumentError::Json(_))), "{:?}", String::from_utf8_lossy(text));
    }
    let deep = format!(r#"{{"keys": [], "x": {}{}}}"#, "[".repeat(20), "]".repeat(20));
    assert_eq!(parse(td(), deep.as_bytes()).unwrap_err(), DocumentError::Json(JsonError::TooDeep));
}

#[test]
fn bounds_what_it_reads() {
    let text = format!("{{\"keys\": []{}}}", " ".repeat(1024 * 1024));
    assert_eq!(parse(td(), text.as_bytes()).unwrap_err(), DocumentError::TooLarge);
    let entry = x509(&Ca::root("root"));
    assert!(parsed(&json!({"keys": vec![entry.clone(); 100]})).is_ok());
    assert_eq!(parsed(&json!({"keys": vec![entry; 101]})).unwrap_err(), DocumentError::TooManyCertificates);
}
