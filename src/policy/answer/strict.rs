//! A decision in Hopguard's own style: every field is what it should be, whether it is used or not, and all of it can be carried out.

use std::collections::BTreeSet;

use super::{
    Directives, Form, Metadata, Pairs, Reply, Rules,
    document::Document,
    fault,
    header::alike,
    value::{self, Keys},
};
use crate::policy::PolicyError;

pub(super) fn read(document: &Document<'_>, rules: &Rules) -> Result<Directives, PolicyError> {
    let allowed = document.allowed.ok_or_else(|| fault("the decision has no `allowed`"))?;
    let allowed = value::boolean("allowed", allowed)?;
    let reason = document.reason.map(value::reason).transpose()?;
    let set = |what, field: Option<_>| match field {
        Some(field) => rules.set(what, value::groups(what, field, Keys::Strings)?),
        None => Ok(Pairs::new()),
    };
    let headers = set("headers", document.headers)?;
    let response_headers = set(RESPONSE_HEADERS, document.response_headers_to_add)?;
    let remove = match document.request_headers_to_remove {
        Some(field) => rules.remove(REMOVE, &value::texts(REMOVE, field)?)?,
        None => Vec::new(),
    };
    let (query, query_remove) = query(document)?;
    let body = document.body.map(|body| value::text("body", body)).transpose()?.map(str::to_owned);
    let status = document.http_status.map(|status| value::status("http_status", status)).transpose()?;
    let metadata = match document.dynamic_metadata {
        Some(field) => Metadata::read(field, rules.style())?,
        None => Metadata::default(),
    };
    let removed: BTreeSet<String> = remove.iter().map(|name| alike(name)).collect();
    if headers.iter().any(|(name, _)| removed.contains(&alike(name))) {
        return Err(fault(format!("a header is in `headers` and in `{REMOVE}`: Envoy would remove it")));
    }
    let (pairs, names) = ([&headers, &response_headers, &query], [&remove, &query_remove]);
    rules.style().bounds().hold(&pairs, &names, body.as_deref())?;
    let form = Form::Object;
    if allowed {
        return Ok(Directives { form, headers, remove, response_headers, query, query_remove, metadata, reason });
    }
    if status.is_some_and(|status| !(400..600).contains(&status)) {
        return Err(fault("`http_status` of a denial is not 4xx or 5xx"));
    }
    Err(Reply { form, status, headers, body, metadata, reason }.into())
}

/// What is set and what is removed; nothing is both.
fn query(document: &Document<'_>) -> Result<(Pairs, Vec<String>), PolicyError> {
    let set = document.query_parameters_to_set.map(|field| value::pairs(QUERY, field, Keys::Strings)).transpose()?;
    let set = set.unwrap_or_default();
    let remove = document.query_parameters_to_remove.map(|field| value::texts(QUERY_REMOVE, field)).transpose()?;
    let remove = remove.unwrap_or_default();
    if set.iter().map(|(name, _)| name).chain(&remove).any(String::is_empty) {
        return Err(fault("a query parameter has no name"));
    }
    if set.iter().any(|(name, _)| remove.contains(name)) {
        return Err(fault(format!("a parameter is in `{QUERY}` and in `{QUERY_REMOVE}`: Envoy would remove it")));
    }
    Ok((set, remove))
}

const RESPONSE_HEADERS: &str = "response_headers_to_add";
const REMOVE: &str = "request_headers_to_remove";
const QUERY: &str = "query_parameters_to_set";
const QUERY_REMOVE: &str = "query_parameters_to_remove";
