//! A decision as OPA's plugin for Envoy reads it: in its order, and only the fields that the answer uses.

use super::{
    Directives, Form, Metadata, Pairs, Reply, Rules,
    document::Document,
    fault,
    value::{self, Keys},
};
use crate::policy::PolicyError;

pub(super) fn read(document: &Document<'_>, rules: &Rules) -> Result<Directives, PolicyError> {
    let form = Form::Object;
    let allowed = document.allowed.ok_or_else(|| fault("the decision has no `allowed`"))?;
    let allowed = value::boolean("allowed", allowed)?;
    let set = |what, field: Option<_>| match field {
        Some(field) => rules.pass(what, value::groups(what, field, Keys::AsJson)?),
        None => Ok(Pairs::new()),
    };
    let texts = |what, field: Option<_>| field.map_or_else(|| Ok(Vec::new()), |field| value::texts(what, field));
    let headers = set("headers", document.headers)?;
    let metadata = match document.dynamic_metadata {
        Some(field) => Metadata::read(field, rules.style())?,
        None => Metadata::default(),
    };
    // The plugin does not know it, and a reason that is none is none.
    let reason = document.reason.and_then(|reason| value::reason(reason).ok());
    let bounds = rules.style().bounds();
    if !allowed {
        let body = document.body.map(|body| value::text("body", body)).transpose()?.map(str::to_owned);
        let status = document.http_status.map(|status| value::status("http_status", status)).transpose()?;
        bounds.hold(&[&headers], &[], body.as_deref())?;
        return Err(Reply { form, status, headers, body, metadata, reason }.into());
    }
    let remove = texts("request_headers_to_remove", document.request_headers_to_remove)?;
    for name in &remove {
        rules.passes("request_headers_to_remove", name)?;
    }
    let response_headers = set("response_headers_to_add", document.response_headers_to_add)?;
    let query_remove = texts("query_parameters_to_remove", document.query_parameters_to_remove)?;
    let query = match document.query_parameters_to_set {
        Some(field) => value::pairs("query_parameters_to_set", field, Keys::AsJson)?,
        None => Pairs::new(),
    };
    bounds.hold(&[&headers, &response_headers, &query], &[&remove, &query_remove], None)?;
    Ok(Directives { form, headers, remove, response_headers, query, query_remove, metadata, reason })
}
