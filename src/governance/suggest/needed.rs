//! What one hop would have needed, if it lacked a grant and nothing else.

use super::{Key, LeftOut};
use crate::{clock::Timestamp, governance::log::Record, peer::id, purpose::Purpose};

/// What one hop would have needed.
#[derive(Debug)]
pub(super) struct Needed<'a> {
    pub(super) key: Key,
    pub(super) time: Timestamp,
    pub(super) call: Call<'a>,
    pub(super) depth: usize,
    pub(super) signed: bool,
    pub(super) unstated: bool,
    pub(super) narrowed: bool,
}

/// What a hop asked for.
#[derive(Debug)]
pub(super) enum Call<'a> {
    Http { method: &'a str, path: &'a str },
    Tcp(u16),
}

impl<'a> Needed<'a> {
    /// What a hop would have needed; nothing, if a grant covered it. `purpose` is for a hop that does not say what it is for.
    ///
    /// # Errors
    /// Why that is not known, or why a grant would not have been enough.
    pub(super) fn by(record: &'a Record, purpose: Option<&str>) -> Result<Option<Self>, LeftOut> {
        if record.public {
            return Err(LeftOut::Public);
        }
        let reasons = || record.observed.iter().chain(record.reason.as_ref()).map(String::as_str);
        let missing = reasons().any(|reason| reason == "grant_missing");
        let unasked = record.modes.ceiling == "skip" && record.grant.is_none();
        if let Some(other) = reasons().find(|reason| stands_in_the_way(reason)) {
            let ambiguous = other == "hop_ambiguous";
            return Err(if ambiguous { LeftOut::Ambiguous } else { LeftOut::Denied(other.to_owned()) });
        }
        // What Envoy was told weighs more than what was seen on the way.
        if let Some(reason) =
            record.reason.as_deref().filter(|reason| !record.is_allowed() && *reason != "grant_missing")
        {
            return Err(LeftOut::Denied(reason.to_owned()));
        }
        if !missing && !unasked {
            return Ok(None);
        }
        let subject = subject(record).ok_or(LeftOut::NoCaller)?;
        let (behalf, depth) = behalf(record)?;
        let audience = id::parse_workload(&record.this).map_err(|_| LeftOut::NoAudience)?.to_string();
        let stated = stated(record);
        let unstated = stated.is_none();
        let name = match stated {
            Some(stated) => Purpose::parse(stated),
            None => purpose.and_then(Purpose::parse),
        };
        let purpose = name.ok_or(LeftOut::NoPurpose)?.to_string();
        let call = match (&record.hop.path, record.hop.port) {
            (Some(path), _) => Call::Http { method: &record.hop.method, path },
            (None, Some(port)) => Call::Tcp(port),
            (None, None) => return Err(LeftOut::Ambiguous),
        };
        let key = Key { subject, audience, purpose, behalf };
        let signed = record.purpose.as_ref().is_some_and(|it| it.binding == "signed");
        let narrowed = reasons().any(|reason| reason.starts_with("policy_"));
        let time = record.time().ok_or(LeftOut::Cut)?;
        Ok(Some(Self { key, time, call, depth, signed, unstated, narrowed }))
    }
}

/// Whether a hop with this reason would have been denied with a grant, too. Policy only narrows what a grant covers, and has nothing to
/// narrow where there is none.
fn stands_in_the_way(reason: &str) -> bool {
    let own = ["grant_missing", "purpose_missing", "purpose_unknown", "policy_denied", "policy_undefined"];
    !own.contains(&reason)
}

/// Who calls, if it was proved and acts by itself.
fn subject(record: &Record) -> Option<String> {
    let (peer, actor) = (record.peer.as_ref()?, record.actor.as_ref()?);
    let id = id::parse_workload(&peer.spiffe_id).ok()?;
    (actor.effective == peer.spiffe_id).then(|| id.to_string())
}

/// On whose behalf, and how many have acted: the subject is that of the token which names it, in the order in which tokens count.
fn behalf(record: &Record) -> Result<(Option<(String, String)>, usize), LeftOut> {
    let chain = record.actor.as_ref().map(|actor| actor.chain.as_slice()).unwrap_or_default();
    let Some(subject) = chain.first() else { return Ok((None, 0)) };
    let speaks = |kind: &str| record.tokens.iter().find(|token| token.kind == kind && token.subject == *subject);
    let kinds = ["transaction", "oidc", "jwt_svid"];
    let issuer = kinds.into_iter().find_map(speaks).map(|token| &token.issuer).ok_or(LeftOut::NoCaller)?;
    if !is_line(issuer) || !is_line(subject) {
        return Err(LeftOut::NoCaller);
    }
    Ok((Some((issuer.clone(), subject.clone())), chain.len() - 1))
}

/// Whether a document may name it.
fn is_line(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256 && text.trim() == text && !text.chars().any(char::is_control)
}

/// What a hop says that it is for, also where no document knows it yet.
fn stated(record: &Record) -> Option<&str> {
    if let Some(purpose) = &record.purpose {
        return Some(&purpose.name);
    }
    let unknown = record.detail.as_deref() == Some("purpose.unknown");
    let quoted = record.message.as_deref().filter(|_| unknown).and_then(|message| message.split('`').nth(1));
    // An unknown purpose that is not shown was stated, too.
    let is_unknown = record.observed.iter().any(|reason| reason == "purpose_unknown");
    quoted.or_else(|| is_unknown.then_some(""))
}
