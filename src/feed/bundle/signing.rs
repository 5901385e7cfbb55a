//! Who may sign a bundle is said by whoever configures it; keys in files are those that are there when the bundle is read.

use std::{fmt, path::PathBuf};

use super::Secret;
use crate::{
    bundle::{Key, Verification},
    feed::https::{read, read_secret},
};

/// Who has to have signed a bundle, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// One of these keys.
    Keys {
        /// The keys that may have.
        keys: Vec<SigningKey>,
        /// The ID of the one that must have; without one, the signature names it.
        key_id: Option<String>,
        /// What the signature has to be for, instead of what its key is for.
        scope: Option<String>,
        /// Patterns of files that need not be signed.
        dangerous_exclude: Vec<String>,
    },
    /// Nobody, signed or not (OPA's `--skip-verify`).
    DangerousSkip,
}

/// A key that may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// What signatures call it.
    pub id: String,
    /// How it signs, and in no other way: a JWS algorithm (RFC 7518 §3.1).
    pub algorithm: String,
    /// What it signs for, if that matters.
    pub scope: Option<String>,
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
    fn load(&self, is_secret: bool) -> Result<String, String> {
        match self {
            Self::Text(text) => Ok(text.reveal().to_owned()),
            Self::File(path) => {
                let read = if is_secret { read_secret } else { read };
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
    /// One of `keys`.
    pub const fn by(keys: Vec<SigningKey>) -> Self {
        Self::Keys { keys, key_id: None, scope: None, dangerous_exclude: Vec::new() }
    }

    /// What bundles are held against, with keys as they are now.
    ///
    /// # Errors
    /// Why that cannot be.
    pub fn verification(&self) -> Result<Verification, String> {
        let Self::Keys { keys, key_id, scope, dangerous_exclude } = self else {
            return Ok(Verification::dangerous_skip());
        };
        let keys = keys.iter().map(SigningKey::load).collect::<Result<Vec<_>, _>>()?;
        let mut verification = Verification::new(keys).map_err(|error| error.to_string())?;
        if let Some(id) = key_id {
            verification = verification.with_key_id(id).map_err(|error| error.to_string())?;
        }
        if let Some(scope) = scope {
            verification = verification.with_scope(scope);
        }
        let excluded = verification.dangerous_exclude(dangerous_exclude.iter().map(String::as_str));
        excluded.map_err(|error| error.to_string())
    }
}

impl SigningKey {
    fn load(&self) -> Result<(String, Key), String> {
        let named = |why: String| format!("the key {}: {why}", crate::yaml::quote(&self.id));
        // The same one signs and verifies.
        let text = self.text.load(self.algorithm.starts_with("HS")).map_err(named)?;
        let key = Key::new(&self.algorithm, &text).map_err(|error| named(error.to_string()))?;
        Ok((self.id.clone(), key.with_scope(self.scope.as_deref().unwrap_or_default())))
    }
}
