//! Where a key is configured, nothing of a bundle counts that the key did not sign ([OPA's signature format]).
//!
//! A signature names every file and the digest of each; a file too many, one too few or one that differs refuses the bundle.
//!
//! [OPA's signature format]: https://www.openpolicyagent.org/docs/latest/management-bundles/#signature-format

mod claims;
mod files;
mod key;
mod pem;

use std::collections::BTreeMap;

use self::claims::Token;
pub use self::key::{Key, KeyError};
use super::{Entry, Limits, Signed, content::SIGNATURES, document::Tree, pattern::Pattern};
use crate::{clock::Timestamp, yaml::quote};

/// Whose signature a bundle must have.
#[derive(Clone, Debug)]
pub struct Verification(Way);

#[derive(Clone, Debug)]
enum Way {
    Verify { keys: BTreeMap<String, Key>, key_id: Option<String>, scope: Option<String>, exclude: Vec<Pattern> },
    Skip,
}

/// Why keys and terms are no verification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerificationError {
    /// There is no key.
    #[error("there is no key to verify bundles with")]
    NoKeys,
    /// Two keys have one ID.
    #[error("two keys have the ID {}", quote(.0))]
    Twice(String),
    /// The key that is named is not there.
    #[error("there is no key with the ID {}", quote(.0))]
    UnknownKey(String),
    /// A pattern is malformed.
    #[error("{} is not a pattern for files", quote(.0))]
    Pattern(String),
}

impl Verification {
    /// By one of these keys, each with its ID: the one that the signature names.
    ///
    /// # Errors
    /// If there is none, or two have one ID.
    pub fn new(keys: impl IntoIterator<Item = (String, Key)>) -> Result<Self, VerificationError> {
        let mut by_id = BTreeMap::new();
        for (id, key) in keys {
            if by_id.insert(id.clone(), key).is_some() {
                return Err(VerificationError::Twice(id));
            }
        }
        if by_id.is_empty() {
            return Err(VerificationError::NoKeys);
        }
        Ok(Self(Way::Verify { keys: by_id, key_id: None, scope: None, exclude: Vec::new() }))
    }

    /// Takes the key with that ID, whatever the signature names (OPA's `keyid`).
    ///
    /// # Errors
    /// If there is no such key.
    pub fn with_key_id(mut self, id: &str) -> Result<Self, VerificationError> {
        if let Way::Verify { keys, key_id, .. } = &mut self.0 {
            if !keys.contains_key(id) {
                return Err(VerificationError::UnknownKey(id.to_owned()));
            }
            *key_id = Some(id.to_owned());
        }
        Ok(self)
    }

    /// Asks for this `scope` in the signature, instead of the key's.
    #[must_use]
    pub fn with_scope(mut self, wanted: &str) -> Self {
        if let Way::Verify { scope, .. } = &mut self.0 {
            *scope = Some(wanted.to_owned()).filter(|scope| !scope.is_empty());
        }
        self
    }

    /// Lets files that one of these patterns fits be in a bundle unsigned (OPA's `exclude_files`): whoever delivers the bundle decides
    /// what they say.
    ///
    /// # Errors
    /// A pattern that is malformed.
    pub fn dangerous_exclude<'a>(
        mut self,
        patterns: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, VerificationError> {
        for text in patterns {
            let pattern = Pattern::parse(text).ok_or_else(|| VerificationError::Pattern(text.to_owned()))?;
            if let Way::Verify { exclude, .. } = &mut self.0 {
                exclude.push(pattern);
            }
        }
        Ok(self)
    }

    /// Takes bundles as they come, signed or not (OPA's `--skip-verify`).
    pub const fn dangerous_skip() -> Self {
        Self(Way::Skip)
    }
}

/// Verifies the signature over all of `entries`; gives who signed, where that was asked.
pub(super) fn verify(
    entries: &[Entry],
    limits: &Limits,
    verification: Option<&Verification>,
    now: Timestamp,
) -> Result<Option<Signed>, String> {
    let signatures = entries.iter().find(|entry| entry.path == SIGNATURES);
    let (keys, key_id, scope, exclude) = match (verification.map(|it| &it.0), signatures) {
        (Some(Way::Skip), _) | (None, None) => return Ok(None),
        (None, Some(_)) => {
            return refuse("it is signed, and no key is configured to verify it with: name the signer's key");
        }
        (Some(Way::Verify { .. }), None) => {
            return refuse("it has no `.signatures.json`: sign it (`opa build --signing-key`)");
        }
        (Some(Way::Verify { keys, key_id, scope, exclude }), Some(_)) => (keys, key_id, scope, exclude),
    };
    let text = signatures.map(|entry| entry.bytes.as_slice()).unwrap_or_default();
    let compact = only_token(text, limits)?;
    let token = Token::read(&compact)?;
    let id =
        key_id.as_deref().or(token.key_id.as_deref()).ok_or("bundle.signature: it names no key: configure a key ID")?;
    let Some(key) = keys.get(id) else {
        return refuse(&format!("there is no key with the ID {}", quote(id)));
    };
    key.verify(&token)?;
    // Only now is anything that it says worth reading.
    let claims = token.claims(now)?;
    if claims.scope != scope.as_deref().unwrap_or_else(|| key.scope()) {
        return refuse("its scope is another one than was asked for");
    }
    files::verify(entries, &claims.files, exclude, limits)?;
    Ok(Some(Signed { key_id: id.to_owned(), issued_at: claims.issued_at }))
}

/// The one token of `.signatures.json`.
fn only_token(text: &[u8], limits: &Limits) -> Result<String, String> {
    // Nobody has vouched for this text yet.
    if text.len() > MAX_SIGNATURES {
        return refuse(&format!("it has {} bytes, more than {MAX_SIGNATURES}", text.len()));
    }
    let tree = Tree::json(SIGNATURES, text, limits).map_err(|problem| format!("bundle.signature: {problem}"))?;
    match tree.get("plugin") {
        None => {}
        Some(plugin) if plugin.text().is_some_and(|plugin| matches!(plugin, "" | "_default")) => {}
        Some(_) => return refuse("it was signed by a plugin, which nothing here can verify"),
    }
    let Some(Tree::List(tokens)) = tree.get("signatures") else { return refuse("`signatures` is not a list") };
    match tokens.as_slice() {
        [token] => token.text().map(str::to_owned).ok_or_else(|| "bundle.signature: a signature is no text".to_owned()),
        _ => refuse("there is not exactly one signature"),
    }
}

/// Enough for each file that a bundle may hold.
const MAX_SIGNATURES: usize = 8 << 20;

fn refuse<T>(why: &str) -> Result<T, String> {
    Err(format!("bundle.signature: {why}"))
}
