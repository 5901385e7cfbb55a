//! What a caller presents: read by the proof stages, and by nobody else.

use std::borrow::Cow;

use super::{Headers, HopError, Rules, Single};
use crate::pb::AttributeContext;

/// What a caller presents; read by the proof stages only.
#[derive(Clone, Debug)]
pub struct Credentials<'a> {
    /// The leaf that the peer presented, as percent-encoded PEM; empty if there was none.
    pub certificate: &'a str,
    /// What Envoy calls the peer; empty if it does not tell.
    pub principal: &'a str,
    /// `x-forwarded-client-cert`; a lone comma stands for several entries.
    pub xfcc: Option<Cow<'a, str>>,
    /// What Envoy calls itself towards the peer; empty if it does not tell.
    pub destination: &'a str,
    /// The purpose header.
    pub purpose: Single<'a>,
    /// The headers that are configured to hold tokens, as far as they are there: their names and values.
    pub tokens: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> Credentials<'a> {
    pub(super) fn of(attributes: &'a AttributeContext, headers: Headers<'a>, rules: &Rules) -> Result<Self, HopError> {
        let purpose = headers.single(&rules.purpose_header);
        if purpose == Single::NotUtf8 {
            return Err(HopError::Ambiguous("header.purpose"));
        }
        Ok(Self {
            // Quotes that open in one entry and close in the next would hide the comma between them.
            xfcc: if headers.entries(XFCC) > 1 { Some(Cow::Borrowed(",")) } else { headers.joined(XFCC) },
            purpose,
            tokens: tokens(headers, rules)?,
            ..Self::at_the_ends(attributes)
        })
    }

    /// What the connection itself tells.
    pub(super) fn at_the_ends(attributes: &'a AttributeContext) -> Self {
        let source = attributes.source.as_ref();
        Self {
            certificate: source.map_or("", |source| &source.certificate),
            principal: source.map_or("", |source| &source.principal),
            xfcc: None,
            destination: attributes.destination.as_ref().map_or("", |destination| &destination.principal),
            purpose: Single::Absent,
            tokens: Vec::new(),
        }
    }
}

/// Collects the headers that hold tokens. Each stands alone, but for an `authorization` whose schemes hold none: that was looked at before.
fn tokens<'a>(headers: Headers<'a>, rules: &Rules) -> Result<Vec<(&'a str, Cow<'a, str>)>, HopError> {
    if rules.token_headers.is_empty() {
        return Ok(Vec::new());
    }
    let mut tokens = Vec::new();
    for name in headers.names().filter(|name| rules.token_headers.contains(*name)) {
        match headers.single(name) {
            Single::Value(value) => tokens.push((name, Cow::Borrowed(value))),
            Single::Absent | Single::Several if name == "authorization" => {}
            Single::Absent | Single::Several | Single::NotUtf8 => return Err(HopError::Ambiguous("header.token")),
        }
    }
    Ok(tokens)
}

/// Where Envoy tells of the client's certificate; judged by the peer stage.
pub const XFCC: &str = "x-forwarded-client-cert";
