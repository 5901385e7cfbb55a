//! Keeps the snapshot as the files are: builds aside, swaps whole. What does not load keeps its last good state, and says so.

mod bundles;
mod compile;
mod fingerprint;
mod keys;
mod load;
mod watch;

pub use self::{
    compile::read_paths,
    keys::read as read_jwks,
    load::{Loader, hop_rules},
    watch::{Nudge, Watch, Words},
};
