//! What a caller presents: read by the proof stages, and by nobody else.

use std::borrow::Cow;

use super::{Headers, HopError, Rules, Single, doubt::Doubts};
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
    pub(super) fn of(
        attributes: &'a AttributeContext,
        headers: Headers<'a>,
        rules: &Rules,
        doubts: &mut Doubts,
    ) -> Result<Self, HopError> {
        let purpose = match headers.single(&rules.purpose_header) {
            Single::NotUtf8 => Err(HopError::Ambiguous("header.purpose")),
            purpose => Ok(purpose),
        };
        Ok(Self {
            // Quotes that open in one entry and close in the next would hide the comma between them.
            xfcc: if headers.entries(XFCC) > 1 { Some(Cow::Borrowed(",")) } else { headers.joined(XFCC) },
            // What is in doubt counts as absent.
            purpose: doubts.hear(purpose)?.unwrap_or(Single::Absent),
            tokens: tokens(headers, rules, doubts)?,
            ..Self::at_the_ends(Some(attributes))
        })
    }

    /// What the connection itself tells.
    pub(super) fn at_the_ends(attributes: Option<&'a AttributeContext>) -> Self {
        let source = attributes.and_then(|attributes| attributes.source.as_ref());
        let destination = attributes.and_then(|attributes| attributes.destination.as_ref());
        Self {
            certificate: source.map_or("", |source| &source.certificate),
            principal: source.map_or("", |source| &source.principal),
            xfcc: None,
            destination: destination.map_or("", |destination| &destination.principal),
            purpose: Single::Absent,
            tokens: Vec::new(),
        }
    }
}

/// Collects the headers that hold tokens. Each stands alone, but for an `authorization` whose schemes hold none: that was looked at before.
fn tokens<'a>(
    headers: Headers<'a>,
    rules: &Rules,
    doubts: &mut Doubts,
) -> Result<Vec<(&'a str, Cow<'a, str>)>, HopError> {
    if rules.token_headers.is_empty() {
        return Ok(Vec::new());
    }
    let mut tokens = Vec::new();
    for name in headers.names().filter(|name| rules.token_headers.contains(*name)) {
        let value = match headers.single(name) {
            Single::Value(value) => Ok(Some(value)),
            Single::Absent | Single::Several if name == "authorization" => Ok(None),
            Single::Absent | Single::Several | Single::NotUtf8 => Err(HopError::Ambiguous("header.token")),
        };
        tokens.extend(doubts.hear(value)?.flatten().map(|value| (name, Cow::Borrowed(value))));
    }
    Ok(tokens)
}

/// Where Envoy tells of the client's certificate; judged by the peer stage.
pub const XFCC: &str = "x-forwarded-client-cert";
