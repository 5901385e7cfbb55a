//! Certificates of every kind: those that a workload should have, and those that only an attacker would make.

use aws_lc_rs::digest::{SHA256, digest};
use hopguard::clock::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SigningKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use time::OffsetDateTime;

use super::envoy_pem;

/// An authority that signs whatever it is given.
pub(crate) struct Ca {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    now: Timestamp,
}

/// What a client shows: its certificate and what comes with it.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) leaf: Vec<u8>,
    pub(crate) above: Vec<Vec<u8>>,
    /// PKCS #8. None: nobody has the key, so no client can show this.
    pub(crate) key: Option<Vec<u8>>,
}

impl Ca {
    /// A self-signed root, valid since yesterday and for ten days.
    pub(crate) fn root(name: &str, now: Timestamp) -> Self {
        Self::root_with(name, now, |_| {})
    }

    pub(crate) fn root_with(name: &str, now: Timestamp, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        Self::root_with_key(name, now, KeyPair::generate().unwrap(), edit)
    }

    pub(crate) fn root_with_key(
        name: &str,
        now: Timestamp,
        key: KeyPair,
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let mut params = authority(name, now);
        edit(&mut params);
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key), now }
    }

    /// An intermediate below it.
    pub(crate) fn sub(&self, name: &str) -> Self {
        self.sub_with(name, |_| {})
    }

    pub(crate) fn sub_with(&self, name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = authority(name, self.now);
        edit(&mut params);
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key), now: self.now }
    }

    /// An SVID of `id`, valid for an hour.
    pub(crate) fn svid(&self, id: &str) -> Shown {
        self.svid_with(id, |_| {})
    }

    /// The same with a difference.
    pub(crate) fn svid_with(&self, id: &str, edit: impl FnOnce(&mut CertificateParams)) -> Shown {
        let key = KeyPair::generate().unwrap();
        Shown { key: Some(key.serialize_der()), ..self.svid_for(id, &key, edit) }
    }

    /// The same for a public key that nobody has the private one of.
    pub(crate) fn svid_for(
        &self,
        id: &str,
        key: &impl PublicKeyData,
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Shown {
        let mut params = svid(id, self.now);
        edit(&mut params);
        let leaf = params.signed_by(key, &self.issuer).unwrap().der().to_vec();
        Shown { leaf, above: Vec::new(), key: None }
    }

    /// `shown` with other bytes in its leaf, as many as before, and signed again.
    pub(crate) fn resigned(&self, shown: &Shown, from: &[u8], to: &[u8]) -> Shown {
        assert_eq!(from.len(), to.len());
        let der = &shown.leaf;
        let (start, _) = header(der);
        let signed_end = start + whole(&der[start..]);
        let mut signed = der[start..signed_end].to_vec();
        let mut algorithm = der[signed_end..signed_end + whole(&der[signed_end..])].to_vec();
        replace(&mut signed, from, to).expect("the bytes to replace");
        // What is said of the signature is said twice.
        let _ = replace(&mut algorithm, from, to);
        let signature = tlv(3, &[&[0], &self.issuer.key().sign(&signed).unwrap()[..]].concat());
        Shown { leaf: tlv(0x30, &[signed, algorithm, signature].concat()), ..shown.clone() }
    }

    /// Its own certificate, as a client would show it.
    pub(crate) fn itself(&self) -> Shown {
        Shown { leaf: self.der.clone(), above: Vec::new(), key: Some(self.issuer.key().serialize_der()) }
    }

    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn pem(&self) -> String {
        pem(&self.der)
    }

    /// `seconds` from now.
    pub(crate) fn at(&self, seconds: i64) -> OffsetDateTime {
        at(self.now, seconds)
    }
}

impl Shown {
    /// The same with these authorities behind it.
    pub(crate) fn with(mut self, above: &[&Ca]) -> Self {
        self.above.extend(above.iter().map(|ca| ca.der.clone()));
        self
    }

    /// The leaf as Envoy writes it into `source.certificate`.
    pub(crate) fn certificate(&self) -> String {
        envoy_pem(&pem(&self.leaf))
    }

    /// All of it as Envoy writes it into an `x-forwarded-client-cert`.
    pub(crate) fn chain(&self) -> String {
        std::iter::once(&self.leaf).chain(&self.above).map(|der| envoy_pem(&pem(der))).collect()
    }

    /// The SHA-256 of the leaf, in hex.
    pub(crate) fn hash(&self) -> String {
        digest(&SHA256, &self.leaf).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What a TLS client needs. None: no client can show it.
    pub(crate) fn client(&self) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let key = PrivatePkcs8KeyDer::from(self.key.clone()?);
        let chain = std::iter::once(&self.leaf).chain(&self.above).map(|der| CertificateDer::from(der.clone()));
        Some((chain.collect(), key.into()))
    }
}

/// A public RSA key that nobody has the private one of.
pub(crate) struct Rsa(Vec<u8>);

impl Rsa {
    pub(crate) fn new(bytes: usize, exponent: &[u8]) -> Self {
        let modulus = [vec![0, 0xff], vec![1; bytes - 1]].concat();
        Self(tlv(0x30, &[tlv(2, &modulus), tlv(2, exponent)].concat()))
    }
}

impl PublicKeyData for Rsa {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

/// A critical extension with any content.
pub(crate) fn extension(oid: &[u64], content: &[u8]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content.to_vec());
    extension.set_criticality(true);
    extension
}

/// One DER element.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..=0x7f => vec![tag, length[3]],
        0x80..=0xff => vec![tag, 0x81, length[3]],
        0x100..=0xffff => vec![tag, 0x82, length[2], length[3]],
        _ => vec![tag, 0x83, length[1], length[2], length[3]],
    };
    [&head, content].concat()
}

/// A certificate as PEM.
pub(crate) fn pem(der: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// `seconds` from `now`, in whole ones.
pub(crate) fn at(now: Timestamp, seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(now.seconds() + seconds).unwrap()
}

pub(crate) fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn authority(name: &str, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (at(now, -86_400), at(now, 864_000));
    params
}

fn svid(id: &str, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = vec![uri(id)];
    (params.not_before, params.not_after) = (at(now, -60), at(now, 3_600));
    params
}

fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) -> Option<()> {
    let start = bytes.windows(from.len()).position(|window| window == from)?;
    bytes[start..start + from.len()].copy_from_slice(to);
    Some(())
}

/// The lengths of an element's header and content.
fn header(der: &[u8]) -> (usize, usize) {
    match usize::from(der[1]) {
        long @ 0x81..=0x84 => {
            let octets = long - 0x80;
            (2 + octets, der[2..2 + octets].iter().fold(0, |length, octet| length << 8 | usize::from(*octet)))
        }
        length => (2, length),
    }
}

fn whole(der: &[u8]) -> usize {
    let (header, content) = header(der);
    header + content
}

pub(crate) const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
pub(crate) const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
pub(crate) const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
pub(crate) const NAME_CONSTRAINTS: &[u64] = &[2, 5, 29, 30];
pub(crate) const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
