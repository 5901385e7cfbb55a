//! A bundle is read whole, within bounds, into memory and in one way, or refused whole ([OPA's bundle format]).
//!
//! Nothing of it is ever written to a disk, nothing in it is guessed at, and where a key is configured, nothing counts that the key did
//! not sign.
//!
//! [OPA's bundle format]: https://www.openpolicyagent.org/docs/latest/management-bundles/#bundle-file-format

mod archive;
mod content;
pub(crate) mod document;
mod manifest;
pub(crate) mod package;
pub(crate) mod pattern;
mod roots;
mod signature;

use aws_lc_rs::digest::{SHA256, digest};

pub(crate) use self::archive::Entry;
pub use self::{
    roots::Roots,
    signature::{Key, KeyError, Verification, VerificationError},
};
use crate::{
    clock::Timestamp,
    hex,
    policy::Value,
    yaml::{Problem, Problems},
};

/// Policies and data that were delivered together.
#[derive(Clone, Debug)]
pub struct Bundle {
    name: String,
    digest: String,
    revision: Option<String>,
    metadata: Value,
    roots: Roots,
    modules: Vec<Module>,
    tests: Vec<Module>,
    data: Value,
    files: Vec<String>,
    ignored: Vec<String>,
    signed: Option<Signed>,
}

/// One Rego file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Its path in the bundle, without a slash in front.
    pub path: String,
    /// Its package, without `data`.
    pub package: Vec<String>,
    /// What it says.
    pub text: String,
}

/// Who signed a bundle, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The ID of the key.
    pub key_id: String,
    /// When, if the signature says so (`iat`).
    pub issued_at: Option<Timestamp>,
}

/// How much a bundle may hold. Each bound holds by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes as delivered.
    pub compressed: u64,
    /// Bytes once unpacked, headers and padding included.
    pub bytes: u64,
    /// Bytes of one file.
    pub file: u64,
    /// Files and directories, and the headers that belong to them.
    pub entries: usize,
    /// Bytes of one path.
    pub path: usize,
    /// Parts of one path.
    pub depth: usize,
    /// How many times larger than delivered it may be once unpacked, where that is more than `ratio_from`.
    pub ratio: u64,
    /// Bytes that any bundle may unpack to, whatever its ratio.
    pub ratio_from: u64,
    /// Nesting of arrays and objects in one document; never more than 100.
    pub json_depth: usize,
    /// Values in one document: scalars, arrays, objects.
    pub values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            compressed: 64 * MIB,
            bytes: 256 * MIB,
            file: 128 * MIB,
            entries: 10_000,
            path: 1024,
            depth: 32,
            ratio: 100,
            ratio_from: 16 * MIB,
            json_depth: 64,
            values: 10_000_000,
        }
    }
}

impl Bundle {
    /// Reads a bundle: a tar archive, compressed with gzip or not. `name` is what it is called in problems and statuses.
    ///
    /// With a `verification` the bundle must be signed by one of its keys; what the signature says about its own end is held against
    /// `now`. Without one, a signed bundle is refused as OPA refuses it: whoever signed it meant it to be verified.
    ///
    /// # Errors
    /// Everything that is not exactly a bundle, whatever the reason; each begins with a stable id (`bundle.archive`, `bundle.limit`,
    /// `bundle.path`, `bundle.signature`, `bundle.manifest`, `bundle.roots`, `bundle.data`, `bundle.policy`, `bundle.unsupported`).
    pub fn read(
        name: &str,
        bytes: &[u8],
        limits: &Limits,
        verification: Option<&Verification>,
        now: Timestamp,
    ) -> Result<Self, Problems> {
        let entries = archive::read(bytes, limits).map_err(|message| Problem::of_file(name, message))?;
        let digest = hex::encode(digest(&SHA256, bytes).as_ref());
        Self::assemble(name, digest, entries, limits, verification, now)
    }

    /// Makes a bundle of the files that a directory holds; their paths are those in the bundle.
    pub(crate) fn assemble(
        name: &str,
        digest: String,
        entries: Vec<Entry>,
        limits: &Limits,
        verification: Option<&Verification>,
        now: Timestamp,
    ) -> Result<Self, Problems> {
        let signed = signature::verify(&entries, limits, verification, now)
            .map_err(|message| Problem::of_file(name, message))?;
        content::assemble(name, digest, entries, limits, signed)
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The SHA-256 of the bytes that it was read from, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What its manifest calls this state of it.
    pub fn revision(&self) -> Option<&str> {
        self.revision.as_deref()
    }

    /// What else its manifest says; an object.
    pub const fn metadata(&self) -> &Value {
        &self.metadata
    }

    /// What of `data` it may define.
    pub const fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Its policies.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// Its tests (`*_test.rego`).
    pub fn tests(&self) -> &[Module] {
        &self.tests
    }

    /// Its data: an object.
    pub const fn data(&self) -> &Value {
        &self.data
    }

    /// The paths of its data documents.
    pub fn data_files(&self) -> &[String] {
        &self.files
    }

    /// The paths of what means nothing to a policy.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Who signed it, where that was verified.
    pub const fn signed(&self) -> Option<&Signed> {
        self.signed.as_ref()
    }
}

const MIB: u64 = 1 << 20;

#[cfg(test)]
mod tests;
