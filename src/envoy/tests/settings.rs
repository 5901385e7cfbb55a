//! Each setting, by the smallest change that undoes it.

use super::*;

#[test]
fn finds_each_protection_that_is_taken_out() {
    let rows = [
        (PLAIN, "require_client_certificate", "tls.client_certificate"),
        (PLAIN, "disable_stateless_session", "tls.session_resumption"),
        (PLAIN, "disable_stateful_session", "tls.session_resumption"),
        (PLAIN, "normalize_path", "hcm.normalize_path"),
        (PLAIN, "merge_slashes", "hcm.merge_slashes"),
        (PLAIN, "path_with_escaped", "hcm.escaped_slashes"),
        (PLAIN, "allow_absolute_url", "hcm.absolute_url"),
        (PLAIN, "headers_with_underscores", "hcm.underscores"),
        (PLAIN, " max_stream_duration: 900s", "hcm.max_stream_duration"),
        (PLAIN, "max_connection_duration", "hcm.max_connection_duration"),
        (PLAIN, "use_remote_address", "hcm.remote_address"),
        (PLAIN, "transport_api_version", "ext_authz.api_version"),
        (PLAIN, " timeout: 0.25s", "ext_authz.timeout"),
        (PLAIN, "include_peer_certificate", "ext_authz.include_peer_certificate"),
        (PLAIN, "encode_raw_headers", "ext_authz.encode_raw_headers"),
        (PLAIN, "validate_mutations", "ext_authz.validate_mutations"),
        (PLAIN, "disallow_system", "ext_authz.mutation_rules"),
        (PLAIN, "allow_expression", "ext_authz.mutation_rules"),
        (PLAIN, "disallow_is_error", "ext_authz.mutation_rules"),
        (TCP, "include_peer_certificate", "tcp.include_peer_certificate"),
        (TCP, "max_downstream_connection_duration", "tcp.max_duration"),
        (TCP, "upstream_connect_mode", "tcp.connect_mode"),
        (TCP, "  timeout: 0.25s", "tcp.timeout"),
        (TCP, "require_client_certificate", "tls.client_certificate"),
        (EDGE, "remove: x-hop-purpose", "edge.headers"),
        (EDGE, "remove: txn-token", "edge.headers"),
        (EDGE, "remove_on_match", "edge.headers"),
        (EDGE, "headers_with_underscores", "hcm.underscores"),
        (EDGE, " max_stream_duration: 900s", "hcm.max_stream_duration"),
        (EDGE, "metadata: {filter_metadata", "ext_authz.missing"),
    ];
    for (source, text, code) in rows {
        assert_eq!(codes(&without(source, text)), [code], "without `{text}`");
    }
}

#[test]
fn finds_each_setting_that_undoes_hopguard() {
    let mode = "failure_mode_allow: false";
    let set = |field: &str| format!("{mode}\n                      {field}");
    let with_tls = |field: &str| format!("require_client_certificate: true\n              {field}");
    let client = "require_client_certificate: true";
    let roots = "validation_context_sds_secret_config:\n                  name: roots\n                  sds_config: {resource_api_version: V3, path_config_source: {path: /etc/envoy/plain-roots.yaml}}";
    let rules = "decoder_header_mutation_rules:";
    let xfcc = "forward_client_cert_details: SANITIZE_SET";
    let escaped = "path_with_escaped_slashes_action: REJECT_REQUEST";
    let service = "envoy_grpc: {cluster_name: hopguard, authority: hopguard}";
    let action = "cluster: workload\n                            timeout: 15s";
    let per_route = "match: {prefix: /}";
    let typed = "\"@type\": type.googleapis.com/envoy";
    let rows: Vec<(&str, String, &[&str])> = vec![
        (mode, "failure_mode_allow: true".into(), &["ext_authz.failure_mode_allow"]),
        // All that Envoy reads as true is true.
        (mode, "failureModeAllow: yes".into(), &["ext_authz.failure_mode_allow"]),
        (mode, "failure_mode_allow: \"true\"".into(), &["ext_authz.failure_mode_allow"]),
        (mode, "failure_mode_allow: {value: On}".into(), &["ext_authz.failure_mode_allow"]),
        (mode, "failure_mode_allow: whatever".into(), &["ext_authz.failure_mode_allow"]),
        (mode, "failure_mode_allow: null".into(), &[]),
        (mode, set("shadow_mode: true"), &["ext_authz.shadow_mode"]),
        (mode, set("enable_dynamic_metadata_ingestion: false"), &["ext_authz.dynamic_metadata"]),
        (mode, set("filter_enabled: {default_value: {numerator: 99}}"), &["ext_authz.filter_enabled"]),
        (mode, set("filter_enabled: {default_value: {numerator: 100, denominator: MILLION}}"), &["ext_authz.filter_enabled"]),
        (mode, set("filter_enabled: {default_value: {numerator: 100}}"), &[]),
        (mode, set("filter_enabled: {runtime_key: asked, default_value: {numerator: 100}}"), &["ext_authz.deny_at_disable"]),
        (
            mode,
            set("filter_enabled: {runtime_key: a, default_value: {numerator: 100}}\n                      deny_at_disable: {default_value: true}"),
            &[],
        ),
        (mode, set("filter_enabled_metadata: {filter: x}"), &["ext_authz.filter_enabled"]),
        (mode, set("with_request_body: {max_request_bytes: 1024}"), &["ext_authz.with_request_body"]),
        (mode, set("http_service: {server_uri: {uri: a}}"), &["ext_authz.http_service"]),
        (mode, set("allowed_headers: {patterns: [{prefix: x-}]}"), &["ext_authz.allowed_headers"]),
        (mode, set("allowed_headers: {patterns: [{safe_regex: {regex: \".*\"}}]}"), &[]),
        (mode, set("allowed_headers: {patterns: [{safe_regex: {regex: \".{1,40}\"}}]}"), &["ext_authz.allowed_headers"]),
        (mode, set("allowed_headers: {}"), &["ext_authz.allowed_headers"]),
        (mode, set("disallowed_headers: {patterns: [{exact: Authorization, ignore_case: true}]}"), &["ext_authz.disallowed_headers"]),
        (mode, set("disallowed_headers: {patterns: [{exact: x-secret}]}"), &[]),
        ("clear_route_cache: false", "clear_route_cache: true".into(), &["ext_authz.clear_route_cache"]),
        ("{code: ServiceUnavailable}", "{code: OK}".into(), &["ext_authz.status_on_error"]),
        ("{code: ServiceUnavailable}", "{code: 204}".into(), &["ext_authz.status_on_error"]),
        ("{code: ServiceUnavailable}", "{code: 503}".into(), &[]),
        (service, "envoy_grpc: {cluster_name: hopguard}".into(), &[]),
        (service, "envoy_grpc: {cluster_name: \"outbound|9000||authz.foo\"}".into(), &["ext_authz.authority"]),
        (service, "envoy_grpc: {cluster_name: \"outbound|9000||authz.foo\", authority: authz.local}".into(), &[]),
        (service, "envoy_grpc: {cluster_name: a/b}".into(), &["ext_authz.authority"]),
        (service, "envoy_grpc: {cluster_name: \"unix:/run/a.sock\"}".into(), &["ext_authz.authority"]),
        (service, "envoy_grpc: {cluster_name: an authorizer}".into(), &["ext_authz.authority"]),
        (service, "envoy_grpc: {cluster_name: wächter}".into(), &["ext_authz.authority"]),
        (service, "envoy_grpc: {cluster_name: \"authz:9000\"}".into(), &[]),
        ("timeout: 0.25s", "timeout: 0.1s".into(), &["ext_authz.timeout"]),
        ("timeout: 0.25s", "timeout: 0s".into(), &["ext_authz.timeout"]),
        ("timeout: 0.25s", "timeout: {nanos: 250000000}".into(), &[]),
        (rules, format!("{rules}\n                        disallow_all: true"), &["ext_authz.mutation_rules"; 2]),
        ("\"^(x-forwarded-.*|", "\"^(x-.*|x-forwarded-.*|".into(), &["ext_authz.mutation_rules"; 2]),
        (client, "require_client_certificate: false".into(), &["tls.client_certificate"]),
        (client, with_tls("session_timeout: 60s"), &[]),
        (roots, "validation_context: {}".into(), &["tls.validation_context"]),
        (roots, "validation_context: {trusted_ca: {filename: /r.pem}}".into(), &[]),
        (
            roots,
            "validation_context: {trusted_ca: {filename: /r.pem}, trust_chain_verification: ACCEPT_UNTRUSTED}".into(),
            &["tls.accept_untrusted"],
        ),
        (
            roots,
            "combined_validation_context: {default_validation_context: {trust_chain_verification: 1}, validation_context_sds_secret_config: {name: roots}}".into(),
            &["tls.accept_untrusted"],
        ),
        (
            roots,
            "validation_context: {trusted_ca: {filename: /r.pem}, allow_expired_certificate: true}".into(),
            &["tls.allow_expired"],
        ),
        ("          transport_socket:\n", "          other_socket:\n".into(), &["tls.missing"]),
        (xfcc, "forward_client_cert_details: SANITIZE".into(), &[]),
        (xfcc, "forward_client_cert_details: FORWARD_ONLY".into(), &["hcm.xfcc"]),
        (xfcc, "forwardClientCertDetails: append_forward".into(), &["hcm.xfcc"]),
        (xfcc, "forward_client_cert_details: 4".into(), &["hcm.xfcc"]),
        ("normalize_path: true", "normalize_path: false".into(), &["hcm.normalize_path"]),
        (escaped, "path_with_escaped_slashes_action: KEEP_UNCHANGED".into(), &["hcm.escaped_slashes"]),
        (escaped, "path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT".into(), &[]),
        ("REJECT_REQUEST\n                  # An", "DROP_HEADER\n                  # An".into(), &[]),
        ("REJECT_REQUEST\n                  # An", "ALLOW\n                  # An".into(), &["hcm.underscores"]),
        ("max_connection_duration: 900s", "max_connection_duration: 0s".into(), &["hcm.max_connection_duration"]),
        (" max_stream_duration: 900s", " max_stream_duration: 901s".into(), &["hcm.max_stream_duration"]),
        (" max_stream_duration: 900s", " max_stream_duration: {seconds: 60}".into(), &[]),
        ("{max_stream_duration: 900s}", "{max_stream_duration: 0s}".into(), &["route.max_stream_duration"; 2]),
        ("{max_stream_duration: 900s}", "{grpc_timeout_header_max: 0s}".into(), &["route.max_stream_duration"; 2]),
        ("{max_stream_duration: 900s}", "{}".into(), &[]),
        (action, format!("{action}\n                            prefix_rewrite: /x"), &["route.rewrite"]),
        (
            per_route,
            format!("{per_route}\n                          request_headers_to_add: [{{header: {{key: X-Hopguard-Peer, value: me}}}}]"),
            &["route.headers"],
        ),
        (
            per_route,
            format!("{per_route}\n                          typed_per_filter_config: {{envoy.filters.http.ext_authz: {{{typed}.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, disabled: true}}}}"),
            &["ext_authz.per_route_disabled"],
        ),
        (
            per_route,
            format!("{per_route}\n                          typedPerFilterConfig: {{envoy.filters.http.ext_authz: {{{typed}.config.route.v3.FilterConfig, disabled: true}}}}"),
            &["ext_authz.per_route_disabled"],
        ),
        (
            per_route,
            format!("{per_route}\n                          typed_per_filter_config: {{other: {{{typed}.config.route.v3.FilterConfig, disabled: true}}}}"),
            &[],
        ),
        (
            per_route,
            format!("{per_route}\n                          typed_per_filter_config: {{a: {{\"@type\": x/xds.type.v3.TypedStruct, type_url: x/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, value: {{check_settings: {{http_service: {{path_prefix: /x}}}}}}}}}}"),
            &["ext_authz.http_service"],
        ),
        (
            "                  - name: envoy.filters.http.ext_authz\n",
            format!("                  - {{name: lua, typed_config: {{{typed}.extensions.filters.http.lua.v3.Lua}}}}\n                  - name: envoy.filters.http.ext_authz\n"),
            &["ext_authz.order"],
        ),
        (
            "                  - name: envoy.filters.http.router\n",
            format!("                  - {{name: lua, typed_config: {{{typed}.extensions.filters.http.lua.v3.Lua}}}}\n                  - name: envoy.filters.http.router\n"),
            &["ext_authz.order"],
        ),
        (
            "                  - name: envoy.filters.http.router\n",
            "                  - {name: own, typed_config: {\"@type\": a/example.Rewrite}}\n                  - name: envoy.filters.http.router\n".into(),
            &["ext_authz.order"],
        ),
        (
            "                  - name: envoy.filters.http.router\n",
            format!("                  - {{name: rbac, typed_config: {{{typed}.extensions.filters.http.rbac.v3.RBAC}}}}\n                  - name: envoy.filters.http.router\n"),
            &[],
        ),
        (
            "                  - name: envoy.filters.http.ext_authz\n",
            format!("                  - {{name: lua, typed_config: {{{typed}.extensions.common.matching.v3.ExtensionWithMatcher, extension_config: {{name: lua, typed_config: {{{typed}.extensions.filters.http.lua.v3.Lua}}}}}}}}\n                  - name: envoy.filters.http.ext_authz\n"),
            &["ext_authz.order"],
        ),
        (
            "                  - name: envoy.filters.http.router\n",
            format!("                  - {{name: rbac, typed_config: {{{typed}.extensions.common.matching.v3.ExtensionWithMatcher, extension_config: {{name: rbac, typed_config: {{{typed}.extensions.filters.http.rbac.v3.RBAC}}}}}}}}\n                  - name: envoy.filters.http.router\n"),
            &[],
        ),
        (
            per_route,
            format!("{per_route}\n                          request_headers_to_add: [{{header: {{key: Txn_Token, value: \"%REQ(x)%\"}}}}]"),
            &["route.headers"],
        ),
        (
            per_route,
            format!("{per_route}\n                          request_headers_to_add: [{{header: {{key: Authorization, value: own}}}}]"),
            &[],
        ),
        ("route_config:\n", "route_config:\n                  vhds: {}\n".into(), &["route.unseen"]),
        ("- name: envoy.filters.http.ext_authz\n", "- disabled: true\n".into(), &["ext_authz.disabled"]),
        ("- name: envoy.filters.http.ext_authz\n", "- is_optional: true\n".into(), &["ext_authz.optional"]),
        ("upgrade_type: websocket", "upgrade_type: websocket, filters: [{name: router}]".into(), &["ext_authz.missing"]),
        ("route_config:\n", "other_config:\n".into(), &["route.unseen"]),
        (
            "{socket_address: {address: 127.0.0.1, port_value: 9901}}",
            "{socket_address: {address: 0.0.0.0, port_value: 9901}}".into(),
            &["admin.exposed"],
        ),
    ];
    for (from, to, expected) in rows {
        assert_eq!(codes(&changed(PLAIN, from, &to)), expected, "`{from}` to `{to}`");
    }
}

#[test]
fn broken_versions_and_rules_are_found() {
    assert_eq!(codes(&changed(PLAIN, "_version: TLSv1_2", "_version: TLSv1_1")), ["tls.version"]);
    assert_eq!(codes(&changed(PLAIN, "_version: TLSv1_2", "_version: 3")), [""; 0]);
    let rules = "decoder_header_mutation_rules:";
    let routing = format!("{rules}\n                        allow_all_routing: true");
    assert_eq!(codes(&changed(PLAIN, rules, &routing)), ["ext_authz.mutation_rules"]);
}
