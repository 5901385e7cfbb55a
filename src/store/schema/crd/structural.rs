//! Writes a shape as a [structural schema](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema):
//! everything in it has a bound, so that an API server knows what a rule costs.

use serde_json::{Map, Value, json};

use super::{pattern, rules};
use crate::store::schema::{
    table::{Field, Holds, Needed, Shape},
    way_of,
};

/// A mapping of known fields.
pub(super) fn section(shape: &Shape) -> Value {
    let Shape { fields, one_of, .. } = shape;
    let properties: Map<_, _> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    let required: Vec<_> =
        fields.iter().filter(|field| field.needed == Needed::Always).map(|field| field.name).collect();
    let mut section = Map::new();
    section.insert("type".to_owned(), json!("object"));
    section.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        section.insert("required".to_owned(), json!(required));
    }
    // A rule sees no field of two types.
    if one_of.iter().copied().flatten().any(|name| is_hidden(fields, name)) {
        let ways: Vec<_> = one_of.iter().map(|way| way_of(way, one_of)).collect();
        section.insert("oneOf".to_owned(), json!(ways));
    }
    let rules = rules::of(shape);
    if !rules.is_empty() {
        section.insert("x-kubernetes-validations".to_owned(), Value::Array(rules));
    }
    Value::Object(section)
}

/// Whether the expressions of an API server cannot name the field.
pub(super) fn is_hidden(fields: &[Field], name: &str) -> bool {
    fields.iter().any(|field| field.name == name && matches!(field.holds, Holds::Any | Holds::OneOrList(_)))
}

fn property(field: &Field) -> Value {
    described(value(field.holds), field.meaning)
}

/// A schema that says what it is for.
pub(super) fn described(mut schema: Value, meaning: &str) -> Value {
    if let Value::Object(schema) = &mut schema {
        schema.insert("description".to_owned(), json!(meaning));
    }
    schema
}

fn value(holds: Holds) -> Value {
    match holds {
        Holds::Any => json!({"x-kubernetes-preserve-unknown-fields": true}),
        Holds::Count(from, to) => json!({"type": "integer", "minimum": from, "maximum": to}),
        Holds::Dotted => text(128, pattern::DOTTED),
        Holds::Duration => json!({
            "type": "string",
            "maxLength": MAX_QUANTITY,
            "pattern": pattern::DURATION,
            "x-kubernetes-validations": [rules::DURATION.json()],
        }),
        Holds::Fingerprint => text(64, pattern::FINGERPRINT),
        Holds::Foreign => json!({"type": "string", "minLength": 1, "maxLength": 4096}),
        Holds::Grpc => text(2048, pattern::GRPC),
        Holds::Hex => text(80, pattern::HEX),
        Holds::Host => text(261, &pattern::host()),
        Holds::Labels => json!({
            "type": "object",
            "maxProperties": MAX_ITEMS,
            "additionalProperties": {"type": "string", "maxLength": 1024},
        }),
        Holds::Line => text(256, pattern::LINE),
        Holds::List(item) => json!({
            "type": "array",
            "minItems": 1,
            "maxItems": if matches!(item, Holds::Section(shape) if is_signature(shape)) { MAX_SIGNATURES } else { MAX_ITEMS },
            "items": value(*item),
        }),
        Holds::Method => text(255, pattern::METHOD),
        Holds::Name => text(253, pattern::NAME),
        Holds::OneOrList(item) => one_or_list(value(*item)),
        Holds::Path => json!({"type": "string", "minLength": 1, "maxLength": 2048, "pattern": pattern::path()}),
        Holds::Prefix => text(2049, &pattern::prefix()),
        Holds::Section(shape) => section(shape),
        Holds::Signature => json!({"type": "string", "minLength": 1, "maxLength": 16_384}),
        Holds::SpiffeId => text(2048, &pattern::spiffe_id()),
        Holds::Text => json!({"type": "string", "minLength": 1, "maxLength": MAX_TEXT}),
        Holds::Time => json!({
            "type": "string",
            "format": "date-time",
            "maxLength": MAX_QUANTITY,
            "pattern": pattern::TIME,
            "x-kubernetes-validations": [rules::TIME.json()],
        }),
        Holds::TrustDomain => text(255, pattern::TRUST_DOMAIN),
        Holds::Upgrade => text(255, pattern::UPGRADE),
        Holds::Word(words) => json!({"type": "string", "enum": words}),
    }
}

fn text(longest: usize, pattern: &str) -> Value {
    json!({"type": "string", "maxLength": longest, "pattern": pattern})
}

/// A text or a list of such texts.
///
/// A structural schema cannot offer types to choose from. One without a type takes any, and each keyword speaks of one type only: so the
/// types that are not meant are given bounds that nothing meets.
fn one_or_list(item: Value) -> Value {
    let mut either = Map::new();
    for keyword in ["maxLength", "pattern"] {
        if let Some(wanted) = item.get(keyword) {
            either.insert(keyword.to_owned(), wanted.clone());
        }
    }
    either.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
    either.insert("minItems".to_owned(), json!(1));
    either.insert("maxItems".to_owned(), json!(MAX_ITEMS));
    either.insert("items".to_owned(), item);
    either.insert("minProperties".to_owned(), json!(1));
    either.insert("maxProperties".to_owned(), json!(0));
    either.insert("minimum".to_owned(), json!(1));
    either.insert("maximum".to_owned(), json!(0));
    either.insert("not".to_owned(), json!({"enum": [true, false]}));
    Value::Object(either)
}

fn is_signature(shape: &Shape) -> bool {
    shape.fields.iter().any(|field| matches!(field.holds, Holds::Signature))
}

/// The most items of a list, and entries of labels.
pub(super) const MAX_ITEMS: usize = 256;
/// The most signatures, as for the reader.
const MAX_SIGNATURES: usize = 16;
/// The most characters of what somebody explains.
pub(super) const MAX_TEXT: usize = 16_384;
/// The most characters of a time or a duration.
const MAX_QUANTITY: usize = 64;
