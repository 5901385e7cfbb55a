use std::{path::PathBuf, time::Duration};

use rcgen::{BasicConstraints, IsCa, KeyUsagePurpose, PublicKeyData, SignatureAlgorithm};

use super::{jwk::JwtKeys, *};
use crate::clock::Timestamp;
use crate::peer::{
    fixture::{Authority, NOW, at, pem, tlv},
    id::parse_trust_domain,
};

fn td() -> TrustDomain {
    parse_trust_domain("td.test").unwrap()
}

fn from_pem(anchors: &str, intermediates: Option<&str>) -> Result<TrustBundle, TrustError> {
    TrustBundle::from_pem(td(), anchors.as_bytes(), intermediates.map(str::as_bytes))
}

fn anchors(text: &str) -> Result<TrustBundle, String> {
    from_pem(text, None).map_err(|error| error.to_string())
}

#[test]
fn keeps_what_can_sign() {
    let root = Authority::root("root");
    let silent = Authority::root_with("silent", |p| p.key_usages.clear());
    let leaf = root.svid("spiffe://td.test/x");
    let no_sign = Authority::root_with("no sign", |p| p.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let text = [pem(&leaf), root.pem(), no_sign.pem(), silent.pem(), root.pem()].concat();
    let bundle = anchors(&text).unwrap();
    assert_eq!(bundle.anchors().len(), 2, "root and silent, each once");
    let left_out: Vec<_> = bundle.left_out().iter().map(|left_out| (left_out.certificate, left_out.why)).collect();
    assert_eq!(left_out, [(1, Why::NotCa), (3, Why::KeyUsage)]);
    assert_eq!(
        bundle.left_out()[0].to_string(),
        "certificate 1 (line 1) of the trust anchors is left out: it is not a CA certificate"
    );
}

#[test]
fn an_intermediate_says_that_it_signs() {
    let root = Authority::root("root");
    let (good, silent) = (root.intermediate("good"), root.intermediate_with("silent", |p| p.key_usages.clear()));
    let bundle = from_pem(&root.pem(), Some(&[silent.pem(), good.pem()].concat())).unwrap();
    assert_eq!(bundle.intermediates().len(), 1);
    assert_eq!((bundle.left_out()[0].part, bundle.left_out()[0].why), (Part::Intermediates, Why::KeyUsage));
}

#[test]
fn leaves_out_short_keys() {
    struct Rsa1024(Vec<u8>);
    impl PublicKeyData for Rsa1024 {
        fn der_bytes(&self) -> &[u8] {
            &self.0
        }
        fn algorithm(&self) -> &'static SignatureAlgorithm {
            &rcgen::PKCS_RSA_SHA256
        }
    }
    let modulus = tlv(2, &[vec![0, 0xff], vec![1; 127]].concat());
    let key = Rsa1024(tlv(0x30, &[modulus, tlv(2, &[1, 0, 1])].concat()));
    let root = Authority::root("root");
    let weak = root.svid_for("spiffe://td.test", &key, |p| {
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        p.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    });
    let bundle = anchors(&[root.pem(), pem(&weak)].concat()).unwrap();
    assert_eq!(bundle.left_out()[0].why, Why::WeakKey);
}

#[test]
fn an_empty_file_withdraws_the_bundle() {
    for text in ["", "\n"] {
        assert!(!from_pem(text, None).unwrap().is_usable(Timestamp::from_seconds(0)));
    }
    assert!(from_pem(&Authority::root("root").pem(), Some("")).is_ok());
}

#[test]
fn refuses_what_is_no_bundle() {
    let root = Authority::root("root");
    let leaf = pem(&root.svid("spiffe://td.test/x"));
    for (text, expected) in [
        (
            leaf.clone(),
            "trust anchors: no certificate can be used; the first, on line 1, is left out because it is not a CA certificate",
        ),
        (root.pem().replace("-----END", "END"), "trust anchors: a PEM block without its `-----END CERTIFICATE-----`"),
        (format!("# our roots\n{}", root.pem()), "trust anchors: text outside of a PEM block"),
        ([root.pem(), pem(&[0x30, 0])].concat(), "trust anchors: certificate 2 cannot be read"),
        (root.pem().repeat(101), "trust anchors: more than 100 certificates"),
        ("\n".repeat(1024 * 1024 + 1), "trust anchors: more than 1 MiB"),
    ] {
        assert_eq!(anchors(&text).err().as_deref(), Some(expected));
    }
    assert_eq!(from_pem(&root.pem(), Some(&leaf)).unwrap_err().part, Part::Intermediates);
}

#[test]
fn the_revision_is_that_of_the_certificates() {
    let (a, b) = (Authority::root("a").pem(), Authority::root("b").pem());
    let revision = |anchors: &[&str], intermediates: Option<&str>| {
        Arc::clone(from_pem(&anchors.concat(), intermediates).unwrap().revision())
    };
    assert_eq!(revision(&[&a, &b], None), revision(&[&b, "\n", &a, &a], None));
    assert_ne!(revision(&[&a, &b], None), revision(&[&a], None));
    assert_ne!(revision(&[&a], Some(&b)), revision(&[&b], Some(&a)));
    assert_ne!(revision(&[&a], Some(&b)), revision(&[&a, &b], None));
}

#[test]
fn a_set_of_certificates_is_taken_as_it_is() {
    let (root, other) = (Authority::root("root"), Authority::root("other"));
    let leaf = root.svid("spiffe://td.test/x");
    let from = |ders: &[&[u8]]| TrustBundle::from_authorities(td(), ders.iter().map(|der| der.to_vec()));
    let bundle = from(&[root.der(), &leaf, other.der(), root.der()]).unwrap();
    assert_eq!((bundle.anchors().len(), bundle.left_out().len()), (2, 1));
    assert_eq!(
        bundle.left_out()[0].to_string(),
        "certificate 2 of the trust anchors is left out: it is not a CA certificate"
    );
    let pem = [root.pem(), pem(&leaf), other.pem()].concat();
    assert_eq!(bundle.revision(), anchors(&pem).unwrap().revision());

    let now = Timestamp::from_seconds(NOW);
    assert!(!from(&[]).unwrap().is_usable(now));
    assert!(!from(&[&leaf]).unwrap().is_usable(now), "what else there was is no longer published");
    assert_eq!(from(&[]).unwrap().revision(), TrustBundle::withdrawn(td()).revision());

    let error = |ders: &[&[u8]]| from(ders).unwrap_err().to_string();
    assert_eq!(error(&[root.der(), &[0x30, 0]]), "trust anchors: certificate 2 cannot be read");
    assert_eq!(error(&[root.der(); 101]), "trust anchors: more than 100 certificates");
    assert_eq!(error(&[&vec![0; 1024 * 1024 + 1]]), "trust anchors: more than 1 MiB");
}

#[test]
fn the_revision_is_that_of_the_jwt_keys_too() {
    let bundle = || anchors(&Authority::root("root").pem()).unwrap();
    let jwk = serde_json::json!({"keys": [{"use": "jwt-svid", "kid": "a", "kty": "EC", "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]});
    let (keys, ignored) = JwtKeys::from_jwks(&jwk, jwk::Uses::SpiffeBundle).unwrap();
    assert_eq!((keys.len(), ignored.len()), (1, 0));
    let (plain, with) = (TrustBundle::withdrawn(td()), TrustBundle::withdrawn(td()).with_jwt_keys(keys.clone()));
    assert_ne!(plain.revision(), with.revision());
    assert_eq!(with.jwt_keys(), &keys);
    assert_eq!(plain.revision(), with.with_jwt_keys(JwtKeys::default()).revision());
    assert!(!bundle().with_jwt_keys(keys).with_intermediates(b"").unwrap().jwt_keys().is_empty());
}

#[test]
fn is_usable_while_an_anchor_is_valid() {
    let bundle = anchors(&Authority::root_with("root", |p| p.not_after = at(0)).pem()).unwrap();
    assert!(bundle.is_usable(Timestamp::from_seconds(NOW)));
    assert!(!bundle.is_usable(Timestamp::from_seconds(NOW + 1)));
}

#[test]
fn refuses_two_bundles_for_one_trust_domain() {
    let bundle = Arc::new(anchors(&Authority::root("root").pem()).unwrap());
    let error = Trust::new([Arc::clone(&bundle), Arc::clone(&bundle)]).unwrap_err();
    assert_eq!(error.to_string(), "there are two bundles for the trust domain `td.test`");
    assert!(Trust::new([bundle]).unwrap().bundle(&td()).is_some());
}

fn from_file(kind: SourceKind, intermediates: Option<PathBuf>) -> Source {
    Source { trust_domain: td(), kind, intermediates, max_stale: Duration::from_secs(86_400) }
}

#[test]
fn reads_a_document_and_its_place_in_a_map() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let root = Authority::root("root");
    let x5c = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, root.der());
    let document =
        format!(r#"{{"keys": [{{"use": "x509-svid", "kty": "EC", "x5c": ["{x5c}"]}}, {{"use": "other"}}]}}"#);
    std::fs::write(path("sub.pem"), root.intermediate("sub").pem()).unwrap();
    std::fs::write(path("bundle.json"), &document).unwrap();
    std::fs::write(path("map.json"), format!(r#"{{"trust_domains": {{"td.test": {document}}}}}"#)).unwrap();
    std::fs::write(path("others.json"), format!(r#"{{"trust_domains": {{"other.test": {document}}}}}"#)).unwrap();
    std::fs::write(path("bad.json"), r#"{"keys": 1}"#).unwrap();
    let read = |kind| from_file(kind, Some(path("sub.pem"))).read().unwrap();
    let now = Timestamp::from_seconds(NOW);

    for kind in [SourceKind::Bundle { file: path("bundle.json") }, SourceKind::BundleMap { file: path("map.json") }] {
        let bundle = read(kind).unwrap();
        assert!(bundle.is_usable(now));
        assert_eq!((bundle.intermediates().len(), bundle.remarks().count()), (1, 1));
    }
    let absent = read(SourceKind::BundleMap { file: path("others.json") }).unwrap();
    assert!(!absent.is_usable(now), "another domain's anchors are nobody else's");
    assert_eq!(
        absent.remarks().collect::<Vec<_>>(),
        ["the trust domain is not in the bundle map: nobody is trusted by it"]
    );
    let message = |kind| read(kind).unwrap_err().to_string();
    let bad = path("bad.json");
    assert_eq!(
        message(SourceKind::Bundle { file: bad.clone() }),
        format!("{}: there is no array `keys`; to withdraw all keys, publish an empty one", bad.display())
    );
    assert!(message(SourceKind::BundleMap { file: bad }).ends_with("publish an empty one"));
}

#[test]
fn what_is_fed_is_not_read() {
    let endpoint = Endpoint::parse("unix:/run/agent.sock").unwrap();
    let source = from_file(SourceKind::WorkloadApi { endpoint }, None);
    assert!(source.read().is_none());
    assert_eq!((source.place().as_str(), source.paths().count()), ("unix:/run/agent.sock", 0));
}

#[test]
fn reads_files_and_names_them_when_they_are_wrong() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let source = |pem: &str, intermediates: Option<&str>| {
        from_file(SourceKind::Pem { file: path(pem) }, intermediates.map(path))
    };
    let message = |source: Source| source.read().unwrap().unwrap_err().to_string();

    let root = Authority::root("root");
    std::fs::write(path("root.pem"), root.pem()).unwrap();
    std::fs::write(path("sub.pem"), root.intermediate("sub").pem()).unwrap();
    std::fs::write(path("bad.pem"), format!("{}x", root.pem())).unwrap();
    std::fs::write(path("empty.pem"), "").unwrap();
    std::fs::write(path("large.pem"), "\n".repeat(2 << 20)).unwrap();
    std::os::unix::fs::symlink(path("root.pem"), path("link.pem")).unwrap();

    assert!(source("root.pem", Some("sub.pem")).read().unwrap().is_ok());
    assert!(source("link.pem", None).read().unwrap().is_ok());
    let bad = path("bad.pem");
    let lines = root.pem().lines().count() + 1;
    let expected = format!("{}:{lines}: text outside of a PEM block", bad.display());
    assert_eq!(message(source("bad.pem", None)), expected);
    assert_eq!(message(source("root.pem", Some("bad.pem"))), expected);
    // An empty file withdraws: it is a bundle by which nobody is trusted.
    assert!(!source("empty.pem", None).read().unwrap().unwrap().is_usable(Timestamp::from_seconds(0)));
    assert_eq!(message(source("large.pem", None)), format!("{}: more than 1 MiB", path("large.pem").display()));
    assert_eq!(message(source("", None)), format!("cannot read `{}`: it is not a regular file", path("").display()));
    assert!(message(source("none.pem", None)).starts_with("cannot read `"));
}
