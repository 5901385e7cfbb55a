//! The plugin's `attributes`: everything that Envoy told, in proto JSON names, without credentials.
//!
//! Only what Envoy filled is there. As in the plugin, times are seconds and nanoseconds, and enumerations and 64-bit integers are numbers.

use base64::{Engine, engine::general_purpose::STANDARD};
use prost_types::value::Kind;

use super::{
    Style, View,
    names::Names,
    object::{Object, map, try_map},
};
use crate::{
    hop::{HopError, Request},
    pb::{self, AttributeContext, address, attribute_context, envoy_internal_address, socket_address},
    policy::{Input, Reads, engine::Value, json::MAX_DEPTH},
};

/// Maps what is read of an `AttributeContext`.
pub(super) struct Attributes<'a> {
    pub(super) names: &'a Names,
    pub(super) input: &'a Input<'a>,
    pub(super) view: &'a View,
}

impl Attributes<'_> {
    pub(super) fn of(&self, sent: &AttributeContext, reads: &Reads) -> Result<Value, HopError> {
        let AttributeContext {
            source,
            destination,
            request,
            context_extensions,
            metadata_context,
            tls_session,
            route_metadata_context,
        } = sent;
        let names = self.names;
        let mut object = Object::new(reads);
        object.some(&names.source, source.as_ref(), |end, reads| self.end(end, reads));
        object.some(&names.destination, destination.as_ref(), |end, reads| self.end(end, reads));
        object.some(&names.request, request.as_ref(), |request, reads| self.request(request, reads));
        object.texts(&names.context_extensions, context_extensions);
        let metadata = |of: &pb::Metadata, reads: &Reads| self.metadata(of, reads);
        object.try_some(&names.metadata_context, metadata_context.as_ref(), metadata)?;
        object.try_some(&names.route_metadata_context, route_metadata_context.as_ref(), metadata)?;
        object.some(&names.tls_session, tls_session.as_ref(), |tls, reads| {
            let mut object = Object::new(reads);
            object.text(&names.sni, &tls.sni);
            object.into()
        });
        Ok(object.into())
    }

    fn end(&self, end: &attribute_context::Peer, reads: &Reads) -> Value {
        let attribute_context::Peer { address, service, labels, principal, certificate } = end;
        let mut object = Object::new(reads);
        object.some(&self.names.address, address.as_ref(), |address, reads| self.address(address, reads));
        object.text(&self.names.service, service);
        object.texts(&self.names.labels, labels);
        object.text(&self.names.principal, principal);
        object.text(&self.names.certificate, certificate);
        object.into()
    }

    fn address(&self, address: &pb::Address, reads: &Reads) -> Value {
        let names = self.names;
        let mut object = Object::new(reads);
        match &address.address {
            Some(address::Address::SocketAddress(socket)) => {
                object.with(&names.socket_address, |reads| self.socket(socket, reads));
            }
            Some(address::Address::Pipe(pipe)) => object.with(&names.pipe, |reads| {
                let mut object = Object::new(reads);
                object.text(&names.path, &pipe.path);
                object.some(&names.mode, Some(pipe.mode).filter(|mode| *mode != 0), |mode, _| mode.into());
                object.into()
            }),
            Some(address::Address::EnvoyInternalAddress(internal)) => {
                let pb::EnvoyInternalAddress { address_name_specifier, endpoint_id } = internal;
                object.with(&names.envoy_internal_address, |reads| {
                    let mut object = Object::new(reads);
                    if let Some(envoy_internal_address::AddressNameSpecifier::ServerListenerName(name)) =
                        address_name_specifier
                    {
                        object.put_text(&names.server_listener_name, name);
                    }
                    object.text(&names.endpoint_id, endpoint_id);
                    object.into()
                });
            }
            None => {}
        }
        object.into()
    }

    fn socket(&self, socket: &pb::SocketAddress, reads: &Reads) -> Value {
        let pb::SocketAddress {
            protocol,
            address,
            port_specifier,
            resolver_name,
            ipv4_compat,
            network_namespace_filepath,
        } = socket;
        let names = self.names;
        let mut object = Object::new(reads);
        object.some(&names.protocol, Some(*protocol).filter(|number| *number != 0), |number, _| number.into());
        object.text(&names.address, address);
        // What was chosen of several is there even if it is zero or empty.
        match port_specifier {
            Some(socket_address::PortSpecifier::PortValue(port)) => object.put(&names.port_value, *port),
            Some(socket_address::PortSpecifier::NamedPort(port)) => object.put_text(&names.named_port, port),
            None => {}
        }
        object.text(&names.resolver_name, resolver_name);
        object.some(&names.ipv4_compat, Some(true).filter(|_| *ipv4_compat), |it, _| it.into());
        object.text(&names.network_namespace_filepath, network_namespace_filepath);
        object.into()
    }

    fn request(&self, request: &attribute_context::Request, reads: &Reads) -> Value {
        let attribute_context::Request { time, http } = request;
        let names = self.names;
        let mut object = Object::new(reads);
        object.some(&names.time, time.as_ref(), |time, reads| {
            let mut object = Object::new(reads);
            object.some(&names.seconds, Some(time.seconds).filter(|it| *it != 0), |it, _| it.into());
            object.some(&names.nanos, Some(time.nanos).filter(|it| *it != 0), |it, _| it.into());
            object.into()
        });
        object.some(&names.http, http.as_ref(), |http, reads| self.http(http, reads));
        object.into()
    }

    fn http(&self, http: &attribute_context::HttpRequest, reads: &Reads) -> Value {
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
        } = http;
        let names = self.names;
        let mut object = Object::new(reads);
        let texts = [
            (&names.id, id),
            (&names.method, method),
            (&names.path, path),
            (&names.host, host),
            (&names.scheme, scheme),
            (&names.query, query),
            (&names.fragment, fragment),
            (&names.protocol, protocol),
            (&names.body, body),
        ];
        for (name, value) in texts {
            object.text(name, value);
        }
        object.some(&names.size, Some(*size).filter(|it| *it != 0), |it, _| it.into());
        let raw_body = Some(raw_body).filter(|bytes| !bytes.is_empty());
        object.some(&names.raw_body, raw_body, |bytes, _| STANDARD.encode(bytes).into());
        match self.view.style {
            Style::Hopguard => object.with(&names.headers, |reads| self.joined(reads)),
            Style::Opa => self.as_sent(&mut object, http),
        }
        object.into()
    }

    /// Both header modes give the same map; credentials are taken out.
    fn joined(&self, reads: &Reads) -> Value {
        let Request::Http(request) = self.input.request else { return Value::new_object() };
        let mut headers = std::collections::BTreeMap::new();
        if reads.is_whole() {
            let all = request.headers.all_joined();
            let shown = all.into_iter().filter(|(name, _)| self.shows(name));
            headers.extend(shown.map(|(name, value)| (Value::from(name), Value::from(value.as_ref()))));
        } else {
            for (name, _) in reads.fields().filter(|(name, _)| self.shows(name)) {
                let value = request.headers.joined(name);
                headers.extend(value.map(|value| (Value::from(name), Value::from(value.as_ref()))));
            }
        }
        headers.into()
    }

    /// Each header mode as it is; credentials are taken out.
    fn as_sent(&self, object: &mut Object<'_>, http: &attribute_context::HttpRequest) {
        let names = self.names;
        let joined = Some(&http.headers).filter(|headers| !headers.is_empty());
        object.some(&names.headers, joined, |headers, reads| {
            let shown = headers.iter().filter(|(name, _)| reads.below(name).is_some() && self.shows(name));
            let shown = shown.map(|(name, value)| (Value::from(name.as_str()), Value::from(value.as_str())));
            shown.collect::<std::collections::BTreeMap<_, _>>().into()
        });
        object.some(&names.header_map, http.header_map.as_ref(), |sent, reads| {
            let mut object = Object::new(reads);
            let listed = Some(&sent.headers).filter(|headers| !headers.is_empty());
            object.some(&names.headers, listed, |headers, reads| {
                let shown = headers.iter().filter(|header| self.shows(&header.key));
                shown.map(|header| self.header(header, reads)).collect::<Vec<_>>().into()
            });
            object.into()
        });
    }

    fn header(&self, header: &pb::HeaderValue, reads: &Reads) -> Value {
        let pb::HeaderValue { key, value, raw_value } = header;
        let mut object = Object::new(reads);
        object.text(&self.names.key, key);
        object.text(&self.names.value, value);
        let raw_value = Some(raw_value).filter(|bytes| !bytes.is_empty());
        object.some(&self.names.raw_value, raw_value, |bytes, _| STANDARD.encode(bytes).into());
        object.into()
    }

    fn shows(&self, name: &str) -> bool {
        self.view.shows(name, self.input.credentials)
    }

    fn metadata(&self, metadata: &pb::Metadata, reads: &Reads) -> Result<Value, HopError> {
        let pb::Metadata { filter_metadata, typed_filter_metadata } = metadata;
        let names = self.names;
        let mut object = Object::new(reads);
        let filters = Some(filter_metadata).filter(|filters| !filters.is_empty());
        object.try_some(&names.filter_metadata, filters, |filters, reads| {
            try_map(filters, reads, |of, reads| structure(of, reads, STRUCT_DEPTH))
        })?;
        let typed = Some(typed_filter_metadata).filter(|filters| !filters.is_empty());
        object.some(&names.typed_filter_metadata, typed, |filters, reads| {
            map(filters, reads, |of, reads| {
                let mut object = Object::new(reads);
                object.text(&names.type_url, &of.type_url);
                let bytes = Some(&of.value).filter(|bytes| !bytes.is_empty());
                object.some(&names.value, bytes, |bytes, _| STANDARD.encode(bytes).into());
                object.into()
            })
        });
        Ok(object.into())
    }
}

fn structure(value: &prost_types::Struct, reads: &Reads, room: usize) -> Result<Value, HopError> {
    let room = room.checked_sub(1).ok_or(HopError::TooLarge("metadata.depth"))?;
    try_map(&value.fields, reads, |field, reads| json(field, reads, room))
}

fn json(value: &prost_types::Value, reads: &Reads, room: usize) -> Result<Value, HopError> {
    Ok(match &value.kind {
        Some(Kind::BoolValue(value)) => Value::from(*value),
        Some(Kind::NumberValue(value)) => number(*value),
        Some(Kind::StringValue(value)) => Value::from(value.as_str()),
        Some(Kind::ListValue(list)) => {
            let room = room.checked_sub(1).ok_or(HopError::TooLarge("metadata.depth"))?;
            let items = list.values.iter().map(|item| json(item, &Reads::all(), room));
            items.collect::<Result<Vec<_>, _>>()?.into()
        }
        Some(Kind::StructValue(value)) => structure(value, reads, room)?,
        Some(Kind::NullValue(_)) | None => Value::Null,
    })
}

/// A double as Go shows it: whole where it is whole, and in words where JSON has no number.
fn number(value: f64) -> Value {
    match value {
        value if value.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        value if value.fract() == 0.0 && value.abs() <= EXACT => Value::from(value as i64),
        value => value.into(),
    }
}

/// 2^53: up to here a double holds every integer.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What is left of the input's depth below a filter's metadata.
const STRUCT_DEPTH: usize = MAX_DEPTH - 4;

#[cfg(test)]
mod tests;
