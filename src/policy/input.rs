//! Builds the policy's input: the OPA-Envoy plugin's document, and what Hopguard proved and found.
//!
//! Built value by value from the request, without JSON in between. Credentials are in no copy of the headers.

mod attributes;
mod object;

use self::{attributes::attributes, object::Object};
use super::{
    Input, Reads, body,
    engine::Value,
    query::{decode, parse},
};
use crate::{
    delegation::{Actor, Tokens},
    grant::Grant,
    hop::{HopError, Http, Line, Request},
    peer::ProvedPeer,
};

/// Builds the document of one hop.
///
/// # Errors
/// What the policy reads cannot be made of this hop: the body is cut or not JSON, or the query cannot be decoded.
pub(super) fn build(input: &Input<'_>, reads: &Reads) -> Result<Value, HopError> {
    let request = input.request;
    let mut root = Object::new();
    root.some("attributes", request.attributes().map(|sent| attributes(input, sent)));
    root.put("version", Object::of([("ext_authz", "v3"), ("encoding", "protojson")]));
    match request {
        Request::Http(http) => parsed(&mut root, http, reads)?,
        Request::Tcp(_) => {}
    }
    let source = request.attributes().and_then(|attributes| attributes.source.as_ref());
    root.text("source_principal", source.map_or("", |source| &source.principal));
    root.put("hop", hop(request));
    root.some("self", input.this.map(ToString::to_string));
    root.some("peer", input.peer.map(peer));
    root.put("tokens", tokens(input.tokens));
    root.some("actor", input.actor.map(actor));
    root.some(
        "purpose",
        input.purpose.map(|stated| {
            Value::from(Object::of([("name", stated.purpose().as_str()), ("binding", stated.binding().as_str())]))
        }),
    );
    root.some("grant", input.grant.map(|active| grant(active.grant())));
    let all = input.grant.into_iter().flat_map(|active| active.all().map(|it| grant(it)));
    root.put("grants", all.collect::<Vec<_>>());
    root.put("now", input.now.nanos());
    Ok(root.into())
}

/// What the policy reads of a request that can be cut or broken.
fn parsed(root: &mut Object, request: &Http<'_>, reads: &Reads) -> Result<(), HopError> {
    let reads_body = BODIES.iter().any(|path| reads.at(path).is_some());
    if request.body.truncated && reads_body && reads.below("truncated_body").is_none() {
        return Err(HopError::TooLarge("body.truncated"));
    }
    if let Some(line) = &request.line {
        root.put("parsed_path", parsed_path(line)?);
        if reads.below("parsed_query").is_some() {
            root.put("parsed_query", parsed_query(line)?);
        }
    }
    if reads.below("parsed_body").is_some() {
        root.put("parsed_body", body::parse(request)?);
    }
    root.put("truncated_body", request.body.truncated);
    Ok(())
}

fn hop(request: &Request<'_>) -> Value {
    match request {
        Request::Http(http) => {
            let mut hop = Object::new();
            if let Some(Line { method, target, host }) = &http.line {
                hop = Object::of([("method", method), ("path", &target.path), ("host", host)]);
            }
            hop.text("upgrade", http.upgrade.as_deref().unwrap_or_default());
            hop.into()
        }
        Request::Tcp(tcp) => {
            let mut hop = Object::new();
            hop.some("port", tcp.port.map(u32::from));
            hop.into()
        }
    }
}

fn peer(peer: &ProvedPeer) -> Value {
    let mut object = Object::of([
        ("spiffe_id", peer.id().to_string().as_str()),
        ("trust_domain", peer.id().trust_domain().as_str()),
        ("path", peer.id().path()),
        ("assurance", peer.assurance().as_str()),
    ]);
    if let Some(certificate) = peer.certificate() {
        object.put("serial", certificate.serial());
        object.put("fingerprint", certificate.fingerprint());
        object.put("not_after", certificate.not_after().to_string());
    }
    object.into()
}

/// Verified tokens only: their claims, and never the token itself.
fn tokens(tokens: Tokens<'_>) -> Value {
    let mut object = Object::new();
    for token in tokens.all() {
        let mut shown = Object::of([("issuer", token.issuer()), ("subject", token.subject())]);
        shown.text("id", token.id().unwrap_or_default());
        shown.put("audiences", token.audiences().iter().map(|name| Value::from(name.as_str())).collect::<Vec<_>>());
        shown.put("expires", token.expires().to_string());
        let mut claims = Object::new();
        for (name, claim) in token.claims() {
            claims.put(name, value(claim));
        }
        shown.put("claims", claims);
        object.put(token.kind().as_str(), shown);
    }
    object.into()
}

/// A claim as policies know it; its depth is bounded where the token is read.
fn value(json: &serde_json::Value) -> Value {
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
            let mut object = Object::new();
            for (name, field) in fields {
                object.put(name, value(field));
            }
            object.into()
        }
    }
}

fn actor(actor: &Actor) -> Value {
    let mut object = Object::of([("type", actor.kind().as_str()), ("effective", &actor.effective().to_string())]);
    object.some(
        "subject",
        actor.subject().map(|subject| {
            let mut object = Object::of([("name", subject.name.as_str())]);
            object.text("issuer", subject.issuer.as_deref().unwrap_or_default());
            Value::from(object)
        }),
    );
    object.put("chain", actor.chain().iter().map(|name| Value::from(name.as_str())).collect::<Vec<_>>());
    object.into()
}

fn grant(grant: &Grant) -> Value {
    let mut object = Object::of([
        ("name", grant.name()),
        ("type", grant.kind().as_str()),
        ("owner", grant.owner()),
        ("approver", grant.approver()),
        ("requested_by", grant.requested_by()),
    ]);
    object.text("ticket", grant.ticket().unwrap_or_default());
    object.put("not_before", grant.not_before().to_string());
    object.put("expires_at", grant.expires_at().to_string());
    object.into()
}

/// Segments are decoded after they are split: an escaped slash, where it is admitted, is data.
fn parsed_path(request: &Line<'_>) -> Result<Vec<Value>, HopError> {
    let segments = request.target.path.split('/').skip(1);
    segments.map(|segment| decode(segment, false).map(Value::from)).collect()
}

fn parsed_query(request: &Line<'_>) -> Result<Value, HopError> {
    let mut object = Object::new();
    for (name, values) in parse(request.target.query.unwrap_or_default())? {
        object.put(&name, values.into_iter().map(Value::from).collect::<Vec<_>>());
    }
    Ok(object.into())
}

/// Where a policy finds the body.
const BODIES: [&[&str]; 3] =
    [&["parsed_body"], &["attributes", "request", "http", "body"], &["attributes", "request", "http", "rawBody"]];
