//! Who signed a document, in the format of `ssh-keygen -Y sign`, and whether those are the signatures that it needs.

pub(crate) use self::people::same_person;
pub use self::{
    approvals::{Approvals, Verdict},
    canonical::canonical,
    error::SignatureError,
    signed_part::{Unsignable, signed_part},
    signers::AllowedSigners,
    sshsig::{armour, signed_message},
};

mod approvals;
mod canonical;
mod error;
mod key;
mod pattern;
mod people;
mod signed_part;
mod signers;
mod sshsig;
mod wire;

/// What signatures below documents are for; one that was made for anything else does not count.
pub const NAMESPACE: &str = "hopguard-grant";
