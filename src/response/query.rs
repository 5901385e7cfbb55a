//! What a policy wants of the query: encoded, because Envoy encodes nothing, and in every spelling that the client used, because Envoy
//! compares what is written and the upstream what it means.

use std::collections::BTreeSet;

use crate::{
    pb::{CheckRequest, QueryParameter},
    policy::answer::Directives,
};

/// What is set, and what is removed after it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Query {
    pub(super) set: Vec<QueryParameter>,
    pub(super) remove: Vec<String>,
}

/// What an allow makes of the query of `check`.
pub(super) fn query(check: &CheckRequest, directives: &Directives) -> Query {
    let Directives { query, query_remove, .. } = directives;
    if query.is_empty() && query_remove.is_empty() {
        return Query::default();
    }
    let mut set: Vec<QueryParameter> = Vec::new();
    for (name, value) in query {
        let (key, value) = (encode(name), encode(value));
        match set.iter_mut().find(|parameter| parameter.key == key) {
            // Of several parameters of one name Envoy sets the last. It writes a value as it is given, so that one can hold them all.
            Some(parameter) => parameter.value.push_str(&format!("&{key}={value}")),
            None => set.push(QueryParameter { key, value }),
        }
    }
    let names: BTreeSet<&str> = query.iter().map(|(name, _)| name).chain(query_remove).map(String::as_str).collect();
    let mut remove: BTreeSet<String> = query_remove.iter().map(|name| encode(name)).collect();
    let sent = sent(check).filter(|key| names.contains(decode(key).as_str()));
    remove.extend(sent.filter(|key| set.iter().all(|parameter| parameter.key != *key)).map(str::to_owned));
    Query { set, remove: remove.into_iter().collect() }
}

/// Parameters as OPA's plugin sends them: nothing is encoded but what would end the request's target or its line.
pub(super) fn plain(query: &[(String, String)]) -> Vec<QueryParameter> {
    let within = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    let parameter =
        |(name, value): &(String, String)| QueryParameter { key: escape(name, within), value: escape(value, within) };
    query.iter().map(parameter).collect()
}

/// The names of the client's parameters, as they are spelt.
fn sent(check: &CheckRequest) -> impl Iterator<Item = &str> {
    let http = check.attributes.as_ref().and_then(|it| it.request.as_ref()).and_then(|it| it.http.as_ref());
    let query = http.and_then(|http| http.path.split_once('?')).map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    query.split('&').filter_map(|parameter| parameter.split('=').next())
}

/// Leaves what Envoy takes as encoded where it validates answers; it takes no escape there, and fails.
fn encode(text: &str) -> String {
    escape(text, |byte| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte))
}

fn escape(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// What a server makes of a name: an escape that is none stays what it is.
fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match (first, after) {
            (b'%', [high, low, after @ ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| (high << 4 | low, after)),
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((if *first == b'+' { b' ' } else { *first }, after));
        decoded.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| digit.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::{AttributeContext, attribute_context};

    fn check(path: &str) -> CheckRequest {
        let http = attribute_context::HttpRequest { path: path.to_owned(), ..Default::default() };
        let request = attribute_context::Request { http: Some(http), ..Default::default() };
        CheckRequest { attributes: Some(AttributeContext { request: Some(request), ..Default::default() }) }
    }

    fn told(path: &str, set: &[(&str, &str)], remove: &[&str]) -> (Vec<(String, String)>, Vec<String>) {
        let query_remove = remove.iter().map(|name| (*name).to_owned()).collect();
        let pairs = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let told = query(&check(path), &Directives { query: pairs, query_remove, ..Directives::default() });
        (told.set.into_iter().map(|it| (it.key, it.value)).collect(), told.remove)
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_value_stays_one_value() {
        let (set, _) = told("/", &[("for", "alice&admin=1 #\r\nüx+%41")], &[]);
        assert_eq!(set, [pair("for", "alice%26admin%3D1%20%23%0D%0A%C3%BCx%2B%2541")]);
        assert_eq!(told("/", &[("a b=", "")], &[]).0, [pair("a%20b%3D", "")]);
    }

    #[test]
    fn several_values_are_several_parameters() {
        let (set, remove) = told("/?tag=x", &[("tag", "a"), ("tag", "b&c"), ("other", "d")], &[]);
        assert_eq!(set, [pair("tag", "a&tag=b%26c"), pair("other", "d")]);
        assert_eq!(remove, Vec::<String>::new());
    }

    #[test]
    fn another_spelling_of_a_name_gets_no_further() {
        let (set, remove) = told("/a?for=x&%66or=root&f%6Fr&fo%72=1&former=2&%zzfor", &[("for", "alice")], &["a b"]);
        assert_eq!(set, [pair("for", "alice")]);
        assert_eq!(remove, ["%66or", "a%20b", "f%6Fr", "fo%72"]);
        assert_eq!(told("/a?a+b=1&a%20b=2&c=3&debug", &[], &["a b", "debug"]).1, ["a%20b", "a+b", "debug"]);
    }

    #[test]
    fn opas_style_leaves_a_value_as_it_is_within_its_line() {
        let plain = plain(&[pair("q", "a&b=c%20d+e f\r\n#"), pair("q", "second")]);
        let pairs: Vec<_> = plain.into_iter().map(|it| (it.key, it.value)).collect();
        assert_eq!(pairs, [pair("q", "a&b=c%20d+e%20f%0D%0A%23"), pair("q", "second")]);
    }
}
