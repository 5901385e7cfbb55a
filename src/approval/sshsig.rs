//! A signature as `ssh-keygen -Y sign` writes it ([PROTOCOL.sshsig]), read to the last byte and in one way only.
//!
//! [PROTOCOL.sshsig]: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.sshsig

use aws_lc_rs::digest::{Algorithm, SHA256, SHA512, digest};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    NAMESPACE, SignatureError,
    wire::{Wire, put_string},
};

/// What is in the armour; nothing of it has been verified.
#[derive(Debug)]
pub(super) struct SshSignature {
    /// The key that is said to have signed.
    pub(super) key: Vec<u8>,
    hash: &'static Hash,
    /// The signature itself, with the name of its algorithm.
    pub(super) signature: Vec<u8>,
}

impl SshSignature {
    /// Opens the armour of a signature that was made for `namespace`.
    pub(super) fn open(armoured: &str, namespace: &str) -> Result<Self, SignatureError> {
        let blob = disarm(armoured).ok_or(SignatureError::Armour)?;
        let rest = blob.strip_prefix(MAGIC).ok_or(SignatureError::Armour)?;
        let mut wire = Wire(rest);
        if wire.u32() != Some(VERSION) {
            return Err(SignatureError::Version);
        }
        let fields = (|| Some((wire.string()?, wire.string()?, wire.string()?, wire.string()?, wire.string()?)))();
        let (key, written_for, reserved, hash, signature) =
            fields.filter(|_| wire.is_empty()).ok_or(SignatureError::Armour)?;
        if written_for != namespace.as_bytes() {
            return Err(SignatureError::Namespace(String::from_utf8_lossy(written_for).into_owned()));
        }
        let hash = HASHES.iter().find(|known| known.name.as_bytes() == hash).ok_or(SignatureError::Hash)?;
        // It is not among what is signed, so anybody could write there.
        if !reserved.is_empty() {
            return Err(SignatureError::Armour);
        }
        Ok(Self { key: key.to_vec(), hash, signature: signature.to_vec() })
    }

    /// What the key has to have signed, if this is to be a signature of `message`.
    pub(super) fn signed(&self, message: &[u8], namespace: &str) -> Vec<u8> {
        signed(message, namespace, self.hash)
    }
}

/// What a key signs, if it is to sign those canonical bytes: with [`armour`], whoever has a key can do without `ssh-keygen`.
pub fn signed_message(canonical: &[u8]) -> Vec<u8> {
    signed(canonical, NAMESPACE, &SHA_512)
}

/// A signature of [`signed_message`] in its armour. `key` is the public key as it is in its `.pub` file, decoded; `algorithm` what SSH calls
/// the way of signing (`ssh-ed25519`), `signature` its outcome.
pub fn armour(key: &[u8], algorithm: &str, signature: &[u8]) -> String {
    envelope(key, NAMESPACE, SHA_512.name, &super::key::named(algorithm, signature))
}

pub(super) fn envelope(key: &[u8], namespace: &str, hash: &str, signature: &[u8]) -> String {
    let mut blob = [MAGIC, &VERSION.to_be_bytes()].concat();
    for field in [key, namespace.as_bytes(), b"", hash.as_bytes(), signature] {
        put_string(&mut blob, field);
    }
    let text = STANDARD.encode(blob);
    let mut armoured = format!("{BEGIN}\n");
    for (index, character) in text.chars().enumerate() {
        if index > 0 && index.is_multiple_of(LINE) {
            armoured.push('\n');
        }
        armoured.push(character);
    }
    armoured.push_str(&format!("\n{END}\n"));
    armoured
}

fn signed(message: &[u8], namespace: &str, hash: &Hash) -> Vec<u8> {
    let mut signed = MAGIC.to_vec();
    for field in [namespace.as_bytes(), b"", hash.name.as_bytes(), digest(hash.algorithm, message).as_ref()] {
        put_string(&mut signed, field);
    }
    signed
}

/// What is between the first line and the last one.
fn disarm(armoured: &str) -> Option<Vec<u8>> {
    if armoured.len() > MAX_ARMOURED {
        return None;
    }
    let lines: Vec<&str> = armoured.lines().collect();
    let [BEGIN, inner @ .., END] = &lines[..] else { return None };
    let is_line = |line: &&str| !line.is_empty() && line.len() <= MAX_LINE;
    inner.iter().all(is_line).then(|| STANDARD.decode(inner.concat()).ok()).flatten()
}

#[derive(Debug)]
struct Hash {
    name: &'static str,
    algorithm: &'static Algorithm,
}

const SHA_256: Hash = Hash { name: "sha256", algorithm: &SHA256 };
const SHA_512: Hash = Hash { name: "sha512", algorithm: &SHA512 };
static HASHES: [Hash; 2] = [SHA_256, SHA_512];

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
/// As wide as `ssh-keygen` writes.
const LINE: usize = 70;
const MAX_LINE: usize = 76;
/// An RSA key of 8192 bits and its signature take less than a quarter of it.
const MAX_ARMOURED: usize = 16 << 10;
