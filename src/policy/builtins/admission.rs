//! Judges each call of a policy when it is loaded: a builtin that is not here is never found to be missing by a hop.

use regorus::unstable::BUILTINS;
use serde_json::Value;

use super::{
    glob,
    native::Failure,
    natives,
    patterns::{self, Kind},
};

/// Admits a call of `name`.
///
/// # Errors
/// Why not, and what to do instead.
pub(in super::super) fn admit(name: &str, params: &[Value]) -> Result<(), String> {
    if name == "print" {
        // Of any number of arguments; what it writes is gathered, and it is always true.
        return Ok(());
    }
    let native = natives().find(|native| native.name == name);
    let engine = BUILTINS.get(name).filter(|_| ADMITTED.contains(&name)).map(|(_, arity)| *arity);
    let Some(arity) = native.map(|native| native.arity).or(engine) else { return Err(refusal(name)) };
    let arity = usize::from(arity);
    let takes = format!("policy.arity: `{name}` takes {arity} arguments, not {}", params.len());
    // A further argument receives the result, as far as the engine knows the function itself.
    let receives = params.len() == arity.saturating_add(1);
    if receives && !BUILTINS.contains_key(name) {
        return Err(format!("{takes}: write `x := {name}(...)`"));
    }
    if params.len() != arity && !receives {
        return Err(takes);
    }
    patterns(name, params).map_err(|error| format!("policy.builtin: `{name}`: {error}"))
}

/// Why there is no such function, or why it may not be called.
fn refusal(name: &str) -> String {
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| refused_by(refused, name)) {
        return format!("policy.builtin: `{name}` {why}");
    }
    if BUILTINS.contains_key(name) {
        return format!("policy.builtin: `{name}` is not built yet: it is not known to be bounded by its input");
    }
    format!("policy.unknown_function: there is no function `{name}`")
}

fn refused_by(refused: &str, name: &str) -> bool {
    refused.strip_suffix('*').map_or(refused == name, |family| name.starts_with(family))
}

/// Compiles the patterns that a policy spells out: one that is none, or too large, is found now and never evicted.
fn patterns(name: &str, params: &[Value]) -> Result<(), Failure> {
    let constant = |place: usize| params.get(place).and_then(text);
    match name {
        "glob.match" => match (constant(0), params.get(1).and_then(delimiters)) {
            (Some(pattern), Some(delimiters)) => patterns::keep(Kind::Glob(&glob::delimiters(&delimiters)?), pattern),
            _ => Ok(()),
        },
        "regex.match" | "regex.find_n" | "regex.find_all_string_submatch_n" | "regex.split" => {
            constant(0).map_or(Ok(()), |pattern| patterns::keep(Kind::Regex, pattern))
        }
        "regex.replace" => constant(1).map_or(Ok(()), |pattern| patterns::keep(Kind::Regex, pattern)),
        _ => Ok(()),
    }
}

/// The delimiters that a policy spells out.
fn delimiters(param: &Value) -> Option<regorus::Value> {
    if param.get("Null").is_some() {
        return Some(regorus::Value::Null);
    }
    let items = param.pointer("/Array/items")?.as_array()?;
    items.iter().map(|item| text(item).map(regorus::Value::from)).collect::<Option<Vec<_>>>().map(Into::into)
}

fn text(param: &Value) -> Option<&str> {
    param.pointer("/String/value").or_else(|| param.pointer("/RawString/value")).and_then(Value::as_str)
}

/// Those of the engine that a policy may call: each is done with one walk over its arguments, which were there before or which another
/// builtin has bounded; none makes more than a few times of what it is given.
const ADMITTED: &[&str] = &[
    "__builtin_sets.intersection",
    "__builtin_sets.union",
    "abs",
    "array.concat",
    "array.reverse",
    "base64.encode",
    "base64url.encode",
    "base64url.encode_no_pad",
    "bits.and",
    "bits.negate",
    "bits.or",
    "bits.xor",
    "contains",
    "count",
    "endswith",
    "hex.encode",
    "intersection",
    "is_array",
    "is_boolean",
    "is_null",
    "is_number",
    "is_object",
    "is_set",
    "is_string",
    "max",
    "min",
    "object.filter",
    "object.keys",
    "object.remove",
    "object.union",
    "round",
    "sort",
    "startswith",
    "strings.reverse",
    "sum",
    "time.clock",
    "time.date",
    "time.weekday",
    "trim_prefix",
    "trim_space",
    "trim_suffix",
    "type_name",
    "union",
];

/// What OPA has and a policy here may not call, and what to do instead. A star stands for a family.
const REFUSED: &[(&str, &str)] = &[
    ("all", "is deprecated: use `every`"),
    ("any", "is deprecated: use `true in`"),
    ("cast_*", "is deprecated: use `is_*` of that type"),
    ("crypto.parse_private_keys", "needs a private key, which no policy has"),
    ("graph.reachable_paths", "makes more paths than a builtin may: use `graph.reachable`"),
    ("graphql.*", "is not supported: decide by the path, or by a field of the body"),
    ("http.send", "makes a request while a hop waits: put what it would fetch into facts or into a bundle"),
    ("io.jwt.encode_sign*", "needs a private key, which no policy has"),
    ("json.marshal_with_options", "is not supported: use `json.marshal`"),
    ("json.match_schema", "is not supported: name the fields that must be there"),
    ("json.verify_schema", "is not supported: name the fields that must be there"),
    ("net.cidr_overlap", "is deprecated: use `net.cidr_contains`"),
    ("net.lookup_ip_addr", "asks the network while a hop waits: put the addresses into facts or into a bundle"),
    ("opa.runtime", "tells what only this process knows, and a decision must be repeatable: use `data`"),
    ("providers.*", "needs a secret, which no policy has"),
    ("rand.intn", "gives another answer each time, and a decision must be repeatable"),
    ("re_match", "is deprecated: use `regex.match`"),
    ("regex.globs_match", "is not supported: use `regex.match` or `glob.match`"),
    ("rego.metadata.*", "is not supported: put what the annotation says into a rule"),
    ("rego.parse_module", "is not supported: a policy is checked when it is loaded"),
    ("set_diff", "is deprecated: use `-`"),
    ("strings.render_template", "is not supported: use `sprintf`"),
    ("trace", "is not supported: use `print`"),
    ("uri.*", "is not supported: use `input.parsed_path` and `input.parsed_query`"),
    ("uuid.parse", "is not supported: use `regex.match`"),
    ("uuid.rfc4122", "gives another answer each time, and a decision must be repeatable"),
    ("yaml.*", "is not supported: use JSON"),
];
