//! Hostile leaves: one row for each way to be one.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, PublicKeyData,
    SanType, SignatureAlgorithm,
};

use super::*;

/// A subject alternative name with any content.
fn names(params: &mut CertificateParams, names: &[(u8, &[u8])]) {
    let content: Vec<u8> = names.iter().flat_map(|(tag, name)| tlv(*tag, name)).collect();
    params.subject_alt_names.clear();
    params.custom_extensions.push(extension(SUBJECT_ALT_NAME, &tlv(0x30, &content)));
}

/// A key usage with any content.
fn key_usage(params: &mut CertificateParams, content: &[u8]) {
    params.key_usages.clear();
    params.custom_extensions.push(extension(KEY_USAGE, content));
}

/// The numbers are those of the catalogue of hostile inputs (`facts/spiffe.md` §3.1 and §3.2); rows without one are in no catalogue.
#[test]
fn holds_each_leaf_to_the_profile() {
    type Row = (&'static str, fn(&mut CertificateParams), &'static str);
    let rows: &[Row] = &[
        ("as it should be", |_| {}, "ok"),
        ("22: no name", |p| p.subject_alt_names.clear(), "invalid san.no_uri"),
        ("22: an empty list of names", |p| names(p, &[]), "invalid san.no_uri"),
        ("22: a DNS name", |p| names(p, &[(0x82, b"td.test")]), "invalid san.no_uri"),
        ("28: an ID in a DNS name", |p| names(p, &[(0x82, ID.as_bytes())]), "invalid san.no_uri"),
        (
            "28: an ID in the subject",
            |p| {
                p.subject_alt_names.clear();
                p.distinguished_name.push(DnType::CommonName, ID);
            },
            "invalid san.no_uri",
        ),
        (
            "29: names of other kinds beside it",
            |p| {
                p.subject_alt_names.push(SanType::DnsName("web.test".try_into().unwrap()));
                p.subject_alt_names.push(SanType::Rfc822Name("spiffe://td.test/admin".try_into().unwrap()));
            },
            "ok",
        ),
        ("23: two IDs", |p| p.subject_alt_names.push(uri("spiffe://td.test/admin")), "invalid san.multiple_uri"),
        ("23: the same ID twice", |p| p.subject_alt_names.push(uri(ID)), "invalid san.multiple_uri"),
        ("23: a URI of another kind", |p| p.subject_alt_names.push(uri("https://td.test")), "invalid san.multiple_uri"),
        (
            "25: a second URI that is no text",
            |p| names(p, &[(0x86, ID.as_bytes()), (0x86, b"spiffe://td.test/\xff")]),
            "invalid san.invalid_name",
        ),
        (
            "25: a first URI that is no text",
            |p| names(p, &[(0x86, b"spiffe://td.test/\xff"), (0x86, ID.as_bytes())]),
            "invalid san.invalid_name",
        ),
        ("26: a URI in a constructed tag", |p| names(p, &[(0xa6, ID.as_bytes())]), "invalid san.mismatch"),
        (
            "26: a second URI in a constructed tag",
            |p| names(p, &[(0x86, ID.as_bytes()), (0xa6, ID.as_bytes())]),
            "invalid san.multiple_uri",
        ),
        ("14: a URI with a NUL", |p| names(p, &[(0x86, b"spiffe://td.test/web\0")]), "invalid id.bad_char"),
        (
            "5: an upper-case ID",
            |p| p.subject_alt_names = vec![uri("spiffe://TD.test/web")],
            "invalid id.non_canonical",
        ),
        (
            "49: the ID of the trust domain",
            |p| p.subject_alt_names = vec![uri("spiffe://td.test")],
            "invalid id.root_path",
        ),
        ("17: a URI that is no ID", |p| p.subject_alt_names = vec![uri("https://td.test/web")], "invalid id.scheme"),
        (
            "34: bytes behind the names",
            |p| {
                let content = [tlv(0x30, &tlv(0x86, ID.as_bytes())), vec![0]].concat();
                p.subject_alt_names.clear();
                p.custom_extensions.push(extension(SUBJECT_ALT_NAME, &content));
            },
            "invalid cert.malformed",
        ),
        (
            "35: names twice",
            |p| p.custom_extensions.push(extension(SUBJECT_ALT_NAME, &tlv(0x30, &tlv(0x86, ID.as_bytes())))),
            "invalid cert.duplicate_ext",
        ),
        ("no basic constraints", |p| p.is_ca = IsCa::NoCa, "invalid leaf.basic_constraints"),
        ("49: a CA", |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), "invalid leaf.is_ca"),
        (
            "35: basic constraints twice",
            |p| p.custom_extensions.push(extension(BASIC_CONSTRAINTS, &[0x30, 0])),
            "invalid cert.duplicate_ext",
        ),
        ("no key usage", |p| p.key_usages.clear(), "invalid leaf.key_usage"),
        (
            "B-4 47: a key usage that may be passed over",
            |p| {
                p.key_usages.clear();
                let mut usage = extension(KEY_USAGE, &[3, 2, 7, 0x80]);
                usage.set_criticality(false);
                p.custom_extensions.push(usage);
            },
            "invalid leaf.key_usage",
        ),
        ("B-4 47: the same as it should be", |p| key_usage(p, &[3, 2, 7, 0x80]), "ok"),
        ("no digitalSignature", |p| p.key_usages = vec![KeyUsagePurpose::KeyEncipherment], "invalid leaf.key_usage"),
        ("31: keyCertSign", |p| p.key_usages.push(KeyUsagePurpose::KeyCertSign), "invalid leaf.key_usage"),
        ("32: cRLSign", |p| p.key_usages.push(KeyUsagePurpose::CrlSign), "invalid leaf.key_usage"),
        (
            "35: key usage twice",
            |p| p.custom_extensions.push(extension(KEY_USAGE, &[3, 2, 7, 0x80])),
            "invalid cert.duplicate_ext",
        ),
        ("34: key usage with wrong unused bits", |p| key_usage(p, &[3, 2, 0, 0x80]), "invalid cert.malformed"),
        ("34: key usage with undefined bits", |p| key_usage(p, &[3, 3, 6, 0x80, 0x40]), "invalid cert.malformed"),
        ("34: key usage with a long length", |p| key_usage(p, &[3, 0x81, 2, 7, 0x80]), "invalid cert.malformed"),
        ("34: bytes behind the key usage", |p| key_usage(p, &[3, 2, 7, 0x80, 0]), "invalid cert.malformed"),
        (
            "34: bytes behind the basic constraints",
            |p| {
                p.is_ca = IsCa::NoCa;
                p.custom_extensions.push(extension(BASIC_CONSTRAINTS, &[0x30, 0, 0]));
            },
            "invalid cert.malformed",
        ),
        (
            "35: extended key usage twice",
            |p| {
                let client = tlv(0x30, &[6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2]);
                p.custom_extensions.push(extension(EXTENDED_KEY_USAGE, &client));
            },
            "invalid cert.duplicate_ext",
        ),
        ("no extended key usage", |p| p.extended_key_usages.clear(), "ok"),
        (
            "37: a server's extended key usage",
            |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
            "invalid x509.eku",
        ),
        (
            "a client's extended key usage alone",
            |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            "ok",
        ),
        (
            "37: any extended key usage",
            |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any],
            "invalid x509.eku",
        ),
        (
            "38: code signing",
            |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning],
            "invalid x509.eku",
        ),
        (
            "38: an empty extended key usage",
            |p| {
                p.extended_key_usages.clear();
                p.custom_extensions.push(extension(EXTENDED_KEY_USAGE, &[0x30, 0]));
            },
            "invalid x509.eku",
        ),
        (
            "43: an unknown critical extension",
            |p| p.custom_extensions.push(extension(&[1, 2, 3, 4], &[5, 0])),
            "invalid x509.critical_ext",
        ),
        ("41: an end before its beginning", |p| p.not_after = at(-11), "invalid cert.malformed"),
        (
            "52: 17 KiB",
            |p| {
                let mut comment = extension(&[1, 2, 3, 4], &tlv(4, &[0; 17 * 1024]));
                comment.set_criticality(false);
                p.custom_extensions.push(comment);
            },
            "invalid limit.cert_size",
        ),
        ("52: very many names", |p| names(p, &vec![(0x82, b"web.test".as_slice()); 5_000]), "invalid limit.cert_size"),
        ("14: a URI with a line feed", |p| names(p, &[(0x86, b"spiffe://td.test/web\n")]), "invalid id.bad_char"),
        ("10: a port", |p| names(p, &[(0x86, b"spiffe://td.test:443/web")]), "invalid id.bad_char"),
        ("8: a dot segment", |p| names(p, &[(0x86, b"spiffe://td.test/../web")]), "invalid id.dot_segment"),
        ("1: an empty URI", |p| names(p, &[(0x86, b"")]), "invalid id.empty"),
    ];
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    for (name, edit, expected) in rows {
        assert_eq!(outcome(&verify(&root.svid_with(ID, edit), &trust)), *expected, "{name}");
    }
}

#[test]
fn refuses_bytes_that_are_no_certificate() {
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    let der = root.svid(ID);
    let trailing = [&der[..], &[0]].concat();
    let cut = &der[..der.len() - 1];
    // ecdsa-with-SHA256 becomes ecdsa-with-SHA384 in the signed part only.
    let mismatch = root.resigned(&der, &[0x3d, 4, 3, 2], &[0x3d, 4, 3, 3]);
    let no_zone = root.resigned(&der, b"261120085950Z", b"2611200859500");
    for der in [&trailing[..], cut, &mismatch, &no_zone, &[0x30, 0], &[0]] {
        assert_eq!(outcome(&verify(der, &trust)), "invalid cert.malformed", "{}", hex::encode(der));
    }
}

#[test]
fn reads_two_digit_years_as_the_standard_does() {
    let root = Authority::root("root");
    let der = root.svid(ID);
    let in_1950 = root.resigned(&der, b"261120085950Z", b"500101000000Z");
    assert_eq!(outcome(&verify(&in_1950, &trust(&[&root], &[]))), "invalid cert.malformed");
    let in_2049 = root.resigned(&der, b"261120100000Z", b"490101000000Z");
    assert_eq!(outcome(&verify(&in_2049, &trust(&[&root], &[]))), "lifetime leaf.lifetime");
}

#[test]
fn row_41_reads_a_time_in_its_der_form_only() {
    let root = Authority::root("root");
    let der = root.svid(ID);
    let begin = [&[0x17, 13][..], b"261120085950Z"].concat();
    for time in [b"2026112008.5Z", b"202611200859Z", b"20261120+0000", b"26112008.5000"] {
        for tag in [0x17, 0x18] {
            let odd = root.resigned(&der, &begin, &[&[tag, 13][..], time].concat());
            assert_eq!(outcome(&verify(&odd, &trust(&[&root], &[]))), "invalid cert.malformed", "{tag} {time:?}");
        }
    }
}

#[test]
fn rows_44_and_47_nothing_of_a_leaf_can_be_exchanged() {
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    let der = root.svid_with(ID, |p| p.serial_number = Some(vec![0x11, 0x22, 0x33, 0x44].into()));
    let flipped = |index: usize| {
        let mut der = der.clone();
        der[index] ^= 1;
        outcome(&verify(&der, &trust))
    };
    let outer = der.windows(8).rposition(|oid| oid == ECDSA_SHA256).unwrap();
    assert_eq!(flipped(outer + 7), "invalid cert.malformed", "another algorithm outside than inside");
    let serial = der.windows(4).position(|window| window == [0x11, 0x22, 0x33, 0x44]).unwrap();
    assert_eq!(flipped(serial), "untrusted x509.bad_signature", "one bit of what is signed");
    assert_eq!(flipped(der.len() - 1), "untrusted x509.bad_signature", "one bit of the signature");
}

#[test]
fn row_49_a_signing_certificate_cannot_be_a_caller() {
    let root = Authority::root_with("root", |p| p.subject_alt_names = vec![uri("spiffe://td.test")]);
    let sub = root.intermediate_with("sub", |p| p.subject_alt_names = vec![uri("spiffe://td.test")]);
    let plain = root.intermediate("plain");
    let named = root.intermediate_with("named", |p| p.subject_alt_names = vec![uri(ID)]);
    let trust = trust(&[&root], &[&sub]);
    for (authority, expected) in [
        (&root, "invalid id.root_path"),
        (&sub, "invalid id.root_path"),
        (&plain, "invalid san.no_uri"),
        (&named, "invalid leaf.is_ca"),
    ] {
        assert_eq!(outcome(&verify(authority.der(), &trust)), expected);
    }
}

#[test]
fn refuses_weak_keys() {
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    for (bytes, exponent, expected) in [
        (128, &[1, 0, 1][..], "invalid leaf.weak_key"),
        (255, &[1, 0, 1], "invalid leaf.weak_key"),
        (256, &[1, 0, 1], "ok"),
        (256, &[1], "invalid leaf.weak_key"),
        (256, &[3], "invalid leaf.weak_key"),
        (256, &[1, 0, 0], "invalid leaf.weak_key"),
    ] {
        let der = root.svid_for(ID, &Rsa::new(bytes, exponent), |_| {});
        assert_eq!(outcome(&verify(&der, &trust)), expected, "{bytes} bytes, {exponent:?}");
    }
    // P-256 becomes a curve that nobody relies on.
    let odd = root.resigned(&root.svid(ID), &[0x3d, 3, 1, 7], &[0x3d, 3, 1, 6]);
    assert_eq!(outcome(&verify(&odd, &trust)), "invalid leaf.weak_key");
}

/// A public key that nobody has the private one of.
pub(super) struct Rsa(Vec<u8>);

impl Rsa {
    pub(super) fn new(bytes: usize, exponent: &[u8]) -> Self {
        let modulus = [vec![0, 0xff], vec![1; bytes - 1]].concat();
        Self(tlv(0x30, &[tlv(2, &modulus), tlv(2, exponent)].concat()))
    }
}

impl PublicKeyData for Rsa {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

/// The object identifier of ecdsa-with-SHA256.
const ECDSA_SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
