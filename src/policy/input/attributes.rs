//! The plugin's `attributes`: everything that Envoy told, in proto JSON names, without credentials.

use std::collections::BTreeSet;

use super::object::Object;
use crate::{
    hop::{Http, Request, XFCC},
    pb::{self, AttributeContext, address, attribute_context, socket_address},
    policy::{Input, engine::Value},
};

/// The whole `AttributeContext` in proto JSON names, without credentials. Only what Envoy filled is there.
pub(super) fn attributes(input: &Input<'_>, sent: &AttributeContext) -> Value {
    let AttributeContext {
        source,
        destination,
        request: sent,
        context_extensions,
        metadata_context,
        tls_session,
        route_metadata_context,
    } = sent;
    let mut object = Object::new();
    object.some("source", source.as_ref().map(end));
    object.some("destination", destination.as_ref().map(end));
    if let (Request::Http(http), Some(sent)) = (input.request, sent) {
        object.put("request", request(http, sent, input.credentials));
    }
    object.texts("contextExtensions", context_extensions);
    object.some("metadataContext", metadata_context.as_ref().map(metadata));
    object.some("routeMetadataContext", route_metadata_context.as_ref().map(metadata));
    object.some(
        "tlsSession",
        tls_session.as_ref().map(|tls| {
            let mut object = Object::new();
            object.text("sni", &tls.sni);
            Value::from(object)
        }),
    );
    object.into()
}

fn end(end: &attribute_context::Peer) -> Value {
    let attribute_context::Peer { address, service, labels, principal, certificate } = end;
    let mut object = Object::new();
    object.some("address", address.as_ref().map(self::address));
    object.text("service", service);
    object.texts("labels", labels);
    object.text("principal", principal);
    object.text("certificate", certificate);
    object.into()
}

fn address(address: &pb::Address) -> Value {
    let mut object = Object::new();
    match &address.address {
        Some(address::Address::SocketAddress(socket)) => {
            let pb::SocketAddress { protocol, address, port_specifier, resolver_name, ipv4_compat } = socket;
            let mut inner = Object::new();
            if *protocol != 0 {
                inner.put("protocol", *protocol);
            }
            inner.text("address", address);
            match port_specifier {
                Some(socket_address::PortSpecifier::PortValue(port)) => inner.put("portValue", *port),
                Some(socket_address::PortSpecifier::NamedPort(port)) => inner.put("namedPort", port.as_str()),
                None => {}
            }
            inner.text("resolverName", resolver_name);
            if *ipv4_compat {
                inner.put("ipv4Compat", true);
            }
            object.put("socketAddress", inner);
        }
        Some(address::Address::Pipe(pipe)) => {
            let mut inner = Object::new();
            inner.text("path", &pipe.path);
            if pipe.mode != 0 {
                inner.put("mode", pipe.mode);
            }
            object.put("pipe", inner);
        }
        None => {}
    }
    object.into()
}

fn request(request: &Http<'_>, sent: &attribute_context::Request, credentials: &BTreeSet<String>) -> Value {
    let attribute_context::HttpRequest {
        id,
        method,
        headers: _,
        path,
        host,
        scheme,
        query,
        fragment,
        size,
        protocol,
        body,
        raw_body,
        header_map: _,
    } = request.http;
    let mut http = Object::new();
    let texts = [
        ("id", id),
        ("method", method),
        ("path", path),
        ("host", host),
        ("scheme", scheme),
        ("query", query),
        ("fragment", fragment),
        ("protocol", protocol),
        ("body", body),
    ];
    for (name, value) in texts {
        http.text(name, value);
    }
    if *size != 0 {
        http.put("size", *size);
    }
    if !raw_body.is_empty() {
        http.put("rawBody", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, raw_body));
    }
    http.put("headers", headers(request, credentials));
    let mut object = Object::new();
    object.some(
        "time",
        sent.time.as_ref().map(|time| {
            let mut object = Object::new();
            object.put("seconds", time.seconds);
            if time.nanos != 0 {
                object.put("nanos", time.nanos);
            }
            Value::from(object)
        }),
    );
    object.put("http", http);
    object.into()
}

/// Both header modes give the same map; credentials are taken out.
fn headers(request: &Http<'_>, credentials: &BTreeSet<String>) -> Value {
    let mut object = Object::new();
    for (name, value) in request.headers.all_joined() {
        if !CREDENTIALS.contains(&name) && !credentials.contains(name) {
            object.put(name, value.as_ref());
        }
    }
    object.into()
}

fn metadata(metadata: &pb::Metadata) -> Value {
    let mut object = Object::new();
    if !metadata.filter_metadata.is_empty() {
        let mut namespaces = Object::new();
        for (namespace, value) in &metadata.filter_metadata {
            namespaces.put(namespace, structure(value));
        }
        object.put("filterMetadata", namespaces);
    }
    object.into()
}

/// Its depth is bounded: prost decodes no message nested deeper than 100.
fn structure(value: &prost_types::Struct) -> Value {
    let mut object = Object::new();
    for (name, field) in &value.fields {
        object.put(name, json(field));
    }
    object.into()
}

fn json(value: &prost_types::Value) -> Value {
    use prost_types::value::Kind;
    match &value.kind {
        Some(Kind::BoolValue(value)) => Value::from(*value),
        Some(Kind::NumberValue(value)) => Value::from(*value),
        Some(Kind::StringValue(value)) => Value::from(value.as_str()),
        Some(Kind::ListValue(list)) => list.values.iter().map(json).collect::<Vec<_>>().into(),
        Some(Kind::StructValue(value)) => structure(value),
        Some(Kind::NullValue(_)) | None => Value::Null,
    }
}

/// Never shown to a policy.
const CREDENTIALS: [&str; 3] = ["cookie", "proxy-authorization", XFCC];
