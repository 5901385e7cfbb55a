//! Why a signature counts for nothing.

use super::NAMESPACE;
use crate::yaml::quote;

/// Why a signature counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It cannot be read.
    #[error("it is not what `ssh-keygen -Y sign` writes: paste the whole file as a block (`signature: |`)")]
    Armour,
    /// It is of another version of the format.
    #[error("it is of a version of the format that is not known")]
    Version,
    /// It was made for something else.
    #[error("it was made for the namespace {}: sign with `-n {NAMESPACE}`", quote(.0))]
    Namespace(String),
    /// It was made over a digest that is not taken.
    #[error("it is over neither SHA-256 nor SHA-512")]
    Hash,
    /// Its key is nobody's.
    #[error("its key {0} is not among the allowed signers: add a line for it")]
    UnknownKey(String),
    /// Its key is somebody else's.
    #[error("its key {0} is another's, or `by` is spelled otherwise than among the allowed signers")]
    OthersKey(String),
    /// Its key may not be used here.
    #[error("its key {0} is not for the namespace `{NAMESPACE}`: add that to its `namespaces`")]
    OtherPurpose(String),
    /// Its key does not count yet, or no longer.
    #[error("its key {0} does not count at this time: see its `valid-after` and `valid-before`")]
    KeyTime(String),
    /// It is not of these bytes.
    #[error("it does not fit: the document was changed after it was signed, or by somebody else")]
    Mismatch,
}
