//! Describes the file as a JSON Schema, for editors: what it accepts is what is built.

use serde_json::{Map, Value, json};

use super::{
    key::{Holds, Key, Presence},
    table::CONFIG,
};
use crate::yaml::{self, Kind, Node};

/// Writes the configuration's schema, in [JSON Schema 2020-12](https://json-schema.org/draft/2020-12).
pub fn schema() -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!("Hopguard's configuration"));
    schema.extend(object(CONFIG));
    Value::Object(schema)
}

fn object(keys: &[Key]) -> Map<String, Value> {
    let properties: Map<String, Value> =
        keys.iter().filter_map(|key| Some((key.name.to_owned(), property(key)?))).collect();
    let required: Vec<_> = keys.iter().filter(|key| key.is_needed()).map(|key| key.name).collect();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("properties".to_owned(), Value::Object(properties));
    object.insert("required".to_owned(), json!(required));
    object.insert("additionalProperties".to_owned(), json!(false));
    object
}

/// The schema of one key; none if whatever it is set to is refused.
fn property(key: &Key) -> Option<Value> {
    let mut property = match key.presence {
        Presence::Later(accepted) => {
            let accepted = json(accepted?);
            return Some(json!({"description": format!("not built yet: {}", key.meaning), "const": accepted}));
        }
        Presence::Optional(_) => {
            let mut either = Map::new();
            either.insert("anyOf".to_owned(), json!([value(key.holds), {"type": "null"}]));
            either
        }
        Presence::Required | Presence::Unless(_) | Presence::Default(_) => value(key.holds),
    };
    if matches!((key.presence, key.holds), (Presence::Required | Presence::Default(_), Holds::List(_))) {
        property.insert("minItems".to_owned(), json!(1));
    }
    property.insert("description".to_owned(), json!(key.meaning));
    if let Presence::Default(default) = key.presence
        && !key.is_needed()
    {
        property.insert("default".to_owned(), json(default));
    }
    Some(Value::Object(property))
}

fn value(holds: Holds) -> Map<String, Value> {
    let schema = match holds {
        Holds::Address => json!({"type": "string", "pattern": "^(unix:/.+|[^/]+:[0-9]+)$"}),
        Holds::Boolean => json!({"type": "boolean"}),
        Holds::Count(from, to) => json!({"type": "integer", "minimum": from, "maximum": to}),
        Holds::Duration(..) => json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$"}),
        Holds::Header => json!({"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9a-z-]+$"}),
        Holds::Ids => json!({"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": u32::MAX}}),
        Holds::IpAddress => json!({"type": "string", "pattern": "^[^/]+:[0-9]+$"}),
        Holds::List(keys) => json!({"type": "array", "items": object(keys)}),
        Holds::Mode => json!({"type": "string", "pattern": "^0[0-7]{3}$"}),
        Holds::Path | Holds::Text => json!({"type": "string", "minLength": 1}),
        Holds::Section(keys) => Value::Object(object(keys)),
        Holds::SpiffeIds => json!({"type": "array", "items": value(Holds::SpiffeId)}),
        Holds::Size(..) => json!({"type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$"}),
        Holds::SpiffeId => json!({"type": "string", "pattern": "^spiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+$"}),
        Holds::Texts => json!({"type": "array", "items": {"type": "string", "minLength": 1}}),
        Holds::TrustDomain => json!({"type": "string", "pattern": "^[a-z0-9._-]+$"}),
        Holds::TrustDomains => json!({"type": "array", "items": value(Holds::TrustDomain)}),
        Holds::Url => json!({"type": "string", "pattern": "^https://[^/@]+"}),
        Holds::Word(words, _) => json!({"enum": words}),
        Holds::Words(words) => json!({"type": "array", "items": {"enum": words}, "uniqueItems": true}),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

/// What a value of the table is in JSON.
fn json(text: &str) -> Value {
    let documents = yaml::parse("default", text).unwrap_or_default();
    documents.first().map_or(Value::Null, of_node)
}

pub(super) fn of_node(node: &Node) -> Value {
    match &node.kind {
        Kind::Null | Kind::Refused => Value::Null,
        Kind::Plain(text) => match text.as_str() {
            "true" => json!(true),
            "false" => json!(false),
            _ => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        },
        Kind::Quoted(text) => json!(text),
        Kind::Sequence(items) => items.iter().map(of_node).collect(),
        Kind::Mapping(entries) => {
            Value::Object(entries.iter().map(|entry| (entry.key.clone(), of_node(&entry.value))).collect())
        }
    }
}
