//! The constant names of the input's fields, made once in each thread: a field costs no allocation, and threads share no counters.

use crate::policy::engine::Value;

/// The name of a field.
pub(super) struct Name {
    text: &'static str,
    key: Value,
}

impl Name {
    fn new(text: &'static str) -> Self {
        Self { text, key: text.into() }
    }

    pub(super) const fn text(&self) -> &'static str {
        self.text
    }

    pub(super) fn key(&self) -> Value {
        self.key.clone()
    }
}

macro_rules! names {
    ($($field:ident $text:literal)*) => {
        /// Every constant name.
        pub(super) struct Names {
            $(pub(super) $field: Name,)*
            /// The value of `version`.
            pub(super) v3: Value,
        }

        impl Names {
            fn new() -> Self {
                Self { $($field: Name::new($text),)* v3: v3() }
            }
        }
    };
}

names! {
    activation "activation"
    actor "actor"
    address "address"
    approver "approver"
    assurance "assurance"
    attributes "attributes"
    audience "audience"
    audiences "audiences"
    binding "binding"
    body "body"
    certificate "certificate"
    chain "chain"
    claims "claims"
    context_extensions "contextExtensions"
    destination "destination"
    effective "effective"
    endpoint_id "endpointId"
    envoy_internal_address "envoyInternalAddress"
    expires "expires"
    expires_at "expires_at"
    facts "facts"
    filter_metadata "filterMetadata"
    fingerprint "fingerprint"
    fragment "fragment"
    grant "grant"
    grants "grants"
    header_map "headerMap"
    headers "headers"
    hop "hop"
    host "host"
    http "http"
    id "id"
    ipv4_compat "ipv4Compat"
    issuer "issuer"
    key "key"
    kind "type"
    labels "labels"
    metadata_context "metadataContext"
    method "method"
    mode "mode"
    name "name"
    named_port "namedPort"
    nanos "nanos"
    network_namespace_filepath "networkNamespaceFilepath"
    not_after "not_after"
    not_before "not_before"
    now "now"
    owner "owner"
    parsed_body "parsed_body"
    parsed_path "parsed_path"
    parsed_query "parsed_query"
    path "path"
    peer "peer"
    pipe "pipe"
    port "port"
    port_value "portValue"
    principal "principal"
    protocol "protocol"
    purpose "purpose"
    query "query"
    raw_body "rawBody"
    raw_value "rawValue"
    reason "reason"
    request "request"
    requested_by "requested_by"
    resolver_name "resolverName"
    resource "resource"
    roles "roles"
    route_metadata_context "routeMetadataContext"
    scheme "scheme"
    seconds "seconds"
    sensitivity "sensitivity"
    serial "serial"
    server_listener_name "serverListenerName"
    service "service"
    size "size"
    sni "sni"
    socket_address "socketAddress"
    source "source"
    source_principal "source_principal"
    spiffe_id "spiffe_id"
    stale_facts "stale_facts"
    subject "subject"
    this "self"
    ticket "ticket"
    time "time"
    tls_session "tlsSession"
    tokens "tokens"
    truncated_body "truncated_body"
    trust_domain "trust_domain"
    type_url "typeUrl"
    typed_filter_metadata "typedFilterMetadata"
    until "until"
    upgrade "upgrade"
    value "value"
    version "version"
}

/// Lends the names of this thread.
pub(super) fn with<T>(borrow: impl FnOnce(&Names) -> T) -> T {
    thread_local! {
        static NAMES: Names = Names::new();
    }
    NAMES.with(borrow)
}

/// As the plugin says of itself, although its timestamps and enumerations are no longer those of proto JSON.
fn v3() -> Value {
    let fields = [("ext_authz", "v3"), ("encoding", "protojson")];
    fields
        .into_iter()
        .map(|(name, text)| (name.into(), text.into()))
        .collect::<std::collections::BTreeMap<_, _>>()
        .into()
}
