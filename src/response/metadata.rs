//! Dynamic metadata: always what was decided, and beside it what the policy has to say.

use prost_types::{ListValue, Struct, Value, value::Kind};
use serde_json::Value as Json;

use crate::{
    decision::{Decision, DecisionId, Denial},
    policy::{Permit, PolicyError, answer::Metadata},
};

/// What was decided; a policy's field of such a name is not heard.
pub(super) fn of(decision: &Decision, id: DecisionId) -> Struct {
    let optional = |value: Option<String>| value.map_or(Kind::NullValue(0), Kind::StringValue);
    let permit = decision.verdict.as_ref().ok();
    let findings = &decision.findings;
    let ours = [
        ("decision_id", Kind::StringValue(id.to_string())),
        ("allowed", Kind::BoolValue(decision.is_allowed())),
        ("reason", optional(decision.reason().map(|reason| reason.as_str().to_owned()))),
        ("peer", optional(decision.peer().map(|peer| peer.id().to_string()))),
        ("purpose", optional(findings.purpose.as_ref().map(|purpose| purpose.purpose().to_string()))),
        ("grant", optional(findings.grant.as_ref().map(|grant| grant.grant().name().to_owned()))),
        ("revision", optional(decision.revisions.as_ref().map(|revisions| revisions.snapshot.clone()))),
        ("valid_until", optional(permit.and_then(Permit::valid_until).map(|end| end.to_string()))),
    ];
    let mut metadata = match &decision.verdict {
        Ok(permit) => convert(&permit.directives().metadata),
        Err(Denial::Policy(PolicyError::Denied(reply))) => convert(&reply.metadata),
        Err(_) => Struct::default(),
    };
    // There only where it is so: most hops are no emergency.
    metadata.fields.remove(BREAK_GLASS);
    if permit.is_some_and(Permit::is_break_glass) {
        metadata.fields.insert(BREAK_GLASS.to_owned(), Value { kind: Some(Kind::BoolValue(true)) });
    }
    metadata.fields.extend(ours.map(|(name, kind)| (name.to_owned(), Value { kind: Some(kind) })));
    metadata
}

const BREAK_GLASS: &str = "break_glass";

/// What OPA's plugin tells: the policy's own, and the decision's ID.
pub(super) fn opa(metadata: Option<&Metadata>, id: DecisionId) -> Struct {
    let mut metadata = metadata.map(convert).unwrap_or_default();
    let id = Value { kind: Some(Kind::StringValue(id.to_string())) };
    metadata.fields.insert("decision_id".to_owned(), id);
    metadata
}

fn convert(metadata: &Metadata) -> Struct {
    let fields = metadata.fields().iter().map(|(name, field)| (name.clone(), value(field)));
    Struct { fields: fields.collect() }
}

fn value(json: &Json) -> Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => number.as_f64().map_or(Kind::NullValue(0), Kind::NumberValue),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(value).collect() }),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| (name.clone(), value(field)));
            Kind::StructValue(Struct { fields: fields.collect() })
        }
    };
    Value { kind: Some(kind) }
}
