//! Certificates with every extension that is known, and with some that are not.

use std::net::{IpAddr, Ipv6Addr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, CrlDistributionPoint, CustomExtension, DistinguishedName, DnType,
    DnValue, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, PKCS_RSA_SHA512, SanType,
    SerialNumber, date_time_ymd,
};

pub(crate) fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: String = text.as_bytes().chunks(64).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect();
    format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n")
}

/// Self-signed certificates.
pub(crate) fn certificates() -> Vec<Vec<u8>> {
    let mut made = Vec::new();
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    for algorithm in
        [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519, &PKCS_RSA_SHA256, &PKCS_RSA_SHA512]
    {
        let pair = KeyPair::generate_for(algorithm).unwrap();
        made.push(plain().self_signed(&pair).unwrap().der().to_vec());
    }
    let mut add = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = plain();
        change(&mut params);
        made.push(params.self_signed(&ec).unwrap().der().to_vec());
    };
    add(&|params| params.distinguished_name = DistinguishedName::new());
    add(&named);
    add(&alternatives);
    add(&authority);
    add(&constrained);
    add(&|params| {
        params.not_before = date_time_ymd(1975, 1, 1);
        params.not_after = date_time_ymd(9999, 12, 31);
        params.serial_number = Some(SerialNumber::from_slice(&[0x7f; 20]));
    });
    add(&|params| {
        use ExtendedKeyUsagePurpose::*;
        params.extended_key_usages = vec![
            Any,
            ServerAuth,
            ClientAuth,
            CodeSigning,
            EmailProtection,
            TimeStamping,
            OcspSigning,
            Other(vec![1, 3, 6, 1, 5, 5, 7, 3, 17]),
        ];
    });
    add(&|params| {
        for (oid, content) in KNOWN {
            params.custom_extensions.push(CustomExtension::from_oid_content(oid, content.to_vec()));
        }
        let mut unknown = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![5, 0]);
        unknown.set_criticality(true);
        params.custom_extensions.push(unknown);
    });
    made
}

fn plain() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from(1234_u64));
    params
}

fn named(params: &mut CertificateParams) {
    let mut name = DistinguishedName::new();
    for (kind, value) in [
        (DnType::CountryName, DnValue::PrintableString("CH".try_into().unwrap())),
        (DnType::OrganizationName, DnValue::from("Acme ☃")),
        (DnType::OrganizationalUnitName, DnValue::TeletexString("Unit".try_into().unwrap())),
        (DnType::LocalityName, DnValue::BmpString("Zürich".try_into().unwrap())),
        (DnType::StateOrProvinceName, DnValue::Ia5String("ZH".try_into().unwrap())),
        (DnType::CommonName, DnValue::from("a, b = c")),
        (DnType::CustomDnType(vec![2, 5, 4, 5]), DnValue::from("serial")),
        (DnType::CustomDnType(vec![2, 5, 4, 9]), DnValue::from("street")),
        (DnType::CustomDnType(vec![2, 5, 4, 17]), DnValue::from("8000")),
        (DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]), DnValue::from("dc")),
    ] {
        name.push(kind, value);
    }
    params.distinguished_name = name;
}

fn alternatives(params: &mut CertificateParams) {
    params.subject_alt_names = vec![
        SanType::DnsName("*.a.example".try_into().unwrap()),
        SanType::Rfc822Name("a@b.example".try_into().unwrap()),
        SanType::IpAddress(IpAddr::from([192, 0, 2, 1])),
        SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
        SanType::IpAddress("2001:db8::1:0:0:1".parse().unwrap()),
    ];
    for uri in [
        "spiffe://acme.example/ns/a/sa/b",
        "SPIFFE://Acme.example",
        "https://a.example:8443/b;c?d=e&f#g",
        "urn:uuid:1-2",
        "file:///a",
        "file:/a",
    ] {
        params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
    }
}

fn authority(params: &mut CertificateParams) {
    use KeyUsagePurpose::*;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![
        DigitalSignature,
        ContentCommitment,
        KeyEncipherment,
        DataEncipherment,
        KeyAgreement,
        KeyCertSign,
        CrlSign,
        EncipherOnly,
        DecipherOnly,
    ];
    params.use_authority_key_identifier_extension = true;
    params.crl_distribution_points =
        vec![CrlDistributionPoint { uris: vec!["http://a.example/crl".to_owned(), "b".to_owned()] }];
}

fn constrained(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName(".a.example".to_owned()),
            GeneralSubtree::Rfc822Name("a@b.example".to_owned()),
            GeneralSubtree::Rfc822Name("b.example".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix([192, 0, 2, 0].into(), 20)),
        ],
        excluded_subtrees: vec![
            GeneralSubtree::DnsName("c.example".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(Ipv6Addr::LOCALHOST.into(), 64)),
        ],
    });
}

/// Whether a certificate has what is named as a difference: a URI or a time that is read otherwise, another kind of key.
pub(crate) fn is_beyond_us(der: &[u8]) -> bool {
    let holds = |part: &[u8]| der.windows(part.len()).any(|window| window == part);
    // The object identifiers of DSA and P-224 are one octet away from others; so is `Z` from an offset.
    [&[0x2a, 0x86, 0x48, 0xce, 0x38][..], &[0x2b, 0x81, 0x04, 0x00, 0x21]].iter().any(|part| holds(part))
}

/// Extensions that rcgen does not write: policies, mappings, constraints of policies, inhibition of any, access to information.
const KNOWN: [(&[u64], &[u8]); 5] = [
    (
        &[2, 5, 29, 32],
        &[
            0x30, 0x12, 0x30, 0x06, 0x06, 0x04, 0x55, 0x1d, 0x20, 0x00, 0x30, 0x08, 0x06, 0x06, 0x67, 0x81, 0x0c, 0x01,
            0x02, 0x01,
        ],
    ),
    (&[2, 5, 29, 33], &[0x30, 0x0a, 0x30, 0x08, 0x06, 0x02, 0x2a, 0x03, 0x06, 0x02, 0x2a, 0x04]),
    (&[2, 5, 29, 36], &[0x30, 0x06, 0x80, 0x01, 0x00, 0x81, 0x01, 0x03]),
    (&[2, 5, 29, 54], &[0x02, 0x01, 0x02]),
    (
        &[1, 3, 6, 1, 5, 5, 7, 1, 1],
        &[
            0x30, 0x1e, 0x30, 0x0d, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x86, 0x01, b'o', 0x30,
            0x0d, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02, 0x86, 0x01, b'i',
        ],
    ),
];
