//! A certificate is read whole and in one way: nothing behind it, no extension twice, every field that counts in its DER form.

use std::{collections::BTreeSet, time::Duration};

use x509_parser::{
    certificate::{X509Certificate, X509CertificateParser},
    error::X509Error,
    extensions::{BasicConstraints, ExtendedKeyUsage},
    nom::Parser,
    oid_registry::{
        OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
        OID_SIG_ED25519, OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_KEY_USAGE, Oid,
    },
    prelude::FromDer,
    public_key::PublicKey,
};

use crate::{clock::Timestamp, hex};

/// A certificate whose extensions are read only when they are asked for.
pub(crate) struct Certificate<'a>(X509Certificate<'a>);

impl<'a> Certificate<'a> {
    /// Reads `der`, which must be one certificate of at most 16 KiB.
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, Malformed> {
        if der.len() > MAX_DER {
            return Err(Malformed::TooLarge);
        }
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        let Ok((&[], certificate)) = parser.parse(der) else {
            return Err(Malformed::Der);
        };
        let mut seen = BTreeSet::new();
        if !certificate.extensions().iter().all(|extension| seen.insert(extension.oid.as_bytes())) {
            return Err(Malformed::DuplicateExtension);
        }
        Ok(Self(certificate))
    }

    /// The serial number: lower-case hex, without the sign octet.
    pub(crate) fn serial(&self) -> String {
        match self.0.tbs_certificate.raw_serial() {
            [0, magnitude @ ..] if !magnitude.is_empty() => hex::encode(magnitude),
            serial => hex::encode(serial),
        }
    }

    /// Its key: a DER `SubjectPublicKeyInfo`.
    pub(crate) fn spki(&self) -> &[u8] {
        self.0.public_key().raw
    }

    /// The time in which it is valid.
    pub(crate) fn window(&self) -> Result<Window, Malformed> {
        let validity = self.0.validity();
        let seconds = |seconds: i64| u64::try_from(seconds).map_err(|_| Malformed::Der);
        let window = Window {
            not_before: seconds(validity.not_before.timestamp())?,
            not_after: seconds(validity.not_after.timestamp())?,
        };
        if window.not_before > window.not_after { Err(Malformed::Der) } else { Ok(window) }
    }

    /// The basic constraints, if present (RFC 5280 §4.2.1.9).
    pub(crate) fn basic_constraints(&self) -> Result<Option<BasicConstraints>, Malformed> {
        self.extension(&OID_X509_EXT_BASIC_CONSTRAINTS)
    }

    /// The extended key usage, if present (RFC 5280 §4.2.1.12).
    pub(crate) fn extended_key_usage(&self) -> Result<Option<ExtendedKeyUsage<'a>>, Malformed> {
        self.extension(&OID_X509_EXT_EXTENDED_KEY_USAGE)
    }

    /// The key usage, if present (RFC 5280 §4.2.1.3).
    pub(crate) fn key_usage(&self) -> Result<Option<KeyUsage>, Malformed> {
        self.raw(&OID_X509_EXT_KEY_USAGE).map(KeyUsage::read).transpose()
    }

    /// Whether its key usage is marked critical, so that nobody who does not know it passes it over.
    pub(crate) fn key_usage_is_critical(&self) -> bool {
        let extension = self.0.extensions().iter().find(|extension| extension.oid == OID_X509_EXT_KEY_USAGE);
        extension.is_some_and(|extension| extension.critical)
    }

    /// The extension `oid` as a `T`, which must be all that it holds.
    pub(crate) fn extension<T: FromDer<'a, X509Error>>(&self, oid: &Oid<'static>) -> Result<Option<T>, Malformed> {
        let Some(value) = self.raw(oid) else {
            return Ok(None);
        };
        match T::from_der(value) {
            Ok((&[], extension)) => Ok(Some(extension)),
            _ => Err(Malformed::Der),
        }
    }

    /// Whether its key is one that this crate relies on: RSA from 2048 bits, ECDSA on P-256, P-384 or P-521, Ed25519.
    pub(crate) fn has_strong_key(&self) -> bool {
        let spki = self.0.public_key();
        let algorithm = &spki.algorithm.algorithm;
        if *algorithm == OID_SIG_ED25519 {
            return true;
        }
        if *algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            let curve = spki.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            return curve.is_some_and(|curve| [OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521].contains(&curve));
        }
        *algorithm == OID_PKCS1_RSAENCRYPTION
            && matches!(spki.parsed(), Ok(PublicKey::RSA(key)) if bits(key.modulus) >= MIN_RSA_BITS && is_safe(key.exponent))
    }

    fn raw(&self, oid: &Oid<'static>) -> Option<&'a [u8]> {
        self.0.extensions().iter().find(|extension| extension.oid == *oid).map(|extension| extension.value)
    }
}

/// Why bytes are not a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// More than 16 KiB.
    TooLarge,
    /// Not DER, or not that of a certificate.
    Der,
    /// One extension occurs more than once.
    DuplicateExtension,
}

/// The first and the last second in which a certificate is valid (RFC 5280 §4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) not_before: u64,
    pub(crate) not_after: u64,
}

impl Window {
    /// Whether `second` lies within, both ends included.
    pub(crate) const fn contains(self, second: u64) -> bool {
        self.not_before <= second && second <= self.not_after
    }

    /// From its beginning to its last second.
    pub(crate) const fn length(self) -> Duration {
        Duration::from_secs(self.not_after.saturating_sub(self.not_before))
    }
}

/// The first eight bits of a key usage; the ninth (decipherOnly) says nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyUsage(u8);

impl KeyUsage {
    /// Reads a named bit list, which in DER has no trailing zero bit (X.690 §11.2.2) and here no bit without a name.
    fn read(der: &[u8]) -> Result<Self, Malformed> {
        match *der {
            [3, 2, unused, bits] if bits != 0 && u32::from(unused) == bits.trailing_zeros() => Ok(Self(bits)),
            [3, 3, 7, bits, 0x80] => Ok(Self(bits)),
            _ => Err(Malformed::Der),
        }
    }

    pub(crate) const fn digital_signature(self) -> bool {
        self.0 & 0x80 != 0
    }

    pub(crate) const fn key_cert_sign(self) -> bool {
        self.0 & 0x04 != 0
    }

    pub(crate) const fn crl_sign(self) -> bool {
        self.0 & 0x02 != 0
    }
}

/// The second that `now` lies in; certificates count whole ones. What lies before the epoch is its first.
pub(crate) fn seconds(now: Timestamp) -> u64 {
    u64::try_from(now.seconds()).unwrap_or(0)
}

/// The beginning of `second`.
pub(crate) fn timestamp(second: u64) -> Timestamp {
    i64::try_from(second).map_or(Timestamp::MAX, Timestamp::from_seconds)
}

/// Whether `exponent` is odd and at least 65537 (FIPS 186-5 §5.4): with 1 everybody can sign, and 3 is what forgeries are made for.
pub(crate) fn is_safe(exponent: &[u8]) -> bool {
    bits(exponent) > 16 && exponent.last().is_some_and(|last| last % 2 == 1)
}

/// The length of a big-endian number, without leading zeros.
pub(crate) fn bits(number: &[u8]) -> usize {
    let start = number.iter().position(|&byte| byte != 0).unwrap_or(number.len());
    let significant = number.get(start..).unwrap_or_default();
    let zeros = significant.first().map_or(0, |byte| byte.leading_zeros());
    (significant.len() * 8).saturating_sub(zeros as usize)
}

/// Bounds every parser behind it; SVIDs have about 1 KiB.
const MAX_DER: usize = 16 * 1024;
const MIN_RSA_BITS: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_key_usage_in_its_der_form_only() {
        assert!(KeyUsage::read(&[3, 2, 7, 0x80]).unwrap().digital_signature());
        assert!(KeyUsage::read(&[3, 2, 1, 0x06]).unwrap().key_cert_sign());
        assert!(KeyUsage::read(&[3, 3, 7, 0x80, 0x80]).unwrap().digital_signature());
        for der in [
            &[3, 2, 0, 0x80][..],
            &[3, 2, 6, 0x80],
            &[3, 2, 7, 0x00],
            &[3, 1, 0],
            &[3, 3, 7, 0x80, 0x00],
            &[3, 3, 6, 0x80, 0xc0],
            &[3, 3, 0, 0x80, 0x01],
            &[3, 4, 7, 0x80, 0x80, 0x80],
            &[3, 2, 7, 0x80, 0],
            &[3, 0x81, 2, 7, 0x80],
            &[0x23, 2, 7, 0x80],
            &[],
        ] {
            assert_eq!(KeyUsage::read(der), Err(Malformed::Der), "{der:x?}");
        }
    }

    #[test]
    fn counts_bits_without_leading_zeros() {
        for (number, expected) in [(&[][..], 0), (&[0], 0), (&[1], 1), (&[0, 0, 0xff], 8), (&[0x01, 0], 9)] {
            assert_eq!(bits(number), expected);
        }
    }
}
