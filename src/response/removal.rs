//! Which of the client's headers must not reach the upstream.

use std::collections::BTreeSet;

use crate::{
    pb::CheckRequest,
    policy::answer::{REWRITING, alike},
};

/// What an allow removes: every `x-hopguard-*` that this answer does not set, and headers that make an upstream see another request than
/// the one that was judged, unless `keep` names them.
///
/// Envoy removes after it sets, so the headers of the answer must not be among them.
pub(super) fn headers_to_remove(check: &CheckRequest, keep: impl Fn(&str) -> bool) -> Vec<String> {
    let spoofed: BTreeSet<&str> = sent(check).filter(|name| is_ours(name) && !SET.contains(name)).collect();
    let rewriting = REWRITING.into_iter().filter(|name| !keep(name));
    rewriting.chain(spoofed).map(str::to_owned).collect()
}

/// The client's spellings of `names` that some servers take for them: of what a policy sets or removes, nothing else gets through.
pub(super) fn spellings_to_remove(check: &CheckRequest, names: &[&String]) -> Vec<String> {
    let touched: BTreeSet<String> = names.iter().map(|name| alike(name)).collect();
    if touched.is_empty() {
        return Vec::new();
    }
    let is_odd = |name: &&str| !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let odd = sent(check).filter(is_odd).filter(|sent| touched.contains(&alike(sent)));
    let odd: BTreeSet<&str> = odd.filter(|sent| names.iter().all(|name| name != sent)).collect();
    odd.into_iter().map(str::to_owned).collect()
}

/// The names of the client's headers, in both forms in which Envoy may show them.
fn sent(check: &CheckRequest) -> impl Iterator<Item = &str> {
    let http = check.attributes.as_ref().and_then(|it| it.request.as_ref()).and_then(|it| it.http.as_ref());
    let joined = http.into_iter().flat_map(|http| http.headers.keys());
    let raw = http
        .into_iter()
        .flat_map(|http| http.header_map.iter())
        .flat_map(|map| map.headers.iter().map(|header| &header.key));
    joined.chain(raw).map(String::as_str)
}

/// Servers that follow CGI read `_` and `-` as the same.
fn is_ours(name: &str) -> bool {
    alike(name).starts_with(PREFIX)
}

const PREFIX: &str = "x-hopguard-";

/// Set or removed by every allow, whether or not the request showed them.
const SET: [&str; 6] = [
    "x-hopguard-actor",
    "x-hopguard-break-glass",
    "x-hopguard-decision",
    "x-hopguard-grant",
    "x-hopguard-peer",
    "x-hopguard-purpose",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb::{AttributeContext, attribute_context};

    fn check(names: &[&str]) -> CheckRequest {
        let headers = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        let http = attribute_context::HttpRequest { headers, ..Default::default() };
        let request = attribute_context::Request { http: Some(http), ..Default::default() };
        CheckRequest { attributes: Some(AttributeContext { request: Some(request), ..Default::default() }) }
    }

    #[test]
    fn every_spelling_of_our_prefix_is_removed_but_for_what_we_set() {
        let check = check(&[
            "x-hopguard-peer",
            "x_hopguard_peer",
            "x-hopguard_peer",
            "x-hopguard-admin",
            "x-hopguards",
            "accept",
        ]);
        let removed = headers_to_remove(&check, |_| false);
        assert_eq!(removed[5..], ["x-hopguard-admin", "x-hopguard_peer", "x_hopguard_peer"]);
    }

    #[test]
    fn other_spellings_of_what_a_policy_touches_are_removed() {
        let check = check(&["x-user", "x_user", "x.user", "x-user-id", "x_role", "content-type", "odd_name"]);
        let names = ["x-user", "x-role", "content_type", "odd_name"].map(str::to_owned);
        assert_eq!(spellings_to_remove(&check, &names.each_ref()), ["x.user", "x_role", "x_user"]);
        assert_eq!(spellings_to_remove(&check, &[]), Vec::<String>::new());
    }

    #[test]
    fn headers_that_rewrite_the_request_are_removed_unless_kept() {
        let removed = headers_to_remove(&check(&[]), |name| name == "x-rewrite-url");
        assert_eq!(removed, ["x-envoy-original-path", "x-http-method-override", "x-method-override", "x-original-url"]);
    }
}
