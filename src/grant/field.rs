//! Reads the fields that documents have in common, each as narrowly as it can be meant.

use super::Signature;
use crate::{
    purpose::Purpose,
    yaml::{self, Mapping, Value},
};

/// A field that some documents must have and others may.
pub(crate) fn field<'a>(mapping: &mut Mapping<'a>, key: &'static str, required: bool) -> Value<'a> {
    if required { mapping.required(key) } else { mapping.optional(key) }
}

/// The one of several fields that is there; none or several of them are a problem.
pub(crate) fn exactly_one<'a>(
    mapping: &mut Mapping<'a>,
    keys: &'static [&'static str],
) -> Option<(&'static str, Value<'a>)> {
    let mut found = Vec::new();
    for key in keys {
        let is_there = mapping.has(key);
        let value = mapping.optional(key);
        if is_there {
            found.push((*key, value));
        }
    }
    let list = || keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    match found.len() {
        0 => mapping.problem(format!("needs exactly one of {}", list())),
        1 => return found.pop(),
        _ => mapping.problem(format!("has several of {}: keep exactly one", list())),
    }
    None
}

/// A list with something in it.
pub(crate) fn list<'a, T>(value: &Value<'a>, read: impl FnMut(Value<'a>) -> Option<T>) -> Option<Vec<T>> {
    if matches!(value.node().map(|node| &node.kind), Some(yaml::Kind::Sequence(items)) if items.is_empty()) {
        value.problem("is an empty list: name at least one");
    }
    value.list(read)
}

/// A name on one line, as people and tickets have it.
pub(crate) fn line(text: &str) -> Result<String, &'static str> {
    if text.trim() != text {
        Err("begins or ends with a space: leave it out")
    } else if text.len() > MAX_LINE || text.chars().any(char::is_control) {
        Err("is not one line of at most 256 bytes")
    } else {
        Ok(text.to_owned())
    }
}

/// Something that others have named: a token, a key, a subject. Whatever it is, it is compared as it is.
pub(crate) fn foreign(text: &str) -> Result<String, &'static str> {
    if text.len() > MAX_FOREIGN { Err("has more than 4096 bytes") } else { Ok(text.to_owned()) }
}

/// The name of a purpose.
pub(crate) fn purpose(name: &str) -> Result<Purpose, &'static str> {
    Purpose::parse(name).ok_or("a purpose is lower-case words joined by dots, as in `billing.invoice`")
}

/// The name of a role.
pub(crate) fn role(name: &str) -> Result<String, &'static str> {
    dotted(name).ok_or("a role is lower-case words with `-` or `_`, joined by dots, as in `invoice-reader`")
}

/// The key of a fact.
pub(crate) fn key(name: &str) -> Result<String, &'static str> {
    dotted(name).ok_or("a fact's key is lower-case words joined by dots, as in `device.posture`")
}

/// The name of a document, which Kubernetes would take too ([RFC 1123](https://www.rfc-editor.org/rfc/rfc1123#section-2.1) subdomains).
pub(crate) fn document_name(name: &str) -> Result<String, &'static str> {
    let valid = name.len() <= MAX_NAME && name.split('.').all(is_label);
    valid.then(|| name.to_owned()).ok_or(
        "a name has at most 253 lower-case letters, digits, `-` and `.`, and what is between dots begins and ends with a letter or digit",
    )
}

/// What stands between the dots of a name.
fn is_label(label: &str) -> bool {
    let is_end = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_inner = |byte: u8| is_end(Some(byte)) || byte == b'-';
    is_end(label.bytes().next()) && is_end(label.bytes().next_back()) && label.bytes().all(is_inner)
}

/// The signatures below a document; who made them is found where it is put together with others.
pub(crate) fn signatures(spec: &mut Mapping<'_>) -> Vec<Signature> {
    let value = spec.optional("signatures");
    let signatures = list(&value, |item| {
        let mut signature = item.mapping();
        let by = signature.required("by").parsed(line);
        let armoured = signature.required("signature").parsed(|text| {
            if text.len() > MAX_SIGNATURE { Err("has more than 16384 bytes") } else { Ok(text.to_owned()) }
        });
        signature.finish();
        Some(Signature { by: by?, armoured: armoured? })
    });
    let signatures = signatures.unwrap_or_default();
    if signatures.len() > MAX_SIGNATURES {
        value.problem(format!("has more than {MAX_SIGNATURES} signatures"));
    }
    signatures
}

/// Segments of `[a-z0-9][a-z0-9_-]*` joined by dots: what purposes are made of too.
fn dotted(name: &str) -> Option<String> {
    Purpose::parse(name).map(|name| name.as_str().to_owned())
}

const MAX_LINE: usize = 256;
const MAX_FOREIGN: usize = 4096;
const MAX_NAME: usize = 253;
const MAX_SIGNATURE: usize = 16 * 1024;
const MAX_SIGNATURES: usize = 16;

/// Reads a `spec` by itself, as a document that is called `it` would have it.
#[cfg(test)]
pub(crate) fn spec<T>(
    text: &str,
    read: impl FnOnce(Option<String>, Mapping<'_>) -> Option<T>,
) -> Result<T, Vec<String>> {
    let reader = yaml::Reader::new("a.yaml");
    let nodes = reader.parse(text);
    let value = nodes.first().and_then(|spec| read(Some("it".to_owned()), reader.mapping(spec)));
    reader.finish(value).map_err(|problems| problems.0.iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_name_is_one_that_kubernetes_would_take() {
        for name in ["a", "0", "a-b.c", &"a".repeat(253)] {
            assert!(document_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "A",
            "a_b",
            "-a",
            "a-",
            ".a",
            "a.",
            "a..b",
            "a-.b",
            "a.-b",
            "a b",
            "a/b",
            "../a",
            "ä",
            &"a".repeat(254),
        ] {
            assert!(document_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn roles_and_keys_have_one_spelling() {
        for name in ["reader", "invoice-reader", "ci.run.8812", "a_b"] {
            assert!(role(name).is_ok() && key(name).is_ok(), "{name}");
        }
        for name in ["", "Reader", "a b", ".a", "a.", "a..b", "-a", "*", "ä", &"a".repeat(129)] {
            assert!(role(name).is_err() && key(name).is_err(), "{name}");
        }
    }
}
