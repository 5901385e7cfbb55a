//! Describes the documents as a JSON Schema, for editors: what it refuses does not load, and it names every field that does.
//!
//! It is of draft 7, which editors know best. What it cannot say (that times are in order, that a name is defined, who signed) is for
//! `hopguard check`.

mod crd;
mod table;

use serde_json::{Map, Value, json};

pub use self::crd::crds;
use self::table::{Field, Holds, KINDS, NAME, Needed, Shape};

/// Writes the schema of all kinds of documents, in [JSON Schema draft 7](https://json-schema.org/draft-07).
pub fn schema() -> Value {
    let kinds: Vec<_> = KINDS.iter().map(|(kind, ..)| *kind).collect();
    let specs = KINDS.iter().map(|(kind, ..)| {
        json!({
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"properties": {"spec": {"$ref": format!("#/definitions/{kind}")}}},
        })
    });
    let definitions = KINDS.iter().map(|(kind, meaning, shape)| {
        let mut spec = object(shape);
        spec.insert("description".to_owned(), json!(meaning));
        ((*kind).to_owned(), Value::Object(spec))
    });
    let definitions: Map<_, _> = definitions.collect();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Hopguard's documents",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": {"const": super::document::API_VERSION},
            "kind": {"enum": kinds},
            "metadata": object(&Shape::of(NAME)),
            "spec": {"type": "object"},
        },
        "allOf": specs.collect::<Vec<_>>(),
        "definitions": definitions,
    })
}

fn object(shape: &Shape) -> Map<String, Value> {
    let Shape { fields, one_of, when, .. } = shape;
    let properties: Map<_, _> = fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    let required: Vec<_> =
        fields.iter().filter(|field| field.needed == Needed::Always).map(|field| field.name).collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("additionalProperties".to_owned(), json!(false));
    object.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    let is_one_field = one_of.iter().all(|way| way.len() == 1) && one_of.len() == fields.len();
    if is_one_field && !one_of.is_empty() {
        object.insert("minProperties".to_owned(), json!(1));
        object.insert("maxProperties".to_owned(), json!(1));
    } else if !one_of.is_empty() {
        let ways: Vec<_> = one_of.iter().map(|way| way_of(way, one_of)).collect();
        object.insert("oneOf".to_owned(), json!(ways));
    }
    let conditions: Vec<_> = when.iter().map(condition).collect();
    if !conditions.is_empty() {
        object.insert("allOf".to_owned(), json!(conditions));
    }
    object
}

/// One way of several to say something: these fields, and none that only another way has.
fn way_of(way: &[&str], all: &[&[&str]]) -> Value {
    let mut others: Vec<_> = all.iter().copied().flatten().filter(|name| !way.contains(name)).collect();
    others.sort_unstable();
    others.dedup();
    let others: Vec<_> = others.iter().map(|name| json!({"required": [name]})).collect();
    if others.is_empty() { json!({"required": way}) } else { json!({"required": way, "not": {"anyOf": others}}) }
}

fn condition((field, words, then): &(&str, &[&str], Then)) -> Value {
    let consequence = match then {
        Then::Needs(name) => json!({"required": [name]}),
        Then::Excludes(name) => json!({"not": {"required": [name]}}),
    };
    json!({"if": {"properties": {*field: {"enum": words}}, "required": [field]}, "then": consequence})
}

/// What follows for another field.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// It must be there.
    Needs(&'static str),
    /// It must not be there.
    Excludes(&'static str),
}

fn property(field: &Field) -> Value {
    let mut property = value(field.holds);
    property.insert("description".to_owned(), json!(field.meaning));
    Value::Object(property)
}

fn value(holds: Holds) -> Map<String, Value> {
    let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
    let schema = match holds {
        Holds::Any => json!({}),
        Holds::Count(from, to) => json!({"type": "integer", "minimum": from, "maximum": to}),
        Holds::Dotted => text("^[a-z0-9][a-z0-9_-]*(\\.[a-z0-9][a-z0-9_-]*)*$"),
        Holds::Duration => text("^[0-9]+(ms|s|m|h|d)$"),
        Holds::Fingerprint => text("^[0-9a-f]{64}$"),
        Holds::Grpc => text("^[A-Za-z_][A-Za-z0-9_]*(\\.[A-Za-z_][A-Za-z0-9_]*)*/[A-Za-z_][A-Za-z0-9_]*$"),
        Holds::Hex => text("^([0-9a-f]{2})+$"),
        Holds::Host => text("^[^A-Z*,@/ ]+$"),
        Holds::Labels => json!({"type": "object", "additionalProperties": {"type": "string"}}),
        Holds::Line => text("^[^\\s]([^\\r\\n]*[^\\s])?$"),
        Holds::List(item) => json!({"type": "array", "minItems": 1, "items": value(*item)}),
        Holds::Method => text("^[A-Z][A-Z0-9_-]*$"),
        Holds::Name => text("^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$"),
        Holds::OneOrList(item) => {
            json!({"anyOf": [value(*item), {"type": "array", "minItems": 1, "items": value(*item)}]})
        }
        Holds::Path => text("^/[^?#;{}\\\\ ]*$"),
        Holds::Prefix => text("^spiffe://[a-z0-9._-]+/([A-Za-z0-9._-]+/)*$"),
        Holds::Section(shape) => Value::Object(object(shape)),
        Holds::SpiffeId => text("^spiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+$"),
        Holds::Foreign | Holds::Signature | Holds::Text => json!({"type": "string", "minLength": 1}),
        Holds::Time => text("^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?Z$"),
        Holds::TrustDomain => text("^[a-z0-9._-]+$"),
        Holds::Upgrade => text("^[a-z][a-z0-9_.+/-]*$"),
        Holds::Word(words) => json!({"enum": words}),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
