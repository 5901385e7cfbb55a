//! Who may present a token: its holder, the outermost actor that it names, or a relay that a grant lets through.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{Actor, Party, Tokens};
use crate::{
    hex,
    peer::{ProvedPeer, id},
    token::{Kind, VerifiedToken},
};

/// Proof that the peer may present its tokens, as far as that can be known without grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding(());

/// What becomes of a token that the peer relays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relaying {
    /// Grants decide: those that name the relay cover the hop.
    ByGrant,
    /// Nobody could allow it.
    Refused,
}

/// The peer presents a token that is not its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotHeld {
    /// The token is bound to another certificate (RFC 8705 §3.1).
    #[error("the token's `cnf` binds it to another certificate than the peer's")]
    Certificate,
    /// The token is bound to a key whose possession is not shown here.
    #[error(
        "the token's `cnf` binds it to something other than a certificate (`x5t#S256`), which nothing here can show"
    )]
    Confirmation,
    /// Another workload holds the token, and grants are not enforced that could let the peer relay it.
    #[error("the token is held by {0}, and not by the peer")]
    Relayed(String),
}

impl NotHeld {
    /// The stable code below `token_not_held`.
    pub const fn detail(&self) -> &'static str {
        match self {
            Self::Certificate => "cnf.mismatch",
            Self::Confirmation => "cnf.unsupported",
            Self::Relayed(_) => "holder.relayed",
        }
    }
}

impl Holding {
    /// Verifies that `peer` may present `tokens`.
    ///
    /// # Errors
    /// [`NotHeld`], for a relay only if that is to be refused here.
    pub fn verify(peer: &ProvedPeer, tokens: Tokens<'_>, actor: &Actor, relaying: Relaying) -> Result<Self, NotHeld> {
        for token in tokens.all() {
            if let Some(confirmation) = token.claims().get("cnf") {
                confirm(peer, confirmation)?;
            }
        }
        match (actor.relayed(), relaying) {
            (Some(holder), Relaying::Refused) => Err(NotHeld::Relayed(holder.to_owned())),
            (Some(_), Relaying::ByGrant) | (None, _) => Ok(Self(())),
        }
    }
}

/// Holds a `cnf` claim (RFC 7800 §3.1) against the peer's certificate.
fn confirm(peer: &ProvedPeer, confirmation: &Value) -> Result<(), NotHeld> {
    let methods = confirmation.as_object().ok_or(NotHeld::Confirmation)?;
    let (Some(Value::String(thumbprint)), 1) = (methods.get("x5t#S256"), methods.len()) else {
        return Err(NotHeld::Confirmation);
    };
    let certificate = peer.certificate().ok_or(NotHeld::Certificate)?;
    let bound = URL_SAFE_NO_PAD.decode(thumbprint).map_err(|_| NotHeld::Certificate)?;
    if hex::encode(&bound) == certificate.fingerprint() { Ok(()) } else { Err(NotHeld::Certificate) }
}

/// The holder of `token`, if `peer` is neither that nor its outermost actor. Who holds a token that does not say so is not the peer.
pub(super) fn relayed(peer: &ProvedPeer, token: &VerifiedToken, actors: &[Party]) -> Option<String> {
    let holder = match token.kind() {
        // Nothing says who else could hold it.
        Kind::Oidc => return None,
        Kind::JwtSvid => token.spiffe_id(),
        Kind::Transaction => token.requesting_workload().last(),
    };
    let acts = actors.first().is_some_and(|actor| id::is_spelled(peer.id(), &actor.name));
    let holds = holder == Some(peer.id());
    (!holds && !acts).then(|| holder.map_or_else(|| "a workload that it does not name".to_owned(), ToString::to_string))
}
