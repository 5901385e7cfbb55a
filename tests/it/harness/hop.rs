//! A hop, as Envoy would ask about it.

use std::collections::BTreeMap;

use hopguard::pb::{
    Address, AttributeContext, CheckRequest, HeaderMap, HeaderValue, SocketAddress, address,
    attribute_context::{HttpRequest, Peer, Request},
    socket_address::PortSpecifier,
};

use super::{Answer, FRONTEND, Guard, PAYMENTS, Setup};

/// A hop under construction: what is not said is as it should be.
#[derive(Clone)]
pub(crate) struct Hop<'a> {
    setup: &'a Setup,
    guard: Option<&'a Guard>,
    source: Peer,
    destination: Peer,
    http: HttpRequest,
    headers: Vec<(String, Vec<u8>)>,
    raw: bool,
    tcp: bool,
}

impl<'a> Hop<'a> {
    pub(super) fn new(setup: &'a Setup) -> Self {
        let http = HttpRequest {
            id: "1".to_owned(),
            method: "POST".to_owned(),
            path: "/charge".to_owned(),
            host: "payments.prod.example".to_owned(),
            scheme: "https".to_owned(),
            protocol: "HTTP/2".to_owned(),
            ..HttpRequest::default()
        };
        let destination = Peer { principal: PAYMENTS.to_owned(), ..Peer::default() };
        let source = Peer::default();
        let hop = Self { setup, guard: None, source, destination, http, headers: vec![], raw: false, tcp: false };
        hop.from(FRONTEND).purpose("checkout")
    }

    pub(super) fn at(self, guard: &'a Guard) -> Self {
        Self { guard: Some(guard), ..self }
    }

    /// Called by `id`, with an SVID of the trust domain's authority.
    pub(crate) fn from(self, id: &str) -> Self {
        let certificate = self.setup.certificate(id);
        let principal = id.to_owned();
        Self { source: Peer { certificate, principal, ..Peer::default() }, ..self }
    }

    /// Called with a certificate, and what Envoy makes of it unsaid.
    pub(crate) fn with_certificate(self, certificate: impl Into<String>) -> Self {
        Self { source: Peer { certificate: certificate.into(), ..Peer::default() }, ..self }
    }

    /// Called without a certificate.
    pub(crate) fn by_nobody(self) -> Self {
        Self { source: Peer::default(), ..self }
    }

    /// What Envoy calls the caller.
    pub(crate) fn principal(mut self, principal: &str) -> Self {
        self.source.principal = principal.to_owned();
        self
    }

    /// What Envoy calls itself.
    pub(crate) fn answered_as(mut self, principal: &str) -> Self {
        self.destination.principal = principal.to_owned();
        self
    }

    /// What Envoy calls itself, and its own certificate.
    pub(crate) fn answered_with(mut self, principal: &str, certificate: &str) -> Self {
        self.destination.certificate = certificate.to_owned();
        self.answered_as(principal)
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        self.http.method = method.to_owned();
        self
    }

    pub(crate) fn path(mut self, path: &str) -> Self {
        self.http.path = path.to_owned();
        self
    }

    pub(crate) fn host(mut self, host: &str) -> Self {
        self.http.host = host.to_owned();
        self
    }

    /// States one purpose, instead of any before.
    pub(crate) fn purpose(self, purpose: &str) -> Self {
        self.without_purpose().header(PURPOSE, purpose)
    }

    pub(crate) fn without_purpose(mut self) -> Self {
        self.headers.retain(|(name, _)| name != PURPOSE);
        self
    }

    /// Adds a header entry.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Bears a token in `authorization`.
    /// With a body of this media type, buffered by Envoy whole.
    pub(crate) fn body(mut self, content_type: &str, body: &[u8]) -> Self {
        self.http.raw_body = body.to_vec();
        self.header("content-type", content_type).header("content-length", body.len().to_string())
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Carries a transaction token.
    pub(crate) fn transaction(self, token: &str) -> Self {
        self.header("txn-token", token)
    }

    /// A connection to this port, of which Envoy shows nothing else.
    pub(crate) fn connection(mut self, port: u32) -> Self {
        let socket = SocketAddress { port_specifier: Some(PortSpecifier::PortValue(port)), ..SocketAddress::default() };
        self.destination.address = Some(Address { address: Some(address::Address::SocketAddress(socket)) });
        Self { tcp: true, ..self }
    }

    /// As Envoy shows headers under `encode_raw_headers`.
    pub(crate) fn raw_headers(self) -> Self {
        Self { raw: true, ..self }
    }

    pub(crate) fn request(&self) -> CheckRequest {
        let mut http = self.http.clone();
        if self.raw {
            let entry = |(name, value): &(String, Vec<u8>)| HeaderValue {
                key: name.clone(),
                value: String::new(),
                raw_value: value.clone(),
            };
            http.header_map = Some(HeaderMap { headers: self.headers.iter().map(entry).collect() });
        } else {
            let mut joined: BTreeMap<String, String> = BTreeMap::new();
            for (name, value) in &self.headers {
                let value = std::str::from_utf8(value).expect("the joined form holds text");
                joined
                    .entry(name.clone())
                    .and_modify(|before| before.extend([",", value]))
                    .or_insert_with(|| value.to_owned());
            }
            http.headers = joined;
        }
        CheckRequest {
            attributes: Some(AttributeContext {
                source: Some(self.source.clone()),
                destination: Some(self.destination.clone()),
                request: (!self.tcp).then(|| Request { http: Some(http), ..Request::default() }),
                ..AttributeContext::default()
            }),
        }
    }

    pub(crate) async fn send(self) -> Answer {
        let guard = self.guard.expect("a hop of a guard");
        guard.check(self.request()).await
    }

    /// Sends it as a gRPC client that may be refused.
    pub(crate) async fn try_send(self) -> Result<Answer, tonic::Status> {
        let guard = self.guard.expect("a hop of a guard");
        guard.try_check(self.request()).await
    }
}

/// Text as Envoy writes it into `source.certificate`.
pub(crate) fn envoy_pem(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

const PURPOSE: &str = "x-hop-purpose";
