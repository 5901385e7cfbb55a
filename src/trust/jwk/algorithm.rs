//! The signature algorithms that a token may have: the nine of [JWT-SVID §2.1], and nothing that an attacker can compute.
//!
//! [JWT-SVID §2.1]: https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md

use std::fmt;

use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, RsaParameters};

/// A signature algorithm ([RFC 7518 §3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// ECDSA on P-521 with SHA-512.
    ES512,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 9] = [
        Self::ES256,
        Self::ES384,
        Self::ES512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
    ];

    /// Reads the name of an algorithm, in its one spelling.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
        }
    }

    /// How it is verified.
    pub(crate) const fn family(self) -> Family {
        match self {
            Self::ES256 => Family::Ec(&signature::ECDSA_P256_SHA256_FIXED),
            Self::ES384 => Family::Ec(&signature::ECDSA_P384_SHA384_FIXED),
            Self::ES512 => Family::Ec(&signature::ECDSA_P521_SHA512_FIXED),
            Self::PS256 => Family::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Self::PS384 => Family::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Self::PS512 => Family::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Self::RS256 => Family::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::RS384 => Family::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::RS512 => Family::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kind of key that an algorithm needs, and how such a key verifies.
pub(crate) enum Family {
    Ec(&'static EcdsaVerificationAlgorithm),
    Rsa(&'static RsaParameters),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_one_spelling() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::parse(algorithm.as_str()), Some(algorithm));
            assert_eq!(Algorithm::parse(&algorithm.as_str().to_lowercase()), None);
        }
        for name in
            ["none", "None", "nOnE", "", "HS256", "HS384", "HS512", "EdDSA", "ES256K", "RS1", "ES256 ", "RSA-OAEP"]
        {
            assert_eq!(Algorithm::parse(name), None, "{name:?}");
        }
    }
}
