//! Inputs: the document of a request as Envoy sends it, the same with parts of it bent, and documents of no request at all.

use serde_json::{Map, Value, json};

use crate::{
    draw::Draw,
    judges::NOW,
    words::{ADDRESSES, METHODS, NAMES, NUMBERS, ODD_NUMBERS, PATHS, TEXTS},
};

/// An input as JSON text: numbers are in it as they were drawn, however large.
pub(crate) fn write(draw: &mut Draw) -> String {
    let mut input = if draw.chance(90) { request(draw) } else { free(draw, 3) };
    if draw.chance(60) {
        for _ in 0..draw.between(1, 4) {
            bend(draw, &mut input);
        }
    }
    if let Value::Object(fields) = &mut input {
        fields.insert("now".to_owned(), json!(NOW));
    }
    spell(&input.to_string())
}

/// A request that could be, as Hopguard and the plugin show it.
fn request(draw: &mut Draw) -> Value {
    let path = draw.of(PATHS);
    let (bare, query) = path.split_once('?').unwrap_or((path, ""));
    let mut parsed_query = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let values = parsed_query.entry(name).or_insert_with(|| json!([]));
        values.as_array_mut().unwrap().push(value.into());
    }
    let parsed_path: Vec<&str> = bare.trim_start_matches('/').split('/').collect();
    let method = draw.of(METHODS);
    let mut headers = json!({":authority": "shop.example", ":method": method, ":path": path});
    for _ in 0..draw.below(5) {
        headers[draw.of(NAMES)] = text(draw).into();
    }
    let principal = "spiffe://example.org/shop/web";
    json!({
        "attributes": {
            "source": {
                "address": {"socketAddress": {"address": draw.of(ADDRESSES), "portValue": draw.below(40)}},
                "principal": principal,
            },
            "destination": {"address": {"socketAddress": {"address": "10.0.0.2", "portValue": 8443}}},
            "request": {
                "time": {"seconds": NOW, "nanos": 5},
                "http": {
                    "id": "17", "method": method, "headers": headers, "path": path, "host": "shop.example",
                    "scheme": "https", "protocol": "HTTP/2", "size": draw.below(200),
                },
            },
            "contextExtensions": {"route": draw.of(NAMES)},
        },
        "parsed_path": parsed_path,
        "parsed_query": parsed_query,
        "parsed_body": body(draw),
        "truncated_body": draw.chance(15),
        "version": {"ext_authz": "v3", "encoding": "protojson"},
        "source_principal": principal,
        "facts": {"level": number(draw), "fresh": draw.chance(50)},
    })
}

fn body(draw: &mut Draw) -> Value {
    if draw.chance(25) {
        return free(draw, 2);
    }
    let items: Vec<Value> =
        (0..draw.below(4)).map(|_| if draw.chance(75) { item(draw) } else { free(draw, 1) }).collect();
    let mut body = json!({
        "user": draw.of(NAMES), "role": text(draw), "amount": number(draw), "count": number(draw), "items": items,
        "flag": draw.chance(60), "note": text(draw), "deep": {"a": {"b": scalar(draw)}},
    });
    if draw.chance(30) {
        body[draw.of(NAMES)] = free(draw, 1);
    }
    body
}

fn item(draw: &mut Draw) -> Value {
    json!({"price": number(draw), "path": draw.of(PATHS), "bad": draw.chance(50)})
}

/// Any document.
fn free(draw: &mut Draw, depth: usize) -> Value {
    match draw.below(if depth == 0 { 1 } else { 3 }) {
        0 => scalar(draw),
        1 => (0..draw.below(4)).map(|_| free(draw, depth - 1)).collect(),
        _ => {
            let fields = (0..draw.below(5)).map(|_| (key(draw), free(draw, depth - 1)));
            Value::Object(fields.collect::<Vec<_>>().into_iter().collect())
        }
    }
}

fn key(draw: &mut Draw) -> String {
    match draw.below(3) {
        0 => draw.of(NAMES).to_owned(),
        1 => draw.of(&["attributes", "parsed_body", "amount", "user", "items", "a", "b", "allowed"]).to_owned(),
        _ => draw.of(TEXTS).to_owned(),
    }
}

/// Makes one place of a document something else, or takes it away.
fn bend(draw: &mut Draw, value: &mut Value) {
    let goes_on = draw.chance(80);
    match value {
        Value::Object(fields) if goes_on && !fields.is_empty() => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let name = &names[draw.below(names.len())];
            if draw.chance(12) {
                fields.remove(name);
            } else {
                bend(draw, &mut fields[name]);
            }
        }
        Value::Array(items) if goes_on && !items.is_empty() => {
            let at = draw.below(items.len());
            bend(draw, &mut items[at]);
        }
        other => *other = free(draw, 1),
    }
}

/// Inputs with a little less in them.
pub(crate) fn smaller(input: &str) -> Vec<String> {
    fn without(value: &Value) -> Vec<Value> {
        let mut all = Vec::new();
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    let mut less = fields.clone();
                    less.remove(name);
                    all.push(less.into());
                    for field in without(field) {
                        let mut less = fields.clone();
                        less[name] = field;
                        all.push(less.into());
                    }
                }
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let mut less = items.clone();
                    less.remove(at);
                    all.push(less.into());
                    for item in without(item) {
                        let mut less = items.clone();
                        less[at] = item;
                        all.push(less.into());
                    }
                }
            }
            _ => {}
        }
        all
    }
    serde_json::from_str(input)
        .map_or_else(|_| Vec::new(), |input| without(&input).iter().map(Value::to_string).collect())
}

fn scalar(draw: &mut Draw) -> Value {
    match draw.below(8) {
        0 => Value::Null,
        1 => true.into(),
        2 => false.into(),
        3 | 4 => number(draw),
        _ => text(draw).into(),
    }
}

fn text(draw: &mut Draw) -> String {
    let all: [&[&str]; 6] = [NAMES, NAMES, TEXTS, PATHS, METHODS, ADDRESSES];
    let some = all[draw.below(all.len())];
    draw.of(some).to_owned()
}

/// A number in the words of its text, which [`spell`] makes one.
fn number(draw: &mut Draw) -> Value {
    let all = if draw.chance(80) { NUMBERS } else { ODD_NUMBERS };
    format!("{MARK}{}{MARK}", draw.of(all)).into()
}

fn spell(text: &str) -> String {
    text.replace(&format!("\"{MARK}"), "").replace(&format!("{MARK}\""), "")
}

/// Stands in no text.
const MARK: char = '\u{2418}';
