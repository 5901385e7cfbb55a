//! A public key is what its numbers say and nothing else; it verifies under algorithms of its own kind only.

use aws_lc_rs::{
    rsa::PublicKeyComponents,
    signature::{ED25519, ParsedPublicKey},
};

use super::der::{Der, Element, SEQUENCE};
use crate::trust::jwk::{Algorithm, Family};

/// A key that verifies.
#[derive(Clone)]
pub(in super::super) enum PublicKey {
    Ec {
        curve: Curve,
        /// Uncompressed, and on the curve.
        point: Vec<u8>,
        key: ParsedPublicKey,
    },
    Ed25519 {
        octets: Vec<u8>,
        key: ParsedPublicKey,
    },
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// A key that signs nothing that is known here.
    Other,
}

/// A curve that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// Reads its name in a JWK.
    pub(in super::super) fn parse(name: &str) -> Option<Self> {
        match name {
            "P-256" => Some(Self::P256),
            "P-384" => Some(Self::P384),
            "P-521" => Some(Self::P521),
            _ => None,
        }
    }

    fn of(oid: &[u32]) -> Option<Self> {
        match oid {
            [1, 2, 840, 10045, 3, 1, 7] => Some(Self::P256),
            [1, 3, 132, 0, 34] => Some(Self::P384),
            [1, 3, 132, 0, 35] => Some(Self::P521),
            _ => None,
        }
    }

    /// The octets of a coordinate.
    pub(in super::super) const fn width(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    const fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
            Self::P521 => Algorithm::ES512,
        }
    }
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), and nothing behind it.
    pub(in super::super) fn read(der: &[u8]) -> Option<Self> {
        let mut der = Der(der);
        let mut info = der.take(SEQUENCE)?;
        let mut algorithm = info.take(SEQUENCE)?;
        let (oid, parameters) = (algorithm.oid()?, algorithm.0);
        let (octets, 0) = info.bits()? else { return None };
        if !(der.is_empty() && info.is_empty()) {
            return None;
        }
        match Self::of(&oid, parameters, octets)? {
            Self::Other if oid != X25519 => None,
            key => Some(key),
        }
    }

    /// The key of that kind; one of a kind that is not known is one that verifies nothing.
    pub(super) fn of(oid: &[u32], parameters: &[u8], octets: &[u8]) -> Option<Self> {
        match oid {
            RSA if parameters == NULL => {
                let mut numbers = Der(octets).take(SEQUENCE)?;
                let (modulus, exponent) = (numbers.unsigned()?, numbers.unsigned()?);
                Self::rsa(modulus, exponent).filter(|_| exponent.len() <= 8)
            }
            EC => {
                let Element { tag: super::der::OID, whole, .. } = Der(parameters).any()? else { return None };
                Self::ec(Curve::of(&Der(whole).oid()?)?, octets.to_vec())
            }
            ED25519_ID if parameters.is_empty() => Self::ed25519(octets),
            RSA | ED25519_ID | DSA => None,
            _ => Some(Self::Other),
        }
    }

    /// The key of a modulus and an exponent, big end first.
    pub(in super::super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let trim = |number: &[u8]| {
            let zeros = number.iter().take_while(|octet| **octet == 0).count();
            number.get(zeros..).filter(|rest| !rest.is_empty()).map(<[u8]>::to_vec)
        };
        Some(Self::Rsa { modulus: trim(modulus)?, exponent: trim(exponent)? })
    }

    /// Whether it is an RSA key with an odd exponent of at most 63 bits.
    pub(in super::super) fn has_odd_exponent(&self) -> bool {
        let Self::Rsa { exponent, .. } = self else { return false };
        let is_short =
            exponent.len() < 8 || exponent.len() == 8 && exponent.first().is_some_and(|first| first & 0x80 == 0);
        is_short && exponent.last().is_some_and(|last| last % 2 == 1)
    }

    /// The key of a point, which must be on the curve.
    pub(in super::super) fn ec(curve: Curve, point: Vec<u8>) -> Option<Self> {
        let Family::Ec(parameters) = curve.algorithm().family() else { return None };
        let is_whole =
            point.first() == Some(&0x04) && Some(point.len()) == curve.width().checked_mul(2)?.checked_add(1);
        let key = ParsedPublicKey::new(parameters, &point).ok().filter(|_| is_whole)?;
        Some(Self::Ec { curve, point, key })
    }

    pub(in super::super) fn ed25519(octets: &[u8]) -> Option<Self> {
        let key = ParsedPublicKey::new(&ED25519, octets).ok().filter(|_| octets.len() == 32)?;
        Some(Self::Ed25519 { octets: octets.to_vec(), key })
    }

    /// Whether it has signatures under `algorithm`.
    pub(in super::super) fn serves(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Ec { curve, .. } => curve.algorithm() == algorithm,
            Self::Rsa { .. } => matches!(algorithm.family(), Family::Rsa(_)),
            Self::Ed25519 { .. } | Self::Other => false,
        }
    }

    pub(in super::super) const fn is_ed25519(&self) -> bool {
        matches!(self, Self::Ed25519 { .. })
    }

    /// What one signature costs, in units of about 25 µs.
    pub(in super::super) fn cost(&self) -> u32 {
        match self {
            Self::Ec { curve: Curve::P256, .. } | Self::Ed25519 { .. } => 2,
            Self::Ec { .. } => 8,
            Self::Rsa { modulus, .. } => match modulus.len() {
                0..=256 => 1,
                257..=512 => 4,
                _ => 16,
            },
            Self::Other => 0,
        }
    }

    /// Whether `signature` is this key's of `message`. RSA of fewer than 2048 or more than 8192 bits has none that count.
    pub(in super::super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match (self, algorithm.family()) {
            (Self::Ec { key, .. }, Family::Ec(_)) if self.serves(algorithm) => {
                key.verify_sig(message, signature).is_ok()
            }
            (Self::Rsa { modulus, exponent }, Family::Rsa(parameters)) => {
                let components = PublicKeyComponents { n: modulus, e: exponent };
                components.verify(parameters, message, signature).is_ok()
            }
            _ => false,
        }
    }

    pub(in super::super) fn verify_ed25519(&self, message: &[u8], signature: &[u8]) -> bool {
        matches!(self, Self::Ed25519 { key, .. } if key.verify_sig(message, signature).is_ok())
    }
}

const NULL: &[u8] = &[0x05, 0x00];
pub(super) const RSA: &[u32] = &[1, 2, 840, 113_549, 1, 1, 1];
pub(super) const EC: &[u32] = &[1, 2, 840, 10045, 2, 1];
pub(super) const ED25519_ID: &[u32] = &[1, 3, 101, 112];
const X25519: &[u32] = &[1, 3, 101, 110];
pub(super) const DSA: &[u32] = &[1, 2, 840, 10040, 4, 1];
