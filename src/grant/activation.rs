//! What opens an `eligible` or a `break_glass` grant, for a task and for a while.

use super::{Approval, Signature};
use crate::clock::Timestamp;

pub(crate) mod document;

/// An `Activation` document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The name of its document.
    pub name: String,
    /// The name of the grant that it opens.
    pub grant: String,
    /// Who opened it.
    pub requested_by: String,
    /// Why.
    pub reason: String,
    /// For which ticket.
    pub ticket: String,
    /// Its first instant.
    pub from: Timestamp,
    /// The instant at which it is over.
    pub until: Timestamp,
    /// The signatures below it, whatever they are worth.
    pub signatures: Vec<Signature>,
    /// Whose signatures count, once that is known.
    pub signed_by: Vec<String>,
    /// Whether those are the signatures that it needs.
    pub approval: Approval,
    /// Who looked at it afterwards, and when.
    pub reviewed: Option<(String, Timestamp)>,
}
