//! Reads what a policy decided. Only a plain yes, every field of which can be carried out as it is written, is one.

mod bounds;
mod document;
mod header;
mod metadata;
mod opa;
mod strict;
mod value;

use self::document::Document;
pub use self::{
    header::{NameError, REWRITING, Rules, alike},
    metadata::Metadata,
};
use super::{PolicyError, Value};

/// In whose style decision documents are read and answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Every field is held against its type, and what is unknown is a fault.
    #[default]
    Hopguard,
    /// As OPA's plugin for Envoy does: in its order, and only what the answer uses.
    Opa {
        /// Whether a policy's no is written down and let through, as with that plugin's `dry-run`.
        dry_run: bool,
    },
}

impl Style {
    /// That a policy's no is let through; only this style can say so.
    pub const fn dry_run(self) -> Option<DryRun> {
        match self {
            Self::Opa { dry_run: true } => Some(DryRun(())),
            Self::Opa { dry_run: false } | Self::Hopguard => None,
        }
    }
}

/// Proof that dry runs are configured. Only [`Style::dry_run`] builds one.
#[derive(Clone, Copy, Debug)]
pub struct DryRun(());

/// How the decision was written: OPA's plugin answers a bare boolean with less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// `true` or `false`.
    #[default]
    Boolean,
    /// An object.
    Object,
}

/// A name and a value, as often as there are values.
pub type Pairs = Vec<(String, String)>;

/// What a policy that says yes wants done with the hop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// How the decision was written.
    pub form: Form,
    /// Set on the request before it goes to the upstream.
    pub headers: Pairs,
    /// Removed from the request.
    pub remove: Vec<String>,
    /// Added to the response before it goes to the client.
    pub response_headers: Pairs,
    /// Set in the query, not yet encoded.
    pub query: Pairs,
    /// Removed from the query, not encoded.
    pub query_remove: Vec<String>,
    /// For access logs and later filters.
    pub metadata: Metadata,
    /// Why, in the policy's words.
    pub reason: Option<String>,
}

/// What a policy that says no wants the client told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// How the decision was written.
    pub form: Form,
    /// The HTTP status, one that Envoy knows.
    pub status: Option<u16>,
    /// Headers of the response.
    pub headers: Pairs,
    /// The response's body.
    pub body: Option<String>,
    /// For access logs and later filters.
    pub metadata: Metadata,
    /// Why, in the policy's words.
    pub reason: Option<String>,
}

/// Reads a decision: what a yes wants done.
///
/// # Errors
/// [`PolicyError::Denied`] with the reply for a plain no, [`PolicyError::Undefined`] for nothing, and [`PolicyError::Fault`] for whatever
/// is not plainly a decision, or could be carried out in part only.
pub fn read(decision: &Value, rules: &Rules) -> Result<Directives, PolicyError> {
    match (decision, rules.style()) {
        (Value::Undefined, _) => Err(PolicyError::Undefined),
        (Value::Bool(true), _) => Ok(Directives::default()),
        (Value::Bool(false), _) => Err(Reply::default().into()),
        (Value::Object(_), Style::Hopguard) => strict::read(&Document::strict(decision)?, rules),
        (Value::Object(_), Style::Opa { .. }) => opa::read(&Document::lenient(decision), rules),
        _ => Err(fault("the decision is neither a boolean nor an object")),
    }
}

impl From<Reply> for PolicyError {
    fn from(reply: Reply) -> Self {
        Self::Denied(Box::new(reply))
    }
}

fn fault(message: impl Into<String>) -> PolicyError {
    PolicyError::Fault(message.into())
}

#[cfg(test)]
mod tests;
