//! Mints authorities and SVIDs, good ones and such as nobody should accept; everything is valid around `NOW`.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SigningKey,
};
use time::OffsetDateTime;

/// 2026-11-20T09:00:00Z, in seconds.
pub(crate) const NOW: i64 = 1_795_165_200;

/// A CA that issues SVIDs and further CAs.
pub(crate) struct Authority {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A self-signed root.
    pub(crate) fn root(name: &str) -> Self {
        Self::root_with(name, |_| {})
    }

    /// A self-signed root with a difference.
    pub(crate) fn root_with(name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        Self::root_with_key(name, KeyPair::generate().unwrap(), edit)
    }

    /// A self-signed root with a given key.
    pub(crate) fn root_with_key(name: &str, key: KeyPair, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority(name);
        edit(&mut params);
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// An intermediate below this CA.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        self.intermediate_with(name, |_| {})
    }

    /// An intermediate below this CA with a difference.
    pub(crate) fn intermediate_with(&self, name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = authority(name);
        edit(&mut params);
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// The SVID of a workload.
    pub(crate) fn svid(&self, id: &str) -> Vec<u8> {
        self.svid_with(id, |_| {})
    }

    /// The SVID of a workload with a difference.
    pub(crate) fn svid_with(&self, id: &str, edit: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        self.svid_for(id, &KeyPair::generate().unwrap(), edit)
    }

    /// The SVID of a workload for a given key, with a difference.
    pub(crate) fn svid_for(
        &self,
        id: &str,
        key: &impl PublicKeyData,
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Vec<u8> {
        let mut params = svid(id);
        edit(&mut params);
        params.signed_by(key, &self.issuer).unwrap().der().to_vec()
    }

    /// The certificate `der` with other bytes in its signed part, signed again.
    pub(crate) fn resigned(&self, der: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
        let (header, length) = header(der);
        let (inner_header, inner_length) = self::header(&der[header..]);
        let mut signed = der[header..header + inner_header + inner_length].to_vec();
        let at = signed.windows(from.len()).position(|window| window == from).expect("the bytes to replace");
        signed.splice(at..at + from.len(), to.iter().copied());
        let algorithm_start = header + inner_header + inner_length;
        let (algorithm_header, algorithm_length) = self::header(&der[algorithm_start..header + length]);
        let algorithm = &der[algorithm_start..algorithm_start + algorithm_header + algorithm_length];
        let signature = tlv(3, &[&[0], &self.issuer.key().sign(&signed).unwrap()[..]].concat());
        tlv(0x30, &[&signed, algorithm, &signature].concat())
    }

    /// Its certificate.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its certificate as PEM.
    pub(crate) fn pem(&self) -> String {
        pem(&self.der)
    }
}

/// `seconds` from `NOW`.
pub(crate) fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW + seconds).unwrap()
}

/// An extension with any content; those that matter are critical.
pub(crate) fn extension(oid: &[u64], content: &[u8]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content.to_vec());
    extension.set_criticality(true);
    extension
}

/// One DER element.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match content.len() {
        length @ 0..=0x7f => der.push(length as u8),
        length @ 0x80..=0xff => der.extend([0x81, length as u8]),
        length => der.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    der.extend(content);
    der
}

/// A certificate as PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// Text as Envoy writes it into `source.certificate`.
pub(crate) fn escape(text: &str) -> String {
    [("\n", "%0A"), (" ", "%20"), ("+", "%2B"), ("/", "%2F"), ("=", "%3D")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

pub(crate) const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
pub(crate) const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
pub(crate) const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
pub(crate) const NAME_CONSTRAINTS: &[u64] = &[2, 5, 29, 30];
pub(crate) const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = at(-86_400);
    params.not_after = at(864_000);
    params
}

fn svid(id: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
    params.not_before = at(-10);
    params.not_after = at(3_600);
    params
}

/// The lengths of an element's header and content.
fn header(der: &[u8]) -> (usize, usize) {
    match der[1] {
        0x81 => (3, der[2].into()),
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        length => (2, length.into()),
    }
}
