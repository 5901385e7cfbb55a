//! Headers as Envoy takes them: whether one replaces or joins what is there is said in every way that some Envoy listens to.

use crate::pb::{HeaderValue, HeaderValueOption, header_value_option::HeaderAppendAction};

/// Overwrites in every Envoy: `append` is what decides there, `append_action` is what the field is documented to be.
pub(super) fn overwrite(name: &str, value: String) -> HeaderValueOption {
    option(name, value, Some(false), HeaderAppendAction::OverwriteIfExistsOrAdd)
}

/// Of each name the first value replaces what the client sent, and the others join it.
pub(super) fn set(headers: &[(String, String)]) -> Vec<HeaderValueOption> {
    let set = |(index, (name, value)): (usize, &(String, String))| {
        let before = headers.iter().take(index);
        if before.clone().any(|(other, _)| other == name) {
            // Envoy applies these after the first one, and nothing if there were none.
            option(name, value.clone(), Some(true), HeaderAppendAction::AppendIfExistsOrAdd)
        } else {
            overwrite(name, value.clone())
        }
    };
    headers.iter().enumerate().map(set).collect()
}

/// Each joins what the response has: a cookie replaces no other. Envoy takes it so if nothing is said of what is there already, which is
/// also how OPA's plugin sends all headers.
pub(super) fn add(headers: &[(String, String)]) -> Vec<HeaderValueOption> {
    let add =
        |(name, value): &(String, String)| option(name, value.clone(), None, HeaderAppendAction::AppendIfExistsOrAdd);
    headers.iter().map(add).collect()
}

fn option(name: &str, value: String, append: Option<bool>, action: HeaderAppendAction) -> HeaderValueOption {
    let header = HeaderValue { key: name.to_owned(), value, raw_value: Vec::new() };
    HeaderValueOption { header: Some(header), append, append_action: action.into() }
}
