//! Who may sign a bundle is said by whoever configures it; keys in files are those that are there when the bundle is read.

use std::{fmt, path::PathBuf};

use super::Secret;
use crate::{bundle::Verification, feed::https::read};

/// Who has to have signed a bundle, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// The keys that may have.
    pub keys: Vec<SigningKey>,
    /// The ID of the one that must have; without one, the signature names it.
    pub key: Option<String>,
    /// What the signature has to be for.
    pub scope: Option<String>,
    /// Files that need not be signed.
    pub exclude: Vec<String>,
}

/// A key that may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// What signatures call it.
    pub id: String,
    /// How it signs, and in no other way: a JWS algorithm (RFC 7518 §3.1).
    pub algorithm: String,
    /// The public key in PEM; of an HMAC, the secret.
    pub text: KeyText,
}

/// Where a key is.
#[derive(Clone, PartialEq, Eq)]
pub enum KeyText {
    /// Here.
    Text(Secret),
    /// In a file.
    File(PathBuf),
}

impl KeyText {
    pub(super) fn load(&self) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.reveal().to_owned()),
            Self::File(path) => {
                let text = read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
                String::from_utf8(text).map_err(|_| format!("`{}` is not UTF-8", path.display()))
            }
        }
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl Signing {
    pub(super) fn verification(&self) -> Result<Verification, String> {
        for key in &self.keys {
            key.text.load()?;
        }
        Ok(Verification)
    }
}
