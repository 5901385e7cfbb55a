//! Who signed a document, in the format of `ssh-keygen -Y sign`, and whether those are the signatures that it needs.

pub(crate) use self::people::same_person;
pub use self::{
    approvals::{Approvals, Verdict},
    canonical::canonical,
    signed_part::{Unsignable, signed_part},
    signers::AllowedSigners,
};

mod approvals;
mod canonical;
mod people;
mod signed_part;
mod signers;

/// What signatures below documents are for; one that was made for anything else does not count.
pub const NAMESPACE: &str = "hopguard-grant";
