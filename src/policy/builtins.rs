//! Which of the engine's builtins a policy may call: those that are there, give the same answer each time, and are bounded by their input.

use regorus::unstable::BUILTINS;
use serde_json::Value;

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
    // A further argument receives the result.
    let arity = usize::from(*arity);
    if params.len() != arity && params.len() != arity.saturating_add(1) {
        return Err(format!("policy.arity: `{name}` takes {arity} arguments, not {}", params.len()));
    }
    if name == "sprintf" && !params.first().is_some_and(is_plain_format) {
        return Err(
            "policy.builtin: `sprintf` takes a constant format without widths, because a width is memory".to_owned()
        );
    }
    Ok(())
}

fn is_plain_format(param: &Value) -> bool {
    let constant = param.pointer("/String/value").or_else(|| param.pointer("/RawString/value")).and_then(Value::as_str);
    constant.is_some_and(|format| {
        let verbs = format.replace("%%", "");
        verbs.split('%').skip(1).all(|verb| verb.starts_with(|first: char| first.is_ascii_alphabetic()))
    })
}

/// What the engine has and a decision cannot use. The timer ends no builtin, so none may cost more than its input's size says.
const REFUSED: [(&str, &str); 10] = [
    ("bits.lsh", "is not bounded by its input: multiply by a constant instead"),
    ("net.cidr_expand", "is not bounded by its input: use `net.cidr_contains`"),
    ("numbers.range", "is not bounded by its input: compare numbers instead"),
    ("numbers.range_step", "is not bounded by its input: compare numbers instead"),
    ("rand.intn", "gives another answer each time, and a decision must be repeatable"),
    ("strings.repeat", "is not bounded by its input"),
    ("trace", "is not built yet"),
    ("units.parse", "is not bounded by its input: compare numbers instead"),
    ("units.parse_bytes", "is not bounded by its input: compare numbers instead"),
    ("walk", "is not bounded by its input: name the fields"),
];
