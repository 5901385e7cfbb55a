//! What whoever answers for the documents should look at: found in what is written and in the audit log, never changing what acts.
//!
//! [`review`] reads documents as they stand in their files, with the place of each field; whether they load is for [`store`](crate::store)
//! to say. [`Suggestions`] turns hops that were observed into documents for review, [`Usage`] says which grants are used.

mod findings;
mod log;
mod suggest;
mod usage;
mod written;

use std::time::Duration;

use crate::yaml::is_deceptive;

pub use self::{
    findings::{CODES, Code, Finding, Severity, review},
    log::{Log, Skipped},
    suggest::{Form, Suggestions},
    usage::{Unreviewed, Usage, UsedGrant},
    written::{Document, Written},
};

/// What ends or is to be reviewed within this time is near.
const SOON: Duration = days(14);

const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 60 * 60)
}

/// A number of things, for sentences.
pub(crate) fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Text as it is written to a terminal: nothing in it moves, hides or turns what is beside it.
pub(crate) fn shown(text: &str) -> String {
    text.chars().map(|char| if char.is_control() || is_deceptive(char) { '?' } else { char }).collect()
}
