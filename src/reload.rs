//! Keeps the snapshot as the files are: builds aside, swaps whole. What does not load keeps its last good state, and says so.

mod assemble;
mod bundles;
mod census;
mod compile;
mod facts;
mod fingerprint;
mod indexes;
mod keys;
mod load;
mod once;
mod retire;
mod signers;
mod store;
mod watch;

pub use self::{
    assemble::hop_rules,
    compile::read_paths,
    keys::read as read_jwks,
    load::Loader,
    once::{Once, Written, once, read_documents},
    signers::read_approvals,
    watch::{Nudge, Watch, Words},
};
