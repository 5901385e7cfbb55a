//! Which of the engine's builtins a policy may call: those that are there, give the same answer each time, and cost no more than the size
//! of what they are given says. The timer ends no builtin.

mod arguments;
mod glob;
mod json;
pub(super) mod native;
mod net;
mod numbers;
mod objects;
mod patterns;
mod regex;
mod sprintf;
mod text;

use regorus::unstable::BUILTINS;
use serde_json::Value;

use self::native::Native;

/// The builtins that are our own; each replaces the engine's of the same name.
pub(super) fn natives() -> impl Iterator<Item = &'static Native> {
    NATIVES.iter().copied().flatten()
}

/// Admits a call of `name`.
///
/// # Errors
/// Why not, and what to do instead.
pub(super) fn admit(name: &str, params: &[Value]) -> Result<(), String> {
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return Err(format!("policy.builtin: `{name}` {why}"));
    }
    let Some((_, arity)) = BUILTINS.get(name) else {
        return Err(format!("policy.unknown_function: there is no function `{name}`"));
    };
    let Some((_, constant)) = ADMITTED.iter().find(|(admitted, _)| *admitted == name) else {
        return Err(format!("policy.builtin: `{name}` is not built yet: it is not known to be bounded by its input"));
    };
    // A further argument receives the result.
    let arity = usize::from(*arity);
    if params.len() != arity && params.len() != arity.saturating_add(1) {
        return Err(format!("policy.arity: `{name}` takes {arity} arguments, not {}", params.len()));
    }
    for index in *constant {
        if !params.get(*index).is_some_and(is_constant) {
            let place = index.saturating_add(1);
            return Err(format!(
                "policy.builtin: argument {place} of `{name}` must be a constant: what a caller chooses there decides what the call costs"
            ));
        }
    }
    match name {
        "sprintf" if !params.first().and_then(text).is_some_and(is_plain_format) => {
            Err("policy.builtin: `sprintf` takes a format without widths, because a width is memory".to_owned())
        }
        "replace" if params.get(1).and_then(text) == Some("") => {
            Err("policy.builtin: `replace` takes something to replace, because nothing is everywhere".to_owned())
        }
        "regex.replace" if params.get(2).and_then(text).is_some_and(|value| value.contains('$')) => {
            Err("policy.builtin: `regex.replace` takes a replacement without `$`, which repeats what a caller sent"
                .to_owned())
        }
        _ => Ok(()),
    }
}

/// The names that builtins begin with: nothing of a policy's own may be called so, because the engine and a reader could mean different
/// things by it.
pub(super) fn is_reserved(name: &str) -> bool {
    name == "input"
        || name == "data"
        || BUILTINS.keys().any(|builtin| builtin.split_once('.').is_some_and(|(first, _)| first == name))
}

/// A text, or a list of texts.
fn is_constant(param: &Value) -> bool {
    let items = param.pointer("/Array/items").or_else(|| param.pointer("/Set/items")).and_then(Value::as_array);
    text(param).is_some() || items.is_some_and(|items| items.iter().all(|item| text(item).is_some()))
}

fn text(param: &Value) -> Option<&str> {
    param.pointer("/String/value").or_else(|| param.pointer("/RawString/value")).and_then(Value::as_str)
}

fn is_plain_format(format: &str) -> bool {
    let verbs = format.replace("%%", "");
    verbs.split('%').skip(1).all(|verb| verb.starts_with(|first: char| first.is_ascii_alphabetic()))
}

/// Group by group.
const NATIVES: &[&[Native]] = &[
    native::CLOCK,
    glob::GLOB,
    json::JSON,
    net::NET,
    numbers::NUMBERS,
    objects::OBJECTS,
    regex::REGEX,
    sprintf::SPRINTF,
    text::TEXT,
];

/// What a policy may call, and which of its arguments must be constant.
const ADMITTED: &[(&str, &[usize])] = &[
    ("__builtin_sets.intersection", &[]),
    ("__builtin_sets.union", &[]),
    ("abs", &[]),
    ("array.concat", &[]),
    ("array.reverse", &[]),
    ("array.slice", &[]),
    ("base64.decode", &[]),
    ("base64.encode", &[]),
    ("base64.is_valid", &[]),
    ("base64url.decode", &[]),
    ("base64url.encode", &[]),
    ("base64url.encode_no_pad", &[]),
    ("bits.and", &[]),
    ("bits.negate", &[]),
    ("bits.or", &[]),
    ("bits.rsh", &[]),
    ("bits.xor", &[]),
    ("ceil", &[]),
    ("concat", &[0]),
    ("contains", &[]),
    ("count", &[]),
    ("endswith", &[]),
    ("floor", &[]),
    ("format_int", &[]),
    ("glob.match", &[0]),
    ("glob.quote_meta", &[0]),
    ("hex.decode", &[]),
    ("hex.encode", &[]),
    ("indexof", &[1]),
    ("intersection", &[]),
    ("is_array", &[]),
    ("is_boolean", &[]),
    ("is_null", &[]),
    ("is_number", &[]),
    ("is_object", &[]),
    ("is_set", &[]),
    ("is_string", &[]),
    ("json.is_valid", &[]),
    ("json.marshal", &[]),
    ("json.unmarshal", &[]),
    ("lower", &[]),
    ("max", &[]),
    ("min", &[]),
    ("net.cidr_contains", &[]),
    ("net.cidr_is_valid", &[]),
    ("object.filter", &[]),
    ("object.get", &[]),
    ("object.keys", &[]),
    ("object.remove", &[]),
    ("object.union", &[]),
    ("regex.find_all_string_submatch_n", &[0]),
    ("regex.find_n", &[0]),
    ("regex.is_valid", &[0]),
    ("regex.match", &[0]),
    ("regex.replace", &[1, 2]),
    ("regex.split", &[0]),
    ("replace", &[1, 2]),
    ("round", &[]),
    ("semver.compare", &[]),
    ("semver.is_valid", &[]),
    ("sort", &[]),
    ("split", &[1]),
    ("sprintf", &[0]),
    ("startswith", &[]),
    ("strings.any_prefix_match", &[1]),
    ("strings.any_suffix_match", &[1]),
    ("strings.count", &[1]),
    ("strings.reverse", &[]),
    ("substring", &[]),
    ("sum", &[]),
    ("time.add_date", &[]),
    ("time.clock", &[]),
    ("time.date", &[]),
    ("time.diff", &[]),
    ("time.format", &[]),
    ("time.now_ns", &[]),
    ("time.parse_duration_ns", &[]),
    ("time.parse_ns", &[]),
    ("time.parse_rfc3339_ns", &[]),
    ("time.weekday", &[]),
    ("to_number", &[]),
    ("trim", &[1]),
    ("trim_left", &[1]),
    ("trim_prefix", &[]),
    ("trim_right", &[1]),
    ("trim_space", &[]),
    ("trim_suffix", &[]),
    ("type_name", &[]),
    ("union", &[]),
    ("upper", &[]),
    ("urlquery.decode", &[]),
    ("urlquery.decode_object", &[]),
    ("urlquery.encode", &[]),
    ("urlquery.encode_object", &[]),
];

/// What the engine has, and where there is something to say instead.
const REFUSED: &[(&str, &str)] = &[
    ("bits.lsh", "is not bounded by its input: multiply by a constant instead"),
    ("indexof_n", "is not bounded by its input: use `indexof` or `contains`"),
    ("json.filter", "follows paths as deep as a caller likes: use `object.filter`"),
    ("json.marshal_with_options", "is not bounded by its input: use `json.marshal`"),
    ("json.patch", "is not bounded by its input: build the object instead"),
    ("json.remove", "follows paths as deep as a caller likes: use `object.remove`"),
    ("net.cidr_expand", "is not bounded by its input: use `net.cidr_contains`"),
    ("numbers.range", "is not bounded by its input: compare numbers instead"),
    ("numbers.range_step", "is not bounded by its input: compare numbers instead"),
    ("object.subset", "is not bounded by its input: compare the fields instead"),
    ("object.union_n", "is not bounded by its input: use `object.union`"),
    ("product", "is not bounded by its input: multiply by a constant instead"),
    ("rand.intn", "gives another answer each time, and a decision must be repeatable"),
    ("regex.template_match", "fails on short values: use `regex.match`"),
    ("strings.replace_n", "is not bounded by its input: use `replace`"),
    ("trace", "is not built yet"),
    ("units.parse", "is not bounded by its input: compare numbers instead"),
    ("units.parse_bytes", "is not bounded by its input: compare numbers instead"),
    ("walk", "is not bounded by its input: name the fields"),
];
