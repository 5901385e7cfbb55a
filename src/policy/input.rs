//! Builds the policy's input: the OPA-Envoy plugin's document, and what Hopguard proved and found.
//!
//! Built value by value from the request, without JSON in between, and no more of it than the policy reads. Credentials are in no copy of
//! the headers, unless the policy is to see them.

mod attributes;
mod canonical;
mod facts;
mod found;
mod names;
mod object;
mod opa;
mod view;

pub use self::view::{Exposed, Style, View};
use self::{attributes::Attributes, names::Names, object::Object};
pub(super) use self::{canonical::text, facts::until as facts_until};
use super::{
    Input, PolicyError, Reads, body,
    engine::Value,
    query::{self, QueryError},
};
use crate::hop::{HopError, Http, Line, Request};

/// Builds the document of one hop.
///
/// # Errors
/// What the policy reads cannot be made of this hop: the body is cut or cannot be read, or the query cannot be decoded.
pub(super) fn build(input: &Input<'_>, reads: &Reads, view: &View) -> Result<Value, PolicyError> {
    names::with(|names| {
        let mut root = Object::new(reads);
        match view.style {
            Style::Hopguard => hopguard(names, &mut root, input, view)?,
            Style::Opa => opa(names, &mut root, input, view)?,
        }
        let sent = input.request.attributes();
        let attributes = Attributes { names, input, view };
        root.try_some(&names.attributes, sent, |sent, reads| attributes.of(sent, reads))?;
        root.with(&names.version, |_| names.v3.clone());
        let source = sent.and_then(|sent| sent.source.as_ref());
        root.text(&names.source_principal, source.map_or("", |source| &source.principal));
        found::put(names, &mut root, input);
        Ok(root.into())
    })
}

/// The canonical form of everything. A field is absent if there is none, which only an observed hop can have.
fn hopguard(names: &Names, root: &mut Object<'_>, input: &Input<'_>, view: &View) -> Result<(), HopError> {
    if let Request::Http(http) = input.request {
        parsed(names, root, http, view)?;
    }
    root.with(&names.hop, |reads| hop(names, input.request, reads));
    root.some(&names.this, input.this, |this, _| this.to_string().into());
    root.with(&names.tokens, |reads| found::tokens(names, input, reads));
    root.with(&names.grants, |reads| found::grants(names, input, reads));
    facts::put(names, root, input);
    root.put(&names.now, input.now.nanos());
    Ok(())
}

/// The plugin's document; with what was proved only if anything was.
fn opa(names: &Names, root: &mut Object<'_>, input: &Input<'_>, view: &View) -> Result<(), PolicyError> {
    let sent = input.request.attributes().and_then(|sent| sent.request.as_ref());
    let read = opa::Read::of(sent.and_then(|sent| sent.http.as_ref()), view)?;
    read.put(names, root);
    if input.peer.is_some() {
        root.some(&names.this, input.this, |this, _| this.to_string().into());
        root.with(&names.tokens, |reads| found::tokens(names, input, reads));
        root.with(&names.grants, |reads| found::grants(names, input, reads));
        facts::put(names, root, input);
    }
    Ok(())
}

/// What the policy reads of a request that can be cut or broken.
fn parsed(names: &Names, root: &mut Object<'_>, request: &Http<'_>, view: &View) -> Result<(), HopError> {
    if let Some(line) = &request.line {
        root.try_some(&names.parsed_path, Some(line), |line, _| parsed_path(line))?;
        root.try_some(&names.parsed_query, Some(line), |line, _| parsed_query(line))?;
    }
    let reads_body = body_reads(names, root);
    // Who takes the input whole and names nothing of it has not thought of a body that is cut.
    if request.body.truncated && reads_body && !root.names(&names.truncated_body) {
        return Err(HopError::TooLarge("body.truncated"));
    }
    if view.skip_body {
        return Ok(());
    }
    root.try_some(&names.parsed_body, Some(request), |request, _| body::parse(request, view.descriptors.as_ref()))?;
    root.put(&names.truncated_body, request.body.truncated);
    Ok(())
}

/// Whether the policy reads the body anywhere.
fn body_reads(names: &Names, root: &Object<'_>) -> bool {
    let http = root.reads(&names.attributes).and_then(|reads| reads.at(&[names.request.text(), names.http.text()]));
    let copied =
        [&names.body, &names.raw_body].into_iter().any(|name| http.is_some_and(|it| it.below(name.text()).is_some()));
    copied || root.reads(&names.parsed_body).is_some()
}

fn hop(names: &Names, request: &Request<'_>, reads: &Reads) -> Value {
    let mut hop = Object::new(reads);
    match request {
        Request::Http(http) => {
            if let Some(Line { method, target, host }) = &http.line {
                hop.text(&names.method, method);
                hop.text(&names.path, &target.path);
                hop.text(&names.host, host);
            }
            hop.text(&names.upgrade, http.upgrade.as_deref().unwrap_or_default());
        }
        Request::Tcp(tcp) => hop.some(&names.port, tcp.port, |port, _| u32::from(port).into()),
    }
    hop.into()
}

/// Segments are decoded after they are split: an escaped slash, where it is admitted, is data.
fn parsed_path(line: &Line<'_>) -> Result<Value, HopError> {
    let segments = line.target.path.split('/').skip(1);
    let decoded = segments.map(|segment| query::decode(segment, false).map(Value::from));
    decoded.collect::<Result<Vec<_>, _>>().map(Value::from).map_err(|error| unreadable(&error))
}

fn parsed_query(line: &Line<'_>) -> Result<Value, HopError> {
    query::parse(line.target.query.unwrap_or_default()).map(body::lists).map_err(|error| unreadable(&error))
}

fn unreadable(error: &QueryError) -> HopError {
    match error {
        QueryError::Semicolon => HopError::Ambiguous("query.semicolon"),
        QueryError::TooMany => HopError::TooLarge("query.parameters"),
        QueryError::Escape(_) | QueryError::NotUtf8 => HopError::Malformed("query.escape"),
    }
}

#[cfg(test)]
mod tests;
