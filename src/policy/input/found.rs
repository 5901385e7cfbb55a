//! What was proved and found, for the policy to narrow: verified names, times and claims, and never a credential.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::{Input, Reads, engine::Value},
    names::Names,
    object::Object,
};
use crate::{
    delegation::Actor,
    grant::{Activation, Grant},
    inventory::Workload,
    peer::ProvedPeer,
    purpose::StatedPurpose,
    resource::Resource,
    token::VerifiedToken,
};

/// Puts in who asks, on whose behalf, what for, and what covers it.
pub(super) fn put(names: &Names, root: &mut Object<'_>, input: &Input<'_>) {
    root.some(&names.peer, input.peer, |of, reads| peer(names, of, input.workload, reads));
    root.some(&names.actor, input.actor, |of, reads| actor(names, of, reads));
    root.some(&names.purpose, input.purpose, |of, reads| purpose(names, of, reads));
    root.some(&names.resource, input.resource, |of, reads| resource(names, of, reads));
    root.some(&names.grant, input.grant, |active, reads| {
        grant(names, active.grant(), active.activation().map(Arc::as_ref), reads)
    });
}

/// All grants that cover the hop, in order; the first is the one that it goes under.
pub(super) fn grants(names: &Names, input: &Input<'_>, reads: &Reads) -> Value {
    let all = input.grant.into_iter().flat_map(|active| active.opened());
    all.map(|(of, opened)| grant(names, of, opened.map(Arc::as_ref), reads)).collect::<Vec<_>>().into()
}

fn peer(names: &Names, peer: &ProvedPeer, known: Option<&Workload>, reads: &Reads) -> Value {
    let mut object = Object::new(reads);
    object.with(&names.spiffe_id, |_| peer.id().to_string().into());
    object.text(&names.trust_domain, peer.id().trust_domain().as_str());
    object.put_text(&names.path, peer.id().path());
    object.text(&names.assurance, peer.assurance().as_str());
    if let Some(certificate) = peer.certificate() {
        object.text(&names.serial, certificate.serial());
        object.text(&names.fingerprint, certificate.fingerprint());
        object.with(&names.not_after, |_| certificate.not_after().to_string().into());
    }
    if let Some(Workload { owner, roles, labels, .. }) = known {
        object.put_text(&names.owner, owner);
        object.with(&names.roles, |_| texts(roles));
        object.texts(&names.labels, labels);
    }
    object.into()
}

/// Verified tokens only: their claims, and never the token itself.
pub(super) fn tokens(names: &Names, input: &Input<'_>, reads: &Reads) -> Value {
    let mut shown = BTreeMap::new();
    for of in input.tokens.all() {
        if let Some(reads) = reads.below(of.kind().as_str()) {
            shown.insert(Value::from(of.kind().as_str()), token(names, of, reads));
        }
    }
    shown.into()
}

fn token(names: &Names, token: &VerifiedToken, reads: &Reads) -> Value {
    let mut object = Object::new(reads);
    object.put_text(&names.issuer, token.issuer());
    object.put_text(&names.subject, token.subject());
    object.text(&names.id, token.id().unwrap_or_default());
    object.with(&names.audiences, |_| texts(token.audiences()));
    object.with(&names.expires, |_| token.expires().to_string().into());
    object.with(&names.claims, |reads| {
        let claims = token.claims().into_iter().filter(|(name, _)| reads.below(name).is_some());
        claims.map(|(name, claim)| (Value::from(&**name), value(claim))).collect::<BTreeMap<_, _>>().into()
    });
    object.into()
}

/// A claim or a fact as policies know it; its depth is bounded where the token or the document is read.
pub(super) fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::from(*value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::from(number),
            (None, Some(number)) => Value::from(number),
            (None, None) => number.as_f64().map_or(Value::Null, Value::from),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(values) => values.iter().map(value).collect::<Vec<_>>().into(),
        serde_json::Value::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| (Value::from(name.as_str()), value(field)));
            fields.collect::<BTreeMap<_, _>>().into()
        }
    }
}

fn actor(names: &Names, actor: &Actor, reads: &Reads) -> Value {
    let mut object = Object::new(reads);
    object.put_text(&names.kind, actor.kind().as_str());
    object.with(&names.effective, |_| actor.effective().to_string().into());
    object.some(&names.subject, actor.subject(), |subject, reads| {
        let mut object = Object::new(reads);
        object.put_text(&names.name, &subject.name);
        object.text(&names.issuer, subject.issuer.as_deref().unwrap_or_default());
        object.into()
    });
    object.with(&names.chain, |_| texts(actor.chain()));
    object.into()
}

fn purpose(names: &Names, stated: &StatedPurpose, reads: &Reads) -> Value {
    let mut object = Object::new(reads);
    object.put_text(&names.name, stated.purpose().as_str());
    object.put_text(&names.binding, stated.binding().as_str());
    object.into()
}

fn resource(names: &Names, resource: &Resource, reads: &Reads) -> Value {
    let mut object = Object::new(reads);
    object.put_text(&names.name, &resource.name);
    object.put_text(&names.owner, &resource.owner);
    object.put_text(&names.sensitivity, resource.sensitivity.as_str());
    object.with(&names.audience, |_| resource.audience.to_string().into());
    object.into()
}

fn grant(names: &Names, grant: &Grant, opened: Option<&Activation>, reads: &Reads) -> Value {
    let mut object = Object::new(reads);
    object.put_text(&names.name, grant.name());
    object.put_text(&names.kind, grant.kind().as_str());
    object.put_text(&names.owner, grant.owner());
    object.put_text(&names.approver, grant.approver());
    object.put_text(&names.requested_by, grant.requested_by());
    object.text(&names.ticket, grant.ticket().unwrap_or_default());
    object.with(&names.not_before, |_| grant.not_before().to_string().into());
    object.with(&names.expires_at, |_| grant.expires_at().to_string().into());
    object.some(&names.activation, opened, |of, reads| activation(names, of, reads));
    object.into()
}

fn activation(names: &Names, activation: &Activation, reads: &Reads) -> Value {
    let mut object = Object::new(reads);
    object.put_text(&names.name, &activation.name);
    object.put_text(&names.requested_by, &activation.requested_by);
    object.put_text(&names.reason, &activation.reason);
    object.put_text(&names.ticket, &activation.ticket);
    object.with(&names.until, |_| activation.until.to_string().into());
    object.into()
}

fn texts(texts: &[String]) -> Value {
    texts.iter().map(|text| Value::from(text.as_str())).collect::<Vec<_>>().into()
}
