//! The runtime policy: given everything proved and approved, should it succeed right now? It can only narrow.
//!
//! Only literal `true`, or an object with `allowed: true`, is a permit. Undefined, another type, an error, a conflict, a timeout: a denial.

mod body;
mod builtins;
mod directory;
mod engine;
mod gate;
mod input;
mod nesting;
mod query;

use std::{sync::Arc, time::Duration};

use spiffe::SpiffeId;

pub use self::directory::Source;
use self::engine::{Engine, EngineError, Value};
use crate::{
    audience::Audience,
    clock::Timestamp,
    grant::{ActiveGrant, Grant},
    hop::{HopError, Request},
    peer::ProvedPeer,
    purpose::{Purpose, StatedPurpose},
    yaml::Problems,
};

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    engine: Engine,
    reads: gate::Reads,
    revision: String,
}

/// What a policy is asked: the hop, and the proof of every stage before it.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What is asked for.
    pub request: &'a Request<'a>,
    /// This workload.
    pub audience: &'a Audience,
    /// Who asks.
    pub peer: &'a ProvedPeer,
    /// What for.
    pub purpose: &'a StatedPurpose,
    /// What covers it.
    pub grant: &'a ActiveGrant,
    /// When.
    pub now: Timestamp,
}

/// An input document, as the policy saw it.
#[derive(Clone, Debug)]
pub struct Document(Value);

/// Proof that a hop may happen: proved, covered and not refused by policy. Only [`Policy::evaluate`] builds one.
#[derive(Clone, Debug)]
pub struct Permit {
    peer: SpiffeId,
    purpose: Purpose,
    grant: Arc<Grant>,
    valid_until: Timestamp,
}

/// Why the policy did not permit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It said no, and maybe why.
    #[error("the policy said no{}", .0.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Denied(Option<String>),
    /// It failed, or answered with something that is not a decision.
    #[error("the policy failed: {0}")]
    Fault(String),
    /// Its input cannot be made of this hop.
    #[error(transparent)]
    Hop(#[from] HopError),
    /// It took too long.
    #[error("the policy took longer than {} ms", .0.as_millis())]
    Timeout(Duration),
    /// It said nothing.
    #[error("the policy's decision is undefined")]
    Undefined,
}

impl PolicyError {
    /// The stable dotted code below the reason, where there is one.
    pub fn detail(&self) -> Option<&'static str> {
        match self {
            Self::Hop(error) => Some(error.detail()),
            Self::Denied(_) | Self::Fault(_) | Self::Timeout(_) | Self::Undefined => None,
        }
    }
}

impl Policy {
    /// Compiles the Rego modules of `source`.
    ///
    /// # Errors
    /// Every reason at once why this policy must not become active: it does not parse, recurses, calls what is not there or cannot be
    /// bounded, allows by default, or lacks its entry point.
    pub fn compile(source: &Source, entrypoint: &str, timeout: Duration) -> Result<Self, Problems> {
        let (engine, reads) = Engine::compile_within(PATIENCE, source.modules.clone(), entrypoint.to_owned(), timeout)?;
        Ok(Self { engine, reads, revision: source.revision.clone() })
    }

    /// The digest of its modules.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Evaluates the policy. What it was asked is left in `asked`, whatever the answer.
    ///
    /// # Errors
    /// [`PolicyError`] for everything but a plain yes.
    pub fn evaluate(&self, input: &Input<'_>, asked: &mut Option<Document>) -> Result<Permit, PolicyError> {
        let document = asked.insert(Document(input::build(input, &self.reads)?));
        let answer = self.engine.evaluate(document.0.clone(), input.now).map_err(|error| match error {
            EngineError::Timeout(limit) => PolicyError::Timeout(limit),
            EngineError::Fault(message) => PolicyError::Fault(message),
        })?;
        permitted(&answer)?;
        let grant = Arc::clone(input.grant.grant());
        Ok(Permit {
            peer: input.peer.id().clone(),
            purpose: input.purpose.purpose().clone(),
            valid_until: input.peer.valid_until().map_or_else(|| grant.expires_at(), |end| end.min(grant.expires_at())),
            grant,
        })
    }
}

impl Document {
    /// The SHA-256 of the document as JSON with sorted keys.
    pub fn digest(&self) -> [u8; 32] {
        // Display can panic on values that only policies make; an input holds none, but the fallible way costs nothing.
        let json = self.0.to_json_str().unwrap_or_default();
        let mut digest = [0; 32];
        digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, json.as_bytes()).as_ref());
        digest
    }
}

impl Permit {
    /// The proved caller.
    pub fn peer(&self) -> &SpiffeId {
        &self.peer
    }

    /// Who acts: without delegation the peer itself.
    pub fn actor(&self) -> &SpiffeId {
        &self.peer
    }

    /// What for.
    pub fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// What covers it.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The earliest end of anything the permit rests on.
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }
}

/// Reads the policy's answer. Anything that is not plainly a decision is a fault, not a guess.
fn permitted(answer: &Value) -> Result<(), PolicyError> {
    let object = match answer {
        Value::Bool(true) => return Ok(()),
        Value::Bool(false) => return Err(PolicyError::Denied(None)),
        Value::Undefined => return Err(PolicyError::Undefined),
        Value::Object(object) => object,
        _ => return Err(fault("the decision is neither a boolean nor an object")),
    };
    let mut allowed = None;
    let mut reason = None;
    for (key, value) in object.iter() {
        match (key.as_string().map(AsRef::as_ref), value) {
            (Ok("allowed"), Value::Bool(value)) => allowed = Some(*value),
            (Ok("allowed"), _) => return Err(fault("`allowed` is not a boolean")),
            (Ok("reason"), Value::String(text)) => reason = Some(text.chars().take(MAX_REASON).collect()),
            (Ok("reason"), _) => return Err(fault("`reason` is not a string")),
            (Ok(other), _) => {
                return Err(fault(&format!(
                    "the decision's field `{other}` is not built yet: use `allowed` and `reason`"
                )));
            }
            (Err(_), _) => return Err(fault("the decision has a key that is not a string")),
        }
    }
    match allowed {
        Some(true) => Ok(()),
        Some(false) => Err(PolicyError::Denied(reason)),
        None => Err(fault("the decision has no `allowed`")),
    }
}

fn fault(message: &str) -> PolicyError {
    PolicyError::Fault(message.to_owned())
}

/// How long a policy may take to load.
const PATIENCE: Duration = Duration::from_secs(5);

/// The most characters of a policy's reason that are kept.
const MAX_REASON: usize = 256;

#[cfg(test)]
mod tests;
