//! A public key as SSH writes it, and what it has signed: under the algorithms of its own kind only, and never with SHA-1.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, EcdsaVerificationAlgorithm,
        ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

use super::wire::{Wire, put_string};
use crate::yaml::quote;

/// A key whose kind is known here.
#[derive(Clone, Debug)]
pub(super) struct PublicKey {
    blob: Vec<u8>,
    kind: &'static str,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Ed25519(ParsedPublicKey),
    Ecdsa(Curve, ParsedPublicKey),
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// On a token, which says for what it was touched.
    Token {
        application: Vec<u8>,
        key: Box<Self>,
    },
}

#[derive(Clone, Copy, Debug)]
struct Curve {
    name: &'static str,
    /// The bytes of a coordinate.
    width: usize,
    algorithm: &'static EcdsaVerificationAlgorithm,
}

impl PublicKey {
    /// Reads a key, and nothing behind it.
    pub(super) fn read(blob: &[u8]) -> Result<Self, String> {
        let mut wire = Wire(blob);
        let kind = wire.text().ok_or_else(|| BROKEN.to_owned())?;
        let Some(kind) = KINDS.into_iter().find(|known| *known == kind) else {
            return Err(unknown(kind));
        };
        let form = match kind {
            "ssh-ed25519" => ed25519(&mut wire),
            "ssh-rsa" => return rsa(&mut wire).map(|form| Self { blob: blob.to_vec(), kind, form }),
            "sk-ssh-ed25519@openssh.com" => ed25519(&mut wire).and_then(|key| token(key, &mut wire)),
            "sk-ecdsa-sha2-nistp256@openssh.com" => ecdsa(P256, &mut wire).and_then(|key| token(key, &mut wire)),
            "ecdsa-sha2-nistp256" => ecdsa(P256, &mut wire),
            "ecdsa-sha2-nistp384" => ecdsa(P384, &mut wire),
            _ => ecdsa(P521, &mut wire),
        };
        let form = form.filter(|_| wire.is_empty()).ok_or_else(|| BROKEN.to_owned())?;
        Ok(Self { blob: blob.to_vec(), kind, form })
    }

    /// The key as it was read.
    pub(super) fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Its kind, as SSH calls it.
    pub(super) const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether a signature, with the name of its algorithm, is this key's of `message`.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let mut wire = Wire(signature);
        let verified = wire.text().and_then(|algorithm| self.verified(algorithm, &mut wire, message));
        verified.is_some() && wire.is_empty()
    }

    fn verified(&self, algorithm: &str, wire: &mut Wire<'_>, message: &[u8]) -> Option<()> {
        match &self.form {
            Form::Rsa { modulus, exponent } => {
                let parameters = match algorithm {
                    "rsa-sha2-256" => &RSA_PKCS1_2048_8192_SHA256,
                    "rsa-sha2-512" => &RSA_PKCS1_2048_8192_SHA512,
                    _ => return None,
                };
                let signature = wire.string()?;
                PublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, signature).ok()
            }
            _ if algorithm != self.kind => None,
            Form::Token { application, key } => {
                let signature = wire.string()?;
                let (flags, counter) = (wire.byte()?, wire.u32()?);
                if flags & USER_PRESENT == 0 {
                    return None;
                }
                let mut touched = digest(&SHA256, application).as_ref().to_vec();
                touched.push(flags);
                touched.extend(counter.to_be_bytes());
                touched.extend(digest(&SHA256, message).as_ref());
                key.plain(signature, &touched)
            }
            form => form.plain(wire.string()?, message),
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.blob == other.blob
    }
}

impl Eq for PublicKey {}

impl Form {
    /// Whether that is a signature of the key alone.
    fn plain(&self, signature: &[u8], message: &[u8]) -> Option<()> {
        match self {
            Self::Ed25519(key) => key.verify_sig(message, signature).ok(),
            Self::Ecdsa(curve, key) => {
                let mut wire = Wire(signature);
                let (r, s) = (wire.positive()?, wire.positive()?);
                let fixed = [padded(r, curve.width)?, padded(s, curve.width)?].concat();
                key.verify_sig(message, &fixed).ok().filter(|()| wire.is_empty())
            }
            Self::Rsa { .. } | Self::Token { .. } => None,
        }
    }
}

fn ed25519(wire: &mut Wire<'_>) -> Option<Form> {
    let point = wire.string().filter(|point| point.len() == 32)?;
    ParsedPublicKey::new(&ED25519, point).ok().map(Form::Ed25519)
}

fn ecdsa(curve: Curve, wire: &mut Wire<'_>) -> Option<Form> {
    let name = wire.text()?;
    let point = wire.string()?;
    let is_whole = point.first() == Some(&UNCOMPRESSED) && point.len().checked_sub(1) == curve.width.checked_mul(2);
    let key = ParsedPublicKey::new(curve.algorithm, point).ok()?;
    (name == curve.name && is_whole).then_some(Form::Ecdsa(curve, key))
}

fn token(key: Form, wire: &mut Wire<'_>) -> Option<Form> {
    Some(Form::Token { application: wire.string()?.to_vec(), key: Box::new(key) })
}

fn rsa(wire: &mut Wire<'_>) -> Result<Form, String> {
    let numbers = wire.positive().zip(wire.positive()).filter(|_| wire.is_empty());
    let (exponent, modulus) = numbers.ok_or_else(|| BROKEN.to_owned())?;
    let first = modulus.first().map_or(0, |first| first.leading_zeros());
    let bits = modulus.len().saturating_mul(8).saturating_sub(usize::try_from(first).unwrap_or(0));
    if !(2_048..=8_192).contains(&bits) {
        return Err(format!("an RSA key has 2048 to 8192 bits, and this one has {bits}: make a new one"));
    }
    let key = PublicKeyComponents { n: modulus, e: exponent };
    key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA512).map_err(|_| BROKEN.to_owned())?;
    Ok(Form::Rsa { modulus: modulus.to_vec(), exponent: exponent.to_vec() })
}

fn unknown(kind: &str) -> String {
    let advice = "make a key with `ssh-keygen -t ed25519`";
    let kind = quote(kind);
    if kind.contains("-cert-") {
        format!("{kind} is a certificate, which is not built: list the key itself")
    } else {
        format!("keys of the kind {kind} are not taken: {advice}")
    }
}

fn padded(number: &[u8], width: usize) -> Option<Vec<u8>> {
    let mut padded = vec![0; width.checked_sub(number.len())?];
    padded.extend(number);
    Some(padded)
}

/// How `ssh-keygen -l` shows a key.
pub(super) fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(digest(&SHA256, blob)))
}

/// The signed form of a raw signature: its algorithm, then itself.
pub(super) fn named(algorithm: &str, signature: &[u8]) -> Vec<u8> {
    let mut blob = Vec::new();
    put_string(&mut blob, algorithm.as_bytes());
    put_string(&mut blob, signature);
    blob
}

const KINDS: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];
const P256: Curve = Curve { name: "nistp256", width: 32, algorithm: &ECDSA_P256_SHA256_FIXED };
const P384: Curve = Curve { name: "nistp384", width: 48, algorithm: &ECDSA_P384_SHA384_FIXED };
const P521: Curve = Curve { name: "nistp521", width: 66, algorithm: &ECDSA_P521_SHA512_FIXED };
const UNCOMPRESSED: u8 = 0x04;
/// Somebody touched the token.
const USER_PRESENT: u8 = 0x01;
const BROKEN: &str = "the key is broken: copy it again from its `.pub` file";
