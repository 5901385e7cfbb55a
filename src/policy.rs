//! The runtime policy: given everything proved and approved, should it succeed right now? It can only narrow.
//!
//! Only literal `true`, or a well-formed object with `allowed: true`, is a permit. Undefined, another type, an error, a conflict, a timeout: a denial.

pub mod answer;
mod body;
mod builtins;
mod engine;
mod gate;
mod input;
mod json;
mod nesting;
mod number;
mod options;
mod query;
mod reads;
mod source;
mod trace;
pub mod trial;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use spiffe::SpiffeId;

pub(crate) use self::number::read as number;
use self::{
    answer::{Directives, DryRun, Reply},
    body::RequestError,
    engine::Engine,
    gate::Admitted,
};
pub use self::{
    body::Descriptors,
    engine::Value,
    gate::{FINDINGS, Finding, Weight},
    input::{Exposed, Style, View},
    json::{JsonError, document},
    options::{Entrypoint, Evaluator, Gate, Options},
    reads::Reads,
    source::{Loading, Source},
    trace::{Came, Step, Trace},
};
use crate::{
    clock::Timestamp,
    delegation::{Actor, Tokens},
    fact::Facts,
    grant::{Activation, ActiveGrant, Grant, Kind},
    hop::{HopError, Request},
    inventory::Workload,
    peer::ProvedPeer,
    purpose::{Purpose, StatedPurpose},
    resource::Resource,
    token::VerifiedToken,
    yaml::{Problem, Problems},
};

/// A compiled policy.
#[derive(Debug)]
pub struct Policy {
    engine: Engine,
    /// What it looks things up in, which the engine has too.
    data: Value,
    admitted: Admitted,
    view: View,
    revision: String,
    answers: answer::Rules,
}

/// What a policy is asked: the hop, and the proof of every stage before it that was asked for one.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What is asked for.
    pub request: &'a Request<'a>,
    /// Headers that hold credentials, in lower case: no policy sees them.
    pub credentials: &'a BTreeSet<String>,
    /// This workload.
    pub this: Option<&'a SpiffeId>,
    /// Who asks.
    pub peer: Option<&'a ProvedPeer>,
    /// What is known of that workload.
    pub workload: Option<&'a Workload>,
    /// What speaks for a subject.
    pub tokens: Tokens<'a>,
    /// Who acts, and for whom.
    pub actor: Option<&'a Actor>,
    /// What for.
    pub purpose: Option<&'a StatedPurpose>,
    /// What is touched.
    pub resource: Option<&'a Resource>,
    /// What covers it.
    pub grant: Option<&'a ActiveGrant>,
    /// What is so, as far as anybody told; absent where nobody is asked.
    pub facts: Option<&'a Facts>,
    /// When.
    pub now: Timestamp,
}

/// An input document, as the policy saw it.
#[derive(Clone, Debug)]
pub struct Document(Value);

/// Proof that a hop may happen: proved, covered and not refused by policy. Where policy is enforced only [`Policy::evaluate`] builds one, and
/// a dry run.
#[derive(Clone, Debug)]
pub struct Permit {
    peer: Option<SpiffeId>,
    actor: Option<SpiffeId>,
    purpose: Option<Purpose>,
    grant: Option<Arc<Grant>>,
    activation: Option<Arc<Activation>>,
    valid_until: Option<Timestamp>,
    directives: Directives,
}

/// Why the policy did not permit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It said no, and maybe why and how.
    #[error("the policy said no{}", .0.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Denied(Box<Reply>),
    /// It failed, or answered with something that is not a decision.
    #[error("the policy failed: {0}")]
    Fault(String),
    /// Its input cannot be made of this hop.
    #[error(transparent)]
    Hop(#[from] HopError),
    /// The request cannot be read as OPA's plugin reads it.
    #[error("request_parse_error: {0}")]
    Request(String),
    /// It took too long.
    #[error("the policy took longer than {} ms", .0.as_millis())]
    Timeout(Duration),
    /// It said nothing.
    #[error("the policy's decision is undefined")]
    Undefined,
}

impl From<RequestError> for PolicyError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::TooLarge(error) => Self::Hop(error),
            error => Self::Request(error.to_string()),
        }
    }
}

impl PolicyError {
    /// The stable dotted code below the reason, where there is one.
    pub fn detail(&self) -> Option<&'static str> {
        match self {
            Self::Hop(error) => Some(error.detail()),
            Self::Request(_) => Some("request.parse"),
            Self::Denied(_) | Self::Fault(_) | Self::Timeout(_) | Self::Undefined => None,
        }
    }
}

impl Policy {
    /// Compiles the Rego modules of `source`.
    ///
    /// # Errors
    /// Every reason at once why this policy must not become active: it does not parse, recurses, calls what is not there or cannot be
    /// bounded, allows by default, lacks its entry point, or fails a test of its own.
    pub fn compile(source: &Source, options: &Options) -> Result<Self, Problems> {
        let policy = Self::untested(source, options)?;
        trial::hold(source, options)?;
        Ok(policy)
    }

    /// The same, without its own tests: for who runs and reports them.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub(crate) fn untested(source: &Source, options: &Options) -> Result<Self, Problems> {
        let (engine, admitted) =
            Engine::compile_within(PATIENCE, source.modules.clone(), source.data.clone(), options.clone())?;
        let (view, answers) = (options.view.clone(), options.answers.clone());
        let revision = view.revision(&source.revision);
        Ok(Self { engine, data: source.data.clone(), admitted, view, revision, answers })
    }

    /// The digest of its modules, and of what it reads gRPC bodies by.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// The documents below `data`.
    pub(crate) const fn data(&self) -> &Value {
        &self.data
    }

    /// What the policy reads of its input.
    pub const fn reads(&self) -> &Reads {
        &self.admitted.reads
    }

    /// What could surprise its author, and is no error where policies are loaded as OPA loads them.
    pub fn warnings(&self) -> &[Problem] {
        &self.admitted.warnings
    }

    /// The builtins that it calls.
    pub fn calls(&self) -> impl Iterator<Item = &str> {
        self.admitted.calls.iter().map(String::as_str)
    }

    /// What evaluates it now: `vm` or `interpreter`.
    pub fn evaluator(&self) -> &'static str {
        match self.engine.evaluator() {
            Evaluator::Vm => "vm",
            Evaluator::Auto | Evaluator::Interpreter => "interpreter",
        }
    }

    /// How often since the process started the evaluators of a policy differed, so that only the interpreter was asked from then on.
    pub fn fallbacks() -> u64 {
        engine::fallbacks()
    }

    /// What the policy's entry point is for `input`, whatever that means: for tests and tools. No permit comes of it.
    ///
    /// # Errors
    /// [`PolicyError::Fault`] and [`PolicyError::Timeout`]; undefined is a value here.
    pub fn ask(&self, input: Value, now: Timestamp) -> Result<Value, PolicyError> {
        self.engine.evaluate(input, now).map_err(Into::into)
    }

    /// What the policy is shown of a hop: all that it reads, and nothing else.
    ///
    /// # Errors
    /// [`PolicyError::Hop`] and [`PolicyError::Request`]: what it reads cannot be made of this hop.
    pub fn show(&self, input: &Input<'_>) -> Result<Document, PolicyError> {
        input::build(input, &self.admitted.reads, &self.view).map(Document)
    }

    /// Evaluates the policy. What it was asked is left in `asked`, whatever the answer.
    ///
    /// # Errors
    /// [`PolicyError`] for everything but a plain yes.
    pub fn evaluate(&self, input: &Input<'_>, asked: &mut Option<Document>) -> Result<Permit, PolicyError> {
        let document = asked.insert(self.show(input)?);
        let answer = self.ask(document.0.clone(), input.now)?;
        let directives = answer::read(&answer, &self.answers)?;
        let permit = Permit::unnarrowed(input);
        // What the policy was shown as fresh it may have leant on.
        let shown = input::facts_until(input, &self.admitted.reads);
        let valid_until = permit.valid_until.into_iter().chain(shown).min();
        Ok(Permit { directives, valid_until, ..permit })
    }
}

impl Input<'_> {
    /// The earliest end of what was proved and found.
    fn valid_until(&self) -> Option<Timestamp> {
        let peer = self.peer.and_then(ProvedPeer::valid_until);
        let tokens = self.tokens.all().map(VerifiedToken::valid_until);
        let grant = self.grant.map(ActiveGrant::until);
        tokens.chain(peer).chain(grant).min()
    }
}

impl Document {
    /// The document itself. It may hold credentials that the policy is to see.
    pub const fn value(&self) -> &Value {
        &self.0
    }

    /// The SHA-256 of the document as JSON with sorted keys, without blanks and with every number in full.
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &input::text(&self.0)).as_ref());
        digest
    }
}

impl Permit {
    /// A permit that no policy has narrowed: for where none is asked, or where its denial is only watched.
    pub(crate) fn unnarrowed(input: &Input<'_>) -> Self {
        Self {
            peer: input.peer.map(|peer| peer.id().clone()),
            actor: input.actor.map(|actor| actor.effective().clone()),
            purpose: input.purpose.map(|stated| stated.purpose().clone()),
            grant: input.grant.map(|active| Arc::clone(active.grant())),
            activation: input.grant.and_then(ActiveGrant::activation).map(Arc::clone),
            valid_until: input.valid_until(),
            directives: Directives::default(),
        }
    }

    /// A permit that rests on nothing: for routes that anybody may call.
    pub(crate) fn public() -> Self {
        Self::nobodys(Directives::default())
    }

    /// A permit that rests on nothing but that policies run dry.
    pub fn dry_run(_: DryRun) -> Self {
        Self::nobodys(Directives::default())
    }

    /// A permit of nobody, of which these directives matter.
    #[cfg(test)]
    pub(crate) const fn of(directives: Directives) -> Self {
        Self::nobodys(directives)
    }

    const fn nobodys(directives: Directives) -> Self {
        Self { peer: None, actor: None, purpose: None, grant: None, activation: None, valid_until: None, directives }
    }

    /// The proved caller, where callers are proved.
    pub const fn peer(&self) -> Option<&SpiffeId> {
        self.peer.as_ref()
    }

    /// The workload that acts, where callers are proved.
    pub const fn actor(&self) -> Option<&SpiffeId> {
        self.actor.as_ref()
    }

    /// What for, where that has to be said.
    pub const fn purpose(&self) -> Option<&Purpose> {
        self.purpose.as_ref()
    }

    /// What covers it, where grants are asked for.
    pub fn grant(&self) -> Option<&Grant> {
        self.grant.as_deref()
    }

    /// What opened that, if it had to be opened.
    pub fn activation(&self) -> Option<&Activation> {
        self.activation.as_deref()
    }

    /// Whether it is for an emergency.
    pub fn is_break_glass(&self) -> bool {
        self.grant().is_some_and(|grant| grant.kind() == Kind::BreakGlass)
    }

    /// The name of the activation, of a permit for an emergency.
    pub fn break_glass(&self) -> Option<&str> {
        let activation = self.activation().map(|activation| activation.name.as_str());
        self.is_break_glass().then(|| activation.unwrap_or_default())
    }

    /// What the policy wants done with the hop.
    pub const fn directives(&self) -> &Directives {
        &self.directives
    }

    /// The earliest end of anything the permit rests on.
    pub const fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }
}

/// How long a policy may take to load.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
