//! One hop: the request between two workloads that Envoy asks about, decoded once, strictly, in one canonical form.
//!
//! What two parsers could read differently is an error here; nothing is repaired and then allowed. Where such hops are only observed, what
//! is in doubt is left out: no type holds a path, a host or a token that is not canonical.

mod body;
mod credentials;
mod doubt;
mod headers;
mod host;
mod outline;
mod path;
mod pattern;
mod public;
mod trace;

use std::{borrow::Cow, collections::BTreeSet, sync::LazyLock};

use self::doubt::Doubts;
pub use self::{
    body::Body,
    credentials::{Credentials, XFCC},
    doubt::Strict,
    headers::{Headers, Single},
    outline::Outline,
    path::Target,
    pattern::PathPattern,
    public::{Public, Route, RouteError},
    trace::{SpanId, TraceContext, TraceId},
};
use crate::pb::{
    AttributeContext, CheckRequest, address::Address, attribute_context::HttpRequest, socket_address::PortSpecifier,
};
pub(crate) use pattern::ByPattern;

/// A hop: what speaks for the caller, and what it asks for.
#[derive(Clone, Debug)]
pub struct Hop<'a> {
    /// What speaks for the caller, still unproved.
    pub credentials: Credentials<'a>,
    /// What is asked for: the hop without credentials.
    pub request: Request<'a>,
    /// What can be read in more than one way, and was left out; never any where hops are [strict](Strict::Enforce).
    pub ambiguities: Vec<HopError>,
}

/// What is asked for, without credentials.
#[derive(Clone, Debug)]
pub enum Request<'a> {
    /// A request.
    Http(Box<Http<'a>>),
    /// A connection of which Envoy shows no more than its ends.
    Tcp(Tcp<'a>),
}

/// A connection without HTTP: what Envoy's network filter asks about.
#[derive(Clone, Copy, Debug)]
pub struct Tcp<'a> {
    /// The port that it came to; absent if Envoy does not say and that is let through.
    pub port: Option<u16>,
    /// Everything that Envoy told, for policy's `attributes`.
    pub attributes: Option<&'a AttributeContext>,
}

/// What is asked of whom, in canonical form.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// An upper-case token.
    pub method: &'a str,
    /// The canonical path and the query.
    pub target: Target<'a>,
    /// Lower case, without the default port.
    pub host: Cow<'a, str>,
}

/// A request, in canonical form.
#[derive(Clone, Debug)]
pub struct Http<'a> {
    /// What is asked of whom. Absent if any of it can be read in more than one way: then no public route and no action is meant.
    pub line: Option<Line<'a>>,
    /// The media type as sent.
    pub content_type: Option<&'a str>,
    /// The protocols that the client wants to switch to, in lower case.
    pub upgrade: Option<Cow<'a, str>>,
    /// All headers.
    pub headers: Headers<'a>,
    /// What Envoy buffered of the body.
    pub body: Body<'a>,
    /// Everything that Envoy told, for policy's `attributes`.
    pub attributes: &'a AttributeContext,
    /// The HTTP part of it.
    pub http: &'a HttpRequest,
}

/// What this workload's administrator lets a hop look like.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Escapes that are data in this workload's paths.
    pub escapes: Escapes,
    /// The most header entries.
    pub max_headers: usize,
    /// The purpose header's name, in lower case.
    pub purpose_header: String,
    /// Headers that are left alone although they are removed by default.
    pub keep_headers: BTreeSet<String>,
    /// The headers that hold tokens, in lower case.
    pub token_headers: BTreeSet<String>,
    /// Whether connections without HTTP are hops.
    pub tcp: bool,
    /// What to do about a hop that can be read in more than one way.
    pub strict: Strict,
    /// What anybody may do.
    pub public: Public,
}

/// Escapes that `hop.escapes` admits as data inside a path segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Escapes {
    /// `%2F`
    pub slash: bool,
    /// `%25`
    pub percent: bool,
    /// `%3B`
    pub semicolon: bool,
}

/// Why a hop cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HopError {
    /// Two parsers could read it differently.
    #[error("the hop can be read in more than one way ({0})")]
    Ambiguous(&'static str),
    /// Something that every hop has is missing or broken.
    #[error("the hop is malformed ({0})")]
    Malformed(&'static str),
    /// A bound is exceeded.
    #[error("the hop is too large ({0})")]
    TooLarge(&'static str),
}

impl HopError {
    /// The stable dotted code below the reason.
    pub fn detail(&self) -> &'static str {
        match self {
            Self::Ambiguous(detail) | Self::Malformed(detail) | Self::TooLarge(detail) => detail,
        }
    }
}

impl<'a> Hop<'a> {
    /// Decodes what Envoy asks.
    ///
    /// # Errors
    /// [`HopError`] for whatever is missing, too large, or not in its one canonical form. Where hops are only [observed](Strict::Observe),
    /// what is missing or has no such form is left out, and named in [`ambiguities`](Self::ambiguities).
    pub fn decode(check: &'a CheckRequest, rules: &Rules) -> Result<Self, HopError> {
        let mut doubts = Doubts::new(rules.strict);
        let attributes = check.attributes.as_ref().ok_or(HopError::Malformed("hop.attributes"));
        let attributes = doubts.hear_missing(attributes)?;
        let asked = attributes.and_then(|attributes| Some((attributes, attributes.request.as_ref()?)));
        let Some((attributes, request)) = asked else {
            let tcp = Tcp::decode(attributes, rules, &mut doubts)?;
            return Ok(Self {
                credentials: Credentials::at_the_ends(attributes),
                request: Request::Tcp(tcp),
                ambiguities: doubts.into_noted(),
            });
        };
        let http = doubts.hear_missing(request.http.as_ref().ok_or(HopError::Malformed("hop.http")))?;
        let http = http.unwrap_or_else(|| &*NO_HTTP);
        let headers = headers_of(http)?;
        let request = Http::decode(attributes, http, headers, rules, &mut doubts)?;
        let credentials = Credentials::of(attributes, headers, rules, &mut doubts)?;
        Ok(Self { credentials, request: Request::Http(Box::new(request)), ambiguities: doubts.into_noted() })
    }
}

impl<'a> Request<'a> {
    /// Everything that Envoy told.
    pub const fn attributes(&self) -> Option<&'a AttributeContext> {
        match self {
            Self::Http(http) => Some(http.attributes),
            Self::Tcp(tcp) => tcp.attributes,
        }
    }
}

impl<'a> Tcp<'a> {
    /// Envoy's network filter asks without a request.
    fn decode(attributes: Option<&'a AttributeContext>, rules: &Rules, doubts: &mut Doubts) -> Result<Self, HopError> {
        if !rules.tcp {
            return Err(HopError::Malformed(if attributes.is_some() { "hop.request" } else { "hop.attributes" }));
        }
        let port = attributes.and_then(port).ok_or(HopError::Malformed("hop.port"));
        Ok(Self { port: doubts.hear_missing(port)?, attributes })
    }
}

impl<'a> Http<'a> {
    fn decode(
        attributes: &'a AttributeContext,
        http: &'a HttpRequest,
        headers: Headers<'a>,
        rules: &Rules,
        doubts: &mut Doubts,
    ) -> Result<Self, HopError> {
        if headers.len() > rules.max_headers {
            return Err(HopError::TooLarge("headers.count"));
        }
        doubts.hear_missing(lower_case(headers))?;
        let line = Line::decode(http, headers, rules, doubts)?;
        single_values(headers, doubts)?;
        doubts.hear(connection(headers))?;
        Ok(Self {
            line,
            content_type: doubts.hear(headers.unambiguous("content-type", "header.content_type"))?.flatten(),
            upgrade: upgrade(headers),
            headers,
            body: Body::of(http, headers),
            attributes,
            http,
        })
    }
}

impl<'a> Line<'a> {
    /// The whole of it, or nothing.
    fn decode(
        http: &'a HttpRequest,
        headers: Headers<'a>,
        rules: &Rules,
        doubts: &mut Doubts,
    ) -> Result<Option<Self>, HopError> {
        let method = doubts.hear_missing(method(&http.method))?;
        let target = doubts.hear(Target::parse(&http.path, rules.escapes))?;
        let host = doubts.hear(host::canonical(&http.host, &http.scheme))?;
        let agreed = doubts.hear(agree(headers, http))?;
        let (Some(method), Some(target), Some(host), Some(())) = (method, target, host, agreed) else {
            return Ok(None);
        };
        Ok(Some(Self { method, target, host }))
    }
}

/// The port that a hop came to.
fn port(attributes: &AttributeContext) -> Option<u16> {
    let destination = attributes.destination.as_ref()?.address.as_ref()?;
    match destination.address.as_ref()? {
        Address::SocketAddress(socket) => match socket.port_specifier.as_ref()? {
            PortSpecifier::PortValue(port) => u16::try_from(*port).ok(),
            PortSpecifier::NamedPort(_) => None,
        },
        Address::Pipe(_) | Address::EnvoyInternalAddress(_) => None,
    }
}

fn headers_of(http: &HttpRequest) -> Result<Headers<'_>, HopError> {
    match &http.header_map {
        Some(_) if !http.headers.is_empty() => Err(HopError::Malformed("headers.both_forms")),
        Some(map) => Ok(Headers::Raw(map)),
        None => Ok(Headers::Joined(&http.headers)),
    }
}

/// Envoy writes every name in lower case, and so does whoever looks for one.
fn lower_case(headers: Headers<'_>) -> Result<(), HopError> {
    if headers.names().any(|name| name.bytes().any(|byte| byte.is_ascii_uppercase())) {
        return Err(HopError::Malformed("headers.name_case"));
    }
    Ok(())
}

/// Methods are case-sensitive tokens (RFC 9110 §9.1); servers that fold their case would read `get` as another method than we do.
fn method(raw: &str) -> Result<&str, HopError> {
    let is_token = !raw.is_empty()
        && raw.len() <= MAX_METHOD
        && raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_token {
        return Err(HopError::Malformed("method.syntax"));
    }
    if raw.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(HopError::Ambiguous("method.case"));
    }
    Ok(raw)
}

/// Envoy shows method, path and host twice, as attributes and as pseudo headers: both must say the same.
fn agree(headers: Headers<'_>, http: &HttpRequest) -> Result<(), HopError> {
    let rows = [(":method", &http.method), (":path", &http.path), (":authority", &http.host), ("host", &http.host)];
    for (name, value) in rows {
        if headers.joined(name).is_some_and(|shown| shown != value.as_str()) {
            return Err(HopError::Ambiguous("headers.pseudo"));
        }
    }
    Ok(())
}

/// Headers that two readers could take different values from, if there are several.
fn single_values(headers: Headers<'_>, doubts: &mut Doubts) -> Result<(), HopError> {
    doubts.hear(headers.unambiguous("txn-token", "header.txn_token"))?;
    doubts.hear(headers.unambiguous("content-length", "header.content_length"))?;
    doubts.hear(authorization(headers))?;
    Ok(())
}

fn authorization(headers: Headers<'_>) -> Result<(), HopError> {
    const AMBIGUOUS: HopError = HopError::Ambiguous("header.authorization");
    if headers.single("authorization") == Single::NotUtf8 {
        return Err(AMBIGUOUS);
    }
    let value = headers.joined("authorization").unwrap_or_default();
    let is_bearer = |part: &str| part.trim_start().get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    if value.contains(',') && value.split(',').any(is_bearer) { Err(AMBIGUOUS) } else { Ok(()) }
}

/// A `Connection` header that names another header makes a proxy drop it (RFC 9110 §7.6.1), ours included.
fn connection(headers: Headers<'_>) -> Result<(), HopError> {
    let value = headers.joined("connection").unwrap_or_default();
    let known = |option: &str| {
        let option = option.trim_matches([' ', '\t']);
        option.is_empty() || CONNECTION_OPTIONS.iter().any(|known| option.eq_ignore_ascii_case(known))
    };
    if value.split(',').all(known) { Ok(()) } else { Err(HopError::Ambiguous("header.connection")) }
}

fn upgrade<'a>(headers: Headers<'a>) -> Option<Cow<'a, str>> {
    let value = headers.joined("upgrade")?;
    Some(if value.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(value.to_ascii_lowercase())
    } else {
        value
    })
}

/// What a request without HTTP is judged by where that is let through.
static NO_HTTP: LazyLock<HttpRequest> = LazyLock::new(HttpRequest::default);

const CONNECTION_OPTIONS: [&str; 5] = ["close", "keep-alive", "upgrade", "te", "http2-settings"];
const MAX_METHOD: usize = 32;

#[cfg(test)]
mod tests;
