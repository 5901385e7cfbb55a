//! Keys are read from a certificate, a public key or a key set, once for each text.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest::{SHA256, digest};
use quick_cache::sync::Cache;

use super::{
    super::{
        native::Failure,
        x509::{Certificate, PublicKey, pem},
    },
    jwk,
    signature::Key,
};

/// The keys of one text.
pub(super) struct Keys {
    /// The SHA-256 of the text.
    pub(super) digest: Digest,
    pub(super) keys: Vec<Named>,
}

/// A key, and what the text says of it.
pub(super) struct Named {
    pub(super) key: Key,
    /// The algorithm that it is for, or nothing.
    pub(super) alg: String,
    /// Its ID, or nothing.
    pub(super) kid: String,
}

pub(super) type Digest = [u8; 32];

impl Keys {
    /// The keys of `text`: PEM of one certificate or public key, or a JWK or JWK set.
    pub(super) fn of(text: &str) -> Result<Arc<Self>, Failure> {
        if text.len() > MAX_TEXT {
            return Err(Failure::Bound(format!("the keys are longer than {MAX_TEXT} bytes")));
        }
        let digest = sha256(text.as_bytes());
        if let Some(known) = PARSED.get(&digest) {
            return Ok(known);
        }
        let keys = Arc::new(Self { digest, keys: read(text)? });
        PARSED.insert(digest, Arc::clone(&keys));
        Ok(keys)
    }

    /// The first key of that ID.
    pub(super) fn named(&self, kid: &str) -> Option<&Named> {
        self.keys.iter().find(|key| !kid.is_empty() && key.kid == kid)
    }
}

fn read(text: &str) -> Result<Vec<Named>, Failure> {
    let Some((block, rest)) = pem::decode(text.as_bytes()) else {
        return jwk::read(text);
    };
    if !rest.is_empty() {
        return Err(error("something follows the PEM block of the key"));
    }
    let key = match &*block.label {
        b"CERTIFICATE" => Certificate::read(&block.content)
            .and_then(|(certificate, rest)| if rest.is_empty() { Some(certificate.into_public_key()) } else { None }),
        b"PUBLIC KEY" => PublicKey::read(&block.content),
        _ => return Err(error("the PEM block is neither a CERTIFICATE nor a PUBLIC KEY")),
    };
    let key = key.ok_or_else(|| error("the certificate or public key cannot be read"))?;
    Ok(vec![Named { key: Key::Public(key), alg: String::new(), kid: String::new() }])
}

pub(super) fn sha256(bytes: &[u8]) -> Digest {
    let mut octets = [0; 32];
    octets.copy_from_slice(digest(&SHA256, bytes).as_ref());
    octets
}

fn error(message: &str) -> Failure {
    Failure::Error(message.to_owned())
}

/// What one call can read in well under a millisecond.
const MAX_TEXT: usize = 64 * 1024;

/// What a text holds does not change, so nothing here grows stale.
static PARSED: LazyLock<Cache<Digest, Arc<Keys>>> = LazyLock::new(|| Cache::new(MOST_TEXTS));
const MOST_TEXTS: usize = 128;
