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

#[test]
fn holds_each_leaf_to_the_profile() {
    type Row = (&'static str, fn(&mut CertificateParams), &'static str);
    let rows: &[Row] = &[
        ("as it should be", |_| {}, "ok"),
        ("no name", |p| p.subject_alt_names.clear(), "invalid san.no_uri"),
        ("an empty list of names", |p| names(p, &[]), "invalid san.no_uri"),
        ("a DNS name", |p| names(p, &[(0x82, b"td.test")]), "invalid san.no_uri"),
        ("an ID in a DNS name", |p| names(p, &[(0x82, ID.as_bytes())]), "invalid san.no_uri"),
        (
            "an ID in the subject",
            |p| {
                p.subject_alt_names.clear();
                p.distinguished_name.push(DnType::CommonName, ID);
            },
            "invalid san.no_uri",
        ),
        (
            "names of other kinds beside it",
            |p| {
                p.subject_alt_names.push(SanType::DnsName("web.test".try_into().unwrap()));
                p.subject_alt_names.push(SanType::Rfc822Name("spiffe://td.test/admin".try_into().unwrap()));
            },
            "ok",
        ),
        ("two IDs", |p| p.subject_alt_names.push(uri("spiffe://td.test/admin")), "invalid san.multiple_uri"),
        ("the same ID twice", |p| p.subject_alt_names.push(uri(ID)), "invalid san.multiple_uri"),
        ("a URI of another kind", |p| p.subject_alt_names.push(uri("https://td.test")), "invalid san.multiple_uri"),
        (
            "a second URI that is no text",
            |p| names(p, &[(0x86, ID.as_bytes()), (0x86, b"spiffe://td.test/\xff")]),
            "invalid san.invalid_name",
        ),
        (
            "a first URI that is no text",
            |p| names(p, &[(0x86, b"spiffe://td.test/\xff"), (0x86, ID.as_bytes())]),
            "invalid san.invalid_name",
        ),
        ("a URI in a constructed tag", |p| names(p, &[(0xa6, ID.as_bytes())]), "invalid san.mismatch"),
        (
            "a second URI in a constructed tag",
            |p| names(p, &[(0x86, ID.as_bytes()), (0xa6, ID.as_bytes())]),
            "invalid san.multiple_uri",
        ),
        ("a URI with a NUL", |p| names(p, &[(0x86, b"spiffe://td.test/web\0")]), "invalid id.bad_char"),
        ("an upper-case ID", |p| p.subject_alt_names = vec![uri("spiffe://TD.test/web")], "invalid id.non_canonical"),
        ("the ID of the trust domain", |p| p.subject_alt_names = vec![uri("spiffe://td.test")], "invalid id.root_path"),
        ("a URI that is no ID", |p| p.subject_alt_names = vec![uri("https://td.test/web")], "invalid id.scheme"),
        (
            "bytes behind the names",
            |p| {
                let content = [tlv(0x30, &tlv(0x86, ID.as_bytes())), vec![0]].concat();
                p.subject_alt_names.clear();
                p.custom_extensions.push(extension(SUBJECT_ALT_NAME, &content));
            },
            "invalid cert.malformed",
        ),
        (
            "names twice",
            |p| p.custom_extensions.push(extension(SUBJECT_ALT_NAME, &tlv(0x30, &tlv(0x86, ID.as_bytes())))),
            "invalid cert.duplicate_ext",
        ),
        ("no basic constraints", |p| p.is_ca = IsCa::NoCa, "invalid leaf.basic_constraints"),
        ("a CA", |p| p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained), "invalid leaf.is_ca"),
        (
            "basic constraints twice",
            |p| p.custom_extensions.push(extension(BASIC_CONSTRAINTS, &[0x30, 0])),
            "invalid cert.duplicate_ext",
        ),
        ("no key usage", |p| p.key_usages.clear(), "invalid leaf.key_usage"),
        ("no digitalSignature", |p| p.key_usages = vec![KeyUsagePurpose::KeyEncipherment], "invalid leaf.key_usage"),
        ("keyCertSign", |p| p.key_usages.push(KeyUsagePurpose::KeyCertSign), "invalid leaf.key_usage"),
        ("cRLSign", |p| p.key_usages.push(KeyUsagePurpose::CrlSign), "invalid leaf.key_usage"),
        (
            "key usage twice",
            |p| p.custom_extensions.push(extension(KEY_USAGE, &[3, 2, 7, 0x80])),
            "invalid cert.duplicate_ext",
        ),
        (
            "key usage with wrong unused bits",
            |p| {
                p.key_usages.clear();
                p.custom_extensions.push(extension(KEY_USAGE, &[3, 2, 0, 0x80]));
            },
            "invalid cert.malformed",
        ),
        ("no extended key usage", |p| p.extended_key_usages.clear(), "ok"),
        (
            "a server's extended key usage",
            |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth],
            "invalid x509.eku",
        ),
        (
            "a client's extended key usage alone",
            |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            "ok",
        ),
        ("any extended key usage", |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::Any], "invalid x509.eku"),
        ("code signing", |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning], "invalid x509.eku"),
        (
            "an empty extended key usage",
            |p| {
                p.extended_key_usages.clear();
                p.custom_extensions.push(extension(EXTENDED_KEY_USAGE, &[0x30, 0]));
            },
            "invalid x509.eku",
        ),
        (
            "an unknown critical extension",
            |p| p.custom_extensions.push(extension(&[1, 2, 3, 4], &[5, 0])),
            "invalid x509.critical_ext",
        ),
        ("an end before its beginning", |p| p.not_after = at(-11), "invalid cert.malformed"),
        (
            "17 KiB",
            |p| {
                let mut comment = extension(&[1, 2, 3, 4], &tlv(4, &[0; 17 * 1024]));
                comment.set_criticality(false);
                p.custom_extensions.push(comment);
            },
            "invalid limit.cert_size",
        ),
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
fn refuses_weak_keys() {
    struct Rsa(Vec<u8>);
    impl Rsa {
        fn new(modulus: &[u8]) -> Self {
            Self(tlv(0x30, &[tlv(2, modulus), tlv(2, &[1, 0, 1])].concat()))
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
    let modulus = |bytes: usize| [vec![0, 0xff], vec![1; bytes - 1]].concat();
    let root = Authority::root("root");
    let trust = trust(&[&root], &[]);
    for (modulus, expected) in
        [(modulus(128), "invalid leaf.weak_key"), (modulus(255), "invalid leaf.weak_key"), (modulus(256), "ok")]
    {
        let der = root.svid_for(ID, &Rsa::new(&modulus), |_| {});
        assert_eq!(outcome(&verify(&der, &trust)), expected, "{} bits", (modulus.len() - 1) * 8);
    }
}
